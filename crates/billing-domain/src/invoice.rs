//! Invoices: what is owed, for one purpose. Knows nothing of how it is paid.

mod apportioned;
mod awaited;
mod forgone;
mod promised;
mod returned;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::ids::{ChangeId, CheckoutId, InvoiceId, ParkedId, SubscriptionId};
use crate::line::Line;
use crate::money::{Currency, Money, MoneyError};
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
use crate::time::{Period, Timestamp};

pub use awaited::{Awaited, Said};
pub use forgone::Forgone;
pub use promised::{RefundPromise, Sent};
pub use returned::{ReturnKind, Returned};

/// What is owed, for one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Our id.
    pub id: InvoiceId,
    /// What is paid for.
    pub purpose: Purpose,
    /// The subscription it belongs to. `None` when it belongs to none (yet).
    pub subscription: Option<SubscriptionId>,
    /// The provider's id of the subscription that its provider made it for: what
    /// ties it to ours, however late that is heard of. `None`: it is ours, it is for
    /// no subscription, or it was kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_ref: Option<String>,
    /// The checkout it was paid through, if any.
    pub checkout: Option<CheckoutId>,
    /// Where it is paid.
    pub provider: Option<ProviderAccount>,
    /// The provider's id. `None` until it has answered.
    pub reference: Option<String>,
    /// Who made the invoice: the engine, or a provider whose books we mirror.
    pub issuer: Issuer,
    /// What is owed, net: the sum of the lines.
    pub amount: Money,
    /// What it is made of. Empty: a provider states it, without saying how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// What is collected instead where the provider takes another currency.
    /// `None`: the amount itself, or the provider has not answered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// The change it pays for, if it pays for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeId>,
    /// The time it pays for. `None` for things without a period.
    pub period: Option<Period>,
    /// The subscription's cycle it pays for. Only ever grows, per subscription.
    pub cycle: Option<u32>,
    /// How often this cycle has been quoted to the provider, from 1.
    pub attempt: u32,
    /// Where the buyer pays. `None` until the provider has made a page.
    pub pay_url: Option<String>,
    /// When its newest page was first seen to be open. `None`: no provider of ours has made
    /// one yet, or it was kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paged_at: Option<Timestamp>,
    /// While nobody could pay it.
    #[serde(default, skip_serializing_if = "Unpayable::is_never")]
    pub unpayable: Unpayable,
    /// The provider's ids of pages where money was seen that was not confirmed in time:
    /// a person was asked about each. Empty: nobody was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<String>,
    /// What was last told of the money at each of its pages, where anything was. Empty:
    /// none is on its way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<Awaited>,
    /// How its subscription stood when a cancellation gave up its cycle. `None`: none did,
    /// or it was kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgone: Option<Box<Forgone>>,
    /// What was told of it and not understood, with the object that it was told of: a
    /// person was asked about each. Empty: nobody was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
    /// How far it has come.
    pub state: InvoiceState,
    /// What a person at the provider said of payments that nobody had told of by then.
    /// Empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Said>,
    /// Every payment that was seen for it, credited or not.
    pub payments: Vec<Payment>,
    /// What went back of them, or is contested, by the provider's ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<Returned>,
    /// What was promised back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promised: Vec<RefundPromise>,
    /// Whether it was told that a provider failed to collect it, and nothing has come
    /// of it since. Always `false` for one that is not open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// How often its provider has tried to collect it, as it last said. `None`: it does not
    /// say, it is the engine that has it collected, or the invoice is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
    /// When its provider last said so, by its clock. `None`: it never did, or not to a
    /// version that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// What waits for a person since its provider refused to make it, or did not answer for
    /// so long that it was given up. `None`: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<ParkedId>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// How often a provider has tried to collect an invoice by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// How often, in vain.
    pub times: u32,
    /// When it tries again. `None`: it does not, or does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// While an invoice could not be paid anywhere, after it first could: its page had
/// closed, and no other was made yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpayable {
    /// Since when it cannot be paid. `None`: it can, or never could yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// For how long it could not before, in all, while it was due.
    #[serde(default, skip_serializing_if = "SignedDuration::is_zero")]
    pub before: SignedDuration,
    /// When its newest page was made known. `None`: its first page is its only one, or it
    /// was kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
}

impl Unpayable {
    /// Whether it could be paid ever since it first could.
    #[must_use]
    pub fn is_never(&self) -> bool {
        *self == Self::default()
    }
}

/// What an invoice pays for; decides what its settlement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The first payment of a subscription.
    Purchase,
    /// A further cycle of a subscription.
    Renewal,
    /// Something bought once.
    OneTime,
    /// A change of plan, price or quantity.
    Change,
    /// Use beyond what was included, in a period that is over.
    Usage,
}

/// An amount as a provider collects it in another currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// What is owed, in the currency of the price.
    pub listed: Money,
    /// What is collected for it.
    pub collected: Money,
    /// The rate: so many minor units of the listed currency for
    /// [`Conversion::RATE_UNIT`] minor units of the other.
    pub rate: u64,
    /// Who says so.
    pub source: String,
    /// When it was so.
    pub at: Timestamp,
}

impl Conversion {
    /// A rate is stated for so many minor units of what is collected: for 100
    /// million satoshi, which is one bitcoin.
    pub const RATE_UNIT: i64 = 100_000_000;

    /// `listed` at `rate`, rounded once, half away from zero.
    ///
    /// # Errors
    ///
    /// [`MoneyError::NoDenominator`] for a rate of zero, [`MoneyError::OutOfRange`]
    /// when it does not fit.
    pub fn at_rate(
        listed: Money,
        rate: u64,
        into: Currency,
        source: &str,
        at: Timestamp,
    ) -> Result<Self, MoneyError> {
        let rate_wide = i64::try_from(rate).map_err(|_too_large| MoneyError::OutOfRange)?;
        let collected = listed.share_half_away_from_zero(Self::RATE_UNIT, rate_wide)?;
        Ok(Self {
            listed,
            collected: Money::new(collected.amount, into),
            rate,
            source: source.to_owned(),
            at,
        })
    }
}

/// Who made an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// We did; the provider only collects.
    Engine,
    /// The provider did; we mirror it.
    Provider,
}

/// How far an invoice has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InvoiceState {
    /// Owed.
    Open,
    /// Paid.
    Settled {
        /// When, by the provider's clock.
        at: Timestamp,
    },
    /// No longer owed.
    Void {
        /// Since when.
        at: Timestamp,
    },
}

/// A payment that was seen for an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The provider's id of the payment: one payment is credited once.
    pub reference: String,
    /// What was paid.
    pub amount: Money,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// Whether it settled the invoice. A payment that did not is parked.
    pub credited: bool,
    /// What of it went to the customer's balance, in the currency of the price.
    /// `None`: nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_balance: Option<Money>,
    /// What of that was taken off the balance again, because it went back.
    /// `None`: nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_balance: Option<Money>,
    /// The provider's ids of what it is made of: none of them counts by itself. Empty:
    /// it is one by its own name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// The provider's id of the page that it came to. `None`: it is not said, or it was
    /// kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// What was set aside for a person with it, while that waits. `None`: nothing, or it
    /// has been solved since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<ParkedId>,
    /// When a person at the provider last said that it holds, or that it does not, by
    /// the provider's clock. `None`: nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Timestamp>,
}

impl Payment {
    /// Whether it goes by this name, or is made of what does.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.reference == name || self.parts.iter().any(|part| part == name)
    }
}

impl Invoice {
    /// Whether it is still owed.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, InvoiceState::Open)
    }

    /// Whether it pays for a further cycle of a subscription.
    #[must_use]
    pub const fn is_renewal(&self) -> bool {
        matches!(self.purpose, Purpose::Renewal)
    }

    /// What has to be paid: the amount, or what a provider collects for it.
    #[must_use]
    pub fn collected(&self) -> Money {
        self.conversion
            .as_ref()
            .map_or(self.amount, |conversion| conversion.collected)
    }

    /// Whether this payment has been seen before, by itself or as a part of another.
    #[must_use]
    pub fn has_payment(&self, reference: &str) -> bool {
        self.payments.iter().any(|payment| payment.has(reference))
    }

    /// Whether this is a payment that was set aside before, with more that has come since.
    pub(crate) fn is_outgrown_by(&self, paid: &Payment) -> bool {
        let mut aside = self.payments.iter().filter(|held| !held.credited);
        let held = aside.find(|held| held.reference == paid.reference);
        held.is_some_and(|held| {
            let is_new = |part: &String| !held.parts.contains(part);
            let same = held.amount.currency == paid.amount.currency;
            let known = !held.parts.is_empty();
            known
                && same
                && held.amount.amount < paid.amount.amount
                && paid.parts.iter().any(is_new)
        })
    }

    /// Its payments at the provider, where they go by names of their own.
    pub(crate) fn payment_refs(&self) -> impl Iterator<Item = ProviderRef> {
        let payments = self.payments.iter().map(|payment| &payment.reference);
        let other = payments.filter(|name| self.reference.as_ref() != Some(*name));
        other.filter_map(|name| {
            Some(ProviderRef {
                account: self.provider.clone()?,
                kind: RefKind::Payment,
                id: name.clone(),
            })
        })
    }

    /// Its provider has said at `at` how often it tried to collect it. More tries are newer;
    /// of as many, what was said last counts: a next try may be called off.
    pub(crate) fn hear_of_tries(&mut self, told: Option<Tried>, at: Timestamp) {
        let rank = |tried: Tried, at: Option<Timestamp>| (tried.times, at, tried.next_at);
        let known = self.tried.map(|known| rank(known, self.tried_at));
        if told.map(|told| rank(told, Some(at))) > known {
            self.tried = told;
            self.tried_at = Some(at);
        }
        if !self.is_open() {
            self.tried = None;
            self.tried_at = None;
        }
    }

    pub(crate) fn provider_ref(&self) -> Option<ProviderRef> {
        Some(ProviderRef {
            account: self.provider.clone()?,
            kind: RefKind::Invoice,
            id: self.reference.clone()?,
        })
    }
}
