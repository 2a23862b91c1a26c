//! Stripe as a payment provider that runs its own schedule.
//!
//! What happens when an order is performed:
//!
//! 1. `act` decides which calls it takes, and reads what it has to know first.
//! 2. `forms` says each call in Stripe's words, with the request types of the
//!    `async-stripe` crates; those only encode here.
//! 3. [`Stripe`]'s client sends it under our own idempotency key and in one pinned
//!    version of the interface, and tells a refusal from an outcome nobody knows.
//! 4. The answer is read into small tolerant shapes (`wire`), and told as facts
//!    (`facts`), by Stripe's clock.
//!
//! Each call is held, name by name and value by value, against what Stripe's own SDK
//! sends for the same (`tests/it/recorded`).
//!
//! What happens when a webhook arrives: [`StripeDecoder`] verifies and reads it in
//! one step. A body in the pinned version is told as it stands; of any other only a
//! hint is taken, and the object is read.
//!
//! It deliberately knows no store, no engine, and nothing of how often a call is
//! tried again after it has given up.

mod act;
mod amount;
mod call;
mod client;
mod decoder;
mod doctor;
mod facts;
mod failure;
mod forms;
mod options;
mod provider;
mod sign;
mod wire;

pub use decoder::{HANDLED_EVENTS, StripeDecoder};
pub use options::{
    API_RELEASE, API_VERSION, DEFAULT_BASE_URL, MissingMethod, Mode, OPERATOR_MAX_CHARS,
    PauseStyle, StripeOptions, StripeOptionsError, TrialStyle,
};
pub use provider::Stripe;
pub use sign::{SIGNATURE_HEADER, TIMESTAMP_TOLERANCE};
