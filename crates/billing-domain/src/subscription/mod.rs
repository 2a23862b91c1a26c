//! Subscriptions: paid agreements as an enum that carries its own facts.
//!
//! Status is not access: this module says how an agreement stands,
//! `access` says what that gives at an instant, `transition` moves it, and
//! refuses every illegal move by naming both ends. Knows no provider's words.

mod access;
mod before;
mod collection;
mod hang;
mod paid;
mod remind;
mod short;
mod transition;
mod wake;
mod withheld;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::PriceKey;
use crate::ids::{
    ChangeId, CheckoutId, CustomerId, EffectId, InvoiceId, MigrationId, SubscriptionId,
};
use crate::import::Imported;
use crate::money::Money;
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
use crate::terms::Terms;
use crate::time::Timestamp;

pub use access::{Access, NoAccess};
pub use before::{HeldBefore, MAX_HELD_BEFORE};
pub use collection::{Collection, NextTry};
pub(crate) use hang::Hang;
pub use hang::NextCycle;
pub use paid::{PaidPeriod, Segment};
pub use remind::{REMIND_BEFORE_DUE, REMIND_BEFORE_END, Reminded};
pub(crate) use remind::{Reminder, Reminds};
pub use short::{Gone, Shortfall};
pub use transition::{IllegalTransition, Pausing};
pub use wake::{ALARM_AFTER, TOLD_BEFORE, TRIAL_NOTICE};
pub use withheld::Withheld;

/// A paid agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Our id.
    pub id: SubscriptionId,
    /// Who holds it.
    pub customer: CustomerId,
    /// The checkout it came from. `None` when an operator made it.
    pub checkout: Option<CheckoutId>,
    /// What was agreed.
    pub terms: Terms,
    /// Where it is paid. `None` when nothing is ever owed.
    pub provider: Option<ProviderAccount>,
    /// Who makes its renewals happen.
    pub schedule: Schedule,
    /// How it stands.
    pub state: State,
    /// The four times, never one column.
    pub times: Times,
    /// A cancellation to come. `None`: it renews.
    pub cancellation: Option<Cancellation>,
    /// Other terms to come. `None`: they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Scheduled>,
    /// The paid periods that are not over, oldest first, where the engine counts
    /// them: the current one, and the next where it is paid already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<PaidPeriod>,
    /// What is kept of the promise made to holders of its price.
    #[serde(default, skip_serializing_if = "Promise::is_untouched")]
    pub promise: Promise,
    /// The price that scheduled terms took the place of, where the provider may
    /// still tell of it. `None`: none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// Paid time that gives no access, because what was paid for it went back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Its invoices of which a payment is contested, and nothing decided yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputed: Vec<InvoiceId>,
    /// By how much less than its price was kept of what was paid for it, where it is
    /// held for good. `None`: nothing of it went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<Shortfall>,
    /// What was told of the cycle that is to be paid, where the engine runs the
    /// schedule. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<Reminded>,
    /// When a cancellation of it was last taken back, here or at its provider, by our clock:
    /// what was ordered before to cancel it is overtaken. `None`: none ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_on_at: Option<Timestamp>,
    /// That it was sold elsewhere and brought over. `None`: it was sold here, or its
    /// provider tells all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// The prices at which it was held before, oldest first, where plan or price were others.
    /// Empty: none, or before this was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_before: Vec<HeldBefore>,
    /// When it began to be charged: as its provider says, or, where the engine runs the
    /// schedule, when the first cycle after a trial was paid, and not before the trial was
    /// over. `None`: it has not, it had no trial, or it was kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A price that the provider may still tell of, although its time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The provider's name of it.
    pub price_ref: String,
    /// Since when its time is over.
    pub at: Timestamp,
}

/// Terms that take effect by themselves: read at that instant, they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// The start of the first cycle under them.
    pub at: Timestamp,
    /// The terms.
    pub terms: Box<Terms>,
    /// Why they come.
    pub why: Why,
}

/// Why other terms are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// A change was accepted for the period's end.
    Change {
        /// The change.
        change: ChangeId,
    },
    /// The promise made to holders of a retired price ends.
    PromiseEnds,
    /// An operator moves the holders of a price to another.
    Migration {
        /// The migration.
        migration: MigrationId,
    },
}

/// What is kept of the promise made to holders of a retired price.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Settled cycles that started after the price was retired.
    pub cycles: u32,
    /// The start of the last cycle that was counted: none is counted twice. `None`:
    /// none was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Timestamp>,
    /// The notice of a dearer price that was given. `None`: none was.
    pub notice: Option<Notice>,
    /// When the promise needs a look again. `None`: never by itself.
    pub look_at: Option<Timestamp>,
    /// The start of the cycle whose price a provider that runs the schedule was
    /// told. `None`: it was told none, or has charged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// What a provider that runs the schedule was last ordered about that price: until it
    /// has answered, what it says of it is not newer than ours. `None`: nothing was, or
    /// not by this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// The terms that come by themselves, while a change that was accepted stands
    /// in their place: they come back with its end. `None`: none were displaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub displaced: Option<Box<Scheduled>>,
}

/// An order about the price of the next period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The effect that carries it.
    pub effect: EffectId,
    /// When it was answered, be it that nothing came of it. `None`: it is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When it is ordered again, since nothing came of it. `None`: it was done, or was
    /// ordered as often as helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
    /// How often it was ordered again.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub again: u8,
}

impl Asked {
    /// It was ordered just now.
    pub(crate) const fn of(effect: EffectId) -> Self {
        Self {
            effect,
            answered_at: None,
            again_at: None,
            again: 0,
        }
    }

    /// When it is to be ordered again, if it is.
    pub(crate) fn is_due_again(self, now: Timestamp) -> bool {
        self.again_at.is_some_and(|at| at <= now)
    }

    /// Whether what was told at `told_at` may not know of it yet.
    pub(crate) fn is_news_at(self, told_at: Timestamp) -> bool {
        self.answered_at.is_none_or(|answered| told_at <= answered)
    }
}

/// A notice of a dearer price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The price to come.
    pub price: PriceKey,
    /// What one piece will cost.
    pub unit: Money,
    /// What a cycle will cost.
    pub amount: Money,
    /// When it was given.
    pub at: Timestamp,
}

impl Scheduled {
    /// Whether they come by themselves, and not because somebody accepted a change.
    pub(crate) const fn comes_by_itself(&self) -> bool {
        !matches!(self.why, Why::Change { .. })
    }
}

impl Promise {
    fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Agreed, never paid.
    Incomplete,
    /// In its trial.
    Trialing {
        /// When the trial ends.
        ends_at: Timestamp,
        /// Whether the notice of its ending has gone out.
        noticed: bool,
    },
    /// Paid.
    Active,
    /// A period has ended and its successor is not paid.
    PastDue {
        /// Since when.
        since: Timestamp,
        /// Whether access is over already: a trial ended, or a pause outlived
        /// the paid time. Neither has a grace.
        no_grace: bool,
    },
    /// Suspended by the customer or an operator.
    Paused {
        /// Since when.
        since: Timestamp,
        /// Until when access goes on nevertheless. `None`: it ended at once.
        access_until: Option<Timestamp>,
        /// The paid time that comes back on resuming.
        remaining: SignedDuration,
    },
    /// Unpaid beyond its grace.
    Lapsed {
        /// Since when.
        at: Timestamp,
    },
    /// Ended on request.
    Canceled {
        /// The end of access, possibly in the future.
        ends_at: Timestamp,
    },
    /// Ended by itself: a fixed term is over, or it was never paid.
    Expired {
        /// Since when.
        at: Timestamp,
    },
}

/// The word for a state, as shown to people and machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Agreed, never paid.
    Incomplete,
    /// In its trial.
    Trialing,
    /// Paid.
    Active,
    /// Owing.
    PastDue,
    /// Suspended.
    Paused,
    /// Unpaid beyond its grace.
    Lapsed,
    /// Ended on request.
    Canceled,
    /// Ended by itself.
    Expired,
}

impl Status {
    /// The word that stores and interfaces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Lapsed => "lapsed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }
}

/// Who makes a subscription's renewals happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Schedule {
    /// Our renewal tick.
    Engine {
        /// Where the periods hang.
        anchor: Timestamp,
        /// Periods settled or skipped since the anchor: the number of the next one.
        next_period: u32,
        /// Cycles that have been opened, ever: the number of the last one. The
        /// purchase is cycle 0. Only grows, whatever happens to the anchor.
        cycle: u32,
        /// Failed payments of the current cycle.
        failures: u32,
        /// Whole months between the anchor and the instant on which the periods
        /// of the present interval hang: what an earlier interval has used up.
        #[serde(default)]
        elapsed_months: u32,
        /// Invoices of the next cycle that were made and taken back, because the
        /// terms changed in between.
        #[serde(default)]
        taken_back: u32,
    },
    /// The provider; we mirror what it says.
    Provider {
        /// The provider's id.
        reference: String,
        /// The provider's own instant of the newest fact applied.
        seen_at: Timestamp,
        /// A digest of that fact, to tell two facts of one instant apart.
        seen_digest: u64,
    },
    /// Nobody: bought once, held for ever.
    Perpetual,
}

/// The four times of a subscription, never one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Until when it is paid. `None`: for ever, or never yet.
    pub paid_through: Option<Timestamp>,
    /// When the open cycle is due: the later of `paid_through` and the instant
    /// of the cycle's first pay link. `None`: no link exists.
    pub due_at: Option<Timestamp>,
    /// When the engine next acts on it. `None`: it waits for somebody.
    pub next_attempt_at: Option<Timestamp>,
    /// `due_at` plus the plan's grace, or longer while money is on its way, and by what
    /// time nobody could pay: unpaid at this instant, it lapses.
    pub grace_ends_at: Option<Timestamp>,
}

/// For serde, which asks with a reference.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde asks for"
)]
const fn is_none_yet(times: &u8) -> bool {
    *times == 0
}

impl Cancellation {
    /// When the provider is asked for it again. `None`: it is on its way or confirmed, is
    /// being taken back, or was asked for as often as helps.
    #[must_use]
    pub fn asks_again_at(&self) -> Option<Timestamp> {
        self.ask_again_at.filter(|_| self.taken_back.is_none())
    }
}

/// A cancellation to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the subscription ends.
    pub ends_at: Timestamp,
    /// Whether the provider that runs the schedule was asked for it and has not said
    /// so yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
    /// When that provider is asked again, since it has refused or was not to be had.
    /// `None`: the order is on its way, or was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_again_at: Option<Timestamp>,
    /// How often it was asked for again.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub asked_again: u8,
    /// Since when it is taken back here, where the provider that runs the schedule has
    /// not said so yet. `None`: it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<Timestamp>,
}

impl Subscription {
    /// The word for how it stands, as last decided.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.state {
            State::Incomplete => Status::Incomplete,
            State::Trialing { .. } => Status::Trialing,
            State::Active => Status::Active,
            State::PastDue { .. } => Status::PastDue,
            State::Paused { .. } => Status::Paused,
            State::Lapsed { .. } => Status::Lapsed,
            State::Canceled { .. } => Status::Canceled,
            State::Expired { .. } => Status::Expired,
        }
    }

    /// Whether it can never come back.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Canceled { .. } | State::Expired { .. })
    }

    /// The provider's id, where the provider runs the schedule.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match &self.schedule {
            Schedule::Provider { reference, .. } => Some(reference),
            Schedule::Engine { .. } | Schedule::Perpetual => None,
        }
    }

    /// Whether our renewal tick makes its invoices.
    #[must_use]
    pub const fn is_engine_run(&self) -> bool {
        matches!(self.schedule, Schedule::Engine { .. })
    }

    /// The terms that hold at `now`, scheduled ones included.
    #[must_use]
    pub fn terms_at(&self, now: Timestamp) -> &Terms {
        match &self.scheduled {
            Some(scheduled) if scheduled.at <= now && !self.lags(scheduled.at) => &scheduled.terms,
            _ => &self.terms,
        }
    }

    /// The terms that come by themselves, whether or not a change that was accepted
    /// stands in their place. `None`: none do.
    pub(crate) fn comes_by_itself(&self) -> Option<&Scheduled> {
        let scheduled = self.scheduled.as_ref();
        let by_itself = scheduled.filter(|to_come| to_come.comes_by_itself());
        by_itself.or(self.promise.displaced.as_deref())
    }

    /// The first cycle that its provider charges has begun at `start`: it is known from
    /// now on until when its discount holds, whatever terms carry it.
    pub(crate) fn begin_discount(&mut self, start: Timestamp) {
        self.terms.begin_there(start);
        let to_come = self.scheduled.iter_mut();
        for to_come in to_come.chain(self.promise.displaced.as_deref_mut()) {
            to_come.terms.begin_there(start);
        }
    }

    /// The terms of a cycle that starts at `start`.
    #[must_use]
    pub(crate) fn terms_for(&self, start: Timestamp) -> &Terms {
        match &self.scheduled {
            Some(scheduled) if scheduled.at <= start => &scheduled.terms,
            _ => &self.terms,
        }
    }

    /// Whether a cycle that starts before `at` is still to be settled: terms that
    /// begin at `at` wait for it, however late it is.
    pub(crate) fn lags(&self, at: Timestamp) -> bool {
        let next = self
            .hang()
            .and_then(|hang| hang.start(self.terms.billing.interval()?));
        next.is_some_and(|start| start < at)
    }

    pub(crate) fn provider_ref(&self) -> Option<ProviderRef> {
        Some(ProviderRef {
            account: self.provider.clone()?,
            kind: RefKind::Subscription,
            id: self.reference()?.to_owned(),
        })
    }
}
