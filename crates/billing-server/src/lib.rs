//! The deployable: configuration, wiring, HTTP API, pages and command line.
