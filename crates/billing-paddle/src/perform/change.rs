//! Changing a subscription's plan. Paddle changes items at once or not at all; what
//! is to come with the next period is put in place unbilled, under a note.
//!
//! Nothing tells Paddle a repetition, so what is in place is compared first: a
//! change that is there already is done, and its lost answer never charges twice.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, TOO_LATE};
use billing_domain::fact::Observed;
use billing_domain::ids::ChangeId;
use billing_domain::money::Money;
use billing_domain::quote::charged_as_quoted;
use billing_domain::time::{Interval, Timestamp, Unit};
use serde_json::{Map, Value, json};

use crate::api_error::{CallError, refused};
use crate::correlation::{CHANGE, Custom};
use crate::deferred::{Deferred, Held, in_place, with_text};
use crate::map::proof::prove;
use crate::map::transaction::Said;
use crate::provider::Paddle;
use crate::wire::{Cycle, Subscription, Transaction};

/// The body of a change.
pub(crate) type Items = Map<String, Value>;

impl Paddle {
    pub(super) async fn change(
        &self,
        order: &ChangeSubscription,
    ) -> Result<Vec<Observed>, CallError> {
        // Whatever it reads, nobody here puts something else in place before it is done.
        let _alone = self.at_work.alone(&order.reference).await;
        let held = self.existing(&order.reference).await?;
        let target = target(order);
        match order.when {
            // A trial is changed for nothing: nothing is paid yet.
            ChangeWhen::Prorated { quoted, .. } if held.status != "trialing" => {
                if self.teller.note(&held).is_none() && in_place(&held).as_ref() == Some(&target) {
                    return self.changed(&held, &target).await;
                }
                self.prorated(&held, order, quoted).await
            }
            ChangeWhen::Unbilled | ChangeWhen::Prorated { .. } => {
                if self.teller.note(&held).is_none() && in_place(&held).as_ref() == Some(&target) {
                    return self.told(&held).await;
                }
                let custom = changed_by(self.teller.noted(&held, None), order);
                let known = self.teller.note(&held);
                let now = self.place(&held, &target, custom, known.as_ref()).await?;
                self.told(&now).await
            }
            ChangeWhen::NextPeriod { at } => self.defer(&held, order, at).await,
        }
    }

    /// Takes back what is to come. `change`: if it is what is to come.
    pub(super) async fn undo_change(
        &self,
        id: &str,
        change: Option<ChangeId>,
    ) -> Result<Vec<Observed>, CallError> {
        let _alone = self.at_work.alone(id).await;
        let held = self.existing(id).await?;
        let Some(note) = self.teller.note(&held).filter(|note| note.is_of(change)) else {
            // It is in effect, was never put in place, or a newer one is: what stands
            // is the answer.
            return self.told(&held).await;
        };
        let custom = self.teller.noted(&held, None);
        let now = self.place(&held, &note.paid, custom, Some(&note)).await?;
        self.told(&now).await
    }

    /// Puts what is to come in place, unbilled, and notes what is paid for until then.
    async fn defer(
        &self,
        held: &Subscription,
        order: &ChangeSubscription,
        at: Option<Timestamp>,
    ) -> Result<Vec<Observed>, CallError> {
        let later = target(order);
        let (Some(paid), Some(period)) = (self.teller.present(held), held.period()) else {
            return Err(refused(
                "subscription_without_period",
                "there is no period with whose end it could change",
            ));
        };
        let is_there = in_place(held).as_ref() == Some(&later);
        if !is_there && at.is_some_and(|at| period.start >= at) {
            let why = "the period with which it was to come has begun";
            return Err(refused(TOO_LATE, why));
        }
        let known = self.teller.note(held);
        let until = known.as_ref().map_or(period.end, |known| known.until);
        let moves_dates = known.as_ref().is_some_and(|known| known.moves_dates)
            || has_other_interval(held, order.interval);
        let fresh = (paid != later).then(|| Deferred {
            paid,
            later: later.clone(),
            until,
            since: known
                .as_ref()
                .map_or(Some(period.start), |known| known.since),
            change: order.change,
            moves_dates,
            counted_at: known.as_ref().and_then(|known| known.counted_at),
            lifted: false,
            lifted_by: None,
        });
        if known == fresh && is_there {
            return self.told(held).await;
        }
        let ends = fresh.as_ref().or(known.as_ref());
        let ends = ends.and_then(|note| note.told_end(held));
        let fresh = fresh.map(|fresh| fresh.counted(held, self.clock.now()));
        let custom = changed_by(self.teller.noted(held, fresh.as_ref()), order);
        match self.place_until(held, &later, custom, ends).await {
            Ok(now) => self.told(&now).await,
            // The lock before a renewal: once it passes, the period has begun.
            Err(CallError::Passing(locked)) if at.is_some() => Err(CallError::Refused(locked)),
            Err(error) => Err(error),
        }
    }

    /// Changes at once and charges for it, if it still costs what was quoted.
    async fn prorated(
        &self,
        held: &Subscription,
        order: &ChangeSubscription,
        quoted: Option<Money>,
    ) -> Result<Vec<Observed>, CallError> {
        let Some(note) = self.teller.note(held) else {
            let now = self.charge(held, order, quoted).await?;
            return self.changed(&now, &target(order)).await;
        };
        // Paddle computes on what is in place, and that has to be what is paid for.
        let whom = order.change.map_or_else(
            || format!("{}*{}", order.price_ref, order.quantity),
            |change| change.to_string(),
        );
        let lifted = self.lift(held, &note, &whom).await?;
        match self.charge(&lifted, order, quoted).await {
            Ok(now) => self.changed(&now, &target(order)).await,
            // Nothing happened: what was to come still is. After a lost answer it stays
            // lifted, and the next try begins there.
            Err(error) if error.had_no_effect() => {
                self.lower(&lifted.id, Some(&whom)).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn charge(
        &self,
        held: &Subscription,
        order: &ChangeSubscription,
        quoted: Option<Money>,
    ) -> Result<Subscription, CallError> {
        let mut body = full_list(held, &target(order));
        body.insert(
            "proration_billing_mode".to_owned(),
            json!("prorated_immediately"),
        );
        body.insert("on_payment_failure".to_owned(), json!("prevent_change"));
        let path = ["subscriptions", held.id.as_str()];
        if let Some(quoted) = quoted {
            let now = self.priced(held, &body, quoted.currency).await?;
            // It prorates to the minute it is asked in, which cannot be pinned.
            if !charged_as_quoted(quoted, now.lines.len(), now.owed) {
                return Err(refused(
                    "quote_stale",
                    format!("quoted at {quoted}, it costs {} now", now.owed),
                ));
            }
        }
        let custom = changed_by(self.teller.noted(held, None), order);
        body.insert("custom_data".to_owned(), Value::Object(custom));
        self.client.patch(&path, &body).await
    }

    /// Puts what is paid for back in place for `whom`, for as long as Paddle computes
    /// on it. Where it is back already, it is so for `whom` from now on.
    pub(crate) async fn lift(
        &self,
        held: &Subscription,
        note: &Deferred,
        whom: &str,
    ) -> Result<Subscription, CallError> {
        let lifted = note.lifted_by(whom).counted(held, self.clock.now());
        let custom = self.teller.noted(held, Some(&lifted));
        self.place(held, &note.paid, custom, Some(note)).await
    }

    /// Puts what is to come in place again, where the subscription still stands as it
    /// was lifted for `whom` (`None`: for anybody); otherwise leaves it as it is: what
    /// was done to it since is not undone.
    pub(crate) async fn lower(
        &self,
        id: &str,
        whom: Option<&str>,
    ) -> Result<Subscription, CallError> {
        let held = self.existing(id).await?;
        let ours = |note: &Deferred| {
            let theirs = whom.is_some_and(|whom| note.lifted_by.as_deref() != Some(whom));
            note.lifted && !theirs && in_place(&held).as_ref() == Some(&note.paid)
        };
        let Some(note) = self.teller.note(&held).filter(ours) else {
            return Ok(held);
        };
        let lowered = note.lowered().counted(&held, self.clock.now());
        let custom = self.teller.noted(&held, Some(&lowered));
        self.place(&held, &note.later, custom, Some(&note)).await
    }

    /// Puts items in place, unbilled. Under a note the period goes on ending when it
    /// did, whatever the interval of the items.
    async fn place(
        &self,
        held: &Subscription,
        target: &Held,
        custom: Custom,
        under: Option<&Deferred>,
    ) -> Result<Subscription, CallError> {
        let ends = under.and_then(|note| note.told_end(held));
        self.place_until(held, target, custom, ends).await
    }

    /// Puts items in place, unbilled. `ends`: the period is told to end there, where
    /// Paddle would count another interval from now. Never of what is paused, of which
    /// Paddle takes the items alone.
    async fn place_until(
        &self,
        held: &Subscription,
        target: &Held,
        custom: Custom,
        ends: Option<Timestamp>,
    ) -> Result<Subscription, CallError> {
        let mut body = full_list(held, target);
        body.insert("proration_billing_mode".to_owned(), json!("do_not_bill"));
        body.insert("custom_data".to_owned(), Value::Object(custom));
        if let Some(at) = ends {
            body.insert("next_billed_at".to_owned(), json!(at));
        }
        self.client
            .patch(&["subscriptions", held.id.as_str()], &body)
            .await
    }

    /// The subscription as it is after a charged change, and what it was charged.
    async fn changed(
        &self,
        held: &Subscription,
        target: &Held,
    ) -> Result<Vec<Observed>, CallError> {
        let money = self.money_of(held).await?;
        let mut facts = self.tell(held, &prove(held.period(), &money))?;
        let charged = money
            .iter()
            .filter(|txn| txn.origin.as_deref() == Some("subscription_update"))
            .filter(|txn| is_for(txn, target))
            .max_by_key(|txn| txn.created_at);
        let charged = charged.map(|txn| self.teller.transaction(txn, Said::Nothing));
        facts.extend(charged.into_iter().flatten());
        Ok(facts)
    }
}

/// The complete list of items, with `target` in the place of the plan: what is left
/// out would be removed.
pub(crate) fn full_list(held: &Subscription, target: &Held) -> Items {
    let plan = in_place(held).map(|held| held.price);
    let mut items = vec![json!({ "price_id": target.price, "quantity": target.quantity })];
    let extras = held
        .items
        .iter()
        .filter(|item| item.recurs())
        .filter_map(|item| Some((item.price_ref()?, item.pieces())))
        .filter(|(price, _)| Some(*price) != plan.as_deref() && *price != target.price);
    items.extend(extras.map(|(price, pieces)| json!({ "price_id": price, "quantity": pieces })));
    let mut body = Items::new();
    body.insert("items".to_owned(), Value::Array(items));
    body
}

/// What an order wants in place.
pub(crate) fn target(order: &ChangeSubscription) -> Held {
    Held {
        price: order.price_ref.clone(),
        quantity: order.quantity,
    }
}

fn changed_by(custom: Custom, order: &ChangeSubscription) -> Custom {
    let change = order.change.map(|change| change.to_string());
    with_text(custom, CHANGE, change)
}

/// Whether a transaction charges for `target`.
fn is_for(transaction: &Transaction, target: &Held) -> bool {
    transaction.items.iter().any(|item| {
        item.price_ref() == Some(target.price.as_str()) && item.pieces() == target.quantity
    })
}

/// Whether another interval begins: Paddle would count it from the change on.
fn has_other_interval(held: &Subscription, interval: Option<Interval>) -> bool {
    let (Some(cycle), Some(interval)) = (&held.billing_cycle, interval) else {
        return false;
    };
    *cycle != cycle_of(interval)
}

/// An interval in Paddle's words.
pub(crate) fn cycle_of(interval: Interval) -> Cycle {
    let unit = match interval.unit() {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    };
    Cycle {
        interval: unit.to_owned(),
        frequency: interval.count(),
    }
}
