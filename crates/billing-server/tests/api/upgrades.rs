//! Upgrading by the license key: what it costs, and that nothing moves before it
//! is paid.

use std::sync::{Arc, Mutex};

use billing_ports::Clock as _;
use billing_ports::WebhookRequest;
use billing_sandbox::{FnSink, TestCard};
use billing_server::{ApiOptions, RateOptions};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::licenses::{Bought, PLANS, bought, harbor, paused, revoke, says, subscription};
use crate::rig::{Got, Making, READ, Rig, WRITE, post_webhook, text};

/// Half a month: half of everything is unused.
const HALF: SignedDuration = SignedDuration::from_hours(31 * 12);

fn usd(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "usd" })
}

async fn asks(rig: &Rig, path: &str, key: &str, more: Value) -> Got {
    let mut body = json!({ "license_key": key });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    rig.post(path).json(body).send().await
}

async fn upgrades(rig: &Rig, key: &str, more: Value) -> Got {
    asks(rig, "/v1/upgrade", key, more).await
}

async fn refreshed(rig: &Rig, bought: &Bought) -> Value {
    let body = json!({ "checkout_secret": bought.secret });
    let got = rig.post("/v1/licenses/exchange").json(body).send().await;
    got.ok(200)["license"].clone()
}

/// How often something happened to the holder of a license.
async fn happened(rig: &Rig, license: &str, event: &str) -> usize {
    let held = subscription(rig, license).await;
    let path = format!(
        "/v1/customers/{}/journal?limit=100",
        text(&held["customer"])
    );
    let journal = rig.get(&path).by(READ).send().await.ok(200);
    let rows = journal["data"].as_array().unwrap();
    rows.iter().filter(|row| row["event"] == event).count()
}

#[tokio::test]
async fn a_quote_says_it_all_and_writes_nothing_but_itself() {
    let rig = harbor().await;
    let bought = bought(&rig, "deck-monthly").await;
    rig.clock.advance(HALF);
    let before = rig.store.snapshot();
    let got = asks(
        &rig,
        "/v1/upgrade-quote",
        &bought.key,
        json!({ "plan": "bridge" }),
    )
    .await;
    let quote = got.ok(200);
    assert_eq!(quote["owed_now"], usd(1000));
    assert_eq!(quote["timing"], "now");
    assert_eq!(quote["kinds"], json!(["upgrade"]));
    assert_eq!(quote["next_charge"]["amount"], usd(3000));
    assert!(text(&quote["next_charge"]["at"]).starts_with("2026-04-01T12:00:00"));
    assert_eq!(quote["loses"], json!([]));
    let after = rig.store.snapshot();
    assert_eq!(after.accounts, before.accounts);
    assert_eq!(after.journal, before.journal);
    assert_eq!(after.outbox, before.outbox);
}

#[tokio::test]
async fn keys_that_do_not_work_are_one_before_anything_is_looked_up() {
    let rig = harbor().await;
    let good = bought(&rig, "deck-monthly").await;
    let revoked = bought(&rig, "deck-monthly").await;
    revoke(&rig, &revoked.id).await;
    let paused = paused(&rig, "deck-monthly").await;
    // Genuine, by the signer's word, and of no license.
    let signer = billing_server::TokenSigner::new(&[3; 32], &[4; 32], "", "");
    let unknown = billing_ports::LicenseSigner::key_of(&signer, uuid::Uuid::from_u128(1));
    let mut bodies = Vec::new();
    for key in [
        "",
        "garbage",
        "\u{0}\u{7f}",
        &"LK-".repeat(2000),
        &good.key[..good.key.len() - 1],
        &good.id,
        &good.token,
        &unknown,
        &revoked.key,
        &paused.key,
    ] {
        for plan in ["bridge", "nosuch", "../etc"] {
            for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
                let got = asks(&rig, path, key, json!({ "plan": plan })).await;
                let mut body = got.refused(401, "unauthorized");
                body["instance"] = Value::Null;
                bodies.push(body);
            }
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for plan in ["nosuch", "../etc"] {
        for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
            let got = asks(&rig, path, &good.key, json!({ "plan": plan })).await;
            got.refused(404, "not_found");
        }
    }
    // As people paste it.
    let pasted = good.key.to_lowercase().replace('-', " ");
    let got = asks(
        &rig,
        "/v1/upgrade-quote",
        &pasted,
        json!({ "plan": "bridge" }),
    )
    .await;
    got.ok(200);
}

#[tokio::test]
async fn nothing_changes_before_it_is_paid_and_then_the_same_license_does() {
    let rig = harbor().await;
    let bought = bought(&rig, "deck-monthly").await;
    rig.clock.advance(HALF);
    let before = refreshed(&rig, &bought).await;
    // Amounts of the client's are not believed.
    let wish = json!({ "plan": "bridge", "quantity": 2, "amount": 1, "owed_now": { "amount": 1 } });
    let change = upgrades(&rig, &bought.key, wish).await.ok(200);
    assert_eq!(change["owed"], usd(2500));
    assert_eq!(change["status"], "awaiting_payment");
    let url = text(&change["checkout_url"]);
    rig.deliver().await;
    let meanwhile = refreshed(&rig, &bought).await;
    assert_eq!(meanwhile["plan"], "deck");
    assert_eq!(
        says(&rig, &text(&meanwhile["token"])).await,
        says(&rig, &text(&before["token"])).await,
        "the old entitlements"
    );

    // The settle webhook, and twenty of it at once.
    let reference = url.rsplit('/').next().unwrap();
    rig.sandbox
        .pay(reference, TestCard::Pays, None)
        .await
        .unwrap();
    let caught: Arc<Mutex<Vec<WebhookRequest>>> = Arc::default();
    let keep = Arc::clone(&caught);
    let sink = FnSink(move |webhook: WebhookRequest| {
        keep.lock().unwrap().push(webhook);
        async { Ok(200) }
    });
    rig.sandbox.pump(rig.clock.now(), &sink).await.unwrap();
    let caught = caught.lock().unwrap().clone();
    assert!(!caught.is_empty());
    let again = (0..20).flat_map(|_| caught.iter().cloned());
    let statuses = join_all(again.map(|webhook| post_webhook(&rig.app, webhook))).await;
    assert!(statuses.iter().all(|status| status.as_u16() == 200));
    rig.state.billing.work_until_idle().await.unwrap();

    let after = refreshed(&rig, &bought).await;
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["key"], before["key"]);
    let claims = says(&rig, &text(&after["token"])).await;
    assert_eq!((claims.plan.as_str(), claims.seats), ("bridge", Some(2)));
    assert_eq!(
        json!(claims.entitlements),
        json!({ "editor": "write", "seats": 2 })
    );
    assert_eq!(happened(&rig, &bought.id, "license.tier_changed").await, 1);
    assert_eq!(happened(&rig, &bought.id, "plan.changed").await, 1);
    let path = format!("/v1/changes/{}", text(&change["id"]));
    let change = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(change["status"], "applied");
}

#[tokio::test]
async fn a_quote_is_accepted_once_and_by_its_own_license_alone() {
    let rig = harbor().await;
    let one = bought(&rig, "deck-monthly").await;
    let two = bought(&rig, "deck-monthly").await;
    let got = asks(
        &rig,
        "/v1/upgrade-quote",
        &one.key,
        json!({ "price": "bridge-monthly" }),
    )
    .await;
    let quote = text(&got.ok(200)["id"]);
    for (key, quote) in [
        (&two.key, quote.as_str()),
        (&one.key, "x"),
        (&one.key, &one.id),
    ] {
        let got = upgrades(&rig, key, json!({ "quote": quote })).await;
        got.refused(404, "not_found");
    }
    let first = upgrades(&rig, &one.key, json!({ "quote": quote }))
        .await
        .ok(200);
    let again = upgrades(&rig, &one.key, json!({ "quote": quote }))
        .await
        .ok(200);
    assert_eq!(first, again, "one quote, one change");
    upgrades(&rig, &one.key, json!({ "quote": quote, "plan": "bridge" }))
        .await
        .wrong("quote");
    upgrades(&rig, &one.key, json!({})).await.wrong("quote");
    asks(&rig, "/v1/upgrade-quote", &one.key, json!({}))
        .await
        .wrong("plan");
    asks(
        &rig,
        "/v1/upgrade-quote",
        &one.key,
        json!({ "plan": "bridge", "seats": 2 }),
    )
    .await
    .wrong("seats");
    rig.post("/v1/upgrade")
        .json(json!({ "plan": "bridge" }))
        .send()
        .await
        .wrong("license_key");
    let late = asks(
        &rig,
        "/v1/upgrade-quote",
        &two.key,
        json!({ "plan": "bridge" }),
    )
    .await;
    let late = text(&late.ok(200)["id"]);
    rig.clock.advance(SignedDuration::from_hours(24));
    let got = upgrades(&rig, &two.key, json!({ "quote": late })).await;
    got.refused(410, "quote_expired");
}

#[tokio::test]
async fn what_does_not_go_up_is_refused_with_advice() {
    let rig = harbor().await;
    let bought = bought(&rig, "bridge-monthly").await;
    let down = json!({ "plan": "deck" });
    let quote = asks(&rig, "/v1/upgrade-quote", &bought.key, down.clone())
        .await
        .ok(200);
    assert_eq!(quote["owed_now"], usd(0));
    assert_eq!(quote["timing"], "period_end");
    for wish in [down, json!({ "quote": quote["id"] })] {
        let got = upgrades(&rig, &bought.key, wish).await;
        let refusal = got.refused(422, "not_an_increase");
        let advice = text(&refusal["detail"]);
        assert!(advice.contains("/v1/quotes/accept"), "{advice}");
    }
    let got = rig.get("/v1/changes").by(READ).send().await.ok(200);
    assert_eq!(got["data"], json!([]));
    // More seats are an increase; as many as now are nothing.
    let more = upgrades(&rig, &bought.key, json!({ "quantity": 3 }))
        .await
        .ok(200);
    assert_eq!(more["owed"], usd(6000));
    let got = upgrades(&rig, &bought.key, json!({ "quantity": 1 })).await;
    got.refused(422, "nothing_changes");
}

#[tokio::test]
async fn a_catalog_may_forbid_going_down() {
    let plans = format!("{PLANS}\nrules:\n  changes:\n    downgrade: {{ when: forbidden }}\n");
    let rig = Rig::made(Making {
        mode: billing_sandbox::Mode::EngineSchedule { saves_cards: false },
        plans: Box::leak(plans.into_boxed_str()),
        ..Making::default()
    })
    .await;
    let bought = bought(&rig, "bridge-monthly").await;
    for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
        let got = asks(&rig, path, &bought.key, json!({ "plan": "deck" })).await;
        got.refused(403, "downgrade_forbidden");
    }
}

#[tokio::test]
async fn a_key_of_a_license_that_has_ended_tells_why_it_cannot_be_upgraded() {
    let rig = harbor().await;
    let bought = bought(&rig, "deck-monthly").await;
    rig.clock.advance(SignedDuration::from_hours(24 * 60));
    rig.state.billing.work_until_idle().await.unwrap();
    let got = upgrades(&rig, &bought.key, json!({ "plan": "bridge" })).await;
    assert_eq!(got.status, 409, "{}", got.json());
}

#[tokio::test]
async fn an_operator_changes_what_a_license_shows() {
    let rig = harbor().await;
    let bought = bought(&rig, "deck-monthly").await;
    let path = format!("/v1/admin/licenses/{}/change-plan", bought.id);
    let force = |plan: &str, collect: &str| {
        let body = json!({ "plan": plan, "collect": collect, "reason": "by arrangement" });
        rig.post(&path).by(WRITE).json(body)
    };
    rig.clock.advance(HALF);
    let invoiced = force("bridge", "invoice").send().await.ok(200);
    assert_eq!(invoiced["owed"], usd(1000));
    assert_eq!(refreshed(&rig, &bought).await["plan"], "deck");
    rig.pays(&text(&invoiced["checkout_url"])).await;
    assert_eq!(refreshed(&rig, &bought).await["plan"], "bridge");
    let got = force("deck", "invoice").send().await;
    let refusal = got.refused(422, "nothing_to_collect");
    assert!(text(&refusal["detail"]).contains("without collecting"));
    let free = force("deck", "none").send().await.ok(200);
    assert_eq!(free["status"], "applied");
    assert_eq!(free["owed"], usd(0));
    assert_eq!(
        (&free["by"], &free["reason"]),
        (&json!("operator"), &json!("by arrangement"))
    );
    let now = refreshed(&rig, &bought).await;
    assert_eq!(
        (&now["plan"], &now["id"]),
        (&json!("deck"), &json!(bought.id))
    );
    let none = "/v1/admin/licenses/x/change-plan";
    let body = json!({ "plan": "deck", "collect": "none", "reason": "asked" });
    let got = rig.post(none).by(WRITE).json(body).send().await;
    got.refused(404, "not_found");
}

#[tokio::test]
async fn who_guesses_keys_is_not_served_for_long() {
    let rig = Rig::made(Making {
        mode: billing_sandbox::Mode::EngineSchedule { saves_cards: false },
        plans: PLANS,
        options: ApiOptions {
            public_url: "https://billing.example.com".to_owned(),
            rates: RateOptions {
                public_posts_per_minute: 0,
                failures_per_minute: 7,
                links_per_hour: 0,
            },
            ..ApiOptions::default()
        },
        ..Making::default()
    })
    .await;
    for (path, body) in [
        (
            "/v1/upgrade",
            json!({ "license_key": "LK-x", "plan": "bridge" }),
        ),
        (
            "/v1/upgrade-quote",
            json!({ "license_key": "LK-x", "plan": "bridge" }),
        ),
        (
            "/v1/licenses/exchange",
            json!({ "checkout_secret": "cs_x" }),
        ),
        ("/v1/licenses/refresh", json!({ "token": "x" })),
        (
            "/v1/machines/activate",
            json!({ "license_key": "LK-x", "machine": "m" }),
        ),
        (
            "/v1/machines/deactivate",
            json!({ "license_key": "LK-x", "machine": "m" }),
        ),
        (
            "/v1/upgrade",
            json!({ "license_key": "LK-y", "plan": "bridge" }),
        ),
    ] {
        let got = rig.post(path).json(body).send().await;
        got.refused(401, "unauthorized");
    }
    for path in ["/v1/upgrade", "/v1/upgrade-quote"] {
        let got = asks(&rig, path, "LK-x", json!({ "plan": "bridge" })).await;
        got.refused(429, "rate_limited");
        assert!(!got.header("retry-after").is_empty());
    }
    for path in ["/v1/machines/activate", "/v1/machines/deactivate"] {
        let got = asks(&rig, path, "LK-x", json!({ "machine": "m" })).await;
        got.refused(429, "rate_limited");
        assert!(!got.header("retry-after").is_empty());
    }
}

/// A shop that counts mismatches and lost keys.
async fn strict(failures_per_minute: u32, links_per_hour: u32) -> Rig {
    Rig::made(Making {
        mode: billing_sandbox::Mode::EngineSchedule { saves_cards: false },
        plans: PLANS,
        options: ApiOptions {
            public_url: "https://billing.example.com".to_owned(),
            rates: RateOptions {
                public_posts_per_minute: 0,
                failures_per_minute,
                links_per_hour,
            },
            ..ApiOptions::default()
        },
        ..Making::default()
    })
    .await
}

#[tokio::test]
async fn k_22_who_validates_guesses_is_told_nothing_after_a_while() {
    let rig = strict(3, 0).await;
    let body = json!({ "license_key": "LK-x" });
    for reason in ["bad_format", "bad_format", "bad_format", "rate_limited"] {
        let got = rig.post("/v1/validate").json(body.clone()).send().await;
        assert_eq!(got.ok(200), json!({ "ok": false, "reason": reason }));
    }
}

#[tokio::test]
async fn k_23_lost_keys_are_asked_for_a_few_times() {
    let body = |invoice: &str| json!({ "invoice": invoice, "email": "ana@buyers.test" });
    // By invoice, whether or not there is one.
    let rig = strict(0, 2).await;
    for (invoice, status, code) in [
        ("inv_1", 404, "not_found"),
        ("inv_1", 404, "not_found"),
        ("inv_1", 429, "rate_limited"),
        ("inv_2", 404, "not_found"),
    ] {
        let got = rig.post("/v1/recover").json(body(invoice)).send().await;
        got.refused(status, code);
    }
    // By address.
    let rig = strict(2, 0).await;
    for (invoice, status, code) in [
        ("inv_1", 404, "not_found"),
        ("inv_2", 404, "not_found"),
        ("inv_3", 429, "rate_limited"),
    ] {
        let got = rig.post("/v1/recover").json(body(invoice)).send().await;
        got.refused(status, code);
    }
}
