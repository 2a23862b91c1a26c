//! Quotes: stored once, never changed, read back to be accepted.

use async_trait::async_trait;
use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;

use crate::store::commit::Revision;
use crate::store::error::StoreError;

/// Quotes. A stored quote MUST never change; storing one MUST touch nothing else,
/// not even its customer's revision. A quote MUST be refused whose customer does
/// not stand at the revision that it was made for.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Quotes: Send + Sync {
    /// Stores a quote that was made for its customer at this revision. `false`:
    /// the customer stands elsewhere, or is gone, and nothing was stored. One
    /// that is known already is left as it is.
    async fn put_quote(&self, quote: &Quote, at: Revision) -> Result<bool, StoreError>;

    /// One quote. `None`: there is none with this id, or it was swept away after
    /// it had expired.
    async fn get_quote(&self, id: QuoteId) -> Result<Option<Quote>, StoreError>;
}
