//! What the world does by itself as time passes: pages close, periods turn,
//! saved cards are charged and tried again.

use billing_domain::invoice::Purpose;
use billing_domain::time::{Period, Timestamp, days, shifted};
use jiff::SignedDuration;

use super::{Checkout, Invoice, Kind, Phase, Subscription, World};

/// How long after a period's start the saved card is charged, as providers with
/// draft invoices do; so that a mirror has to live with that hour.
pub(crate) const CHARGE_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// Days after the first failure at which the card is tried again: one before a
/// weekend is over, one after it, one in the next week.
const RETRY_DAYS: [u16; 3] = [1, 3, 5];

/// How much the world does by itself in one call: three years of a thousand
/// monthly subscriptions. The rest is done by the next call.
const STEPS_PER_CALL: usize = 36_000;

impl World {
    /// Does everything that fell due until `now`, in order; a bounded number of steps.
    pub(crate) fn catch_up(&mut self, now: Timestamp) {
        for _ in 0..STEPS_PER_CALL {
            let Some((due, kind, id)) = self.dues.first().cloned() else {
                return;
            };
            if due > now {
                return;
            }
            match kind {
                Kind::Checkout => {
                    if let Some(checkout) = self.get::<Checkout>(&id) {
                        self.end_checkout(checkout, false, due);
                    }
                }
                Kind::Subscription => {
                    if let Some(subscription) = self.get::<Subscription>(&id) {
                        self.step(subscription, due);
                    }
                }
                Kind::Counters
                | Kind::Customer
                | Kind::Invoice
                | Kind::Payment
                | Kind::Call
                | Kind::Event => {
                    self.dues.remove(&(due, kind, id));
                }
            }
        }
    }

    fn step(&mut self, subscription: Subscription, due: Timestamp) {
        if subscription.cancel_at.is_some_and(|at| at <= due) {
            self.end_subscription(subscription, due);
            return;
        }
        match subscription.phase.clone() {
            Phase::Trialing | Phase::Active => {
                self.turn(subscription, due);
            }
            Phase::PastDue {
                invoice,
                since,
                failures,
                ..
            } => self.retry(subscription, &invoice, since, failures, due),
            Phase::Paused | Phase::Canceled { .. } => {}
        }
    }

    /// Begins the next period and charges it.
    pub(crate) fn turn(&mut self, mut subscription: Subscription, due: Timestamp) -> Subscription {
        if let Some(to_come) = subscription.to_come.take() {
            subscription.cost_from_next(to_come);
        }
        let Ok(period) = Period::at(
            subscription.anchor,
            subscription.interval,
            subscription.next,
        ) else {
            // The calendar has no further period.
            return self.end_subscription(subscription, due);
        };
        subscription.period = period;
        subscription.next = subscription.next.saturating_add(1);
        subscription.charge_at = shifted(period.end, CHARGE_DELAY);
        if subscription.cancel_at.is_some() {
            subscription.cancel_at = Some(period.end);
        }
        let purpose = Purpose::Renewal;
        let invoice = self.period_invoice(&subscription, period, purpose, due);
        let invoice = self.draw_credit(invoice);
        let id = invoice.id.clone();
        subscription.phase = if self.charge(invoice, due) {
            Phase::Active
        } else {
            Phase::PastDue {
                invoice: id,
                since: due,
                failures: 1,
                retry_at: retry_at(due, 1).unwrap_or(due),
            }
        };
        self.changed_at(subscription, "subscription.updated", due)
    }

    fn retry(
        &mut self,
        mut subscription: Subscription,
        invoice: &str,
        since: Timestamp,
        failures: u8,
        due: Timestamp,
    ) {
        let paid = self
            .get::<Invoice>(invoice)
            .is_some_and(|invoice| self.charge(invoice, due));
        if paid {
            subscription.phase = Phase::Active;
            self.changed_at(subscription, "subscription.updated", due);
            return;
        }
        let failures = failures.saturating_add(1);
        let Some(retry_at) = retry_at(since, failures) else {
            self.end_subscription(subscription, due);
            return;
        };
        subscription.phase = Phase::PastDue {
            invoice: invoice.to_owned(),
            since,
            failures,
            retry_at,
        };
        self.put(subscription);
    }

    /// A buyer paid an invoice at its page; if it is what a subscription owed, it goes on.
    pub(crate) fn paid_at_page(&mut self, invoice: &Invoice, now: Timestamp) {
        let Some(mut subscription) = invoice
            .subscription()
            .and_then(|id| self.get::<Subscription>(id))
        else {
            return;
        };
        if matches!(&subscription.phase, Phase::PastDue { invoice: owed, .. } if *owed == invoice.id)
        {
            subscription.phase = Phase::Active;
            self.changed_at(subscription, "subscription.updated", now);
        }
    }
}

/// When the card is tried again after so many failures. `None`: no more.
pub(super) fn retry_at(since: Timestamp, failures: u8) -> Option<Timestamp> {
    let place = usize::from(failures.checked_sub(1)?);
    RETRY_DAYS
        .get(place)
        .map(|after| shifted(since, days(*after)))
}
