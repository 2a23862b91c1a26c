//! The life of an invoice by the clock: paid, partly, over, late, lost, marked.

use billing_domain::time::{Timestamp, days};
use billing_testkit::fakes::btcpay::PaymentStatus;
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use crate::shop::{Shop, options};

#[tokio::test]
async fn an_invoice_is_paid_then_confirmed() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.is(&id, "New", "None").await;
    shop.fake.pay(&id, 50_000).unwrap();
    shop.is(&id, "Processing", "None").await;
    let told = [
        "InvoiceCreated",
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
    ];
    assert_eq!(shop.told(), told);
    // A payment that has been seen does not expire.
    shop.fake.rules(|rules| rules.block_every = None);
    shop.fake.confirm(&id).unwrap();
    shop.is(&id, "Settled", "None").await;
    assert_eq!(shop.told(), ["InvoicePaymentSettled", "InvoiceSettled"]);
    let read = shop.get(&format!("invoices/{id}")).await;
    assert_eq!(read["paidAmount"], "25.00");
    let books = shop.fake.books();
    assert_eq!(books.of("order-1").charged.get("sat"), Some(&50_000));
    assert_eq!(books.count("order:order-1"), 1);
}

#[tokio::test]
async fn blocks_come_by_the_clock_and_lightning_needs_none() {
    let shop = Shop::open(options()).await;
    let slow = json!({
        "amount": "25.00", "currency": "USD", "checkout": {"speedPolicy": "LowMediumSpeed"},
    });
    let made = shop.post("invoices", slow).await;
    let id = made["id"].as_str().unwrap();
    shop.fake.pay(id, 50_000).unwrap();
    shop.fake.advance(SignedDuration::from_mins(19));
    shop.is(id, "Processing", "None").await;
    shop.fake.advance(SignedDuration::from_mins(1));
    shop.is(id, "Settled", "None").await;
    let quick = shop.ask("25.00", "order-2").await;
    shop.told();
    shop.fake.pay_by_lightning(&quick, 50_000).unwrap();
    shop.is(&quick, "Settled", "None").await;
    let told = [
        "InvoiceReceivedPayment",
        "InvoicePaymentSettled",
        "InvoiceProcessing",
        "InvoiceSettled",
    ];
    assert_eq!(shop.told(), told);
}

#[tokio::test]
async fn an_unpaid_invoice_expires_after_a_quarter_of_an_hour() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.advance(SignedDuration::from_secs(15 * 60 - 1));
    shop.is(&id, "New", "None").await;
    shop.fake.advance(SignedDuration::from_secs(1));
    shop.is(&id, "Expired", "None").await;
    assert_eq!(shop.told(), ["InvoiceCreated", "InvoiceExpired"]);
}

#[tokio::test]
async fn a_part_of_it_is_told_when_it_expires() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay(&id, 20_000).unwrap();
    shop.is(&id, "New", "PaidPartial").await;
    let methods = shop.get(&format!("invoices/{id}/payment-methods")).await;
    assert_eq!(methods[0]["due"], "0.00030000");
    assert_eq!(methods[0]["payments"][0]["value"], "0.00020000");
    shop.told();
    shop.fake.advance(SignedDuration::from_mins(15));
    shop.is(&id, "Expired", "PaidPartial").await;
    let told = [
        "InvoicePaymentSettled",
        "InvoiceExpired",
        "InvoiceExpiredPaidPartial",
    ];
    assert_eq!(shop.told(), told);
}

#[tokio::test]
async fn more_than_was_due_is_kept_and_said() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay(&id, 60_000).unwrap();
    shop.is(&id, "Processing", "PaidOver").await;
    shop.fake.confirm(&id).unwrap();
    shop.is(&id, "Settled", "PaidOver").await;
    let read = shop.get(&format!("invoices/{id}")).await;
    assert_eq!(read["paidAmount"], "30.00");
}

#[tokio::test]
async fn paid_late_it_stays_expired_until_a_person_marks_it() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay_late(&id, 50_000).unwrap();
    shop.is(&id, "Expired", "PaidLate").await;
    let told = [
        "InvoiceCreated",
        "InvoiceExpired",
        "InvoiceReceivedPayment",
        "InvoicePaidAfterExpiration",
    ];
    assert_eq!(shop.told(), told);
    shop.fake.advance(days(30));
    shop.is(&id, "Expired", "PaidLate").await;
    assert_eq!(shop.told(), ["InvoicePaymentSettled"]);
    let path = format!("invoices/{id}/status");
    let marked = shop.post(&path, json!({"status": "Settled"})).await;
    assert_eq!(marked["status"], "Settled");
    assert_eq!(marked["additionalStatus"], "Marked");
    assert_eq!(shop.told(), ["InvoiceSettled"]);
}

#[tokio::test]
async fn a_double_spend_takes_it_back_and_nobody_is_told() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay(&id, 50_000).unwrap();
    shop.told();
    shop.fake.double_spend(&id).unwrap();
    shop.is(&id, "New", "None").await;
    assert!(shop.told().is_empty());
    let read = shop.get(&format!("invoices/{id}")).await;
    assert_eq!(read["paidAmount"], "0.00");
    let payments = &shop.fake.invoice(&id).unwrap().payments;
    assert_eq!(payments[0].status, PaymentStatus::Invalid);
    // It can be paid again, in what is left of its time.
    shop.fake.pay(&id, 50_000).unwrap();
    shop.fake.confirm(&id).unwrap();
    shop.is(&id, "Settled", "None").await;
    assert_eq!(shop.fake.books().of("order-1").charges, 1);
}

#[tokio::test]
async fn a_double_spend_after_its_time_expires_it() {
    let shop = Shop::open(options()).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay(&id, 50_000).unwrap();
    shop.fake.advance(SignedDuration::from_hours(1));
    shop.is(&id, "Processing", "None").await;
    shop.told();
    shop.fake.double_spend(&id).unwrap();
    shop.is(&id, "Expired", "None").await;
    assert_eq!(shop.told(), ["InvoiceExpired"]);
}

#[tokio::test]
async fn what_no_block_takes_in_is_invalid_a_day_later() {
    let shop = Shop::open(options()).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay(&id, 50_000).unwrap();
    shop.told();
    let invoice = shop.fake.invoice(&id).unwrap();
    let wait = |to: Timestamp| to.duration_since(shop.fake.clock().now());
    shop.fake
        .advance(wait(invoice.monitored) - SignedDuration::from_secs(1));
    shop.is(&id, "Processing", "None").await;
    shop.fake.advance(SignedDuration::from_secs(1));
    shop.is(&id, "Invalid", "None").await;
    assert_eq!(shop.told(), ["InvoiceInvalid"]);
    // Confirmed after all: told, and still invalid.
    shop.fake.confirm(&id).unwrap();
    shop.is(&id, "Invalid", "None").await;
    assert_eq!(shop.told(), ["InvoicePaymentSettled"]);
}

#[tokio::test]
async fn marks_are_allowed_as_btcpay_allows_them() {
    let shop = Shop::open(options()).await;
    let mark = async |id: &str, status: &str| {
        let path = format!("invoices/{id}/status");
        shop.refused(Method::POST, &path, json!({"status": status}))
            .await
            .0
    };
    let settled = shop.ask("25.00", "order-1").await;
    shop.fake.pay_by_lightning(&settled, 50_000).unwrap();
    // What the chain settled is settled.
    assert_eq!(mark(&settled, "Invalid").await, 422);
    assert_eq!(mark(&settled, "Settled").await, 422);
    let marked = shop.ask("25.00", "order-2").await;
    assert_eq!(mark(&marked, "Settled").await, 200);
    assert_eq!(mark(&marked, "Settled").await, 422);
    assert_eq!(mark(&marked, "Invalid").await, 200);
    assert_eq!(mark(&marked, "Invalid").await, 422);
    assert_eq!(mark(&marked, "Settled").await, 200);
    assert_eq!(mark(&marked, "Expired").await, 422);
    let read = shop.get(&format!("invoices/{marked}")).await;
    assert_eq!(
        read["availableStatusesForManualMarking"],
        json!(["Invalid"])
    );
}

#[tokio::test]
async fn without_an_amount_any_payment_settles_it() {
    let shop = Shop::open(options()).await;
    let body = json!({"amount": null, "currency": "USD"});
    let made = shop.post("invoices", body).await;
    assert_eq!(made["type"], "TopUp");
    assert_eq!(made["amount"], "0");
    let id = made["id"].as_str().unwrap();
    shop.fake.pay_by_lightning(id, 2_000).unwrap();
    let read = shop.get(&format!("invoices/{id}")).await;
    assert_eq!(read["status"], "Settled");
    assert_eq!(read["amount"], "1.00");
}

#[tokio::test]
async fn a_little_may_be_missing_where_the_invoice_says_so() {
    let shop = Shop::open(options()).await;
    let body = json!({
        "amount": "25.00", "currency": "USD", "checkout": {"paymentTolerance": 0.5},
    });
    let made = shop.post("invoices", body).await;
    let id = made["id"].as_str().unwrap();
    shop.fake.pay(id, 49_749).unwrap();
    shop.is(id, "New", "PaidPartial").await;
    shop.fake.pay(id, 1).unwrap();
    shop.is(id, "Processing", "None").await;
}

#[tokio::test]
async fn the_rate_is_locked_when_it_is_made() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    let dear = billing_testkit::fakes::btcpay::Decimal::parse("100000.00").unwrap();
    shop.price(dear);
    assert_eq!(shop.fake.pay_in_full(&id).unwrap(), 50_000);
    let other = shop.ask("25.00", "order-2").await;
    assert_eq!(shop.fake.pay_in_full(&other).unwrap(), 25_000);
    let sats = json!({"amount": "777", "currency": "SATS"});
    let made = shop.post("invoices", sats).await;
    let third = made["id"].as_str().unwrap();
    assert_eq!(shop.fake.pay_in_full(third).unwrap(), 777);
}

#[tokio::test]
async fn hidden_it_can_still_be_paid_and_nobody_looks_for_ever() {
    let shop = Shop::open(options()).await;
    let id = shop.ask("25.00", "order-1").await;
    shop.call(Method::DELETE, &format!("invoices/{id}"), json!(null))
        .await;
    assert_eq!(shop.get("invoices").await, json!([]));
    assert_eq!(
        shop.get("invoices?includeArchived=true").await[0]["id"],
        *id
    );
    shop.fake.pay(&id, 10).unwrap();
    shop.is(&id, "New", "PaidPartial").await;
    shop.fake.advance(days(2));
    let refused = shop.fake.pay(&id, 10).unwrap_err();
    assert_eq!(refused.code, "not-monitored");
}
