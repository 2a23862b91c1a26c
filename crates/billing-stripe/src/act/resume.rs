//! Letting a subscription go on after a pause, and saying beforehand what that costs.

use billing_domain::effect::{EffectKey, Preview, Resuming, Resumption};
use billing_domain::money::Money;
use billing_domain::time::{Period, Timestamp};
use billing_ports::{PerformError, ResumePreviewed};

use super::{Acted, STALE, alive, is_to_end};
use crate::client::Reply;
use crate::facts::{Unreadable, preview};
use crate::failure::Failure;
use crate::forms::subscription as forms;
use crate::provider::Stripe;
use crate::wire::{Invoice, Subscription};

impl Stripe {
    /// Lets a subscription go on, in whichever way it was paused; the account may
    /// have been set to another style since.
    pub(super) async fn resume(
        &self,
        key: &EffectKey,
        reference: &str,
        quoted: Option<Money>,
    ) -> Acted {
        let standing = self.subscription(reference).await?;
        let subscription = &standing.body;
        alive(subscription)?;
        let Some(way) = Way::of(subscription) else {
            return self.told(&standing);
        };
        if let Some(quoted) = quoted {
            let owed = self.charge_of(subscription, way, quoted).await?.owed;
            if owed != quoted {
                let why = format!("resuming costs {owed} by now, and {quoted} was quoted");
                return Err(Failure::refused(STALE, &why));
            }
        }
        let key = key.as_str();
        let call = match way {
            Way::Whole => forms::resume(reference, key),
            Way::Anew => forms::resume_anew(reference, key),
            Way::Collection => forms::resume_collection(reference, key),
        };
        self.changed(reference, call).await
    }

    /// Says what resuming would charge.
    pub(crate) async fn cost_of_resuming(
        &self,
        ask: &Resuming,
    ) -> Result<ResumePreviewed, PerformError> {
        match self.resumption(ask).await {
            Ok(resumption) => Ok(ResumePreviewed::Costs(resumption)),
            Err(failure) => failure.refusal().map(ResumePreviewed::Refused),
        }
    }

    async fn resumption(&self, ask: &Resuming) -> Result<Resumption, Failure> {
        let standing = self.subscription(&ask.reference).await?;
        let subscription = &standing.body;
        alive(subscription)?;
        let way = Way::of(subscription).unwrap_or(Way::Collection);
        let charge = self.charge_of(subscription, way, ask.amount).await?;
        // Where only the collection is paused, it goes on in its own period.
        let ends_at = if way == Way::Collection {
            let end = subscription.period().map(|(_, end)| end);
            end.and_then(|end| Timestamp::from_second(end).ok())
        } else {
            let interval = ask.interval;
            let begun = interval.and_then(|interval| Period::at(ask.at, interval, 0).ok());
            begun.map(|period| period.end)
        };
        Ok(Resumption { charge, ends_at })
    }

    /// What resuming charges now: where only the collection is paused, nothing.
    async fn charge_of(
        &self,
        subscription: &Subscription,
        way: Way,
        in_: Money,
    ) -> Result<Preview, Failure> {
        let call = match way {
            Way::Whole => forms::preview_resume(&subscription.id),
            Way::Anew => forms::preview_resume_anew(&subscription.id),
            Way::Collection => {
                return Ok(Preview {
                    lines: Vec::new(),
                    owed: Money::zero(in_.currency),
                    pinned: true,
                });
            }
        };
        let invoice: Reply<Invoice> = self.client.send(call).await?;
        preview(&invoice.body).map_err(|Unreadable(why)| Failure::unreadable(why))
    }
}

/// How a subscription is let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is paused as a whole: a period begins.
    Whole,
    /// Its collection is paused and its current period was left out: one begins
    /// that is paid at once.
    Anew,
    /// Its collection is paused, and goes on.
    Collection,
}

impl Way {
    /// `None`: it is not paused.
    fn of(subscription: &Subscription) -> Option<Self> {
        // Whoever owns the items has to be asked, and what is to end is left to end:
        // nobody asked to take that back.
        let begins_anew = subscription.was_left_out()
            && !is_to_end(subscription)
            && subscription.schedule.is_none();
        if subscription.status == "paused" {
            Some(Self::Whole)
        } else if begins_anew {
            Some(Self::Anew)
        } else {
            subscription
                .pause_collection
                .is_some()
                .then_some(Self::Collection)
        }
    }
}
