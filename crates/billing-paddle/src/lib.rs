//! Paddle Billing as a payment provider: client, wire shapes, webhooks.
//!
//! Paddle is the merchant of record and runs the schedule: it charges, retries,
//! taxes and approves refunds. What a snapshot of it means is told in our facts;
//! nothing is decided here. Three things are peculiar to it:
//!
//! - **It has no idempotency keys.** Every transaction that we make carries the
//!   key of its effect in `custom_data.intent`, and is looked for before it is
//!   made. A change of a subscription is compared with what is there first.
//! - **It has no deferred change.** What is to come with the next period is put
//!   in place at once without billing, and a note in `custom_data` says what is
//!   paid for until when: until then, the paid price is what a snapshot tells.
//! - **A new period is no proof of payment.** A renewal shows the new period as
//!   active before its money is there, so an active subscription is read together
//!   with its transactions, and told as paid as far as those are completed.
//!
//! Amounts are what the buyer is charged, tax included: what a quote says is what
//! the card pays, and refunds are measured against the same.

mod alone;
mod api_error;
mod client;
mod correlation;
mod decoder;
mod deferred;
mod doctor;
mod list;
mod map;
mod money;
mod options;
mod perform;
mod portal;
mod preview;
mod provider;
mod resume;
mod seal;
mod sign;
mod trial;
mod wire;

pub use decoder::PaddleDecoder;
pub use doctor::HANDLED_EVENTS;
pub use options::{DEFAULT_TOLERANCE, LIVE_URL, Mode, OptionsError, PaddleOptions, SANDBOX_URL};
pub use provider::Paddle;
pub use sign::SIGNATURE_HEADER;

#[cfg(test)]
mod tests;
