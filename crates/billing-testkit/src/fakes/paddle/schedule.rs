//! What happens by itself: processing, renewals, attempts to be paid, and
//! changes that were scheduled. Knows no HTTP.

use billing_domain::time::{Period, Timestamp, shifted};

use super::refusal::Refusal;
use super::sell::Draft;
use super::things::{
    Action, AdjustmentStatus, Bought, Card, Dunning, Line, Origin, Scheduled, Subscription,
    SubscriptionStatus, Transaction, TransactionStatus,
};
use super::world::{Exhausted, World};

/// One thing that is due.
enum Due {
    Completes(String),
    Scheduled(String, Scheduled),
    Renews(String),
    Retries(String),
}

impl World {
    /// When something happens by itself next. `None`: nothing will.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.first_due().map(|(at, _)| at)
    }

    /// Does the first thing that is due by `now`, at its own instant or at
    /// `now`: whether there was one.
    pub fn run_one(&mut self, now: Timestamp) -> bool {
        match self.first_due() {
            Some((at, due)) if at <= now => {
                match due {
                    Due::Completes(id) => self.complete(&id, at),
                    Due::Scheduled(id, scheduled) => self.effect(&id, scheduled, at),
                    Due::Renews(id) => self.renew(&id, at),
                    Due::Retries(id) => self.retry(&id, at),
                }
                true
            }
            Some(_) | None => false,
        }
    }

    fn first_due(&self) -> Option<(Timestamp, Due)> {
        let completes = self.transactions.values().filter_map(|one| {
            let waits = one.status == TransactionStatus::Paid;
            let at = one.completes_at.filter(|_| waits)?;
            Some((at, Due::Completes(one.id.clone())))
        });
        let subscriptions = self.subscriptions.values();
        let others = subscriptions.filter_map(|one| self.due_of(one));
        completes.chain(others).min_by_key(|(at, _)| *at)
    }

    fn due_of(&self, one: &Subscription) -> Option<(Timestamp, Due)> {
        let scheduled = one
            .scheduled
            .map(|scheduled| (scheduled.at, Due::Scheduled(one.id.clone(), scheduled)));
        match one.status {
            SubscriptionStatus::Canceled => None,
            SubscriptionStatus::Paused => scheduled,
            SubscriptionStatus::PastDue => {
                let dunning = one.dunning.as_ref();
                let retry = dunning.and_then(|dunning| {
                    let after = self.rules.retries.get(dunning.tries)?;
                    let at = shifted(dunning.since, *after);
                    Some((at, Due::Retries(one.id.clone())))
                });
                scheduled.into_iter().chain(retry).min_by_key(|(at, _)| *at)
            }
            SubscriptionStatus::Trialing | SubscriptionStatus::Active => {
                let renews = one.next_billed_at();
                let renews = renews.map(|at| (at, Due::Renews(one.id.clone())));
                scheduled.or(renews)
            }
        }
    }

    /// A scheduled change takes effect.
    pub(super) fn effect(&mut self, id: &str, scheduled: Scheduled, now: Timestamp) {
        match scheduled.action {
            Action::Cancel => self.end(id, now),
            Action::Pause => {
                let resume = scheduled.resume_at.map(|at| Scheduled {
                    action: Action::Resume,
                    at,
                    resume_at: None,
                    same_period: scheduled.same_period,
                });
                self.hold(id, resume, now);
            }
            Action::Resume => self.go_on(id, scheduled.same_period, now),
        }
    }

    /// A subscription ends.
    pub(super) fn end(&mut self, id: &str, now: Timestamp) {
        let due = self.subscriptions.get(id);
        let due = due.and_then(|one| one.dunning.as_ref());
        let due = due.map(|dunning| dunning.transaction_id.clone());
        self.with_subscription(id, now, |subscription| {
            subscription.status = SubscriptionStatus::Canceled;
            subscription.scheduled = None;
            subscription.canceled_at = Some(now);
            subscription.paused_at = None;
            subscription.period = None;
            subscription.dunning = None;
            subscription.waiting.clear();
            subscription.waiting_credits.clear();
        });
        self.tell_subscription("subscription.updated", id, now);
        self.tell_subscription("subscription.canceled", id, now);
        if let Some(transaction_id) = due {
            self.give_up(&transaction_id, now);
        }
    }

    /// A subscription is paused.
    pub(super) fn hold(&mut self, id: &str, resume: Option<Scheduled>, now: Timestamp) {
        self.with_subscription(id, now, |subscription| {
            subscription.status = SubscriptionStatus::Paused;
            subscription.paused_at = Some(now);
            subscription.scheduled = resume;
        });
        self.tell_subscription("subscription.updated", id, now);
        self.tell_subscription("subscription.paused", id, now);
    }

    /// A paused subscription goes on: in its old period where that still runs
    /// and is asked for, else in a new one that is billed at once.
    pub(super) fn go_on(&mut self, id: &str, same_period: bool, now: Timestamp) {
        let runs = self.subscriptions.get(id).is_some_and(|one| {
            let ahead = one.period.is_some_and(|period| period.end > now);
            same_period && ahead
        });
        self.with_subscription(id, now, |subscription| {
            subscription.status = SubscriptionStatus::Active;
            subscription.paused_at = None;
            subscription.scheduled = None;
            if !runs {
                subscription.anchor = now;
                subscription.turns = 0;
                // The new period begins with the bill for it.
                subscription.period = Some(Period {
                    start: now,
                    end: now,
                });
            }
        });
        if !runs {
            self.turn(id, now);
        }
        self.tell_subscription("subscription.updated", id, now);
        self.tell_subscription("subscription.resumed", id, now);
        if !runs {
            self.collect(id, now);
        }
    }

    /// A period ends, and the next one begins with a bill.
    pub(super) fn renew(&mut self, id: &str, now: Timestamp) {
        let tried = self.subscriptions.get(id);
        let tried = tried.is_some_and(|one| one.status == SubscriptionStatus::Trialing);
        self.with_subscription(id, now, |subscription| {
            subscription.status = SubscriptionStatus::Active;
        });
        self.turn(id, now);
        // Active, in a later period, and not paid: no proof of payment.
        self.tell_subscription("subscription.updated", id, now);
        if tried {
            self.tell_subscription("subscription.activated", id, now);
        }
        self.collect(id, now);
    }

    /// Moves on to the next period.
    fn turn(&mut self, id: &str, now: Timestamp) {
        self.with_subscription(id, now, |subscription| {
            let next = Period::at(
                subscription.anchor,
                subscription.interval,
                subscription.turns,
            );
            subscription.turns = subscription.turns.saturating_add(1);
            subscription.period = next.ok();
            subscription.first_billed_at.get_or_insert(now);
            for item in &mut subscription.items {
                item.billed_at = Some(now);
            }
        });
    }

    /// Bills the running period.
    fn collect(&mut self, id: &str, now: Timestamp) {
        let Some(subscription) = self.subscriptions.get(id).cloned() else {
            return;
        };
        let bill = self.next_bill(&subscription, subscription.period);
        let currency = subscription.currency;
        let transaction_id = self.open(
            Draft {
                origin: Origin::Recurring,
                subscription_id: Some(id.to_owned()),
                customer_id: Some(subscription.customer_id.clone()),
                address_id: Some(subscription.address_id.clone()),
                custom_data: subscription.custom_data.clone(),
                currency,
                items: bill.items,
                lines: bill.lines.clone(),
                period: subscription.period,
                discount: subscription.discount.as_ref().map(|(one, _)| one.clone()),
                credit: bill.credit,
                manual: subscription.manual,
                page: self.rules.checkout_page.clone(),
            },
            now,
        );
        if bill.from_balance > 0 {
            let taken = bill.from_balance.saturating_neg();
            self.move_balance(&subscription.customer_id, currency, taken);
        }
        self.with_subscription(id, now, |subscription| {
            let lines = bill.lines.iter();
            for (item, line) in subscription.items.iter_mut().zip(lines) {
                item.charged_by = Some((transaction_id.clone(), line.id.clone()));
            }
            subscription.waiting.clear();
            subscription.waiting_credits.clear();
            if let Some((discount, left)) = subscription.discount.take() {
                let left = left.map(|left| left.saturating_sub(1));
                subscription.discount = (left != Some(0)).then_some((discount, left));
            }
        });
        if subscription.manual {
            self.with_transaction(&transaction_id, now, |transaction| {
                transaction.status = TransactionStatus::Billed;
                transaction.billed_at = Some(now);
            });
            self.tell_transaction("transaction.billed", &transaction_id, now);
            return;
        }
        if !self.attempt(&transaction_id, subscription.card, now) {
            self.fall_behind(id, &transaction_id, now);
        }
    }

    /// A charge was declined: it is owed, and tried again later.
    pub(super) fn fall_behind(&mut self, id: &str, transaction_id: &str, now: Timestamp) {
        self.owe(transaction_id, now);
        self.with_subscription(id, now, |subscription| {
            subscription.status = SubscriptionStatus::PastDue;
            subscription.dunning = Some(Dunning {
                transaction_id: transaction_id.to_owned(),
                since: now,
                tries: 0,
            });
        });
        self.tell_subscription("subscription.updated", id, now);
        self.tell_subscription("subscription.past_due", id, now);
        if self.rules.retries.is_empty() {
            self.exhaust(id, now);
        }
    }

    fn retry(&mut self, id: &str, now: Timestamp) {
        let Some(subscription) = self.subscriptions.get_mut(id) else {
            return;
        };
        let card = subscription.card;
        let Some(dunning) = subscription.dunning.as_mut() else {
            return;
        };
        dunning.tries = dunning.tries.saturating_add(1);
        let last = dunning.tries >= self.rules.retries.len();
        let transaction_id = dunning.transaction_id.clone();
        if !self.attempt(&transaction_id, card, now) && last {
            self.exhaust(id, now);
        }
    }

    fn exhaust(&mut self, id: &str, now: Timestamp) {
        match self.rules.exhausted {
            Exhausted::Cancel => self.end(id, now),
            Exhausted::Pause => self.hold(id, None, now),
        }
    }

    /// What the next renewal of `subscription` asks for.
    pub(super) fn next_bill(
        &mut self,
        subscription: &Subscription,
        period: Option<Period>,
    ) -> NextBill {
        let items = subscription.items.iter();
        let mut items: Vec<Bought> = items.map(|item| item.bought.clone()).collect();
        let discount = subscription.discount.as_ref().map(|(one, _)| one.clone());
        let mut lines = self.lines(&items, discount.as_ref(), false, period);
        for line in &subscription.waiting {
            items.push(line.bought.clone());
            lines.push(line.clone());
        }
        let total = lines
            .iter()
            .fold(0_i64, |sum, line| sum.saturating_add(line.totals.total));
        let waiting = subscription.waiting_credits.iter();
        let waiting = waiting.fold(0_i64, |sum, credit| sum.saturating_add(credit.totals.total));
        let balance = self.balance(&subscription.customer_id, subscription.currency);
        let from_balance = balance.min(total.saturating_sub(waiting).max(0));
        NextBill {
            items,
            lines,
            credit: waiting.saturating_add(from_balance),
            from_balance,
        }
    }

    /// Whether a refund of `transaction` waits for a decision.
    pub(super) fn waits_for_refund(&self, transaction: &Transaction) -> bool {
        self.adjustments.values().any(|one| {
            one.transaction_id == transaction.id && one.status == AdjustmentStatus::PendingApproval
        })
    }

    /// Changes what a subscription is paid with, as its customer does.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such subscription.
    pub fn set_card(&mut self, id: &str, card: Card) -> Result<(), Refusal> {
        let found = self.subscriptions.get_mut(id);
        found.ok_or_else(|| Refusal::not_found(id))?.card = card;
        Ok(())
    }
}

/// What a renewal asks for.
#[derive(Debug)]
pub(super) struct NextBill {
    pub(super) items: Vec<Bought>,
    pub(super) lines: Vec<Line>,
    /// Credits to use, in minor units.
    pub(super) credit: i64,
    /// How much of them is the customer's balance.
    pub(super) from_balance: i64,
}
