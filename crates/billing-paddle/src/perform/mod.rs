//! Orders, carried out. Nothing tells Paddle a repetition, so each looks first
//! whether it was carried out before.

mod change;
mod charge;
mod checkout;
mod customer;
mod lifecycle;
mod refund;

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_ports::PerformError;

pub(crate) use change::{Items, cycle_of, full_list, target};
pub(crate) use checkout::takes;
#[cfg(test)]
pub(crate) use refund::body;

use crate::api_error::CallError;
use crate::provider::Paddle;

/// Why no cycle of a schedule of ours is invoiced here.
const RUNS_THE_SCHEDULE: &str = "an invoice of ours for a cycle: Paddle makes its own";

impl Paddle {
    /// Carries an order out. The inner result is Paddle's word, the outer one says
    /// that it is none of Paddle's orders.
    pub(crate) async fn carry_out(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Result<Vec<Observed>, CallError>, PerformError> {
        Ok(match order {
            Order::OpenCheckout(order) => self.open_checkout(key, order).await,
            Order::ExpireCheckout { reference, .. } => self.expire_checkout(reference).await,
            Order::ChangeSubscription(order) => self.change(order).await,
            Order::UndoChange {
                reference, change, ..
            } => self.undo_change(reference, *change).await,
            Order::CancelSubscription {
                reference, at_once, ..
            } => self.cancel(reference, *at_once).await,
            Order::UndoCancellation { reference, .. } => self.uncancel(reference).await,
            Order::PauseSubscription { reference, .. } => self.pause(reference).await,
            Order::ResumeSubscription {
                reference, quoted, ..
            } => self.resume(reference, *quoted).await,
            Order::ReadSubscription { reference, .. } => self.reread(reference).await,
            Order::CreateInvoice(order) => match (&order.subscription_ref, order.cycle) {
                (Some(theirs), None) => self.charge_beside(key, order, theirs).await,
                _ => return Err(PerformError::Unsupported(RUNS_THE_SCHEDULE)),
            },
            Order::VoidInvoice { reference, .. } => match reference {
                // The page of a charge is one like a checkout's.
                Some(reference) => self.expire_checkout(reference).await,
                None => return Err(PerformError::Unsupported(RUNS_THE_SCHEDULE)),
            },
            Order::PromiseRefund(order) => self.pay_back(effect, key, order).await,
            Order::SettleCode { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => {
                return Err(PerformError::Unsupported("an order for no provider"));
            }
        })
    }
}
