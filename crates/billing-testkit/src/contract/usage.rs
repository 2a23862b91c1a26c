//! Metered use: each event once, and nothing after the seal.

use billing_domain::entitlement::FeatureKey;
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::usage::{Figures, MAX_EVENTS, Meter};
use billing_ports::Store;
use billing_ports::store::{Sweep, UsageBatch, UsageEvent};

use super::support::{CALLERS, second, together};
use crate::fixtures::Maker;

/// Three features, one a meter.
const FEATURES: [(&str, Meter); 3] = [
    ("calls", Meter::Sum),
    ("disk", Meter::Max),
    ("people", Meter::Unique),
];

fn key(name: &str) -> FeatureKey {
    FeatureKey::new(name).expect("a key")
}

/// An event of each feature, named after `id`.
fn events(period: UsagePeriodId, id: &str, value: u64, name: &str) -> Vec<UsageEvent> {
    let of = |(feature, meter): (&str, Meter)| UsageEvent {
        id: format!("{id}:{feature}"),
        period,
        feature: key(feature),
        meter,
        value,
        name: Some(name.to_owned()),
        at: second(1),
    };
    FEATURES.into_iter().map(of).collect()
}

async fn record(
    store: &dyn Store,
    customer: CustomerId,
    events: Vec<UsageEvent>,
) -> billing_ports::store::UsageRecorded {
    let batch = UsageBatch {
        customer,
        reported_of: customer,
        events,
    };
    store.record_usage(&batch).await.expect("it is written")
}

fn figures(calls: u64, disk: u64, people: u64) -> Figures {
    [("calls", calls), ("disk", disk), ("people", people)]
        .into_iter()
        .map(|(name, figure)| (key(name), figure))
        .collect()
}

/// "An event MUST be counted once per customer of whom it is reported and id, however often
/// it is brought, and whosever period it falls into": in one batch, in the next, and reported
/// of another customer it is another.
pub async fn an_event_is_counted_once_by_its_meter(store: &dyn Store) {
    let mut make = Maker::new(1);
    let (ana, ben) = (make.id(), make.id());
    let (first, other, bens): (UsagePeriodId, UsagePeriodId, UsagePeriodId) =
        (make.id(), make.id(), make.id());
    assert_eq!(store.usage_figures(first).await, Ok(Figures::new()));
    let mut batch = events(first, "e1", 3, "zoe");
    batch.extend(events(first, "e2", 2, "zoe"));
    batch.extend(events(first, "e3", 7, "max"));
    let recorded = record(store, ana, batch.clone()).await;
    assert_eq!(recorded.counted.len(), 9);
    assert_eq!(recorded.figures[&first], figures(12, 7, 2));

    let again = record(store, ana, batch).await;
    assert_eq!(again.counted.len(), 0);
    assert_eq!(again.figures[&first], figures(12, 7, 2));
    // The first one counts, whatever comes under its id.
    let elsewhere = record(store, ana, events(other, "e1", 100, "eve")).await;
    assert_eq!(elsewhere.counted.len(), 0);
    assert_eq!(store.usage_figures(first).await, Ok(figures(12, 7, 2)));
    assert_eq!(store.usage_figures(other).await, Ok(Figures::new()));

    let of_ben = record(store, ben, events(bens, "e1", 5, "zoe")).await;
    assert_eq!(of_ben.figures[&bens], figures(5, 5, 1));
    let mut of_zoe = UsageBatch {
        customer: ana,
        reported_of: make.id(),
        events: events(other, "e1", 4, "zoe"),
    };
    let through_ana = store.record_usage(&of_zoe).await.expect("it is written");
    assert_eq!(through_ana.figures[&other], figures(4, 4, 1));
    of_zoe.customer = ben;
    of_zoe.events = events(bens, "e1", 4, "zoe");
    let again = store.record_usage(&of_zoe).await.expect("it is written");
    assert_eq!(again.counted.len(), 0);
    assert_eq!(again.figures[&bens], figures(5, 5, 1));
    assert_eq!(store.usage_figures(first).await, Ok(figures(12, 7, 2)));
}

/// "By however many at once": every caller brings the same events and one of its own.
pub async fn of_many_reports_at_once_each_event_counts_once(store: &dyn Store) {
    let mut make = Maker::new(2);
    let customer = make.id();
    let period: UsagePeriodId = make.id();
    let reported = together(CALLERS, |caller| {
        let mut batch = events(period, "same", 10, "zoe");
        let (own, name) = (format!("own{caller}"), format!("n{caller}"));
        batch.extend(events(period, &own, 1, &name));
        record(store, customer, batch)
    });
    let counted: usize = reported.iter().map(|recorded| recorded.counted.len()).sum();
    assert_eq!(counted, 3 * (CALLERS + 1));
    let callers = u64::try_from(CALLERS).expect("it fits");
    let expected = figures(10 + callers, 10, 1 + callers);
    assert_eq!(store.usage_figures(period).await, Ok(expected));
}

/// "Nothing MUST be added to a period once it is sealed: what sealing tells stays",
/// also where nothing was reported before; beside it another period goes on.
pub async fn nothing_is_added_to_a_sealed_period(store: &dyn Store) {
    let mut make = Maker::new(3);
    let customer = make.id();
    let (sealed, open, empty): (UsagePeriodId, UsagePeriodId, UsagePeriodId) =
        (make.id(), make.id(), make.id());
    record(store, customer, events(sealed, "e1", 3, "zoe")).await;
    let told = store.seal_usage(customer, sealed, second(5)).await;
    assert_eq!(told, Ok(figures(3, 3, 1)));
    let nothing = store.seal_usage(customer, empty, second(5)).await;
    assert_eq!(nothing, Ok(Figures::new()));

    let mut batch = events(sealed, "late", 1, "max");
    batch.extend(events(empty, "late too", 1, "max"));
    batch.extend(events(open, "e2", 1, "max"));
    let recorded = record(store, customer, batch).await;
    assert_eq!(recorded.counted.len(), 3);
    assert_eq!(recorded.sealed, [sealed, empty].into_iter().collect());
    assert_eq!(recorded.figures[&open], figures(1, 1, 1));
    let again = store.seal_usage(customer, sealed, second(9)).await;
    assert_eq!(again, Ok(figures(3, 3, 1)));
    // Of what was not counted nothing is kept: elsewhere it counts.
    let moved = record(store, customer, events(open, "late", 2, "max")).await;
    assert_eq!(moved.counted.len(), 3);
    assert_eq!(moved.figures[&open], figures(3, 2, 1));
}

/// A batch as large as there are any is written, and a figure that is full stays so.
pub async fn the_largest_batch_is_written(store: &dyn Store) {
    let mut make = Maker::new(4);
    let customer = make.id();
    let period: UsagePeriodId = make.id();
    let many: Vec<UsageEvent> = (0..MAX_EVENTS)
        .map(|number| UsageEvent {
            id: format!("e{number}"),
            name: Some(format!("n{number}")),
            ..events(period, "", 1, "").remove(2)
        })
        .collect();
    let recorded = record(store, customer, many).await;
    assert_eq!(recorded.counted.len(), MAX_EVENTS);
    let counted = recorded.figures[&period][&key("people")];
    assert_eq!(usize::try_from(counted), Ok(MAX_EVENTS));
}

/// "Ids of events, and names, of a sealed period MAY be swept away; its figures MUST
/// stay": and those of an open one are kept.
pub async fn ids_of_sealed_periods_are_swept(store: &dyn Store) {
    let mut make = Maker::new(5);
    let customer = make.id();
    let (sealed, open): (UsagePeriodId, UsagePeriodId) = (make.id(), make.id());
    record(store, customer, events(sealed, "e1", 3, "zoe")).await;
    record(store, customer, events(open, "e2", 3, "zoe")).await;
    let told = store.seal_usage(customer, sealed, second(5)).await;
    assert_eq!(told, Ok(figures(3, 3, 1)));
    let sweep = |before| Sweep {
        inbox_bodies_before: second(0),
        rows_before: second(before),
        limit: 100,
    };
    assert_eq!(store.sweep(sweep(5)).await, Ok(0), "not yet old");
    // Three events, a name, and the period of which nothing is left.
    assert_eq!(store.sweep(sweep(6)).await, Ok(5));
    assert_eq!(store.sweep(sweep(6)).await, Ok(0));
    let told = store.seal_usage(customer, sealed, second(9)).await;
    assert_eq!(told, Ok(figures(3, 3, 1)));
    let again = record(store, customer, events(open, "e2", 3, "zoe")).await;
    assert_eq!(again.counted.len(), 0);
}

/// "A period of which nothing is left is not looked at again": those that were swept do
/// not stand before those that are to be, however many they are, and a period of many
/// events goes piece by piece.
pub async fn swept_periods_are_not_looked_at_again(store: &dyn Store) {
    let mut make = Maker::new(6);
    let customer = make.id();
    let sweep = |before| Sweep {
        inbox_bodies_before: second(0),
        rows_before: second(before),
        limit: 2,
    };
    // As many as one statement looks at, in which nothing was reported.
    for _ in 0..2 {
        let told = store.seal_usage(customer, make.id(), second(5)).await;
        assert_eq!(told, Ok(Figures::new()));
    }
    let full: UsagePeriodId = make.id();
    record(store, customer, events(full, "e1", 3, "zoe")).await;
    let told = store.seal_usage(customer, full, second(6)).await;
    assert_eq!(told, Ok(figures(3, 3, 1)));
    // The two empty ones; two events and the name; the last event and the period.
    for swept in [2, 3, 2, 0] {
        assert_eq!(store.sweep(sweep(9)).await, Ok(swept));
    }
    let told = store.seal_usage(customer, full, second(9)).await;
    assert_eq!(told, Ok(figures(3, 3, 1)));
}
