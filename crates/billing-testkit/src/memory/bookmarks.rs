//! How far reading providers' own books has come.

use async_trait::async_trait;
use billing_domain::provider::ProviderAccount;
use billing_ports::store::{Book, Bookmark, Bookmarks, StoreError};

use super::{Call, MemoryStore};

#[async_trait]
impl Bookmarks for MemoryStore {
    async fn get_bookmark(
        &self,
        account: &ProviderAccount,
        book: Book,
    ) -> Result<Option<Bookmark>, StoreError> {
        let key = (account.clone(), book);
        self.call(Call::Bookmark, |state| {
            Ok(state.bookmarks.get(&key).cloned())
        })
    }

    async fn put_bookmark(
        &self,
        account: &ProviderAccount,
        book: Book,
        mark: &Bookmark,
    ) -> Result<(), StoreError> {
        let key = (account.clone(), book);
        self.call(Call::Bookmark, |state| {
            state.bookmarks.insert(key.clone(), mark.clone());
            Ok(())
        })
    }
}
