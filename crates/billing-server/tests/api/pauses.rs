//! Pausing what its provider cannot pause.

use billing_sandbox::Mode;
use serde_json::json;

use crate::bent::pauseless;
use crate::rig::{Making, Rig, WRITE, text};

#[tokio::test]
async fn what_its_provider_cannot_pause_is_said_so_and_goes_on() {
    let rig = Rig::made(Making {
        sells: Box::new(pauseless),
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
        sells: Box::new(pauseless),
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
