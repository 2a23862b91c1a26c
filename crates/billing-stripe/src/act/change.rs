//! Changing a subscription, and saying beforehand what that would cost.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, EffectKey, Preview, TOO_LATE};
use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use billing_ports::{PerformError, Previewed};

use super::{Acted, STALE, alive};
use crate::client::Reply;
use crate::facts::{Unreadable, preview};
use crate::failure::Failure;
use crate::forms::{schedule, subscription as forms};
use crate::provider::Stripe;
use crate::wire::{Invoice, Item, Subscription, id_of};

impl Stripe {
    /// Changes a subscription, once: the price that it has already is told, and the
    /// same call under the same key changes nothing twice.
    pub(super) async fn change(&self, key: &EffectKey, change: &ChangeSubscription) -> Acted {
        let standing = self.subscription(&change.reference).await?;
        alive(&standing.body)?;
        let item = only_item(&standing.body)?;
        match change.when {
            ChangeWhen::Prorated { at, quoted } => {
                // What is refused changes nothing: it is asked before anything is let go.
                if let Some(quoted) = quoted.filter(|_| !is_at(item, change)) {
                    self.still_costs(change, item, at, quoted).await?;
                }
                self.release_of(&standing.body, key).await?;
                let call = forms::change_now(change, &item.id, at, key.as_str());
                self.changed(&change.reference, call).await
            }
            ChangeWhen::Unbilled => {
                self.release_of(&standing.body, key).await?;
                let call = forms::change_unbilled(change, &item.id, key.as_str());
                self.changed(&change.reference, call).await
            }
            ChangeWhen::NextPeriod { at } => {
                if is_at(item, change) && standing.body.schedule.is_none() {
                    return self.told(&standing);
                }
                if at.is_some_and(|at| has_begun(&standing.body, at)) {
                    let why = "the period with which it was to come has begun";
                    return Err(Failure::refused(TOO_LATE, why));
                }
                self.change_next_period(key, change, &standing.body).await
            }
        }
    }

    /// Says what a change would cost.
    pub(crate) async fn cost(
        &self,
        change: &ChangeSubscription,
    ) -> Result<Previewed, PerformError> {
        match self.cost_of(change).await {
            Ok(preview) => Ok(Previewed::Costs(preview)),
            Err(failure) => failure.refusal().map(Previewed::Refused),
        }
    }

    async fn cost_of(&self, change: &ChangeSubscription) -> Result<Preview, Failure> {
        let standing = self.subscription(&change.reference).await?;
        alive(&standing.body)?;
        let item = only_item(&standing.body)?;
        match change.when {
            ChangeWhen::Prorated { at, .. } => self.previewed(change, item, at).await,
            ChangeWhen::Unbilled | ChangeWhen::NextPeriod { .. } => Ok(Preview {
                lines: Vec::new(),
                owed: Money::zero(change.amount.currency),
                pinned: true,
            }),
        }
    }

    async fn previewed(
        &self,
        change: &ChangeSubscription,
        item: &Item,
        at: Timestamp,
    ) -> Result<Preview, Failure> {
        let call = forms::preview(change, &item.id, at);
        let invoice: Reply<Invoice> = self.client.send(call).await?;
        preview(&invoice.body).map_err(|Unreadable(why)| Failure::unreadable(why))
    }

    /// Refuses a change that costs another amount by now than was quoted.
    async fn still_costs(
        &self,
        change: &ChangeSubscription,
        item: &Item,
        at: Timestamp,
        quoted: Money,
    ) -> Result<(), Failure> {
        let owed = self.previewed(change, item, at).await?.owed;
        if owed != quoted {
            let why = format!("the change costs {owed} by now, and {quoted} was quoted");
            return Err(Failure::refused(STALE, &why));
        }
        Ok(())
    }

    /// Gives back what a schedule holds: while there is one, it owns the items.
    pub(super) async fn release_of(
        &self,
        standing: &Subscription,
        key: &EffectKey,
    ) -> Result<(), Failure> {
        let Some(held) = id_of(standing.schedule.as_ref()) else {
            return Ok(());
        };
        self.release(schedule::release(held, key.as_str()), held)
            .await
    }
}

/// The item that is sold. We sell subscriptions of one; who has added others has to
/// change them there.
pub(super) fn only_item(subscription: &Subscription) -> Result<&Item, Failure> {
    match subscription.items() {
        [item] => Ok(item),
        _ => Err(Failure::refused(
            "several_items",
            "the subscription has not exactly one item, so that it is open which changes",
        )),
    }
}

/// Whether the period that begins at `at`, or a later one, has begun.
fn has_begun(subscription: &Subscription, at: Timestamp) -> bool {
    let period = subscription.period();
    period.is_some_and(|(start, _)| start >= at.as_second())
}

fn is_at(item: &Item, change: &ChangeSubscription) -> bool {
    id_of(item.price.as_ref()) == Some(change.price_ref.as_str())
        && item.quantity == Some(u64::from(change.quantity))
}
