//! Lists, keys, refusals and faults: what a caller hears.

use billing_http::{Request, RetryPolicy};
use billing_testkit::fakes::btcpay::{DEFAULT_STORE, FakeBtcPay, lightning_failure};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use http::{HeaderName, Method};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::shop::{Shop, options};

#[tokio::test]
async fn one_order_number_makes_as_many_invoices_as_it_is_asked_for() {
    let shop = Shop::open(options()).await;
    let first = shop.ask("25.00", "a:1").await;
    let second = shop.ask("25.00", "a:1").await;
    assert_ne!(first, second);
    shop.ask("25.00", "b:1").await;
    let found = shop.get("invoices?orderId=a:1").await;
    let ids: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    // The latest first.
    assert_eq!(ids, [&second, &first]);
    let both = shop.get("invoices?orderId=a:1&orderId=b:1").await;
    assert_eq!(both.as_array().unwrap().len(), 3);
    assert_eq!(shop.get("invoices?orderId=a").await, json!([]));
    assert_eq!(shop.fake.books().count("order:a:1"), 2);
}

#[tokio::test]
async fn lists_are_filtered_and_cut() {
    let shop = Shop::open(options()).await;
    for order in ["1", "2", "3"] {
        shop.ask("25.00", order).await;
        shop.fake.advance(SignedDuration::from_mins(5));
    }
    let count = async |query: &str| shop.get(query).await.as_array().unwrap().len();
    assert_eq!(count("invoices").await, 3);
    assert_eq!(count("invoices?status=Expired").await, 1);
    assert_eq!(count("invoices?status=New&status=Expired").await, 3);
    assert_eq!(count("invoices?skip=1&take=1").await, 1);
    let start = shop.fake.clock().now().as_second() - 15 * 60;
    assert_eq!(count(&format!("invoices?startDate={}", start + 1)).await, 2);
    assert_eq!(count(&format!("invoices?endDate={start}")).await, 1);
    let wrong = format!("invoices?startDate={}&endDate={start}", start + 1);
    let refused = shop.refused(Method::GET, &wrong, Value::Null).await;
    assert_eq!(refused, (422, "startDate".to_owned()));
    let with = shop.get("invoices?take=1&includePaymentMethods=true").await;
    assert_eq!(with[0]["paymentMethods"][0]["paymentMethodId"], "BTC-CHAIN");
}

#[tokio::test]
async fn an_invoice_has_texts_for_amounts_and_seconds_for_instants() {
    let shop = Shop::open(options()).await;
    let body = json!({
        "amount": "5.00", "currency": "usd",
        "metadata": {"orderId": "o", "itemDesc": "Pro"},
        "checkout": {"expirationMinutes": 60, "monitoringMinutes": 120},
    });
    let made = shop.post("invoices", body).await;
    assert_eq!(made["amount"], "5.00");
    assert_eq!(made["currency"], "USD");
    assert_eq!(made["storeId"], DEFAULT_STORE);
    assert_eq!(made["metadata"]["itemDesc"], "Pro");
    let second = |field: &str| made[field].as_i64().unwrap();
    let created = second("createdTime");
    assert_eq!(created, shop.fake.clock().now().as_second());
    assert_eq!(second("expirationTime"), created + 3_600);
    assert_eq!(second("monitoringExpiration"), created + 3_600 + 7_200);
    let id = made["id"].as_str().unwrap();
    let link = made["checkoutLink"].as_str().unwrap();
    assert_eq!(link, format!("{}i/{id}", shop.fake.url()));
    let put = shop
        .call(
            Method::PUT,
            &format!("invoices/{id}"),
            json!({"metadata": {"orderId": "p"}}),
        )
        .await;
    // Replaced whole.
    assert_eq!(put["metadata"], json!({"orderId": "p"}));
}

#[tokio::test]
async fn wrong_fields_are_422_with_paths_and_rates_are_400_without_a_code() {
    let shop = Shop::open(options()).await;
    let with = |checkout: Value| json!({"amount": "1", "currency": "USD", "checkout": checkout});
    for (body, field) in [
        (json!({"amount": "-1", "currency": "USD"}), "amount"),
        (json!({"amount": "five", "currency": "USD"}), "amount"),
        (
            with(json!({"expirationMinutes": 0})),
            "checkout.expirationMinutes",
        ),
        (
            with(json!({"paymentTolerance": 101})),
            "checkout.paymentTolerance",
        ),
        (
            with(json!({"paymentMethods": ["BTC-CHAIN", "DOGE"]})),
            "checkout.paymentMethods[1]",
        ),
        (with(json!({"speedPolicy": "Warp"})), "checkout.speedPolicy"),
    ] {
        let refused = shop.refused(Method::POST, "invoices", body.clone()).await;
        assert_eq!(refused, (422, field.to_owned()), "{body}");
    }
    let unknown = json!({"amount": "1", "currency": "XAU"});
    let refused = shop.refused(Method::POST, "invoices", unknown).await;
    assert_eq!(refused, (400, "generic-error".to_owned()));
    let none = shop
        .refused(Method::GET, "invoices/none", Value::Null)
        .await;
    assert_eq!(none, (404, "invoice-not-found".to_owned()));
    assert_eq!(shop.fake.books().count("invoices"), 0);
}

#[tokio::test]
async fn keys_open_what_they_may() {
    let shop = Shop::open(options()).await;
    let url = shop.fake.url().join("api/v1/server/info").unwrap();
    let bare = Request::new(Method::GET, url, RetryPolicy::Never);
    let answer = shop.client.send(bare.clone()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 401);
    let header = HeaderName::from_static("authorization");
    let wrong = bare.with_header(header, "Bearer fakebtcpaykey").unwrap();
    assert_eq!(shop.client.send(wrong).await.unwrap().status.as_u16(), 401);
    let (_, info) = shop.send(Method::GET, "server/info", Value::Null).await;
    assert_eq!(info["version"], "2.4.1");
    let viewer = vec![format!("btcpay.store.canviewinvoices:{DEFAULT_STORE}")];
    shop.fake.permit(viewer.clone());
    let (_, key) = shop
        .send(Method::GET, "api-keys/current", Value::Null)
        .await;
    assert_eq!(key["permissions"], json!(viewer));
    assert_eq!(shop.get("invoices").await, json!([]));
    let path = format!("stores/{DEFAULT_STORE}/invoices");
    let body = json!({"amount": "1", "currency": "USD"});
    let (status, refused) = shop.send(Method::POST, &path, body).await;
    assert_eq!(status, 403);
    assert_eq!(
        refused["missingPermission"],
        "btcpay.store.cancreateinvoice"
    );
    let (status, _) = shop
        .send(Method::GET, "stores/other/invoices", Value::Null)
        .await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn rates_are_told_pair_by_pair() {
    let shop = Shop::open(options()).await;
    let rates = shop
        .get("rates?currencyPair=BTC_USD&currencyPair=BTC_XAU")
        .await;
    let expected = json!([
        {"currencyPair": "BTC_USD", "errors": [], "rate": "50000.00"},
        {"currencyPair": "BTC_XAU", "errors": ["RateFetchError"], "rate": null},
    ]);
    assert_eq!(rates, expected);
    let refused = shop
        .refused(Method::GET, "rates?currencyPair=BTC", Value::Null)
        .await;
    assert_eq!(refused, (422, "currencyPair".to_owned()));
}

#[tokio::test]
async fn faults_strike_before_or_after_the_effect() {
    let shop = Shop::open(options()).await;
    let path = format!("/api/v1/stores/{DEFAULT_STORE}/invoices");
    let body = json!({"amount": "1", "currency": "USD"});
    let order = |kind: FaultKind| Fault::next(kind).on("POST", &path);
    shop.fake.fault(order(lightning_failure()));
    let refused = shop.refused(Method::POST, "invoices", body.clone()).await;
    assert_eq!(refused, (400, "generic-error".to_owned()));
    assert_eq!(shop.fake.books().count("invoices"), 0);
    shop.fake.fault(order(FaultKind::ServerError).after());
    let refused = shop.refused(Method::POST, "invoices", body.clone()).await;
    assert_eq!(refused, (500, "generic-error".to_owned()));
    assert_eq!(shop.fake.books().count("invoices"), 1);
    for kind in [FaultKind::LostAnswer, FaultKind::CutBody] {
        shop.fake.fault(order(kind).after());
        let url = shop.fake.url().join(&path).unwrap();
        let request = Request::new(Method::POST, url, RetryPolicy::Never)
            .with_header(
                HeaderName::from_static("authorization"),
                "token fakebtcpaykey",
            )
            .unwrap()
            .with_body(
                http::HeaderValue::from_static("application/json"),
                body.to_string(),
            );
        assert!(shop.client.send(request).await.is_err());
    }
    assert_eq!(shop.fake.books().count("invoices"), 3);
    assert!(shop.fake.faults().open().is_empty());
}

#[tokio::test]
async fn people_can_click_through_it() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    let click = async |method: Method, path: &str| {
        let url = shop.fake.url().join(path).unwrap();
        let page = shop
            .client
            .send(Request::new(method, url, RetryPolicy::Never))
            .await
            .unwrap();
        (
            page.status.as_u16(),
            String::from_utf8(page.body.to_vec()).unwrap(),
        )
    };
    let (_, page) = click(Method::GET, &format!("i/{id}")).await;
    assert!(page.contains("New (None): 50000 satoshi"), "{page}");
    click(Method::POST, &format!("i/{id}?chain")).await;
    shop.is(&id, "Processing", "None").await;
    click(Method::POST, &format!("i/{id}?confirm")).await;
    shop.is(&id, "Settled", "None").await;
    assert_eq!(click(Method::GET, "i/none").await.0, 404);
    let (status, done) = {
        let url = shop.fake.url().join("_act/pay").unwrap();
        let other = shop.ask("25.00", "order-2").await;
        let body = json!({"invoice": other, "method": "BTC-LN"});
        let json = http::HeaderValue::from_static("application/json");
        let request = Request::new(Method::POST, url, RetryPolicy::Never);
        let answer = shop
            .client
            .send(request.with_body(json, body.to_string()))
            .await
            .unwrap();
        let done: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status.as_u16(), done)
    };
    assert_eq!((status, &done["sats"]), (200, &json!(50_000)));
}

#[tokio::test]
async fn nothing_that_is_printed_shows_a_secret() {
    let mut options = options();
    options.key = "hush-key".to_owned();
    options.secret = "hush-secret".to_owned();
    assert!(!format!("{options:?}").contains("hush"));
    let fake = FakeBtcPay::start(options).await.unwrap();
    let printed = format!("{fake:?} {:?} {:?}", fake.world(), fake.deliveries());
    assert!(printed.contains(DEFAULT_STORE) && !printed.contains("hush"));
}
