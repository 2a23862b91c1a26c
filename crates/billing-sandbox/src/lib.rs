//! The built-in provider for development, demos and tests.
