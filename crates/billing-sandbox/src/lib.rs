//! The built-in payment provider for development, demos and tests.
//!
//! A whole provider that works offline: hosted pages with test cards, saved
//! cards, subscriptions on its own schedule or invoices on the engine's, signed
//! webhooks with retries, a movable clock, and faults on demand. It keeps its
//! books in a file of its own, as a real provider would, or in memory alone.
//!
//! What happens when a buyer pays:
//!
//! 1. [`Sandbox`] performs an order to open a checkout and answers with a page.
//! 2. The buyer submits a test card there ([`routes`], or [`Sandbox::pay`] in a test).
//! 3. The world changes, the books are written, events wait to be sent.
//! 4. [`Sandbox::pump`] signs them and hands them to a [`WebhookSink`].
//! 5. [`SandboxDecoder`] verifies and reads them on the other side.
//!
//! It deliberately knows neither the engine nor the engine's store, and must
//! never run beside a live provider by accident: see [`guard`].

mod books;
mod card;
mod clock;
mod decoder;
mod fault;
mod guard;
mod options;
mod pages;
mod provider;
mod pump;
mod sandbox;
mod sign;
mod sink;
mod store;
mod world;

#[cfg(test)]
mod tests;

pub use books::{
    BackEntry, Books, CallEntry, CheckoutEntry, CustomerEntry, EventEntry, InvoiceEntry,
    PaymentEntry, SubscriptionEntry,
};
pub use card::TestCard;
pub use clock::{ClockError, SandboxClock};
pub use decoder::SandboxDecoder;
pub use fault::{Fault, FaultPlan, FaultRates};
pub use guard::{GuardError, guard};
pub use options::{Mode, SandboxOptions, Settlement};
pub use pages::routes;
pub use pump::Pumped;
pub use sandbox::{OpenError, Sandbox};
pub use sign::{SIGNATURE_HEADER, TIMESTAMP_TOLERANCE};
pub use sink::{FnSink, HttpSink, SinkError, WebhookSink};
pub use store::BooksError;
pub use world::{EventState, Paying};
