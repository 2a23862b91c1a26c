//! Whether the far side takes the key that calls are made under, as it last said. Knows
//! neither the key nor in what words it is refused: that is the caller's to read.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether one key is taken. Clones are one, and share what was heard.
#[derive(Debug, Clone)]
pub struct KeyWatch {
    account: Arc<str>,
    refused: Arc<AtomicBool>,
}

impl KeyWatch {
    /// Of the key to `account`, which names it in the log. Nobody has refused it yet.
    pub fn new(account: &impl Display) -> Self {
        Self {
            account: account.to_string().into(),
            refused: Arc::default(),
        }
    }

    /// Whether the last answer that said anything of the key was that it is none.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// An answer came that is given under a good key alone.
    pub fn taken(&self) {
        if self.refused.swap(false, Ordering::Relaxed) {
            tracing::info!(account = %self.account, "the provider takes our key again");
        }
    }

    /// The key itself was refused, whatever was asked under it: unknown, revoked or
    /// expired. That it may not do one thing is none of these.
    pub fn refused(&self) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!(account = %self.account, "the provider does not take our key");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_counts_for_all_who_share_it() {
        let watch = KeyWatch::new(&"paddle/main");
        let shared = watch.clone();
        let other = KeyWatch::new(&"paddle/main");
        assert!(!shared.is_refused(), "nobody was asked");
        for refused in [true, true, false, false, true] {
            if refused {
                watch.refused();
            } else {
                watch.taken();
            }
            assert_eq!(shared.is_refused(), refused);
        }
        assert!(!other.is_refused());
    }
}
