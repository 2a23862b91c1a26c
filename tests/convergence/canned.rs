//! A provider that answers from what was recorded: what it was asked for before is
//! answered as before, without a call. Knows no provider.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;
use billing_ports::{Answer, Delivery, Finding, Listed, PaymentProvider, PerformError, Previewed};

/// What was answered, by what was asked for. A read is answered for a stage: as
/// the object stood before the events, in their middle, or as it stands at the end.
#[derive(Default)]
pub(crate) struct Answers {
    performed: Mutex<BTreeMap<String, Answer>>,
    previewed: Mutex<BTreeMap<String, Previewed>>,
    read: Mutex<BTreeMap<(Stage, ProviderRef), Vec<Observed>>>,
}

/// How far the world has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Before the events.
    Before,
    /// When some of them have happened, and everything was looked at. What was not
    /// looked at then is read at the end, and everything after it.
    Middle,
    /// When all of them have happened.
    End,
}

/// One engine's view of a provider whose answers are kept for all.
pub(crate) struct Canned {
    provider: Arc<dyn PaymentProvider>,
    answers: Arc<Answers>,
    stage: Mutex<Stage>,
}

impl Canned {
    pub(crate) fn new(provider: Arc<dyn PaymentProvider>, answers: Arc<Answers>) -> Self {
        Self {
            provider,
            answers,
            stage: Mutex::new(Stage::Before),
        }
    }

    pub(crate) fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap() = stage;
    }

    fn stage(&self) -> Stage {
        *self.stage.lock().unwrap()
    }

    /// Reads an object of the present stage. Whether there is something to be read.
    pub(crate) async fn look(&self, object: &ProviderRef) -> bool {
        let Ok(facts) = self.provider.read(object).await else {
            return false;
        };
        let mut read = self.answers.read.lock().unwrap();
        read.insert((self.stage(), object.clone()), facts);
        true
    }

    fn kept(&self, object: &ProviderRef) -> Option<Vec<Observed>> {
        let asked = (self.stage(), object.clone());
        self.answers.read.lock().unwrap().get(&asked).cloned()
    }
}

#[async_trait]
impl PaymentProvider for Canned {
    fn account(&self) -> &ProviderAccount {
        self.provider.account()
    }

    fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        // To look changes nothing: at another instant it asks for the same.
        let looks = matches!(order, Order::ReadSubscription { .. });
        if looks && self.stage() == Stage::Middle {
            self.set(Stage::End);
        }
        let asked = if looks {
            format!("{:?} {order:?}", self.stage())
        } else {
            format!("{key} {order:?}")
        };
        let kept = self.answers.performed.lock().unwrap().get(&asked).cloned();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let answer = self.provider.perform(effect, key, order).await?;
        let mut performed = self.answers.performed.lock().unwrap();
        performed.insert(asked, answer.clone());
        Ok(answer)
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        if self.stage() == Stage::Middle && self.kept(object).is_none() {
            self.set(Stage::End);
        }
        if let Some(kept) = self.kept(object) {
            return Ok(kept);
        }
        let facts = self.provider.read(object).await?;
        let mut read = self.answers.read.lock().unwrap();
        read.insert((self.stage(), object.clone()), facts.clone());
        Ok(facts)
    }

    fn takes_discount(&self, sale: &DiscountedSale) -> bool {
        self.provider.takes_discount(sale)
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        let asked = format!("{change:?}");
        let kept = self.answers.previewed.lock().unwrap().get(&asked).cloned();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let previewed = self.provider.preview(change).await?;
        let mut kept = self.answers.previewed.lock().unwrap();
        kept.insert(asked, previewed.clone());
        Ok(previewed)
    }

    async fn list_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        self.provider.list_subscriptions(after).await
    }

    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        self.provider.list_events(since, after).await
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.provider.doctor(catalog).await
    }
}
