//! Subscriptions and their schedules.

use super::{Card, Discount, Line, Metadata, Span};

#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) status: Status,
    pub(crate) items: Vec<Item>,
    /// What the periods are counted from.
    pub(crate) anchor: i64,
    /// The number of the current period, from 0.
    pub(crate) cycle: u32,
    pub(crate) period: Span,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) cancel_at: Option<i64>,
    /// When canceling was asked for.
    pub(crate) canceled_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) cancel_reason: Option<&'static str>,
    pub(crate) trial: Option<Span>,
    pub(crate) trial_end_told: bool,
    pub(crate) missing_method: MissingMethod,
    pub(crate) pause_collection: Option<PauseCollection>,
    /// When it was paused. `None`: it is not.
    pub(crate) paused_at: Option<i64>,
    pub(crate) pending_update: Option<PendingUpdate>,
    /// Prorations that wait for the next invoice.
    pub(crate) pending_lines: Vec<Line>,
    pub(crate) schedule: Option<String>,
    pub(crate) latest_invoice: Option<String>,
    pub(crate) discounts: Vec<Discount>,
    pub(crate) metadata: Metadata,
    pub(crate) description: Option<String>,
    /// What it was bought with. `None`: the customer's.
    pub(crate) card: Option<Card>,
    pub(crate) created: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) quantity: u32,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Canceled,
    Paused,
}

impl Status {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Canceled => "canceled",
            Self::Paused => "paused",
        }
    }

    /// Whether nothing can happen to it any more.
    pub(crate) const fn over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }

    /// Whether its periods go on.
    pub(crate) const fn renews(self) -> bool {
        matches!(self, Self::Active | Self::PastDue | Self::Unpaid)
    }
}

/// What happens when a trial ends and nothing is on file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MissingMethod {
    Cancel,
    #[default]
    CreateInvoice,
    Pause,
}

impl MissingMethod {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::CreateInvoice => "create_invoice",
            Self::Pause => "pause",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PauseCollection {
    pub(crate) behavior: &'static str,
    pub(crate) resumes_at: Option<i64>,
}

/// A change that waits for its payment.
#[derive(Debug, Clone)]
pub(crate) struct PendingUpdate {
    pub(crate) invoice: String,
    pub(crate) items: Vec<Item>,
    /// The anchor and the period that it brings. `None`: they stay.
    pub(crate) restart: Option<(i64, Span)>,
    pub(crate) expires_at: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) subscription: String,
    pub(crate) status: ScheduleStatus,
    pub(crate) phases: Vec<Phase>,
    /// Whether the subscription is canceled at the end rather than let go.
    pub(crate) cancels: bool,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
    pub(crate) ended_at: Option<i64>,
}

impl Schedule {
    /// The phase that holds at `now`.
    pub(crate) fn current(&self, now: i64) -> Option<&Phase> {
        let holds = |phase: &&Phase| phase.span.start <= now && now < phase.span.end;
        self.phases.iter().find(holds)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phase {
    pub(crate) span: Span,
    /// Prices with their quantities.
    pub(crate) items: Vec<(String, u32)>,
    pub(crate) proration: &'static str,
    /// The end of the trial within it. `None`: it has none.
    pub(crate) trial_end: Option<i64>,
    /// The discounts that stay: those that are not named are taken away.
    pub(crate) discounts: Vec<String>,
    pub(crate) metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScheduleStatus {
    Active,
    Released,
    Completed,
    Canceled,
}

impl ScheduleStatus {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Released => "released",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }
}
