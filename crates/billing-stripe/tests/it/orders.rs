//! Orders, call by call.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, OpenCheckout, Order};
use billing_domain::fact::Fact;
use billing_domain::ids::ChangeId;
use billing_domain::money::{Currency, Money};
use billing_domain::time::Interval;
use billing_ports::{PaymentProvider, PerformError, Previewed};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{Far, account, at, brief, header, no, ok};

const CHECKOUT: &str = "chk_00000000000000000000000000000001";

fn checkout() -> OpenCheckout {
    OpenCheckout {
        provider: account(),
        checkout: CHECKOUT.parse().unwrap(),
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        external_ref: Some("user-7".to_owned()),
        customer_ref: None,
        email: None,
        description: "Acme, Team".to_owned(),
        amount: Money::new(2_000, Currency::USD),
        quantity: 1,
        price_ref: Some("price_team".to_owned()),
        discount: None,
        recurring: Some(Interval::MONTH),
        trial_end: None,
        success_url: "https://app.example.com/done".to_owned(),
        cancel_url: "https://app.example.com/plans".to_owned(),
        expires_at: at("2026-11-21T12:00:00Z"),
    }
}

fn session(status: &str) -> Value {
    json!({
        "id": "cs_1", "status": status, "payment_status": "unpaid", "mode": "subscription",
        "url": "https://checkout.stripe.com/c/pay/cs_1", "customer": "cus_9",
        "client_reference_id": CHECKOUT, "expires_at": 1_795_262_400,
        "metadata": { "billing_checkout": CHECKOUT },
    })
}

fn unavailable() -> ResponseTemplate {
    no(
        500,
        &json!({ "error": { "type": "api_error", "message": "Sorry." } }),
    )
}

fn key_taken() -> ResponseTemplate {
    no(
        400,
        &json!({ "error": { "type": "idempotency_error", "message": "Other." } }),
    )
}

#[tokio::test]
async fn a_checkout_makes_the_customer_first() {
    let far = Far::start().await;
    far.answers("POST", "/v1/customers", ok(&json!({ "id": "cus_9" })))
        .await;
    far.answers("POST", "/v1/checkout/sessions", ok(&session("open")))
        .await;
    let facts = far.done(&Order::OpenCheckout(checkout())).await;
    assert_eq!(brief(&facts), ["opened cs_1"]);
    assert_eq!(facts[0].at, at("2026-11-21T09:59:59Z"), "by Stripe's clock");
    let refs: Vec<&str> = facts[0].link.refs.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(refs, ["cs_1", "cus_9"]);
    let asked = far.asked().await;
    let customer = "customer:cus_00000000000000000000000000000002";
    // Where they cannot be looked for, as in some countries, the key has to do.
    assert_eq!(asked[0].url.path(), "/v1/customers/search");
    assert_eq!(header(&asked[1], "idempotency-key"), Some(customer));
    assert_eq!(header(&asked[2], "idempotency-key"), Some("key:1"));
    assert!(String::from_utf8_lossy(&asked[2].body).contains("customer=cus_9"));
}

#[tokio::test]
async fn who_was_made_before_is_not_made_again() {
    // Days ago, for a page that never opened: no key remembers it.
    let far = Far::start().await;
    let found = json!({ "data": [{ "id": "cus_9" }] });
    far.answers("GET", "/v1/customers/search", ok(&found)).await;
    far.answers("POST", "/v1/checkout/sessions", ok(&session("open")))
        .await;
    far.done(&Order::OpenCheckout(checkout())).await;
    let calls = far.calls().await;
    assert_eq!(
        calls,
        ["GET /v1/customers/search", "POST /v1/checkout/sessions"]
    );
    let asked = far.asked().await;
    assert!(String::from_utf8_lossy(&asked[1].body).contains("customer=cus_9"));
}

#[tokio::test]
async fn a_customer_that_a_lost_answer_made_is_found() {
    let far = Far::start().await;
    far.answers("POST", "/v1/customers", unavailable()).await;
    far.answers_once("GET", "/v1/customers/search", ok(&json!({ "data": [] })))
        .await;
    let found = json!({ "data": [{ "id": "cus_8", "deleted": true }, { "id": "cus_9" }] });
    far.answers("GET", "/v1/customers/search", ok(&found)).await;
    far.answers("POST", "/v1/checkout/sessions", ok(&session("open")))
        .await;
    far.done(&Order::OpenCheckout(checkout())).await;
    let asked = far.asked().await;
    assert!(String::from_utf8_lossy(&asked[3].body).contains("customer=cus_9"));
}

#[tokio::test]
async fn a_customer_that_is_not_found_yet_is_asked_for_later() {
    let far = Far::start().await;
    far.answers("POST", "/v1/customers", unavailable()).await;
    far.answers("GET", "/v1/customers/search", ok(&json!({ "data": [] })))
        .await;
    let answer = far.perform(&Order::OpenCheckout(checkout())).await;
    assert!(
        matches!(answer, Err(PerformError::Unknown(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_page_that_an_earlier_try_made_is_found() {
    let far = Far::start().await;
    let order = OpenCheckout {
        customer_ref: Some("cus_9".to_owned()),
        ..checkout()
    };
    far.answers("POST", "/v1/checkout/sessions", key_taken())
        .await;
    // What a buyer typed into a payment link's address makes it no page of ours.
    let other = json!({ "id": "cs_0", "client_reference_id": CHECKOUT });
    let first = json!({ "data": [other], "has_more": true });
    far.answers_once("GET", "/v1/checkout/sessions", ok(&first))
        .await;
    let second = json!({ "data": [session("open")], "has_more": false });
    far.answers("GET", "/v1/checkout/sessions", ok(&second))
        .await;
    let facts = far.done(&Order::OpenCheckout(order)).await;
    assert_eq!(brief(&facts), ["opened cs_1"]);
}

#[tokio::test]
async fn a_customer_who_was_deleted_is_made_anew() {
    let far = Far::start().await;
    let order = OpenCheckout {
        customer_ref: Some("cus_gone".to_owned()),
        ..checkout()
    };
    let gone = json!({ "error": {
        "type": "invalid_request_error", "code": "resource_missing", "param": "customer",
        "message": "No such customer: 'cus_gone'",
    }});
    let place = "/v1/checkout/sessions";
    far.answers_once("POST", place, no(400, &gone)).await;
    far.answers("POST", place, ok(&session("open"))).await;
    far.answers("POST", "/v1/customers", ok(&json!({ "id": "cus_9" })))
        .await;
    let facts = far.done(&Order::OpenCheckout(order)).await;
    assert_eq!(brief(&facts), ["opened cs_1"]);
    let asked = far.asked().await;
    let keys: Vec<_> = asked
        .iter()
        .map(|it| header(it, "idempotency-key"))
        .collect();
    let customer = "customer:cus_00000000000000000000000000000002:instead:cus_gone";
    assert_eq!(keys, [Some("key:1"), Some(customer), Some("key:1:instead")]);
    assert!(String::from_utf8_lossy(&asked[2].body).contains("customer=cus_9"));
}

#[tokio::test]
async fn an_answer_given_again_is_not_how_things_stand() {
    let far = Far::start().await;
    let order = OpenCheckout {
        customer_ref: Some("cus_9".to_owned()),
        ..checkout()
    };
    let again = ok(&session("open")).insert_header("idempotent-replayed", "true");
    far.answers("POST", "/v1/checkout/sessions", again).await;
    far.answers("GET", "/v1/checkout/sessions/cs_1", ok(&session("expired")))
        .await;
    let facts = far.done(&Order::OpenCheckout(order)).await;
    assert_eq!(brief(&facts), ["ended cs_1 false"]);
}

#[tokio::test]
async fn a_page_where_somebody_has_paid_is_not_closed() {
    let order = Order::ExpireCheckout {
        provider: account(),
        checkout: CHECKOUT.parse().unwrap(),
        reference: "cs_1".to_owned(),
    };
    let refused = json!({ "error": { "type": "invalid_request_error", "message": "Only open." } });
    for (status, code) in [
        ("complete", Some("invalid_request_error")),
        ("expired", None),
    ] {
        let far = Far::start().await;
        far.answers(
            "POST",
            "/v1/checkout/sessions/cs_1/expire",
            no(400, &refused),
        )
        .await;
        far.answers("GET", "/v1/checkout/sessions/cs_1", ok(&session(status)))
            .await;
        match code {
            Some(code) => assert_eq!(far.refused(&order).await, code),
            None => assert_eq!(brief(&far.done(&order).await), ["ended cs_1 false"]),
        }
    }
}

fn subscription(price: &str, more: &Value) -> Value {
    let mut subscription = json!({
        "id": "sub_1", "status": "active", "customer": "cus_9", "metadata": {},
        "items": { "data": [{
            "id": "si_1", "price": { "id": price }, "quantity": 1,
            "current_period_start": 1_795_200_000, "current_period_end": 1_797_792_000,
        }]},
    });
    for (name, value) in more.as_object().unwrap() {
        subscription[name] = value.clone();
    }
    subscription
}

fn change(when: ChangeWhen) -> ChangeSubscription {
    ChangeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
        description: "Acme, Pro".to_owned(),
        price_ref: "price_pro".to_owned(),
        amount: Money::new(5_000, Currency::USD),
        quantity: 1,
        interval: Some(Interval::MONTH),
        when,
        ends_discount: false,
    }
}

fn prorated(quoted: i64) -> ChangeSubscription {
    change(ChangeWhen::Prorated {
        at: at("2026-11-21T09:58:00Z"),
        quoted: Some(Money::new(quoted, Currency::USD)),
    })
}

fn preview() -> Value {
    let line = |amount: i64| {
        json!({ "amount": amount, "quantity": 1,
            "parent": { "subscription_item_details": { "proration": true } } })
    };
    json!({ "id": "upcoming_in_1", "currency": "usd", "total": 2_100, "amount_due": 1_600,
        "lines": { "data": [line(-1_400), line(3_500)] } })
}

const SUBSCRIPTION: &str = "/v1/subscriptions/sub_1";
const PREVIEW: &str = "/v1/invoices/create_preview";

#[tokio::test]
async fn a_change_costs_what_stripe_says_less_the_balance() {
    let far = Far::start().await;
    far.answers(
        "GET",
        SUBSCRIPTION,
        ok(&subscription("price_team", &json!({}))),
    )
    .await;
    far.answers("POST", PREVIEW, ok(&preview())).await;
    let Ok(Previewed::Costs(costs)) = far.stripe.preview(&prorated(0)).await else {
        panic!("it can be priced");
    };
    assert_eq!(costs.owed, Money::new(1_600, Currency::USD));
    let lines: Vec<_> = costs
        .lines
        .iter()
        .map(|it| (it.kind.as_str(), it.amount.amount))
        .collect();
    assert_eq!(
        lines,
        [("unused", -1_400), ("begins", 3_500), ("balance", -500)]
    );
}

#[tokio::test]
async fn a_change_is_quoted_with_the_debt_that_it_collects() {
    let far = Far::start().await;
    let held = subscription("price_team", &json!({}));
    far.answers("GET", SUBSCRIPTION, ok(&held)).await;
    let mut owing = preview();
    owing["amount_due"] = json!(2_130);
    owing["starting_balance"] = json!(30);
    owing["ending_balance"] = json!(0);
    far.answers("POST", PREVIEW, ok(&owing)).await;
    let Ok(Previewed::Costs(costs)) = far.stripe.preview(&prorated(0)).await else {
        panic!("it can be priced");
    };
    assert_eq!(costs.owed, Money::new(2_130, Currency::USD));
    let last = costs
        .lines
        .last()
        .map(|it| (it.kind.as_str(), it.amount.amount));
    assert_eq!(last, Some(("balance", 30)));
}

#[tokio::test]
async fn a_stale_quote_changes_nothing() {
    let far = Far::start().await;
    let held = json!({ "schedule": "sub_sched_1" });
    far.answers("GET", SUBSCRIPTION, ok(&subscription("price_team", &held)))
        .await;
    far.answers("POST", PREVIEW, ok(&preview())).await;
    let code = far
        .refused(&Order::ChangeSubscription(prorated(1_599)))
        .await;
    assert_eq!(code, "quote_stale");
    let calls = far.calls().await;
    assert_eq!(
        calls,
        [format!("GET {SUBSCRIPTION}"), format!("POST {PREVIEW}")]
    );
}

#[tokio::test]
async fn a_change_lets_the_schedule_go_and_tells_the_invoice() {
    let far = Far::start().await;
    let held = json!({ "schedule": "sub_sched_1" });
    far.answers("GET", SUBSCRIPTION, ok(&subscription("price_team", &held)))
        .await;
    far.answers("POST", PREVIEW, ok(&preview())).await;
    let release = "/v1/subscription_schedules/sub_sched_1/release";
    far.answers("POST", release, ok(&json!({ "id": "sub_sched_1" })))
        .await;
    let paid = json!({ "latest_invoice": {
        "id": "in_2", "status": "paid", "billing_reason": "subscription_update",
        "currency": "usd", "total": 2_100, "amount_due": 1_600,
    }});
    far.answers("POST", SUBSCRIPTION, ok(&subscription("price_pro", &paid)))
        .await;
    // Which of them pays for the period is looked for: this one does not.
    let renewal = json!({ "data": [
        { "id": "in_2", "status": "paid", "billing_reason": "subscription_update" },
        { "id": "in_1", "status": "draft", "billing_reason": "subscription_cycle",
          "currency": "usd", "total": 2_000, "lines": { "data": [
            { "amount": 2_000, "period": { "start": 1_795_200_000, "end": 1_797_792_000 } },
        ]}},
    ]});
    far.answers("GET", "/v1/invoices", ok(&renewal)).await;
    let facts = far.done(&Order::ChangeSubscription(prorated(1_600))).await;
    assert_eq!(brief(&facts), ["sub_1 active", "in_2 Paid"]);
    let Fact::SubscriptionSeen(seen) = &facts[0].fact else {
        panic!("a subscription: {facts:?}");
    };
    let period = seen.period.unwrap();
    assert_eq!(period.end, period.start, "the renewal is a draft");
    let Fact::ProviderInvoiceSeen { amount, .. } = &facts[1].fact else {
        panic!("an invoice: {facts:?}");
    };
    assert_eq!(amount.amount, 1_600, "what was asked is what is charged");
    assert_eq!(far.calls().await[2], format!("POST {release}"));
}

#[tokio::test]
async fn what_is_over_or_has_other_items_is_not_changed() {
    let far = Far::start().await;
    let over = subscription("price_team", &json!({ "status": "canceled" }));
    far.answers("GET", SUBSCRIPTION, ok(&over)).await;
    let order = Order::ChangeSubscription(change(ChangeWhen::Unbilled));
    assert_eq!(far.refused(&order).await, "subscription_ended");

    let far = Far::start().await;
    let several = json!({ "items": { "data": [{ "id": "si_1" }, { "id": "si_2" }] } });
    far.answers(
        "GET",
        SUBSCRIPTION,
        ok(&subscription("price_team", &several)),
    )
    .await;
    assert_eq!(far.refused(&order).await, "several_items");
}

#[tokio::test]
async fn a_schedule_that_a_lost_answer_made_is_taken_over() {
    let far = Far::start().await;
    let alone = subscription("price_team", &json!({}));
    far.answers_once("GET", SUBSCRIPTION, ok(&alone)).await;
    let held = json!({ "schedule": "sub_sched_1" });
    far.answers("GET", SUBSCRIPTION, ok(&subscription("price_team", &held)))
        .await;
    far.answers("POST", "/v1/subscription_schedules", unavailable())
        .await;
    let schedule = json!({ "id": "sub_sched_1", "status": "active",
        "current_phase": { "start_date": 1_795_200_000, "end_date": 1_797_792_000 } });
    let path = "/v1/subscription_schedules/sub_sched_1";
    far.answers("GET", path, ok(&schedule)).await;
    far.answers("POST", path, ok(&schedule)).await;
    let order = Order::ChangeSubscription(change(ChangeWhen::NextPeriod { at: None }));
    assert_eq!(brief(&far.done(&order).await), ["sub_1 active"]);
    assert!(far.calls().await.contains(&format!("POST {path}")));
}

#[tokio::test]
async fn what_was_to_come_is_taken_back_once() {
    let order = undo(None);
    let far = Far::start().await;
    far.answers(
        "GET",
        SUBSCRIPTION,
        ok(&subscription("price_team", &json!({}))),
    )
    .await;
    assert_eq!(brief(&far.done(&order).await), ["sub_1 active"]);
    assert_eq!(far.calls().await.len(), 1, "there is nothing to take back");
}

fn undo(change: Option<ChangeId>) -> Order {
    Order::UndoChange {
        provider: account(),
        reference: "sub_1".to_owned(),
        change,
    }
}

#[tokio::test]
async fn a_late_undo_leaves_a_newer_change_alone() {
    let path = "/v1/subscription_schedules/sub_sched_1";
    let newer: ChangeId = "chg_00000000000000000000000000000002".parse().unwrap();
    let older: ChangeId = "chg_00000000000000000000000000000001".parse().unwrap();
    for (undone, noted, released) in [
        (Some(older), Some(newer), false),
        (Some(newer), Some(newer), true),
        (Some(older), None, false),
        (None, Some(newer), true),
    ] {
        let far = Far::start().await;
        let held = json!({ "schedule": "sub_sched_1" });
        far.answers("GET", SUBSCRIPTION, ok(&subscription("price_team", &held)))
            .await;
        let metadata = match noted {
            Some(noted) => json!({ "billing_change": noted.to_string() }),
            None => json!({}),
        };
        let schedule = json!({ "id": "sub_sched_1", "status": "active", "metadata": metadata });
        far.answers("GET", path, ok(&schedule)).await;
        let release = format!("{path}/release");
        far.answers("POST", &release, ok(&schedule)).await;
        assert_eq!(brief(&far.done(&undo(undone)).await), ["sub_1 active"]);
        let called = far.calls().await.contains(&format!("POST {release}"));
        assert_eq!(called, released, "{undone:?} of {noted:?}");
    }
}

#[tokio::test]
async fn what_has_ended_is_canceled() {
    let order = Order::CancelSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        at_once: true,
    };
    let far = Far::start().await;
    let active = subscription("price_team", &json!({}));
    far.answers_once("GET", SUBSCRIPTION, ok(&active)).await;
    let over = subscription(
        "price_team",
        &json!({ "status": "canceled", "ended_at": 1_795_200_500 }),
    );
    far.answers("GET", SUBSCRIPTION, ok(&over)).await;
    let gone = json!({ "error": { "type": "invalid_request_error", "code": "resource_missing" } });
    far.answers("DELETE", SUBSCRIPTION, no(404, &gone)).await;
    assert_eq!(brief(&far.done(&order).await), ["sub_1 canceled"]);
}

#[tokio::test]
async fn every_way_of_being_stopped_is_lifted() {
    let order = Order::ResumeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
        quoted: None,
    };
    for (stopped, call, body) in [
        (
            json!({ "status": "paused" }),
            "/v1/subscriptions/sub_1/resume",
            "resume_on",
        ),
        (
            json!({ "pause_collection": { "behavior": "void" } }),
            SUBSCRIPTION,
            "pause_collection=&",
        ),
    ] {
        let far = Far::start().await;
        far.answers(
            "GET",
            SUBSCRIPTION,
            ok(&subscription("price_team", &stopped)),
        )
        .await;
        let active = ok(&subscription("price_team", &json!({})));
        far.answers("POST", call, active).await;
        assert_eq!(brief(&far.done(&order).await), ["sub_1 active"]);
        let asked = far.asked().await;
        let sent = format!("{}&", String::from_utf8_lossy(&asked[1].body));
        assert!(sent.contains(body), "{stopped}: {sent}");
    }
}

#[tokio::test]
async fn resuming_takes_no_cancellation_back() {
    let order = Order::ResumeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
        quoted: None,
    };
    for ending in [
        json!({ "cancel_at_period_end": true, "cancel_at": 1_797_792_000 }),
        json!({ "cancel_at": 1_796_000_000 }),
    ] {
        let far = Far::start().await;
        let standing = ok(&subscription("price_team", &ending));
        far.answers("GET", SUBSCRIPTION, standing).await;
        assert_eq!(brief(&far.done(&order).await), ["sub_1 active"]);
        assert_eq!(far.calls().await, [format!("GET {SUBSCRIPTION}")]);
    }
}

#[tokio::test]
async fn a_pause_is_told_as_one() {
    let order = Order::PauseSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
    };
    let far = Far::start().await;
    far.answers(
        "GET",
        SUBSCRIPTION,
        ok(&subscription("price_team", &json!({}))),
    )
    .await;
    let paused = json!({ "pause_collection": { "behavior": "void" } });
    far.answers(
        "POST",
        SUBSCRIPTION,
        ok(&subscription("price_team", &paused)),
    )
    .await;
    assert_eq!(brief(&far.done(&order).await), ["sub_1 paused"]);
}
