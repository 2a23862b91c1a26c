//! The fake BTCPay Server, met over HTTP as an adapter meets it.
#![cfg(feature = "fakes")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

mod calls;
mod life;
mod refunds;
mod sent;
mod shop;
mod told;
