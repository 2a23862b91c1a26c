//! Opening and closing checkouts: what is sent, and that a try is looked for first.

use billing_domain::decide::CHECKOUT_LIFETIME;
use billing_domain::discount::Reduction;
use billing_domain::effect::{OpenCheckout, Order, OrderedDiscount};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::EffectId;
use billing_domain::time::{shifted, shifted_back};
use billing_ports::{Answer, PaymentProvider, PerformError};
use jiff::SignedDuration;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use super::{
    MONTHLY, account, answer, at, checkout, key, paddle, price, refusal, respond, sent, usd,
};
use crate::Paddle;

fn effect() -> EffectId {
    "eff_00000000000000000000000000000003".parse().unwrap()
}

async fn perform(paddle: &Paddle, order: Order) -> Result<Answer, PerformError> {
    paddle.perform(effect(), &key(), &order).await
}

async fn done(paddle: &Paddle, order: Order) -> Vec<Observed> {
    match perform(paddle, order).await {
        Ok(Answer::Done(facts)) => facts,
        other => panic!("it is done, not {other:?}"),
    }
}

async fn code(paddle: &Paddle, order: Order) -> String {
    match perform(paddle, order).await {
        Ok(Answer::Refused(refusal)) => refusal.code,
        other => panic!("it is refused, not {other:?}"),
    }
}

fn made(id: &str, intent: &str, origin: &str) -> Value {
    json!({
        "id": id,
        "status": "ready",
        "origin": origin,
        "custom_data": {
            "billing_checkout": checkout().checkout,
            "billing_operator": "acme",
            "intent": intent,
        },
        "currency_code": "USD",
        "created_at": "2026-01-01T00:00:00.123456789Z",
        "updated_at": "2026-01-01T00:00:01.123456789Z",
        "items": [{ "price": price(MONTHLY), "quantity": 1 }],
        "details": { "totals": { "total": "2000", "grand_total": "2000" } },
        "checkout": { "url": "https://pay.example.com/?_ptxn=txn_new" },
    })
}

fn with_email(email: &str) -> OpenCheckout {
    OpenCheckout {
        email: Some(email.to_owned()),
        ..checkout()
    }
}

#[tokio::test]
async fn a_guest_is_asked_for_nothing_and_everything_is_carried_through() {
    let (server, paddle) = paddle().await;
    answer(&server, "GET", "/transactions", &json!([])).await;
    let new = made("txn_new", "x", "api");
    answer(&server, "POST", "/transactions", &new).await;
    let facts = done(&paddle, Order::OpenCheckout(checkout())).await;
    let Fact::CheckoutOpened {
        url,
        reference,
        expires_at,
        ..
    } = &facts[0].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!(reference, "txn_new");
    assert!(url.contains("_ptxn=txn_new"));
    assert_eq!(*expires_at, checkout().expires_at);
    assert_eq!(facts[0].at, at("2026-01-01T00:00:01.123456Z"));
    let body = &sent(&server, "POST", "/transactions").await[0];
    assert_eq!(
        *body,
        json!({
            "items": [{ "price_id": MONTHLY, "quantity": 1 }],
            "collection_mode": "automatic",
            "currency_code": "USD",
            "custom_data": {
                "billing_checkout": checkout().checkout,
                "billing_customer": checkout().customer,
                "billing_ref": "did:ana",
                "billing_operator": "acme",
                "intent": key().to_string(),
            },
        })
    );
    let requests = server.received_requests().await.unwrap();
    let search = requests[0].url.query().unwrap();
    assert!(
        search.contains("created_at%5BGTE%5D=2025-12-31T23%3A55%3A00Z"),
        "{search}"
    );
    assert_eq!(requests[0].headers["paddle-version"], "1");
    assert_eq!(
        requests[0].headers["authorization"],
        "Bearer pdl_sdbx_apikey_test"
    );
}

#[tokio::test]
async fn what_an_earlier_try_made_is_taken_and_what_inherits_its_key_is_not() {
    let (server, paddle) = paddle().await;
    let key = key().to_string();
    let inherits = made("txn_renewal", &key, "subscription_recurring");
    let rows = json!([
        inherits,
        made("txn_other", "other", "api"),
        made("txn_old", &key, "api")
    ]);
    answer(&server, "GET", "/transactions", &rows).await;
    let facts = done(&paddle, Order::OpenCheckout(checkout())).await;
    assert!(
        matches!(&facts[0].fact, Fact::CheckoutOpened { reference, .. } if reference == "txn_old")
    );
    assert!(sent(&server, "POST", "/transactions").await.is_empty());
}

#[tokio::test]
async fn the_search_goes_on_after_the_last_row_and_ends() {
    let (server, paddle) = paddle().await;
    // Every page says that there are more, and leads elsewhere.
    let page = json!({
        "data": [made("txn_other", "other", "api")],
        "meta": { "pagination": { "has_more": true, "next": "https://evil.example.com/?after=x" } },
    });
    respond(&server, "GET", "/transactions", 200, page).await;
    let new = made("txn_new", "x", "api");
    answer(&server, "POST", "/transactions", &new).await;
    done(&paddle, Order::OpenCheckout(checkout())).await;
    let requests = server.received_requests().await.unwrap();
    let pages: Vec<&str> = requests
        .iter()
        .filter(|request| request.method.as_str() == "GET")
        .map(|request| request.url.query().unwrap_or_default())
        .collect();
    assert_eq!(pages.len(), 5, "bounded");
    assert!(!pages[0].contains("after=") && pages[1].contains("after=txn_other"));
}

#[tokio::test]
async fn a_customer_is_made_or_the_one_who_has_the_address_is_taken() {
    let (server, paddle) = paddle().await;
    let taken = refusal(
        "customer_already_exists",
        "customer email conflicts with customer of id ctm_01abc",
    );
    respond(&server, "POST", "/customers", 409, taken).await;
    let found = json!({ "id": "ctm_01abc", "status": "archived" });
    answer(&server, "GET", "/customers/ctm_01abc", &found).await;
    let revived = json!({ "id": "ctm_01abc", "status": "active" });
    answer(&server, "PATCH", "/customers/ctm_01abc", &revived).await;
    answer(&server, "GET", "/transactions", &json!([])).await;
    let new = made("txn_new", "x", "api");
    answer(&server, "POST", "/transactions", &new).await;
    done(&paddle, Order::OpenCheckout(with_email("ana@example.com"))).await;
    let asked = &sent(&server, "POST", "/customers").await[0];
    assert_eq!(asked["email"], "ana@example.com");
    assert_eq!(asked["custom_data"]["billing_ref"], "did:ana");
    let body = &sent(&server, "POST", "/transactions").await[0];
    assert_eq!(body["customer_id"], "ctm_01abc");
    assert!(body["custom_data"].get("email").is_none());
    let revived = &sent(&server, "PATCH", "/customers/ctm_01abc").await[0];
    assert_eq!(*revived, json!({ "status": "active" }));
}

#[tokio::test]
async fn a_conflict_that_names_nobody_is_looked_up_by_address() {
    let (server, paddle) = paddle().await;
    let taken = refusal("customer_already_exists", "conflict");
    respond(&server, "POST", "/customers", 409, taken).await;
    let found = json!([{ "id": "ctm_2", "status": "active" }]);
    answer(&server, "GET", "/customers", &found).await;
    answer(&server, "GET", "/transactions", &json!([])).await;
    let new = made("txn_new", "x", "api");
    answer(&server, "POST", "/transactions", &new).await;
    done(&paddle, Order::OpenCheckout(with_email("a+b@example.com"))).await;
    assert_eq!(
        sent(&server, "POST", "/transactions").await[0]["customer_id"],
        "ctm_2"
    );
}

#[tokio::test]
async fn a_discount_lives_with_its_transaction() {
    let amount = |reduction| OrderedDiscount {
        reduction,
        off: usd(500),
        cycles: Some(3),
    };
    let percent = Reduction::Percent {
        basis_points: 1_250,
    };
    let table = [
        (
            amount(percent),
            Some(3),
            "percentage",
            "12.5",
            true,
            json!(3),
        ),
        (
            amount(Reduction::Fixed { amount: usd(500) }),
            Some(3),
            "flat",
            "500",
            true,
            json!(3),
        ),
        (
            amount(Reduction::SetPrice { unit: usd(1_500) }),
            Some(1),
            "flat",
            "500",
            false,
            Value::Null,
        ),
        (
            amount(Reduction::Percent {
                basis_points: 10_000,
            }),
            None,
            "percentage",
            "100",
            true,
            Value::Null,
        ),
    ];
    for (discount, cycles, kind, text, recurs, intervals) in table {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", "/transactions", &json!([])).await;
        let new = made("txn_new", "x", "api");
        answer(&server, "POST", "/transactions", &new).await;
        let discount = OrderedDiscount { cycles, ..discount };
        let order = OpenCheckout {
            discount: Some(discount),
            ..checkout()
        };
        done(&paddle, Order::OpenCheckout(order)).await;
        let sent = &sent(&server, "POST", "/transactions").await[0]["discount"];
        assert_eq!(sent["type"], kind);
        assert_eq!(sent["amount"], text);
        assert_eq!(sent["recur"], recurs);
        assert_eq!(sent["maximum_recurring_intervals"], intervals);
    }
}

#[tokio::test]
async fn a_discount_of_a_few_cycles_is_not_used_up_by_a_trial() {
    let (server, paddle) = paddle().await;
    for cycles in [1, 3] {
        let order = OpenCheckout {
            trial_end: Some(at("2026-01-15T00:00:00Z")),
            discount: Some(OrderedDiscount {
                reduction: Reduction::Percent {
                    basis_points: 1_250,
                },
                off: usd(250),
                cycles: Some(cycles),
            }),
            ..checkout()
        };
        assert_eq!(
            code(&paddle, Order::OpenCheckout(order)).await,
            "discount_on_trial"
        );
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_promised_trial_that_paddle_would_not_give_is_refused_and_closed() {
    let (server, paddle) = paddle().await;
    answer(&server, "GET", "/transactions", &json!([])).await;
    let new = made("txn_new", "x", "api");
    answer(&server, "POST", "/transactions", &new).await;
    answer(&server, "PATCH", "/transactions/txn_new", &new).await;
    let order = OpenCheckout {
        trial_end: Some(at("2026-01-15T00:00:00Z")),
        ..checkout()
    };
    assert_eq!(
        code(&paddle, Order::OpenCheckout(order)).await,
        "trial_mismatch"
    );
    let closed = sent(&server, "PATCH", "/transactions/txn_new").await;
    assert_eq!(closed, [json!({ "status": "canceled" })]);
}

#[tokio::test]
async fn a_trial_of_another_length_at_paddle_is_refused_and_closed() {
    let ordered_at = shifted_back(checkout().expires_at, CHECKOUT_LIFETIME);
    let order = || {
        Order::OpenCheckout(OpenCheckout {
            trial_end: Some(shifted(ordered_at, SignedDuration::from_hours(14 * 24))),
            ..checkout()
        })
    };
    for (interval, frequency, is_right) in [
        ("day", 7, false),
        ("day", 14, true),
        ("week", 2, true),
        ("month", 1, false),
    ] {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", "/transactions", &json!([])).await;
        let mut new = made("txn_new", "x", "api");
        new["items"][0]["price"]["trial_period"] =
            json!({ "interval": interval, "frequency": frequency });
        answer(&server, "POST", "/transactions", &new).await;
        answer(&server, "PATCH", "/transactions/txn_new", &new).await;
        if is_right {
            done(&paddle, order()).await;
        } else {
            assert_eq!(code(&paddle, order()).await, "trial_mismatch");
        }
        let closed = sent(&server, "PATCH", "/transactions/txn_new").await;
        assert_eq!(closed.is_empty(), is_right, "{frequency} {interval}");
    }
}

#[tokio::test]
async fn without_a_price_or_a_page_it_is_refused() {
    let (server, paddle) = paddle().await;
    answer(&server, "GET", "/transactions", &json!([])).await;
    let mut pageless = made("txn_new", "x", "api");
    pageless["checkout"] = Value::Null;
    answer(&server, "POST", "/transactions", &pageless).await;
    let order = OpenCheckout {
        price_ref: None,
        ..checkout()
    };
    assert_eq!(
        code(&paddle, Order::OpenCheckout(order)).await,
        "price_ref_missing"
    );
    let order = Order::OpenCheckout(checkout());
    assert_eq!(code(&paddle, order).await, "checkout_url_missing");
}

#[tokio::test]
async fn an_open_checkout_is_closed_and_a_paid_one_is_told() {
    let order = || Order::ExpireCheckout {
        provider: account(),
        checkout: checkout().checkout,
        reference: "txn_1".to_owned(),
    };
    let (server, paddle) = paddle().await;
    let open = made("txn_1", "x", "api");
    let mut closed = open.clone();
    closed["status"] = json!("canceled");
    answer(&server, "GET", "/transactions/txn_1", &open).await;
    answer(&server, "PATCH", "/transactions/txn_1", &closed).await;
    let facts = done(&paddle, order()).await;
    assert!(matches!(
        facts[0].fact,
        Fact::CheckoutEnded { canceled: true, .. }
    ));
    server.reset().await;
    let mut paid = open;
    paid["status"] = json!("completed");
    answer(&server, "GET", "/transactions/txn_1", &paid).await;
    let facts = done(&paddle, order()).await;
    assert!(
        facts
            .iter()
            .any(|it| matches!(it.fact, Fact::CheckoutCompleted { .. }))
    );
    assert!(
        sent(&server, "PATCH", "/transactions/txn_1")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_known_customer_who_can_buy_nothing_is_replaced() {
    let known = || OpenCheckout {
        customer_ref: Some("ctm_1".to_owned()),
        ..with_email("ana@example.com")
    };
    for (status, customer, other) in [
        (
            200,
            json!({ "data": { "id": "ctm_1", "status": "archived" } }),
            "ctm_1",
        ),
        (404, refusal("entity_not_found", "no"), "ctm_2"),
    ] {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", "/transactions", &json!([])).await;
        Mock::given(method("POST"))
            .and(path("/transactions"))
            .respond_with(
                ResponseTemplate::new(400)
                    .set_body_json(refusal("transaction_customer_is_not_suitable", "no")),
            )
            .up_to_n_times(1)
            .mount(&server)
            .await;
        let new = made("txn_new", "x", "api");
        answer(&server, "POST", "/transactions", &new).await;
        respond(&server, "GET", "/customers/ctm_1", status, customer).await;
        let revived = json!({ "id": "ctm_1", "status": "active" });
        answer(&server, "PATCH", "/customers/ctm_1", &revived).await;
        let anew = json!({ "id": "ctm_2", "status": "active" });
        answer(&server, "POST", "/customers", &anew).await;
        done(&paddle, Order::OpenCheckout(known())).await;
        let bodies = sent(&server, "POST", "/transactions").await;
        assert_eq!(bodies.len(), 2);
        assert_eq!(bodies[1]["customer_id"], other);
    }
    // Where nothing is wrong with the customer, the refusal stands.
    let (server, paddle) = paddle().await;
    answer(&server, "GET", "/transactions", &json!([])).await;
    let no = refusal("transaction_price_not_found", "no");
    respond(&server, "POST", "/transactions", 400, no).await;
    let fine = json!({ "id": "ctm_1", "status": "active" });
    answer(&server, "GET", "/customers/ctm_1", &fine).await;
    let code = code(&paddle, Order::OpenCheckout(known())).await;
    assert_eq!(code, "transaction_price_not_found");
    assert_eq!(sent(&server, "POST", "/transactions").await.len(), 1);
}
