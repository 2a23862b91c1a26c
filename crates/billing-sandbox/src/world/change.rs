//! Changing a subscription on our own schedule: asking what that costs, doing it
//! at once, having it come with the next period, and taking that back.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order, Preview, TOO_LATE};
use billing_domain::invoice::Purpose;
use billing_domain::money::Money;
use billing_domain::time::{Period, Timestamp, shifted};
use billing_ports::{PerformError, Refusal};

use super::quote::Worked;
use super::schedule::CHARGE_DELAY;
use super::subscribe::no_such_subscription;
use super::{Costs, Outcome, Subscription, World};

impl World {
    /// Says what a change would cost, and changes nothing.
    pub(crate) fn preview(
        &self,
        order: &ChangeSubscription,
    ) -> Result<Result<Preview, Refusal>, PerformError> {
        self.check(&Order::ChangeSubscription(order.clone()))?;
        Ok(self.work_out(order).map(|worked| Preview {
            lines: worked.lines,
            owed: worked.owed,
            pinned: true,
        }))
    }

    pub(crate) fn change_subscription(
        &mut self,
        order: &ChangeSubscription,
        now: Timestamp,
    ) -> Outcome {
        let worked = match self.work_out(order) {
            Ok(worked) => worked,
            Err(refusal) => return Outcome::refused(&refusal.code, refusal.message),
        };
        match order.when {
            ChangeWhen::Prorated { .. } => self.charge_change(worked, now),
            ChangeWhen::Unbilled => {
                let mut subscription = worked.subscription;
                subscription.to_come = None;
                // The period that is paid goes on; another length begins after it.
                subscription.cost_from_next(worked.costs);
                let changed = self.changed_at(subscription, "subscription.updated", now);
                self.tell(&changed)
            }
            ChangeWhen::NextPeriod { at } => {
                let mut subscription = worked.subscription;
                if at.is_some_and(|at| subscription.period.start >= at) {
                    let why = "the period with which it was to come has begun";
                    return Outcome::refused(TOO_LATE, why);
                }
                subscription.to_come = Some(worked.costs);
                // What it is now has not changed, so nothing is told.
                self.put(subscription.clone());
                self.tell(&subscription)
            }
        }
    }

    /// Forgets what was to come with the next period.
    pub(crate) fn undo_change(&mut self, reference: &str) -> Outcome {
        let Some(mut subscription) = self.get::<Subscription>(reference) else {
            return no_such_subscription();
        };
        if subscription.to_come.take().is_some() {
            self.put(subscription.clone());
        }
        self.tell(&subscription)
    }

    /// Charges what is owed, and changes the subscription; or neither.
    fn charge_change(&mut self, worked: Worked, now: Timestamp) -> Outcome {
        let mut subscription = worked.subscription;
        if !worked.owed.is_zero() && !self.card_pays(&subscription.customer) {
            return Outcome::refused("card_declined", "the card on file was declined");
        }
        let moved = worked.credited.saturating_sub(worked.drawn);
        let moved = Money::new(moved, worked.owed.currency);
        self.move_credit(&subscription.customer, moved);
        subscription.to_come = None;
        subscription.cost_from_next(worked.costs);
        if let Some(period) = worked.restart {
            subscription.anchor = period.start;
            subscription.next = 1;
            subscription.period = period;
            subscription.charge_at = shifted(period.end, CHARGE_DELAY);
            if subscription.cancel_at.is_some() {
                subscription.cancel_at = Some(period.end);
            }
        }
        let subscription = self.changed_at(subscription, "subscription.updated", now);
        let mut invoice = self.period_invoice(&subscription, worked.pays_for, Purpose::Change, now);
        invoice.amount = worked.owed;
        invoice.drawn = worked.drawn;
        let invoice = self.settle(invoice, now);
        Outcome::Done {
            facts: vec![
                self.subscription_fact(&subscription),
                self.invoice_fact(&invoice),
            ],
        }
    }
}

impl Subscription {
    /// Costs this from now on; a period of another length begins after the current one.
    pub(crate) fn cost_from_next(&mut self, costs: Costs) {
        if costs.interval != self.interval {
            let next = Period::at(self.anchor, self.interval, self.next);
            self.anchor = next.map_or(self.period.end, |next| next.start);
            self.next = 0;
        }
        self.description = costs.description;
        self.amount = costs.amount;
        self.quantity = costs.quantity;
        self.price_ref = Some(costs.price_ref);
        self.interval = costs.interval;
    }
}
