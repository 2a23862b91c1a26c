//! A provider that collects satoshi for prices in dollars.

use billing_domain::effect::Order;
use billing_domain::fact::{CheckoutPayment, Fact, Observed};
use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::PaymentProvider;

use super::{Rig, account, options, usd};
use crate::{Mode, OpenError, Sandbox, SandboxOptions, Settlement, TestCard};

/// Where the buyer pays each invoice at its page, as with bitcoin.
const PAGES: Mode = Mode::EngineSchedule { saves_cards: false };

/// 50 000 dollars for a bitcoin, in cents.
const RATE: u64 = 5_000_000;

fn sat(amount: i64) -> Money {
    Money::new(amount, Currency::SAT)
}

fn in_bitcoin(mode: Mode) -> SandboxOptions {
    SandboxOptions {
        settles: Some(Settlement::bitcoin(RATE)),
        ..options(mode, "2026-01-01")
    }
}

fn rig() -> Rig {
    Rig::of(Sandbox::in_memory(in_bitcoin(PAGES)).unwrap())
}

/// 25 dollars at `rate`, as told by a rig that has not moved.
fn converted(collected: i64, rate: u64) -> Conversion {
    Conversion {
        listed: usd(2500),
        collected: sat(collected),
        rate,
        source: "sandbox pin".to_owned(),
        at: super::at("2026-01-01"),
    }
}

/// Orders an invoice of this amount and answers the sandbox's id with what was told.
async fn invoiced(rig: &mut Rig, key: &str, amount: Money) -> (String, Option<Conversion>) {
    let customer = rig.customer();
    let mut order = rig.invoice(customer);
    order.amount = amount;
    let facts = rig.perform(key, &Order::CreateInvoice(order)).await;
    match &facts[0].fact {
        Fact::InvoiceOpened {
            reference,
            pay_url,
            conversion,
            ..
        } => {
            assert!(pay_url.is_some(), "the sandbox always has a page");
            (reference.clone(), conversion.clone())
        }
        other => panic!("{other:?}"),
    }
}

/// What was told of a payment.
fn paid(facts: &[Observed]) -> (Money, Option<Conversion>) {
    let paid = facts.iter().find_map(|told| match &told.fact {
        Fact::InvoicePaid {
            amount, conversion, ..
        }
        | Fact::CheckoutCompleted {
            payment: CheckoutPayment::Paid {
                amount, conversion, ..
            },
            ..
        } => Some((*amount, conversion.clone())),
        _ => None,
    });
    paid.unwrap_or_else(|| panic!("{facts:?}"))
}

#[tokio::test]
async fn a_page_in_dollars_collects_satoshi_at_the_pin() {
    let mut rig = rig();
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.amount = usd(2500);
    let page = rig.open(&order).await;
    let expected = converted(50_000, RATE);
    let entry = rig.sandbox.books().checkouts[&page].clone();
    assert_eq!(
        (entry.amount, entry.conversion),
        (usd(2500), Some(expected.clone()))
    );
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.pump().await;
    assert_eq!(paid(&rig.told_facts()), (sat(50_000), Some(expected)));
    assert_eq!(rig.sandbox.books().charged(ana), [sat(50_000)]);
}

#[tokio::test]
async fn an_invoice_in_dollars_collects_satoshi_at_the_pin() {
    let mut rig = rig();
    let (reference, conversion) = invoiced(&mut rig, "renewal:1", usd(2500)).await;
    let expected = Some(converted(50_000, RATE));
    assert_eq!(conversion, expected);
    rig.sandbox
        .pay(&reference, TestCard::Pays, None)
        .await
        .unwrap();
    rig.pump().await;
    assert_eq!(paid(&rig.told_facts()), (sat(50_000), expected.clone()));
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Invoice,
        id: reference.clone(),
    };
    let read = rig.sandbox.read(&object).await.unwrap();
    assert_eq!(paid(&read), (sat(50_000), expected));
    let entry = rig.sandbox.books().invoices[&reference].clone();
    assert_eq!(entry.amount, usd(2500), "what is owed stays in dollars");
}

#[tokio::test]
async fn a_saved_method_is_charged_in_satoshi_too() {
    let saving = Mode::EngineSchedule { saves_cards: true };
    let mut rig = Rig::of(Sandbox::in_memory(in_bitcoin(saving)).unwrap());
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.amount = usd(2500);
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    let mut renewal = rig.invoice(ana);
    renewal.amount = usd(2500);
    rig.perform("renewal:1", &Order::CreateInvoice(renewal))
        .await;
    assert_eq!(rig.sandbox.books().charged(ana), [sat(50_000); 2]);
}

#[tokio::test]
async fn the_pin_moves_and_what_was_made_keeps_its_rate() {
    let mut rig = rig();
    let (first, _) = invoiced(&mut rig, "renewal:1", usd(2500)).await;
    assert!(rig.sandbox.pin(Currency::USD, 10_000_000));
    let (_, again) = invoiced(&mut rig, "renewal:2", usd(2500)).await;
    assert_eq!(again, Some(converted(25_000, 10_000_000)));
    // 2500 × 100 000 000 / 6 400 003 = 39 062.48…, and half is rounded away from zero.
    assert!(rig.sandbox.pin(Currency::USD, 6_400_003));
    let (_, rounded) = invoiced(&mut rig, "renewal:3", usd(2500)).await;
    assert_eq!(rounded.unwrap().collected, sat(39_062));
    rig.sandbox.pay(&first, TestCard::Pays, None).await.unwrap();
    rig.pump().await;
    assert_eq!(paid(&rig.told_facts()).0, sat(50_000));
    let elsewhere = Rig::new(PAGES, "2026-01-01");
    assert!(
        !elsewhere.sandbox.pin(Currency::USD, RATE),
        "it collects as listed"
    );
}

#[tokio::test]
async fn satoshi_are_collected_as_they_stand() {
    let mut rig = rig();
    let (reference, conversion) = invoiced(&mut rig, "renewal:1", sat(1234)).await;
    assert_eq!(conversion, None);
    rig.sandbox
        .pay(&reference, TestCard::Pays, None)
        .await
        .unwrap();
    rig.pump().await;
    assert_eq!(paid(&rig.told_facts()), (sat(1234), None));
}

#[tokio::test]
async fn a_currency_without_a_pin_is_refused() {
    let mut rig = rig();
    let ana = rig.customer();
    let mut page = rig.checkout(ana);
    page.amount = Money::new(2500, Currency::EUR);
    let page = Order::OpenCheckout(page);
    assert_eq!(rig.refusal("checkout:1", &page).await, "no_rate");
    let mut invoice = rig.invoice(ana);
    invoice.amount = Money::new(2500, Currency::EUR);
    let mut dollars = invoice.clone();
    let invoice = Order::CreateInvoice(invoice);
    assert_eq!(rig.refusal("renewal:1", &invoice).await, "no_rate");
    assert!(rig.sandbox.pin(Currency::EUR, 4_000_000));
    rig.perform("renewal:2", &invoice).await;
    assert!(rig.sandbox.pin(Currency::USD, 0));
    dollars.amount = usd(2500);
    let dollars = Order::CreateInvoice(dollars);
    assert_eq!(rig.refusal("renewal:3", &dollars).await, "no_rate");
}

#[tokio::test]
async fn what_comes_to_no_satoshi_is_refused() {
    let mut rig = rig();
    // A cent is less than half a satoshi at two million and one dollars for a coin.
    assert!(rig.sandbox.pin(Currency::USD, 200_000_001));
    let ana = rig.customer();
    let mut invoice = rig.invoice(ana);
    invoice.amount = usd(1);
    let order = Order::CreateInvoice(invoice);
    assert_eq!(rig.refusal("renewal:1", &order).await, "amount_too_small");
    assert_eq!(rig.sandbox.books().invoices.len(), 0);
}

#[tokio::test]
async fn pages_show_both_amounts() {
    let mut rig = rig();
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.amount = usd(2500);
    let page = rig.open(&order).await;
    let (invoice, _) = invoiced(&mut rig, "renewal:1", usd(2500)).await;
    let client = poem::test::TestClient::new(crate::routes(&rig.sandbox));
    for path in [format!("/checkout/{page}"), format!("/invoice/{invoice}")] {
        let shown = client.get(&path).send().await;
        shown.assert_status_is_ok();
        let text = shown.0.into_body().into_string().await.unwrap();
        assert!(text.contains("USD 25.00"), "{text}");
        assert!(text.contains("Paid as SAT 50000"), "{text}");
        assert!(text.contains("Pay SAT 50000"), "{text}");
    }
}

#[test]
fn its_own_schedule_collects_in_no_other_currency() {
    let opened = Sandbox::in_memory(in_bitcoin(Mode::OwnSchedule));
    assert!(matches!(opened, Err(OpenError::Settlement)), "{opened:?}");
}
