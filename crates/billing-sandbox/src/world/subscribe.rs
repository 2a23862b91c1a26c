//! Subscriptions on our own schedule: begun, canceled, paused, resumed.

use billing_domain::effect::TOO_LATE;
use billing_domain::invoice::Purpose;
use billing_domain::time::{Interval, Period, Timestamp, shifted};

use super::schedule::CHARGE_DELAY;
use super::{
    Checkout, Invoice, InvoiceFor, InvoiceState, Kind, Outcome, Phase, Subscription, World, stamp,
};

/// What a completed checkout began.
#[derive(Debug)]
pub(crate) struct Bought {
    pub(crate) subscription: Subscription,
    /// The paid first period. `None`: a trial comes first.
    pub(crate) invoice: Option<Invoice>,
}

impl World {
    /// Begins a subscription. `payment`: what paid its first period; `None` is a trial.
    pub(crate) fn subscribe(
        &mut self,
        checkout: &Checkout,
        customer: &str,
        interval: Interval,
        payment: Option<String>,
        now: Timestamp,
    ) -> Bought {
        let order = &checkout.order;
        let start = stamp(None, now);
        let trial_end = order.trial_end.filter(|_| payment.is_none());
        let anchor = trial_end.unwrap_or(start);
        // Beyond the calendar there is no second period; the first then lasts for ever.
        let first = Period::at(anchor, interval, 0).unwrap_or(Period {
            start: anchor,
            end: Timestamp::MAX,
        });
        let (phase, period, next) = match trial_end {
            Some(end) => (Phase::Trialing, Period { start, end }, 0),
            None => (Phase::Active, first, 1),
        };
        let subscription = Subscription {
            id: self.draw_id(Kind::Subscription),
            customer: customer.to_owned(),
            ours: order.customer,
            checkout: order.checkout,
            description: order.description.clone(),
            amount: order.amount,
            quantity: order.quantity,
            price_ref: order.price_ref.clone(),
            interval,
            anchor,
            next,
            charge_at: shifted(period.end, CHARGE_DELAY),
            period,
            trial_end,
            cancel_at: None,
            to_come: None,
            phase,
            stamp: start,
        };
        self.put(subscription.clone());
        let invoice = payment.map(|payment| {
            let purpose = Purpose::Purchase;
            let mut invoice = self.period_invoice(&subscription, first, purpose, now);
            invoice.state = InvoiceState::Paid {
                payment: Some(payment),
            };
            self.put(invoice.clone());
            invoice
        });
        Bought {
            subscription,
            invoice,
        }
    }

    /// An open invoice for one period, or for the rest of one, not kept yet.
    pub(crate) fn period_invoice(
        &mut self,
        subscription: &Subscription,
        period: Period,
        purpose: Purpose,
        now: Timestamp,
    ) -> Invoice {
        let at = stamp(None, now);
        Invoice {
            id: self.draw_id(Kind::Invoice),
            customer: subscription.customer.clone(),
            ours: subscription.ours,
            amount: subscription.amount,
            drawn: 0,
            conversion: None,
            description: subscription.description.clone(),
            purpose: InvoiceFor::Period {
                subscription: subscription.id.clone(),
                period,
                checkout: subscription.checkout,
                purpose: Some(purpose),
            },
            state: InvoiceState::Open,
            failures: 0,
            confirming: None,
            opened_at: Some(at),
            stamp: at,
        }
    }

    pub(crate) fn cancel(&mut self, reference: &str, at_once: bool, now: Timestamp) -> Outcome {
        let Some(mut subscription) = self.get::<Subscription>(reference) else {
            return no_such_subscription();
        };
        if subscription.is_over() {
            return self.tell(&subscription);
        }
        let ends_at = subscription.period.end;
        if at_once || ends_at <= now {
            let subscription = self.end_subscription(subscription, now);
            return self.tell(&subscription);
        }
        if subscription.cancel_at != Some(ends_at) {
            subscription.cancel_at = Some(ends_at);
            subscription = self.changed_at(subscription, "subscription.updated", now);
        }
        self.tell(&subscription)
    }

    /// Takes its end back; one that does not end stays as it is.
    pub(crate) fn uncancel(&mut self, reference: &str, now: Timestamp) -> Outcome {
        let Some(mut subscription) = self.get::<Subscription>(reference) else {
            return no_such_subscription();
        };
        if subscription.is_over() {
            return Outcome::refused(TOO_LATE, "the subscription has ended");
        }
        if subscription.cancel_at.take().is_some() {
            subscription = self.changed_at(subscription, "subscription.updated", now);
        }
        self.tell(&subscription)
    }

    pub(crate) fn pause(&mut self, reference: &str, now: Timestamp) -> Outcome {
        let Some(mut subscription) = self.get::<Subscription>(reference) else {
            return no_such_subscription();
        };
        match subscription.phase {
            Phase::Canceled { .. } => {
                Outcome::refused("subscription_canceled", "the subscription has ended")
            }
            Phase::PastDue { .. } => {
                Outcome::refused("subscription_past_due", "the subscription is owing")
            }
            Phase::Paused => self.tell(&subscription),
            Phase::Trialing | Phase::Active => {
                subscription.phase = Phase::Paused;
                let subscription = self.changed_at(subscription, "subscription.paused", now);
                self.tell(&subscription)
            }
        }
    }

    /// Goes on within the time that is paid or free; after it, a new period
    /// begins at once and is charged at once.
    pub(crate) fn resume(&mut self, reference: &str, now: Timestamp) -> Outcome {
        let Some(mut subscription) = self.get::<Subscription>(reference) else {
            return no_such_subscription();
        };
        match subscription.phase {
            Phase::Canceled { .. } => {
                return Outcome::refused("subscription_canceled", "the subscription has ended");
            }
            Phase::Trialing | Phase::Active | Phase::PastDue { .. } => {
                return self.tell(&subscription);
            }
            Phase::Paused => {}
        }
        let in_trial = subscription.trial_end.is_some_and(|end| now < end);
        subscription.phase = if in_trial {
            Phase::Trialing
        } else {
            Phase::Active
        };
        let run_out = subscription.period.end <= now;
        if run_out {
            subscription.anchor = stamp(None, now);
            subscription.next = 0;
            subscription.charge_at = subscription.anchor;
        }
        let resumed = self.changed_at(subscription, "subscription.resumed", now);
        let subscription = if run_out {
            self.turn(resumed, now)
        } else {
            resumed
        };
        self.tell(&subscription)
    }

    /// How a subscription stands, for an order that only reads it.
    pub(crate) fn read_one(&self, reference: &str) -> Outcome {
        match self.subscriptions.get(reference) {
            Some(subscription) => self.tell(subscription),
            None => no_such_subscription(),
        }
    }

    /// Ends a subscription, takes back what it still owes, and tells both.
    pub(crate) fn end_subscription(
        &mut self,
        mut subscription: Subscription,
        now: Timestamp,
    ) -> Subscription {
        if let Phase::PastDue { invoice, .. } = &subscription.phase
            && let Some(owed) = self.get::<Invoice>(invoice)
        {
            self.void(owed, now);
        }
        subscription.phase = Phase::Canceled {
            at: stamp(Some(subscription.stamp), now),
        };
        self.changed_at(subscription, "subscription.deleted", now)
    }

    /// Keeps a changed subscription and tells it by an event of this kind.
    pub(crate) fn changed_at(
        &mut self,
        mut subscription: Subscription,
        kind: &str,
        now: Timestamp,
    ) -> Subscription {
        subscription.stamp = stamp(Some(subscription.stamp), now);
        self.put(subscription.clone());
        self.tell_subscription(kind, &subscription, now);
        subscription
    }

    pub(crate) fn tell_subscription(
        &mut self,
        kind: &str,
        subscription: &Subscription,
        now: Timestamp,
    ) {
        let fact = self.subscription_fact(subscription);
        self.emit(kind, subscription.stamp, vec![fact], now);
    }

    pub(crate) fn tell(&self, subscription: &Subscription) -> Outcome {
        Outcome::Done {
            facts: vec![self.subscription_fact(subscription)],
        }
    }
}

pub(crate) fn no_such_subscription() -> Outcome {
    Outcome::refused(
        "no_such_subscription",
        "there is no subscription with this id",
    )
}
