//! Ending a subscription, taking its end back, and pausing it.

use billing_domain::effect::{EffectKey, TOO_LATE};

use super::{Acted, alive, is_over, is_to_end};
use crate::client::Reply;
use crate::failure::Failure;
use crate::forms::subscription as forms;
use crate::options::PauseStyle;
use crate::provider::Stripe;
use crate::wire::Subscription;

/// What is to change with its next period cannot be paused as a whole.
const CHANGE_SCHEDULED: &str = "change_scheduled";

impl Stripe {
    /// Ends a subscription; one that is over already is told.
    pub(super) async fn cancel(&self, key: &EffectKey, reference: &str, at_once: bool) -> Acted {
        let standing = self.subscription(reference).await?;
        let subscription = &standing.body;
        if is_over(subscription) {
            return self.told(&standing);
        }
        if at_once {
            return self.cancel_now(reference).await;
        }
        if subscription.cancel_at_period_end == Some(true) {
            return self.told(&standing);
        }
        // While there is a schedule, it says how the subscription ends.
        self.release_of(subscription, key).await?;
        let call = forms::cancel_at_end(reference, key.as_str());
        self.changed(reference, call).await
    }

    /// Takes the end of a subscription back by the field that says it: the portal sets
    /// a date, we and the dashboard a flag. One that does not end is told.
    pub(super) async fn uncancel(&self, key: &EffectKey, reference: &str) -> Acted {
        let mut standing = self.subscription(reference).await?;
        if is_over(&standing.body) {
            return Err(Failure::refused(TOO_LATE, "the subscription has ended"));
        }
        if !is_to_end(&standing.body) {
            return self.told(&standing);
        }
        if standing.body.schedule.is_some() {
            // While there is a schedule, it says how the subscription ends.
            self.release_of(&standing.body, key).await?;
            standing = self.subscription(reference).await?;
        }
        let call = if standing.body.cancel_at_period_end == Some(true) {
            forms::keep_beyond_period(reference, key.as_str())
        } else if standing.body.cancel_at.is_some() {
            forms::keep_beyond_date(reference, key.as_str())
        } else {
            return self.told(&standing);
        };
        self.changed(reference, call).await
    }

    async fn cancel_now(&self, reference: &str) -> Acted {
        let call = forms::cancel_now(reference);
        match self.client.send::<Subscription>(call).await {
            Ok(mut ended) => {
                self.look_for_invoice(&mut ended.body).await?;
                self.told(&ended)
            }
            // It has ended since, by a lost answer or by another hand.
            Err(refused @ (Failure::Missing(_) | Failure::Refused(_))) => {
                let standing: Reply<Subscription> = self.subscription(reference).await?;
                if is_over(&standing.body) {
                    return self.told(&standing);
                }
                Err(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Pauses a subscription in the account's style.
    pub(super) async fn pause(&self, key: &EffectKey, reference: &str) -> Acted {
        let standing = self.subscription(reference).await?;
        let subscription = &standing.body;
        alive(subscription)?;
        let paused = match self.pause {
            PauseStyle::Collection => subscription.pause_collection.is_some(),
            PauseStyle::Subscription => subscription.status == "paused",
        };
        if paused {
            return self.told(&standing);
        }
        if self.pause == PauseStyle::Subscription && subscription.schedule.is_some() {
            let why = "something else is to come with the next period, and is taken back first";
            return Err(Failure::refused(CHANGE_SCHEDULED, why));
        }
        let call = match self.pause {
            PauseStyle::Collection => forms::pause_collection(reference, key.as_str()),
            PauseStyle::Subscription => forms::pause(reference, key.as_str()),
        };
        self.changed(reference, call).await
    }
}
