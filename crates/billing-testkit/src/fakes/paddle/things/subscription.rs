//! Subscriptions and what is to happen to them.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Period, Timestamp};
use serde_json::Value;

use super::{Bought, Card, Credit, Discount, Line};

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// Tried, before it is paid.
    Trialing,
    /// Paid, or about to be.
    Active,
    /// A payment failed and is tried again.
    PastDue,
    /// Held, without being billed.
    Paused,
    /// Ended for good.
    Canceled,
}

impl SubscriptionStatus {
    /// Paddle's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }
}

/// What is to happen later to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It ends.
    Cancel,
    /// It is held.
    Pause,
    /// It goes on.
    Resume,
}

impl Action {
    pub(in crate::fakes::paddle) const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// A scheduled change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// What happens.
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// When a pause ends. `None`: when somebody says so.
    pub resume_at: Option<Timestamp>,
    /// Whether the old period goes on at the end of a pause, where it still runs.
    pub same_period: bool,
}

/// An item of a subscription.
#[derive(Debug, Clone)]
pub struct SubscribedItem {
    /// What is bought.
    pub bought: Bought,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was last billed.
    pub billed_at: Option<Timestamp>,
    /// The line that charged for the running period: transaction and line.
    pub charged_by: Option<(String, String)>,
}

/// Attempts to be paid for something that was declined.
#[derive(Debug, Clone)]
pub struct Dunning {
    /// The transaction that is due.
    pub transaction_id: String,
    /// When the first attempt failed.
    pub since: Timestamp,
    /// How many attempts were made after the first.
    pub tries: usize,
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// Whose it is.
    pub customer_id: String,
    /// Where they are taxed.
    pub address_id: String,
    /// The currency.
    pub currency: Currency,
    /// How often it is billed.
    pub interval: Interval,
    /// What the periods are counted from.
    pub anchor: Timestamp,
    /// How many periods have begun since the anchor.
    pub turns: u32,
    /// The running period. `None`: paused or ended.
    pub period: Option<Period>,
    /// The trial. `None`: it had none.
    pub trial: Option<Period>,
    /// What is to happen later.
    pub scheduled: Option<Scheduled>,
    /// What is bought.
    pub items: Vec<SubscribedItem>,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// The discount, and for how many more periods. `None` of these: for good.
    pub discount: Option<(Discount, Option<u32>)>,
    /// Whether invoices are sent instead of a card being charged.
    pub manual: bool,
    /// What it is paid with.
    pub card: Card,
    /// The transaction that made it.
    pub transaction_id: String,
    /// Lines that wait for the next renewal.
    pub waiting: Vec<Line>,
    /// Credits that wait for the next renewal.
    pub waiting_credits: Vec<Credit>,
    /// What is being collected.
    pub dunning: Option<Dunning>,
    /// When charges were made for changes, the oldest first.
    pub charges: Vec<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was first billed.
    pub first_billed_at: Option<Timestamp>,
    /// When it was paused.
    pub paused_at: Option<Timestamp>,
    /// When it ended.
    pub canceled_at: Option<Timestamp>,
}

impl Subscription {
    /// When it is billed next. `None`: it will not be.
    #[must_use]
    pub fn next_billed_at(&self) -> Option<Timestamp> {
        let runs = matches!(
            self.status,
            SubscriptionStatus::Trialing | SubscriptionStatus::Active | SubscriptionStatus::PastDue
        );
        (runs && self.scheduled.is_none())
            .then_some(self.period.map(|period| period.end))
            .flatten()
    }
}
