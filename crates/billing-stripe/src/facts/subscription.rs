//! A subscription, as it stands.

use billing_domain::fact::{Fact, Observed, SubscriptionSnapshot};
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_domain::time::{Period, Timestamp};

use super::{Teller, Told, Unreadable, instant, period, status};
use crate::wire::{Invoice, Subscription, id_of};

impl Teller {
    /// A subscription, and its latest invoice where that came along.
    pub(crate) fn subscription(&self, subscription: &Subscription, at: Timestamp) -> Told {
        let mut told = self.subscription_alone(subscription, at)?;
        if told.is_empty() {
            return Ok(told);
        }
        let latest = subscription.latest_invoice.as_ref();
        if let Some(invoice) = latest.and_then(|invoice| invoice.object()) {
            told.extend(self.invoice_of(invoice, Some(subscription), at)?);
        }
        Ok(told)
    }

    /// A subscription, without the invoice that came along.
    pub(crate) fn subscription_alone(&self, subscription: &Subscription, at: Timestamp) -> Told {
        if subscription.id.is_empty() {
            return Err(Unreadable("a subscription without an id"));
        }
        let prices: Vec<String> = subscription
            .items()
            .iter()
            .filter_map(|item| id_of(item.price.as_ref()))
            .map(str::to_owned)
            .collect();
        let customer = id_of(subscription.customer.as_ref());
        let refs = [
            (RefKind::Subscription, Some(subscription.id.as_str())),
            (RefKind::Customer, customer),
        ];
        let metadata = subscription.metadata.as_ref();
        let Some(link) = self.link(metadata, &refs, prices) else {
            return Ok(Vec::new());
        };
        let snapshot = self.snapshot(subscription)?;
        Ok(vec![Observed {
            fact: Fact::SubscriptionSeen(snapshot),
            at,
            link,
        }])
    }

    fn snapshot(&self, subscription: &Subscription) -> Result<SubscriptionSnapshot, Unreadable> {
        let reason = subscription
            .cancellation_details
            .as_ref()
            .and_then(|details| details.reason.as_deref());
        let paused = subscription.pause_collection.is_some() || subscription.was_left_out();
        let status = status::subscription(&subscription.status, reason, paused, self.pause);
        let status = status.ok_or(Unreadable("a subscription of an unknown status"))?;
        let item = subscription.items().first();
        let price = item.and_then(|item| id_of(item.price.as_ref()));
        let quantity = item.and_then(|item| item.quantity).unwrap_or(1);
        let period = subscription.period().and_then(period);
        let at_end = subscription.cancel_at_period_end == Some(true);
        let end = period.filter(|_| at_end).map(|period| period.end);
        let paid = period.map(|period| paid_of(period, status, subscription));
        Ok(SubscriptionSnapshot {
            reference: subscription.id.clone(),
            customer_ref: id_of(subscription.customer.as_ref()).map(str::to_owned),
            status,
            price_ref: price
                .ok_or(Unreadable("a subscription without a price"))?
                .to_owned(),
            quantity: u32::try_from(quantity)
                .map_err(|_beyond| Unreadable("a subscription of too many pieces"))?,
            period: paid,
            trial_end: subscription.trial_end.and_then(instant),
            first_charged_at: subscription.first_charged().and_then(instant),
            cancel_at: subscription.cancel_at.and_then(instant).or(end),
            ended_at: subscription.ended_at.and_then(instant),
            paid_through: paid_though_owing(period, status, subscription),
            upcoming: subscription.upcoming(),
        })
    }
}

/// What of the current period is told: up to its start, and so nothing of it, as
/// long as its money has not come. Its payment is told of by an event of its own.
fn paid_of(period: Period, status: Status, subscription: &Subscription) -> Period {
    // As its events tell it, which come without the invoice.
    if subscription.says_what_is_paid() || status == Status::PastDue {
        return period;
    }
    let word = charges(subscription).and_then(|invoice| invoice.status.as_deref());
    let unpaid = if status == Status::Expired {
        // It ended because this period was not paid.
        word != Some(PAID)
    } else {
        // Nobody pays what is void either: it is left out, not given.
        word.is_some_and(|word| word != PAID)
    };
    let end = if unpaid { period.start } else { period.end };
    Period { end, ..period }
}

const PAID: &str = "paid";

/// The invoice of the current period, if it asks for anything.
fn charges(subscription: &Subscription) -> Option<&Invoice> {
    let invoice = subscription.invoice_of_period()?;
    Some(invoice).filter(|invoice| invoice.total.is_some_and(|total| total > 0))
}

/// Until when it is paid though it is past due: a change in the middle of a paid
/// period may be owed alone.
fn paid_though_owing(
    period: Option<Period>,
    status: Status,
    subscription: &Subscription,
) -> Option<Timestamp> {
    let invoice = subscription.invoice_of_period();
    let paid = invoice.is_some_and(|invoice| invoice.status.as_deref() == Some(PAID));
    let end = period.map(|period| period.end);
    end.filter(|_| status == Status::PastDue && paid)
}
