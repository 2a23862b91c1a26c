//! Subscriptions: how an agreement stands, and what is to come of it.

use billing_domain::catalog::Catalog;
use billing_domain::change::Change;
use billing_domain::customer::Account;
use billing_domain::subscription::{Collection, State, Subscription, Withheld};
use billing_domain::time::Timestamp;
use poem_openapi::Object;

use crate::api::views::{
    ChangeView, CollectionView, DiscountView, MoneyView, PromiseView, ScheduledView,
};
use crate::renewing;

/// A paid agreement.
#[derive(Debug, Object)]
#[oai(rename = "Subscription")]
pub(crate) struct SubscriptionView {
    /// Its id.
    id: String,
    /// Who holds it.
    customer: String,
    /// The plan.
    plan: String,
    /// The price. Absent for a plan without prices.
    price: Option<String>,
    /// What one piece costs.
    unit: MoneyView,
    /// Pieces.
    quantity: u32,
    /// `month`, `3 months`, `once`.
    interval: String,
    /// `incomplete`, `trialing`, `active`, `past_due`, `paused`, `lapsed`,
    /// `canceled` or `expired`, as last decided.
    status: String,
    /// Whether it gives its plan now.
    gives_access: bool,
    /// Whether another period follows.
    renews: bool,
    /// Until when it is paid. Absent: for ever, or never yet.
    paid_through: Option<String>,
    /// When its trial ends.
    trial_ends_at: Option<String>,
    /// When what is owed is due.
    due_at: Option<String>,
    /// When it lapses unless what is owed is paid.
    grace_ends_at: Option<String>,
    /// How far the collection of the cycle that it owes has come. Absent: none is to be paid.
    collection: Option<CollectionView>,
    /// When it ends, or ended, by cancellation.
    ends_at: Option<String>,
    /// The provider account where it is paid. Absent when nothing is ever owed.
    provider: Option<String>,
    /// Other terms to come. Absent: they stay.
    scheduled: Option<ScheduledView>,
    /// What is taken off the price. Absent: nothing.
    discount: Option<DiscountView>,
    /// The promise made to the holders of its price, which is no longer sold.
    /// Absent: it is sold, or stands in no catalog.
    promise: Option<PromiseView>,
    /// A change that awaits its payment. Absent: none does; lists over everybody
    /// leave it out.
    change: Option<ChangeView>,
    /// Paid time that gives nothing, because what was paid for it went back.
    withheld: Vec<WithheldView>,
    /// Its invoices of which a buyer's bank contests a payment, and nothing is
    /// decided yet.
    disputed: Vec<String>,
    /// When it was made.
    created_at: String,
}

/// Paid time that gives nothing, because what was paid for it went back.
#[derive(Debug, Object)]
#[oai(rename = "Withheld")]
pub(crate) struct WithheldView {
    /// The invoice whose payment went back.
    invoice: String,
    /// The first instant of that time. Absent: all of it; the purchase was undone.
    period_start: Option<String>,
    /// The first instant after that time. Absent: all of it.
    period_end: Option<String>,
    /// Since when its payment is gone.
    since: String,
}

impl WithheldView {
    fn of(withheld: &Withheld) -> Self {
        let period = withheld.period;
        Self {
            invoice: withheld.invoice.to_string(),
            period_start: period.map(|period| period.start.to_string()),
            period_end: period.map(|period| period.end.to_string()),
            since: withheld.since.to_string(),
        }
    }
}

impl SubscriptionView {
    /// As it stands in its customer's account, with what awaits payment.
    pub(crate) fn within(
        account: &Account,
        subscription: &Subscription,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Self {
        let collection = renewing::within(account, subscription, now);
        Self::in_account(account, subscription, catalog, now).collected(collection)
    }

    fn in_account(
        account: &Account,
        subscription: &Subscription,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Self {
        let awaiting = account.awaiting_change(subscription.id);
        Self {
            change: awaiting.map(|change| change_of(account, change)),
            ..Self::of(subscription, catalog, now)
        }
    }

    /// The same as its customer is told of it.
    pub(crate) fn of_mine(
        account: &Account,
        subscription: &Subscription,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Self {
        let collection = renewing::within(account, subscription, now);
        Self {
            collection: collection.map(CollectionView::of_mine),
            ..Self::in_account(account, subscription, catalog, now)
        }
    }

    /// The same with how far the collection of what it owes has come.
    pub(crate) fn collected(self, collection: Option<Collection>) -> Self {
        Self {
            collection: collection.map(CollectionView::from),
            ..self
        }
    }

    pub(crate) fn of(subscription: &Subscription, catalog: &Catalog, now: Timestamp) -> Self {
        let terms = subscription.terms_at(now);
        let to_come = subscription.scheduled.as_ref();
        let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
        let trial = match subscription.state {
            State::Trialing { ends_at, .. } => Some(ends_at),
            State::Incomplete
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Canceled { .. }
            | State::Expired { .. } => None,
        };
        let ended = match subscription.state {
            State::Canceled { ends_at } => Some(ends_at),
            State::Incomplete
            | State::Trialing { .. }
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Expired { .. } => subscription.cancellation.map(|to_come| to_come.ends_at),
        };
        Self {
            id: subscription.id.to_string(),
            customer: subscription.customer.to_string(),
            plan: terms.plan.to_string(),
            price: terms.price.as_ref().map(ToString::to_string),
            unit: terms.unit.into(),
            quantity: terms.quantity,
            interval: terms.billing.to_string(),
            status: subscription.status().as_str().to_owned(),
            gives_access: subscription.gives_access(now),
            renews: terms.renews && ended.is_none() && !subscription.is_over(),
            paid_through: text(subscription.times.paid_through),
            trial_ends_at: text(trial),
            due_at: text(subscription.times.due_at),
            grace_ends_at: text(subscription.times.grace_ends_at),
            collection: None,
            ends_at: text(ended),
            provider: subscription.provider.as_ref().map(ToString::to_string),
            scheduled: to_come
                .filter(|to_come| to_come.at > now)
                .map(ScheduledView::of),
            discount: terms.discount.as_ref().map(DiscountView::of),
            promise: PromiseView::of(subscription, catalog, now),
            change: None,
            withheld: subscription.withheld.iter().map(WithheldView::of).collect(),
            disputed: subscription
                .disputed
                .iter()
                .map(ToString::to_string)
                .collect(),
            created_at: subscription.created_at.to_string(),
        }
    }
}

/// A change with the page where its invoice is paid, as far as the account has it.
pub(crate) fn change_of(account: &Account, change: &Change) -> ChangeView {
    let invoice = change.invoice.and_then(|id| account.invoice(id));
    let open = invoice.filter(|invoice| invoice.is_open());
    ChangeView::of(change, open.and_then(|invoice| invoice.pay_url.clone()))
}
