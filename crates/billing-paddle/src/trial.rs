//! How long a price's trial at Paddle is, beside the one that a plan gives.
//!
//! Knows no plan and no order: both say their trial as a length of time.

use jiff::SignedDuration;

use crate::wire::Cycle;

/// Whether a trial at Paddle takes as long as the plan's, which knows no calendar: a
/// month or a year of theirs is as long as one of them can be.
pub(crate) fn is_as_long(theirs: &Cycle, ours: SignedDuration) -> bool {
    let (least, most) = match theirs.interval.as_str() {
        "day" => (1, 1),
        "week" => (7, 7),
        "month" => (28, 31),
        "year" => (365, 366),
        _ => return false,
    };
    let times = i64::from(theirs.frequency);
    let days =
        |each: i64| SignedDuration::from_hours(each.saturating_mul(times).saturating_mul(24));
    (days(least)..=days(most)).contains(&ours)
}
