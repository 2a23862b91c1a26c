//! Quotes: stored once, never changed.

use async_trait::async_trait;
use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;
use billing_ports::store::{Quotes, StoreError};

use super::{Call, MemoryStore};

#[async_trait]
impl Quotes for MemoryStore {
    async fn put_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        self.call(Call::Quote, |state| {
            let held = state.quotes.entry(quote.id);
            held.or_insert_with(|| quote.clone());
            Ok(())
        })
    }

    async fn get_quote(&self, id: QuoteId) -> Result<Option<Quote>, StoreError> {
        self.call(Call::Quote, |state| Ok(state.quotes.get(&id).cloned()))
    }
}
