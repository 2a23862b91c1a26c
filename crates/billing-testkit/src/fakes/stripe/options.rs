//! How a fake Stripe is set up.

use std::fmt;

use billing_domain::time::Timestamp;
use jiff::SignedDuration;

/// The version that the fake speaks: answers, and webhooks unless told otherwise.
pub const PINNED_VERSION: &str = "2026-09-30.endive";

/// A version of before March 2025, in which periods stood on the subscription
/// itself and invoices named their subscription directly.
pub const OLD_VERSION: &str = "2024-06-20";

/// A version that objects can be rendered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// [`PINNED_VERSION`].
    #[default]
    Pinned,
    /// [`OLD_VERSION`].
    Old,
}

impl Version {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinned => PINNED_VERSION,
            Self::Old => OLD_VERSION,
        }
    }

    /// The version of a name. `None`: the fake does not speak it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Pinned, Self::Old];
        all.into_iter().find(|version| version.name() == name)
    }
}

/// What new subscriptions say of how they are billed. Amounts are computed the
/// same way in both; pausing is for flexible ones alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BillingMode {
    /// The mode of before 2025.
    Classic,
    /// Today's mode.
    #[default]
    Flexible,
}

/// What happens to a subscription when no retry is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterRetries {
    /// It is canceled for a failed payment.
    #[default]
    Cancel,
    /// It becomes unpaid; its further invoices stay drafts.
    Unpaid,
    /// It stays past due.
    PastDue,
}

/// How a fake Stripe is set up.
#[derive(Clone)]
pub struct FakeOptions {
    /// The port on loopback; 0 takes one that is free.
    pub port: u16,
    /// The only key that is accepted. One that begins with `sk_live_` makes
    /// everything live.
    pub key: String,
    /// What webhooks are signed with; several during a rotation.
    pub webhook_secrets: Vec<String>,
    /// Where its clock stands in the beginning.
    pub start: Timestamp,
    /// Whether its clock runs on by itself rather than being moved by hand alone.
    pub running: bool,
    /// The version that webhooks are rendered in.
    pub webhook_version: Version,
    /// How new subscriptions say they are billed.
    pub billing_mode: BillingMode,
    /// The pauses between attempts to take a renewal's money.
    pub retries: Vec<SignedDuration>,
    /// What happens when no retry is left.
    pub after_retries: AfterRetries,
    /// How long search does not know of what was just written.
    pub search_lag: SignedDuration,
}

impl Default for FakeOptions {
    /// Test mode, on a free port, on 15 January 2026 at noon.
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(days.saturating_mul(24));
        Self {
            port: 0,
            key: "sk_test_fake".to_owned(),
            webhook_secrets: vec!["whsec_fake".to_owned()],
            start: Timestamp::constant(1_768_478_400, 0),
            running: false,
            webhook_version: Version::Pinned,
            billing_mode: BillingMode::Flexible,
            // Three retries within two weeks: what the real one is set to by hand most often.
            retries: vec![days(3), days(5), days(7)],
            after_retries: AfterRetries::Cancel,
            // The real one is behind by less than a minute as a rule.
            search_lag: SignedDuration::from_secs(60),
        }
    }
}

impl fmt::Debug for FakeOptions {
    /// Shows neither key nor secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeOptions")
            .field("port", &self.port)
            .field("start", &self.start)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}
