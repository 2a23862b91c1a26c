//! Licenses: who gets one, when, and what it says.

use billing_engine::CustomerRef;
use billing_license::{Claims, Expected, KeySet, verify};
use billing_ports::Clock as _;
use billing_sandbox::Mode;
use billing_server::RateOptions;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::rig::{AUDIENCE, Making, ORIGIN, READ, Rig, WRITE, text};

/// Everything but the cup gives a license.
pub(crate) const PLANS: &str = "
currency: usd
product: Harbor
features:
  seats:  { kind: count, name: Seats }
  editor: { kind: level, levels: [none, read, write], name: Editor }
plans:
  deck:
    name: Deck
    rank: 10
    grace: 7d
    license: { max_machines: 3 }
    entitlements: { editor: read }
    prices:
      deck-monthly: { amount: 10.00, interval: month }
  bridge:
    name: Bridge
    rank: 20
    grace: 7d
    license: { max_machines: 3 }
    entitlements: { editor: write }
    quantity: { feature: seats, min: 1, max: 50, step: 1 }
    prices:
      bridge-monthly: { amount: 30.00, interval: month }
  anchor:
    name: Anchor
    license: { max_machines: 1 }
    entitlements: { editor: write }
    prices:
      anchor-once: { amount: 99.00, interval: once }
  cup:
    name: Cup
    entitlements: { editor: read }
    prices:
      cup-once: { amount: 7.00, interval: once }
";

/// A shop whose buyers pay every invoice at its page.
pub(crate) async fn harbor() -> Rig {
    made(Making::default()).await
}

async fn made(making: Making) -> Rig {
    Rig::made(Making {
        mode: Mode::EngineSchedule { saves_cards: false },
        plans: PLANS,
        ..making
    })
    .await
}

/// A checkout of a guest.
struct Opened {
    id: String,
    secret: String,
    url: String,
}

async fn opens(rig: &Rig, price: &str) -> Opened {
    let got = rig.post("/v1/checkouts").json(json!({ "price": price }));
    let opened = got.send().await.ok(201);
    Opened {
        id: text(&opened["id"]),
        secret: text(&opened["checkout_secret"]),
        url: text(&opened["url"]),
    }
}

async fn exchanged(rig: &Rig, secret: &str) -> crate::rig::Got {
    let body = json!({ "checkout_secret": secret });
    rig.post("/v1/licenses/exchange").json(body).send().await
}

/// A license that was bought by a guest: its id, key and token.
pub(crate) struct Bought {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) token: String,
    pub(crate) secret: String,
}

pub(crate) async fn bought(rig: &Rig, price: &str) -> Bought {
    let opened = opens(rig, price).await;
    rig.pays(&opened.url).await;
    let given = exchanged(rig, &opened.secret).await.ok(200);
    let license = &given["license"];
    Bought {
        id: text(&license["id"]),
        key: text(&license["key"]),
        token: text(&license["token"]),
        secret: opened.secret,
    }
}

#[tokio::test]
async fn a_plan_that_costs_nothing_gives_its_license_at_once() {
    const FREE: &str = "
currency: usd
product: Harbor
features:
  editor: { kind: level, levels: [none, read, write], name: Editor }
plans:
  dinghy:
    name: Dinghy
    rank: 1
    license: { max_machines: 1 }
    entitlements: { editor: read }
";
    let rig = Rig::made(Making {
        plans: FREE,
        ..Making::default()
    })
    .await;
    let asked = json!({ "plan": "dinghy", "email": "ana@example.com" });
    let begun = rig.post("/v1/checkouts").json(asked).send().await.ok(201);
    assert_eq!(begun["status"], "completed");
    let secret = text(&begun["checkout_secret"]);
    let given = exchanged(&rig, &secret).await.ok(200);
    let says = says(&rig, &text(&given["license"]["token"])).await;
    assert_eq!((says.plan.as_str(), says.exp), ("dinghy", None), "for good");
    // Asked for again, it is the same one.
    let again = exchanged(&rig, &secret).await.ok(200);
    assert_eq!(again["license"]["key"], given["license"]["key"]);
}

/// What a token says, after verifying it as an application does.
pub(crate) async fn says(rig: &Rig, token: &str) -> Claims {
    let jwks = rig.get("/.well-known/jwks.json").send().await;
    let keys = KeySet::from_jwks(&jwks.ok(200).to_string()).unwrap();
    let expected = Expected {
        issuer: "https://billing.example.com",
        audience: Some(AUDIENCE),
        customer: None,
    };
    verify(token, &keys, &expected, rig.clock.now().as_second()).unwrap()
}

/// The subscription of a license, as operators see it.
pub(crate) async fn subscription(rig: &Rig, license: &str) -> Value {
    let path = format!("/v1/licenses/{license}");
    let license = rig.get(&path).by(READ).send().await.ok(200);
    let path = format!("/v1/subscriptions/{}", text(&license["subscription"]));
    rig.get(&path).by(READ).send().await.ok(200)
}

#[tokio::test]
async fn a_buyer_who_is_back_before_the_money_waits_and_gets_the_license_then() {
    let rig = harbor().await;
    let opened = opens(&rig, "deck-monthly").await;
    let waits = exchanged(&rig, &opened.secret).await;
    assert_eq!(waits.ok(202), json!({ "status": "pending" }));
    assert_eq!(waits.header("cache-control"), "no-store");
    rig.pays(&opened.url).await;
    let got = exchanged(&rig, &opened.secret).await;
    assert_eq!(got.header("cache-control"), "no-store");
    let given = got.ok(200);
    insta::assert_json_snapshot!(given, {
        ".license.id" => "[id]", ".license.key" => "[key]", ".license.token" => "[token]",
        ".license.expires_at" => "[end]",
    }, @r#"
    {
      "license": {
        "expires_at": "[end]",
        "id": "[id]",
        "key": "[key]",
        "plan": "deck",
        "seats": null,
        "serial": 1,
        "token": "[token]"
      },
      "status": "issued"
    }
    "#);
    assert!(text(&given["license"]["key"]).starts_with("LK-"));
    // Again, and by the checkout's name besides.
    assert_eq!(exchanged(&rig, &opened.secret).await.ok(200), given);
    let body = json!({ "checkout_secret": opened.secret, "checkout": opened.id });
    let named = rig.post("/v1/licenses/exchange").json(body).send().await;
    assert_eq!(named.ok(200), given);
}

#[tokio::test]
async fn a_token_verifies_by_the_public_keys_and_ends_with_the_grace() {
    let rig = harbor().await;
    let bought = bought(&rig, "deck-monthly").await;
    let claims = says(&rig, &bought.token).await;
    assert_eq!(claims.jti, bought.id);
    assert_eq!((claims.plan.as_str(), claims.seats), ("deck", None));
    assert_eq!(json!(claims.entitlements), json!({ "editor": "read" }));
    let held = subscription(&rig, &bought.id).await;
    let paid_through: Timestamp = text(&held["paid_through"]).parse().unwrap();
    let grace_ends = paid_through + SignedDuration::from_hours(7 * 24);
    assert_eq!(claims.exp, Some(grace_ends.as_second()));
    assert_eq!(claims.sub, text(&held["customer"]));
    let refresh = "https://billing.example.com/v1/licenses/refresh";
    assert_eq!(claims.refresh_url.as_deref(), Some(refresh));
    // Once it is due, the books name that very instant.
    rig.clock.set(paid_through);
    rig.state.billing.work_until_idle().await.unwrap();
    let due = subscription(&rig, &bought.id).await;
    assert_eq!(due["grace_ends_at"], json!(grace_ends.to_string()));
    let again = exchanged(&rig, &bought.secret).await.ok(200);
    assert_eq!(again["license"]["expires_at"], due["grace_ends_at"]);
}

#[tokio::test]
async fn what_is_bought_once_is_good_for_ever() {
    let rig = harbor().await;
    let bought = bought(&rig, "anchor-once").await;
    assert_eq!(says(&rig, &bought.token).await.exp, None);
}

#[tokio::test]
async fn a_session_gets_its_customer_s_best_license() {
    let rig = harbor().await;
    let ana = rig.customer("ana").await;
    let session = rig.session(&ana).await;
    let ask = |body| rig.post("/v1/licenses/exchange").by(&session).json(body);
    ask(json!({})).send().await.refused(404, "not_found");
    let deck = rig.buys(&ana, "deck-monthly").await;
    let bridge = rig.buys(&ana, "bridge-monthly").await;
    let best = ask(json!({})).send().await.ok(200);
    assert_eq!(best["license"]["plan"], "bridge");
    assert_eq!(best["license"]["seats"], 1);
    let named = ask(json!({ "checkout": deck })).send().await.ok(200);
    assert_eq!(named["license"]["plan"], "deck");
    let named = ask(json!({ "checkout": bridge })).send().await.ok(200);
    assert_eq!(named, best);
    let empty = rig.post("/v1/licenses/exchange").by(&session).send().await;
    assert_eq!(empty.ok(200), best);
    let cup = rig.buys(&ana, "cup-once").await;
    let got = ask(json!({ "checkout": cup })).send().await;
    got.refused(404, "not_found");
    // Another customer's checkout is none.
    let ben = rig.customer("ben").await;
    let session = rig.session(&ben).await;
    for checkout in [deck.as_str(), "x", &ben] {
        let ask = rig.post("/v1/licenses/exchange").by(&session);
        let got = ask.json(json!({ "checkout": checkout })).send().await;
        got.refused(404, "not_found");
    }
}

#[tokio::test]
async fn nobody_else_gets_it() {
    let rig = harbor().await;
    let one = opens(&rig, "deck-monthly").await;
    rig.pays(&one.url).await;
    let ask = || rig.post("/v1/licenses/exchange");
    let mut bodies = Vec::new();
    for (secret, checkout) in [
        ("", None),
        ("cs_none", None),
        ("cs_none", Some(one.id.as_str())),
        (one.id.as_str(), Some(one.id.as_str())),
        (&one.secret, Some("chk_00000000000000000000000000000000")),
        (&one.secret, Some("x")),
        (&one.secret.replace("cs_", "bs_"), None),
        (&"c".repeat(5000), None),
        ("cs_\u{0}\u{1}", None),
    ] {
        let mut body = json!({ "checkout_secret": secret });
        if let Some(checkout) = checkout {
            body["checkout"] = checkout.into();
        }
        let mut refusal = ask().json(body).send().await.refused(401, "unauthorized");
        refusal["instance"] = Value::Null;
        bodies.push(refusal);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "all alike");
    ask().send().await.refused(401, "unauthorized");
    let by_id = json!({ "checkout": one.id });
    let got = ask().json(by_id.clone()).send().await;
    got.refused(401, "unauthorized");
    let got = ask().by(WRITE).json(by_id).send().await;
    got.refused(403, "insufficient_scope");
    let typo = json!({ "secret": one.secret });
    ask().json(typo).send().await.wrong("secret");
}

#[tokio::test]
async fn what_has_ended_is_told_with_its_reason() {
    let rig = harbor().await;
    let bought = bought(&rig, "deck-monthly").await;
    let held = subscription(&rig, &bought.id).await;
    let path = format!("/v1/subscriptions/{}/cancel", text(&held["id"]));
    let cancel = rig.post(&path).by(WRITE).json(json!({ "when": "now" }));
    cancel.send().await.ok(200);
    let refusal = exchanged(&rig, &bought.secret).await;
    assert_eq!(
        refusal.refused(402, "payment_required")["reason"],
        "canceled"
    );
    let refresh = rig.post("/v1/licenses/refresh");
    let refresh = refresh.json(json!({ "token": bought.token })).send().await;
    assert_eq!(
        refresh.refused(402, "payment_required")["reason"],
        "canceled"
    );
    let path = format!("/v1/licenses/{}", bought.id);
    let shown = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(shown["status"], "canceled");
    // A checkout that nobody paid.
    let lost = opens(&rig, "deck-monthly").await;
    rig.clock.advance(SignedDuration::from_hours(48));
    rig.state.billing.work_until_idle().await.unwrap();
    let refusal = exchanged(&rig, &lost.secret).await;
    let refusal = refusal.refused(402, "payment_required");
    assert_eq!(refusal["reason"], "checkout_expired");
    assert!(!refusal.to_string().contains("LK-"));
}

#[tokio::test]
async fn a_token_is_exchanged_for_the_newest_even_after_its_end() {
    let rig = harbor().await;
    let bought = bought(&rig, "anchor-once").await;
    let refresh = |token: &str| {
        let body = json!({ "token": token });
        rig.post("/v1/licenses/refresh").json(body)
    };
    let got = refresh(&bought.token).send().await;
    assert_eq!(got.header("cache-control"), "no-store");
    let given = got.ok(200);
    assert_eq!(given["license"]["id"], json!(bought.id));
    // A token may be seen by many; the key is its owner's.
    assert_eq!(given["license"].get("key"), None);
    says(&rig, &text(&given["license"]["token"])).await;

    let monthly = self::bought(&rig, "deck-monthly").await;
    let old = monthly.token.clone();
    // Invoiced when it falls due, and never paid.
    for days in [32, 10] {
        rig.clock.advance(SignedDuration::from_hours(24 * days));
        rig.state.billing.work_until_idle().await.unwrap();
    }
    let got = refresh(&old).send().await;
    let refusal = got.refused(402, "payment_required");
    assert_eq!(refusal["reason"], "unpaid");

    let (head, tail) = bought.token.rsplit_once('.').unwrap();
    for forged in [
        String::new(),
        "none".to_owned(),
        head.to_owned(),
        format!("{head}."),
        format!("{head}.{}", tail.replace(|c: char| c.is_ascii_digit(), "A")),
        bought.key.clone(),
    ] {
        refresh(&forged).send().await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn the_exchange_is_the_only_door() {
    let rig = harbor().await;
    let ana = rig.customer("ana").await;
    let session = rig.session(&ana).await;
    let checkout = json!({ "price": "deck-monthly" });
    let opened = rig.post("/v1/checkouts").by(&session).json(checkout);
    let opened = opened.send().await.ok(201);
    rig.pays(&text(&opened["url"])).await;
    let given = rig.post("/v1/licenses/exchange").by(&session).send().await;
    let given = given.ok(200);
    let (key, token) = (
        text(&given["license"]["key"]),
        text(&given["license"]["token"]),
    );
    let license = text(&given["license"]["id"]);
    let me = rig.get("/v1/me").by(&session).send().await.ok(200);
    insta::assert_json_snapshot!(me["licenses"], {
        "[].id" => "[id]", "[].subscription" => "[id]", "[].expires_at" => "[end]",
    }, @r#"
    [
      {
        "expires_at": "[end]",
        "id": "[id]",
        "plan": "deck",
        "status": "good",
        "subscription": "[id]"
      }
    ]
    "#);
    let held = text(&me["subscriptions"][0]["id"]);
    let quote = rig
        .post(&format!("/v1/me/subscriptions/{held}/quotes"))
        .by(&session)
        .json(json!({ "plan": "bridge" }));
    let quote = quote.send().await.ok(201);
    let accept = format!("/v1/me/quotes/{}/accept", text(&quote["id"]));
    let change = rig.post(&accept).by(&session).send().await.ok(200);
    let by_key = json!({ "license_key": key, "plan": "bridge" });
    let mut told = vec![opened, me, quote, change];
    for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
        let got = rig.post(path).json(by_key.clone()).send().await;
        told.push(got.ok(200));
    }
    for path in [
        "/v1/licenses".to_owned(),
        format!("/v1/licenses/{license}"),
        format!("/v1/subscriptions/{held}"),
        format!("/v1/customers/{ana}/journal"),
        "/v1/changes".to_owned(),
        "/v1/invoices".to_owned(),
    ] {
        told.push(rig.get(&path).by(READ).send().await.ok(200));
    }
    let checkout = format!("/v1/checkouts/{}", text(&told[0]["id"]));
    told.push(rig.get(&checkout).send().await.ok(200));
    let (signed, _) = token.rsplit_once('.').unwrap();
    for told in told {
        let told = told.to_string();
        for secret in [key.as_str(), signed, session.as_str()] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[tokio::test]
async fn operators_see_which_there_are() {
    let rig = harbor().await;
    let one = bought(&rig, "deck-monthly").await;
    rig.clock.advance(SignedDuration::from_secs(1));
    let two = bought(&rig, "anchor-once").await;
    let list = |query: &str| rig.get(&format!("/v1/licenses{query}")).by(READ);
    let all = list("").send().await.ok(200);
    let ids: Vec<&Value> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["id"])
        .collect();
    assert_eq!(ids, [&json!(two.id), &json!(one.id)]);
    let first = list("?limit=1").send().await.ok(200);
    assert_eq!(first["data"][0]["id"], json!(two.id));
    let cursor = text(&first["next_cursor"]);
    let rest = list(&format!("?limit=1&cursor={cursor}"))
        .send()
        .await
        .ok(200);
    assert_eq!(rest["data"][0]["id"], json!(one.id));
    assert_eq!(rest["next_cursor"], Value::Null);
    let customer = text(&all["data"][0]["customer"]);
    let hers = list(&format!("?customer={customer}")).send().await.ok(200);
    assert_eq!(hers["data"].as_array().unwrap().len(), 1);
    let path = format!("/v1/licenses/{}", one.id);
    let shown = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(shown["plan"], "deck");
    assert_eq!(shown["status"], "good");
    assert!(text(&shown["expires_at"]).starts_with("2026-04-08T12:00:00"));
}

#[tokio::test]
async fn an_exchange_is_made_anew_whatever_its_idempotency_key() {
    let rig = harbor().await;
    let opened = opens(&rig, "deck-monthly").await;
    let ask = || {
        let body = json!({ "checkout_secret": opened.secret });
        let ask = rig.post("/v1/licenses/exchange").json(body);
        ask.header("idempotency-key", "the-same-key-every-time")
    };
    ask().send().await.ok(202);
    rig.pays(&opened.url).await;
    let given = ask().send().await.ok(200);
    assert_eq!(ask().send().await.ok(200), given);
}

#[tokio::test]
async fn the_public_keys_may_be_kept_for_a_while_and_read_by_pages() {
    let rig = harbor().await;
    let ask = || rig.get("/.well-known/jwks.json");
    let got = ask().header("origin", ORIGIN).send().await;
    let keys = got.ok(200);
    assert_eq!(got.header("cache-control"), "public, max-age=300");
    assert_eq!(got.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0].get("d"), None);
}

#[tokio::test]
async fn where_nothing_signs_nothing_is_handed_out() {
    let rig = made(Making {
        signs: false,
        ..Making::default()
    })
    .await;
    let jwks = rig.get("/.well-known/jwks.json").send().await;
    jwks.refused(404, "not_found");
    let opened = opens(&rig, "deck-monthly").await;
    exchanged(&rig, &opened.secret).await.ok(202);
    rig.pays(&opened.url).await;
    let got = exchanged(&rig, &opened.secret).await;
    got.refused(503, "unavailable");
    let by_key = json!({ "license_key": "LK-none", "plan": "bridge" });
    let got = rig.post("/v1/upgrade").json(by_key).send().await;
    got.refused(401, "unauthorized");
}

/// Buys `price`, and pauses the subscription as an operator does.
pub(crate) async fn paused(rig: &Rig, price: &str) -> Bought {
    let bought = bought(rig, price).await;
    let held = subscription(rig, &bought.id).await;
    let of = CustomerRef::Id(text(&held["customer"]).parse().unwrap());
    let id = text(&held["id"]).parse().unwrap();
    rig.state.billing.pause(&of, id, None).await.unwrap();
    bought
}

/// Revokes a license as an operator does.
pub(crate) async fn revoke(rig: &Rig, license: &str) {
    let path = format!("/v1/licenses/{license}/revoke");
    let body = json!({ "reason": "asked" });
    rig.post(&path).by(WRITE).json(body).send().await.ok(200);
}

#[tokio::test]
async fn an_act_needs_a_reason() {
    let rig = harbor().await;
    let bought = bought(&rig, "anchor-once").await;
    for act in ["suspend", "reinstate", "revoke"] {
        let path = format!("/v1/licenses/{}/{act}", bought.id);
        for body in [json!({}), json!({ "reason": "" })] {
            let got = rig.post(&path).by(WRITE).json(body).send().await;
            got.wrong("reason");
        }
    }
}

#[tokio::test]
async fn tokens_that_do_not_work_are_counted() {
    let mut making = Making::default();
    making.options.rates.failures_per_minute = RateOptions::default().failures_per_minute;
    let rig = made(making).await;
    let bought = bought(&rig, "anchor-once").await;
    let refresh = |token: &str| {
        let body = json!({ "token": token });
        rig.post("/v1/licenses/refresh").json(body)
    };
    let mut refused = 0;
    loop {
        let got = refresh("none").send().await;
        if got.status == 429 {
            assert_ne!(got.header("retry-after"), "");
            break;
        }
        got.refused(401, "unauthorized");
        refused += 1;
    }
    assert_eq!(refused, 20, "a minute");
    // One that works is not refused for the others' sake.
    refresh(&bought.token).send().await.ok(200);
}

#[tokio::test]
async fn a_revoked_one_is_told_as_such_to_whoever_bought_it() {
    let rig = harbor().await;
    let bought = bought(&rig, "anchor-once").await;
    revoke(&rig, &bought.id).await;
    let refusal = exchanged(&rig, &bought.secret).await;
    assert_eq!(
        refusal.refused(402, "payment_required")["reason"],
        "revoked"
    );
    let path = format!("/v1/licenses/{}", bought.id);
    let shown = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(shown["status"], "revoked");
}
