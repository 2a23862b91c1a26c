//! Orders, carried out. Nothing tells BTCPay a repetition, so each looks first whether
//! it was carried out before.

mod make;
mod promise;
mod take_back;

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_ports::PerformError;

use crate::api_error::CallError;
use crate::provider::BtcPay;

impl BtcPay {
    /// Carries an order out. The inner result is BTCPay's word, the outer one says that
    /// it is none of BTCPay's orders.
    pub(crate) async fn carry_out(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Result<Vec<Observed>, CallError>, PerformError> {
        Ok(match order {
            Order::OpenCheckout(order) => self.open_checkout(key, order).await,
            Order::ExpireCheckout { reference, .. } => self.expire_checkout(reference).await,
            Order::CreateInvoice(order) => self.create_invoice(key, order).await,
            Order::VoidInvoice {
                invoice, reference, ..
            } => {
                self.void_invoice(effect, *invoice, reference.as_deref())
                    .await
            }
            Order::PromiseRefund(order) => self.promise_refund(effect, key, order).await,
            Order::CancelSubscription { .. }
            | Order::UndoCancellation { .. }
            | Order::PauseSubscription { .. }
            | Order::ResumeSubscription { .. }
            | Order::ReadSubscription { .. }
            | Order::ChangeSubscription(_)
            | Order::UndoChange { .. } => {
                return Err(PerformError::Unsupported(
                    "a subscription at BTCPay: it has none, the engine runs them",
                ));
            }
            Order::SettleCode { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => {
                return Err(PerformError::Unsupported("an order for no provider"));
            }
        })
    }
}
