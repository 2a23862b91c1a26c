//! What is to come with the next period, and taking it back.

use billing_domain::effect::{ChangeSubscription, EffectKey};
use billing_domain::fact::Upcoming;
use billing_domain::ids::ChangeId;

use super::{Acted, is_over, is_to_end};
use crate::call::Call;
use crate::client::Reply;
use crate::failure::Failure;
use crate::forms::read as reads;
use crate::forms::schedule::{self, Present};
use crate::provider::Stripe;
use crate::wire::{Expandable, Identified, Planned, Schedule, Subscription, id_of};

impl Stripe {
    /// Puts a change off to the next period. A schedule that is there already, by a
    /// lost answer or by somebody's hand, is taken over.
    pub(super) async fn change_next_period(
        &self,
        key: &EffectKey,
        change: &ChangeSubscription,
        standing: &Subscription,
    ) -> Acted {
        if is_to_end(standing) {
            // A schedule would have it go on: nobody asked to take its end back.
            return self.standing(&standing.id).await;
        }
        let interval = change.interval.ok_or_else(|| {
            let why = "a price paid once has no next period";
            Failure::refused("price_not_recurring", why)
        })?;
        let held = match id_of(standing.schedule.as_ref()) {
            Some(held) => self.schedule(held).await?,
            None => self.schedule_from(key, &standing.id).await?,
        };
        if is_set(&held, change) {
            // By an order before this one.
            return self.standing(&standing.id).await;
        }
        let present = present(standing, &held)?;
        let call = schedule::two_phases(&held.id, &present, change, interval, key.as_str());
        let _phases: Reply<Schedule> = self.client.send(call).await?;
        self.standing(&standing.id).await
    }

    /// Takes back what was to come: there is nothing to come without a schedule.
    /// `change`: if that is what is to come.
    pub(super) async fn undo_change(
        &self,
        key: &EffectKey,
        reference: &str,
        change: Option<ChangeId>,
    ) -> Acted {
        let standing = self.subscription(reference).await?;
        let Some(held) = id_of(standing.body.schedule.as_ref()) else {
            return self.told(&standing);
        };
        if let Some(undone) = change
            && !self.schedule(held).await?.is_of(undone)
        {
            return self.told(&standing);
        }
        self.release_of(&standing.body, key).await?;
        self.standing(reference).await
    }

    /// Releases a schedule. One that was released, or is over, holds nothing.
    pub(super) async fn release(&self, call: Call, held: &str) -> Result<(), Failure> {
        let refused = match self.client.send::<Schedule>(call).await {
            Ok(_) | Err(Failure::Missing(_)) => return Ok(()),
            Err(refused @ Failure::Refused(_)) => refused,
            Err(failure) => return Err(failure),
        };
        let standing = self.schedule(held).await?;
        if matches!(standing.status.as_str(), "not_started" | "active") {
            return Err(refused);
        }
        Ok(())
    }

    /// Looks what comes after the period of a subscription.
    pub(super) async fn look_ahead(&self, of: &mut Subscription) -> Result<(), Failure> {
        let planned = match id_of(of.schedule.as_ref()).filter(|_| !is_over(of)) {
            None => Planned::Nothing,
            Some(held) => match self.schedule(held).await {
                Ok(schedule) => Planned::By(Box::new(schedule)),
                Err(Failure::Missing(_)) => Planned::Nothing,
                Err(failure) => return Err(failure),
            },
        };
        of.planned = Some(planned);
        Ok(())
    }

    async fn schedule(&self, id: &str) -> Result<Schedule, Failure> {
        let reply: Reply<Schedule> = self.client.send(reads::schedule(id)).await?;
        Ok(reply.body)
    }

    async fn schedule_from(&self, key: &EffectKey, reference: &str) -> Result<Schedule, Failure> {
        let refused = match self
            .client
            .send::<Schedule>(schedule::create(reference, key.as_str()))
            .await
        {
            Ok(made) if !made.replayed => return Ok(made.body),
            Ok(made) => return self.schedule(&made.body.id).await,
            Err(failure) => failure,
        };
        // Somebody was quicker.
        let standing = self.subscription(reference).await?;
        match id_of(standing.body.schedule.as_ref()) {
            Some(held) => self.schedule(held).await,
            None => Err(refused),
        }
    }
}

/// Whether it says already what is ordered, of the change that it is ordered for.
fn is_set(held: &Schedule, change: &ChangeSubscription) -> bool {
    held.upcoming()
        == Upcoming::Price {
            price_ref: change.price_ref.clone(),
            quantity: change.quantity,
            change: change.change,
        }
}

/// What the subscription is until its period ends.
fn present(standing: &Subscription, held: &Schedule) -> Result<Present, Failure> {
    let period = standing.period();
    let phase = held.current_phase.as_ref();
    let start = phase.and_then(|phase| phase.start_date);
    let start = start.or(period.map(|(start, _)| start));
    let end = period.map(|(_, end)| end);
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Failure::refused(
            "no_current_period",
            "the subscription has no period that something could follow",
        ));
    };
    let mut items = Vec::new();
    for item in standing.items() {
        let price = id_of(item.price.as_ref())
            .ok_or_else(|| Failure::unreadable("a subscription without a price"))?;
        items.push((price.to_owned(), item.quantity.unwrap_or(1)));
    }
    let discounts = standing.discounts.iter().flatten();
    Ok(Present {
        start,
        end,
        items,
        discounts: discounts.map(own_id).collect(),
        trial_end: standing.trial_end.filter(|_| standing.status == "trialing"),
    })
}

fn own_id<T: Identified>(other: &Expandable<T>) -> String {
    other.id().to_owned()
}
