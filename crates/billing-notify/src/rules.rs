//! When a delivery is tried again, and what an answer says of a receiver: plain functions.

use std::time::Duration;

use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Disabled, DisabledWhy, Endpoint, Health, NextTry};
use jiff::SignedDuration;

/// The wait before each try after the first, at the least: nearly a day in all, within which a
/// receiver that is deployed, or falls over at night, is up again.
pub const WAITS: [SignedDuration; 10] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(12),
];

/// Tries of what is not taken for now, the first one included.
pub(crate) const TRIES: u16 = 11;

/// All waits together, at the least.
pub(crate) const WAITED_IN_ALL: SignedDuration = SignedDuration::from_secs(78_695);

/// How often, and how many times, is tried what nobody takes until somebody mends something of
/// ours: each hour for three days, a weekend long, as calls to providers are.
const MENDED_EVERY: SignedDuration = SignedDuration::from_hours(1);
const MENDED_TRIES: u16 = 72;

/// A wait is longer by chance, by up to one part of so many: what failed together does not
/// come back together.
const SPREAD: i64 = 5;

/// The longest wait that a receiver may ask for: the longest that there is anyway. Longer, and
/// a mistaken header would lose events for good.
pub const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(12);

/// How long a receiver may take nothing before it is disabled, by the last try of something.
pub const FAILING_FOR: SignedDuration = SignedDuration::from_hours(5 * 24);

/// The answer that says that nobody listens there any more.
const GONE: u16 = 410;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// An answer, at least its status.
    With {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait. `None`: it does not ask.
        retry_after: Option<Duration>,
    },
    /// None, for a reason in words.
    Nothing(String),
}

/// What becomes of a delivery, and what its try says of the receiver. `tries` counts this one;
/// `chance` is spread evenly.
pub(crate) fn judge(
    endpoint: &Endpoint,
    answered: &Answered,
    tries: u16,
    now: Timestamp,
    chance: u64,
) -> (NextTry, Health) {
    let (status, retry_after) = match answered {
        Answered::With {
            status,
            retry_after,
        } => (Some(*status), *retry_after),
        Answered::Nothing(_) => (None, None),
    };
    if status.is_some_and(|status| (200..300).contains(&status)) {
        return (NextTry::Taken, Health::Well);
    }
    if status == Some(GONE) {
        let why = DisabledWhy::Gone;
        return (
            NextTry::GivenUp,
            Health::Disabled(Disabled { at: now, why }),
        );
    }
    let again = retry_at(tries, now, chance, retry_after);
    let health = match endpoint.failing_since {
        None => Health::FailingSince(now),
        // A failure after a silence proves nothing, however long ago the one before it was.
        Some(since) if again.is_none() && now.duration_since(since) >= FAILING_FOR => {
            Health::Failed { since, at: now }
        }
        Some(_) => Health::Same,
    };
    (again.map_or(NextTry::GivenUp, NextTry::At), health)
}

/// When it is tried again after so many tries. `None`: no more.
pub(crate) fn retry_at(
    tries: u16,
    now: Timestamp,
    chance: u64,
    asked: Option<Duration>,
) -> Option<Timestamp> {
    let wait = *WAITS.get(usize::from(tries.checked_sub(1)?))?;
    let wait = spread(wait, chance);
    let asked = asked.map(|asked| {
        let asked = SignedDuration::try_from(asked).unwrap_or(RETRY_AFTER_MAX);
        asked.min(RETRY_AFTER_MAX)
    });
    Some(shifted(now, wait.max(asked.unwrap_or(wait))))
}

/// When is tried again, after so many tries, what waits for something of ours to be mended.
/// `None`: no more.
pub(crate) fn mended_at(tries: u16, now: Timestamp) -> Option<Timestamp> {
    (tries < MENDED_TRIES).then(|| shifted(now, MENDED_EVERY))
}

/// The wait, longer by chance.
fn spread(wait: SignedDuration, chance: u64) -> SignedDuration {
    let most = wait.as_secs().saturating_mul(1_000) / SPREAD;
    // 128 bits hold the product; what is left after the shift is below `most`.
    let share = (u128::from(chance) * u128::try_from(most).unwrap_or(0)) >> 64;
    let longer = SignedDuration::from_millis(i64::try_from(share).unwrap_or(most));
    wait.checked_add(longer).unwrap_or(wait)
}

#[cfg(test)]
mod tests {
    use billing_ports::store::EndpointSecret;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn endpoint(failing_since: Option<Timestamp>) -> Endpoint {
        Endpoint {
            id: uuid::Uuid::from_u128(1).into(),
            url: "https://app.example.com/".to_owned(),
            events: Vec::new(),
            secret: EndpointSecret([7; 32]),
            old_secret: None,
            failing_since,
            disabled: None,
            created_at: now(),
        }
    }

    fn with(status: u16) -> Answered {
        Answered::With {
            status,
            retry_after: None,
        }
    }

    #[test]
    fn the_waits_are_those_that_are_documented_and_then_it_is_given_up() {
        let waits: Vec<i64> = (1..=10)
            .map(|tries| {
                let at = retry_at(tries, now(), 0, None).unwrap();
                at.duration_since(now()).as_secs()
            })
            .collect();
        let expected = [5, 30, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200];
        assert_eq!(waits, expected);
        assert_eq!(retry_at(11, now(), 0, None), None);
        assert_eq!(retry_at(0, now(), 0, None), None);
        assert_eq!(retry_at(u16::MAX, now(), 0, None), None);
        assert_eq!(WAITED_IN_ALL.as_secs(), expected.iter().sum::<i64>());
        assert_eq!(usize::from(TRIES), WAITS.len() + 1);
    }

    #[test]
    fn what_is_to_be_mended_is_tried_each_hour_for_three_days() {
        for tries in [1, 11, 71] {
            let at = mended_at(tries, now()).unwrap();
            assert_eq!(at.duration_since(now()), SignedDuration::from_hours(1));
        }
        assert_eq!(mended_at(72, now()), None);
        assert_eq!(mended_at(u16::MAX, now()), None);
    }

    #[test]
    fn chance_makes_a_wait_longer_by_a_fifth_at_most() {
        let wait = |chance| {
            let at = retry_at(2, now(), chance, None).unwrap();
            at.duration_since(now()).as_millis()
        };
        assert_eq!(wait(0), 30_000);
        assert_eq!(wait(1 << 63), 33_000);
        assert_eq!(wait(u64::MAX), 35_999);
    }

    #[test]
    fn a_wish_to_wait_longer_is_heeded_up_to_half_a_day() {
        let wait = |tries, seconds| {
            let asked = Some(Duration::from_secs(seconds));
            let at = retry_at(tries, now(), 0, asked).unwrap();
            at.duration_since(now()).as_secs()
        };
        assert_eq!(wait(1, 120), 120);
        assert_eq!(wait(1, 1), 5, "never sooner than it would be anyway");
        assert_eq!(wait(1, 99_999_999), 43_200);
        assert_eq!(wait(1, u64::MAX), 43_200);
        let asked = Some(Duration::from_secs(1));
        assert_eq!(retry_at(11, now(), 0, asked), None, "no more tries by it");
    }

    #[test]
    fn what_an_answer_means() {
        let failing = Health::FailingSince(now());
        let again = NextTry::At(shifted(now(), WAITS[0]));
        let gone = Health::Disabled(Disabled {
            at: now(),
            why: DisabledWhy::Gone,
        });
        for (answered, next, health) in [
            (with(200), NextTry::Taken, Health::Well),
            (with(204), NextTry::Taken, Health::Well),
            (with(299), NextTry::Taken, Health::Well),
            (with(199), again, failing),
            (with(301), again, failing),
            (with(307), again, failing),
            (with(400), again, failing),
            (with(401), again, failing),
            (with(404), again, failing),
            (with(410), NextTry::GivenUp, gone),
            (with(429), again, failing),
            (with(500), again, failing),
            (with(503), again, failing),
            (Answered::Nothing("no answer".to_owned()), again, failing),
        ] {
            let judged = judge(&endpoint(None), &answered, 1, now(), 0);
            assert_eq!(judged, (next, health), "{answered:?}");
        }
        let (next, _) = judge(&endpoint(None), &with(500), 11, now(), 0);
        assert_eq!(next, NextTry::GivenUp);
    }

    #[test]
    fn a_receiver_that_takes_nothing_for_five_days_is_disabled() {
        let since = |hours: i64| Some(shifted(now(), SignedDuration::from_hours(-hours)));
        let last = 11;
        let health = |since, status, tries| {
            let judged = judge(&endpoint(since), &with(status), tries, now(), 0);
            judged.1
        };
        assert_eq!(health(since(1), 500, last), Health::Same);
        assert_eq!(health(since(119), 500, last), Health::Same);
        for (hours, status) in [(120, 500), (500, 503)] {
            let failed = Health::Failed {
                since: since(hours).unwrap(),
                at: now(),
            };
            assert_eq!(health(since(hours), status, last), failed);
            for tries in 1..last {
                let judged = health(since(hours), status, tries);
                assert_eq!(judged, Health::Same, "after {tries} tries");
            }
        }
        assert_eq!(health(since(500), 200, last), Health::Well);
        assert_eq!(health(None, 500, last), Health::FailingSince(now()));
    }
}
