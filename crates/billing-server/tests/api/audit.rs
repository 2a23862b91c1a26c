//! What operators did: every writing route leaves who, what and why, with what it wrote.

use billing_catalog::SAMPLE;
use billing_domain::journal::Event;
use billing_ports::Clock as _;
use billing_ports::store::{DeliveryState, Endpoints as _, EventDelivery};
use billing_testkit::fixtures::Maker;
use jiff::SignedDuration;
use poem::http::Method;
use serde_json::{Value, json};

use crate::bent::promising;
use crate::licenses::{bought, harbor};
use crate::migrations::{Books, dearer, planned};
use crate::operation::park;
use crate::payments::{owed, paid};
use crate::rig::{ADMIN, Ask, Got, Making, READ, Rig, WRITE, text};
use crate::routes::{ROUTES, Who};
use crate::shop::{Holder, PAGES, PLANS, shop};

const WHY: &str = "asked for by phone — Zoë";

/// What was asked for, by whom, and what came back.
struct Done {
    rig: Rig,
    by: &'static str,
    request: String,
    got: Got,
}

/// Asks once, with a reason.
async fn asks(rig: Rig, by: &'static str, method: Method, path: &str, body: Value) -> Done {
    let ask = rig.ask(method.clone(), path).by(by);
    let ask = if body.is_null() { ask } else { ask.json(body) };
    let got = because(ask).send().await;
    Done {
        rig,
        by,
        request: format!("{method} {path}"),
        got,
    }
}

fn because(ask: Ask<'_>) -> Ask<'_> {
    ask.header("billing-reason", WHY)
}

/// An act of this operation that is done.
async fn done(id: &str) -> Done {
    let (post, delete) = (Method::POST, Method::DELETE);
    match id {
        "create_checkout"
        | "create_billing_session"
        | "create_customer"
        | "update_customer"
        | "create_grant"
        | "end_grant"
        | "join_owner"
        | "leave_owner"
        | "set_spending_limit"
        | "create_negotiated_terms" => about_a_customer(id).await,
        "cancel_subscription"
        | "uncancel_subscription"
        | "pause_subscription"
        | "resume_subscription"
        | "change_plan" => about_a_subscription(id).await,
        "change_license_plan" | "suspend_license" | "reinstate_license" | "revoke_license" => {
            about_a_license(id).await
        }
        "record_payment" | "refund_invoice" => about_an_invoice(id).await,
        "create_discount_code" | "retire_discount_code" => about_a_code(id).await,
        "create_key" => {
            let body = json!({ "name": "ci", "scope": "read" });
            asks(Rig::new().await, ADMIN, post, "/v1/keys", body).await
        }
        "rotate_key" | "revoke_key" => {
            let rig = Rig::new().await;
            let path = format!("/v1/keys/{}", key_id(&rig, "read").await);
            if id == "revoke_key" {
                return asks(rig, ADMIN, delete, &path, Value::Null).await;
            }
            asks(rig, ADMIN, post, &format!("{path}/rotate"), Value::Null).await
        }
        "migrate_prices" => {
            let rig = Rig::new().await;
            dearer(&rig).await;
            Books::with(&rig, &["ana"]).await;
            let digest = planned(&rig).await["digest"].clone();
            let body =
                json!({ "from": "personal-monthly", "to": "personal-2026", "digest": digest });
            asks(rig, ADMIN, post, "/v1/price-migrations", body).await
        }
        "apply_catalog" => {
            let rig = Rig::new().await;
            let path = "/v1/catalog/apply";
            let ask = rig.post(path).by(ADMIN);
            let got = because(ask.bytes("application/yaml", SAMPLE)).send().await;
            Done {
                rig,
                by: ADMIN,
                request: format!("POST {path}"),
                got,
            }
        }
        "replay_parked" | "link_parked" | "discard_parked" => {
            let rig = Rig::new().await;
            rig.customer("ana").await;
            let action = id.trim_end_matches("_parked");
            let path = format!("/v1/parked/{}/{action}", park(&rig, 1).await);
            let linked = json!({ "customer": "ana" });
            let body = if action == "link" {
                linked
            } else {
                Value::Null
            };
            asks(rig, ADMIN, post, &path, body).await
        }
        "create_webhook_endpoint" => {
            let body = json!({ "url": "https://hooks.example.com/" });
            let rig = Rig::new().await;
            asks(rig, ADMIN, post, "/v1/webhook-endpoints", body).await
        }
        "rotate_webhook_secret"
        | "disable_webhook_endpoint"
        | "enable_webhook_endpoint"
        | "delete_webhook_endpoint" => about_a_receiver(id).await,
        "retry_delivery" => {
            let (rig, delivery) = gave_up().await;
            let path = format!("/v1/deliveries/{delivery}/retry");
            asks(rig, ADMIN, post, &path, Value::Null).await
        }
        other => panic!("{other} writes, and nothing here does it"),
    }
}

async fn about_an_invoice(id: &str) -> Done {
    if id == "record_payment" {
        let rig = shop(PAGES).await;
        let path = format!("/v1/invoices/{}/payments", owed(&rig).await);
        return asks(rig, WRITE, Method::POST, &path, paid("bank 1")).await;
    }
    let making = Making {
        mode: PAGES,
        plans: PLANS,
        sells: Box::new(promising),
        ..Making::default()
    };
    let rig = Rig::made(making).await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "pro-monthly").await;
    let invoices = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    let path = format!("/v1/invoices/{}/refund", text(&invoices["data"][0]["id"]));
    asks(rig, WRITE, Method::POST, &path, json!({})).await
}

async fn about_a_code(id: &str) -> Done {
    let (rig, codes) = (Rig::new().await, "/v1/discount-codes");
    let body = json!({ "code": "SPRING", "basis_points": 2500 });
    if id == "create_discount_code" {
        return asks(rig, WRITE, Method::POST, codes, body).await;
    }
    let made = rig.post(codes).by(WRITE).json(body).send().await.ok(201);
    let path = format!("{codes}/{}", text(&made["id"]));
    asks(rig, WRITE, Method::DELETE, &path, Value::Null).await
}

/// A delivery that was given up; gives its id.
pub(crate) async fn gave_up() -> (Rig, String) {
    let rig = Rig::new().await;
    let body = json!({ "url": "https://hooks.example.com/" });
    let made = rig.post("/v1/webhook-endpoints").by(ADMIN).json(body);
    let made = made.send().await.ok(201);
    let mut drawn = Maker::new(7);
    let delivery = EventDelivery {
        id: drawn.id(),
        endpoint: text(&made["endpoint"]["id"]).parse().unwrap(),
        customer: drawn.id(),
        event: Event::InvoiceSettled,
        body: "{}".to_owned(),
        created_at: rig.clock.now(),
        state: DeliveryState::Dead,
        attempts: 12,
        next_at: rig.clock.now(),
        last: None,
    };
    let id = delivery.id.to_string();
    rig.store.add_deliveries(&[delivery]).await.unwrap();
    (rig, id)
}

async fn about_a_receiver(id: &str) -> Done {
    let rig = Rig::new().await;
    let body = json!({ "url": "https://hooks.example.com/" });
    let made = rig.post("/v1/webhook-endpoints").by(ADMIN).json(body);
    let made = made.send().await.ok(201);
    let path = format!("/v1/webhook-endpoints/{}", text(&made["endpoint"]["id"]));
    if id == "delete_webhook_endpoint" {
        return asks(rig, ADMIN, Method::DELETE, &path, Value::Null).await;
    }
    let act = |act: &str| format!("{path}/{act}");
    if id == "enable_webhook_endpoint" {
        let disabled = rig.post(&act("disable")).by(ADMIN).send().await;
        assert!(disabled.status < 300);
    }
    let path = match id {
        "rotate_webhook_secret" => act("rotate-secret"),
        "disable_webhook_endpoint" => act("disable"),
        _ => act("enable"),
    };
    asks(rig, ADMIN, Method::POST, &path, Value::Null).await
}

async fn about_a_customer(id: &str) -> Done {
    let rig = shop(PAGES).await;
    let ana = rig.customer("ana").await;
    rig.customer("ben").await;
    let (post, delete) = (Method::POST, Method::DELETE);
    let grants = "/v1/customers/ana/grants";
    let owner = "/v1/customers/ana/member_of";
    let joins = json!({ "owner": "ben" });
    match id {
        "create_checkout" => {
            let body = json!({ "customer": ana, "price": "pro-monthly" });
            asks(rig, WRITE, post, "/v1/checkouts", body).await
        }
        "create_billing_session" => {
            let body = json!({ "customer": "ana" });
            asks(rig, WRITE, post, "/v1/billing-sessions", body).await
        }
        "update_customer" => {
            let body = json!({ "lang": "de" });
            asks(rig, WRITE, Method::PATCH, "/v1/customers/ana", body).await
        }
        "create_customer" => asks(rig, WRITE, post, "/v1/customers", json!({})).await,
        "create_grant" => asks(rig, WRITE, post, grants, json!({ "plan": "pro" })).await,
        "end_grant" => {
            let made = rig.post(grants).by(WRITE).json(json!({ "plan": "pro" }));
            let path = format!("{grants}/{}", text(&made.send().await.ok(201)["id"]));
            asks(rig, WRITE, delete, &path, Value::Null).await
        }
        "join_owner" => asks(rig, WRITE, Method::PUT, owner, joins).await,
        "leave_owner" => {
            let joined = rig.ask(Method::PUT, owner).by(WRITE).json(joins);
            joined.send().await.ok(204);
            asks(rig, WRITE, delete, owner, Value::Null).await
        }
        "set_spending_limit" => {
            let path = "/v1/customers/ana/spending-limit";
            let body = json!({ "currency": "usd", "amount": 500 });
            asks(rig, WRITE, Method::PUT, path, body).await
        }
        _ => {
            let path = "/v1/customers/ana/negotiated-terms";
            let body = json!({
                "plan": "pro", "amount": 2000, "currency": "usd", "interval": "month",
            });
            asks(rig, WRITE, post, path, body).await
        }
    }
}

async fn about_a_subscription(id: &str) -> Done {
    let rig = shop(PAGES).await;
    let subscription = Holder::of(&rig, "ana", "pro-monthly").await.subscription;
    let path = |act: &str| format!("/v1/subscriptions/{subscription}/{act}");
    let before = match id {
        "uncancel_subscription" => Some("cancel"),
        "resume_subscription" => Some("pause"),
        _ => None,
    };
    if let Some(before) = before {
        rig.post(&path(before)).by(WRITE).send().await.ok(200);
    }
    let (method, act, body) = match id {
        "cancel_subscription" => (Method::POST, "cancel", Value::Null),
        "uncancel_subscription" => (Method::DELETE, "cancellation", Value::Null),
        "pause_subscription" => (Method::POST, "pause", Value::Null),
        "resume_subscription" => (Method::POST, "resume", Value::Null),
        _ => {
            let body = json!({ "plan": "basic", "collect": "none", "reason": "a favor" });
            (Method::POST, "change-plan", body)
        }
    };
    let path = path(act);
    asks(rig, WRITE, method, &path, body).await
}

async fn about_a_license(id: &str) -> Done {
    let rig = harbor().await;
    let license = bought(&rig, "deck-monthly").await.id;
    let reason = json!({ "reason": "a favor" });
    if id == "change_license_plan" {
        rig.clock.advance(SignedDuration::from_hours(24));
        let path = format!("/v1/admin/licenses/{license}/change-plan");
        let body = json!({ "plan": "bridge", "collect": "none", "reason": "a favor" });
        return asks(rig, WRITE, Method::POST, &path, body).await;
    }
    let path = |act: &str| format!("/v1/licenses/{license}/{act}");
    if id == "reinstate_license" {
        let suspends = rig.post(&path("suspend")).by(WRITE);
        suspends.json(reason.clone()).send().await.ok(200);
    }
    let path = path(id.trim_end_matches("_license"));
    asks(rig, WRITE, Method::POST, &path, reason).await
}

pub(crate) async fn key_id(rig: &Rig, name: &str) -> String {
    let keys = rig.get("/v1/keys").by(ADMIN).send().await.ok(200);
    let keys = keys["data"].as_array().unwrap();
    let found = keys.iter().find(|key| key["name"] == name);
    text(&found.unwrap()["id"])
}

async fn acts(rig: &Rig, query: &str) -> Vec<Value> {
    let path = format!("/v1/audit?limit=100{query}");
    let listed = rig.get(&path).by(ADMIN).send().await.ok(200);
    listed["data"].as_array().unwrap().clone()
}

/// Every route of the table that an operator's key may write by, but for reports of use, which
/// nobody decides. What is asked for with `read` keys writes nothing, whatever its method.
#[tokio::test]
async fn every_writing_route_leaves_who_did_what_and_why() {
    let writes = |who: Who| {
        matches!(
            who,
            Who::Write | Who::Admin | Who::WriteOrNobody | Who::Buyers
        )
    };
    let mut tried = 0;
    for route in ROUTES
        .iter()
        .filter(|route| route.writes() && writes(route.who) && route.id != "record_usage")
    {
        let Done {
            rig,
            by,
            request,
            got,
        } = done(route.id).await;
        let shown = String::from_utf8_lossy(&got.bytes);
        // The sandbox makes no links after all: what was ordered of it stays ordered.
        let promised = route.id == "refund_invoice";
        assert!(
            got.status < 300 || promised,
            "{}: {} {shown}",
            route.id,
            got.status
        );
        let name = if by == WRITE { "write" } else { "admin" };
        let actor = key_id(&rig, name).await;
        let mut found = acts(&rig, &format!("&actor={actor}")).await;
        found.retain(|act| act["reason"] == WHY);
        assert_eq!(found.len(), 1, "{}: {found:?}", route.id);
        assert_eq!(found[0]["request"], request.as_str());
        assert_eq!(found[0]["name"], name);
        assert_eq!(found[0]["actor"], actor.as_str());
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
}

#[tokio::test]
async fn what_meters_report_is_no_act() {
    const METERED: &str = r#"
currency: usd
product: "Acme"
features:
  calls: { kind: count, name: "Calls", meter: sum }
plans:
  pro: { name: Pro, entitlements: { calls: 10 } }
"#;
    let rig = Rig::made(Making {
        plans: METERED,
        ..Making::default()
    })
    .await;
    rig.customer("ana").await;
    let grants = rig.post("/v1/customers/ana/grants").by(WRITE);
    grants.json(json!({ "plan": "pro" })).send().await.ok(201);
    let before = acts(&rig, "").await;
    let report = rig.post("/v1/customers/ana/usage").by(WRITE);
    let report = report.json(json!({ "events": [{ "id": "e1", "feature": "calls" }] }));
    let taken = because(report).send().await.ok(200);
    assert_eq!(taken["counted"], 1);
    assert_eq!(acts(&rig, "").await, before);
}

#[tokio::test]
async fn the_journal_says_who_and_why() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let path = format!("/v1/subscriptions/{}/cancel", ana.subscription);
    because(rig.post(&path).by(WRITE)).send().await.ok(200);
    let journal = rig.get("/v1/customers/ana/journal").by(READ).send().await;
    let journal = journal.ok(200);
    let newest = &journal["data"][0];
    assert_eq!(newest["event"], "subscription.cancel_scheduled");
    assert_eq!(newest["actor"], key_id(&rig, "write").await.as_str());
    assert_eq!(newest["reason"], WHY);
    let customer = &acts(&rig, "&customer=ana").await[0];
    assert_eq!(customer["reason"], WHY);
    assert_eq!(customer["customer"], ana.customer.as_str());
    // Whoever does it for itself is in the journal, and is no operator.
    rig.clock.advance(SignedDuration::from_secs(1));
    let mine = format!("/v1/me/subscriptions/{}/cancellation", ana.subscription);
    rig.delete(&mine).by(&ana.session).send().await.ok(200);
    let journal = rig.get("/v1/customers/ana/journal").by(READ).send().await;
    let journal = journal.ok(200);
    assert_eq!(
        journal["data"][0]["event"],
        "subscription.cancel_unscheduled"
    );
    assert_eq!(journal["data"][0]["reason"], Value::Null);
    assert_eq!(&acts(&rig, "&customer=ana").await[0], customer);
}

#[tokio::test]
async fn the_body_s_reason_counts_where_no_header_says_one() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let said = ana.forced(json!({ "plan": "basic", "collect": "none", "reason": "a favor" }));
    said.send().await.ok(200);
    assert_eq!(acts(&rig, "&customer=ana").await[0]["reason"], "a favor");
}

#[tokio::test]
async fn what_is_refused_or_reads_leaves_nothing() {
    let rig = shop(PAGES).await;
    rig.customer("ana").await;
    let before = acts(&rig, "").await;
    for (method, path) in [
        (Method::GET, "/v1/customers/ana".to_owned()),
        (Method::DELETE, format!("/v1/keys/key_{}", "0".repeat(32))),
        (Method::DELETE, "/v1/customers/ana/member_of".to_owned()),
        (Method::POST, "/v1/customers/nobody/grants".to_owned()),
    ] {
        let ask = rig.ask(method, &path).by(ADMIN);
        because(ask.json(json!({ "plan": "pro" }))).send().await;
    }
    assert_eq!(acts(&rig, "").await, before);
    for wrong in ["", "two\tlines", &"x".repeat(256)] {
        let ask = rig.post("/v1/customers").by(WRITE).json(json!({}));
        let got = ask.header("billing-reason", wrong).send().await;
        got.wrong("Billing-Reason");
    }
    let twice = because(because(rig.post("/v1/customers").by(WRITE).json(json!({}))));
    twice.send().await.wrong("Billing-Reason");
    assert_eq!(acts(&rig, "").await, before);
}

#[tokio::test]
async fn the_act_is_not_there_where_the_store_was_lost_before_it_wrote() {
    use billing_testkit::memory::{Call, Fault};
    let rig = shop(PAGES).await;
    rig.customer("ana").await;
    let before = acts(&rig, "").await;
    let grants = |plan: &str| {
        let ask = rig.post("/v1/customers/ana/grants").by(WRITE);
        because(ask.json(json!({ "plan": plan })))
    };
    rig.store.fail_next(Call::Commit, Fault::Before);
    grants("pro").send().await.refused(503, "unavailable");
    assert_eq!(acts(&rig, "").await, before);
    // The answer is lost, and what was done is there with who did it.
    rig.store.fail_next(Call::Commit, Fault::After);
    grants("pro").send().await.refused(503, "unavailable");
    assert_eq!(acts(&rig, "").await.len(), before.len() + 1);
}
