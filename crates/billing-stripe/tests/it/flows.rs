//! A few lives of a subscription, over the stateful fake: what its webhooks tell is
//! what a read tells.

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_domain::time::Period;
use billing_ports::delivery::Reading;
use billing_ports::{Answer, PaymentProvider, WebhookDecoder};
use billing_stripe::StripeDecoder;
use billing_testkit::fakes::stripe::FakeOptions;
use jiff::SignedDuration;

use crate::contract::Contracted;
use crate::support::{account, brief, options};

/// The facts of everything that waits to be told.
fn told(bench: &Contracted) -> Vec<Observed> {
    let secrets = FakeOptions::default().webhook_secrets;
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let decoder = StripeDecoder::new(&options(&secrets)).unwrap();
    let mut facts = Vec::new();
    for webhook in bench.fake.deliveries().take() {
        let kind = webhook.event.kind.clone();
        let delivery = decoder.decode(&webhook.request(), bench.fake.now());
        match delivery.unwrap().reading {
            Reading::Facts(more) => facts.extend(more),
            Reading::Unreadable { why, .. } => panic!("{kind} can be read: {why}"),
        }
    }
    facts
}

async fn read(bench: &Contracted, kind: RefKind, id: &str) -> Vec<Observed> {
    let object = ProviderRef {
        account: account(),
        kind,
        id: id.to_owned(),
    };
    bench.stripe.read(&object).await.unwrap()
}

async fn status(bench: &Contracted) -> Status {
    let facts = read(bench, RefKind::Subscription, bench.held()).await;
    match facts.first().map(|first| &first.fact) {
        Some(Fact::SubscriptionSeen(seen)) => seen.status,
        _ => panic!("a subscription: {facts:?}"),
    }
}

async fn perform(bench: &Contracted, key: &str, order: &Order) -> Vec<Observed> {
    let effect = "eff_00000000000000000000000000000009".parse().unwrap();
    let key = EffectKey::from_stored(key.to_owned());
    match bench.stripe.perform(effect, &key, order).await {
        Ok(Answer::Done(facts)) => facts,
        other => panic!("the order is carried out, not {other:?}"),
    }
}

#[tokio::test]
async fn what_was_bought_is_told_with_its_checkout() {
    let bench = Contracted::start().await;
    let facts = told(&bench);
    let held = format!("{} active", bench.held());
    let seen: Vec<&Observed> = facts
        .iter()
        .filter(|fact| brief(std::slice::from_ref(fact)) == [held.clone()])
        .collect();
    assert!(!seen.is_empty(), "{:?}", brief(&facts));
    assert!(seen.iter().all(|fact| fact.link.checkout.is_some()));
    let paid = |fact: &Observed| brief(std::slice::from_ref(fact))[0].ends_with(" Paid");
    let invoices: Vec<&Observed> = facts.iter().filter(|fact| paid(fact)).collect();
    assert_eq!(invoices.len(), 2, "{:?}", brief(&facts));
    assert!(invoices.iter().all(|fact| fact.link.checkout.is_some()));
    let completed = brief(&facts)
        .iter()
        .filter(|it| it.starts_with("completed"))
        .count();
    assert_eq!(completed, 2);
}

#[tokio::test]
async fn a_renewal_that_fails_is_past_due() {
    let bench = Contracted::start().await;
    drop(told(&bench));
    bench.fake.advance(SignedDuration::from_hours(25 * 24));
    let facts = brief(&told(&bench));
    let hinted = format!("read subscription {}", bench.declined());
    assert!(facts.contains(&hinted), "{facts:?}");
    let seen = brief(&read(&bench, RefKind::Subscription, bench.declined()).await);
    assert!(seen[0].ends_with(" past_due"), "{seen:?}");
    assert!(facts.iter().any(|it| it.ends_with(" Failed")), "{facts:?}");
    assert_eq!(status(&bench).await, Status::Active);
}

#[tokio::test]
async fn a_renewal_extends_once_it_is_paid_and_never_before() {
    let bench = Contracted::start().await;
    let first = period(&bench, bench.held()).await;
    let owing = period(&bench, bench.declined()).await;
    assert_eq!(first.end, owing.end);
    drop(told(&bench));
    // Half an hour after the renewal: the invoice is a draft.
    let into = SignedDuration::from_mins(30);
    bench
        .fake
        .advance(first.end.duration_since(bench.fake.now()) + into);
    let facts = told(&bench);
    let snapshots = facts
        .iter()
        .filter(|it| matches!(it.fact, Fact::SubscriptionSeen(_)));
    assert_eq!(snapshots.count(), 0, "{:?}", brief(&facts));
    for reference in [bench.held(), bench.declined()] {
        let hinted = format!("read subscription {reference}");
        assert!(brief(&facts).contains(&hinted), "{:?}", brief(&facts));
        let seen = period(&bench, reference).await;
        assert_eq!((seen.start, seen.end), (first.end, first.end));
    }
    let listed = bench.stripe.list_subscriptions(None).await.unwrap();
    for row in &listed.rows {
        let Fact::SubscriptionSeen(seen) = &row.fact else {
            panic!("a subscription: {row:?}");
        };
        assert_eq!(seen.period.unwrap().end, first.end);
    }
    bench.fake.advance(SignedDuration::from_hours(1));
    let facts = brief(&told(&bench));
    let hinted = format!("read subscription {}", bench.held());
    assert!(facts.contains(&hinted), "{facts:?}");
    let paid = period(&bench, bench.held()).await;
    assert!(paid.start == first.end && paid.end > first.end);
    // The other one fails, again and again, until it ends.
    let facts = read(&bench, RefKind::Subscription, bench.declined()).await;
    assert!(brief(&facts)[0].ends_with(" past_due"), "{facts:?}");
    bench.fake.advance(SignedDuration::from_hours(25 * 24));
    let ended = period(&bench, bench.declined()).await;
    assert_eq!(ended.end, first.end);
}

async fn period(bench: &Contracted, reference: &str) -> Period {
    let facts = read(bench, RefKind::Subscription, reference).await;
    match facts.first().map(|first| &first.fact) {
        Some(Fact::SubscriptionSeen(seen)) => seen.period.unwrap(),
        _ => panic!("a subscription: {facts:?}"),
    }
}

#[tokio::test]
async fn it_is_paused_resumed_and_ended() {
    let bench = Contracted::start().await;
    let (provider, reference) = (account(), bench.held().to_owned());
    let pause = Order::PauseSubscription {
        provider: provider.clone(),
        reference: reference.clone(),
        change: None,
    };
    perform(&bench, "pause:1", &pause).await;
    assert_eq!(status(&bench).await, Status::Paused);
    let resume = Order::ResumeSubscription {
        provider: provider.clone(),
        reference: reference.clone(),
        change: None,
        quoted: None,
    };
    perform(&bench, "resume:1", &resume).await;
    assert_eq!(status(&bench).await, Status::Active);
    let cancel = |at_once| Order::CancelSubscription {
        provider: provider.clone(),
        reference: reference.clone(),
        at_once,
    };
    for again in 0..2 {
        let facts = perform(&bench, "cancel:1", &cancel(false)).await;
        let Fact::SubscriptionSeen(seen) = &facts[0].fact else {
            panic!("a subscription: {facts:?}");
        };
        assert!(seen.cancel_at.is_some(), "{again}");
    }
    for _again in 0..2 {
        let facts = perform(&bench, "cancel:2", &cancel(true)).await;
        assert_eq!(brief(&facts)[0], format!("{reference} canceled"));
    }
}

#[tokio::test]
async fn the_portal_ends_it_in_another_shape_and_resuming_leaves_that() {
    let bench = Contracted::start().await;
    bench.fake.cancel_in_portal(bench.held()).unwrap();
    let seen = |facts: &[Observed]| match facts.first().map(|first| &first.fact) {
        Some(Fact::SubscriptionSeen(seen)) => seen.cancel_at,
        _ => panic!("a subscription: {facts:?}"),
    };
    let facts = read(&bench, RefKind::Subscription, bench.held()).await;
    assert!(seen(&facts).is_some());
    let resume = Order::ResumeSubscription {
        provider: account(),
        reference: bench.held().to_owned(),
        change: None,
        quoted: None,
    };
    let facts = perform(&bench, "resume:1", &resume).await;
    assert!(seen(&facts).is_some());
}

#[tokio::test]
async fn a_refund_is_hinted_and_read_with_its_invoice() {
    let bench = Contracted::start().await;
    let facts = read(&bench, RefKind::Subscription, bench.held()).await;
    let Fact::ProviderInvoiceSeen { reference, .. } = &facts[1].fact else {
        panic!("an invoice: {facts:?}");
    };
    drop(told(&bench));
    bench.fake.refund(reference, Some(500)).unwrap();
    bench.fake.dispute(reference).unwrap();
    let payments: Vec<String> = told(&bench)
        .into_iter()
        .filter_map(|fact| {
            let Fact::Hinted { object } = fact.fact else {
                return None;
            };
            (object.kind == RefKind::Payment).then_some(object.id)
        })
        .collect();
    assert!(!payments.is_empty());
    for payment in payments {
        let facts = read(&bench, RefKind::Payment, &payment).await;
        let Some(Fact::RefundSeen(refund)) = facts.get(1).map(|it| &it.fact) else {
            panic!("a refund: {facts:?}");
        };
        assert_eq!(refund.of.first(), Some(reference));
        assert_eq!(refund.amount.amount, 500);
        assert!(matches!(facts[2].fact, Fact::DisputeSeen(_)), "{facts:?}");
    }
}

#[tokio::test]
async fn lists_tell_what_webhooks_tell() {
    let bench = Contracted::start().await;
    let page = bench.stripe.list_subscriptions(None).await.unwrap();
    assert_eq!(page.rows.len(), 2);
    let waiting = bench.fake.deliveries().take();
    let since = waiting[0].event.at;
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = bench.stripe.list_events(since, after).await.unwrap();
        listed.extend(page.rows.into_iter().map(|row| row.event_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let known = |kind: &str| billing_stripe::HANDLED_EVENTS.contains(&kind);
    for webhook in waiting.iter().filter(|it| known(&it.event.kind)) {
        assert!(listed.contains(&webhook.event.id), "{}", webhook.event.kind);
    }
}
