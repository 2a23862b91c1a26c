//! Quotes: stored once, never changed, and nobody's revision is touched.

use billing_domain::money::{Currency, Money};
use billing_domain::quote::Quote;
use billing_ports::Store;

use super::support::{newcomer, reload, second};
use crate::fixtures::{Maker, next_commit};

/// "A stored quote MUST never change", "one that is known already is left as it
/// is", and every field comes back.
pub async fn a_quote_is_stored_once_and_never_changes(store: &dyn Store) {
    let mut make = Maker::new(1);
    let (customer, subscription) = (make.id(), make.id());
    let quote = make.quote(customer, subscription);
    assert_eq!(store.get_quote(quote.id).await, Ok(None));
    assert_eq!(store.put_quote(&quote).await, Ok(()));
    let dearer = Quote {
        owed_now: Money::new(9999, Currency::USD),
        ..quote.clone()
    };
    assert_eq!(store.put_quote(&dearer).await, Ok(()));
    assert_eq!(store.get_quote(quote.id).await, Ok(Some(quote)));
    assert_eq!(store.get_quote(make.id()).await, Ok(None));
}

/// "Storing one MUST touch nothing else, not even its customer's revision":
/// what was loaded before can be committed after, and nobody falls due.
pub async fn a_quote_touches_nothing_else(store: &dyn Store) {
    let mut make = Maker::new(2);
    let held = newcomer(store, &mut make).await;
    let subscription = make.id();
    let quote = make.quote(held.account.customer.id, subscription);
    assert_eq!(store.put_quote(&quote).await, Ok(()));
    assert_eq!(reload(store, &held.account).await, held);
    let due = store.next_work().await.map(|work| work.due);
    assert_eq!(due, Ok(None));
    let commit = next_commit(&held, &held.account, second(1));
    assert!(store.commit(commit).await.is_ok());
}
