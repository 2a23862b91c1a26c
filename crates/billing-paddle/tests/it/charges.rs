//! What is charged beside the items of a subscription: once, or not at all and told.

use billing_domain::effect::{CreateInvoice, EffectKey, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::InvoiceId;
use billing_domain::money::Money;
use billing_domain::proration::TaxRate;
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_domain::time::{Timestamp, days};
use billing_ports::{Answer, PerformError};
use billing_testkit::fakes::paddle::Card;
use billing_testkit::fakes::rig::{Fault, FaultKind};

use super::rig::{Rig, SMALL, usd};

fn key() -> EffectKey {
    EffectKey::usage("usg_00000000000000000000000000000006".parse().unwrap())
}

fn ours() -> InvoiceId {
    "inv_00000000000000000000000000000005".parse().unwrap()
}

fn charge(rig: &Rig, held: &str, amount: Money) -> Order {
    Order::CreateInvoice(CreateInvoice {
        provider: rig.account(),
        invoice: ours(),
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        customer_ref: None,
        subscription: "sub_00000000000000000000000000000007".parse().unwrap(),
        subscription_ref: Some(held.to_owned()),
        cycle: None,
        description: "Team, usage".to_owned(),
        amount,
    })
}

async fn charged(rig: &Rig, order: &Order) -> Vec<Fact> {
    match rig.perform_as(&key(), order).await {
        Ok(Answer::Done(facts)) => facts.into_iter().map(|seen| seen.fact).collect(),
        other => panic!("it is done, not {other:?}"),
    }
}

/// What was paid of our invoice by these facts.
fn paid(facts: &[Fact]) -> Option<Money> {
    facts.iter().find_map(|fact| {
        let Fact::InvoicePaid {
            invoice, amount, ..
        } = fact
        else {
            return None;
        };
        (*invoice == ours()).then_some(*amount)
    })
}

fn failed(facts: &[Fact]) -> Option<&str> {
    match facts {
        [Fact::ChargeFailed { reason, .. }] => Some(reason),
        _ => None,
    }
}

fn heard(rig: &Rig) -> Vec<Fact> {
    let heard = rig.heard().into_iter().flat_map(|(_, facts)| facts);
    heard.map(|seen: Observed| seen.fact).collect()
}

#[tokio::test]
async fn it_is_charged_once_whatever_is_lost() {
    for kind in [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::HtmlBadGateway,
    ] {
        let rig = Rig::start().await;
        let held = rig.buys(SMALL, Card::Pays).await;
        let order = charge(&rig, &held, usd(150));
        let fault = Fault::next(kind).on("POST", "/subscriptions").after();
        rig.fake.fault(fault);
        let lost = rig.perform_as(&key(), &order).await;
        assert!(matches!(lost, Err(PerformError::Unknown(_))), "{lost:?}");
        for _ in 0..2 {
            assert_eq!(paid(&charged(&rig, &order).await), Some(usd(150)));
        }
        assert_eq!(rig.paid(), [usd(1_000), usd(150)]);
        assert_eq!(paid(&heard(&rig)), Some(usd(150)), "and its event tells it");
    }
}

#[tokio::test]
async fn another_period_is_another_charge() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let order = charge(&rig, &held, usd(150));
    assert!(paid(&charged(&rig, &order).await).is_some());
    let next = EffectKey::usage("usg_00000000000000000000000000000008".parse().unwrap());
    let again = rig.perform_as(&next, &order).await;
    assert!(matches!(again, Ok(Answer::Done(_))), "{again:?}");
    assert_eq!(rig.paid().len(), 3);
}

#[tokio::test]
async fn what_is_read_too_late_to_be_told_is_told_by_its_event() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let order = charge(&rig, &held, usd(150));
    // Looked for before, and not after.
    let gone = Fault::next(FaultKind::HtmlBadGateway).on("GET", "/transactions");
    rig.fake.fault(gone.skip(1).times(9));
    assert_eq!(charged(&rig, &order).await, []);
    assert_eq!(paid(&heard(&rig)), Some(usd(150)));
    assert_eq!(rig.paid().len(), 2);
}

#[tokio::test]
async fn tax_is_on_top_and_no_part_of_what_is_ours() {
    let rig = Rig::start().await;
    rig.fake.rules(|rules| {
        rules.tax = TaxRate {
            millionths: 200_000,
        };
    });
    let held = rig.buys(SMALL, Card::Pays).await;
    let order = charge(&rig, &held, usd(150));
    assert_eq!(paid(&charged(&rig, &order).await), Some(usd(150)));
    assert_eq!(rig.paid(), [usd(1_200), usd(180)]);
}

#[tokio::test]
async fn a_declined_card_leaves_nothing_owed_there_and_takes_nothing_away() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::PaysOnce).await;
    let _purchase = rig.heard();
    let order = charge(&rig, &held, usd(150));
    let said = charged(&rig, &order).await;
    assert_eq!(failed(&said), Some("subscription_payment_declined"));
    // Asked again, and told by its events: the same.
    assert_eq!(failed(&charged(&rig, &order).await), Some("canceled"));
    let heard = heard(&rig);
    assert_eq!(failed(&heard), Some("canceled"), "{heard:?}");
    assert_eq!(rig.paid().len(), 1);
    assert_eq!(rig.told(&held).await.status, Status::Active);
}

#[tokio::test]
async fn what_paddle_collects_nothing_of_is_told_and_not_asked_for_again_and_again() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::PaysOnce).await;
    let little = charge(&rig, &held, usd(69));
    let limit = "subscription_update_transaction_balance_less_than_charge_limit";
    assert_eq!(failed(&charged(&rig, &little).await), Some(limit));
    // The renewal is declined: overdue.
    rig.fake.advance(days(32));
    let order = charge(&rig, &held, usd(150));
    let behind = Some("subscription_not_active");
    assert_eq!(failed(&charged(&rig, &order).await), behind);
    let pause = Order::PauseSubscription {
        provider: rig.account(),
        reference: held.clone(),
        change: None,
    };
    rig.done(&pause).await;
    assert_eq!(failed(&charged(&rig, &order).await), behind);
    assert_eq!(rig.paid().len(), 1);
}

#[tokio::test]
async fn within_half_an_hour_of_a_renewal_it_waits() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let late: Timestamp = "2026-01-31T23:45:00Z".parse().unwrap();
    rig.fake.clock().set(late);
    let order = charge(&rig, &held, usd(150));
    let locked = rig.perform_as(&key(), &order).await;
    assert!(
        matches!(locked, Err(PerformError::NotSent(_))),
        "{locked:?}"
    );
    assert_eq!(rig.paid().len(), 1);
    rig.fake.advance(days(1));
    assert!(paid(&charged(&rig, &order).await).is_some());
}

#[tokio::test]
async fn what_has_ended_is_paid_at_a_page_that_is_made_once() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let cancel = Order::CancelSubscription {
        provider: rig.account(),
        reference: held.clone(),
        at_once: true,
    };
    rig.done(&cancel).await;
    let order = charge(&rig, &held, usd(150));
    let before = rig.fake.world().transactions.len();
    let lost = Fault::next(FaultKind::LostAnswer).on("POST", "/transactions");
    rig.fake.fault(lost.after());
    let lost = rig.perform_as(&key(), &order).await;
    assert!(matches!(lost, Err(PerformError::Unknown(_))), "{lost:?}");
    let said = charged(&rig, &order).await;
    let [
        Fact::InvoiceOpened {
            reference, pay_url, ..
        },
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    assert!(pay_url.as_ref().unwrap().contains(reference));
    assert_eq!(rig.fake.world().transactions.len(), before + 1);
    let _made = rig.heard();
    assert!(rig.fake.pay(reference, Card::Pays).unwrap());
    assert_eq!(paid(&heard(&rig)), Some(usd(150)));
    let read = rig.read(RefKind::Invoice, reference).await;
    let read: Vec<Fact> = read.into_iter().map(|seen| seen.fact).collect();
    assert_eq!(paid(&read), Some(usd(150)));
}

#[tokio::test]
async fn a_page_is_taken_back_once_nobody_is_to_pay_it() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let cancel = Order::CancelSubscription {
        provider: rig.account(),
        reference: held.clone(),
        at_once: true,
    };
    rig.done(&cancel).await;
    let said = charged(&rig, &charge(&rig, &held, usd(150))).await;
    let [Fact::InvoiceOpened { reference, .. }] = &said[..] else {
        panic!("{said:?}");
    };
    let void = Order::VoidInvoice {
        provider: rig.account(),
        invoice: ours(),
        reference: Some(reference.clone()),
    };
    for _ in 0..2 {
        let told: Vec<Fact> = rig
            .done(&void)
            .await
            .into_iter()
            .map(|it| it.fact)
            .collect();
        assert_eq!(failed(&told), Some("canceled"));
    }
    assert!(rig.fake.pay(reference, Card::Pays).is_err());
}

#[tokio::test]
async fn another_currency_than_the_subscription_s_is_refused() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let euros = Money::new(150, billing_domain::money::Currency::EUR);
    let refused = rig.refused(&charge(&rig, &held, euros)).await;
    assert_eq!(refused, "currency_mismatch");
    assert_eq!(rig.paid().len(), 1);
}
