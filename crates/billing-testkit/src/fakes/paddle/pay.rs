//! Payments: what a captured or a declined attempt does. Knows no HTTP.

use billing_domain::time::{Period, Timestamp, shifted};

use super::amount::Share;
use super::refusal::Refusal;
use super::things::{
    Bought, Card, Payment, SubscribedItem, Subscription, SubscriptionStatus, Transaction,
    TransactionStatus,
};
use super::world::World;

impl World {
    /// A customer pays in the checkout, or does not get through: whether the
    /// money came. A draft gets a customer and an address first, as the checkout
    /// asks for them.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it cannot be paid.
    pub fn pay(&mut self, id: &str, card: Card, now: Timestamp) -> Result<bool, Refusal> {
        let transaction = self.transaction(id)?;
        if transaction.status == TransactionStatus::Draft {
            self.fill(id, now);
        }
        let transaction = self.transaction(id)?;
        if !transaction.status.is_open() {
            let code = "transaction_not_ready_cannot_process_payment";
            return Err(Refusal::bad(code, "transaction cannot be paid"));
        }
        if let Some(subscription_id) = transaction.subscription_id.clone() {
            self.with_subscription(&subscription_id, now, |subscription| {
                subscription.card = card;
            });
        }
        Ok(self.attempt(id, card, now))
    }

    /// Tries to be paid: whether it worked.
    pub(super) fn attempt(&mut self, id: &str, card: Card, now: Timestamp) -> bool {
        let Some(transaction) = self.transactions.get(id) else {
            return false;
        };
        let amount = transaction.grand_total();
        let captured = amount == 0 || card != Card::Declined;
        let attempt = self.id("payatt");
        let at = self.tick(now);
        // Nothing to take is no attempt.
        if amount > 0 {
            self.with_transaction(id, now, |transaction| {
                transaction.payments.push(Payment {
                    id: attempt,
                    amount,
                    captured,
                    at,
                });
            });
        }
        if !captured {
            self.tell_transaction("transaction.payment_failed", id, now);
            return false;
        }
        let invoice = self.invoice();
        let completes_at = shifted(now, self.rules.processing);
        self.with_transaction(id, now, |transaction| {
            transaction.status = TransactionStatus::Paid;
            transaction.invoice.get_or_insert(invoice);
            transaction.billed_at.get_or_insert(now);
            transaction.completes_at = Some(completes_at);
        });
        self.tell_transaction("transaction.paid", id, now);
        self.take_credit(id);
        self.captured(id, card, now);
        if completes_at <= now {
            self.complete(id, now);
        }
        true
    }

    /// A captured payment is processed.
    pub(super) fn complete(&mut self, id: &str, now: Timestamp) {
        self.with_transaction(id, now, |transaction| {
            transaction.status = TransactionStatus::Completed;
            transaction.completes_at = None;
        });
        self.tell_transaction("transaction.completed", id, now);
    }

    /// A declined payment is owed from now on.
    pub(super) fn owe(&mut self, id: &str, now: Timestamp) {
        self.with_transaction(id, now, |transaction| {
            transaction.status = TransactionStatus::PastDue;
        });
        self.tell_transaction("transaction.past_due", id, now);
    }

    /// What the customer is owed, in minor units.
    #[must_use]
    pub fn balance(&self, customer_id: &str, currency: billing_domain::money::Currency) -> i64 {
        let key = (customer_id.to_owned(), super::render::code(currency));
        self.balances.get(&key).copied().unwrap_or(0)
    }

    /// Moves the customer's balance, in minor units.
    pub(super) fn move_balance(
        &mut self,
        customer_id: &str,
        currency: billing_domain::money::Currency,
        by: i64,
    ) {
        let key = (customer_id.to_owned(), super::render::code(currency));
        let balance = self.balances.entry(key).or_insert(0);
        *balance = balance.saturating_add(by).max(0);
    }

    fn take_credit(&mut self, id: &str) {
        let Some(transaction) = self.transactions.get(id) else {
            return;
        };
        let rest = transaction.credit_to_balance;
        let currency = transaction.currency;
        if let Some(customer) = transaction.customer_id.clone()
            && rest > 0
        {
            self.move_balance(&customer, currency, rest);
        }
    }

    fn captured(&mut self, id: &str, card: Card, now: Timestamp) {
        let Some(transaction) = self.transactions.get(id).cloned() else {
            return;
        };
        let left = match card {
            Card::PaysOnce => Card::Declined,
            Card::Pays | Card::Declined => card,
        };
        let Some(subscription_id) = transaction.subscription_id.clone() else {
            let recurring = |bought: &&Bought| bought.price.interval.is_some();
            if transaction.origin.is_checkout() && transaction.items.iter().any(|b| recurring(&b)) {
                self.subscribe(&transaction, left, now);
            }
            return;
        };
        let Some(subscription) = self.subscriptions.get(&subscription_id) else {
            return;
        };
        let due = subscription.dunning.as_ref();
        let settles = due.is_some_and(|due| due.transaction_id == id);
        let changed = settles || subscription.card != left;
        if !changed {
            return;
        }
        self.with_subscription(&subscription_id, now, |subscription| {
            subscription.card = left;
            if settles {
                subscription.dunning = None;
                if subscription.status == SubscriptionStatus::PastDue {
                    subscription.status = SubscriptionStatus::Active;
                }
            }
        });
        if settles {
            self.tell_subscription("subscription.updated", &subscription_id, now);
        }
    }

    /// A paid transaction with recurring items makes a subscription.
    fn subscribe(&mut self, transaction: &Transaction, card: Card, now: Timestamp) {
        let recurring: Vec<Bought> = transaction
            .items
            .iter()
            .filter(|bought| bought.price.interval.is_some())
            .cloned()
            .collect();
        let interval = recurring.iter().find_map(|bought| bought.price.interval);
        let trial = recurring.iter().find_map(|bought| bought.price.trial);
        let trial = trial.and_then(|trial| Period::at(now, trial, 0).ok());
        let anchor = trial.map_or(now, |trial| trial.end);
        let Some(interval) = interval else {
            return;
        };
        let period = match trial {
            Some(trial) => Some(trial),
            None => Period::at(anchor, interval, 0).ok(),
        };
        let (id, at) = (self.id("sub"), self.tick(now));
        let charged = |bought: &Bought| {
            let lines = &mut transaction.lines.iter();
            let line = lines.find(|line| line.bought.price.id == bought.price.id);
            line.map(|line| (transaction.id.clone(), line.id.clone()))
        };
        let item = |bought: Bought| SubscribedItem {
            charged_by: trial.is_none().then(|| charged(&bought)).flatten(),
            bought,
            created_at: at,
            updated_at: at,
            billed_at: trial.is_none().then_some(now),
        };
        let lasting = transaction
            .discount
            .clone()
            .filter(|discount| discount.recur);
        let discount = lasting.map(|discount| {
            let left = discount.intervals.map(|all| all.saturating_sub(1));
            (discount, left)
        });
        let subscription = Subscription {
            id: id.clone(),
            status: if trial.is_some() {
                SubscriptionStatus::Trialing
            } else {
                SubscriptionStatus::Active
            },
            customer_id: transaction.customer_id.clone().unwrap_or_default(),
            address_id: transaction.address_id.clone().unwrap_or_default(),
            currency: transaction.currency,
            interval,
            anchor,
            turns: u32::from(trial.is_none()),
            period,
            trial,
            scheduled: None,
            items: recurring.into_iter().map(item).collect(),
            custom_data: transaction.custom_data.clone(),
            discount,
            manual: transaction.manual,
            card,
            transaction_id: transaction.id.clone(),
            waiting: Vec::new(),
            waiting_credits: Vec::new(),
            dunning: None,
            charges: Vec::new(),
            created_at: at,
            updated_at: at,
            started_at: now,
            first_billed_at: trial.is_none().then_some(now),
            paused_at: None,
            canceled_at: None,
        };
        self.subscriptions.insert(id.clone(), subscription);
        self.with_transaction(&transaction.id, now, |transaction| {
            transaction.subscription_id = Some(id.clone());
            transaction.period = period;
            for line in &mut transaction.lines {
                line.share = period.map(Share::whole);
            }
        });
        self.tell_subscription("subscription.created", &id, now);
        let kind = if trial.is_some() {
            "subscription.trialing"
        } else {
            "subscription.activated"
        };
        self.tell_subscription(kind, &id, now);
        self.tell_transaction("transaction.updated", &transaction.id, now);
    }
}
