//! Reading a provider's own books.

use billing_domain::audit::{DriftCode, Remedy, Side};
use billing_domain::fact::{Fact, Link, Observed, RefundSnapshot, RefundState};
use billing_domain::money::{Currency, Money};
use billing_domain::subscription::Status;
use billing_domain::time::Timestamp;
use billing_engine::{Difference, Limits, LostEvent, Reread, RereadError};
use billing_ports::store::{Book, Bookmark, Bookmarks as _};
use billing_ports::{Delivery, PerformError, Reading};
use billing_testkit::fixtures;
use jiff::SignedDuration;

use crate::mirrored::{mirrored, snapshot, status, subscription_ref};
use crate::rig::{Act, Rig};

fn later() -> Timestamp {
    fixtures::start() + SignedDuration::from_mins(1)
}

async fn reread(rig: &Rig) -> (Result<Reread, RereadError>, Vec<Difference>) {
    let mut found = Vec::new();
    let account = fixtures::provider("sandbox/main");
    let done = rig
        .billing
        .reread(&account, |difference| found.push(difference.clone()))
        .await;
    (done, found)
}

/// A subscription of somebody else's, in the same account.
fn foreign(name: &str, price: &str) -> Observed {
    let (rig_checkout, at) = (fixtures::Maker::new(9).id(), later());
    let mut seen = snapshot(rig_checkout, Status::Active, at);
    if let Fact::SubscriptionSeen(snapshot) = &mut seen.fact {
        name.clone_into(&mut snapshot.reference);
        price.clone_into(&mut snapshot.price_ref);
    }
    seen.link = Link::default();
    seen
}

#[tokio::test]
async fn events_that_were_lost_come_once_and_those_that_came_are_known() {
    let (rig, customer, opened) = mirrored().await;
    let events = [Status::PastDue, Status::Active, Status::Paused];
    for (minute, standing) in (1_i64..).zip(events) {
        let at = fixtures::start() + SignedDuration::from_mins(minute);
        let event = rig.event(vec![snapshot(opened.id, standing, at)]);
        rig.provider.happened.lock().unwrap().push(event);
    }
    let came = rig.provider.happened.lock().unwrap()[0].clone();
    rig.billing.receive_trusted(came).await.unwrap();
    let (done, _) = reread(&rig).await;
    let done = done.unwrap();
    assert_eq!((done.events, done.lost, done.finished), (3, 2, true));
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Paused);
    let (again, _) = reread(&rig).await;
    assert_eq!(again.unwrap().lost, 0);
}

#[tokio::test]
async fn a_go_that_was_broken_off_goes_on_where_it_ended() {
    let (rig, _, opened) = mirrored().await;
    for minute in 1..=5 {
        let at = fixtures::start() + SignedDuration::from_mins(minute);
        let event = rig.event(vec![snapshot(opened.id, Status::PastDue, at)]);
        rig.provider.happened.lock().unwrap().push(event);
    }
    // The second page is not answered.
    rig.provider
        .next_reads([Act::Slow(std::time::Duration::ZERO), Act::NotSent]);
    let (broken, _) = reread(&rig).await;
    assert!(
        matches!(broken, Err(RereadError::Provider(PerformError::NotSent(_)))),
        "{broken:?}"
    );
    let account = fixtures::provider("sandbox/main");
    let mark = rig.store.get_bookmark(&account, Book::Events).await;
    assert_eq!(mark.unwrap().unwrap().next.as_deref(), Some("2"));
    rig.pass(SignedDuration::from_hours(2));
    let (done, _) = reread(&rig).await;
    assert_eq!(done.unwrap().lost, 3, "the first page is not read again");
    // It was begun two hours ago: what happened since is read next, with an overlap.
    let begun = *rig.provider.asked_since.lock().unwrap().first().unwrap();
    rig.pass(SignedDuration::from_hours(2));
    let (next, _) = reread(&rig).await;
    assert_eq!(next.unwrap().lost, 0);
    let asked = *rig.provider.asked_since.lock().unwrap().last().unwrap();
    assert_eq!(asked, begun + SignedDuration::from_hours(3 * 24 - 1));
}

#[tokio::test]
async fn a_subscription_that_stands_otherwise_is_told_and_taken_over() {
    let (rig, customer, opened) = mirrored().await;
    rig.provider
        .has(snapshot(opened.id, Status::PastDue, later()));
    let (done, found) = reread(&rig).await;
    let done = done.unwrap();
    assert_eq!((done.subscriptions, done.foreign), (1, 0));
    assert!(done.finished);
    let standing = found
        .iter()
        .find(|found| found.drift.code == DriftCode::Status)
        .expect("it is told");
    assert_eq!(standing.customer, Some(customer));
    assert_eq!(standing.drift.object, subscription_ref("sub_1"));
    assert_eq!(
        (standing.drift.right, standing.drift.remedy),
        (Side::Provider, Remedy::TakeOver)
    );
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::PastDue);
    let (again, found) = reread(&rig).await;
    assert_eq!(again.unwrap().drifts, 0, "{found:?}");
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_writes_nothing() {
    let (rig, customer, opened) = mirrored().await;
    for _ in 0..3 {
        rig.provider
            .has(snapshot(opened.id, Status::PastDue, later()));
    }
    let before = rig.store.snapshot();
    let account = fixtures::provider("sandbox/main");
    let mut told = 0;
    let done = rig.billing.reread_dry(&account, |_| told += 1).await;
    let done = done.unwrap();
    assert_eq!(done.subscriptions, 3);
    assert!(done.finished && told > 0 && told == done.drifts);
    assert_eq!(rig.store.snapshot(), before);
    let mark = rig.store.get_bookmark(&account, Book::Subscriptions).await;
    assert_eq!(mark, Ok(None));
    assert_eq!(status(&rig, customer), Status::Active);
}

#[tokio::test]
async fn a_dry_run_tells_of_the_events_that_had_not_come() {
    let (rig, customer, opened) = mirrored().await;
    let seen = snapshot(opened.id, Status::Active, later());
    let refund = Observed {
        fact: Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: "re_1".to_owned(),
            of: vec!["in_1".to_owned()],
            amount: Money::new(100, Currency::USD),
            state: RefundState::Done,
        }),
        at: later(),
        link: seen.link.clone(),
    };
    let theirs = foreign("sub_8", "price_of_theirs");
    let nothing = Observed {
        fact: Fact::Irrelevant,
        ..seen.clone()
    };
    for facts in [vec![seen], vec![refund], vec![theirs], vec![nothing]] {
        let event = rig.event(facts);
        rig.provider.happened.lock().unwrap().push(event);
    }
    let came = rig.provider.happened.lock().unwrap()[0].clone();
    rig.billing.receive_trusted(came).await.unwrap();
    rig.work().await;
    rig.provider
        .has(snapshot(opened.id, Status::Active, later()));
    let before = rig.store.snapshot();
    let account = fixtures::provider("sandbox/main");
    for _ in 0..2 {
        let mut told = Vec::new();
        let each = |difference: &Difference| told.push(difference.clone());
        let done = rig.billing.reread_dry(&account, each).await.unwrap();
        assert_eq!((done.events, done.lost, done.finished), (4, 1, true));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].customer, Some(customer));
        assert_eq!(told[0].drift.code, DriftCode::Unknown);
        assert_eq!(
            (told[0].drift.right, told[0].drift.remedy),
            (Side::Provider, Remedy::TakeOver)
        );
        assert_eq!(rig.store.snapshot(), before, "nothing is written");
        let mark = rig.store.get_bookmark(&account, Book::Events).await;
        assert_eq!(mark, Ok(None));
    }
    let (done, told) = reread(&rig).await;
    assert_eq!(done.unwrap().lost, 3, "received, whatever it tells");
    let told = told.iter().filter(|told| told.drift.ours == "nothing");
    assert_eq!(told.count(), 1, "and told as before");
}

#[tokio::test]
async fn an_event_that_had_not_come_and_cannot_be_read_is_named() {
    let (rig, _, opened) = mirrored().await;
    rig.provider
        .has(snapshot(opened.id, Status::Active, fixtures::start()));
    let unreadable = Delivery {
        reading: Reading::Unreadable {
            why: "not a subscription".to_owned(),
            at: None,
        },
        ..rig.event(Vec::new())
    };
    let named = LostEvent {
        event: unreadable.event_id.clone(),
        kind: unreadable.kind.clone(),
    };
    rig.provider.happened.lock().unwrap().push(unreadable);
    let account = fixtures::provider("sandbox/main");
    let dry = rig.billing.reread_dry(&account, |_| {}).await.unwrap();
    assert_eq!((dry.lost, &dry.unreadable), (1, &vec![named.clone()]));
    let (done, _) = reread(&rig).await;
    assert_eq!(done.unwrap().unreadable, [named]);
    rig.work().await;
    assert_eq!(rig.parked(), ["unreadable"]);
    let (again, _) = reread(&rig).await;
    assert_eq!(again.unwrap().unreadable, []);
}

#[tokio::test]
async fn what_is_ours_and_unknown_is_parked_once_and_what_is_foreign_is_counted() {
    let (rig, _, opened) = mirrored().await;
    rig.provider
        .has(snapshot(opened.id, Status::Active, fixtures::start()));
    rig.provider.has(foreign("sub_8", "price_of_theirs"));
    rig.provider.has(foreign("sub_9", "pro-monthly"));
    for _ in 0..2 {
        let (done, found) = reread(&rig).await;
        assert_eq!(done.unwrap().foreign, 1);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].customer, None);
        assert_eq!(found[0].drift.code, DriftCode::Unknown);
        rig.work().await;
    }
    assert_eq!(rig.parked(), ["unlinked"]);
}

#[tokio::test]
async fn an_account_that_is_not_there_is_said_so() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let account = fixtures::provider("stripe/main");
    let done = rig.billing.reread(&account, |_| {}).await;
    assert_eq!(done, Err(RereadError::NoSuchAccount));
}

#[tokio::test]
async fn a_row_that_only_hints_is_read_and_compared() {
    let (rig, customer, opened) = mirrored().await;
    // The book's rows are the stub's objects: the first is a hint at the second.
    rig.provider.has(Observed {
        fact: Fact::Hinted {
            object: subscription_ref("sub_1"),
        },
        at: later(),
        link: Link::default(),
    });
    rig.provider
        .has(snapshot(opened.id, Status::PastDue, later()));
    let (done, found) = reread(&rig).await;
    assert_eq!(done.unwrap().subscriptions, 2);
    assert!(rig.provider.reads().contains(&subscription_ref("sub_1")));
    let told = found
        .iter()
        .filter(|found| found.drift.code == DriftCode::Status);
    assert!(told.count() >= 1, "{found:?}");
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::PastDue);
}

#[tokio::test]
async fn a_place_that_is_too_old_is_begun_anew() {
    let (rig, _, opened) = mirrored().await;
    for minute in 1..=3 {
        let at = fixtures::start() + SignedDuration::from_mins(minute);
        let event = rig.event(vec![snapshot(opened.id, Status::PastDue, at)]);
        rig.provider.happened.lock().unwrap().push(event);
    }
    rig.provider
        .next_reads([Act::Slow(std::time::Duration::ZERO), Act::NotSent]);
    assert!(reread(&rig).await.0.is_err());
    let begun = *rig.provider.asked_since.lock().unwrap().first().unwrap();
    rig.pass(SignedDuration::from_hours(49));
    let (done, _) = reread(&rig).await;
    assert_eq!(done.unwrap().events, 3, "from the first page again");
    let asked = *rig.provider.asked_since.lock().unwrap().last().unwrap();
    assert_eq!(
        asked, begun,
        "and nothing of what happened since is left out"
    );
}

#[tokio::test]
async fn what_we_hold_and_the_provider_does_not_list_is_told() {
    let (rig, customer, _) = mirrored().await;
    let account = fixtures::provider("sandbox/main");
    for dry in [true, false] {
        let mut found = Vec::new();
        let each = |difference: &Difference| found.push(difference.clone());
        let done = if dry {
            rig.billing.reread_dry(&account, each).await
        } else {
            rig.billing.reread(&account, each).await
        };
        let done = done.unwrap();
        assert_eq!(
            (done.subscriptions, done.drifts, done.finished),
            (0, 1, true)
        );
        assert_eq!(found[0].customer, Some(customer));
        let drift = &found[0].drift;
        assert_eq!(drift.code, DriftCode::Missing);
        assert_eq!((drift.right, drift.remedy), (Side::Unclear, Remedy::Look));
        assert_eq!(
            (drift.ours.as_str(), drift.theirs.as_str()),
            ("active", "nothing")
        );
        rig.work().await;
        assert_eq!(
            status(&rig, customer),
            Status::Active,
            "nobody decides that alone"
        );
    }
}

#[tokio::test]
async fn what_is_not_listed_is_told_however_many_goes_the_book_takes() {
    for restarted in [false, true] {
        let (rig, customer, _) = mirrored().await;
        for name in ["sub_7", "sub_8", "sub_9"] {
            rig.provider.has(foreign(name, "price_of_theirs"));
        }
        // The second page is not answered.
        let answered = || Act::Slow(std::time::Duration::ZERO);
        rig.provider
            .next_reads([answered(), answered(), Act::NotSent]);
        let (broken, found) = reread(&rig).await;
        assert!(broken.is_err(), "{broken:?}");
        assert_eq!(found, [], "the book is not read to its end");
        rig.work().await;
        assert_eq!(rig.parked(), [""; 0]);
        rig.pass(SignedDuration::from_hours(1));

        let another = rig.sibling(7);
        let process = if restarted { &another } else { &rig.billing };
        let mut found = Vec::new();
        let account = fixtures::provider("sandbox/main");
        let go = process.reread(&account, |one| found.push(one.clone()));
        let done = go.await.unwrap();
        assert_eq!((done.subscriptions, done.finished), (1, true));
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.customer, one.drift.code))
            .collect();
        assert_eq!(told, [(Some(customer), DriftCode::Missing)]);
        // Day after day, a person is asked once.
        for _ in 0..2 {
            rig.work().await;
            assert_eq!(rig.parked(), ["conflict"]);
            rig.pass(SignedDuration::from_hours(24));
            assert_eq!(reread(&rig).await.0.unwrap().drifts, 1);
        }
        assert_eq!(status(&rig, customer), Status::Active);
    }
}

#[tokio::test]
async fn looking_for_what_is_not_listed_goes_on_where_it_was_cut_off() {
    let (rig, customer, _) = mirrored().await;
    rig.provider.has(foreign("sub_7", "price_of_theirs"));
    let account = fixtures::provider("sandbox/main");
    let begun = Bookmark {
        next: Some(String::new()),
        since: fixtures::start(),
        begun_at: fixtures::start(),
    };
    let put = rig.store.put_bookmark(&account, Book::Held, &begun).await;
    put.unwrap();
    let (done, found) = reread(&rig).await;
    let done = done.unwrap();
    assert_eq!(
        (done.subscriptions, done.finished),
        (1, true),
        "looking holds up no reading of the book"
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].customer, Some(customer));
    let place = rig.store.get_bookmark(&account, Book::Held).await.unwrap();
    assert_eq!(place.unwrap().next, None, "nothing is left to look at");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_no_other() {
    let (rig, customer, opened) = mirrored().await;
    let row = Observed {
        fact: Fact::Hinted {
            object: subscription_ref("sub_8"),
        },
        at: later(),
        link: Link::default(),
    };
    rig.provider.has(row);
    rig.provider
        .has(snapshot(opened.id, Status::PastDue, later()));
    // The events and the page are listed, and the first of its rows cannot be read.
    let listed = || Act::Slow(std::time::Duration::ZERO);
    rig.provider.next_reads([listed(), listed(), Act::Unknown]);
    let (done, found) = reread(&rig).await;
    let done = done.unwrap();
    assert_eq!(
        (done.subscriptions, done.unread, done.finished),
        (2, 1, true)
    );
    assert_eq!(found[0].drift.code, DriftCode::Unread);
    assert_eq!(found[0].drift.object, subscription_ref("sub_8"));
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::PastDue);
}

#[tokio::test]
async fn several_in_a_row_that_cannot_be_read_end_the_go() {
    let (rig, ..) = mirrored().await;
    for number in 0..8 {
        rig.provider.has(Observed {
            fact: Fact::Hinted {
                object: subscription_ref(&format!("sub_{number}")),
            },
            at: later(),
            link: Link::default(),
        });
    }
    // Two rows on a page: a page is listed before each two that fail.
    let listed = || Act::Slow(std::time::Duration::ZERO);
    let page = || [listed(), Act::Unknown, Act::Unknown];
    let pages = (0..4).flat_map(|_| page());
    rig.provider
        .next_reads(std::iter::once(listed()).chain(pages));
    let (done, found) = reread(&rig).await;
    assert!(matches!(
        done,
        Err(RereadError::Provider(PerformError::Unknown(_)))
    ));
    assert_eq!(found.len(), 4);
}
