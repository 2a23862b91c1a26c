//! Refunds: a link that the buyer claims.

use billing_testkit::fakes::btcpay::PERMISSIONS;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, options};

/// An invoice over 25 dollars that was paid with so many satoshi, and its refunds.
async fn paid(shop: &Shop, sats: u64) -> (String, String) {
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay_by_lightning(&id, sats).unwrap();
    let path = format!("invoices/{id}/refund");
    (id, path)
}

#[tokio::test]
async fn nothing_is_sent_until_the_buyer_claims_and_a_person_agrees() {
    let shop = Shop::open(options()).await;
    let (id, path) = paid(&shop, 50_000).await;
    let body = json!({"refundVariant": "Fiat", "description": "undo"});
    let pull = shop.post(&path, body).await;
    assert_eq!(pull["amount"], "25.00");
    assert_eq!(pull["currency"], "USD");
    assert_eq!(pull["name"], format!("Refund {id}"));
    assert_eq!(pull["autoApproveClaims"], false);
    let pull_id = pull["id"].as_str().unwrap();
    let link = format!("{}pull-payments/{pull_id}", shop.fake.url());
    assert_eq!(pull["viewLink"], link);
    assert_eq!(shop.fake.books().of("order-1").refunds, 0);
    assert!(!shop.fake.claim(pull_id).unwrap());
    let payouts = format!("pull-payments/{pull_id}/payouts");
    let (_, waiting) = shop.send(Method::GET, &payouts, Value::Null).await;
    assert_eq!(waiting[0]["state"], "AwaitingApproval");
    shop.fake.approve_claim(pull_id).unwrap();
    assert!(shop.fake.claim(pull_id).is_err());
    let account = shop.fake.books().of("order-1");
    assert_eq!(account.refunded.get("sat"), Some(&50_000));
    assert_eq!(shop.get("pull-payments").await[0]["id"], *pull_id);
}

#[tokio::test]
async fn variants_promise_what_they_say() {
    let shop = Shop::open(options()).await;
    let (_, path) = paid(&shop, 60_000).await;
    let dear = billing_testkit::fakes::btcpay::Decimal::parse("100000").unwrap();
    shop.price(dear);
    for (body, amount) in [
        (json!({"refundVariant": "RateThen"}), "0.00060000"),
        (json!({"refundVariant": "CurrentRate"}), "0.00030000"),
        (json!({"refundVariant": "OverpaidAmount"}), "0.00010000"),
        (json!({"refundVariant": "Fiat"}), "30.00"),
        (
            json!({"refundVariant": "Fiat", "subtractPercentage": "1.5"}),
            "29.55",
        ),
        (
            json!({"refundVariant": "Custom", "customAmount": "4.20", "customCurrency": "USD"}),
            "4.20",
        ),
    ] {
        let pull = shop.post(&path, body.clone()).await;
        assert_eq!(pull["amount"], amount, "{body}");
    }
    for (body, field) in [
        (json!({}), "refundVariant"),
        (json!({"refundVariant": "Half"}), "refundVariant"),
        (
            json!({"refundVariant": "Fiat", "customAmount": "1"}),
            "customAmount",
        ),
        (
            json!({"refundVariant": "Custom", "customAmount": "0"}),
            "customAmount",
        ),
        (
            json!({"refundVariant": "Fiat", "subtractPercentage": 101}),
            "subtractPercentage",
        ),
    ] {
        let refused = shop.refused(Method::POST, &path, body.clone()).await;
        assert_eq!(refused, (422, field.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn an_open_invoice_is_not_refunded_and_a_claim_may_need_no_word() {
    let shop = Shop::open(options()).await;
    let body = json!({"refundVariant": "RateThen"});
    let open = shop.ask("25.00", "order-1").await;
    let path = format!("invoices/{open}/refund");
    let refused = shop.refused(Method::POST, &path, body.clone()).await;
    assert_eq!(refused, (400, "non-refundable".to_owned()));
    let mut permissions = PERMISSIONS.map(str::to_owned).to_vec();
    permissions.push("btcpay.store.cancreatepullpayments".to_owned());
    shop.fake.permit(permissions);
    let (_, path) = paid(&shop, 50_000).await;
    let pull = shop.post(&path, body).await;
    assert_eq!(pull["autoApproveClaims"], true);
    assert!(shop.fake.claim(pull["id"].as_str().unwrap()).unwrap());
}
