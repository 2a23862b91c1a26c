//! Buying over HTTP, page by page, as a browser and as an application do it.

use billing_catalog::{SAMPLE, read_plan_file};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, PUBLIC, Site, StoreKind};

const START: &str = "2026-01-10T09:00:00Z";

/// The numbers of the test cards.
const PAYS: &str = "4242 4242 4242 4242";
const DECLINED: &str = "4000 0000 0000 0002";
const ASKS: &str = "4000 0000 0000 3220";

on_both_stores! {
    /// W-01: the list of plans is public and is not sent again unchanged.
    w_01_plans_are_public_and_tagged;
    /// W-02: what is not sold and where nobody may be sent are refused, and nothing is written.
    w_02_only_what_is_sold_and_only_to_allowed_origins;
    /// W-05: a visit changes nothing; the success page waits for the webhook.
    w_05_only_the_webhook_completes_a_checkout;
    /// W-09: a canceled checkout writes nothing and leads back to pricing.
    w_09_a_canceled_checkout_leads_back_to_pricing;
    /// W-13: the three cards, by their numbers, at the page.
    w_13_the_cards_of_the_page;
    /// S-04: anybody sees the tiers, a customer its own subscription too.
    s_04_tiers_for_anybody_and_ones_own_for_a_customer;
}

async fn site(kind: StoreKind) -> Site {
    let catalog = read_plan_file("sample.yaml", SAMPLE.as_bytes()).unwrap();
    Site::new(kind, CARDS, &catalog, START.parse().unwrap()).await
}

/// A checkout as a guest: what was answered.
async fn opened(site: &Site, body: &Value) -> Value {
    let seen = site.post_as("", "/v1/checkouts", body).await;
    seen.is(StatusCode::CREATED).json()
}

async fn status(site: &Site, checkout: &Value) -> Value {
    let id = checkout["id"].as_str().unwrap();
    let seen = site.get(&format!("/v1/checkouts/{id}")).await;
    seen.is(StatusCode::OK).json()["status"].take()
}

/// Pays at the provider's page with the card of this number; gives the answer.
async fn pay(site: &Site, page: &str, number: &str) -> crate::rig::Seen {
    let form = site.get(page).await.is(StatusCode::OK);
    let token = form.field("token");
    let fields = [
        ("token", token.as_str()),
        ("email", "ana@buyers.test"),
        ("number", number),
        ("expiry", "12/30"),
        ("cvc", "123"),
    ];
    site.submit(page, &fields).await
}

/// How many customers, subscriptions and invoices there are.
async fn written(site: &Site) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, list) in counts
        .iter_mut()
        .zip(["customers", "subscriptions", "invoices"])
    {
        let seen = site.get_as(KEY, &format!("/v1/{list}?limit=100")).await;
        *count = seen.is(StatusCode::OK).json()["data"]
            .as_array()
            .unwrap()
            .len();
    }
    counts
}

async fn w_01_plans_are_public_and_tagged(kind: StoreKind) {
    let site = site(kind).await;
    let seen = site.get("/v1/plans").await.is(StatusCode::OK);
    let tag = seen.header("etag").to_owned();
    assert!(!tag.is_empty());
    assert!(seen.header("cache-control").starts_with("public, max-age="));
    let plans = seen.json()["plans"].take();
    let names: Vec<&str> = plans
        .as_array()
        .unwrap()
        .iter()
        .map(|plan| plan["plan"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["free", "personal", "team", "lifetime"]);

    let again = site.get_unless("/v1/plans", &tag).await;
    assert_eq!(
        (again.status, again.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );

    let dearer = SAMPLE.replace("amount: 12.00", "amount: 13.00");
    site.apply(&dearer).await.is(StatusCode::OK);
    let changed = site.get_unless("/v1/plans", &tag).await.is(StatusCode::OK);
    assert_ne!(changed.header("etag"), tag);
    assert!(changed.text.contains("1300"), "{}", changed.text);
}

async fn w_02_only_what_is_sold_and_only_to_allowed_origins(kind: StoreKind) {
    let site = site(kind).await;
    let refused = [
        json!({ "price": "price_1NotOurs" }),
        json!({ "price": "team-weekly" }),
        json!({ "plan": "gold" }),
        json!({ "price": "team-monthly", "success_url": "https://evil.test/thanks" }),
        json!({ "price": "team-monthly", "success_url": format!("{PUBLIC}.evil.test/thanks") }),
        json!({ "price": "team-monthly", "cancel_url": "//evil.test" }),
        json!({ "price": "team-monthly", "cancel_url": "javascript:alert(1)" }),
    ];
    for body in refused {
        let seen = site.post_as("", "/v1/checkouts", &body).await;
        seen.refused(StatusCode::BAD_REQUEST, "invalid_request");
    }
    assert_eq!(written(&site).await, [0, 0, 0]);
    assert!(site.rig.sandbox.books().checkouts.is_empty());

    let ours = json!({
        "price": "team-monthly", "quantity": 3,
        "success_url": format!("{PUBLIC}/thanks"), "cancel_url": format!("{PUBLIC}/back"),
    });
    let open = opened(&site, &ours).await;
    assert_eq!(open["status"], "open");
    assert!(open["url"].as_str().unwrap().contains("/sandbox/checkout/"));
}

async fn w_05_only_the_webhook_completes_a_checkout(kind: StoreKind) {
    let site = site(kind).await;
    let checkout = opened(&site, &json!({ "price": "personal-monthly" })).await;
    let before = written(&site).await;
    let id = checkout["id"].as_str().unwrap();
    let success = format!("/checkout/success?checkout={id}");
    for _ in 0..3 {
        let page = site.get(&success).await.is(StatusCode::OK);
        assert!(
            page.text.contains("Waiting for your payment"),
            "{}",
            page.text
        );
    }
    site.rig.settle().await;
    assert_eq!(status(&site, &checkout).await, "open");
    assert_eq!(written(&site).await, before);

    let page = checkout["url"].as_str().unwrap();
    let paid = pay(&site, page, PAYS).await.is(StatusCode::SEE_OTHER);
    assert!(paid.header("location").contains("/checkout/success"));
    // Paid, but no webhook yet: the browser is faster than the provider.
    let waits = site.get(paid.header("location")).await.is(StatusCode::OK);
    assert!(
        waits.text.contains("Waiting for your payment"),
        "{}",
        waits.text
    );
    assert_eq!(status(&site, &checkout).await, "open");

    site.rig.settle().await;
    assert_eq!(status(&site, &checkout).await, "completed");
    let thanks = site.get(&success).await.is(StatusCode::OK);
    assert!(thanks.text.contains("Thank you"), "{}", thanks.text);
    assert!(thanks.text.contains("Personal"), "{}", thanks.text);
    assert_eq!(written(&site).await, [1, 1, 1]);
}

async fn w_09_a_canceled_checkout_leads_back_to_pricing(kind: StoreKind) {
    let site = site(kind).await;
    let chosen = [("price", "personal-monthly")];
    let begun = site
        .submit("/pricing/checkout", &chosen)
        .await
        .is(StatusCode::SEE_OTHER);
    let page = begun.header("location").to_owned();
    let before = written(&site).await;
    let left = site
        .get(&format!("{page}/cancel"))
        .await
        .is(StatusCode::SEE_OTHER);
    let canceled = site.get(left.header("location")).await.is(StatusCode::OK);
    assert!(
        canceled.text.contains("Nothing was bought"),
        "{}",
        canceled.text
    );
    assert!(
        canceled.text.contains("href=\"/pricing\""),
        "{}",
        canceled.text
    );
    site.rig.settle().await;
    assert_eq!(written(&site).await, before);
    assert!(site.rig.sandbox.books().payments.is_empty());
    site.get("/pricing").await.is(StatusCode::OK);
}

async fn w_13_the_cards_of_the_page(kind: StoreKind) {
    let site = site(kind).await;
    let price = json!({ "price": "personal-yearly" });

    let declined = opened(&site, &price).await;
    let page = declined["url"].as_str().unwrap();
    let seen = pay(&site, page, DECLINED).await;
    let seen = seen.is(StatusCode::PAYMENT_REQUIRED);
    assert!(
        seen.text.contains("This card was declined"),
        "{}",
        seen.text
    );
    site.rig.settle().await;
    assert_eq!(status(&site, &declined).await, "open");

    let asked = opened(&site, &price).await;
    let page = asked["url"].as_str().unwrap();
    let seen = pay(&site, page, ASKS).await.is(StatusCode::SEE_OTHER);
    let confirm = seen.header("location").to_owned();
    let form = site.get(&confirm).await.is(StatusCode::OK);
    let token = form.field("token");
    let approved = [("token", token.as_str()), ("approve", "yes")];
    site.submit(&confirm, &approved)
        .await
        .is(StatusCode::SEE_OTHER);
    site.rig.settle().await;
    assert_eq!(status(&site, &asked).await, "completed");

    let paid = opened(&site, &price).await;
    let page = paid["url"].as_str().unwrap();
    pay(&site, page, PAYS).await.is(StatusCode::SEE_OTHER);
    site.rig.settle().await;
    assert_eq!(status(&site, &paid).await, "completed");
    assert_eq!(site.rig.sandbox.books().payments.len(), 2);

    let other = opened(&site, &price).await;
    let page = other["url"].as_str().unwrap();
    pay(&site, page, "4111 1111 1111 1111")
        .await
        .is(StatusCode::UNPROCESSABLE_ENTITY);
    site.rig.assert_sound().await;
}

async fn s_04_tiers_for_anybody_and_ones_own_for_a_customer(kind: StoreKind) {
    let site = site(kind).await;
    let tiers = site.get("/v1/plans").await.is(StatusCode::OK);
    site.get("/v1/me")
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");

    let ana = json!({ "external_ref": "ana" });
    site.operate("/v1/customers", &ana)
        .await
        .is(StatusCode::CREATED);
    let session = site
        .operate("/v1/billing-sessions", &json!({ "customer": "ana" }))
        .await;
    let token = session.is(StatusCode::CREATED).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let nothing = site
        .get_as(&token, "/v1/me")
        .await
        .is(StatusCode::OK)
        .json();
    assert_eq!(nothing["subscriptions"], json!([]));
    assert_eq!(nothing["access"]["plan"], "free");

    let body = json!({ "price": "team-monthly", "quantity": 2 });
    let open = site.post_as(&token, "/v1/checkouts", &body).await;
    let open = open.is(StatusCode::CREATED).json();
    let paid = pay(&site, open["url"].as_str().unwrap(), PAYS).await;
    paid.is(StatusCode::SEE_OTHER);
    site.rig.settle().await;

    let held = site
        .get_as(&token, "/v1/me")
        .await
        .is(StatusCode::OK)
        .json();
    assert_eq!(held["subscriptions"][0]["plan"], "team");
    assert_eq!(held["subscriptions"][0]["status"], "trialing");
    let seen = site.get_as(&token, "/v1/plans").await.is(StatusCode::OK);
    assert_eq!(seen.json(), tiers.json());
    site.rig.assert_sound().await;
}
