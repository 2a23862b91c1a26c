//! Bookmarks: one for each account and book.

use billing_ports::Store;
use billing_ports::store::{Book, Bookmark};

use super::support::second;
use crate::fixtures::provider;

/// "One for each account and book, the last one written."
pub async fn a_bookmark_is_the_last_one_put_there(store: &dyn Store) {
    let (here, there) = (provider("stripe/main"), provider("stripe/other"));
    assert_eq!(store.get_bookmark(&here, Book::Events).await, Ok(None));
    let first = Bookmark {
        next: Some("evt_1".to_owned()),
        since: second(1),
        begun_at: second(5),
    };
    let last = Bookmark {
        next: None,
        since: second(5),
        begun_at: second(9),
    };
    for mark in [&first, &last] {
        let put = store.put_bookmark(&here, Book::Events, mark).await;
        assert_eq!(put, Ok(()));
        let held = store.get_bookmark(&here, Book::Events).await;
        assert_eq!(held, Ok(Some(mark.clone())));
    }
    let other = store.get_bookmark(&here, Book::Subscriptions).await;
    assert_eq!(other, Ok(None));
    assert_eq!(store.get_bookmark(&there, Book::Events).await, Ok(None));
}
