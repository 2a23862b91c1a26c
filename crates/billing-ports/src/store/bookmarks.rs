//! How far reading a provider's own books has come.

use async_trait::async_trait;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;

use crate::store::error::StoreError;

/// One of the books that a provider keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// Its subscriptions.
    Subscriptions,
    /// What happened there.
    Events,
    /// These books' own subscriptions there, as they are looked through for those that
    /// its book did not have.
    Held,
    /// Its subscriptions, as those are adopted that nobody here has sold.
    Imported,
    /// Its customers, as those are brought over who are nobody here yet.
    ImportedCustomers,
}

impl Book {
    /// The word that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::Events => "events",
            Self::Held => "held",
            Self::Imported => "imported",
            Self::ImportedCustomers => "imported_customers",
        }
    }
}

/// How far reading a book has come: what a go that ended early goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// What leads to the next page. `None`: the book was read to its end.
    pub next: Option<String>,
    /// What happened before this instant is no part of the go.
    pub since: Timestamp,
    /// When the go was begun.
    pub begun_at: Timestamp,
}

/// Bookmarks: one for each account and book, the last one written.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Bookmarks: Send + Sync {
    /// How far a book has been read. `None`: not at all yet.
    async fn get_bookmark(
        &self,
        account: &ProviderAccount,
        book: Book,
    ) -> Result<Option<Bookmark>, StoreError>;

    /// Puts the bookmark there.
    async fn put_bookmark(
        &self,
        account: &ProviderAccount,
        book: Book,
        mark: &Bookmark,
    ) -> Result<(), StoreError>;
}
