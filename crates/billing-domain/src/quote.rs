//! Quotes: what a change costs, when it takes effect, what comes next and what
//! is lost. Stored, immutable and expiring; accepting one charges exactly what
//! it says, or refuses.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::{ChangeKind, LockEnd, PriceKey};
use crate::entitlement::{Entitlement, FeatureKey};
use crate::ids::{CustomerId, QuoteId, SubscriptionId};
use crate::line::Line;
use crate::money::Money;
use crate::subscription::PaidPeriod;
use crate::terms::Terms;
use crate::time::{Period, Timestamp};

/// What a change costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Our id.
    pub id: QuoteId,
    /// Whose.
    pub customer: CustomerId,
    /// What is changed.
    pub subscription: SubscriptionId,
    /// What is done: the terms change, or it is canceled, paused or resumed.
    #[serde(default)]
    pub step: Step,
    /// What kinds of change it is, the deciding one first. Empty: an operator's
    /// repetition of what is held, or no change of terms.
    pub kinds: Vec<ChangeKind>,
    /// When it takes effect.
    pub timing: Timing,
    /// What is agreed from then on.
    pub terms: Terms,
    /// The paid periods from then on, with their money.
    pub paid: Vec<PaidPeriod>,
    /// The period that begins with the change. `None`: the present one goes on.
    pub restart: Option<Period>,
    /// What it is made of; the lines sum to `owed_now` less what goes to the balance.
    pub lines: Vec<Line>,
    /// What is owed now; never below zero.
    pub owed_now: Money,
    /// The customer's balance once it is applied, in the same currency.
    pub balance_after: Money,
    /// When it takes effect: now, or the start of a cycle.
    pub effective_at: Timestamp,
    /// The next invoice after it. `None`: none will follow.
    pub next_charge: Option<NextCharge>,
    /// What is lost by it.
    pub loses: Vec<Loss>,
    /// The price lock that goes on after it. `None`: none is held, or it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<KeptLock>,
    /// Who computed the money.
    pub source: Source,
    /// Whether what is charged is computed for this quote's instant. `false`: the
    /// provider computes it when the change is made, and [`charged_as_quoted`] says
    /// by how much that may differ.
    #[serde(default = "crate::effect::pinned")]
    pub pinned: bool,
    /// What priced it: another digest, and the quote is stale.
    pub digest: String,
    /// The catalog it was priced from.
    pub catalog_revision: u64,
    /// The instant it is computed for.
    pub created_at: Timestamp,
    /// From when it can no longer be accepted.
    pub expires_at: Timestamp,
}

/// What is done to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Its terms become others.
    #[default]
    Change,
    /// It ends with what is paid.
    Cancel,
    /// It is suspended, and nothing of it is charged.
    Pause,
    /// It goes on after a pause.
    Resume,
}

impl Step {
    /// The word that interfaces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// At once, when what is owed is paid.
    AtOnce,
    /// At the end of what is paid.
    PeriodEnd,
}

/// The next invoice after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCharge {
    /// The start of the cycle it is for.
    pub at: Timestamp,
    /// What will be owed.
    pub amount: Money,
}

/// Something that is lost by a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "loses", rename_all = "snake_case")]
pub enum Loss {
    /// The promise made to the holders of a price that is no longer sold.
    PriceLock {
        /// The price.
        price: PriceKey,
        /// What one piece costs at it.
        unit: Money,
        /// When the promise would have ended. `None`: no day is fixed.
        until: Option<Timestamp>,
    },
    /// A discount.
    Discount,
    /// A change that is scheduled.
    ScheduledChange,
    /// A feature, or a part of it.
    Entitlement {
        /// The feature.
        feature: FeatureKey,
        /// What is held now.
        from: Entitlement,
        /// What is held afterward. `None`: nothing.
        to: Option<Entitlement>,
    },
    /// Time that is paid for, and is not given back; but for what a provider that
    /// runs the schedule credits by itself.
    PaidTime {
        /// How much of it is left.
        left: SignedDuration,
    },
}

/// The promise made to the holders of a price that is no longer sold, which a
/// change leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLock {
    /// The price.
    pub price: PriceKey,
    /// What one piece goes on costing.
    pub unit: Money,
    /// When the promise ends.
    pub lasts: LockEnd,
    /// How many cycles it covers from now on. `None`: it does not end by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_left: Option<u32>,
}

/// Who computed the money of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// We did.
    Engine,
    /// The provider did, in a preview.
    Provider,
}

/// By which part of its quote a change that is not pinned may have become cheaper: a
/// hundredth. A quote lives for minutes, in which even a period of a day moves by less.
const CHEAPER_BY: i64 = 100;

/// Whether a provider that computes a change when it makes it charges what was quoted:
/// at most one minor unit a line more, since it rounds again. Time only makes it
/// cheaper, and little; what is more than a hundredth and those units cheaper is
/// another price.
#[must_use]
pub fn charged_as_quoted(quoted: Money, lines: usize, charged: Money) -> bool {
    let lines = i64::try_from(lines).unwrap_or(i64::MAX);
    let less = quoted.amount.checked_div(CHEAPER_BY).unwrap_or_default();
    let least = quoted.amount.saturating_sub(less).saturating_sub(lines);
    charged.currency == quoted.currency
        && charged.amount <= quoted.amount.saturating_add(lines)
        && charged.amount >= least
}

impl Quote {
    /// Whether this is what was quoted: exactly, or nearly where it is not pinned.
    #[must_use]
    pub fn admits(&self, charged: Money) -> bool {
        if self.pinned {
            return charged == self.owed_now;
        }
        charged_as_quoted(self.owed_now, self.lines.len(), charged)
    }

    /// The price it leads to. `None`: to negotiated terms.
    #[must_use]
    pub const fn price(&self) -> Option<&PriceKey> {
        self.terms.price.as_ref()
    }
}
