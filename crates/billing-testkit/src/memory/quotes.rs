//! Quotes: stored once, never changed.

use async_trait::async_trait;
use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;
use billing_ports::store::{Quotes, Revision, StoreError};

use super::{Call, MemoryStore};

#[async_trait]
impl Quotes for MemoryStore {
    async fn put_quote(&self, quote: &Quote, at: Revision) -> Result<bool, StoreError> {
        self.call(Call::Quote, |state| {
            let held = state.books.shelves.get(&quote.customer);
            let stands = held.is_some_and(|held| held.revision == at);
            if stands {
                let held = state.quotes.entry(quote.id);
                held.or_insert_with(|| quote.clone());
            }
            Ok(stands)
        })
    }

    async fn get_quote(&self, id: QuoteId) -> Result<Option<Quote>, StoreError> {
        self.call(Call::Quote, |state| Ok(state.quotes.get(&id).cloned()))
    }
}
