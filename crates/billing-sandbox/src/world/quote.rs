//! Working out what a change of a subscription on our own schedule comes to, by
//! our own books. Changes nothing, so that asking and doing cannot differ.

use billing_domain::effect::{ChangeSubscription, ChangeWhen};
use billing_domain::line::{self, Line, LineKind, Share};
use billing_domain::money::Money;
use billing_domain::proration::{
    self, Dialect, Item, ProrationError, Reason, Side, TaxRate, Zones,
};
use billing_domain::time::{Interval, Period, Timestamp};
use billing_ports::Refusal;

use super::{Costs, Phase, Subscription, World};

/// How a change within a period is prorated: as the provider does it that most
/// hosts will go live with.
const DIALECT: Dialect = Dialect::Stripe;

/// What a change comes to, worked out and not done.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) subscription: Subscription,
    pub(super) costs: Costs,
    pub(super) lines: Vec<Line>,
    /// What is charged at once.
    pub(super) owed: Money,
    /// What is taken from the customer's credit, in minor units.
    pub(super) drawn: i64,
    /// What is added to it, in minor units.
    pub(super) credited: i64,
    /// The time that is paid for by it.
    pub(super) pays_for: Period,
    /// The period that begins with it. `None`: the current one goes on.
    pub(super) restart: Option<Period>,
}

impl World {
    /// What a change comes to by our own books, now that it is asked for.
    pub(super) fn work_out(&self, order: &ChangeSubscription) -> Result<Worked, Refusal> {
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
        let net = line::sum(&worked.lines, currency)
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
        base: Money::new(base, line.amount.currency),
        share: Some(share),
        charged: None,
        amount: line.amount,
        used: None,
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
