//! Figures that were counted a moment ago, so that a dashboard costs one count and not one
//! a visitor. Knows no route, and counts nothing itself.

use std::sync::Arc;

use billing_domain::report::Figures;
use billing_domain::time::{Timestamp, shifted};
use billing_engine::{Billing, EngineError};
use jiff::SignedDuration;
use tokio::sync::Mutex;

/// How old figures may be: nobody steers a business by the minute, and a hundred thousand
/// customers are counted in some seconds.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The figures that were counted last, in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reports {
    /// Held while they are counted: whoever asks meanwhile waits for the same count.
    last: Arc<Mutex<Option<Arc<Figures>>>>,
}

impl Reports {
    /// The figures as of `now`, or of a few minutes before.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub(crate) async fn figures(
        &self,
        billing: &Billing,
        now: Timestamp,
    ) -> Result<Arc<Figures>, EngineError> {
        let mut last = self.last.lock().await;
        if let Some(held) = last.as_ref().filter(|held| is_fresh(held, now)) {
            return Ok(Arc::clone(held));
        }
        let counted = Arc::new(billing.figures().await?);
        *last = Some(Arc::clone(&counted));
        Ok(counted)
    }
}

/// A clock that was set back makes nothing fresh.
fn is_fresh(figures: &Figures, now: Timestamp) -> bool {
    let counted = figures.now();
    counted <= now && now < shifted(counted, FRESH_FOR)
}
