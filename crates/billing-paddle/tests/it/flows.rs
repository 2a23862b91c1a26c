//! Lives of subscriptions: bought, renewed, not paid, changed, ended.

use billing_domain::effect::{ChangeWhen, OpenCheckout, Order};
use billing_domain::fact::{CheckoutPayment, DisputeState, Fact, Observed, RefundState};
use billing_domain::proration::TaxRate;
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_domain::time::{Period, Timestamp, days};
use billing_ports::{PaymentProvider, PerformError, Previewed};
use billing_testkit::fakes::paddle::{Card, Exhausted};

use super::rig::{LARGE, ONCE, Rig, SMALL, TRIED, YEARLY, usd};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn january() -> Period {
    Period {
        start: at("2026-01-01T00:00:00Z"),
        end: at("2026-02-01T00:00:00Z"),
    }
}

fn completed(facts: &[Observed]) -> Option<&CheckoutPayment> {
    for observed in facts {
        if let Fact::CheckoutCompleted { payment, .. } = &observed.fact {
            return Some(payment);
        }
    }
    None
}

#[tokio::test]
async fn bought_renewed_and_canceled() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let heard = rig.heard();
    let paid = heard.iter().filter(|(_, facts)| completed(facts).is_some());
    assert!(
        paid.count() >= 1,
        "the checkout is told as completed: {heard:?}"
    );
    let seen = rig.told(&held).await;
    assert_eq!(seen.status, Status::Active);
    assert_eq!(seen.period.map(|it| it.end), Some(january().end));

    rig.fake.advance(days(32));
    let renewed = rig.told(&held).await;
    assert_eq!(renewed.status, Status::Active);
    assert_eq!(renewed.period.map(|it| it.start), Some(january().end));
    let again = rig.heard();
    assert!(
        again.iter().all(|(_, facts)| completed(facts).is_none()),
        "no checkout twice"
    );

    let cancel = Order::CancelSubscription {
        provider: rig.account(),
        reference: held.clone(),
        at_once: false,
    };
    rig.done(&cancel).await;
    rig.done(&cancel).await;
    assert_eq!(
        rig.told(&held).await.cancel_at,
        renewed.period.map(|it| it.end)
    );
    rig.fake.advance(days(32));
    let ended = rig.told(&held).await;
    assert_eq!(ended.status, Status::Canceled);
    assert!(ended.ended_at.is_some());
}

/// Paddle takes no proration on what is paused; without money, it does.
#[tokio::test]
async fn a_paused_subscription_is_changed_without_money_or_refused_by_name() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let pause = Order::PauseSubscription {
        provider: rig.account(),
        reference: held.clone(),
        change: None,
    };
    rig.done(&pause).await;
    assert_eq!(rig.told(&held).await.status, Status::Paused);
    let paid = rig.paid();
    let code = "subscription_incorrect_proration_on_paused_subscription";
    let at_once = rig.change(&held, LARGE, rig.prorated(None));
    let previewed = rig.paddle.preview(&at_once).await;
    assert!(
        matches!(&previewed, Ok(Previewed::Refused(refusal)) if refusal.code == code),
        "{previewed:?}"
    );
    assert_eq!(rig.refused(&Order::ChangeSubscription(at_once)).await, code);
    assert_eq!(rig.in_place(&held), SMALL);
    let unbilled = rig.change(&held, LARGE, ChangeWhen::Unbilled);
    rig.done(&Order::ChangeSubscription(unbilled)).await;
    assert_eq!(rig.in_place(&held), LARGE);
    assert_eq!(rig.paid(), paid, "no money moves");
}

/// Of Paddle's five ways to bill a change, a scheduled one rules out those that wait
/// for the next period. Ours do not.
#[tokio::test]
async fn a_scheduled_end_is_in_the_way_of_no_change() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    let cancel = Order::CancelSubscription {
        provider: rig.account(),
        reference: held.clone(),
        at_once: false,
    };
    rig.done(&cancel).await;
    let ends = rig.told(&held).await.cancel_at;
    assert!(ends.is_some());
    for (price, when) in [
        (LARGE, rig.prorated(None)),
        (SMALL, ChangeWhen::Unbilled),
        (LARGE, rig.prorated(None)),
    ] {
        let change = rig.change(&held, price, when);
        rig.done(&Order::ChangeSubscription(change)).await;
        assert_eq!(rig.in_place(&held), price);
        assert_eq!(rig.told(&held).await.cancel_at, ends, "it still ends");
    }
}

/// The money of a purchase is on its way: nothing can be credited against it yet.
#[tokio::test]
async fn a_change_right_after_a_purchase_waits_for_its_money() {
    let rig = Rig::start().await;
    rig.fake.rules(|rules| rules.processing = days(1));
    let held = rig.buys(SMALL, Card::Pays).await;
    let change = Order::ChangeSubscription(rig.change(&held, LARGE, rig.prorated(None)));
    let waits = rig.perform(&change).await;
    let code = "subscription_credit_creation_against_processing_transaction";
    assert!(
        matches!(&waits, Err(PerformError::NotSent(why)) if why.contains(code)),
        "{waits:?}"
    );
    assert_eq!(rig.in_place(&held), SMALL);
    rig.fake.advance(days(1));
    rig.done(&change).await;
    assert_eq!(rig.in_place(&held), LARGE);
}

#[tokio::test]
async fn a_renewal_that_fails_never_counts_as_paid() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::PaysOnce).await;
    rig.heard();
    rig.fake.advance(days(31));
    let heard = rig.heard();
    assert!(
        heard
            .iter()
            .any(|(kind, _)| kind == "subscription.past_due"),
        "{heard:?}"
    );
    for (kind, facts) in &heard {
        for observed in facts {
            if let Fact::SubscriptionSeen(seen) = &observed.fact {
                assert_eq!(seen.status, Status::PastDue, "{kind}");
            }
        }
    }
    let owing = rig.told(&held).await;
    assert_eq!(owing.status, Status::PastDue);
    assert_eq!(
        owing.period.map(|it| it.start),
        Some(january().end),
        "owed from there on"
    );
    rig.fake.set_card(&held, Card::Pays).unwrap();
    rig.fake.advance(days(4));
    assert_eq!(rig.told(&held).await.status, Status::Active);
}

#[tokio::test]
async fn between_renewal_and_payment_the_paid_period_is_told() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    // Captured at the renewal, and completed a day later.
    rig.fake.rules(|rules| rules.processing = days(1));
    rig.fake
        .advance(days(31) + jiff::SignedDuration::from_hours(1));
    let gap = rig.told(&held).await;
    assert_eq!(gap.status, Status::Active);
    assert_eq!(gap.period, Some(january()), "as far as it is paid");
    rig.fake.advance(days(1));
    let paid = rig.told(&held).await;
    assert_eq!(paid.period.map(|it| it.start), Some(january().end));
}

#[tokio::test]
async fn what_is_never_paid_expires_or_lapses() {
    for (exhausted, status) in [
        (Exhausted::Cancel, Status::Expired),
        (Exhausted::Pause, Status::Lapsed),
    ] {
        let rig = Rig::start().await;
        rig.fake.rules(|rules| rules.exhausted = exhausted);
        let held = rig.buys(SMALL, Card::PaysOnce).await;
        rig.fake.advance(days(100));
        assert_eq!(rig.told(&held).await.status, status, "{exhausted:?}");
    }
}

#[tokio::test]
async fn a_trial_is_told_as_one_until_it_is_paid() {
    let rig = Rig::start().await;
    let order = OpenCheckout {
        trial_end: Some(january().end),
        email: Some("ana@example.com".to_owned()),
        ..rig.checkout(TRIED)
    };
    let page = rig.open(&order).await;
    assert!(rig.fake.pay(&page, Card::Pays).unwrap());
    let free = rig.read(RefKind::Checkout, &page).await;
    assert_eq!(completed(&free), Some(&CheckoutPayment::NotRequired));
    let held = rig.fake.world().transactions[&page]
        .subscription_id
        .clone()
        .unwrap();
    let trial = rig.told(&held).await;
    assert_eq!(
        (trial.status, trial.trial_end),
        (Status::Trialing, Some(january().end))
    );
    rig.fake.advance(days(32));
    assert_eq!(rig.told(&held).await.status, Status::Active);
    assert_eq!(rig.paid(), [usd(1_000)]);
}

#[tokio::test]
async fn bought_once_refunded_and_contested() {
    let rig = Rig::start().await;
    let page = rig.open(&rig.checkout(ONCE)).await;
    assert!(rig.fake.pay(&page, Card::Pays).unwrap());
    let facts = rig.read(RefKind::Checkout, &page).await;
    let Some(CheckoutPayment::Paid { amount, .. }) = completed(&facts) else {
        panic!("{facts:?}");
    };
    assert_eq!(*amount, usd(5_000));
    let refund = rig.fake.refund(&page).unwrap();
    rig.fake.decide_refund(&refund, true).unwrap();
    let facts = rig.read(RefKind::Invoice, &page).await;
    let refunds = facts.iter().filter(|it| {
        matches!(&it.fact, Fact::RefundSeen(seen) if seen.state == RefundState::Done && seen.amount == usd(5_000))
    });
    assert_eq!(refunds.count(), 1, "{facts:?}");

    let held = rig.buys(SMALL, Card::Pays).await;
    let world = rig.fake.world();
    let mut paid = world.transactions.values();
    let paid = paid
        .find(|txn| txn.subscription_id.as_ref() == Some(&held))
        .unwrap();
    rig.heard();
    rig.fake.dispute(&paid.id).unwrap();
    rig.fake.win_dispute(&paid.id).unwrap();
    let mut states = Vec::new();
    for (_, facts) in rig.heard() {
        for observed in facts {
            if let Fact::DisputeSeen(seen) = observed.fact {
                assert_eq!(seen.dispute, paid.id, "one dispute, told twice");
                states.push(seen.state);
            }
        }
    }
    assert_eq!(states.first(), Some(&DisputeState::Lost), "{states:?}");
    assert_eq!(states.last(), Some(&DisputeState::Won), "{states:?}");
}

#[tokio::test]
async fn a_downgrade_to_come_keeps_what_is_paid_for_and_bills_less_then() {
    for later in [SMALL, YEARLY] {
        let rig = Rig::start().await;
        let held = rig.buys(LARGE, Card::Pays).await;
        rig.fake.advance(days(10));
        let change = rig.change(&held, later, ChangeWhen::NextPeriod { at: None });
        rig.done(&Order::ChangeSubscription(change)).await;
        let waits = rig.told(&held).await;
        assert_eq!(waits.price_ref, LARGE);
        assert_eq!(waits.status, Status::Active);
        assert_eq!(rig.paid(), [usd(3_000)], "{later}");
        rig.fake.advance(days(22));
        let now = rig.told(&held).await;
        assert_eq!(
            (now.status, now.price_ref.as_str()),
            (Status::Active, later)
        );
        assert_eq!(
            now.period.map(|it| it.start),
            Some(january().end),
            "{later}"
        );
        let owed = if later == SMALL { 1_000 } else { 30_000 };
        assert_eq!(rig.paid(), [usd(3_000), usd(owed)], "{later}");
    }
}

#[tokio::test]
async fn a_downgrade_taken_back_was_never_there() {
    let rig = Rig::start().await;
    let held = rig.buys(LARGE, Card::Pays).await;
    let change = rig.change(&held, SMALL, ChangeWhen::NextPeriod { at: None });
    rig.done(&Order::ChangeSubscription(change)).await;
    assert_eq!(rig.in_place(&held), SMALL);
    let undo = rig.undo(&held);
    rig.done(&undo).await;
    rig.done(&undo).await;
    assert_eq!(rig.in_place(&held), LARGE);
    rig.fake.advance(days(32));
    assert_eq!(rig.told(&held).await.price_ref, LARGE);
    assert_eq!(rig.paid(), [usd(3_000), usd(3_000)]);
}

#[tokio::test]
async fn an_upgrade_over_a_downgrade_to_come_costs_what_its_preview_said() {
    let rig = Rig::start().await;
    let held = rig.buys(LARGE, Card::Pays).await;
    rig.fake.advance(days(10));
    let change = rig.change(&held, SMALL, ChangeWhen::NextPeriod { at: None });
    rig.done(&Order::ChangeSubscription(change)).await;
    let two = |when| billing_domain::effect::ChangeSubscription {
        quantity: 2,
        ..rig.change(&held, LARGE, when)
    };
    let previewed = rig.paddle.preview(&two(rig.prorated(None))).await;
    let Ok(Previewed::Costs(cost)) = previewed else {
        panic!("{previewed:?}");
    };
    assert_eq!(rig.in_place(&held), SMALL, "nothing was changed");
    let when = rig.prorated(Some(cost.owed));
    rig.done(&Order::ChangeSubscription(two(when))).await;
    assert_eq!(rig.paid(), [usd(3_000), cost.owed]);
    let now = rig.told(&held).await;
    assert_eq!((now.price_ref.as_str(), now.quantity), (LARGE, 2));
    // The domain takes the superseded change back afterwards.
    rig.done(&rig.undo(&held)).await;
    assert_eq!(rig.told(&held).await.quantity, 2);
}

#[tokio::test]
async fn with_tax_a_quote_is_what_the_card_is_charged() {
    let rig = Rig::start().await;
    rig.fake
        .rules(|rules| rules.tax = TaxRate { millionths: 88_750 });
    let held = rig.buys(SMALL, Card::Pays).await;
    assert_eq!(rig.paid(), [usd(1_089)]);
    rig.fake.advance(days(10));
    let asked = rig.change(&held, LARGE, rig.prorated(None));
    let Ok(Previewed::Costs(cost)) = rig.paddle.preview(&asked).await else {
        panic!("it can be priced");
    };
    let change = rig.change(&held, LARGE, rig.prorated(Some(cost.owed)));
    let facts = rig.done(&Order::ChangeSubscription(change)).await;
    assert_eq!(rig.paid(), [usd(1_089), cost.owed]);
    let told = facts.iter().any(
        |it| matches!(&it.fact, Fact::ProviderInvoiceSeen { amount, .. } if *amount == cost.owed),
    );
    assert!(told, "{facts:?}");
}

#[tokio::test]
async fn paused_and_resumed() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    rig.fake.advance(days(10));
    let pause = Order::PauseSubscription {
        provider: rig.account(),
        reference: held.clone(),
        change: None,
    };
    rig.done(&pause).await;
    rig.done(&pause).await;
    let paused = rig.told(&held).await;
    assert_eq!(paused.status, Status::Paused);
    assert_eq!(
        paused.period.map(|it| it.end),
        Some(january().end),
        "paid until there"
    );
    rig.fake.advance(days(40));
    let resume = Order::ResumeSubscription {
        provider: rig.account(),
        reference: held.clone(),
        change: None,
        quoted: None,
    };
    rig.done(&resume).await;
    rig.done(&resume).await;
    assert_eq!(rig.told(&held).await.status, Status::Active);
    assert_eq!(rig.paid(), [usd(1_000), usd(1_000)]);
}

#[tokio::test]
async fn before_a_renewal_a_change_waits() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    rig.fake
        .advance(days(31) - jiff::SignedDuration::from_mins(10));
    let when = rig.prorated(None);
    let change = Order::ChangeSubscription(rig.change(&held, LARGE, when));
    let locked = rig.perform(&change).await;
    let waits = matches!(locked, Err(PerformError::NotSent(_)));
    assert!(waits, "{locked:?}");
    rig.fake.advance(jiff::SignedDuration::from_mins(20));
    rig.done(&change).await;
}

#[tokio::test]
async fn events_and_subscriptions_are_listed() {
    let rig = Rig::start().await;
    let since = rig.now();
    let held = rig.buys(SMALL, Card::Pays).await;
    let heard: Vec<String> = rig
        .fake
        .world()
        .events
        .iter()
        .map(|it| it.id.clone())
        .collect();
    let listed = rig.paddle.list_events(since, None).await.unwrap();
    let ids: Vec<String> = listed.rows.iter().map(|row| row.event_id.clone()).collect();
    assert_eq!(ids, heard);
    assert_eq!(listed.next, None);
    let listed = rig.paddle.list_subscriptions(None).await.unwrap();
    assert_eq!(listed.rows.len(), 1);
    assert_eq!(listed.rows[0].link.refs[0].id, held);
    let gone = Order::ChangeSubscription(rig.change("sub_x", LARGE, ChangeWhen::Unbilled));
    assert_eq!(rig.refused(&gone).await, "subscription_not_found");
}
