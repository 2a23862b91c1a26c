//! The sandbox, saying other things of itself than it can do.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_ports::{Answer, Finding, PaymentProvider, PerformError};
use billing_sandbox::Sandbox;

struct Bent {
    sandbox: Sandbox,
    pauses: bool,
    promises_refunds: bool,
}

/// By its own word it cannot pause.
pub(crate) fn pauseless(sandbox: Sandbox) -> Arc<dyn PaymentProvider> {
    Arc::new(Bent {
        sandbox,
        pauses: false,
        promises_refunds: false,
    })
}

/// By its own word it makes links by which refunds are claimed.
pub(crate) fn promising(sandbox: Sandbox) -> Arc<dyn PaymentProvider> {
    Arc::new(Bent {
        sandbox,
        pauses: true,
        promises_refunds: true,
    })
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
        self.sandbox.perform(effect, key, order).await
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.sandbox.read(object).await
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.sandbox.doctor(catalog).await
    }

    fn promises_refunds(&self) -> bool {
        self.promises_refunds
    }
}
