//! The engine inside another application: its object, and its routes.

mod example;
mod mounted;
