//! Deliveries: their bodies and signatures, and how BTCPay sends them.

use billing_testkit::fakes::btcpay::{DEFAULT_SECRET, OWN_WEBHOOK, SIGNATURE_HEADER, signature};
use billing_testkit::fakes::rig::SignedWebhook;
use serde_json::Value;

use crate::shop::{Shop, options};

/// The body that BTCPay's own documentation signs.
const DOCUMENTED: &str = r#"{
  "deliveryId": "LJMTFbSEobW7mpmAbfVzJv",
  "webhookId": "V9YybsYgDaguxf98N54SJr",
  "originalDeliveryId": "LJMTFbSEobW7mpmAbfVzJv",
  "isRedelivery": false,
  "type": "InvoiceSettled",
  "timestamp": 1700562873,
  "storeId": "HUZAUrnnsHztegnRKHhe9LQMcykQVq1Uaj8UyEbkgcWS",
  "invoiceId": "4cLstvvUwbmTRpdQ3nAPCG",
  "metadata": {
    "orderId": "167",
    "taxIncluded": 0
  },
  "manuallyMarked": false,
  "overPaid": false
}"#;

fn body(webhook: &SignedWebhook) -> Value {
    serde_json::from_slice(&webhook.event.body).unwrap()
}

fn header(webhook: &SignedWebhook) -> &str {
    let mut headers = webhook.headers.iter();
    let found = headers.find(|(name, _)| name == SIGNATURE_HEADER).unwrap();
    &found.1
}

#[test]
fn a_known_body_has_its_known_signature() {
    let expected = "sha256=4481bd29fb2498b362a3935388539c6a12ff8d18a4a0a523aa4292f66b2399bc";
    assert_eq!(signature("HelloWorld", DOCUMENTED.as_bytes()), expected);
    let windows = DOCUMENTED.replace('\n', "\r\n");
    let expected = "sha256=a1077c7a04f41f953e29f1355f70c2327f2490b01b07514cd665aeec1297295c";
    assert_eq!(signature("HelloWorld", windows.as_bytes()), expected);
    let parsed: Value = serde_json::from_str(DOCUMENTED).unwrap();
    let flat = parsed.to_string();
    assert_ne!(signature("HelloWorld", flat.as_bytes()), expected);
}

#[tokio::test]
async fn a_delivery_is_indented_signed_and_says_neither_status_nor_amount() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay_by_lightning(&id, 60_000).unwrap();
    let taken = shop.fake.deliveries().take();
    assert_eq!(taken.len(), 5);
    for one in &taken {
        let text = std::str::from_utf8(&one.event.body).unwrap();
        assert!(text.starts_with("{\n  \""), "{text}");
        assert_eq!(header(one), signature(DEFAULT_SECRET, &one.event.body));
        let body = body(one);
        assert_eq!(body["deliveryId"], body["originalDeliveryId"]);
        assert_eq!(body["isRedelivery"], false);
        assert_eq!(body["webhookId"], OWN_WEBHOOK);
        assert_eq!(body["invoiceId"], *id);
        assert_eq!(body["metadata"]["orderId"], "order-1");
        assert!(body.get("status").is_none() && body.get("amount").is_none());
    }
    let settled = body(taken.last().unwrap());
    assert_eq!(settled["type"], "InvoiceSettled");
    assert_eq!(settled["overPaid"], true);
    assert_eq!(settled["manuallyMarked"], false);
    let received = body(&taken[1]);
    assert_eq!(received["payment"]["value"], "0.00060000");
    assert_eq!(received["afterExpiration"], false);
}

#[tokio::test]
async fn held_deliveries_can_be_doubled_turned_round_and_lost() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay_by_lightning(&id, 50_000).unwrap();
    let waiting = shop.fake.deliveries();
    waiting.duplicate();
    waiting.reverse();
    assert_eq!(waiting.kinds()[..2], ["InvoiceSettled", "InvoiceSettled"]);
    let first = waiting.take_kind("InvoiceSettled").unwrap();
    let second = waiting.take_kind("InvoiceSettled").unwrap();
    assert_eq!(first.event.body, second.event.body);
    assert_eq!(waiting.lose("InvoiceCreated"), 2);
    assert_eq!(waiting.len(), 6);
}

#[tokio::test]
async fn a_lost_delivery_is_sent_again_under_another_id() {
    let shop = Shop::open(options()).await;
    shop.ask("25.00", "order-1").await;
    assert_eq!(shop.fake.lose("InvoiceCreated"), 1);
    assert!(shop.told().is_empty());
    let path = format!("webhooks/{OWN_WEBHOOK}/deliveries");
    let listed = shop.get(&path).await;
    assert_eq!(listed[0]["status"], "Failed");
    assert_eq!(listed[0]["httpCode"], Value::Null);
    let lost = listed[0]["id"].as_str().unwrap();
    let again = shop
        .post(&format!("{path}/{lost}/redeliver"), Value::Null)
        .await;
    let taken = shop.fake.deliveries().take();
    let body = body(&taken[0]);
    assert_eq!(body["deliveryId"], again);
    assert_ne!(body["deliveryId"], lost);
    assert_eq!(body["originalDeliveryId"], lost);
    assert_eq!(body["isRedelivery"], true);
    let sent = shop.get(&path).await;
    assert_eq!(sent[0]["status"], "HttpSuccess");
    let again = again.as_str().unwrap();
    let payload = shop.get(&format!("{path}/{again}/request")).await;
    assert_eq!(payload, body);
}

#[tokio::test]
async fn strange_types_come_when_they_are_asked_for() {
    let shop = Shop::open(options()).await;
    shop.fake.rules(|rules| rules.unknown_events = true);
    shop.ask("25.00", "order-1").await;
    assert_eq!(shop.told(), ["LedgerReshuffled", "InvoiceCreated"]);
}
