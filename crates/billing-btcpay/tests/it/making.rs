//! What is made, once, and at which rate.

use billing_domain::effect::{CreateInvoice, EffectKey, OpenCheckout, Order};
use billing_domain::fact::Fact;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::RefKind;
use billing_domain::time::{days, shifted};
use billing_ports::PerformError;
use billing_testkit::fakes::btcpay::lightning_failure;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::json;

use super::rig::{FIFTY_THOUSAND, Rig, reference, sat, usd, word};

#[tokio::test]
async fn fiat_is_collected_in_satoshi_at_a_rate_that_is_kept() {
    let rig = Rig::start().await;
    let (key, order) = rig.renewal(usd(2_500));
    let order = Order::CreateInvoice(order);
    let facts = rig.done(&key, &order).await;
    let Fact::InvoiceOpened {
        conversion: Some(conversion),
        reference,
        ..
    } = &facts[0].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (conversion.listed, conversion.collected),
        (usd(2_500), sat(50_000))
    );
    assert_eq!(
        (conversion.rate, conversion.source.as_str()),
        (FIFTY_THOUSAND, "pin")
    );
    let made = rig.fake.invoice(reference).unwrap();
    assert_eq!(made.currency, "SATS");
    assert_eq!(made.due(), 50_000);
    // Found again, it is what it was, whatever a bitcoin costs now.
    rig.rates.0.lock().unwrap().0 = None;
    assert_eq!(rig.done(&key, &order).await[0].fact, facts[0].fact);
    assert_eq!(rig.rates.0.lock().unwrap().1, 1, "asked once");
    assert_eq!(rig.fake.world().invoices.len(), 1);
}

#[tokio::test]
async fn a_price_in_satoshi_goes_as_it_stands_and_asks_nobody() {
    let rig = Rig::start().await;
    rig.rates.0.lock().unwrap().0 = None;
    let (key, order) = rig.renewal(sat(50_000));
    let facts = rig.done(&key, &Order::CreateInvoice(order)).await;
    assert!(matches!(
        &facts[0].fact,
        Fact::InvoiceOpened {
            conversion: None,
            ..
        }
    ));
    let made = rig.fake.invoice(&reference(&facts)).unwrap();
    assert_eq!(made.due(), 50_000);
    assert_eq!(rig.rates.0.lock().unwrap().1, 0);
}

#[tokio::test]
async fn without_a_rate_nobody_is_charged_and_it_is_tried_again() {
    let rig = Rig::start().await;
    rig.rates.0.lock().unwrap().0 = None;
    let (key, order) = rig.renewal(usd(2_500));
    let order = Order::CreateInvoice(order);
    let failed = rig.perform_as(&key, &order).await;
    assert!(
        matches!(&failed, Err(PerformError::NotSent(why)) if why.contains("pin (gone)")),
        "{failed:?}"
    );
    assert!(rig.fake.world().invoices.is_empty());
    rig.rates.0.lock().unwrap().0 = Some(FIFTY_THOUSAND);
    rig.done(&key, &order).await;
}

#[tokio::test]
async fn nothing_and_less_than_a_satoshi_are_refused() {
    let rig = Rig::start().await;
    rig.rates.0.lock().unwrap().0 = Some(u64::MAX >> 1);
    for amount in [sat(0), usd(-5), usd(1)] {
        let (key, order) = rig.renewal(amount);
        assert_eq!(
            rig.refused(&key, &Order::CreateInvoice(order)).await,
            "amount_too_small"
        );
    }
    rig.rates.0.lock().unwrap().0 = Some(1);
    let (key, order) = rig.renewal(Money::new(i64::MAX, Currency::USD));
    assert_eq!(
        rig.refused(&key, &Order::CreateInvoice(order)).await,
        "amount_too_large"
    );
    assert!(rig.fake.world().invoices.is_empty());
}

#[tokio::test]
async fn everything_that_ties_it_to_us_goes_along() {
    let rig = Rig::start().await;
    let order = rig.checkout(usd(2_500));
    let page = rig.opens(&order).await;
    let made = rig.fake.invoice(&page).unwrap();
    assert_eq!(
        made.order_id(),
        Some(EffectKey::checkout(order.checkout).as_str())
    );
    for (name, value) in [
        ("billing_checkout", order.checkout.to_string()),
        ("billing_customer", order.customer.to_string()),
        ("billing_ref", "did:ana".to_owned()),
        ("billing_operator", "here".to_owned()),
        ("buyerEmail", "ana@example.com".to_owned()),
        ("itemDesc", "Acme, Pro".to_owned()),
    ] {
        assert_eq!(made.metadata[name], json!(value), "{name}");
    }
    assert_eq!(made.checkout["redirectURL"], json!(order.success_url));
    assert_eq!(made.checkout["paymentTolerance"], json!(0));
    assert_eq!(
        made.expires,
        shifted(rig.now(), rig.options.checkout_lifetime)
    );
    assert_eq!(
        made.monitored,
        shifted(made.expires, rig.options.monitoring)
    );
    let log = rig.fake.requests().all();
    assert!(log.iter().all(|it| it.authorized));
}

#[tokio::test]
async fn a_renewal_and_a_change_live_longer_than_a_page() {
    let rig = Rig::start().await;
    let (key, renewal) = rig.renewal(usd(2_500));
    let change = CreateInvoice {
        subscription_ref: None,
        cycle: None,
        ..rig.renewal(usd(2_500)).1
    };
    for (order, lives) in [
        (renewal, rig.options.invoice_lifetime),
        (change, rig.options.change_lifetime),
    ] {
        let key = if order.cycle.is_some() {
            key.clone()
        } else {
            EffectKey::change(rig.ids.lock().unwrap().draw())
        };
        let facts = rig.done(&key, &Order::CreateInvoice(order)).await;
        let made = rig.fake.invoice(&reference(&facts)).unwrap();
        assert_eq!(made.expires, shifted(rig.now(), lives));
    }
}

#[tokio::test]
async fn a_page_closes_no_later_than_its_checkout_and_never_opens_after_it() {
    let rig = Rig::start().await;
    let order = OpenCheckout {
        expires_at: shifted(rig.now(), SignedDuration::from_mins(5)),
        ..rig.checkout(usd(2_500))
    };
    let page = rig.opens(&order).await;
    assert_eq!(rig.fake.invoice(&page).unwrap().expires, order.expires_at);
    let late = OpenCheckout {
        expires_at: rig.now(),
        ..rig.checkout(usd(2_500))
    };
    let key = EffectKey::checkout(late.checkout);
    assert_eq!(
        rig.refused(&key, &Order::OpenCheckout(late)).await,
        "expired"
    );
}

#[tokio::test]
async fn a_trial_begins_at_once_and_makes_nothing() {
    let rig = Rig::start().await;
    let order = OpenCheckout {
        trial_end: Some(shifted(rig.now(), days(14))),
        ..rig.checkout(usd(2_500))
    };
    let key = EffectKey::checkout(order.checkout);
    let success = order.success_url.clone();
    let facts = rig.done(&key, &Order::OpenCheckout(order)).await;
    assert_eq!(
        facts.iter().map(word).collect::<Vec<_>>(),
        ["opened", "begun"]
    );
    assert!(matches!(&facts[0].fact, Fact::CheckoutOpened { url, .. } if *url == success));
    assert!(rig.fake.world().invoices.is_empty());
}

#[tokio::test]
async fn one_invoice_of_one_key_whatever_is_lost() {
    for kind in [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::HtmlBadGateway,
    ] {
        let rig = Rig::start().await;
        let (key, order) = rig.renewal(usd(2_500));
        let order = Order::CreateInvoice(order);
        rig.fake.fault(Fault::next(kind).on("POST", "/").after());
        let lost = rig.perform_as(&key, &order).await;
        assert!(matches!(lost, Err(PerformError::Unknown(_))), "{lost:?}");
        let facts = rig.done(&key, &order).await;
        let made = reference(&facts);
        rig.fake.pay_in_full(&made).unwrap();
        rig.fake.confirm(&made).unwrap();
        // Paid before the answer came.
        let facts = rig.done(&key, &order).await;
        assert_eq!(
            facts.iter().map(word).collect::<Vec<_>>(),
            ["opened", "paid 50000"]
        );
        assert_eq!(rig.fake.world().invoices.len(), 1);
    }
}

#[tokio::test]
async fn of_several_invoices_of_one_key_the_one_that_is_paid_is_taken() {
    let rig = Rig::start().await;
    let (key, order) = rig.renewal(sat(50_000));
    let order = Order::CreateInvoice(order);
    let oldest = reference(&rig.done(&key, &order).await);
    let metadata = rig.fake.invoice(&oldest).unwrap().metadata;
    let like_it = json!({ "amount": "50000", "currency": "SATS", "metadata": metadata });
    let mut made = vec![oldest];
    for _ in 0..3 {
        rig.fake.advance(SignedDuration::from_secs(1));
        made.push(rig.makes(&like_it).await);
    }
    let [voided, open, seen, paid] = &made[..] else {
        panic!("{made:?}");
    };
    rig.fake.rules(|rules| rules.block_every = None);
    let finds = async |wanted: &str, words: &[&str]| {
        let facts = rig.done(&key, &order).await;
        assert_eq!(reference(&facts), wanted);
        assert_eq!(facts.iter().map(word).collect::<Vec<_>>(), words);
        assert_eq!(rig.fake.world().invoices.len(), 4, "none is made");
    };
    // Each time a newer one is better than all before it: one that cannot be paid, one
    // that can, one whose payment is seen, one that is paid.
    finds(voided, &["opened"]).await;
    rig.fake.mark(voided, false).unwrap();
    finds(open, &["opened"]).await;
    rig.fake.pay_in_full(seen).unwrap();
    finds(seen, &["opened", "pending"]).await;
    rig.fake.pay_in_full(paid).unwrap();
    rig.fake.confirm(paid).unwrap();
    finds(paid, &["opened", "paid 50000"]).await;
}

#[tokio::test]
async fn what_names_the_key_and_is_not_what_was_ordered_is_not_taken() {
    for price in [usd(2_500), sat(50_000)] {
        let rig = Rig::start().await;
        let (key, order) = rig.renewal(price);
        let order = Order::CreateInvoice(order);
        let ours = reference(&rig.done(&key, &order).await);
        // Whoever can read it makes a cheaper one of it, and pays that.
        let mut metadata = rig.fake.invoice(&ours).unwrap().metadata;
        let rate = json!({
            "listed": price, "collected": sat(500), "rate": 1,
            "source": "pin", "at": "2026-01-01T00:00:00Z",
        });
        metadata["billing_conversion"] = rate;
        let like_it = json!({ "amount": "500", "currency": "SATS", "metadata": metadata });
        let cheap = rig.makes(&like_it).await;
        rig.fake.pay_in_full(&cheap).unwrap();
        rig.fake.confirm(&cheap).unwrap();
        assert_eq!(reference(&rig.done(&key, &order).await), ours);
        let told = rig.look(RefKind::Invoice, &cheap).await.unwrap();
        let Fact::InvoicePaid {
            amount, conversion, ..
        } = &told[0].fact
        else {
            panic!("{told:?}");
        };
        assert_eq!((*amount, conversion), (sat(500), &None));
    }
}

#[tokio::test]
async fn a_page_is_told_with_what_was_ordered() {
    let rig = Rig::start().await;
    let order = rig.checkout(usd(2_500));
    let key = EffectKey::checkout(order.checkout);
    let facts = rig.done(&key, &Order::OpenCheckout(order)).await;
    let Fact::CheckoutOpened {
        conversion: Some(made),
        reference,
        ..
    } = &facts[0].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!((made.listed, made.collected), (usd(2_500), sat(50_000)));
    let read = rig.look(RefKind::Checkout, reference).await.unwrap();
    assert_eq!(read[0].fact, facts[0].fact);
}

#[tokio::test]
async fn lightning_that_is_away_passes() {
    let rig = Rig::start().await;
    let (key, order) = rig.renewal(usd(2_500));
    let order = Order::CreateInvoice(order);
    rig.fake
        .fault(Fault::next(lightning_failure()).on("POST", "/"));
    let failed = rig.perform_as(&key, &order).await;
    assert!(
        matches!(failed, Err(PerformError::Unknown(_))),
        "{failed:?}"
    );
    rig.done(&key, &order).await;
    assert_eq!(rig.fake.world().invoices.len(), 1);
}

#[tokio::test]
async fn a_page_in_front_of_btcpay_refuses_no_renewal() {
    let rig = Rig::start().await;
    let (key, order) = rig.renewal(usd(2_500));
    let order = Order::CreateInvoice(order);
    for method in ["GET", "POST"] {
        for status in [302, 303, 401, 403, 404, 503] {
            let body = json!("<html>be back soon</html>");
            let kind = FaultKind::Fixed { status, body };
            rig.fake.fault(Fault::next(kind).on(method, "/").times(9));
            let failed = rig.perform_as(&key, &order).await;
            assert!(
                matches!(failed, Err(PerformError::Unknown(_))),
                "{method} {status}: {failed:?}"
            );
            rig.fake.faults().clear();
        }
    }
    // Nor does what BTCPay says of a search.
    let body = json!({ "code": "store-not-found", "message": "The store was not found" });
    let kind = FaultKind::Fixed { status: 404, body };
    rig.fake.fault(Fault::next(kind).on("GET", "/"));
    let failed = rig.perform_as(&key, &order).await;
    assert!(
        matches!(failed, Err(PerformError::Misconfigured(_))),
        "{failed:?}"
    );
    rig.done(&key, &order).await;
    assert_eq!(rig.fake.world().invoices.len(), 1);
}

#[tokio::test]
async fn a_key_that_may_not_is_misconfigured_and_told_by_name() {
    let rig = Rig::start().await;
    rig.fake
        .permit(vec!["btcpay.store.canviewinvoices".to_owned()]);
    let (key, order) = rig.renewal(usd(2_500));
    let failed = rig.perform_as(&key, &Order::CreateInvoice(order)).await;
    let Err(PerformError::Misconfigured(why)) = failed else {
        panic!("{failed:?}");
    };
    assert!(why.contains("btcpay.store.cancreateinvoice"), "{why}");
}

#[tokio::test]
async fn what_btcpay_has_no_word_for_is_unsupported() {
    let rig = Rig::start().await;
    for order in [
        Order::PauseSubscription {
            provider: rig.account(),
            reference: "s".to_owned(),
            change: None,
        },
        Order::MailClaim,
    ] {
        let key = EffectKey::undo(rig.ids.lock().unwrap().draw());
        let answer = rig.perform_as(&key, &order).await;
        assert!(
            matches!(answer, Err(PerformError::Unsupported(_))),
            "{answer:?}"
        );
    }
}
