//! Where a renewal is paid for as long as it can be, said by whoever has such a page: a
//! provider's own closes sooner. Knows no page.

use async_trait::async_trait;
use billing_domain::journal::JournalEntry;

/// Makes links to pages where renewals are paid.
#[async_trait]
pub trait RenewalLinks: Send + Sync {
    /// The address where the renewal that `entry` tells of is paid, the same each time.
    /// `None`: the entry tells of no renewal, or there is no such page.
    ///
    /// # Errors
    ///
    /// Why it cannot be made for now, in words for a log. What was to be sent with it is told
    /// again later.
    async fn renewal_link(&self, entry: &JournalEntry) -> Result<Option<String>, String>;
}
