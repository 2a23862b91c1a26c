//! Receivers of events, and what is on its way to them.

use billing_domain::ids::{DeliveryId, EndpointId};
use billing_domain::journal::Event;
use billing_domain::time::Timestamp;
use billing_ports::Store;
use billing_ports::store::{
    Attempted, ClaimedDelivery, Claiming, DeliveryFilter, DeliveryState, Disabled, DisabledWhy,
    Endpoint, EndpointSecret, EventDelivery, Health, LastTry, MAX_ENDPOINTS, NextTry,
};

use super::read::read_all;
use super::support::{CALLERS, LEASE, PLENTY, everything, second, together};
use crate::fixtures::Maker;

/// Every field comes back, whichever there are; the newest comes first.
pub async fn an_endpoint_is_kept_with_every_field(store: &dyn Store) {
    let mut make = Maker::new(1);
    let plain = endpoint(&mut make);
    let full = Endpoint {
        events: vec![Event::InvoiceSettled, Event::SubscriptionLapsed],
        old_secret: Some((EndpointSecret([8; 32]), second(90))),
        failing_since: Some(second(3)),
        disabled: Some(Disabled {
            at: second(4),
            why: DisabledWhy::Failing,
        }),
        ..endpoint(&mut make)
    };
    assert_eq!(store.get_endpoint(plain.id).await, Ok(None));
    for held in [&plain, &full] {
        assert_eq!(store.add_endpoint(held).await, Ok(true));
        assert_eq!(store.get_endpoint(held.id).await, Ok(Some(held.clone())));
    }
    let all = store.list_endpoints().await;
    assert_eq!(all, Ok(vec![full, plain.clone()]));
    assert_eq!(store.remove_endpoint(plain.id).await, Ok(true));
    assert_eq!(store.remove_endpoint(plain.id).await, Ok(false));
    assert_eq!(store.get_endpoint(plain.id).await, Ok(None));
}

/// "Signs with another secret from now on, and with the one before until an instant; any
/// older one is forgotten."
pub async fn a_secret_is_rotated_and_the_one_before_kept(store: &dyn Store) {
    let mut make = Maker::new(2);
    let held = added(store, &mut make).await;
    let [first, next, last] = [
        held.secret,
        EndpointSecret([2; 32]),
        EndpointSecret([3; 32]),
    ];
    for (secret, before, until) in [(next, first, second(10)), (last, next, second(20))] {
        let rotated = store.rotate_secret(held.id, secret, until).await;
        assert_eq!(rotated, Ok(true));
        let now = get(store, held.id).await;
        assert_eq!(now.secret, secret);
        assert_eq!(now.old_secret, Some((before, until)));
    }
    let nobody = store.rotate_secret(make.id(), last, second(1)).await;
    assert_eq!(nobody, Ok(false));
}

/// "Disables a receiver; or enables it, and forgets that it was failing."
pub async fn an_endpoint_is_switched_off_and_on(store: &dyn Store) {
    let mut make = Maker::new(3);
    let failing = Endpoint {
        failing_since: Some(second(1)),
        ..endpoint(&mut make)
    };
    assert_eq!(store.add_endpoint(&failing).await, Ok(true));
    let off = Disabled {
        at: second(2),
        why: DisabledWhy::Operator,
    };
    let switched = store.switch_endpoint(failing.id, Some(off)).await;
    assert_eq!(switched, Ok(true));
    let held = get(store, failing.id).await;
    assert_eq!(held.disabled, Some(off));
    assert_eq!(held.failing_since, Some(second(1)));
    assert_eq!(store.switch_endpoint(failing.id, None).await, Ok(true));
    let held = get(store, failing.id).await;
    assert_eq!((held.disabled, held.failing_since), (None, None));
    assert_eq!(store.switch_endpoint(make.id(), None).await, Ok(false));
}

/// "`false`: there are [`MAX_ENDPOINTS`], and nothing was written."
pub async fn there_are_only_so_many_endpoints(store: &dyn Store) {
    let mut make = Maker::new(4);
    for _ in 0..MAX_ENDPOINTS {
        added(store, &mut make).await;
    }
    let more = endpoint(&mut make);
    assert_eq!(store.add_endpoint(&more).await, Ok(false));
    assert_eq!(store.get_endpoint(more.id).await, Ok(None));
}

/// "A delivery MUST be stored once, however often it is added": with what became of it.
pub async fn a_delivery_is_added_once(store: &dyn Store) {
    let mut make = Maker::new(5);
    let to = added(store, &mut make).await;
    let (first, other) = (delivery(&mut make, &to), delivery(&mut make, &to));
    add(store, std::slice::from_ref(&first)).await;
    assert_eq!(store.get_delivery(first.id).await, Ok(Some(first.clone())));
    let claimed = claim(store, &to, 0).await;
    record(store, &claimed[0], NextTry::Taken, Health::Same).await;

    let again = EventDelivery {
        body: "another".to_owned(),
        ..first.clone()
    };
    add(store, &[again, other.clone()]).await;
    let held = store.get_delivery(first.id).await.expect("it answers");
    let held = held.expect("it is there");
    assert_eq!(
        (held.state, held.body),
        (DeliveryState::Delivered, first.body)
    );
    let claimed = claim(store, &to, 0).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].delivery.id, other.id);
    assert_eq!(store.add_deliveries(&[]).await, Ok(()));
}

/// "Stores new deliveries, all or none": however many.
pub async fn many_deliveries_are_added_at_once(store: &dyn Store) {
    /// With thirteen columns a row, more than any database binds in one statement.
    const MANY: u64 = 6_000;
    let mut make = Maker::new(14);
    let to = added(store, &mut make).await;
    let many: Vec<_> = (0..MANY).map(|_| delivery(&mut make, &to)).collect();
    add(store, &many).await;
    let beyond: DeliveryId = make.id();
    let swept = store.sweep_deliveries(beyond, u16::MAX).await;
    assert_eq!(swept, Ok(MANY));
}

/// "A claimed delivery MUST be nobody else's until its lease ends, and each claim MUST have
/// a higher fence."
pub async fn a_delivery_is_one_workers_until_its_lease_ends(store: &dyn Store) {
    let mut make = Maker::new(6);
    let to = added(store, &mut make).await;
    let many: Vec<_> = (0..CALLERS * 3).map(|_| delivery(&mut make, &to)).collect();
    add(store, &many).await;
    let (id, few) = (to.id, u16::try_from(CALLERS).expect("a few"));
    let ask = Claiming {
        now: second(0),
        lease: LEASE,
        limit: few,
    };
    let shares = together(CALLERS, |_| store.claim_deliveries(id, ask));
    let claimed = shares
        .into_iter()
        .flat_map(|share| share.expect("it answers"));
    let mut ids: Vec<_> = claimed.map(|held| held.delivery.id).collect();
    ids.sort();
    // On some databases a caller passes over what another is looking at.
    let rest = claim(store, &to, 0).await;
    ids.extend(rest.iter().map(|held| held.delivery.id));
    ids.sort();
    let expected: Vec<_> = many.iter().map(|held| held.id).collect();
    assert_eq!(ids, expected, "each is claimed once");
    assert!(claim(store, &to, 59).await.is_empty());
    assert_eq!(store.endpoints_due(second(59)).await, Ok(vec![]));
    let anew = claim(store, &to, 60).await;
    assert_eq!(anew.len(), many.len());
    assert!(anew.iter().all(|held| held.fence.0 == 2));
}

/// "Nothing MUST be due to a receiver that is disabled or removed", nor before its time.
pub async fn nothing_is_due_to_whoever_is_disabled_or_removed(store: &dyn Store) {
    let mut make = Maker::new(7);
    let (here, gone) = (added(store, &mut make).await, added(store, &mut make).await);
    let later = EventDelivery {
        next_at: second(5),
        ..delivery(&mut make, &here)
    };
    add(store, &[later, delivery(&mut make, &gone)]).await;
    assert_eq!(store.endpoints_due(second(4)).await, Ok(vec![gone.id]));
    let due = store.endpoints_due(second(5)).await;
    assert_eq!(due, Ok(vec![here.id, gone.id]));
    assert_eq!(store.remove_endpoint(gone.id).await, Ok(true));
    assert_eq!(store.endpoints_due(second(5)).await, Ok(vec![here.id]));
    let off = Disabled {
        at: second(5),
        why: DisabledWhy::Gone,
    };
    assert_eq!(store.switch_endpoint(here.id, Some(off)).await, Ok(true));
    assert_eq!(store.endpoints_due(second(5)).await, Ok(vec![]));
    assert_eq!(store.switch_endpoint(here.id, None).await, Ok(true));
    assert_eq!(store.endpoints_due(second(5)).await, Ok(vec![here.id]));
}

/// "Claims what is due to one receiver, what has waited longest first."
pub async fn one_endpoints_row_is_claimed_by_itself(store: &dyn Store) {
    let mut make = Maker::new(8);
    let (busy, idle) = (added(store, &mut make).await, added(store, &mut make).await);
    let at = |delivery: EventDelivery, next: i64| EventDelivery {
        next_at: second(next),
        ..delivery
    };
    let waits = at(delivery(&mut make, &busy), 3);
    let longest = at(delivery(&mut make, &busy), 1);
    let others = delivery(&mut make, &idle);
    add(store, &[waits, longest.clone(), others.clone()]).await;
    let ask = Claiming {
        now: second(9),
        lease: LEASE,
        limit: 1,
    };
    let first = store.claim_deliveries(busy.id, ask).await;
    let first = first.expect("it answers");
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].delivery.id, longest.id);
    let claimed = claim(store, &idle, 9).await;
    assert_eq!(claimed[0].delivery.id, others.id);
}

/// Each end of a try is kept, and what it says of the receiver.
pub async fn a_try_is_recorded_with_what_it_says_of_the_endpoint(store: &dyn Store) {
    let mut make = Maker::new(9);
    let to = added(store, &mut make).await;
    let one = delivery(&mut make, &to);
    add(store, std::slice::from_ref(&one)).await;
    let steps = [
        (0, NextTry::At(second(100)), Health::FailingSince(second(0))),
        (
            100,
            NextTry::At(second(200)),
            Health::FailingSince(second(100)),
        ),
        (200, NextTry::At(second(300)), Health::Well),
        (300, NextTry::At(second(400)), Health::Same),
    ];
    let since = [Some(second(0)), Some(second(0)), None, None];
    for ((now, next, health), (since, tries)) in steps.into_iter().zip(since.into_iter().zip(1..)) {
        let claimed = claim(store, &to, now).await;
        record(store, &claimed[0], next, health).await;
        let held = store.get_delivery(one.id).await.expect("it answers");
        let held = held.expect("it is there");
        assert_eq!((held.state, held.attempts), (DeliveryState::Pending, tries));
        assert_eq!(held.last, Some(tried(&claimed[0])));
        assert!(matches!(next, NextTry::At(at) if at == held.next_at));
        assert_eq!(get(store, to.id).await.failing_since, since);
    }
    let off = Disabled {
        at: second(400),
        why: DisabledWhy::Gone,
    };
    let claimed = claim(store, &to, 400).await;
    record(store, &claimed[0], NextTry::GivenUp, Health::Disabled(off)).await;
    assert_eq!(get(store, to.id).await.disabled, Some(off));
    let held = store.get_delivery(one.id).await.expect("it answers");
    assert_eq!(held.expect("it is there").state, DeliveryState::Dead);
}

/// "Disabled as failing, unless it has taken something since."
pub async fn whoever_took_something_since_is_not_disabled(store: &dyn Store) {
    let mut make = Maker::new(15);
    let to = added(store, &mut make).await;
    let all: Vec<_> = (0..4).map(|_| delivery(&mut make, &to)).collect();
    add(store, &all).await;
    let claimed = claim(store, &to, 0).await;
    let failing = Health::FailingSince(second(0));
    let failed = Health::Failed {
        since: second(0),
        at: second(9),
    };
    for (place, health) in [failing, Health::Well, failed].into_iter().enumerate() {
        let next = NextTry::At(second(100));
        record(store, &claimed[place], next, health).await;
    }
    assert_eq!(get(store, to.id).await.disabled, None);
    record(store, &claimed[3], NextTry::At(second(100)), failing).await;
    let anew = claim(store, &to, 100).await;
    record(store, &anew[0], NextTry::GivenUp, failed).await;
    let disabled = Disabled {
        at: second(9),
        why: DisabledWhy::Failing,
    };
    assert_eq!(get(store, to.id).await.disabled, Some(disabled));
}

/// "What a late worker records MUST change nothing."
pub async fn what_a_late_worker_records_changes_nothing(store: &dyn Store) {
    let mut make = Maker::new(10);
    let to = added(store, &mut make).await;
    add(store, &[delivery(&mut make, &to)]).await;
    let late = claim(store, &to, 0).await.remove(0);
    let present = claim(store, &to, 60).await.remove(0);
    let failing = Health::FailingSince(second(1));
    let recorded = store
        .record_attempt(&attempted(&late, NextTry::GivenUp, failing))
        .await;
    assert_eq!(recorded, Ok(false));
    assert_eq!(get(store, to.id).await.failing_since, None);
    record(store, &present, NextTry::Taken, Health::Same).await;
    let again = store
        .record_attempt(&attempted(&present, NextTry::GivenUp, failing))
        .await;
    assert_eq!(again, Ok(false), "it is settled");
    let held = store.get_delivery(present.delivery.id).await;
    let held = held.expect("it answers").expect("it is there");
    assert_eq!((held.state, held.attempts), (DeliveryState::Delivered, 1));
}

/// "Has a delivery that was given up sent again, its tries counted from none."
pub async fn what_was_given_up_can_be_sent_again(store: &dyn Store) {
    let mut make = Maker::new(11);
    let to = added(store, &mut make).await;
    let one = delivery(&mut make, &to);
    add(store, std::slice::from_ref(&one)).await;
    assert_eq!(store.revive_delivery(one.id, second(1)).await, Ok(false));
    let claimed = claim(store, &to, 0).await;
    record(store, &claimed[0], NextTry::GivenUp, Health::Same).await;
    assert_eq!(store.endpoints_due(second(500)).await, Ok(vec![]));
    assert_eq!(store.revive_delivery(one.id, second(500)).await, Ok(true));
    assert_eq!(store.revive_delivery(one.id, second(500)).await, Ok(false));
    let claimed = claim(store, &to, 500).await;
    assert_eq!(claimed[0].delivery.attempts, 0);
    assert_eq!(claimed[0].delivery.body, one.body);
    assert_eq!(store.revive_delivery(make.id(), second(1)).await, Ok(false));
}

/// "Deliveries, newest first", all or some.
pub async fn deliveries_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(12);
    let (here, there) = (added(store, &mut make).await, added(store, &mut make).await);
    let mut written = Vec::new();
    for place in 0..7 {
        let to = if place % 3 == 0 { &there } else { &here };
        let state = [
            DeliveryState::Pending,
            DeliveryState::Delivered,
            DeliveryState::Dead,
        ][place % 2];
        written.push(EventDelivery {
            state,
            ..delivery(&mut make, to)
        });
    }
    add(store, &written).await;
    written.reverse();
    let endpoints = [None, Some(here.id), Some(there.id)];
    let states = [
        None,
        Some(DeliveryState::Pending),
        Some(DeliveryState::Dead),
    ];
    for endpoint in endpoints {
        for state in states {
            let filter = DeliveryFilter { endpoint, state };
            let list = async |page| store.list_deliveries(filter, page).await;
            let rows = read_all(list, |held| held.id.uuid()).await;
            let expected = written.iter().filter(|held| {
                endpoint.is_none_or(|id| held.endpoint == id)
                    && state.is_none_or(|state| held.state == state)
            });
            assert_eq!(rows, expected.cloned().collect::<Vec<_>>(), "{filter:?}");
        }
    }
}

/// "Removes deliveries with ids below `before`, however far they have come."
pub async fn old_deliveries_are_swept(store: &dyn Store) {
    let mut make = Maker::new(13);
    let to = added(store, &mut make).await;
    let all: Vec<_> = (0..5).map(|_| delivery(&mut make, &to)).collect();
    add(store, &all).await;
    assert_eq!(store.sweep_deliveries(all[0].id, PLENTY).await, Ok(0));
    assert_eq!(store.sweep_deliveries(all[3].id, 2).await, Ok(2));
    assert_eq!(store.sweep_deliveries(all[3].id, 2).await, Ok(1));
    assert_eq!(store.get_delivery(all[2].id).await, Ok(None));
    let kept = store.get_delivery(all[3].id).await;
    assert_eq!(kept, Ok(Some(all[3].clone())));
}

fn endpoint(make: &mut Maker) -> Endpoint {
    Endpoint {
        id: make.id(),
        url: make.text("https://hooks.example.com/"),
        events: Vec::new(),
        secret: EndpointSecret([1; 32]),
        old_secret: None,
        failing_since: None,
        disabled: None,
        created_at: second(0),
    }
}

async fn added(store: &dyn Store, make: &mut Maker) -> Endpoint {
    let endpoint = endpoint(make);
    assert_eq!(store.add_endpoint(&endpoint).await, Ok(true));
    endpoint
}

async fn get(store: &dyn Store, id: EndpointId) -> Endpoint {
    let held = store.get_endpoint(id).await.expect("the store answers");
    held.expect("the endpoint is there")
}

fn delivery(make: &mut Maker, to: &Endpoint) -> EventDelivery {
    let id: DeliveryId = make.id();
    EventDelivery {
        id,
        endpoint: to.id,
        customer: make.id(),
        event: Event::InvoiceSettled,
        body: format!("{{\"id\":\"{id}\",\"words\":\"\\u0000 \u{e9}\"}}"),
        created_at: second(0),
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: second(0),
        last: None,
    }
}

async fn add(store: &dyn Store, deliveries: &[EventDelivery]) {
    assert_eq!(store.add_deliveries(deliveries).await, Ok(()));
}

async fn claim(store: &dyn Store, of: &Endpoint, now: i64) -> Vec<ClaimedDelivery> {
    let claimed = store.claim_deliveries(of.id, everything(second(now)));
    claimed.await.expect("the store answers")
}

/// A try with an answer, where the one after it has none.
fn tried(claimed: &ClaimedDelivery) -> LastTry {
    let answered = claimed.fence.0 % 2 == 0;
    let at: Timestamp = second(claimed.fence.0);
    LastTry {
        at,
        status: answered.then_some(503),
        problem: (!answered).then(|| "no answer in time".to_owned()),
    }
}

fn attempted(claimed: &ClaimedDelivery, next: NextTry, health: Health) -> Attempted {
    Attempted {
        id: claimed.delivery.id,
        endpoint: claimed.delivery.endpoint,
        fence: claimed.fence,
        tried: tried(claimed),
        next,
        health,
    }
}

async fn record(store: &dyn Store, claimed: &ClaimedDelivery, next: NextTry, health: Health) {
    let attempted = attempted(claimed, next, health);
    assert_eq!(store.record_attempt(&attempted).await, Ok(true));
}
