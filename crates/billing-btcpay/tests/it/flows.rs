//! Lives of invoices: paid, in parts, late, twice, not at all, taken back, refunded.

use std::collections::BTreeSet;
use std::slice;

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Observed, RefundState};
use billing_domain::provider::RefKind;
use billing_domain::time::{days, shifted};
use billing_ports::{Answer, PaymentProvider, PerformError, Reading, RefundPromised};
use billing_testkit::fakes::btcpay::{AdditionalStatus, DEFAULT_STORE, InvoiceStatus};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::rig::{Rig, reference, usd, word};

#[tokio::test]
async fn paid_on_the_chain_it_is_on_its_way_until_it_is_confirmed() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    assert_eq!(rig.told(&id).await, ["opened"]);
    rig.fake.pay_in_full(&id).unwrap();
    assert_eq!(rig.told(&id).await, ["pending"]);
    rig.fake.confirm(&id).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000"]);
    assert_eq!(
        rig.told(&id).await,
        rig.told(&id).await,
        "the same each time"
    );
    for (kind, objects) in rig.hinted() {
        if kind == "InvoiceCreated" {
            assert!(objects.is_empty());
            continue;
        }
        assert_eq!(objects.len(), 1, "{kind}");
        assert_eq!(
            (objects[0].kind, objects[0].id.as_str()),
            (RefKind::Invoice, id.as_str())
        );
    }
}

#[tokio::test]
async fn spent_twice_it_can_be_paid_again_though_nobody_is_told() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay_in_full(&id).unwrap();
    rig.hinted();
    rig.fake.double_spend(&id).unwrap();
    assert!(rig.hinted().is_empty());
    assert_eq!(rig.told(&id).await, ["opened"]);
}

#[tokio::test]
async fn a_checkout_is_paid_by_lightning_and_its_address_comes_back() {
    let rig = Rig::start().await;
    let order = rig.checkout(usd(2_500));
    let page = rig.opens(&order).await;
    rig.fake.pay_by_lightning(&page, 50_000).unwrap();
    let facts = rig.look(RefKind::Checkout, &page).await.unwrap();
    assert_eq!(facts.iter().map(word).collect::<Vec<_>>(), ["paid 50000"]);
    let Fact::CheckoutCompleted { email, .. } = &facts[0].fact else {
        panic!("{facts:?}");
    };
    assert_eq!(email.as_deref(), Some("ana@example.com"));
}

#[tokio::test]
async fn a_part_is_never_the_whole() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay(&id, 49_999).unwrap();
    rig.fake.confirm(&id).unwrap();
    assert_eq!(rig.told(&id).await, ["opened"]);
    rig.fake.advance(days(3));
    assert_eq!(rig.told(&id).await, ["paid 49999", "closed"]);
}

#[tokio::test]
async fn paid_late_it_counts_and_btcpay_is_told_that_it_is_settled() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay_late(&id, 50_000).unwrap();
    assert_eq!(rig.told(&id).await, ["pending"]);
    rig.fake.confirm(&id).unwrap();
    let told = ["upheld", "upheld", "paid 50000"];
    assert_eq!(rig.told(&id).await, told);
    let marked = rig.fake.invoice(&id).unwrap();
    assert_eq!(
        (marked.status, marked.additional),
        (InvoiceStatus::Settled, AdditionalStatus::Marked)
    );
    assert_eq!(rig.told(&id).await, told);
}

#[tokio::test]
async fn a_key_that_may_not_mark_keeps_nobody_from_what_was_paid_for() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay_late(&id, 50_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    rig.fake
        .permit(vec!["btcpay.store.canviewinvoices".to_owned()]);
    assert_eq!(rig.told(&id).await, ["paid 50000"]);
    assert_eq!(
        rig.fake.invoice(&id).unwrap().status,
        InvoiceStatus::Expired
    );
}

#[tokio::test]
async fn what_was_paid_late_counts_whatever_btcpay_says_to_the_mark() {
    let named = |status, code: &str| FaultKind::Fixed {
        status,
        body: json!({ "code": code, "message": "no" }),
    };
    let unnamed = FaultKind::Fixed {
        status: 403,
        body: json!({}),
    };
    for fault in [
        FaultKind::ServerError,
        FaultKind::HtmlBadGateway,
        FaultKind::LostAnswer,
        named(400, "generic-error"),
        unnamed,
    ] {
        let rig = Rig::start().await;
        let page = rig.opens(&rig.checkout(usd(2_500))).await;
        let (_, invoice) = rig.invoices().await;
        for (kind, id) in [(RefKind::Checkout, &page), (RefKind::Invoice, &invoice)] {
            rig.fake.pay_late(id, 50_000).unwrap();
            rig.fake.confirm(id).unwrap();
            let strikes = Fault::next(fault.clone()).on("POST", "/").times(100);
            rig.fake.fault(strikes);
            let facts = rig.look(kind, id).await.unwrap();
            let told: Vec<_> = facts.iter().map(word).collect();
            assert_eq!(told, ["paid 50000"], "{kind:?}: {}", fault.name());
            let stands = || rig.fake.invoice(id).unwrap().status;
            assert_eq!(stands(), InvoiceStatus::Expired);
            // It is said again at the next look.
            rig.fake.faults().clear();
            rig.look(kind, id).await.unwrap();
            assert_eq!(stands(), InvoiceStatus::Settled);
        }
    }
}

#[tokio::test]
async fn paid_twice_both_payments_are_told() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay(&id, 50_000).unwrap();
    rig.fake.pay(&id, 50_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    let facts = rig.look(RefKind::Invoice, &id).await.unwrap();
    assert_eq!(
        facts.iter().map(word).collect::<Vec<_>>(),
        ["paid 50000", "paid 50000"]
    );
    let named = |index: usize| {
        let Fact::InvoicePaid { payment, .. } = &facts[index].fact else {
            panic!("{facts:?}");
        };
        payment.clone()
    };
    assert_eq!(named(0), id);
    assert_ne!(named(1), id);
}

#[tokio::test]
async fn not_confirmed_in_time_it_is_closed_and_marked_by_a_person_it_is_reversed() {
    let rig = Rig::start().await;
    rig.fake.rules(|rules| rules.block_every = None);
    let (_, id) = rig.invoices().await;
    rig.fake.pay_in_full(&id).unwrap();
    rig.fake.advance(days(7));
    assert_eq!(
        rig.fake.invoice(&id).unwrap().status,
        InvoiceStatus::Invalid
    );
    assert_eq!(rig.told(&id).await, ["unconfirmed 50000", "closed"]);
    rig.fake.mark(&id, true).unwrap();
    assert_eq!(rig.told(&id).await, ["upheld", "upheld", "paid 50000"]);
    rig.fake.mark(&id, false).unwrap();
    assert_eq!(rig.told(&id).await, ["reversed", "reversed", "closed"]);
}

#[tokio::test]
async fn taken_back_it_cannot_be_paid_and_who_pays_all_the_same_is_told_of() {
    let rig = Rig::start().await;
    let (invoice, id) = rig.invoices().await;
    for _ in 0..2 {
        let Ok(Answer::Done(facts)) = rig.voids(invoice, Some(&id)).await else {
            panic!("it is taken back");
        };
        assert_eq!(facts.iter().map(word).collect::<Vec<_>>(), ["done"]);
    }
    let held = rig.fake.invoice(&id).unwrap();
    assert_eq!(
        (held.status, held.additional),
        (InvoiceStatus::Invalid, AdditionalStatus::Marked)
    );
    assert!(held.order_id().is_some(), "the metadata stays");
    assert_eq!(rig.told(&id).await, ["closed"]);
    rig.fake.pay(&id, 50_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000"]);
}

#[tokio::test]
async fn what_a_person_marks_after_we_took_it_back_is_a_person_s_word() {
    let rig = Rig::start().await;
    let (invoice, id) = rig.invoices().await;
    rig.voids(invoice, Some(&id)).await.unwrap();
    rig.fake.pay(&id, 50_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000"]);
    // A person has it count at BTCPay too, and finds out later that the money is not there.
    rig.fake.mark(&id, true).unwrap();
    for _ in 0..2 {
        let told = ["upheld", "upheld", "paid 50000"];
        assert_eq!(rig.told(&id).await, told);
    }
    let held = rig.fake.invoice(&id).unwrap();
    assert_eq!(
        held.metadata["billing_taken_back"],
        Value::Null,
        "it is not any more"
    );
    assert!(held.order_id().is_some(), "the rest of the metadata stays");
    rig.fake.mark(&id, false).unwrap();
    let told = ["reversed", "reversed", "denied 50000", "closed"];
    assert_eq!(
        rig.told(&id).await,
        told,
        "the whole, its part by itself, and what is there all the same"
    );
}

#[tokio::test]
async fn a_key_that_may_not_take_the_note_off_is_told_what_was_paid() {
    let rig = Rig::start().await;
    let (invoice, id) = rig.invoices().await;
    rig.voids(invoice, Some(&id)).await.unwrap();
    rig.fake.mark(&id, true).unwrap();
    rig.fake
        .permit(vec!["btcpay.store.canviewinvoices".to_owned()]);
    assert_eq!(rig.told(&id).await, ["upheld", "paid 50000"]);
}

#[tokio::test]
async fn a_note_that_stays_on_for_now_holds_up_nothing_that_was_paid() {
    for fault in [FaultKind::ServerError, FaultKind::HtmlBadGateway] {
        let name = fault.name();
        let rig = Rig::start().await;
        let (invoice, id) = rig.invoices().await;
        rig.voids(invoice, Some(&id)).await.unwrap();
        rig.fake.mark(&id, true).unwrap();
        rig.fake.fault(Fault::next(fault).on("PUT", "/").times(100));
        assert_eq!(rig.told(&id).await, ["upheld", "paid 50000"]);
        let note = || rig.fake.invoice(&id).unwrap().metadata["billing_taken_back"].clone();
        assert_eq!(note(), Value::Bool(true), "{name}");
        // The next look takes it off.
        rig.fake.faults().clear();
        assert_eq!(rig.told(&id).await, ["upheld", "paid 50000"]);
        assert_eq!(note(), Value::Null);
    }
}

#[tokio::test]
async fn what_was_paid_and_no_webhook_told_of_is_listed_once_for_each_state() {
    let rig = Rig::start().await;
    rig.fake.rules(|rules| rules.block_every = None);
    let begun = rig.now();
    let (_, id) = rig.invoices().await;
    let (taken_back, voided) = rig.invoices().await;
    rig.voids(taken_back, Some(&voided)).await.unwrap();
    rig.invoices().await;
    let foreign = rig
        .makes(&json!({ "amount": null, "currency": "USD" }))
        .await;
    rig.fake.pay_by_lightning(&foreign, 5).unwrap();
    let listed = async || -> Vec<(String, String)> {
        let listed = rig.btcpay.list_events(rig.now(), None).await.unwrap();
        assert_eq!(listed.next, None);
        listed
            .rows
            .into_iter()
            .map(|row| {
                let Reading::Facts(facts) = row.reading else {
                    panic!("{row:?}");
                };
                let [told] = facts.as_slice() else {
                    panic!("{facts:?}");
                };
                let Fact::Hinted { object } = &told.fact else {
                    panic!("{told:?}");
                };
                (row.event_id, object.id.clone())
            })
            .collect()
    };
    rig.fake.advance(days(4));
    assert_eq!(
        rig.fake.invoice(&id).unwrap().status,
        InvoiceStatus::Expired
    );
    assert_eq!(listed().await, [], "nothing was paid");
    let mut known = Vec::new();
    let mut is_news = async || {
        let found = listed().await;
        let news: Vec<_> = found
            .iter()
            .filter(|row| !known.contains(*row))
            .cloned()
            .collect();
        known.extend(found);
        news.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    rig.fake.pay(&id, 20_000).unwrap();
    assert_eq!(is_news().await, slice::from_ref(&id));
    assert!(is_news().await.is_empty(), "the same state");
    rig.fake.pay(&id, 30_000).unwrap();
    assert_eq!(is_news().await, slice::from_ref(&id));
    rig.fake.confirm(&id).unwrap();
    assert_eq!(is_news().await, slice::from_ref(&id));
    rig.fake.mark(&id, true).unwrap();
    assert_eq!(is_news().await, slice::from_ref(&id));
    rig.fake.mark(&id, false).unwrap();
    assert_eq!(is_news().await, slice::from_ref(&id));
    rig.fake.pay(&voided, 1).unwrap();
    assert_eq!(is_news().await, [voided]);
    // Longer ago than BTCPay looks for payments of it.
    let later = rig.btcpay.list_events(shifted(begun, days(7)), None).await;
    assert_eq!(later.unwrap().rows, []);
}

#[tokio::test]
async fn what_was_claimed_and_no_webhook_told_of_is_listed_once_for_each_state() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    let mut known = Vec::new();
    let mut is_news = async || {
        let listed = rig.btcpay.list_events(rig.now(), None).await.unwrap();
        assert_eq!(listed.next, None);
        let found = listed.rows.into_iter();
        let found = found.filter(|row| row.kind == "listed.refund");
        let found: Vec<String> = found.map(|row| row.event_id).collect();
        let news = found.iter().filter(|row| !known.contains(*row)).count();
        known.extend(found);
        news
    };
    let pull = rig.refund(&id).await;
    assert_eq!(is_news().await, 0, "a promise is no refund");
    rig.fake.claim(&pull).unwrap();
    assert_eq!((is_news().await, is_news().await), (1, 0));
    rig.fake.cancel_claim(&pull).unwrap();
    assert_eq!((is_news().await, is_news().await), (1, 0));
    rig.fake.claim(&pull).unwrap();
    assert_eq!(is_news().await, 1);
    rig.fake.approve_claim(&pull).unwrap();
    assert_eq!((is_news().await, is_news().await), (1, 0));
    // Of many, the newest are looked at, a few at a time.
    for _ in 0..25 {
        let pull = rig.refund(&id).await;
        rig.fake.claim(&pull).unwrap();
    }
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let listed = rig.btcpay.list_events(rig.now(), after).await.unwrap();
        let refunds = listed.rows.iter().filter(|row| row.kind == "listed.refund");
        pages.push(refunds.count());
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [10, 10, 6]);
    // A key that may not look is told what was paid.
    rig.fake
        .permit(vec!["btcpay.store.canviewinvoices".to_owned()]);
    let listed = rig.btcpay.list_events(rig.now(), None).await.unwrap();
    assert_eq!((listed.rows.len(), listed.next), (1, None));
}

/// Everything that one go lists of what was claimed.
async fn claims_of_a_go(rig: &Rig) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let listed = rig.btcpay.list_events(rig.now(), after).await.unwrap();
        let refunds = listed
            .rows
            .into_iter()
            .filter(|row| row.kind == "listed.refund");
        found.extend(refunds.map(|row| row.event_id));
        after = listed.next;
        if after.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn of_many_promises_none_is_forgotten_and_a_go_is_bounded() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    let mut pulls = Vec::new();
    for made in 0..320 {
        // Some of one second, as a version leaves them all that does not say when.
        if made % 7 == 0 {
            rig.fake.advance(SignedDuration::from_secs(1));
        }
        pulls.push(rig.refund(&id).await);
    }
    // The very first is claimed, when hundreds are newer; and the very last.
    for pull in [&pulls[0], &pulls[110], &pulls[319]] {
        rig.fake.claim(pull).unwrap();
    }
    let mut found = BTreeSet::new();
    for go in 0..3 {
        let before = rig.fake.requests().all().len();
        let told = claims_of_a_go(&rig).await;
        let asked = rig.fake.requests().all().len() - before;
        assert!(asked < 250, "{asked} calls");
        let newest = format!("claimed:{}:", pulls[319]);
        assert!(told.iter().any(|row| row.starts_with(&newest)), "go {go}");
        found.extend(told);
    }
    for pull in [&pulls[0], &pulls[110], &pulls[319]] {
        let named = format!("claimed:{pull}:");
        assert!(found.iter().any(|row| row.starts_with(&named)), "{found:?}");
    }
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_and_its_place_is_believed() {
    let rig = Rig::start().await;
    for _ in 0..101 {
        let (_, id) = rig.invoices().await;
        rig.fake.pay_by_lightning(&id, 50_000).unwrap();
    }
    let first = rig.btcpay.list_events(rig.now(), None).await.unwrap();
    assert_eq!(
        (first.rows.len(), first.next.as_deref()),
        (100, Some("100"))
    );
    let last = rig.btcpay.list_events(rig.now(), first.next).await.unwrap();
    assert_eq!((last.rows.len(), last.next), (1, None));
    assert!(
        rig.btcpay
            .list_subscriptions(None)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
}

#[tokio::test]
async fn what_was_never_answered_is_found_and_taken_back() {
    let rig = Rig::start().await;
    let (key, order) = rig.renewal(usd(2_500));
    let lost = Fault::next(FaultKind::LostAnswer).on("POST", "/").after();
    rig.fake.fault(lost);
    let answer = rig
        .perform_as(&key, &Order::CreateInvoice(order.clone()))
        .await;
    assert!(
        matches!(answer, Err(PerformError::Unknown(_))),
        "{answer:?}"
    );
    let answer = rig.voids(order.invoice, None).await;
    assert!(matches!(answer, Ok(Answer::Done(_))), "{answer:?}");
    let world = rig.fake.world();
    assert!(
        world
            .invoices
            .values()
            .all(|held| held.status == InvoiceStatus::Invalid)
    );
    // And what was never made is as good as taken back.
    let (_, other) = rig.renewal(usd(2_500));
    let answer = rig.voids(other.invoice, None).await;
    assert!(matches!(answer, Ok(Answer::Done(_))), "{answer:?}");
}

#[tokio::test]
async fn what_is_paid_is_not_taken_back_and_what_is_on_its_way_is_left_alone() {
    let rig = Rig::start().await;
    let (invoice, id) = rig.invoices().await;
    rig.fake.pay_in_full(&id).unwrap();
    let answer = rig.voids(invoice, Some(&id)).await;
    assert!(matches!(answer, Ok(Answer::Done(_))), "{answer:?}");
    assert_eq!(
        rig.fake.invoice(&id).unwrap().status,
        InvoiceStatus::Processing
    );
    rig.fake.confirm(&id).unwrap();
    let Ok(Answer::Refused(refusal)) = rig.voids(invoice, Some(&id)).await else {
        panic!("it is refused");
    };
    assert_eq!(refusal.code, "already_paid");
    let Ok(Answer::Refused(refusal)) = rig.voids(invoice, Some("unheardOf")).await else {
        panic!("it is refused");
    };
    assert_eq!(refusal.code, "no_such_invoice");
}

#[tokio::test]
async fn a_checkout_that_is_over_is_closed_and_a_paid_one_says_so() {
    let rig = Rig::start().await;
    let (left, paid) = (rig.checkout(usd(2_500)), rig.checkout(usd(2_500)));
    for (order, told) in [(left, "closed"), (paid, "paid 50000")] {
        let page = rig.opens(&order).await;
        if told != "closed" {
            rig.fake.pay_by_lightning(&page, 50_000).unwrap();
        }
        let expire = Order::ExpireCheckout {
            provider: rig.account(),
            checkout: order.checkout,
            reference: page.clone(),
        };
        let key = EffectKey::expire_checkout(order.checkout);
        for _ in 0..2 {
            let facts = rig.done(&key, &expire).await;
            assert_eq!(facts.iter().map(word).collect::<Vec<_>>(), [told]);
        }
    }
}

#[tokio::test]
async fn archived_is_not_gone() {
    let rig = Rig::start().await;
    let (key, order) = rig.renewal(usd(2_500));
    let order = Order::CreateInvoice(order);
    let id = reference(&rig.done(&key, &order).await);
    rig.archive(&id).await;
    assert_eq!(rig.told(&id).await, ["opened"]);
    assert_eq!(reference(&rig.done(&key, &order).await), id, "found again");
}

#[tokio::test]
async fn somebody_else_s_invoice_in_the_same_store_is_nothing() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    let mut options = rig.options.clone();
    options.operator = "there".to_owned();
    let http = billing_http::HttpClient::new(billing_http::HttpOptions::default()).unwrap();
    let rates = rig.rates.clone();
    let there = billing_btcpay::BtcPay::new(&options, http, rates, rig.clock()).unwrap();
    let object = billing_domain::provider::ProviderRef {
        account: rig.account(),
        kind: RefKind::Invoice,
        id,
    };
    assert_eq!(there.read(&object).await, Ok(Vec::new()));
}

#[tokio::test]
async fn refunds_are_read_back_once_they_are_claimed() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay_in_full(&id).unwrap();
    rig.fake.confirm(&id).unwrap();
    let pull = rig.refund(&id).await;
    assert_eq!(
        rig.told(&id).await,
        ["paid 50000"],
        "a promise is no refund"
    );
    rig.fake.claim(&pull).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000", "refund 50000 Pending"]);
    rig.fake.approve_claim(&pull).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000", "refund 50000 Done"]);
    let facts = rig.look(RefKind::Payment, &pull).await.unwrap();
    let [seen] = facts.as_slice() else {
        panic!("{facts:?}");
    };
    let Fact::RefundSeen(refund) = &seen.fact else {
        panic!("{seen:?}");
    };
    assert_eq!(refund.of[0], id);
    let ties = |kind| seen.link.refs.iter().any(|tie| tie.kind == kind);
    assert!(
        ties(RefKind::Payment),
        "found by its payment once its page has closed"
    );
    assert!(seen.link.customer.is_some(), "it says itself whose it is");
    // A key that may not look is told nothing of them, and of the payment all the same.
    rig.fake
        .permit(vec!["btcpay.store.canviewinvoices".to_owned()]);
    assert_eq!(rig.told(&refund.of[0]).await, ["paid 50000"]);
}

#[tokio::test]
async fn a_claim_that_was_canceled_failed_and_can_be_made_anew() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    let pull = rig.refund(&id).await;
    rig.fake.claim(&pull).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000", "refund 50000 Pending"]);
    rig.fake.cancel_claim(&pull).unwrap();
    assert_eq!(rig.told(&id).await, ["paid 50000", "refund 50000 Failed"]);
    rig.fake.claim(&pull).unwrap();
    let told = ["paid 50000", "refund 50000 Failed", "refund 50000 Pending"];
    assert_eq!(rig.told(&id).await, told);
    // Closing what was promised cancels what waits of it.
    rig.hinted();
    rig.fake.archive_promise(&pull).unwrap();
    let told = ["paid 50000", "refund 50000 Failed", "refund 50000 Failed"];
    assert_eq!(rig.told(&id).await, told);
    let hinted = rig.hinted();
    let [(kind, objects)] = hinted.as_slice() else {
        panic!("{hinted:?}");
    };
    assert_eq!(
        (kind.as_str(), objects[0].id.as_str()),
        ("PayoutUpdated", &*pull)
    );
}

#[tokio::test]
async fn what_was_paid_is_told_though_what_went_back_cannot_be_read() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    let pull = rig.refund(&id).await;
    rig.fake.claim(&pull).unwrap();
    let in_store = format!("/api/v1/stores/{DEFAULT_STORE}/pull-payments");
    for path in [in_store.as_str(), "/api/v1/pull-payments"] {
        let down = Fault::next(FaultKind::HtmlBadGateway)
            .on("GET", path)
            .times(9);
        rig.fake.fault(down);
        assert_eq!(rig.told(&id).await, ["paid 50000"], "{path}");
        // Where nothing else is asked for, it is asked again.
        if path != in_store {
            let failed = rig.look(RefKind::Payment, &pull).await;
            assert!(
                matches!(failed, Err(PerformError::Unknown(_))),
                "{failed:?}"
            );
        }
        rig.fake.faults().clear();
        assert_eq!(rig.told(&id).await, ["paid 50000", "refund 50000 Pending"]);
    }
}

#[tokio::test]
async fn a_proxy_s_404_is_no_word_about_an_invoice() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    for (status, body) in [
        (404, json!("<html>404 Not Found</html>")),
        (
            404,
            json!({ "message": "no Route matched with those values" }),
        ),
        (302, json!("<a href=\"/login\">Found</a>")),
    ] {
        let kind = FaultKind::Fixed { status, body };
        let path = format!("/api/v1/stores/{DEFAULT_STORE}/invoices/{id}");
        rig.fake.fault(Fault::next(kind).on("GET", &path).times(9));
        let failed = rig.look(RefKind::Invoice, &id).await;
        assert!(
            matches!(failed, Err(PerformError::Unknown(_))),
            "{failed:?}"
        );
        rig.fake.faults().clear();
    }
    assert_eq!(rig.told(&id).await, ["opened"]);
    assert_eq!(
        rig.told("nowhere").await,
        [] as [&str; 0],
        "BTCPay's own word"
    );
}

#[tokio::test]
async fn an_invoice_that_names_no_operator_is_somebody_else_s() {
    let rig = Rig::start().await;
    let (_, order) = rig.renewal(usd(2_500));
    let metadata = json!({ "billing_invoice": order.invoice.to_string() });
    let body = json!({ "amount": "50000", "currency": "SATS", "metadata": metadata });
    let id = rig.makes(&body).await;
    rig.fake.pay_by_lightning(&id, 50_000).unwrap();
    assert_eq!(rig.told(&id).await, [] as [&str; 0]);
    let hinted = rig.hinted();
    assert!(
        hinted.iter().all(|(_, objects)| objects.is_empty()),
        "{hinted:?}"
    );
}

/// The names of what goes back by this claim, but for the page itself.
async fn of_transactions(rig: &Rig, pull: &str, page: &str) -> Vec<String> {
    let facts = rig.look(RefKind::Payment, pull).await.unwrap();
    let Fact::RefundSeen(refund) = &facts[0].fact else {
        panic!("{facts:?}");
    };
    let (first, rest) = refund.of.split_first().unwrap();
    assert_eq!(first, page, "the strongest name");
    rest.to_vec()
}

#[tokio::test]
async fn what_goes_back_is_named_by_all_that_had_come_by_then() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    let pays = |satoshi| {
        rig.fake.pay(&id, satoshi).unwrap();
        let held = rig.fake.invoice(&id).unwrap();
        held.payments.last().unwrap().id.clone()
    };
    let (whole, besides) = (pays(50_000), pays(10_000));
    rig.fake.confirm(&id).unwrap();
    let pull = rig.refund_by(&id, "OverpaidAmount").await;
    rig.fake.claim(&pull).unwrap();
    rig.fake.approve_claim(&pull).unwrap();
    let came = [whole, besides];
    assert_eq!(of_transactions(&rig, &pull, &id).await, came);
    // What comes later is none of it, however often it is read.
    rig.fake.advance(days(1));
    pays(7_000);
    rig.fake.confirm(&id).unwrap();
    assert_eq!(of_transactions(&rig, &pull, &id).await, came);
    // What was ordered here is of the payment itself.
    let (key, order) = rig.promise(&id, 20_000);
    rig.done(&key, &order).await;
    let world = rig.fake.world();
    let mut pulls = world.pulls.values();
    let ours = pulls.find(|held| held.id != pull).unwrap().id.clone();
    rig.fake.claim(&ours).unwrap();
    assert_eq!(of_transactions(&rig, &ours, &id).await, [] as [String; 0]);
}

/// The pull payment that this order made.
fn promised(rig: &Rig, key: &EffectKey) -> String {
    let world = rig.fake.world();
    let mut pulls = world.pulls.values();
    let made = pulls.find(|pull| pull.description.ends_with(key.as_str()));
    made.unwrap().id.clone()
}

/// An invoice for 50 000 satoshi that is paid.
async fn paid(rig: &Rig) -> String {
    let (_, id) = rig.invoices().await;
    rig.fake.pay_in_full(&id).unwrap();
    rig.fake.confirm(&id).unwrap();
    id
}

#[tokio::test]
async fn a_promise_that_was_archived_is_closed_and_takes_no_place() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    let (key, order) = rig.promise(&id, 50_000);
    let missing = rig.btcpay.refund_link(&key, &id).await.unwrap();
    assert_eq!(missing, RefundPromised::Missing);
    rig.done(&key, &order).await;
    let open = rig.btcpay.refund_link(&key, &id).await.unwrap();
    assert!(matches!(open, RefundPromised::Open(_)), "{open:?}");
    // Claimed, and not sent: what is archived is sent no more.
    rig.fake.claim(&promised(&rig, &key)).unwrap();
    rig.fake.archive_promise(&promised(&rig, &key)).unwrap();
    let closed = rig.btcpay.refund_link(&key, &id).await.unwrap();
    let RefundPromised::Closed { returned } = closed else {
        panic!("{closed:?}");
    };
    let state = |told: &Observed| {
        let Fact::RefundSeen(seen) = &told.fact else {
            panic!("{told:?}");
        };
        seen.state
    };
    let states: Vec<_> = returned.iter().map(state).collect();
    assert_eq!(states, [RefundState::Failed], "what became of it is told");
    let (again, order) = rig.promise(&id, 50_000);
    rig.done(&again, &order).await;
    let open = rig.btcpay.refund_link(&again, &id).await.unwrap();
    assert!(matches!(open, RefundPromised::Open(_)), "{open:?}");
}

/// Of 50 000, 20 000 are sent by a promise that is archived then: 30 000 are left.
async fn what_was_sent_counts(rig: &Rig, id: &str) {
    let (key, order) = rig.promise(id, 20_000);
    rig.done(&key, &order).await;
    let pull = promised(rig, &key);
    rig.fake.claim(&pull).unwrap();
    rig.fake.approve_claim(&pull).unwrap();
    rig.fake.archive_promise(&pull).unwrap();
    let (more, order) = rig.promise(id, 30_001);
    assert_eq!(rig.refused(&more, &order).await, "promised_already");
    let (rest, order) = rig.promise(id, 30_000);
    rig.done(&rest, &order).await;
}

#[tokio::test]
async fn what_was_sent_of_a_promise_counts_though_it_is_archived() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    what_was_sent_counts(&rig, &id).await;
}

#[tokio::test]
async fn what_came_besides_and_is_promised_by_hand_leaves_the_payment_to_be_promised() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay(&id, 50_000).unwrap();
    rig.fake.pay(&id, 10_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    rig.refund_by(&id, "OverpaidAmount").await;
    let (key, order) = rig.promise(&id, 50_000);
    rig.done(&key, &order).await;
    let (more, order) = rig.promise(&id, 1);
    assert_eq!(rig.refused(&more, &order).await, "promised_already");
}

#[tokio::test]
async fn a_look_that_is_refused_refuses_no_promise() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    let (key, order) = rig.promise(&id, 20_000);
    for looked_at in ["pull-payments", "invoices"] {
        let body = json!({ "code": "not-like-this", "message": "not like this" });
        let refused = Fault::next(FaultKind::Fixed { status: 400, body });
        let at = format!("/api/v1/stores/{DEFAULT_STORE}/{looked_at}");
        rig.fake.fault(refused.on("GET", &at));
        let told = rig.perform_as(&key, &order).await;
        let tried_again = matches!(told, Err(PerformError::Misconfigured(_)));
        assert!(tried_again, "{looked_at}: {told:?}");
    }
    rig.done(&key, &order).await;
}

#[tokio::test]
async fn what_came_besides_is_not_promised_by_orders_of_the_payment() {
    let rig = Rig::start().await;
    let id = paid(&rig).await;
    rig.fake.pay(&id, 50_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    what_was_sent_counts(&rig, &id).await;
}

#[tokio::test]
async fn paid_late_and_given_back_already_it_is_told_as_both_each_time() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay_late(&id, 50_000).unwrap();
    rig.fake.confirm(&id).unwrap();
    // A person was quicker than we were.
    let pull = rig.refund(&id).await;
    rig.fake.claim(&pull).unwrap();
    rig.fake.approve_claim(&pull).unwrap();
    for _ in 0..2 {
        let told = ["upheld", "upheld", "paid 50000", "refund 50000 Done"];
        assert_eq!(rig.told(&id).await, told);
        let marked = rig.fake.invoice(&id).unwrap();
        assert_eq!(marked.status, InvoiceStatus::Settled);
    }
}

#[tokio::test]
async fn an_invoice_of_another_store_is_nothing_when_it_is_read() {
    let rig = Rig::start().await;
    let server = MockServer::start().await;
    let (_, order) = rig.renewal(usd(2_500));
    for (id, store) in [("here", DEFAULT_STORE), ("there", "AnotherStore")] {
        let invoice = json!({
            "id": id, "storeId": store, "amount": "50000", "currency": "SATS",
            "createdTime": 1_000, "expirationTime": 4_600, "status": "New",
            "metadata": {
                "billing_invoice": order.invoice.to_string(), "billing_operator": "here",
            },
        });
        let path = format!("/api/v1/stores/{DEFAULT_STORE}/invoices/{id}");
        Mock::given(matchers::path(path))
            .respond_with(ResponseTemplate::new(200).set_body_json(invoice))
            .mount(&server)
            .await;
    }
    let mut options = rig.options.clone();
    options.base_url = server.uri().parse().unwrap();
    let http = billing_http::HttpClient::new(billing_http::HttpOptions::default()).unwrap();
    let store = billing_btcpay::BtcPay::new(&options, http, rig.rates.clone(), rig.clock());
    let store = store.unwrap();
    for (id, told) in [("here", 1), ("there", 0)] {
        let object = billing_domain::provider::ProviderRef {
            account: rig.account(),
            kind: RefKind::Invoice,
            id: id.to_owned(),
        };
        let facts = store.read(&object).await.unwrap();
        assert_eq!(facts.len(), told, "{id}: {facts:?}");
    }
}
