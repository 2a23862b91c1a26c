//! Price migrations, and the walks over holders and customers.

use billing_domain::catalog::PriceKey;
use billing_domain::ids::CustomerId;
use billing_domain::subscription::State;
use billing_ports::Store;
use billing_ports::store::MigrationRow;

use super::read::read_all;
use super::support::{create, newcomer, second};
use crate::fixtures::Maker;

/// "Subscriptions at a price that are not over, by ascending id: those after
/// `after`, at most `limit` of them."
pub async fn holders_of_a_price_are_walked(store: &dyn Store) {
    let mut make = Maker::new(1);
    let (monthly, yearly) = (price("team-monthly"), price("team-yearly"));
    let mut expected = Vec::new();
    for _ in 0..3 {
        let mut account = make.account();
        let id = account.customer.id;
        for state in [
            State::Active,
            State::Canceled {
                ends_at: second(99),
            },
            State::Lapsed { at: make.now },
            State::Expired { at: make.now },
        ] {
            let held = make.subscription(id, state);
            account.put_subscription(held.clone());
            let mut other = make.subscription(id, state);
            other.terms.price = Some(yearly.clone());
            account.put_subscription(other);
            if !held.is_over() {
                expected.push(held);
            }
        }
        let mut unpriced = make.subscription(id, State::Active);
        unpriced.terms.price = None;
        account.put_subscription(unpriced);
        create(store, &account, make.now).await;
    }
    assert_eq!(expected.len(), 6);
    for limit in [1, 4, 6, 100] {
        let mut walked = Vec::new();
        loop {
            let after = walked.last().map(last_id);
            let rows = store.list_holders(&monthly, after, limit).await;
            let rows = rows.expect("the store answers");
            assert!(rows.len() <= usize::from(limit));
            if rows.is_empty() {
                break;
            }
            walked.extend(rows);
        }
        assert_eq!(walked, expected, "{limit} at a time");
    }
    let none = store.list_holders(&price("team-sats"), None, 100).await;
    assert_eq!(none, Ok(Vec::new()));
}

/// "Customers by ascending id, those after `after`, at most `limit` of them."
pub async fn customers_are_walked(store: &dyn Store) {
    let mut make = Maker::new(2);
    assert_eq!(store.walk_customers(None, 10).await, Ok(Vec::new()));
    let mut expected: Vec<CustomerId> = Vec::new();
    for _ in 0..5 {
        expected.push(newcomer(store, &mut make).await.account.customer.id);
    }
    for limit in [1, 2, 5, 10] {
        let mut walked: Vec<CustomerId> = Vec::new();
        loop {
            let rows = store.walk_customers(walked.last().copied(), limit).await;
            let rows = rows.expect("the store answers");
            assert!(rows.len() <= usize::from(limit));
            if rows.is_empty() {
                break;
            }
            walked.extend(rows);
        }
        assert_eq!(walked, expected, "{limit} at a time");
    }
}

/// "Stores a migration, or how far it has come": every field as it was last put.
pub async fn a_migration_is_kept_as_it_was_last_put(store: &dyn Store) {
    let mut make = Maker::new(3);
    let begun = make.migration(second(1000));
    assert_eq!(store.get_migration(begun.id).await, Ok(None));
    assert_eq!(store.put_migration(&begun).await, Ok(()));
    let found = store.get_migration(begun.id).await;
    assert_eq!(found, Ok(Some(begun.clone())));
    let done = MigrationRow {
        planned: u64::from(u32::MAX) * 2,
        done: 999,
        after: Some(make.id::<CustomerId>().uuid()),
        actor: Some("operator:ana".to_owned()),
        finished_at: Some(second(7)),
        ..begun
    };
    assert_eq!(store.put_migration(&done).await, Ok(()));
    assert_eq!(store.get_migration(done.id).await, Ok(Some(done)));
}

/// "Migrations, newest first": complete and without repetition.
pub async fn migrations_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(4);
    let mut expected = Vec::new();
    for _ in 0..7 {
        let row = make.migration(second(1));
        assert_eq!(store.put_migration(&row).await, Ok(()));
        expected.push(row);
    }
    expected.reverse();
    let list = async |page| store.list_migrations(page).await;
    assert_eq!(read_all(list, |row| row.id.uuid()).await, expected);
}

fn last_id(held: &billing_domain::subscription::Subscription) -> uuid::Uuid {
    held.id.uuid()
}

fn price(key: &str) -> PriceKey {
    PriceKey::new(key).expect("a key")
}
