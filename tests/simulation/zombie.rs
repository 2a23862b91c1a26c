//! A process that hangs in the middle of a call, is given up, and comes back
//! when another has long done its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use billing::Billing;
use billing::sandbox::Sandbox;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_ports::{Answer, Finding, PaymentProvider, PerformError, Previewed};
use futures_util::future::BoxFuture;
use futures_util::poll;
use tokio::sync::Notify;

/// Where the next call hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hangs {
    /// On its way there: it arrives when everybody believes it lost.
    Before = 1,
    /// On its way back: done, and its answer comes late.
    After = 2,
}

/// The line between one process and the provider.
#[derive(Debug, Default)]
pub(super) struct Line {
    hangs: AtomicU8,
    goes_on: Notify,
}

impl Line {
    async fn hang(&self, here: Hangs) {
        let armed = here as u8;
        let (order, otherwise) = (Ordering::SeqCst, Ordering::SeqCst);
        if self
            .hangs
            .compare_exchange(armed, 0, order, otherwise)
            .is_ok()
        {
            self.goes_on.notified().await;
        }
    }
}

/// The sandbox at the end of a line.
pub(super) struct Called {
    pub(super) sandbox: Sandbox,
    pub(super) line: Arc<Line>,
}

#[async_trait]
impl PaymentProvider for Called {
    fn account(&self) -> &ProviderAccount {
        self.sandbox.account()
    }

    fn capabilities(&self) -> Capabilities {
        self.sandbox.capabilities()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        self.line.hang(Hangs::Before).await;
        let answer = self.sandbox.perform(effect, key, order).await;
        self.line.hang(Hangs::After).await;
        answer
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.sandbox.read(object).await
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        self.sandbox.preview(change).await
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.sandbox.doctor(catalog).await
    }
}

/// A process that hangs.
pub(super) struct Zombie {
    work: BoxFuture<'static, ()>,
    line: Arc<Line>,
}

impl Zombie {
    /// Lets `billing` work until its next call hangs. `None`: it called nobody.
    pub(super) async fn of(billing: Billing, line: Arc<Line>, hangs: Hangs) -> Option<Self> {
        line.hangs.store(hangs as u8, Ordering::SeqCst);
        let mut work: BoxFuture<'static, ()> = Box::pin(async move {
            // A store that fails ends this process as it does any other.
            let _failed_or_done = billing.work_until_idle().await;
        });
        let hanging = poll!(&mut work).is_pending();
        line.hangs.store(0, Ordering::SeqCst);
        hanging.then_some(Self { work, line })
    }

    /// The call goes on, and the process finishes what it was at.
    pub(super) async fn wakes(self) {
        self.line.goes_on.notify_one();
        self.work.await;
    }
}
