//! Previews: what a change would ask for now and at the next renewal. Works on
//! a copy of the world, so that nothing is changed.

use billing_domain::money::Currency;
use billing_domain::time::{Period, Timestamp};
use serde_json::{Value, json};

use super::amount::Totals;
use super::change::Plan;
use super::refusal::Refusal;
use super::render::{self, Sums};
use super::things::{Credit, Line, Subscription};
use super::world::World;

impl World {
    /// `PATCH /subscriptions/{id}/preview`.
    pub(super) fn preview_update(
        &self,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let mut copy = self.clone();
        let plan = copy.plan(id, body, now)?;
        Ok(copy.show(plan, now))
    }

    /// `POST /subscriptions/{id}/charge/preview`.
    pub(super) fn preview_charge(
        &self,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let mut copy = self.clone();
        let plan = copy.charge_plan(id, body, now)?;
        Ok(copy.show(plan, now))
    }

    /// `GET /subscriptions/{id}` with what is included.
    pub(super) fn show_subscription(
        &self,
        subscription: &Subscription,
        includes: &[&str],
    ) -> Value {
        let mut shown = render::subscription(self, subscription);
        for include in includes {
            match *include {
                "next_transaction" => {
                    shown["next_transaction"] = self.clone().next_transaction(subscription);
                }
                "recurring_transaction_details" => {
                    shown["recurring_transaction_details"] = self.clone().recurring(subscription);
                }
                _ => {}
            }
        }
        shown
    }

    fn show(&mut self, plan: Plan, now: Timestamp) -> Value {
        let credit = plan.credit();
        let Plan {
            mut after,
            lines,
            credits,
            now: at_once,
            ..
        } = plan;
        let currency = after.currency;
        let charge = sum(&lines).total;
        let bills = !(lines.is_empty() && credits.is_empty());
        let immediate = if bills && at_once {
            self.immediate(&after, &lines, &credits, now)
        } else {
            Value::Null
        };
        if bills && !at_once {
            after.waiting.extend(lines);
            after.waiting_credits.extend(credits);
        }
        let mut shown = render::subscription(self, &after);
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("id");
        }
        shown["recurring_transaction_details"] = self.recurring(&after);
        shown["next_transaction"] = self.next_transaction(&after);
        shown["immediate_transaction"] = immediate;
        shown["update_summary"] = if bills {
            summary(credit, charge, currency)
        } else {
            Value::Null
        };
        shown
    }

    fn immediate(
        &self,
        after: &Subscription,
        lines: &[Line],
        credits: &[Credit],
        now: Timestamp,
    ) -> Value {
        let end = after.period.map_or(now, |period| period.end.max(now));
        let period = Period { start: now, end };
        let credit = credits
            .iter()
            .fold(0_i64, |sum, one| sum.saturating_add(one.totals.total));
        let sums = sums(sum(lines), credit);
        render::bill(self, period, lines, sums, credits, after.currency)
    }

    fn next_transaction(&mut self, subscription: &Subscription) -> Value {
        if subscription.next_billed_at().is_none() {
            return Value::Null;
        }
        let next = Period::at(
            subscription.anchor,
            subscription.interval,
            subscription.turns,
        );
        let Ok(period) = next else {
            return Value::Null;
        };
        let bill = self.next_bill(subscription, Some(period));
        let sums = sums(sum(&bill.lines), bill.credit);
        let credits = &subscription.waiting_credits;
        render::bill(
            self,
            period,
            &bill.lines,
            sums,
            credits,
            subscription.currency,
        )
    }

    fn recurring(&mut self, subscription: &Subscription) -> Value {
        let items = subscription.items.iter();
        let items: Vec<_> = items.map(|item| item.bought.clone()).collect();
        let discount = subscription.discount.as_ref().map(|(one, _)| one.clone());
        let lines = self.lines(&items, discount.as_ref(), false, subscription.period);
        let sums = sums(sum(&lines), 0);
        render::planned_details(self, &lines, sums, subscription.currency)
    }
}

fn sum(lines: &[Line]) -> Totals {
    let lines = lines.iter();
    lines.fold(Totals::default(), |sum, line| sum.plus(line.totals))
}

fn sums(totals: Totals, credit: i64) -> Sums {
    let used = credit.min(totals.total);
    let sums = Sums {
        totals,
        credit: used,
        credit_to_balance: credit.saturating_sub(used),
        balance: 0,
        fee: None,
    };
    Sums {
        balance: sums.grand_total(),
        ..sums
    }
}

fn summary(credit: i64, charge: i64, currency: Currency) -> Value {
    let code = render::code(currency);
    let of = |amount: i64| json!({"amount": amount.to_string(), "currency_code": code});
    let (action, amount) = if charge >= credit {
        ("charge", charge.saturating_sub(credit))
    } else {
        ("credit", credit.saturating_sub(charge))
    };
    let mut result = of(amount);
    result["action"] = Value::from(action);
    json!({"credit": of(credit), "charge": of(charge), "result": result})
}
