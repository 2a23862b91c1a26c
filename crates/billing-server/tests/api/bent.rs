//! The sandbox, saying other things of itself than it can do.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{EffectKey, Order, PromiseRefund};
use billing_domain::fact::{Fact, Link, Observed, RefundSnapshot, RefundState};
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::{Answer, Finding, PaymentProvider, PerformError, Refunds};
use billing_sandbox::Sandbox;

struct Bent {
    sandbox: Sandbox,
    pauses: bool,
    refunds: Refunds,
}

/// By its own word it cannot pause.
pub(crate) fn pauseless(sandbox: Sandbox) -> Arc<dyn PaymentProvider> {
    Arc::new(Bent {
        sandbox,
        pauses: false,
        refunds: Refunds::Elsewhere,
    })
}

/// By its own word it makes links by which refunds are claimed.
pub(crate) fn promising(sandbox: Sandbox) -> Arc<dyn PaymentProvider> {
    Arc::new(Bent {
        sandbox,
        pauses: true,
        refunds: Refunds::ByLink,
    })
}

/// By its own word it sends refunds, and each is done at once.
pub(crate) fn sending(sandbox: Sandbox) -> Arc<dyn PaymentProvider> {
    Arc::new(Bent {
        sandbox,
        pauses: true,
        refunds: Refunds::Sent,
    })
}

/// The refund of an order, as it is told.
fn sent(key: &EffectKey, order: &PromiseRefund) -> Observed {
    let fact = Fact::RefundSeen(RefundSnapshot {
        refund: format!("re-{key}"),
        of: vec![order.reference.clone()],
        amount: order.amount,
        state: RefundState::Done,
        ordered: Some(key.clone()),
    });
    let payment = ProviderRef {
        account: order.provider.clone(),
        kind: RefKind::Payment,
        id: order.reference.clone(),
    };
    Observed {
        fact,
        at: Timestamp::UNIX_EPOCH,
        link: Link {
            refs: vec![payment],
            ..Link::default()
        },
    }
}

#[async_trait]
impl PaymentProvider for Bent {
    fn account(&self) -> &ProviderAccount {
        self.sandbox.account()
    }

    fn capabilities(&self) -> Capabilities {
        let own = self.sandbox.capabilities();
        Capabilities {
            pause: own.pause && self.pauses,
            ..own
        }
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        if let (Refunds::Sent, Order::PromiseRefund(order)) = (self.refunds, order) {
            return Ok(Answer::Done(vec![sent(key, order)]));
        }
        self.sandbox.perform(effect, key, order).await
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.sandbox.read(object).await
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.sandbox.doctor(catalog).await
    }

    fn refunds(&self) -> Refunds {
        self.refunds
    }
}
