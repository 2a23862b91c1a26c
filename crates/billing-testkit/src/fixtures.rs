//! Ready-made values for tests: rich enough that a field lost on the way shows.
//!
//! A [`Maker`] draws ids from a seed and stands at a fixed instant, so that the
//! same test makes the same values every time. Decides nothing: the values are
//! well-formed, not necessarily what the rules would produce.

mod changed;
mod commits;
mod due;
mod held;
mod owed;
mod world;

use billing_domain::ids::{Id, IdSeq};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;

pub use commits::{commit_of, creation, next_commit};
pub use due::due_subscriber;
pub use world::secret;

/// An instant from its text, as in `2026-01-31T12:00:00Z`.
///
/// # Panics
///
/// When the text is no instant.
#[must_use]
#[track_caller]
#[expect(clippy::expect_used, reason = "a wrong date in a test is a wrong test")]
pub fn at(text: &str) -> Timestamp {
    text.parse()
        .expect("an instant such as 2026-01-31T12:00:00Z")
}

/// Where the fixtures' calendar begins: an instant with a fraction of a second,
/// so that a store which cuts it is found out.
#[must_use]
pub fn start() -> Timestamp {
    at("2026-01-31T12:00:00.123456Z")
}

/// An account at a provider, as in `sandbox/main`.
///
/// # Panics
///
/// When the text names no provider account.
#[must_use]
#[track_caller]
#[expect(clippy::expect_used, reason = "a wrong name in a test is a wrong test")]
pub fn provider(text: &str) -> ProviderAccount {
    text.parse()
        .expect("a provider account such as sandbox/main")
}

/// Makes values under ids that repeat with the seed.
#[derive(Debug, Clone)]
pub struct Maker {
    ids: IdSeq,
    made: u32,
    /// The instant at which everything is made.
    pub now: Timestamp,
}

impl Maker {
    /// A maker that stands at [`start`]. Makers of different seeds never make the same id.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            ids: IdSeq::new(start(), seed),
            made: 0,
            now: start(),
        }
    }

    /// A fresh id of any kind; ids ascend.
    pub fn id<T: Id>(&mut self) -> T {
        self.ids.draw()
    }

    /// A text that no other call gives, beginning with `prefix`.
    pub fn text(&mut self, prefix: &str) -> String {
        self.made = self.made.saturating_add(1);
        let id: billing_domain::ids::KeyId = self.id();
        format!("{prefix}_{}_{}", self.made, id.uuid().simple())
    }
}
