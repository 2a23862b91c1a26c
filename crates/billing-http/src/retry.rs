//! Whether an attempt is repeated, and after how long.
//!
//! Pure: chance is an argument, and a date is compared with the far side's own
//! clock, so that neither clock needs to be right. Knows nothing of sending.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::error::{HttpError, UnknownReason};
use crate::response::Response;

/// Longest pause before the second attempt; it doubles for each further one.
///
/// Half a second lets a restarting process or a failover answer again, and is
/// not felt by a buyer who waits in front of a page.
pub const BACKOFF_BASE: Duration = Duration::from_millis(500);

/// Longest pause before any attempt, unless the far side asks for more.
///
/// Eight seconds leave room for the attempts themselves within the total
/// time-out.
pub const BACKOFF_CAP: Duration = Duration::from_secs(8);

/// Longest wish of the far side that is waited for.
///
/// A rate limit counted by the second or by ten seconds passes within 10 s. A
/// longer wish is not cut short, which would be to ignore it: the answer goes
/// to the caller, whose queue can wait better.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(10);

/// The pause before the next attempt, after attempt number `attempt` ended with
/// `result`. None when the next attempt would make no sense. `verdict`: the header by
/// which the far side says so itself, where it does.
pub(crate) fn pause(
    result: &Result<Response, HttpError>,
    attempt: u32,
    chance: u64,
    verdict: Option<&HeaderName>,
) -> Option<Duration> {
    match result {
        Ok(response) if passes(response, verdict) => match response.retry_after() {
            Some(wish) if wish > RETRY_AFTER_CAP => None,
            Some(wish) => Some(wish.saturating_add(backoff(attempt, chance))),
            None => Some(backoff(attempt, chance)),
        },
        Ok(_)
        | Err(
            HttpError::Invalid { .. }
            | HttpError::Unknown {
                reason: UnknownReason::AnswerTooLarge { .. },
                ..
            },
        ) => None,
        Err(HttpError::NotSent { .. } | HttpError::Unknown { .. }) => {
            Some(backoff(attempt, chance))
        }
    }
}

/// Whether an attempt that ended so may have taken effect, although its result
/// will be thrown away.
pub(crate) fn may_have_acted(result: &Result<Response, HttpError>) -> bool {
    match result {
        Ok(response) => response.status != StatusCode::TOO_MANY_REQUESTS,
        Err(HttpError::Unknown { .. }) => true,
        Err(HttpError::NotSent { .. } | HttpError::Invalid { .. }) => false,
    }
}

/// How long an answer asks to wait, by its `Retry-After`: seconds, or a date
/// that is compared with the `Date` of the same answer.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a `u64` holds is still a wish: a very long one.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(headers.get(RETRY_AFTER)?)?;
    let sent = http_date(headers.get(DATE)?)?;
    let seconds = until.as_second().saturating_sub(sent.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Full jitter: anything from nothing to the doubled base, evenly.
fn backoff(attempt: u32, chance: u64) -> Duration {
    let doublings = attempt.saturating_sub(1);
    let longest = BACKOFF_BASE
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(BACKOFF_CAP);
    // `chance / 2^64` of the longest pause; below it, so it fits.
    let nanos = longest.as_nanos().saturating_mul(u128::from(chance)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Whether what was answered passes by itself: as the far side says, and where it says
/// nothing by the status. What succeeded is never repeated.
fn passes(response: &Response, verdict: Option<&HeaderName>) -> bool {
    let said = verdict.and_then(|name| response.headers.get(name));
    match said.map(HeaderValue::as_bytes) {
        Some(b"true") => !response.status.is_success(),
        Some(b"false") => false,
        _ => is_passing(response.status),
    }
}

/// Statuses that pass by themselves. Not 409: it means that another request is
/// under way or has won, which a pause of a second does not change.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// The preferred form of an HTTP date; the two obsolete forms are not read.
fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    DateTimeParser::new()
        .parse_timestamp(value.to_str().ok()?.trim())
        .ok()
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
