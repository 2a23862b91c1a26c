//! The fake Stripe's own behavior, over the wire: what adapters are tested
//! against must itself be held to something.
#![cfg(feature = "fakes")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod bench;
mod checkout;
mod faults;
mod lists;
mod plans;
mod standing;
mod webhooks;
