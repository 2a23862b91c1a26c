//! What the fake keeps: prices, customers, transactions, subscriptions and the
//! rest, as plain values. Decides nothing, renders nothing.

use billing_domain::money::Currency;
use billing_domain::proration::TaxRate;
use billing_domain::time::{Interval, Period, Timestamp};
use serde_json::Value;

use super::amount::{Share, TaxMode, Totals};

/// A product of the catalog.
#[derive(Debug, Clone)]
pub struct Product {
    /// `pro_…`.
    pub id: String,
    /// The name that customers read.
    pub name: String,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A price, from the catalog or made for one transaction.
#[derive(Debug, Clone)]
pub struct Price {
    /// `pri_…`.
    pub id: String,
    /// The product that it is a price of.
    pub product_id: String,
    /// What the merchant reads.
    pub description: String,
    /// The price of one unit, in minor units.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
    /// How it stands to its tax.
    pub tax_mode: TaxMode,
    /// How often it is charged. `None`: once.
    pub interval: Option<Interval>,
    /// How long it is tried before. `None`: not at all.
    pub trial: Option<Interval>,
    /// The least and the most units.
    pub quantity: (u32, u32),
    /// Whether it can be bought.
    pub active: bool,
    /// Whether it belongs to the catalog.
    pub catalog: bool,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A customer; one for each e-mail address.
#[derive(Debug, Clone)]
pub struct Customer {
    /// `ctm_…`.
    pub id: String,
    /// The e-mail address, as it was given.
    pub email: String,
    /// The name, where one is known.
    pub name: Option<String>,
    /// The locale: `en`.
    pub locale: String,
    /// Whether it is in use and not archived.
    pub active: bool,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An address of a customer.
#[derive(Debug, Clone)]
pub struct Address {
    /// `add_…`.
    pub id: String,
    /// Whose it is.
    pub customer_id: String,
    /// Two letters: `US`.
    pub country_code: String,
    /// The postal code, where one is known.
    pub postal_code: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a discount takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Hundredths of a percent.
    BasisPoints(u32),
    /// Minor units, once for the transaction.
    Flat(i64),
}

/// A discount.
#[derive(Debug, Clone)]
pub struct Discount {
    /// `dsc_…`.
    pub id: String,
    /// What the merchant reads.
    pub description: String,
    /// The code that customers type. `None`: it is given by the merchant alone.
    pub code: Option<String>,
    /// What it takes off.
    pub off: Off,
    /// Whether it holds for renewals, too.
    pub recur: bool,
    /// For how many periods in all. `None`: for good.
    pub intervals: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A price and how many of it.
#[derive(Debug, Clone)]
pub struct Bought {
    /// The price, as it was when bought.
    pub price: Price,
    /// How many units.
    pub quantity: u32,
}

/// A line of a transaction.
#[derive(Debug, Clone)]
pub struct Line {
    /// `txnitm_…`.
    pub id: String,
    /// What is charged for.
    pub bought: Bought,
    /// The totals of one unit, for a whole period.
    pub unit: Totals,
    /// The totals of the line.
    pub totals: Totals,
    /// The share of the period. `None`: nothing was prorated.
    pub share: Option<Share>,
}

/// A credit for what a change took away, against an earlier transaction.
#[derive(Debug, Clone)]
pub struct Credit {
    /// The transaction that had charged for it.
    pub transaction_id: String,
    /// The line of it.
    pub line_id: String,
    /// What is credited.
    pub totals: Totals,
    /// The share of the period.
    pub share: Share,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Something is missing before it can be paid: a customer or an address.
    Draft,
    /// Can be paid.
    Ready,
    /// An invoice was issued for it.
    Billed,
    /// Captured, and not processed yet.
    Paid,
    /// Paid and processed.
    Completed,
    /// Given up.
    Canceled,
    /// Due and not paid.
    PastDue,
}

impl TransactionStatus {
    /// Paddle's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Ready => "ready",
            Self::Billed => "billed",
            Self::Paid => "paid",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
            Self::PastDue => "past_due",
        }
    }

    /// Whether it waits for its payment.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Ready | Self::Billed | Self::PastDue)
    }
}

/// Where a transaction came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The merchant's own call.
    Api,
    /// A renewal.
    Recurring,
    /// A change of the items.
    Update,
    /// A charge beside the items.
    Charge,
    /// A new payment method.
    PaymentMethod,
}

impl Origin {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Recurring => "subscription_recurring",
            Self::Update => "subscription_update",
            Self::Charge => "subscription_charge",
            Self::PaymentMethod => "subscription_payment_method_change",
        }
    }
}

/// What a customer pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Card {
    /// Every attempt is captured.
    #[default]
    Pays,
    /// Every attempt is declined.
    Declined,
    /// The first attempt is captured, every later one is declined.
    PaysOnce,
}

/// An attempt to be paid.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The id of the attempt.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// Whether the money came.
    pub captured: bool,
    /// When it was tried.
    pub at: Timestamp,
}

/// A transaction: a checkout, a renewal, a charge.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// `txn_…`.
    pub id: String,
    /// Where it stands.
    pub status: TransactionStatus,
    /// Who buys. `None`: not known before the checkout.
    pub customer_id: Option<String>,
    /// Where they are taxed. `None`: not known before the checkout.
    pub address_id: Option<String>,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// Where it came from.
    pub origin: Origin,
    /// Whether an invoice is sent instead of a card being charged.
    pub manual: bool,
    /// The subscription that it belongs to.
    pub subscription_id: Option<String>,
    /// The number of its invoice, once there is one.
    pub invoice: Option<(String, String)>,
    /// The period that it pays for.
    pub period: Option<Period>,
    /// The currency.
    pub currency: Currency,
    /// The rate of tax.
    pub tax: TaxRate,
    /// What is bought.
    pub items: Vec<Bought>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Credits used by it, in minor units.
    pub credit: i64,
    /// Credits beyond its total, which go to the customer's balance.
    pub credit_to_balance: i64,
    /// The discount.
    pub discount: Option<Discount>,
    /// The page of its checkout. `None`: it has none.
    pub page: Option<String>,
    /// The attempts to be paid.
    pub payments: Vec<Payment>,
    /// When a captured payment becomes processed. `None`: nothing is on its way.
    pub completes_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was billed.
    pub billed_at: Option<Timestamp>,
}

impl Transaction {
    /// The sum of its lines.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let lines = self.lines.iter();
        lines.fold(Totals::default(), |sum, line| sum.plus(line.totals))
    }

    /// What is asked of the customer after credits, in minor units.
    #[must_use]
    pub fn grand_total(&self) -> i64 {
        self.totals().total.saturating_sub(self.credit).max(0)
    }

    /// What was captured, in minor units.
    #[must_use]
    pub fn captured(&self) -> i64 {
        let captured = self.payments.iter().filter(|payment| payment.captured);
        captured.fold(0, |sum, payment| sum.saturating_add(payment.amount))
    }
}

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
    pub(super) const fn name(self) -> &'static str {
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

/// What an adjustment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentAction {
    /// Money goes back.
    Refund,
    /// A credit for what a change took away.
    Credit,
    /// The customer's bank took the money back.
    Chargeback,
    /// The bank gave it back again.
    ChargebackReverse,
}

impl AdjustmentAction {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Credit => "credit",
            Self::Chargeback => "chargeback",
            Self::ChargebackReverse => "chargeback_reverse",
        }
    }
}

/// Where an adjustment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentStatus {
    /// Paddle has to approve it.
    PendingApproval,
    /// It is done.
    Approved,
    /// It will not be done.
    Rejected,
}

impl AdjustmentStatus {
    /// Paddle's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending_approval",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// What an adjustment does to a line.
#[derive(Debug, Clone)]
pub struct AdjustedLine {
    /// `adjitm_…`.
    pub id: String,
    /// The line of the transaction.
    pub line_id: String,
    /// `full`, `partial`, `proration` or `tax`.
    pub kind: &'static str,
    /// How much.
    pub totals: Totals,
    /// The share of the period, of a proration.
    pub share: Option<Share>,
}

/// An adjustment of a transaction.
#[derive(Debug, Clone)]
pub struct Adjustment {
    /// `adj_…`.
    pub id: String,
    /// What it does.
    pub action: AdjustmentAction,
    /// Whether it takes the whole transaction.
    pub full: bool,
    /// The transaction.
    pub transaction_id: String,
    /// The subscription of the transaction.
    pub subscription_id: Option<String>,
    /// The customer of the transaction.
    pub customer_id: String,
    /// Why.
    pub reason: String,
    /// The currency.
    pub currency: Currency,
    /// Where it stands.
    pub status: AdjustmentStatus,
    /// What it does to the lines.
    pub lines: Vec<AdjustedLine>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Adjustment {
    /// The sum of its lines.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let lines = self.lines.iter();
        lines.fold(Totals::default(), |sum, line| sum.plus(line.totals))
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `subscription.updated`.
    pub kind: String,
    /// When, to the microsecond.
    pub at: Timestamp,
    /// The object as it was then.
    pub data: Value,
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationStatus {
    /// Not delivered yet.
    NotAttempted,
    /// Answered with 200.
    Delivered,
    /// Answered with anything else, and tried again.
    NeedsRetry,
    /// Given up.
    Failed,
}

impl NotificationStatus {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NotAttempted => "not_attempted",
            Self::Delivered => "delivered",
            Self::NeedsRetry => "needs_retry",
            Self::Failed => "failed",
        }
    }
}

/// An event on its way to one destination.
#[derive(Debug, Clone)]
pub struct Notification {
    /// `ntf_…`.
    pub id: String,
    /// The event.
    pub event: Event,
    /// Where it stands.
    pub status: NotificationStatus,
    /// Whether somebody asked for it again.
    pub replay: bool,
    /// The destination.
    pub destination_id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried.
    pub last_attempt_at: Option<Timestamp>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was asked for again.
    pub replayed_at: Option<Timestamp>,
}

/// A destination of notifications.
#[derive(Debug, Clone)]
pub struct Destination {
    /// `ntfset_…`.
    pub id: String,
    /// What the merchant reads.
    pub description: String,
    /// Where notifications go.
    pub url: String,
    /// Whether they do.
    pub active: bool,
    /// The types of event that are sent. Empty: every type.
    pub events: Vec<String>,
    /// What they are signed with.
    pub secret: String,
}
