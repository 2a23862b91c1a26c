//! Catalog revisions: immutable, numbered from 1, one writer at a time.

use billing_domain::catalog::PriceKey;
use billing_domain::customer::Account;
use billing_domain::ids::CustomerId;
use billing_domain::subscription::State;
use billing_domain::time::Timestamp;
use billing_ports::Store;

use super::support::{CALLERS, everything, second, together};
use crate::catalogs;
use crate::fixtures::{Maker, creation};

/// "`None`: none has been applied yet"; then revisions from 1, each read back
/// as it was applied, the newest current.
pub async fn revisions_count_from_one_and_the_newest_is_current(store: &dyn Store) {
    assert_eq!(store.current_catalog().await, Ok(None));
    let offered = [catalogs::storage(), catalogs::single(), catalogs::storage()];
    for (number, catalog) in (1..).zip(&offered) {
        let at = second(i64::try_from(number).expect("a small number"));
        let applied = store.apply_catalog(catalog, number - 1, at).await;
        let applied = applied
            .expect("the store answers")
            .expect("nobody else applies");
        assert_eq!((applied.number, applied.applied_at), (number, at));
        assert_eq!(applied.catalog, *catalog);
        assert_eq!(store.current_catalog().await, Ok(Some(applied)));
    }
}

/// "`None`: somebody else has applied one meanwhile, and nothing was written."
/// "A stored revision MUST never change."
pub async fn a_catalog_after_a_stale_one_is_refused(store: &dyn Store) {
    let (first, second_catalog) = (catalogs::storage(), catalogs::single());
    let early = store.apply_catalog(&first, 1, second(0)).await;
    assert_eq!(early, Ok(None), "there is no revision 1 to follow");
    assert_eq!(store.current_catalog().await, Ok(None));
    let applied = store.apply_catalog(&first, 0, second(1)).await;
    for after in [0, 2] {
        let refused = store.apply_catalog(&second_catalog, after, second(2)).await;
        assert_eq!(refused, Ok(None), "after {after}");
        assert_eq!(store.current_catalog().await, applied);
    }
}

/// "`None`: somebody else has applied one meanwhile": of many at the same
/// instant, one wins.
pub async fn of_many_catalogs_at_once_one_is_applied(store: &dyn Store) {
    let (even, odd) = (catalogs::storage(), catalogs::single());
    for after in [0, 1] {
        let answers = together(CALLERS, |caller| {
            let catalog = if caller % 2 == 0 { &even } else { &odd };
            store.apply_catalog(catalog, after, second(1))
        });
        let mut applied: Vec<_> = answers
            .into_iter()
            .filter_map(|answer| answer.expect("the store answers"))
            .collect();
        assert_eq!(applied.len(), 1, "after {after}");
        assert_eq!(store.current_catalog().await, Ok(applied.pop()));
    }
}

/// "Makes the customers due at `now` who hold a subscription at one of these
/// prices. Gives how many": once each, and nobody else.
pub async fn holders_of_a_price_are_woken(store: &dyn Store) {
    let mut make = Maker::new(5);
    let price = |key: &str| PriceKey::new(key).expect("a key");
    let holder = |make: &mut Maker, key: &str, states: &[State]| {
        let mut account = make.account();
        let id = account.customer.id;
        for state in states {
            let mut held = make.subscription(id, *state);
            held.terms.price = Some(price(key));
            account.put_subscription(held);
        }
        account
    };
    let active = State::Active;
    let over = State::Expired { at: make.now };
    let lapsed = State::Lapsed { at: make.now };
    let monthly = holder(&mut make, "team-monthly", &[active, over, active]);
    let yearly = holder(&mut make, "team-yearly", &[lapsed]);
    let former = holder(&mut make, "team-monthly", &[over]);
    let other = holder(&mut make, "team-sats", &[active]);
    for account in [&monthly, &yearly, &former, &other] {
        let mut commit = creation(account, make.now);
        // One of them never falls due by itself.
        commit.wake_at = (account.customer.id != yearly.customer.id).then(|| second(1000));
        store.commit(commit).await.expect("stored");
    }
    assert_eq!(store.wake_holders(&[], second(10)).await, Ok(0));
    let nobody = store
        .wake_holders(&[price("lifetime-once")], second(10))
        .await;
    assert_eq!(nobody, Ok(0));
    assert_eq!(due(store, 999).await, [], "nobody is due yet");

    let prices = [price("team-monthly"), price("team-yearly")];
    assert_eq!(store.wake_holders(&prices, second(10)).await, Ok(2));
    let next = store.next_work().await.map(|work| work.due);
    assert_eq!(next, Ok(Some(second(10))));
    assert_eq!(due(store, 9).await, [], "not before");
    let woken = [&monthly, &yearly].map(|held: &Account| (held.customer.id, second(10)));
    assert_eq!(due(store, 10).await, woken);
}

/// A customer who is due already stays due since then, and one who is being
/// looked at is given to nobody else before the lease is over.
pub async fn waking_leaves_claims_and_earlier_dues_alone(store: &dyn Store) {
    let mut make = Maker::new(6);
    let account = make.subscriber();
    let id = account.customer.id;
    let mut commit = creation(&account, make.now);
    commit.wake_at = Some(second(5));
    store.commit(commit).await.expect("stored");
    let prices = [PriceKey::new("team-monthly").expect("a key")];
    assert_eq!(store.wake_holders(&prices, second(7)).await, Ok(1));
    assert_eq!(due(store, 7).await, [(id, second(5))], "since then");
    assert_eq!(store.wake_holders(&prices, second(8)).await, Ok(1));
    assert_eq!(due(store, 8).await, [], "it is claimed");
    assert_eq!(due(store, 66).await, [], "until the lease is over");
    assert_eq!(due(store, 67).await, [(id, second(5))]);
}

/// Claims who is due in some second; gives since when.
async fn due(store: &dyn Store, now: i64) -> Vec<(CustomerId, Timestamp)> {
    let due = store.claim_due(everything(second(now))).await;
    let mut due: Vec<_> = due
        .expect("the store answers")
        .into_iter()
        .map(|due| (due.customer, due.due_at))
        .collect();
    due.sort();
    due
}
