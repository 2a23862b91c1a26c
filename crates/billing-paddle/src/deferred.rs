//! The note on a change that is to come. Paddle changes items at once, so what is
//! to come with the next period stands there already, unbilled, and a note in
//! `custom_data` says what is paid for until when. Knows not who wrote it.

use std::fmt;

use billing_domain::ids::ChangeId;
use billing_domain::time::{Period, Timestamp, shifted};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::correlation::Custom;
use crate::wire::Subscription;

/// Where the note stands.
pub(crate) const DEFERRED: &str = "billing_deferred";

/// How far Paddle may put a period's end from where it was told to: it bills to the
/// minute.
const SAME_EDGE: SignedDuration = SignedDuration::from_mins(1);

/// How much later than our clock said may Paddle have counted the period anew: a call
/// takes half a minute, and clocks differ by a minute.
const COUNTED_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// A price and a number of pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) price: String,
    pub(crate) quantity: u32,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.price, self.quantity)
    }
}

/// What is paid for, and what comes after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deferred {
    /// What is paid for.
    pub(crate) paid: Held,
    /// What comes with the next period.
    pub(crate) later: Held,
    /// When that begins.
    pub(crate) until: Timestamp,
    /// When the period began that is paid for. `None`: nobody noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// The change of ours that it is. `None`: terms that change by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<ChangeId>,
    /// Whether another interval comes, which Paddle would count from the change on:
    /// it is told each time when the present period ends.
    #[serde(default)]
    pub(crate) moves_dates: bool,
    /// When items were last put in place that made Paddle count the period anew, by our
    /// clock. `None`: none were, or an older release put them there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counted_at: Option<Timestamp>,
    /// Whether the paid items are back in place for a moment, so that Paddle
    /// computes on them.
    #[serde(default)]
    pub(crate) lifted: bool,
    /// Who put them back: nobody else puts in place again what is to come. `None`:
    /// they are not back, or one of an older release did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lifted_by: Option<String>,
}

impl Deferred {
    /// With the paid items back in place, for `whom`.
    pub(crate) fn lifted_by(&self, whom: &str) -> Self {
        Self {
            lifted: true,
            lifted_by: Some(whom.to_owned()),
            ..self.clone()
        }
    }

    /// With what is to come in place.
    pub(crate) fn lowered(&self) -> Self {
        Self {
            lifted: false,
            lifted_by: None,
            ..self.clone()
        }
    }

    /// When the period of `held` ends, where items are put in place under this that make
    /// Paddle count it anew. `None`: the dates stay by themselves, or it is paused and
    /// has none.
    pub(crate) fn told_end(&self, held: &Subscription) -> Option<Timestamp> {
        let counts = self.moves_dates && held.status != "paused";
        // Somebody may have moved it since it was noted.
        let end = held.period().map_or(self.until, |period| period.end);
        counts.then_some(end)
    }

    /// As it is once items were put in place at `now`: Paddle counts from then on, to
    /// the end that it is told.
    pub(crate) fn counted(self, held: &Subscription, now: Timestamp) -> Self {
        match self.told_end(held) {
            Some(end) => Self {
                until: end,
                counted_at: Some(now),
                ..self
            },
            None => self,
        }
    }

    /// Whether this is what taking `change` back is about: not where something else
    /// stands here by now. `None`: whatever is to come.
    pub(crate) fn is_of(&self, change: Option<ChangeId>) -> bool {
        change.is_none_or(|undone| self.change == Some(undone))
    }

    /// Whether it comes on its day by itself, and nobody asked for it.
    pub(crate) const fn comes_by_itself(&self) -> bool {
        self.change.is_none()
    }

    /// Whether a period that begins at `now` is to be billed without it: it was announced
    /// for a day that has not come.
    pub(crate) fn waits_for_its_day(&self, now: Timestamp) -> bool {
        self.comes_by_itself() && now < self.until
    }

    /// What a period is billed that begins at `now`, before the present one is over: a
    /// change that somebody asked for comes with it, what was announced for a day that
    /// has not come does not.
    pub(crate) fn begun_at(&self, now: Timestamp) -> &Held {
        if self.waits_for_its_day(now) {
            &self.paid
        } else {
            &self.later
        }
    }

    /// Whether `period` comes after what it speaks of: whoever resumes after a pause
    /// begins another period before the old one is over, and is billed for what is in
    /// place. A period whose end somebody moves begins where it did; one that Paddle
    /// counts anew, because another interval was put in place, is told its old end, and
    /// begins when that was done.
    fn is_over_in(&self, period: Period) -> bool {
        let ends_elsewhere = period.end.duration_since(self.until).abs() > SAME_EDGE;
        let counted_at = self.counted_at.map(|at| shifted(at, COUNTED_WITHIN));
        let began = counted_at.or(self.since);
        let begins_later = began.is_some_and(|began| period.start > began);
        period.start >= self.until || (begins_later && ends_elsewhere)
    }
}

/// What Paddle's items say.
pub(crate) fn in_place(subscription: &Subscription) -> Option<Held> {
    let item = subscription.plan_item()?;
    Some(Held {
        price: item.price_ref()?.to_owned(),
        quantity: item.pieces(),
    })
}

/// The note that holds now, whoever wrote it. `None`: there is none, the period that it
/// speaks of is over, or somebody has put other items in place since.
pub(crate) fn written(subscription: &Subscription) -> Option<Deferred> {
    let value = subscription.custom_data.as_ref()?.get(DEFERRED)?;
    let note: Deferred = serde_json::from_value(value.clone()).ok()?;
    let over = subscription
        .period()
        .is_some_and(|period| note.is_over_in(period));
    let placed = in_place(subscription)?;
    let ours = placed == note.later || placed == note.paid;
    (!over && ours).then_some(note)
}

/// Custom data with a text under a name; `None` leaves what is there.
pub(crate) fn with_text(mut custom: Custom, name: &str, value: Option<String>) -> Custom {
    if let Some(value) = value {
        custom.insert(name.to_owned(), Value::String(value));
    }
    custom
}
