//! Renewals that are to be paid, as operators see them: when each is due, until when its grace
//! lasts, how often it was tried, and who tries again.

use billing_sandbox::{Mode, TestCard};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::admin::signed_in;
use crate::rig::{READ, Rig, WRITE, text};
use crate::shop::{PAGES, shop};

async fn first(rig: &Rig, path: &str) -> Value {
    let found = rig.get(path).by(READ).send().await.ok(200);
    found["data"][0].clone()
}

async fn one(rig: &Rig, path: &str, id: &Value) -> Value {
    let path = format!("{path}/{}", text(id));
    rig.get(&path).by(READ).send().await.ok(200)
}

#[tokio::test]
async fn a_renewal_that_the_customer_pays_says_how_far_it_has_come() {
    let rig = shop(PAGES).await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "pro-monthly").await;
    let held = first(&rig, "/v1/subscriptions").await;
    assert_eq!(held["collection"], Value::Null);
    let paid = first(&rig, "/v1/invoices").await;
    assert_eq!(paid["collection"], Value::Null);
    rig.clock.set("2026-04-02T12:00:00Z".parse().unwrap());
    rig.state.billing.work_until_idle().await.unwrap();
    let held = first(&rig, "/v1/subscriptions?status=past_due").await;
    let (due, ends) = (text(&held["due_at"]), text(&held["grace_ends_at"]));
    assert!(due < ends, "{held}");
    let collection = json!({
        "due_at": due, "grace_ends_at": ends, "asked": 1, "failed_attempts": 0,
        "retried_by": "customer", "next_attempt_at": null,
    });
    assert_eq!(held["collection"], collection);
    assert_eq!(
        one(&rig, "/v1/subscriptions", &held["id"]).await["collection"],
        collection
    );
    let owed = first(&rig, "/v1/invoices?status=open").await;
    assert_eq!(owed["collection"], collection);
    assert_eq!(
        one(&rig, "/v1/invoices", &owed["id"]).await["collection"],
        collection
    );
    // Its customer is told when, and not who tried how often.
    let token = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    let mine = json!({
        "due_at": due, "grace_ends_at": ends, "asked": null, "failed_attempts": null,
        "retried_by": null, "next_attempt_at": null,
    });
    assert_eq!(me["open_invoices"][0]["collection"], mine);
    assert_eq!(me["subscriptions"][0]["collection"], mine);
    let path = format!("/admin/customers/{ana}");
    let browser = signed_in(&rig, READ).await;
    for page in [
        "/admin/invoices?open=renewals",
        "/admin/subscriptions?status=past_due",
        &path,
    ] {
        let shown = browser.get(page).await.is(200);
        shown.is_sound();
        for words in [
            "<th scope=\"col\">Due</th>",
            "data-name=\"Due\">2 April 2026<",
            "data-name=\"Grace ends\">9 April 2026<",
            "data-name=\"Tried\">asked once; the customer pays<",
        ] {
            shown.says(words);
        }
    }
    rig.pays(&text(&owed["pay_url"])).await;
    let held = first(&rig, "/v1/subscriptions").await;
    assert_eq!(held["collection"], Value::Null);
    let shown = browser.get("/admin/invoices").await.is(200);
    shown.keeps_to_itself("data-name=\"Due\"");
}

#[tokio::test]
async fn a_renewal_that_its_provider_tries_again_says_how_often_and_when_next() {
    let rig = shop(Mode::OwnSchedule).await;
    let ana = rig.customer("ana").await;
    let asked = json!({ "customer": ana, "price": "pro-monthly" });
    let opened = rig.post("/v1/checkouts").by(WRITE).json(asked).send().await;
    let page = text(&opened.ok(201)["url"]);
    let reference = page.rsplit('/').next().unwrap();
    let paying = rig.sandbox.pay(reference, TestCard::PaysOnce, None).await;
    paying.unwrap();
    rig.deliver().await;
    rig.clock.set("2026-04-01T14:00:00Z".parse().unwrap());
    rig.deliver().await;
    let owed = first(&rig, "/v1/invoices?status=open").await;
    let collection = owed["collection"].clone();
    assert_eq!(
        (&collection["retried_by"], &collection["failed_attempts"]),
        (&json!("provider"), &json!(1))
    );
    assert_eq!(collection["asked"], Value::Null);
    assert!(
        text(&collection["next_attempt_at"]).starts_with("2026-04-02T13:"),
        "{collection}"
    );
    let held = first(&rig, "/v1/subscriptions?status=past_due").await;
    assert_eq!(held["collection"], collection);
    assert_eq!(held["due_at"], collection["due_at"]);
    let browser = signed_in(&rig, READ).await;
    for page in [
        "/admin/invoices?open=renewals",
        "/admin/subscriptions?status=past_due",
    ] {
        let shown = browser.get(page).await.is(200);
        shown
            .is_sound()
            .says("failed once; tried again by Sandbox, next on 2 April 2026, 13:");
        shown.says("data-name=\"Due\">1 April 2026<");
    }
    rig.clock.advance(SignedDuration::from_hours(24));
    rig.deliver().await;
    let owed = first(&rig, "/v1/invoices?status=open").await;
    assert_eq!(owed["collection"]["failed_attempts"], 2);
    assert!(
        text(&owed["collection"]["next_attempt_at"]).starts_with("2026-04-04T13:"),
        "{owed}"
    );
}
