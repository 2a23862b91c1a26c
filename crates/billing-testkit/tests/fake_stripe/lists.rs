//! Reading: pages, search, expanding, versions, events.

use billing_testkit::fakes::stripe::{Card, OLD_VERSION, PINNED_VERSION};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, days, text};

#[tokio::test]
async fn pages_are_walked_from_the_newest() {
    let bench = Bench::new().await;
    let mut made = Vec::new();
    for number in 0..5 {
        let email = format!("{number}@example.test");
        made.push(text(
            &bench.post("v1/customers", &[("email", &email)]).await["id"],
        ));
    }
    made.reverse();
    let mut seen: Vec<String> = Vec::new();
    let mut more = true;
    while more {
        let after = seen.last().map(|last| format!("&starting_after={last}"));
        let path = format!("v1/customers?limit=2{}", after.unwrap_or_default());
        let page = bench.get(&path).await;
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|one| text(&one["id"])));
        more = page["has_more"].as_bool().unwrap();
        assert!(seen.len() <= made.len());
    }
    assert_eq!(seen, made);
    let (status, _) = bench.call(Method::GET, "v1/customers?limit=101", &[]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn search_is_behind() {
    let bench = Bench::new().await;
    let fields = [("metadata[billing_customer]", "cus_7")];
    let made = bench.post("v1/customers", &fields).await;
    let query = "v1/customers/search?query=metadata%5B'billing_customer'%5D%3A'cus_7'";
    assert_eq!(bench.get(query).await["data"], json!([]));
    bench.fake.advance(SignedDuration::from_mins(1));
    assert_eq!(bench.get(query).await["data"][0]["id"], made["id"]);
    let (status, _) = bench
        .call(Method::GET, "v1/customers/search?query=what", &[])
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn canceled_subscriptions_are_hidden_unless_asked_for() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    bench
        .call(Method::DELETE, &format!("v1/subscriptions/{id}"), &[])
        .await;
    assert_eq!(bench.get("v1/subscriptions").await["data"], json!([]));
    let all = bench
        .get("v1/subscriptions?status=all&expand[]=data.customer")
        .await;
    assert_eq!(all["data"][0]["customer"]["email"], "ana@example.test");
    let path = format!("v1/subscriptions/{id}?expand[]=status");
    assert_eq!(
        bench.call(Method::GET, &path, &[]).await.0,
        400,
        "no such object"
    );
}

#[tokio::test]
async fn prices_are_found_by_their_lookup_keys() {
    let bench = Bench::new().await;
    let fields = [
        ("product", "prod_pro"),
        ("currency", "eur"),
        ("unit_amount", "900"),
        ("recurring[interval]", "week"),
        ("lookup_key", "weekly"),
    ];
    let made = bench.post("v1/prices", &fields).await;
    let path = "v1/prices?lookup_keys[]=weekly&active=true&expand[]=data.product";
    let found = bench.get(path).await;
    assert_eq!(found["data"][0]["id"], made["id"]);
    assert_eq!(found["data"][0]["product"]["name"], "prod_pro");
    assert_eq!(
        bench.get("v1/prices/price_once").await["recurring"],
        json!(null)
    );
}

#[tokio::test]
async fn the_old_version_has_periods_and_subscriptions_where_they_were() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let read = async |version: &str| -> (u16, Value) {
        let path = format!("v1/subscriptions/{id}?expand[]=latest_invoice");
        let headers = [("stripe-version", version)];
        let answer = bench.send(Method::GET, &path, &headers, &[]).await.unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap();
        (answer.status.as_u16(), body)
    };
    let (_, new) = read(PINNED_VERSION).await;
    let (_, old) = read(OLD_VERSION).await;
    let item = &new["items"]["data"][0];
    assert_eq!(old["current_period_end"], item["current_period_end"]);
    assert_eq!(old["items"]["data"][0]["current_period_end"], json!(null));
    assert_eq!(old["latest_invoice"]["subscription"], json!(id));
    assert_eq!(new["latest_invoice"]["subscription"], json!(null));
    let parent = &new["latest_invoice"]["parent"]["subscription_details"];
    assert_eq!(parent["subscription"], json!(id));
    assert_eq!(read("1999-01-01").await.0, 400);
}

#[tokio::test]
async fn events_are_kept_for_thirty_days() {
    let bench = Bench::new().await;
    bench.bought("price_basic", Card::Good).await;
    let path = "v1/events?types[]=invoice.paid&types[]=checkout.session.completed";
    let events = bench.get(path).await;
    assert_eq!(events["data"].as_array().unwrap().len(), 2);
    let paid = &events["data"][1];
    assert_eq!(paid["type"], "invoice.paid");
    assert_eq!(paid["api_version"], PINNED_VERSION);
    let path = format!("v1/events/{}", text(&paid["id"]));
    assert_eq!(bench.get(&path).await["data"]["object"]["status"], "paid");
    bench.fake.advance(days(30));
    assert_eq!(bench.call(Method::GET, &path, &[]).await.0, 404);
}

#[tokio::test]
async fn an_endpoint_tells_its_secret_once() {
    let bench = Bench::new().await;
    let fields = [
        ("url", "https://shop.test/hooks"),
        ("enabled_events[]", "invoice.paid"),
        ("enabled_events[]", "customer.subscription.updated"),
        ("api_version", PINNED_VERSION),
    ];
    let made = bench.post("v1/webhook_endpoints", &fields).await;
    assert!(text(&made["secret"]).starts_with("whsec_"));
    assert_eq!(made["enabled_events"].as_array().unwrap().len(), 2);
    let path = format!("v1/webhook_endpoints/{}", text(&made["id"]));
    assert_eq!(bench.get(&path).await["secret"], json!(null));
}

#[tokio::test]
async fn a_portal_session_is_of_its_customer() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let customer = text(&bench.subscription(&id).await["customer"]);
    let other = text(&bench.post("v1/customers", &[]).await["id"]);
    let fields = |customer: &'static str| [("customer", customer), ("return_url", "nowhere")];
    assert_eq!(
        bench
            .refused("v1/billing_portal/sessions", &fields("cus_none"))
            .await
            .0,
        400
    );
    let flow = |customer: &str| {
        [
            ("customer", customer.to_owned()),
            ("flow_data[type]", "subscription_cancel".to_owned()),
            ("flow_data[subscription_cancel][subscription]", id.clone()),
        ]
    };
    for (customer, status) in [(&customer, 200), (&other, 404)] {
        let flow = flow(customer);
        let flow: Vec<(&str, &str)> = flow.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let (answered, _) = bench
            .call(Method::POST, "v1/billing_portal/sessions", &flow)
            .await;
        assert_eq!(answered, status);
    }
}
