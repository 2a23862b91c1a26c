//! Carrying orders out: which calls it takes, and what has to be known first. Each
//! order is safe to carry out again under the same key.

mod buyer;
mod cancel;
mod change;
mod checkout;
mod customer;
mod invoice;
mod list;
mod portal;
mod read;
mod refund;
mod resume;
mod schedule;

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::RefKind;
use billing_ports::{Answer, PerformError};

use crate::call::Call;
use crate::client::Reply;
use crate::facts::{Told, Unreadable};
use crate::failure::Failure;
use crate::forms::read as reads;
use crate::provider::Stripe;
use crate::wire::{Invoice, List, Subscription};

/// What a subscription that is over is called when it is to be changed.
const ENDED: &str = "subscription_ended";

/// What is said of an invoice that would take the place of one of Stripe's own.
const RUNS_THE_SCHEDULE: &str = "invoices of cycles: Stripe runs the schedule";

/// What is refused that costs another amount by now than was quoted.
const STALE: &str = "quote_stale";

/// What carrying out an order gives: the facts that Stripe told.
type Acted = Result<Vec<Observed>, Failure>;

impl Stripe {
    /// Carries out an order.
    pub(crate) async fn act(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let acted = match order {
            Order::OpenCheckout(order) => self.open_checkout(key, order).await,
            Order::ExpireCheckout { reference, .. } => self.expire_checkout(key, reference).await,
            Order::ChangeSubscription(change) => self.change(key, change).await,
            Order::UndoChange {
                reference, change, ..
            } => self.undo_change(key, reference, *change).await,
            Order::CancelSubscription {
                reference, at_once, ..
            } => self.cancel(key, reference, *at_once).await,
            Order::UndoCancellation { reference, .. } => self.uncancel(key, reference).await,
            Order::PauseSubscription { reference, .. } => self.pause(key, reference).await,
            Order::ResumeSubscription {
                reference, quoted, ..
            } => self.resume(key, reference, *quoted).await,
            Order::ReadSubscription { reference, .. } => {
                let object = self.teller.reference(RefKind::Subscription, reference);
                return self.read_object(&object).await.map(Answer::Done);
            }
            Order::CreateInvoice(order) => match (&order.subscription_ref, order.cycle) {
                (Some(theirs), None) => self.charge_beside(key, order, theirs).await,
                _ => return Err(PerformError::Unsupported(RUNS_THE_SCHEDULE)),
            },
            Order::VoidInvoice { reference, .. } => match reference {
                Some(reference) => self.take_back(reference).await,
                None => return Err(PerformError::Unsupported(RUNS_THE_SCHEDULE)),
            },
            Order::PromiseRefund(order) => self.pay_back(effect, key, order).await,
            Order::SettleCode { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => {
                return Err(PerformError::Unsupported("what no provider does"));
            }
        };
        match acted {
            Ok(facts) => Ok(Answer::Done(facts)),
            Err(failure) => failure.answer(),
        }
    }

    /// A subscription as it stands, with the invoices that say what of it is paid.
    async fn subscription(&self, id: &str) -> Result<Reply<Subscription>, Failure> {
        let mut reply: Reply<Subscription> = self.client.send(reads::subscription(id)).await?;
        self.look_for_invoice(&mut reply.body).await?;
        Ok(reply)
    }

    /// Looks for the invoice of the current period, where another is the latest: that
    /// of an upgrade within the hour in which the renewal's is a draft, say. One page
    /// holds all of a period: Stripe makes no more than 20 a day for a subscription.
    async fn look_for_invoice(&self, subscription: &mut Subscription) -> Result<(), Failure> {
        let Some((start, _)) = subscription.period() else {
            return Ok(());
        };
        if !subscription.lacks_its_invoice() {
            return Ok(());
        }
        let call = reads::invoices_of(&subscription.id);
        let found: Reply<List<Invoice>> = self.client.send(call).await?;
        let mut found = found.body.data;
        found.retain(|invoice| invoice.is_for(start));
        // Of several, since one was voided and made anew, what is paid counts.
        let paid = found
            .iter()
            .position(|invoice| invoice.status.as_deref() == Some("paid"));
        subscription.billed = found.into_iter().nth(paid.unwrap_or(0));
        Ok(())
    }

    /// Changes a subscription, and tells how it stands then. The answer to an
    /// earlier call, given again, is not how it stands.
    async fn changed(&self, reference: &str, call: Call) -> Acted {
        let mut changed: Reply<Subscription> = self.client.send(call).await?;
        if changed.replayed {
            return self.standing(reference).await;
        }
        self.look_for_invoice(&mut changed.body).await?;
        self.told(&changed)
    }

    /// How a subscription stands now.
    async fn standing(&self, reference: &str) -> Acted {
        self.told(&self.subscription(reference).await?)
    }

    fn told(&self, reply: &Reply<Subscription>) -> Acted {
        readable(self.teller.subscription(&reply.body, reply.at))
    }
}

/// What was told, or that nobody knows what the answer says.
fn readable(told: Told) -> Acted {
    told.map_err(|Unreadable(why)| Failure::unreadable(why))
}

/// Whether a subscription is over for good.
fn is_over(subscription: &Subscription) -> bool {
    matches!(
        subscription.status.as_str(),
        "canceled" | "incomplete_expired"
    )
}

/// Whether a subscription ends with its period, or at an instant.
fn is_to_end(subscription: &Subscription) -> bool {
    subscription.cancel_at_period_end == Some(true) || subscription.cancel_at.is_some()
}

/// Refuses what can no longer be changed.
fn alive(subscription: &Subscription) -> Result<(), Failure> {
    if is_over(subscription) {
        return Err(Failure::refused(ENDED, "the subscription is over"));
    }
    Ok(())
}
