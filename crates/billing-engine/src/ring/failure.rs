//! Why a delivery is not decided yet, and how long it waits for that.
//!
//! A provider that does not answer is waited for as long as an outage may last; what
//! fails for reasons of ours is shown to a person within the hour. Knows no store.

use billing_domain::ids::InboxId;
use billing_domain::provider::ProviderRef;
use billing_ports::PerformError;
use jiff::SignedDuration;

use crate::limits::{INBOX_RETRY, MAX_INBOX_ATTEMPTS, MAX_UNANSWERED, OUTAGE_RETRY};

/// Why a delivery is not decided yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// What went wrong, fit for a log.
    pub(crate) words: String,
}

/// Whose failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Ours, or that of what was told.
    Ours,
    /// The provider did not answer.
    Unanswered,
    /// The provider does not take our key or settings.
    Refused,
}

impl Failure {
    pub(crate) fn ours(words: impl Into<String>) -> Self {
        Self {
            cause: Cause::Ours,
            words: words.into(),
        }
    }

    pub(crate) fn unanswered(words: impl Into<String>) -> Self {
        Self {
            cause: Cause::Unanswered,
            words: words.into(),
        }
    }

    pub(crate) fn refused(words: impl Into<String>) -> Self {
        Self {
            cause: Cause::Refused,
            words: words.into(),
        }
    }

    /// Of reading this object, which it names: the key may be good for all the others.
    pub(crate) fn of_reading(object: &ProviderRef, error: &PerformError) -> Self {
        let cause = match error {
            PerformError::NotSent(_) | PerformError::Unknown(_) => Cause::Unanswered,
            PerformError::Misconfigured(_) => Cause::Refused,
            PerformError::Unsupported(_) => Cause::Ours,
        };
        let (kind, id) = (object.kind.as_str(), &object.id);
        Self {
            cause,
            words: format!("{kind} {id} was not read: {error}"),
        }
    }

    /// Whether a person is to look after so many attempts. What is ours is shown within
    /// the hour; a row that has waited out more than that was waiting for its provider, and
    /// one failure of ours that meets it then is tried again like the rest.
    pub(crate) const fn is_given_up(&self, attempts: u16) -> bool {
        let ours = matches!(self.cause, Cause::Ours) && attempts == MAX_INBOX_ATTEMPTS;
        ours || attempts >= MAX_UNANSWERED
    }
}

/// How long a delivery waits after so many attempts.
pub(crate) const fn wait_after(attempts: u16) -> SignedDuration {
    if attempts < MAX_INBOX_ATTEMPTS {
        INBOX_RETRY
    } else {
        OUTAGE_RETRY
    }
}

/// `wait`, up to a fifth shorter, by the row: thousands that failed together do not all
/// come back in the same second.
pub(crate) fn spread(row: InboxId, wait: SignedDuration) -> SignedDuration {
    let fifth = wait.as_millis().checked_div(5).unwrap_or(0);
    let [.., low, last] = *row.uuid().as_bytes();
    let of_65536 = i128::from(u16::from_be_bytes([low, last]));
    let less = fifth.saturating_mul(of_65536) >> 16;
    let less = i64::try_from(less).unwrap_or(0);
    wait.saturating_sub(SignedDuration::from_millis(less))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_outage_is_waited_for_and_what_is_ours_is_shown_within_the_hour() {
        let total = |failure: &Failure| {
            let tried = (1..).take_while(|attempts| !failure.is_given_up(*attempts));
            let waits = tried.map(wait_after);
            waits.fold(SignedDuration::ZERO, SignedDuration::saturating_add)
        };
        assert_eq!(total(&Failure::ours("ours")), SignedDuration::from_mins(55));
        let outage = total(&Failure::unanswered("down"));
        assert!(outage >= SignedDuration::from_hours(72));
        assert!(outage <= SignedDuration::from_hours(74));
        let after_an_outage = MAX_INBOX_ATTEMPTS + 1;
        assert!(!Failure::ours("meets it then").is_given_up(after_an_outage));
    }

    #[test]
    fn rows_come_back_one_after_the_other_and_none_late() {
        let wait = SignedDuration::from_mins(5);
        let row = |last: u16| InboxId::from(Uuid::from_u128(u128::from(last)));
        assert_eq!(spread(row(0), wait), wait);
        assert_eq!(spread(row(0x8000), wait), SignedDuration::from_secs(270));
        assert!(spread(row(u16::MAX), wait) >= SignedDuration::from_mins(4));
        assert_eq!(spread(row(7), SignedDuration::ZERO), SignedDuration::ZERO);
    }
}
