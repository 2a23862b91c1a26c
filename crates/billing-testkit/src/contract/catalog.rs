//! Catalog revisions: immutable, numbered from 1, one writer at a time.

use billing_ports::Store;

use super::support::{CALLERS, second, together};
use crate::catalogs;

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
