//! What is charged beside the items: how it is asked for, and what its transactions tell.

use billing_domain::effect::{CreateInvoice, EffectKey, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::{EffectId, IdSeq, InvoiceId};
use billing_ports::{Answer, PaymentProvider, Reading};
use bytes::Bytes;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::{
    MONTHLY, account, answer, january, paddle, sent, subscription, teller, transaction, usd,
};
use crate::Paddle;
use crate::map::transaction::Said;
use crate::wire::Transaction;

const OURS: &str = "inv_00000000000000000000000000000005";

fn ours() -> InvoiceId {
    OURS.parse().unwrap()
}

fn key() -> EffectKey {
    EffectKey::usage("usg_00000000000000000000000000000006".parse().unwrap())
}

fn order() -> Order {
    Order::CreateInvoice(CreateInvoice {
        provider: account(),
        invoice: ours(),
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        customer_ref: Some("ctm_1".to_owned()),
        subscription: "sub_00000000000000000000000000000007".parse().unwrap(),
        subscription_ref: Some("sub_1".to_owned()),
        cycle: None,
        description: "team, usage".to_owned(),
        amount: usd(150),
    })
}

async fn charged(paddle: &Paddle) -> Vec<Observed> {
    let effect: EffectId = "eff_00000000000000000000000000000003".parse().unwrap();
    match paddle.perform(effect, &key(), &order()).await {
        Ok(Answer::Done(facts)) => facts,
        other => panic!("{other:?}"),
    }
}

/// What the price of the item carries.
fn carried() -> Value {
    json!({ "billing_invoice": OURS, "billing_operator": "acme", "intent": key().to_string() })
}

/// A charge beside the items, as Paddle lists and tells it.
fn beside(status: &str) -> Value {
    let mut made = transaction(status, january());
    made["origin"] = json!("subscription_charge");
    // Inherited from the subscription, which a checkout of ours has sold.
    made["custom_data"] = json!({ "billing_operator": "acme", "intent": "checkout:1" });
    made["items"] = json!([{ "quantity": 1, "price": {
        "id": "pri_custom", "product_id": "pro_1", "type": "custom", "billing_cycle": null,
        "unit_price": { "amount": "150", "currency_code": "USD" },
        "custom_data": carried(),
    }}]);
    made["details"] = json!({ "totals": {
        "subtotal": "150", "tax": "30", "discount": "0", "total": "180", "grand_total": "180",
    }});
    made["checkout"] = json!({ "url": "https://shop.example.com/pay?_ptxn=txn_1" });
    made
}

fn told(transaction: &Value) -> Vec<Fact> {
    let read: Transaction = serde_json::from_value(transaction.clone()).unwrap();
    let told = teller().transaction(&read, Said::Nothing);
    told.into_iter().map(|seen| seen.fact).collect()
}

fn opened(url: Option<&str>, reference: &str) -> Fact {
    Fact::InvoiceOpened {
        invoice: ours(),
        reference: reference.to_owned(),
        pay_url: url.map(str::to_owned),
        conversion: None,
    }
}

fn failed(reason: &str) -> Fact {
    Fact::ChargeFailed {
        invoice: ours(),
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn what_an_earlier_try_made_is_looked_for_since_the_invoice_was_opened() {
    let (server, paddle) = paddle().await;
    let held = subscription(MONTHLY, january());
    answer(&server, "GET", "/subscriptions/sub_1", &held).await;
    let found = ResponseTemplate::new(200).set_body_json(json!({ "data": [beside("completed")] }));
    Mock::given(method("GET"))
        .and(path("/transactions"))
        .and(query_param("origin", "subscription_charge"))
        .and(query_param("created_at[GTE]", "2026-01-31T23:55:00Z"))
        .respond_with(found)
        .expect(1)
        .mount(&server)
        .await;
    let opened_at = "2026-02-01T00:00:00Z".parse().unwrap();
    let Order::CreateInvoice(order) = order() else {
        panic!("it is an invoice");
    };
    let order = Order::CreateInvoice(CreateInvoice {
        invoice: IdSeq::new(opened_at, 1).draw(),
        ..order
    });
    let effect: EffectId = "eff_00000000000000000000000000000003".parse().unwrap();
    let answered = paddle.perform(effect, &key(), &order).await;
    assert!(matches!(answered, Ok(Answer::Done(_))), "{answered:?}");
}

#[tokio::test]
async fn a_charge_is_one_item_of_our_price_taxed_as_the_plan() {
    let (server, paddle) = paddle().await;
    let mut held = subscription(MONTHLY, january());
    held["items"][0]["price"]["product_id"] = json!("pro_1");
    held["items"][0]["price"]["tax_mode"] = json!("internal");
    answer(&server, "GET", "/subscriptions/sub_1", &held).await;
    answer(&server, "POST", "/subscriptions/sub_1/charge", &held).await;
    let listed = |rows: Value| ResponseTemplate::new(200).set_body_json(json!({ "data": rows }));
    // Looked for before it is made, and read after it.
    for (rows, times) in [(json!([]), 1), (json!([beside("completed")]), 9)] {
        Mock::given(method("GET"))
            .and(path("/transactions"))
            .and(query_param("subscription_id", "sub_1"))
            .and(query_param("origin", "subscription_charge"))
            .respond_with(listed(rows))
            .up_to_n_times(times)
            .mount(&server)
            .await;
    }
    let facts = charged(&paddle).await;
    let said = sent(&server, "POST", "/subscriptions/sub_1/charge").await;
    let item = json!({ "quantity": 1, "price": {
        "name": "team, usage",
        "description": "team, usage",
        "unit_price": { "amount": "150", "currency_code": "USD" },
        "tax_mode": "internal",
        "quantity": { "minimum": 1, "maximum": 1 },
        "custom_data": carried(),
        "product_id": "pro_1",
    }});
    let whole = json!({
        "effective_from": "immediately",
        "items": [item],
        "on_payment_failure": "prevent_change",
    });
    assert_eq!(said, [whole]);
    assert!(
        matches!(facts[1].fact, Fact::InvoicePaid { .. }),
        "{facts:?}"
    );
    // Tried again, it is found, and nothing is charged.
    assert_eq!(charged(&paddle).await, facts);
    assert_eq!(
        sent(&server, "POST", "/subscriptions/sub_1/charge")
            .await
            .len(),
        1
    );
}

#[test]
fn what_is_charged_beside_the_items_tells_of_our_invoice_and_of_no_cycle() {
    let page = Some("https://shop.example.com/pay?_ptxn=txn_1");
    let paid = Fact::InvoicePaid {
        invoice: ours(),
        payment: "txn_completed".to_owned(),
        // Net of the tax that is put on top.
        amount: usd(150),
        conversion: None,
        parts: Vec::new(),
    };
    let completed = vec![opened(None, "txn_completed"), paid];
    assert_eq!(told(&beside("completed")), completed);
    assert_eq!(told(&beside("canceled")), [failed("canceled")]);
    assert_eq!(told(&beside("past_due")), [opened(page, "txn_past_due")]);
    // Under way, by the card.
    for status in ["ready", "billed", "paid"] {
        assert_eq!(told(&beside(status)), [], "{status}");
    }
    // At a page of what has ended.
    for status in ["draft", "ready"] {
        let mut asked = beside(status);
        asked["origin"] = json!("api");
        asked["subscription_id"] = Value::Null;
        assert_eq!(told(&asked), [opened(page, &format!("txn_{status}"))]);
    }
}

#[test]
fn its_events_tell_the_same() {
    let body = json!({
        "event_id": "evt_1",
        "event_type": "transaction.completed",
        "occurred_at": "2026-02-01T00:00:05Z",
        "data": beside("completed"),
    });
    let Reading::Facts(facts) = teller().delivery(Bytes::from(body.to_string())).reading else {
        panic!("it is read");
    };
    let said: Vec<Fact> = facts.into_iter().map(|seen| seen.fact).collect();
    assert_eq!(said[..2], told(&beside("completed")));
    assert!(matches!(said[2..], [Fact::Hinted { .. }]), "{said:?}");
}

#[test]
fn what_carries_no_invoice_of_ours_pays_none() {
    let mut theirs = beside("completed");
    theirs["items"][0]["price"]["custom_data"]["billing_operator"] = json!("other");
    let mut garbled = beside("completed");
    garbled["items"][0]["price"]["custom_data"]["billing_invoice"] = json!(7);
    let mut bare = beside("completed");
    bare["items"][0]["price"]["custom_data"] = json!("theirs");
    // Whoever pays may write what they like.
    let mut forged = beside("completed");
    forged["origin"] = json!("web");
    for other in [theirs, garbled, bare, forged] {
        let told = told(&other);
        let pays = told.iter().any(|fact| fact.invoice() == Some(ours()));
        assert!(!pays, "{told:?}");
    }
}
