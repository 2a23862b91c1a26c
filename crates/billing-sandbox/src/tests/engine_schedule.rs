//! Engine's schedule: every invoice is ordered, and collected here.

use billing_domain::effect::{EffectKey, OpenCheckout, Order};
use billing_domain::fact::Fact;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::{Answer, FindingLevel, PaymentProvider, PerformError};

use super::{Rig, account, at, line, usd};
use crate::{Mode, Paying, TestCard};

fn rig(saves_cards: bool) -> Rig {
    Rig::new(Mode::EngineSchedule { saves_cards }, "2026-01-01")
}

#[tokio::test]
async fn a_saved_card_is_charged_for_each_invoice_that_is_ordered() {
    let mut rig = rig(true);
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    let renewal = rig.invoice(ana);
    let facts = rig
        .perform("renewal:1", &Order::CreateInvoice(renewal.clone()))
        .await;
    let Fact::InvoiceOpened {
        invoice,
        reference,
        pay_url,
        conversion,
    } = &facts[0].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!(*invoice, renewal.invoice);
    assert_eq!(
        *pay_url,
        Some(format!("http://127.0.0.1:8080/sandbox/invoice/{reference}"))
    );
    assert_eq!(*conversion, None, "collected as it stands");
    assert_eq!(facts[0].link.customer, Some(ana));
    rig.pump().await;
    let told = rig.told_facts();
    assert_eq!(told.len(), 2, "no subscription lives here: {told:?}");
    let Fact::InvoicePaid {
        invoice, amount, ..
    } = &told[1].fact
    else {
        panic!("{told:?}");
    };
    assert_eq!((*invoice, *amount), (renewal.invoice, usd(2000)));
    assert!(told[1].at > facts[0].at);
    let kinds: Vec<RefKind> = told[1].link.refs.iter().map(|held| held.kind).collect();
    assert_eq!(kinds, [RefKind::Customer, RefKind::Invoice]);
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000); 2]);
    assert_eq!(rig.sandbox.next_due(), None);
}

#[tokio::test]
async fn a_declined_renewal_is_told_and_may_still_be_paid_at_its_page() {
    let mut rig = rig(true);
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    rig.sandbox
        .pay(&page, TestCard::PaysOnce, None)
        .await
        .unwrap();
    rig.pump().await;
    rig.told();
    let renewal = Order::CreateInvoice(rig.invoice(ana));
    rig.perform("renewal:1", &renewal).await;
    rig.pump().await;
    assert_eq!(
        rig.told(),
        ["invoice.payment_failed: 01-01 00:00 card_declined"]
    );
    let stands = read(&rig, "sbx_inv_000001").await;
    assert_eq!(stands, ["01-01 00:00 opened", "01-01 00:00 card_declined"]);
    let paid = rig
        .sandbox
        .pay("sbx_inv_000001", TestCard::Pays, None)
        .await;
    assert_eq!(paid.unwrap(), Paying::Paid);
    rig.pump().await;
    assert_eq!(rig.told(), ["invoice.paid: 01-01 00:00 paid USD 20.00"]);
    let next = Order::CreateInvoice(rig.invoice(ana));
    rig.perform("renewal:2", &next).await;
    rig.pump().await;
    assert_eq!(
        rig.told(),
        ["invoice.paid: 01-01 00:00 paid USD 20.00"],
        "the card that paid at the page is the saved one now"
    );
}

#[tokio::test]
async fn without_saved_cards_each_invoice_waits_for_its_buyer() {
    let mut rig = rig(false);
    assert!(!rig.sandbox.capabilities().saved_method);
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.pump().await;
    rig.told();
    let renewal = Order::CreateInvoice(rig.invoice(ana));
    rig.perform("renewal:1", &renewal).await;
    rig.until("2026-02-01").await;
    assert_eq!(rig.told(), [""; 0]);
    assert_eq!(read(&rig, "sbx_inv_000001").await, ["01-01 00:00 opened"]);
    let declined = rig.sandbox.pay("sbx_inv_000001", TestCard::Declined, None);
    assert_eq!(declined.await.unwrap(), Paying::Declined);
    let asked = rig.sandbox.pay("sbx_inv_000001", TestCard::Confirms, None);
    assert_eq!(asked.await.unwrap(), Paying::Confirm);
    let refused = rig.sandbox.confirm("sbx_inv_000001", false);
    assert_eq!(refused.await.unwrap(), Paying::Declined);
    let late = rig.sandbox.confirm("sbx_inv_000001", true);
    assert_eq!(
        late.await.unwrap(),
        Paying::Declined,
        "nothing waits any more"
    );
    assert_eq!(rig.sandbox.books().charged(ana).len(), 1);
    let asked = rig.sandbox.pay("sbx_inv_000001", TestCard::Confirms, None);
    assert_eq!(asked.await.unwrap(), Paying::Confirm);
    let approved = rig.sandbox.confirm("sbx_inv_000001", true);
    assert_eq!(approved.await.unwrap(), Paying::Paid);
    rig.pump().await;
    assert_eq!(rig.told(), ["invoice.paid: 02-01 00:00 paid USD 20.00"]);
}

#[tokio::test]
async fn an_open_invoice_is_taken_back_and_a_paid_one_is_not() {
    let mut rig = rig(false);
    let ana = rig.customer();
    let open = rig.invoice(ana);
    rig.perform("renewal:1", &Order::CreateInvoice(open.clone()))
        .await;
    rig.perform("renewal:2", &Order::CreateInvoice(open.clone()))
        .await;
    let void = |invoice, reference: Option<&str>| Order::VoidInvoice {
        provider: account(),
        invoice,
        reference: reference.map(str::to_owned),
    };
    let facts = rig
        .perform("void:1", &void(open.invoice, Some("sbx_inv_000001")))
        .await;
    assert!(matches!(facts[0].fact, Fact::Done { .. }));
    let voided = |rig: &Rig| -> Vec<bool> {
        let books = rig.sandbox.books();
        books
            .invoices
            .values()
            .map(|invoice| invoice.void)
            .collect()
    };
    assert_eq!(voided(&rig), [true, false]);
    rig.perform("void:2", &void(open.invoice, None)).await;
    assert_eq!(voided(&rig), [true, true], "found by our id");
    let closed = rig.sandbox.pay("sbx_inv_000002", TestCard::Pays, None);
    assert_eq!(closed.await.unwrap(), Paying::Closed);

    let paid = rig.invoice(ana);
    rig.perform("renewal:3", &Order::CreateInvoice(paid.clone()))
        .await;
    rig.sandbox
        .pay("sbx_inv_000003", TestCard::Pays, None)
        .await
        .unwrap();
    let by_reference = void(paid.invoice, Some("sbx_inv_000003"));
    assert_eq!(rig.refusal("void:3", &by_reference).await, "already_paid");
    let by_our_id = void(paid.invoice, None);
    assert_eq!(rig.refusal("void:4", &by_our_id).await, "already_paid");
    let unknown = void(paid.invoice, Some("sbx_inv_999999"));
    assert_eq!(rig.refusal("void:5", &unknown).await, "no_such_invoice");
    let never_made = void(rig.invoice(ana).invoice, None);
    let facts = rig.perform("void:6", &never_made).await;
    assert!(matches!(facts[0].fact, Fact::Done { .. }));
}

#[tokio::test]
async fn a_page_is_taken_back_unless_it_was_paid() {
    let mut rig = rig(true);
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    let expire = |reference: &str| Order::ExpireCheckout {
        provider: account(),
        checkout: order.checkout,
        reference: reference.to_owned(),
    };
    let facts = rig.perform("expire:1", &expire(&page)).await;
    assert_eq!(line(&facts), "01-01 00:00 canceled true");
    let again = rig.perform("expire:2", &expire(&page)).await;
    assert_eq!(again, facts);
    let paid = rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    assert_eq!(paid, Paying::Closed);

    let second = rig.checkout(ana);
    let second = rig.open(&second).await;
    rig.sandbox
        .pay(&second, TestCard::Pays, None)
        .await
        .unwrap();
    let paid = rig.sandbox.pay(&second, TestCard::Pays, None).await;
    assert_eq!(paid.unwrap(), Paying::AlreadyPaid);
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000)]);
    assert_eq!(
        rig.refusal("expire:3", &expire(&second)).await,
        "already_paid"
    );
    assert_eq!(
        rig.refusal("expire:4", &expire("sbx_chk_999999")).await,
        "no_such_checkout"
    );
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_a_code() {
    let mut rig = rig(true);
    let ana = rig.customer();
    let good = rig.checkout(ana);
    let mut refused = Vec::new();
    let changes: [fn(&mut OpenCheckout); 7] = [
        |order| order.amount = usd(0),
        |order| order.amount = usd(-1),
        |order| order.quantity = 0,
        |order| order.success_url = "javascript:alert(1)".to_owned(),
        |order| order.cancel_url = "/pricing".to_owned(),
        |order| order.expires_at = at("2026-01-01"),
        |order| order.customer_ref = Some("sbx_cus_999999".to_owned()),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut order = good.clone();
        change(&mut order);
        let key = format!("checkout:{place}");
        refused.push(rig.refusal(&key, &Order::OpenCheckout(order)).await);
    }
    let mut nothing = rig.invoice(ana);
    nothing.amount = usd(0);
    refused.push(
        rig.refusal("renewal:1", &Order::CreateInvoice(nothing))
            .await,
    );
    assert_eq!(
        refused,
        [
            "amount_too_small",
            "amount_too_small",
            "no_quantity",
            "invalid_url",
            "invalid_url",
            "expired",
            "no_such_customer",
            "amount_too_small",
        ]
    );
    assert!(rig.sandbox.books().invoices.is_empty());
}

#[tokio::test]
async fn the_same_key_gives_the_same_object_and_never_another_order() {
    let mut rig = rig(true);
    let ana = rig.customer();
    let order = Order::OpenCheckout(rig.checkout(ana));
    let first = rig.perform("checkout:1", &order).await;
    assert_eq!(rig.perform("checkout:1", &order).await, first);
    let other = Order::OpenCheckout(rig.checkout(ana));
    assert_eq!(
        rig.refusal("checkout:1", &other).await,
        "idempotency_conflict"
    );
    assert_eq!(rig.perform("checkout:1", &order).await, first);
    assert_ne!(rig.perform("checkout:2", &other).await, first);
    let books = rig.sandbox.books();
    assert_eq!(books.calls["checkout:1"].times, 4);
    assert_eq!(books.calls["checkout:1"].kind, "open_checkout");
    assert_eq!(books.calls.len(), 2);
}

#[tokio::test]
async fn orders_for_another_account_or_another_mode_are_a_misconfiguration() {
    let mut rig = rig(true);
    let ana = rig.customer();
    let key = EffectKey::from_stored("key".to_owned());
    let mut foreign = rig.checkout(ana);
    foreign.provider = "sandbox/other".parse().unwrap();
    let answer = rig.try_perform(&key, &Order::OpenCheckout(foreign)).await;
    assert!(matches!(answer, Err(PerformError::Misconfigured(_))));
    let reading = Order::ReadSubscription {
        provider: account(),
        reference: "sbx_sub_000001".to_owned(),
    };
    let answer: Result<Answer, PerformError> = rig.try_perform(&key, &reading).await;
    assert!(matches!(answer, Err(PerformError::Unsupported(_))));
    let elsewhere = ProviderRef {
        account: "sandbox/other".parse().unwrap(),
        kind: RefKind::Invoice,
        id: "x".to_owned(),
    };
    let answer = rig.sandbox.read(&elsewhere).await;
    assert!(matches!(answer, Err(PerformError::Misconfigured(_))));
    assert!(rig.sandbox.books().calls.is_empty());
}

#[tokio::test]
async fn the_doctor_names_the_mode_and_the_books() {
    let rig = rig(true);
    let catalog = billing_testkit::catalogs::single();
    let findings = rig.sandbox.doctor(&catalog).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].level, FindingLevel::Good);
    assert!(
        findings[0].text.contains("engine's schedule"),
        "{findings:?}"
    );
    assert!(findings[0].text.contains("memory"), "{findings:?}");
}

async fn read(rig: &Rig, id: &str) -> Vec<String> {
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Invoice,
        id: id.to_owned(),
    };
    let facts = rig.sandbox.read(&object).await.unwrap();
    facts
        .iter()
        .map(|fact| line(std::slice::from_ref(fact)))
        .collect()
}
