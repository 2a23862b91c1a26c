//! Rates, met over HTTP: every source, and how far each is believed.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

mod believed;
mod kept;
mod sources;
mod world;
