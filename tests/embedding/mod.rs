//! The engine inside another application: its object, and its routes.

mod adapters;
mod example;
mod gated;
mod mounted;
