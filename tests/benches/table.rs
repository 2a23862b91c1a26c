//! The table, and the arithmetic of figures: whole numbers and medians, since a
//! mean believes every hiccup of the machine. Knows nothing of what is measured.

use std::fmt;
use std::time::{Duration, Instant};

/// One line.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) what: String,
    /// What it came to.
    pub(crate) measured: String,
    /// What the simplest thing that does the same came to.
    pub(crate) floor: String,
    /// The one in terms of the other.
    pub(crate) ratio: String,
    /// The target.
    pub(crate) wanted: String,
    /// Whether it is met.
    pub(crate) verdict: Verdict,
}

/// What a row says of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is met.
    Met,
    /// It is not.
    Missed,
    /// There is none: a figure, to be compared with those of other runs.
    Figure,
    /// It was not measured.
    NotMeasured,
}

impl Verdict {
    /// Of a target that is met or not.
    pub(crate) fn of(met: bool) -> Self {
        if met { Self::Met } else { Self::Missed }
    }
}

impl Row {
    /// Something that could not be measured, and why.
    pub(crate) fn skipped(what: &str, why: &str) -> Vec<Self> {
        vec![Self {
            what: what.to_owned(),
            measured: why.to_owned(),
            floor: none(),
            ratio: none(),
            wanted: none(),
            verdict: Verdict::NotMeasured,
        }]
    }

    /// A figure without a target.
    pub(crate) fn figure(what: String, measured: String) -> Self {
        Self {
            what,
            measured,
            floor: none(),
            ratio: none(),
            wanted: none(),
            verdict: Verdict::Figure,
        }
    }

    /// Rates beside each other, round by round.
    pub(crate) fn rates(what: String, rounds: &[Pair], wanted: u64) -> Self {
        let ratio = median(rounds.iter().map(Pair::ratio));
        Self {
            what,
            measured: format!("{} /s", median(rounds.iter().map(|pair| pair.ours))),
            floor: format!("{} /s", median(rounds.iter().map(|pair| pair.floor))),
            ratio: hundredths(ratio),
            wanted: format!("≥ {}", hundredths(wanted)),
            verdict: Verdict::of(ratio >= wanted),
        }
    }

    /// Microseconds beside each other, round by round; at most `wanted` hundredths.
    pub(crate) fn times(what: String, rounds: &[Pair], wanted: u64) -> Self {
        let ratio = median(rounds.iter().map(Pair::ratio));
        let shown = |side: fn(&Pair) -> u64| format!("{} µs", median(rounds.iter().map(side)));
        Self {
            what,
            measured: shown(|pair| pair.ours),
            floor: shown(|pair| pair.floor),
            ratio: hundredths(ratio),
            wanted: format!("≤ {}", hundredths(wanted)),
            verdict: Verdict::of(ratio <= wanted),
        }
    }

    fn cells(&self) -> [String; 6] {
        let verdict = match self.verdict {
            Verdict::Met => "met".to_owned(),
            Verdict::Missed => "missed".to_owned(),
            Verdict::Figure => none(),
            Verdict::NotMeasured => "not measured".to_owned(),
        };
        [
            self.what.clone(),
            self.measured.clone(),
            self.floor.clone(),
            self.ratio.clone(),
            self.wanted.clone(),
            verdict,
        ]
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cells().join(" | "))
    }
}

/// A cell with nothing in it.
pub(crate) fn none() -> String {
    "–".to_owned()
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Extend<Row> for Table {
    fn extend<T: IntoIterator<Item = Row>>(&mut self, rows: T) {
        self.0.extend(rows);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| what | measured | compared with | ratio | wanted | verdict |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for row in &self.0 {
            writeln!(f, "| {row} |")?;
        }
        Ok(())
    }
}

/// Rates of one round, a second: ours, and the floor's just before or after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) ours: u64,
    pub(crate) floor: u64,
}

impl Pair {
    /// Ours in hundredths of the floor.
    fn ratio(&self) -> u64 {
        in_hundredths(self.ours, self.floor)
    }
}

/// `of` in hundredths of `whole`.
pub(crate) fn in_hundredths(of: u64, whole: u64) -> u64 {
    of.saturating_mul(100) / whole.max(1)
}

/// Hundredths as a factor.
pub(crate) fn hundredths(value: u64) -> String {
    format!("{}.{:02} ×", value / 100, value % 100)
}

/// The middle one, the lower of two.
pub(crate) fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0)
}

/// How many a second.
pub(crate) fn per_second(count: usize, took: Duration) -> u64 {
    let count = u128::try_from(count).unwrap();
    let rate = count * 1_000_000_000 / took.as_nanos().max(1);
    rate.try_into().unwrap()
}

/// The stopwatch.
#[expect(clippy::disallowed_methods, reason = "what passes is what is measured")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
