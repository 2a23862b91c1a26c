//! Canceling by the license key: what is paid stays, and nobody's key tells more
//! than that it does not work.

use billing_domain::decide::StepAsk;
use billing_domain::quote::Step;
use billing_engine::CustomerRef;
use billing_sandbox::Mode;
use billing_server::{ApiOptions, RateOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::licenses::{PLANS, bought, harbor, paused, revoke, subscription};
use crate::rig::{Got, Making, READ, Rig, WRITE, text};

const CANCEL: &str = "/v1/subscriptions/cancel";

async fn cancels(rig: &Rig, key: &str) -> Got {
    let body = json!({ "license_key": key });
    rig.post(CANCEL).json(body).send().await
}

async fn exchanged(rig: &Rig, secret: &str) -> Got {
    let body = json!({ "checkout_secret": secret });
    rig.post("/v1/licenses/exchange").json(body).send().await
}

/// What the journal says of `event`, for the holder of a license.
async fn journal(rig: &Rig, license: &str, event: &str) -> Vec<Value> {
    let held = subscription(rig, license).await;
    let path = format!(
        "/v1/customers/{}/journal?limit=100",
        text(&held["customer"])
    );
    let journal = rig.get(&path).by(READ).send().await.ok(200);
    let rows = journal["data"].as_array().unwrap().iter();
    rows.filter(|row| row["event"] == event).cloned().collect()
}

#[tokio::test]
async fn the_key_cancels_at_the_end_of_what_is_paid_once() {
    let rig = harbor().await;
    let held = bought(&rig, "deck-monthly").await;
    let other = bought(&rig, "deck-monthly").await;
    rig.clock.advance(SignedDuration::from_hours(24));
    let ends = subscription(&rig, &held.id).await["paid_through"].clone();
    let first = cancels(&rig, &held.key).await.ok(200);
    assert_eq!(
        first,
        json!({ "ok": true, "already": false, "ends_at": ends })
    );
    // As people paste it, and again later.
    rig.clock.advance(SignedDuration::from_hours(24));
    let pasted = held.key.to_lowercase().replace('-', " ");
    let again = cancels(&rig, &pasted).await.ok(200);
    assert_eq!(
        again,
        json!({ "ok": true, "already": true, "ends_at": ends })
    );
    let told = journal(&rig, &held.id, "subscription.cancel_scheduled").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["actor"], json!(held.id), "who did it");

    // Good until then, and neither renewed nor owed.
    exchanged(&rig, &held.secret).await.ok(200);
    rig.clock.advance(SignedDuration::from_hours(24 * 31));
    rig.state.billing.work_until_idle().await.unwrap();
    let over = exchanged(&rig, &held.secret).await;
    let over = over.refused(402, "payment_required");
    assert_eq!(over["reason"], "canceled");
    assert_eq!(subscription(&rig, &held.id).await["status"], "canceled");
    let path = format!(
        "/v1/invoices?customer={}",
        text(&subscription(&rig, &held.id).await["customer"])
    );
    let invoices = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(invoices["data"].as_array().unwrap().len(), 1);
    // The key of what is over still says so.
    let over = cancels(&rig, &held.key).await.ok(200);
    assert_eq!(over["already"], true);
    // Nobody else's moved.
    let theirs = subscription(&rig, &other.id).await;
    assert_eq!(
        (&theirs["status"], &theirs["cancel_at"]),
        (&json!("past_due"), &Value::Null)
    );
}

#[tokio::test]
async fn what_was_bought_once_has_nothing_to_cancel() {
    let rig = harbor().await;
    let held = bought(&rig, "anchor-once").await;
    let before = rig.store.snapshot();
    let got = cancels(&rig, &held.key).await.ok(200);
    assert_eq!((&got["ok"], &got["already"]), (&json!(true), &json!(true)));
    assert_eq!(rig.store.snapshot().accounts, before.accounts);
    exchanged(&rig, &held.secret).await.ok(200);
}

#[tokio::test]
async fn keys_that_cancel_nothing_are_one_and_write_nothing() {
    let rig = harbor().await;
    let good = bought(&rig, "deck-monthly").await;
    let revoked = bought(&rig, "deck-monthly").await;
    revoke(&rig, &revoked.id).await;
    // Genuine of its own server, which sells another product.
    let id: billing_domain::ids::LicenseId = good.id.parse().unwrap();
    let signer = billing_server::TokenSigner::new(&[7; 32], &[8; 32], "", "other");
    let foreign = billing_ports::LicenseSigner::key_of(&signer, id.uuid());
    // Genuine by our signer's word, and of no license.
    let signer = billing_server::TokenSigner::new(&[3; 32], &[4; 32], "", "");
    let unknown = billing_ports::LicenseSigner::key_of(&signer, uuid::Uuid::from_u128(1));
    let altered = {
        let (rest, last) = good.key.split_at(good.key.len() - 1);
        format!("{rest}{}", if last == "0" { "1" } else { "0" })
    };
    let before = rig.store.snapshot();
    let mut bodies = Vec::new();
    for key in [
        "",
        "garbage",
        "\u{0}\u{7f}",
        &altered,
        &good.id,
        &good.token,
        &good.secret,
        &foreign,
        &unknown,
        &revoked.key,
    ] {
        let got = cancels(&rig, key).await;
        let mut body = got.refused(401, "unauthorized");
        body["instance"] = Value::Null;
        bodies.push((body, got.header("www-authenticate").to_owned()));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let after = rig.store.snapshot();
    assert_eq!(after.accounts, before.accounts);
    assert_eq!(after.journal, before.journal);
    assert_eq!(after.outbox, before.outbox);
    // An operator's choice is none of the buyer's.
    let now = json!({ "license_key": good.key, "when": "now" });
    let got = rig.post(CANCEL).json(now).send().await;
    got.wrong("when");
    let got = rig.post(CANCEL).json(json!({})).send().await;
    got.wrong("license_key");
}

/// The end that a quote tells an operator, who cancels nothing by asking.
async fn quoted(rig: &Rig, license: &str) -> String {
    let held = subscription(rig, license).await;
    let of = CustomerRef::Id(text(&held["customer"]).parse().unwrap());
    let ask = StepAsk {
        subscription: text(&held["id"]).parse().unwrap(),
        step: Step::Cancel,
    };
    let quote = rig.state.billing.quote_step(&of, &ask).await.unwrap();
    quote.effective_at.to_string()
}

#[tokio::test]
async fn the_key_of_what_is_paused_cancels_it_too() {
    let rig = harbor().await;
    let paused = paused(&rig, "deck-monthly").await;
    rig.clock.advance(SignedDuration::from_hours(24));
    let quoted = quoted(&rig, &paused.id).await;
    for already in [false, true] {
        let got = cancels(&rig, &paused.key).await.ok(200);
        let ends = json!({ "ok": true, "already": already, "ends_at": quoted });
        assert_eq!(got, ends);
        rig.clock.advance(SignedDuration::from_hours(24));
    }
    assert_eq!(subscription(&rig, &paused.id).await["status"], "canceled");
    let told = journal(&rig, &paused.id, "subscription.canceled").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["actor"], json!(paused.id), "who did it");
    // It opens nothing else.
    let over = exchanged(&rig, &paused.secret).await;
    over.refused(402, "payment_required");
}

#[tokio::test]
async fn what_is_paused_and_paid_for_ends_as_quoted() {
    let plans = PLANS.replacen("grace: 7d", "grace: 7d\n    on_pause: period_end", 1);
    let rig = Rig::made(Making {
        mode: Mode::EngineSchedule { saves_cards: false },
        plans: plans.leak(),
        ..Making::default()
    })
    .await;
    let going = paused(&rig, "deck-monthly").await;
    let over = paused(&rig, "deck-monthly").await;
    rig.clock.advance(SignedDuration::from_hours(24));
    let ends = quoted(&rig, &going.id).await;
    let paid = subscription(&rig, &going.id).await["paid_through"].clone();
    assert_eq!(paid, json!(ends));
    let got = cancels(&rig, &going.key).await.ok(200);
    assert_eq!(
        got,
        json!({ "ok": true, "already": false, "ends_at": ends })
    );
    exchanged(&rig, &going.secret).await.ok(200);

    // The other's access is over, and it is still paused.
    rig.clock.advance(SignedDuration::from_hours(24 * 40));
    rig.state.billing.work_until_idle().await.unwrap();
    assert_eq!(subscription(&rig, &going.id).await["status"], "canceled");
    assert_eq!(subscription(&rig, &over.id).await["status"], "paused");
    let ends = quoted(&rig, &over.id).await;
    let got = cancels(&rig, &over.key).await.ok(200);
    assert_eq!(
        got,
        json!({ "ok": true, "already": false, "ends_at": ends })
    );
    assert_eq!(subscription(&rig, &over.id).await["status"], "canceled");
}

#[tokio::test]
async fn a_key_that_an_operator_stopped_cancels_nothing_though_it_is_paused() {
    let rig = harbor().await;
    for act in ["suspend", "revoke"] {
        for is_paused in [false, true] {
            let held = if is_paused {
                paused(&rig, "deck-monthly").await
            } else {
                bought(&rig, "deck-monthly").await
            };
            let path = format!("/v1/licenses/{}/{act}", held.id);
            let reason = json!({ "reason": "asked" });
            rig.post(&path).by(WRITE).json(reason).send().await.ok(200);
            let before = rig.store.snapshot();
            let got = cancels(&rig, &held.key).await;
            got.refused(401, "unauthorized");
            assert_eq!(rig.store.snapshot().accounts, before.accounts, "{act}");
        }
    }
}

#[tokio::test]
async fn who_guesses_keys_to_cancel_is_not_served_for_long() {
    let rig = Rig::made(Making {
        mode: Mode::EngineSchedule { saves_cards: false },
        plans: PLANS,
        options: ApiOptions {
            public_url: "https://billing.example.com".to_owned(),
            rates: RateOptions {
                public_posts_per_minute: 0,
                failures_per_minute: 3,
                links_per_hour: 0,
            },
            ..ApiOptions::default()
        },
        ..Making::default()
    })
    .await;
    for _ in 0..3 {
        let got = cancels(&rig, "LK-x").await;
        got.refused(401, "unauthorized");
    }
    let got = cancels(&rig, "LK-x").await;
    got.refused(429, "rate_limited");
    assert!(!got.header("retry-after").is_empty());
}
