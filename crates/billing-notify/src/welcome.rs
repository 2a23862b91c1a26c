//! Whether what is ours is taken at the end of a way, as was last heard: our login, our address,
//! what we may do there. Knows not in what words it is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::courier::Way;

/// Whether what is ours is taken. Clones are one, and share what was heard.
#[derive(Debug, Clone)]
pub struct Welcome {
    way: Way,
    refused: Arc<AtomicBool>,
}

impl Welcome {
    /// At the end of `way`. Nobody has refused anything yet.
    #[must_use]
    pub fn at(way: Way) -> Self {
        Self {
            way,
            refused: Arc::default(),
        }
    }

    /// Of which way.
    #[must_use]
    pub const fn way(&self) -> Way {
        self.way
    }

    /// Whether what was last heard of us is that we are refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Something of ours was taken.
    pub fn taken(&self) {
        if self.refused.swap(false, Ordering::Relaxed) {
            tracing::info!(way = self.way.as_str(), "what is ours is taken again");
        }
    }

    /// Nothing of ours is taken, whomever it goes to, for this reason: somebody has to mend it.
    pub fn refused(&self, why: &str) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!(
                way = self.way.as_str(),
                why,
                "nothing of ours is taken until somebody mends this"
            );
        }
    }
}
