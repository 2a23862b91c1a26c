//! Quotes: stored once, never changed, and nobody's revision is touched.

use billing_domain::money::{Currency, Money};
use billing_domain::quote::Quote;
use billing_ports::Store;
use billing_ports::store::Revision;

use super::support::{newcomer, reload, second};
use crate::fixtures::{Maker, next_commit};

/// "A stored quote MUST never change", "one that is known already is left as it
/// is", and every field comes back.
pub async fn a_quote_is_stored_once_and_never_changes(store: &dyn Store) {
    let mut make = Maker::new(1);
    let held = newcomer(store, &mut make).await;
    let subscription = make.id();
    let quote = make.quote(held.account.customer.id, subscription);
    assert_eq!(store.get_quote(quote.id).await, Ok(None));
    assert_eq!(store.put_quote(&quote, held.revision).await, Ok(true));
    let dearer = Quote {
        owed_now: Money::new(9999, Currency::USD),
        ..quote.clone()
    };
    assert_eq!(store.put_quote(&dearer, held.revision).await, Ok(true));
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
    assert_eq!(store.put_quote(&quote, held.revision).await, Ok(true));
    assert_eq!(reload(store, &held.account).await, held);
    let due = store.next_work().await.map(|work| work.due);
    assert_eq!(due, Ok(None));
    let commit = next_commit(&held, &held.account, second(1));
    assert!(store.commit(commit).await.is_ok());
}

/// "A quote MUST be refused whose customer does not stand at the revision that
/// it was made for": neither an older nor a newer one, nor one of nobody's.
pub async fn a_quote_for_another_revision_is_refused(store: &dyn Store) {
    let mut make = Maker::new(3);
    let held = newcomer(store, &mut make).await;
    let (customer, subscription) = (held.account.customer.id, make.id());
    let commit = next_commit(&held, &held.account, second(1));
    let next = store.commit(commit).await.expect("it commits");
    let (late, early) = (make.quote(customer, subscription), Revision(next.0 + 1));
    assert_eq!(store.put_quote(&late, held.revision).await, Ok(false));
    assert_eq!(store.put_quote(&late, early).await, Ok(false));
    let nobodys = make.id();
    let of_nobody = make.quote(nobodys, subscription);
    assert_eq!(store.put_quote(&of_nobody, next).await, Ok(false));
    assert_eq!(store.get_quote(late.id).await, Ok(None));
    assert_eq!(store.get_quote(of_nobody.id).await, Ok(None));
    assert_eq!(store.put_quote(&late, next).await, Ok(true));
    assert_eq!(store.get_quote(late.id).await, Ok(Some(late)));
}
