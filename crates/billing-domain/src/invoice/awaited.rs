//! What was last told of the money at each page of an invoice, and by whom: what was
//! looked at later counts, in whatever order it is heard. Knows nothing of what follows.

use serde::{Deserialize, Serialize};

use crate::invoice::Invoice;
use crate::time::Timestamp;

/// What was last told of the money at one page. Only news about that page changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The provider's id of the page. `None`: it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Until when the provider waits for it to become final; for what is over, since when
    /// it is.
    pub until: Timestamp,
    /// When the page was looked at that told it, by the provider's clock. `None`: it is
    /// not said, or was kept by a version that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// Whether nothing is on its way there, or no longer is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
    /// Since when nobody can pay there any more. `None`: somebody can, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// A person's word about a payment that nobody had told of by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The provider's id of the payment.
    pub payment: String,
    /// Whether it holds.
    pub holds: bool,
    /// When that was said, by the provider's clock.
    pub at: Timestamp,
}

impl Invoice {
    /// Until when money for it is on its way, at whatever page. `None`: none is.
    #[must_use]
    pub fn awaits(&self) -> Option<Timestamp> {
        let awaited = self.awaited.iter().filter(|awaited| !awaited.over);
        awaited.map(|awaited| awaited.until).max()
    }

    /// This invoice without what changes with each look at a page that finds it as it was.
    #[must_use]
    pub fn but_for_looks(&self) -> Self {
        let mut same = self.clone();
        same.awaited.retain(|awaited| !awaited.over);
        for awaited in &mut same.awaited {
            awaited.told_at = None;
        }
        same
    }

    /// Whether nothing that is known of this page was told by a later look than that at
    /// `at`. `None`: it is not said when it was looked at.
    pub(crate) fn is_news_of(&self, page: Option<&str>, at: Option<Timestamp>) -> bool {
        let known = self.looked_at(page).and_then(|known| known.told_at);
        known.is_none() || at.is_none() || known <= at
    }

    /// Since when this page is known to have closed.
    pub(crate) fn closed_at(&self, page: &str) -> Option<Timestamp> {
        self.looked_at(Some(page))?.closed_at
    }

    /// Keeps what is told of a page. That money comes to it opens none that was closed.
    pub(crate) fn look_at(&mut self, told: Awaited) {
        let known = self.looked_at(told.page.as_deref());
        let closed_at = known.and_then(|known| known.closed_at);
        self.awaited.retain(|held| held.page != told.page);
        self.awaited.push(Awaited {
            closed_at: closed_at.filter(|_| !told.over),
            ..told
        });
    }

    fn looked_at(&self, page: Option<&str>) -> Option<&Awaited> {
        self.awaited
            .iter()
            .find(|held| held.page.as_deref() == page)
    }
}
