//! Pausing what its provider cannot pause.

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_ports::{Answer, Finding, PaymentProvider, PerformError};
use billing_sandbox::{Mode, Sandbox};
use serde_json::json;

use crate::rig::{Making, Rig, WRITE, text};

/// The sandbox, by whose own word it cannot pause.
struct Pauseless(Sandbox);

#[async_trait]
impl PaymentProvider for Pauseless {
    fn account(&self) -> &ProviderAccount {
        self.0.account()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            pause: false,
            ..self.0.capabilities()
        }
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        self.0.perform(effect, key, order).await
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.0.read(object).await
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.0.doctor(catalog).await
    }
}

#[tokio::test]
async fn what_its_provider_cannot_pause_is_said_so_and_goes_on() {
    let rig = Rig::made(Making {
        sells: Box::new(|sandbox| std::sync::Arc::new(Pauseless(sandbox))),
        ..Making::default()
    })
    .await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let token = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    let id = text(&me["subscriptions"][0]["id"]);
    let calls = rig.sandbox.books().calls.len();
    for (path, by, body) in [
        (
            format!("/v1/me/subscriptions/{id}/quotes"),
            token.as_str(),
            json!({ "pause": true }),
        ),
        (
            format!("/v1/me/subscriptions/{id}/pause"),
            &token,
            json!({}),
        ),
        (format!("/v1/subscriptions/{id}/pause"), WRITE, json!({})),
    ] {
        let refused = rig.post(&path).by(by).json(body).send().await;
        refused.refused(422, "pause_unsupported");
    }
    rig.state.billing.work_until_idle().await.unwrap();
    assert_eq!(rig.sandbox.books().calls.len(), calls, "nobody is asked");
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    assert_eq!(me["subscriptions"][0]["status"], "active");
}

#[tokio::test]
async fn where_the_engine_runs_the_schedule_it_pauses_whatever_the_provider_can() {
    let rig = Rig::made(Making {
        mode: Mode::EngineSchedule { saves_cards: true },
        sells: Box::new(|sandbox| std::sync::Arc::new(Pauseless(sandbox))),
        ..Making::default()
    })
    .await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let token = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    let id = text(&me["subscriptions"][0]["id"]);
    let path = format!("/v1/me/subscriptions/{id}/pause");
    let paused = rig.post(&path).by(&token).send().await.ok(200);
    let done = json!({ "ok": true, "already": false, "asked": false });
    assert_eq!(paused, done);
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    assert_eq!(me["subscriptions"][0]["status"], "paused");
}
