//! The fake Paddle, met over HTTP as an adapter meets it.
#![cfg(feature = "fakes")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

mod change;
mod checkout;
mod life;
mod shop;
mod told;
