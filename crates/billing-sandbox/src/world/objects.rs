//! The objects that the sandbox keeps. Plain values, stored as they are.

use std::collections::BTreeMap;

use billing_domain::effect::{OpenCheckout, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::{CheckoutId, CustomerId, InvoiceId};
use billing_domain::invoice::{Conversion, Purpose};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Period, Timestamp};
use serde::{Deserialize, Serialize};

use super::Back;
use crate::card::TestCard;

/// The last number drawn for each kind of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) customers: u64,
    pub(crate) checkouts: u64,
    pub(crate) subscriptions: u64,
    pub(crate) invoices: u64,
    pub(crate) payments: u64,
    pub(crate) events: u64,
}

impl Counters {
    pub(crate) const NONE: Self = Self {
        customers: 0,
        checkouts: 0,
        subscriptions: 0,
        invoices: 0,
        payments: 0,
        events: 0,
    };
}

/// Somebody who pays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    /// The customer id that was carried here.
    pub(crate) ours: CustomerId,
    pub(crate) email: Option<String>,
    /// The saved card. `None`: none was ever kept.
    pub(crate) card: Option<TestCard>,
    /// What is the customer's, by currency, in minor units above zero; later
    /// invoices of our own schedule take from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) credit: BTreeMap<Currency, i64>,
}

/// A page where something is bought.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Checkout {
    pub(crate) id: String,
    pub(crate) order: OpenCheckout,
    /// How the price is collected in another currency. `None`: as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversion: Option<Conversion>,
    pub(crate) state: CheckoutState,
    /// A card that waits for its 3-D Secure confirmation.
    pub(crate) confirming: Option<Confirming>,
    /// The instant of the last change.
    pub(crate) stamp: Timestamp,
}

/// How far a checkout has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum CheckoutState {
    Open,
    Completed {
        customer: String,
        /// `None`: nothing was owed today.
        payment: Option<String>,
        /// `None`: nothing recurs on our schedule.
        subscription: Option<String>,
    },
    Expired {
        canceled: bool,
    },
}

/// A card that waits for its 3-D Secure confirmation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Confirming {
    pub(crate) card: TestCard,
    pub(crate) email: Option<String>,
}

/// A subscription on our own schedule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) ours: CustomerId,
    pub(crate) checkout: CheckoutId,
    pub(crate) description: String,
    pub(crate) amount: Money,
    pub(crate) quantity: u32,
    pub(crate) price_ref: Option<String>,
    pub(crate) interval: Interval,
    /// Period bounds hang on this instant.
    pub(crate) anchor: Timestamp,
    /// The number of the period that is charged next.
    pub(crate) next: u32,
    /// When it is charged.
    pub(crate) charge_at: Timestamp,
    /// The current period; during a trial, the trial.
    pub(crate) period: Period,
    pub(crate) trial_end: Option<Timestamp>,
    /// When it will be canceled, if that was asked.
    pub(crate) cancel_at: Option<Timestamp>,
    /// What it costs from the next period on. `None`: what it costs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_come: Option<Costs>,
    pub(crate) phase: Phase,
    /// The instant of the last change.
    pub(crate) stamp: Timestamp,
}

/// What a subscription costs, and what that is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Costs {
    pub(crate) description: String,
    pub(crate) amount: Money,
    pub(crate) quantity: u32,
    pub(crate) price_ref: String,
    pub(crate) interval: Interval,
}

/// How a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(crate) enum Phase {
    Trialing,
    Active,
    PastDue {
        /// What is owed.
        invoice: String,
        /// When the first attempt failed.
        since: Timestamp,
        /// How many attempts have failed.
        failures: u8,
        /// When the card is tried again.
        retry_at: Timestamp,
    },
    Paused,
    Canceled {
        at: Timestamp,
    },
}

/// What is owed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) ours: CustomerId,
    /// What is left to pay, in the currency of the price.
    pub(crate) amount: Money,
    /// What was taken off it from the customer's credit, in minor units.
    #[serde(default)]
    pub(crate) drawn: i64,
    /// How it is collected in another currency. `None`: as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversion: Option<Conversion>,
    pub(crate) description: String,
    pub(crate) purpose: InvoiceFor,
    pub(crate) state: InvoiceState,
    /// How often the saved card was declined for it.
    pub(crate) failures: u8,
    pub(crate) confirming: Option<Confirming>,
    /// When it was made. `None`: before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opened_at: Option<Timestamp>,
    /// The instant of the last change.
    pub(crate) stamp: Timestamp,
}

/// Who asked for an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(crate) enum InvoiceFor {
    /// The engine did, under its own id.
    Engine { invoice: InvoiceId },
    /// Our own schedule did.
    Period {
        subscription: String,
        period: Period,
        checkout: CheckoutId,
        /// `None`: from books that did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
    },
}

/// How an invoice stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum InvoiceState {
    Open,
    Paid {
        /// `None`: nothing was left to pay.
        payment: Option<String>,
    },
    Void,
}

/// Money that moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) customer: CustomerId,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
    /// The checkout or invoice that was paid.
    pub(crate) paid_for: String,
    /// What went back of it, or is contested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) back: Vec<Back>,
}

/// An order that was performed, kept so that its repetition gives the same answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) key: String,
    pub(crate) order: Order,
    pub(crate) outcome: Outcome,
    /// How often it arrived.
    pub(crate) times: u32,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done { facts: Vec<Observed> },
    Refused { code: String, message: String },
}

impl Outcome {
    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Refused {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl Checkout {
    /// What the buyer pays with: the price, or what is collected for it.
    pub(crate) fn collected(&self) -> Money {
        let conversion = self.conversion.as_ref();
        conversion.map_or(self.order.amount, |conversion| conversion.collected)
    }
}

impl Invoice {
    /// What is paid with: what is owed, or what is collected for it.
    pub(crate) fn collected(&self) -> Money {
        let conversion = self.conversion.as_ref();
        conversion.map_or(self.amount, |conversion| conversion.collected)
    }
}

impl Subscription {
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Canceled { .. })
    }
}
