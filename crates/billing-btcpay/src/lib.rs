//! BTCPay Server as a payment provider: client of its Greenfield API, wire shapes,
//! webhooks.
//!
//! BTCPay collects bitcoin and knows nothing of subscriptions: the engine runs the
//! schedule, and orders each invoice by itself. What an invoice of BTCPay's says is
//! told in our facts; nothing is decided here. Four things are peculiar to it:
//!
//! - **It has no idempotency keys**, and makes two invoices for one order without a
//!   word. Every invoice that is made carries the key of its effect as its `orderId`,
//!   which BTCPay keeps an index of, and is looked for before it is made.
//! - **What is stored is what is collected.** A price in another currency is converted
//!   here, once, at a rate that is kept with the invoice in its metadata; BTCPay is
//!   asked for that many satoshi. A price in satoshi goes as it stands. Without a rate
//!   nobody is charged.
//! - **Its webhooks say neither status nor amount.** Each is a hint at its invoice,
//!   which is read. Not every change has one, so open invoices are read besides.
//! - **A transaction takes time.** It may come in parts, late, twice or not be confirmed:
//!   what has settled is told, payment by payment, and the rest is not.
//!
//! An invoice that the engine takes back is marked invalid, with a note in its
//! metadata: who pays it all the same is told, and nobody's money is lost sight of.

mod api_error;
mod claimed;
mod client;
mod correlation;
mod decimal;
mod decoder;
mod doctor;
mod facts;
mod listed;
mod options;
mod payments;
mod perform;
mod provider;
mod pulls;
mod refunds;
mod seal;
mod wire;

pub use decoder::{BtcPayDecoder, SIGNATURE_HEADER};
pub use doctor::{HANDLED_EVENTS, PAYOUT_EVENTS};
pub use options::{
    BtcPayOptions, DEFAULT_CHANGE_LIFETIME, DEFAULT_CHECKOUT_LIFETIME, DEFAULT_INVOICE_LIFETIME,
    DEFAULT_MONITORING, OptionsError, SpeedPolicy,
};
pub use provider::BtcPay;

#[cfg(test)]
mod tests;
