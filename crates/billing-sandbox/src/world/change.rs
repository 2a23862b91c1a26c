//! Changing a subscription on our own schedule: what that costs by our own
//! books, and doing it. Asking first and doing it work out the same.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order, Preview};
use billing_domain::invoice::Purpose;
use billing_domain::line::{Line, LineKind, Share};
use billing_domain::money::{Currency, Money};
use billing_domain::proration::{
    self, Dialect, Item, ProrationError, Reason, Side, TaxRate, Zones,
};
use billing_domain::time::{Interval, Period, Timestamp, shifted};
use billing_ports::{PerformError, Refusal};

use super::schedule::CHARGE_DELAY;
use super::subscribe::no_such_subscription;
use super::{Costs, Outcome, Phase, Subscription, World};

/// How a change within a period is prorated.
const DIALECT: Dialect = Dialect::Stripe;

/// What a change comes to, worked out and not done.
#[derive(Debug)]
struct Worked {
    subscription: Subscription,
    costs: Costs,
    lines: Vec<Line>,
    /// What is charged at once.
    owed: Money,
    /// What is taken from the customer's credit, in minor units.
    drawn: i64,
    /// What is added to it, in minor units.
    credited: i64,
    /// The time that is paid for by it.
    pays_for: Period,
    /// The period that begins with it. `None`: the current one goes on.
    restart: Option<Period>,
}

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
            ChangeWhen::NextPeriod => {
                let mut subscription = worked.subscription;
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

    fn work_out(&self, order: &ChangeSubscription) -> Result<Worked, Refusal> {
        let Some(subscription) = self.get::<Subscription>(&order.reference) else {
            return Err(refusal(
                "no_such_subscription",
                "there is no subscription with this id",
            ));
        };
        let interval = changeable(&subscription, order)?;
        let mut worked = Worked {
            costs: Costs {
                description: order.description.clone(),
                amount: order.amount,
                quantity: order.quantity,
                price_ref: order.price_ref.clone(),
                interval,
            },
            lines: Vec::new(),
            owed: Money::zero(order.amount.currency),
            drawn: 0,
            credited: 0,
            pays_for: subscription.period,
            restart: None,
            subscription,
        };
        let ChangeWhen::Prorated { at, quoted } = order.when else {
            return Ok(worked);
        };
        prorate(&mut worked, at)?;
        self.net(&mut worked)?;
        match quoted {
            Some(quoted) if quoted != worked.owed => Err(refusal(
                "quote_stale",
                format!("{} would be charged, not {quoted}", worked.owed),
            )),
            _ => Ok(worked),
        }
    }

    /// Sums the lines: what is owed after the customer's credit, or what is added to it.
    fn net(&self, worked: &mut Worked) -> Result<(), Refusal> {
        let currency = worked.owed.currency;
        let net = billing_domain::line::sum(&worked.lines, currency)
            .map_err(|error| refusal("amount_too_large", error.to_string()))?;
        let credit = self.credit(&worked.subscription.customer, currency);
        worked.credited = net.amount.min(0).saturating_neg();
        worked.drawn = net.amount.max(0).min(credit);
        let owed = net.amount.max(0).saturating_sub(worked.drawn);
        worked.owed = Money::new(owed, currency);
        if worked.drawn > 0 {
            let drawn = Money::new(worked.drawn.saturating_neg(), currency);
            let line = Line::whole(LineKind::Balance, None, 1, drawn);
            worked.lines.push(line);
        }
        Ok(())
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

/// Whether it can be changed like this; answers how often it is charged then.
fn changeable(held: &Subscription, order: &ChangeSubscription) -> Result<Interval, Refusal> {
    let at_a_price = matches!(order.when, ChangeWhen::Prorated { .. });
    match held.phase {
        Phase::Canceled { .. } => {
            return Err(refusal(
                "subscription_canceled",
                "the subscription has ended",
            ));
        }
        Phase::PastDue { .. } if at_a_price => {
            return Err(refusal(
                "subscription_past_due",
                "the subscription is owing",
            ));
        }
        Phase::Paused if at_a_price => {
            return Err(refusal("subscription_paused", "the subscription is paused"));
        }
        Phase::Trialing | Phase::Active | Phase::PastDue { .. } | Phase::Paused => {}
    }
    if order.amount.currency != held.amount.currency {
        let message = "a subscription keeps its currency";
        return Err(refusal("currency_mismatch", message));
    }
    if order.amount.amount < 0 {
        let message = "a price is not below nothing";
        return Err(refusal("amount_too_small", message));
    }
    if order.quantity == 0 {
        let message = "a subscription is for at least one piece";
        return Err(refusal("no_quantity", message));
    }
    let message = "what is bought once is no subscription";
    order
        .interval
        .ok_or_else(|| refusal("not_recurring", message))
}

/// Works out the lines of a change at `at`. A trial is free, whatever it is a trial of.
fn prorate(worked: &mut Worked, at: Timestamp) -> Result<(), Refusal> {
    let held = &worked.subscription;
    if matches!(held.phase, Phase::Trialing) {
        return Ok(());
    }
    let costs = &worked.costs;
    if costs.interval != held.interval {
        let period = Period::at(at, costs.interval, 0);
        let period = period.map_err(|error| refusal("outside_calendar", error.to_string()))?;
        worked.restart = Some(period);
    }
    let ends = [Item::new(held.amount, 1)];
    let begins = [Item {
        period: worked.restart,
        ..Item::new(costs.amount, 1)
    }];
    let change = proration::Change {
        period: Some(held.period),
        at,
        ends: &ends,
        begins: &begins,
        tax: TaxRate::default(),
        zones: Zones::default(),
    };
    let prorated = proration::prorate(&change, DIALECT.choices()).map_err(unprorated)?;
    let lines = prorated.lines.iter().map(|line| explained(line, worked));
    let lines = lines.collect::<Result<_, Refusal>>()?;
    worked.lines = lines;
    worked.pays_for = worked.restart.unwrap_or(Period {
        start: at,
        end: worked.subscription.period.end,
    });
    Ok(())
}

/// A line of the proration, in the words of a quote. Its base has the sign of its
/// side, so that base × share is the amount.
fn explained(line: &proration::Line, worked: &Worked) -> Result<Line, Refusal> {
    let currency: Currency = line.amount.currency;
    let (kind, quantity) = match line.reason {
        Reason::Begins if worked.restart.is_some() => (LineKind::Plan, worked.costs.quantity),
        Reason::Begins | Reason::Used => (LineKind::Begins, worked.costs.quantity),
        Reason::Unused | Reason::UnusedOfDebit | Reason::HeldToPaid | Reason::ChargedLessUsed => {
            (LineKind::Unused, worked.subscription.quantity)
        }
        Reason::Difference => (LineKind::Difference, worked.costs.quantity),
        Reason::Discount => (LineKind::Discount, worked.costs.quantity),
    };
    if kind == LineKind::Plan {
        return Ok(Line::whole(kind, None, quantity, line.amount));
    }
    let share = u64::try_from(line.counted.part)
        .and_then(|part| u64::try_from(line.counted.whole).map(|whole| Share { part, whole }));
    let share = share.map_err(|error| refusal("outside_calendar", error.to_string()))?;
    let base = match line.side {
        Side::Credit => line.base.saturating_neg(),
        Side::Charge => line.base,
    };
    Ok(Line {
        kind,
        plan: None,
        quantity,
        base: Money::new(base, currency),
        share: Some(share),
        charged: None,
        amount: line.amount,
    })
}

fn unprorated(error: ProrationError) -> Refusal {
    let code = match error {
        ProrationError::ChangeOutsidePeriod => "outside_period",
        ProrationError::Money(_) => "amount_too_large",
        ProrationError::Nothing
        | ProrationError::Amount
        | ProrationError::EmptyPeriod
        | ProrationError::PartOutsidePeriod => "not_prorated",
    };
    refusal(code, error.to_string())
}

fn refusal(code: &str, message: impl Into<String>) -> Refusal {
    Refusal {
        code: code.to_owned(),
        message: message.into(),
    }
}
