//! The money of paid periods: which rate held from when to when, and what was
//! charged for it. Rounding never accumulates, because every change is worked
//! from these segments and never from an earlier result.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::ids::InvoiceId;
use crate::money::Money;
use crate::time::{Interval, Period, Timestamp, shifted};

/// A paid period and its money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidPeriod {
    /// The time that is paid.
    pub period: Period,
    /// Which rate held from when on; ascending, the first from the period's start.
    pub segments: Vec<Segment>,
    /// What was charged for it so far, in money or from the balance, less what
    /// was given back.
    pub charged: Money,
    /// What the rates are the prices of. `None`: the interval of the
    /// subscription's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The invoices whose money is in what was charged; ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invoices: Vec<InvoiceId>,
    /// Those of them of which money went back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<InvoiceId>,
}

/// A rate that holds from an instant on, until the next one or the period's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Since when.
    pub from: Timestamp,
    /// What the whole period would cost at this rate: price times quantity, less
    /// the discount.
    pub rate: Money,
}

impl PaidPeriod {
    /// A period charged in full at one rate.
    #[must_use]
    pub fn new(period: Period, rate: Money) -> Self {
        Self {
            period,
            segments: vec![Segment {
                from: period.start,
                rate,
            }],
            charged: rate,
            interval: None,
            invoices: Vec::new(),
            returned: Vec::new(),
        }
    }

    /// The same, whose rates are the prices of this interval, whatever becomes of
    /// the subscription's terms.
    #[must_use]
    pub const fn of(mut self, interval: Interval) -> Self {
        self.interval = Some(interval);
        self
    }

    /// The same, with the money of these invoices in what was charged.
    #[must_use]
    pub fn paid_by(mut self, invoices: impl IntoIterator<Item = InvoiceId>) -> Self {
        self.invoices.extend(invoices);
        self.invoices.sort_unstable();
        self.invoices.dedup();
        self
    }

    /// Whether money of what was charged went back: there is no telling what of
    /// its time is still paid.
    #[must_use]
    pub const fn is_returned(&self) -> bool {
        !self.returned.is_empty()
    }

    /// Keeps whether money of `invoice` went back. `true`: it did, and was not known.
    pub(crate) fn mark_returned(&mut self, invoice: InvoiceId, is_short: bool) -> bool {
        let known = self.returned.contains(&invoice);
        self.returned.retain(|held| *held != invoice);
        if is_short && self.invoices.contains(&invoice) {
            self.returned.push(invoice);
            self.returned.sort_unstable();
            return !known;
        }
        false
    }

    /// The segments, each with the time it covers.
    pub fn covered(&self) -> impl Iterator<Item = (Period, Money)> {
        let starts = self.segments.iter().map(|segment| segment.from);
        let ends = starts.skip(1).chain([self.period.end]);
        self.segments.iter().zip(ends).map(|(segment, end)| {
            let part = Period {
                start: segment.from,
                end,
            };
            (part, segment.rate)
        })
    }

    /// The same with `rate` from `from` on, which is not before the last
    /// segment's start, and with `charged` in all.
    #[must_use]
    pub fn with_rate(mut self, from: Timestamp, rate: Money, charged: Money) -> Self {
        let from = from.max(self.period.start);
        self.segments.retain(|segment| segment.from < from);
        self.segments.push(Segment { from, rate });
        self.charged = charged;
        self
    }

    /// The same, moved in time as a whole: a pause came in between.
    #[must_use]
    pub fn moved(mut self, by: SignedDuration) -> Self {
        self.period.start = shifted(self.period.start, by);
        self.period.end = shifted(self.period.end, by);
        for segment in &mut self.segments {
            segment.from = shifted(segment.from, by);
        }
        self
    }
}
