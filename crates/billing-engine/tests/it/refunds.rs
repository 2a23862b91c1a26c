//! Refunds that a provider sends: how often it is asked, and what a person is shown.

use std::sync::atomic::Ordering;

use billing_domain::ids::InvoiceId;
use billing_domain::money::{Currency, Money};
use billing_engine::{Billing, RefundAsk, RefundError, RefundMade, RefundRefusal};
use billing_ports::store::Resolution;
use jiff::SignedDuration;

use crate::rig::{Act, Rig};

/// How often a call is made that nobody answers.
const TRIES: usize = 6;

/// Somebody who has paid once, at a provider that sends money back.
async fn paid() -> (Rig, InvoiceId) {
    let rig = Rig::new().await;
    rig.provider.sends_back.store(true, Ordering::Relaxed);
    rig.subscribe("ana").await;
    let customer = rig.customer("ana").await;
    let invoice = rig.account(customer).invoices[0].id;
    (rig, invoice)
}

async fn refund(
    billing: &Billing,
    invoice: InvoiceId,
    cents: i64,
) -> Result<RefundMade, RefundError> {
    let ask = RefundAsk {
        invoice,
        amount: Some(Money::new(cents, Currency::EUR)),
        payment: None,
        reason: None,
        name: None,
    };
    billing.refund(&ask, None).await
}

/// The numbers of the orders under which the provider was asked for refunds.
fn asked(rig: &Rig) -> Vec<String> {
    let keys = rig.provider.keys().into_iter();
    let of = |key: String| key.strip_prefix("refund:").map(str::to_owned);
    let numbers = keys.filter_map(of);
    let numbers = numbers.map(|rest| rest.rsplit_once(':').unwrap().1.to_owned());
    numbers.collect()
}

fn times(all: &[String], number: &str) -> usize {
    all.iter().filter(|one| *one == number).count()
}

/// Ordered, and given up: nobody ever answered.
async fn given_up(rig: &Rig, invoice: InvoiceId) {
    rig.provider.next([Act::NotSent; TRIES]);
    assert_eq!(
        refund(&rig.billing, invoice, 300).await,
        Err(RefundError::NoAnswer)
    );
    for _ in 1..TRIES {
        rig.pass(SignedDuration::from_hours(12));
        rig.work().await;
    }
    assert_eq!(asked(rig).len(), TRIES);
    assert_eq!(rig.parked(), ["attempts_exhausted"]);
}

#[tokio::test]
async fn what_was_given_up_is_not_tried_again_once_another_is_ordered() {
    let (rig, invoice) = paid().await;
    given_up(&rig, invoice).await;
    let shown = rig.store.snapshot().parked[0].id;
    refund(&rig.billing, invoice, 300).await.unwrap();
    assert_eq!(rig.parked(), [] as [&str; 0], "nobody has to look any more");
    let replayed = rig.billing.resolve_parked(shown, Resolution::Replay).await;
    assert_eq!(replayed, Ok(false));
    rig.pass(SignedDuration::from_hours(12));
    rig.work().await;
    let asked = asked(&rig);
    assert_eq!((times(&asked, "1"), times(&asked, "2")), (TRIES, 1));
}

#[tokio::test]
async fn what_is_tried_again_gives_way_to_what_was_ordered_meanwhile() {
    let (rig, invoice) = paid().await;
    given_up(&rig, invoice).await;
    // A person has it tried again; before a worker does so, another orders anew, in
    // another process, and is not answered.
    rig.replay_parked().await;
    rig.provider.next([Act::NotSent]);
    let other = rig.sibling(7);
    assert_eq!(
        refund(&other, invoice, 300).await,
        Err(RefundError::NoAnswer)
    );
    rig.work().await;
    let so_far = asked(&rig);
    assert_eq!((times(&so_far, "1"), times(&so_far, "2")), (TRIES, 1));
    assert_eq!(
        rig.parked(),
        ["conflict"],
        "whoever had it tried again is told"
    );
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    rig.pass(SignedDuration::from_hours(12));
    rig.work().await;
    let asked = asked(&rig);
    assert_eq!((times(&asked, "1"), times(&asked, "2")), (TRIES, 2));
    assert_eq!(rig.parked(), ["conflict"], "once");
}

#[tokio::test]
async fn no_other_is_ordered_beside_what_is_tried_again() {
    let (rig, invoice) = paid().await;
    given_up(&rig, invoice).await;
    rig.replay_parked().await;
    rig.provider.next([Act::Unknown]);
    rig.work().await;
    assert_eq!(asked(&rig).len(), TRIES + 1);
    let other = rig.sibling(7);
    let refused = refund(&other, invoice, 100).await;
    let amount = Money::new(300, Currency::EUR);
    assert_eq!(refused, Err(RefundRefusal::Open { amount }.into()));
    assert_eq!(
        refund(&other, invoice, 300).await,
        Err(RefundError::NoAnswer)
    );
    // It comes about, and whoever asked hears of it.
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    let heard = refund(&other, invoice, 300).await.unwrap();
    assert_eq!(heard.amount, amount);
    let asked = asked(&rig);
    assert_eq!((times(&asked, "1"), asked.len()), (TRIES + 2, TRIES + 2));
    assert_eq!(rig.parked(), [] as [&str; 0]);
}

#[tokio::test]
async fn whoever_comes_first_of_two_processes_is_alone() {
    for seed in 0..16 {
        let (rig, invoice) = paid().await;
        given_up(&rig, invoice).await;
        rig.replay_parked().await;
        let other = rig.sibling(100 + seed);
        let begun = asked(&rig).len();
        // Both stay without an answer: what was sent by whom, nobody knows.
        rig.provider.next([Act::Unknown; 2]);
        let ordered = async {
            for _ in 0..seed {
                tokio::task::yield_now().await;
            }
            refund(&other, invoice, 200).await
        };
        let (_worked, ordered) = tokio::join!(rig.work(), ordered);
        let all = asked(&rig);
        let mut on_their_way = all[begun..].to_vec();
        on_their_way.dedup();
        assert_eq!(on_their_way.len(), 1, "{seed}: {all:?} {ordered:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_shown_to_a_person_where_nobody_waits_for_it() {
    let (rig, invoice) = paid().await;
    // Whoever waits is told, and nobody else.
    rig.provider.next([Act::Refuse]);
    let refused = refund(&rig.billing, invoice, 300).await;
    assert_eq!(
        refused,
        Err(RefundError::Provider("card_declined".to_owned()))
    );
    assert_eq!(rig.parked(), [] as [&str; 0]);
    // Told that nobody knows, nobody hears of it later.
    rig.provider.next([Act::NotSent, Act::Refuse]);
    let unknown = refund(&rig.billing, invoice, 300).await;
    assert_eq!(unknown, Err(RefundError::NoAnswer));
    for _ in 0..2 {
        rig.pass(SignedDuration::from_mins(5));
        rig.work().await;
        assert_eq!(rig.parked(), ["provider_refused"]);
    }
    let shown = rig.store.snapshot().parked[0].clone();
    assert!(shown.evidence.contains("card_declined"), "{shown:?}");
    assert_eq!(
        shown.effect, None,
        "it is ordered anew, and not tried again"
    );
    // So it is, and that settles it.
    refund(&rig.billing, invoice, 300).await.unwrap();
    assert_eq!(rig.parked(), [] as [&str; 0]);
    assert_eq!(asked(&rig).len(), 4);
}
