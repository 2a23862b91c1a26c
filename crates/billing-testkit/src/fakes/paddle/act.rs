//! Cancel, pause, resume, activate, charge, and the transaction for a new
//! payment method. Knows no HTTP.

use billing_domain::time::{Period, Timestamp};
use serde_json::Value;

use super::amount::{Share, Totals};
use super::change::{Plan, count_charge, declined_payment, locked};
use super::read;
use super::refusal::Refusal;
use super::sell::{Draft, is_too_little, one_currency};
use super::things::{Action, Bought, Line, Origin, Scheduled, Subscription, SubscriptionStatus};
use super::world::World;

impl World {
    /// `POST /subscriptions/{id}/cancel`.
    pub(super) fn cancel(&mut self, id: &str, body: &Value, now: Timestamp) -> Result<(), Refusal> {
        let subscription = self.living(id)?.clone();
        let at_once = read::maybe(body, "effective_from")? == Some("immediately");
        if at_once {
            self.end(id, now);
            return Ok(());
        }
        if subscription.status == SubscriptionStatus::Paused {
            let detail = "a paused subscription can only be canceled immediately";
            return Err(Refusal::bad("subscription_cannot_be_paused", detail));
        }
        self.schedule(&subscription, Action::Cancel, None, false, now)
    }

    /// `POST /subscriptions/{id}/pause`.
    pub(super) fn pause(&mut self, id: &str, body: &Value, now: Timestamp) -> Result<(), Refusal> {
        let subscription = self.living(id)?.clone();
        if subscription.status == SubscriptionStatus::Paused {
            let detail = "subscription is paused";
            return Err(Refusal::bad("subscription_cannot_be_paused", detail));
        }
        let resume_at = read::instant(body, "resume_at")?;
        if resume_at.is_some_and(|at| at <= now) {
            return Err(Refusal::field("resume_at", "must be in the future"));
        }
        let same_period = continues(body)?;
        let ends = subscription.period.map(|period| period.end);
        if same_period && resume_at.zip(ends).is_some_and(|(at, ends)| at > ends) {
            return Err(period_is_over());
        }
        if read::maybe(body, "effective_from")? == Some("immediately") {
            let resume = resume_at.map(|at| Scheduled {
                action: Action::Resume,
                at,
                resume_at: None,
                same_period,
            });
            self.hold(id, resume, now);
            return Ok(());
        }
        self.schedule(&subscription, Action::Pause, resume_at, same_period, now)
    }

    /// `POST /subscriptions/{id}/resume`.
    pub(super) fn resume(&mut self, id: &str, body: &Value, now: Timestamp) -> Result<(), Refusal> {
        let subscription = self.living(id)?.clone();
        let pauses = subscription
            .scheduled
            .filter(|scheduled| scheduled.action == Action::Pause);
        let same_period = continues(body)?;
        let from = read::maybe(body, "effective_from")?.unwrap_or("immediately");
        let at = match from {
            "immediately" => None,
            _ => read::instant(body, "effective_from")?,
        };
        if subscription.status != SubscriptionStatus::Paused {
            let (Some(pauses), Some(at)) = (pauses, at) else {
                let detail = "action can only be performed on paused subscription";
                return Err(Refusal::bad("subscription_must_be_paused", detail));
            };
            self.with_subscription(id, now, |subscription| {
                subscription.scheduled = Some(Scheduled {
                    resume_at: Some(at),
                    same_period,
                    ..pauses
                });
            });
            self.tell_subscription("subscription.updated", id, now);
            return Ok(());
        }
        let ends = subscription.period.map(|period| period.end);
        if same_period && ends.is_some_and(|ends| at.unwrap_or(now) > ends) {
            return Err(period_is_over());
        }
        match at {
            None => self.go_on(id, same_period, now),
            Some(at) => {
                self.with_subscription(id, now, |subscription| {
                    subscription.scheduled = Some(Scheduled {
                        action: Action::Resume,
                        at,
                        resume_at: None,
                        same_period,
                    });
                });
                self.tell_subscription("subscription.updated", id, now);
            }
        }
        Ok(())
    }

    /// `POST /subscriptions/{id}/activate`: a trial ends at once, and is billed.
    pub(super) fn activate(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let subscription = self.living(id)?;
        if subscription.status != SubscriptionStatus::Trialing {
            let detail = "only a trial can be activated";
            return Err(Refusal::bad("subscription_cannot_activate", detail));
        }
        self.with_subscription(id, now, |subscription| {
            subscription.anchor = now;
            subscription.turns = 0;
        });
        self.renew(id, now);
        Ok(())
    }

    /// `POST /subscriptions/{id}/charge`.
    pub(super) fn charge(&mut self, id: &str, body: &Value, now: Timestamp) -> Result<(), Refusal> {
        let mut plan = self.charge_plan(id, body, now)?;
        if !plan.now {
            self.with_subscription(id, now, |subscription| {
                subscription.waiting.append(&mut plan.lines);
            });
            self.tell_subscription("subscription.updated", id, now);
            return Ok(());
        }
        let mut counted = plan.after.clone();
        count_charge(&mut counted, now)?;
        let (transaction_id, paid) = self.charge_now(&plan, Origin::Charge, now);
        if !paid && !plan.apply_anyway {
            self.give_up(&transaction_id, now);
            return Err(declined_payment());
        }
        self.with_subscription(id, now, |subscription| {
            subscription.charges = counted.charges;
        });
        if !paid {
            self.fall_behind(id, &transaction_id, now);
        }
        Ok(())
    }

    /// What a charge beside the items would do.
    pub(super) fn charge_plan(
        &mut self,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Plan, Refusal> {
        let subscription = self.living(id)?.clone();
        let behind = [SubscriptionStatus::Paused, SubscriptionStatus::PastDue];
        if behind.contains(&subscription.status) {
            let detail = "action requires the subscription to be active";
            return Err(Refusal::bad("subscription_not_active", detail));
        }
        locked(&subscription, now)?;
        let at_once = match read::text(body, "effective_from")? {
            "immediately" => true,
            "next_billing_period" => false,
            _ => return Err(Refusal::field("effective_from", "unknown value")),
        };
        if !at_once && subscription.scheduled.is_some() {
            return Err(pending());
        }
        let items = self.items(body.get("items"), now)?;
        if items.iter().any(|bought| bought.price.interval.is_some()) {
            let detail = "only one-time items can be charged";
            return Err(Refusal::bad("subscription_new_items_not_valid", detail));
        }
        if one_currency(&items)? != subscription.currency {
            let message = "prices have another currency than the subscription";
            return Err(Refusal::field("items", message));
        }
        let lines = self.lines(&items, None, false, subscription.period);
        let total = lines
            .iter()
            .fold(0_i64, |sum, line| sum.saturating_add(line.totals.total));
        if at_once && is_too_little(total) {
            let code = "subscription_update_transaction_balance_less_than_charge_limit";
            return Err(Refusal::bad(code, "less than can be charged"));
        }
        Ok(Plan {
            after: subscription,
            differs: true,
            lines,
            credits: Vec::new(),
            now: at_once,
            apply_anyway: read::maybe(body, "on_payment_failure")? == Some("apply_change"),
        })
    }

    /// `GET /subscriptions/{id}/update-payment-method-transaction`: the overdue
    /// transaction, or a new one of nothing.
    pub(super) fn payment_method(&mut self, id: &str, now: Timestamp) -> Result<String, Refusal> {
        let subscription = self.living(id)?.clone();
        if subscription.manual {
            let code = "subscription_not_automatic_collection";
            return Err(Refusal::bad(code, "invoices need no payment method"));
        }
        if let Some(dunning) = subscription.dunning {
            return Ok(dunning.transaction_id);
        }
        let items = subscription.items.iter();
        let items: Vec<Bought> = items.map(|item| item.bought.clone()).collect();
        let period = subscription.period.unwrap_or(Period {
            start: now,
            end: now,
        });
        let mut lines: Vec<Line> = self.lines(&items, None, false, Some(period));
        for line in &mut lines {
            line.unit = Totals::default();
            line.totals = Totals::default();
            line.share = Some(Share {
                rate: "0".to_owned(),
                period,
            });
        }
        Ok(self.open(
            Draft {
                origin: Origin::PaymentMethod,
                subscription_id: Some(id.to_owned()),
                customer_id: Some(subscription.customer_id),
                address_id: Some(subscription.address_id),
                custom_data: subscription.custom_data,
                currency: subscription.currency,
                items,
                lines,
                period: subscription.period,
                discount: None,
                credit: 0,
                manual: false,
                page: self.rules.checkout_page.clone(),
            },
            now,
        ))
    }

    /// A subscription that has not ended.
    pub(super) fn living(&self, id: &str) -> Result<&Subscription, Refusal> {
        let subscription = self.subscription(id)?;
        if subscription.status == SubscriptionStatus::Canceled {
            let detail = "action cannot be performed on canceled subscription";
            return Err(Refusal::bad(
                "subscription_is_canceled_action_invalid",
                detail,
            ));
        }
        Ok(subscription)
    }

    fn schedule(
        &mut self,
        subscription: &Subscription,
        action: Action,
        resume_at: Option<Timestamp>,
        same_period: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if subscription.scheduled.is_some() {
            return Err(pending());
        }
        locked(subscription, now)?;
        let Some(period) = subscription.period else {
            return Err(Refusal::bad(
                "subscription_not_active",
                "there is no period",
            ));
        };
        self.with_subscription(&subscription.id, now, |subscription| {
            subscription.scheduled = Some(Scheduled {
                action,
                at: period.end,
                resume_at,
                same_period,
            });
        });
        self.tell_subscription("subscription.updated", &subscription.id, now);
        Ok(())
    }
}

fn continues(body: &Value) -> Result<bool, Refusal> {
    Ok(read::maybe(body, "on_resume")? == Some("continue_existing_billing_period"))
}

fn pending() -> Refusal {
    let detail = "cannot update subscription, as it has pending scheduled changes";
    Refusal::bad("subscription_locked_pending_changes", detail)
}

fn period_is_over() -> Refusal {
    let code = "subscription_continuing_existing_billing_period_not_allowed";
    let detail = "Subscription existing billing period has ended, so it cannot be continued.";
    Refusal::bad(code, detail)
}
