//! Reports: every subscription counted, page by page. Reads, and writes nothing.

use billing_domain::report::Figures;
use billing_ports::store::{PageAsk, SubscriptionFilter};

use crate::billing::Billing;
use crate::error::EngineError;

/// Subscriptions read at once: some megabytes, and a hundred pages for 100 000.
const ROWS: u16 = 1_000;

/// Pages at most: ten million subscriptions are no list, but one that repeats itself.
const MAX_PAGES: usize = 10_000;

impl Billing {
    /// Counts every subscription, as of now. What is made while this goes on may be
    /// missing. It takes about a second for 100 000 subscriptions, so whoever is asked
    /// often keeps what came of it, and says of when it is.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn figures(&self) -> Result<Figures, EngineError> {
        let parts = self.parts()?;
        let mut figures = Figures::at(parts.now());
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let page = PageAsk { after, limit: ROWS };
            let filter = SubscriptionFilter::default();
            let found = parts.store.list_subscriptions(filter, page).await?;
            for held in &found.rows {
                if let Err(error) = figures.count(held) {
                    tracing::warn!(subscription = %held.id, %error, "left out of the reports");
                }
            }
            after = found.rows.last().map(|held| held.id.uuid());
            if !found.more || after.is_none() {
                break;
            }
        }
        Ok(figures)
    }
}
