//! Faults on demand: what a network and a provider do on a bad day.
//!
//! A queue for tests that want one fault exactly, and a seeded source for
//! simulations that want many, repeatably. Knows nothing of what is called.

use std::collections::VecDeque;

use jiff::SignedDuration;

/// Something that goes wrong once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The next order is refused with this code.
    Refuse {
        /// The refusal's code.
        code: String,
    },
    /// The next call does not reach the sandbox; the caller knows that.
    NotReached,
    /// The next call times out before anything was done; the caller cannot know.
    TimeOutBefore,
    /// The next call is done and its answer lost; the caller cannot know.
    LoseAnswer,
    /// The next event is delivered twice.
    DeliverTwice,
    /// The next event is delivered this much later.
    DeliverLate(SignedDuration),
    /// The next event is lost for ever: only reconciliation finds it.
    Drop,
    /// The next event is delivered after the one that follows it.
    Reorder,
}

impl Fault {
    const fn meets(&self, occasion: Occasion) -> bool {
        match self {
            Self::Refuse { .. } => matches!(occasion, Occasion::Perform),
            Self::NotReached | Self::TimeOutBefore | Self::LoseAnswer => {
                matches!(occasion, Occasion::Perform | Occasion::Read)
            }
            Self::DeliverTwice | Self::DeliverLate(_) | Self::Drop | Self::Reorder => {
                matches!(occasion, Occasion::Deliver)
            }
        }
    }
}

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// An order is performed.
    Perform,
    /// An object is read.
    Read,
    /// An event is sent for the first time.
    Deliver,
}

/// How often things go wrong, each in thousandths of the calls or deliveries.
///
/// The rates of calls and those of deliveries each add up to 1000 at most;
/// what is above never happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Orders refused with code `sandbox_fault`.
    pub refuse: u16,
    /// Calls that do not arrive, known to the caller.
    pub not_reached: u16,
    /// Calls that time out before anything was done.
    pub time_out_before: u16,
    /// Calls that are done and whose answer is lost.
    pub lose_answer: u16,
    /// Events delivered twice.
    pub deliver_twice: u16,
    /// Events delivered late, by a quarter of an hour to four hours.
    pub deliver_late: u16,
    /// Events lost for ever.
    pub drop: u16,
    /// Events delivered after their follower.
    pub reorder: u16,
}

/// What goes wrong next.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    queue: VecDeque<Fault>,
    seeded: Option<(SplitMix64, FaultRates)>,
}

impl FaultPlan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These go wrong, each at the next occasion that it fits, in this order.
    #[must_use]
    pub fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self {
            queue: faults.into_iter().collect(),
            seeded: None,
        }
    }

    /// Things go wrong at these rates; the same seed repeats the same choices.
    #[must_use]
    pub fn seeded(seed: u64, rates: FaultRates) -> Self {
        Self {
            queue: VecDeque::new(),
            seeded: Some((SplitMix64(seed), rates)),
        }
    }

    /// Adds one fault; the queue comes before the seeded ones.
    pub fn push(&mut self, fault: Fault) {
        self.queue.push_back(fault);
    }

    /// How many queued faults have not happened yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// What goes wrong now, if anything.
    pub(crate) fn take(&mut self, occasion: Occasion) -> Option<Fault> {
        if let Some(place) = self.queue.iter().position(|fault| fault.meets(occasion)) {
            return self.queue.remove(place);
        }
        let (source, rates) = self.seeded.as_mut()?;
        draw(source, rates, occasion)
    }
}

/// The shortest and the longest seeded delay: longer than the first retries of a
/// delivery, shorter than a day, so that periods and retries overlap with it.
const LATE_MINUTES: std::ops::RangeInclusive<u64> = 15..=240;

fn draw(source: &mut SplitMix64, rates: &FaultRates, occasion: Occasion) -> Option<Fault> {
    let refuse = Fault::Refuse {
        code: "sandbox_fault".to_owned(),
    };
    let roll = source.below(1000);
    let choices = match occasion {
        Occasion::Perform | Occasion::Read => [
            (rates.refuse, refuse),
            (rates.not_reached, Fault::NotReached),
            (rates.time_out_before, Fault::TimeOutBefore),
            (rates.lose_answer, Fault::LoseAnswer),
        ],
        Occasion::Deliver => {
            let span = LATE_MINUTES.end().saturating_sub(*LATE_MINUTES.start());
            let minutes = source.below(span).saturating_add(*LATE_MINUTES.start());
            let late = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(0));
            [
                (rates.deliver_twice, Fault::DeliverTwice),
                (rates.deliver_late, Fault::DeliverLate(late)),
                (rates.drop, Fault::Drop),
                (rates.reorder, Fault::Reorder),
            ]
        }
    };
    let mut bound = 0u64;
    choices
        .into_iter()
        .find(|(rate, _)| {
            bound = bound.saturating_add(u64::from(*rate));
            roll < bound
        })
        .map(|(_, fault)| fault)
        .filter(|fault| fault.meets(occasion))
}

/// A small, well-mixed sequence (Steele, Lea and Flood, 2014): repeatable, and
/// good enough to choose faults by.
#[derive(Debug, Clone)]
struct SplitMix64(u64);

impl SplitMix64 {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queued_fault_waits_for_its_occasion() {
        let refuse = Fault::Refuse { code: "x".into() };
        let mut plan = FaultPlan::of([Fault::Drop, refuse.clone(), Fault::LoseAnswer]);
        assert_eq!(plan.take(Occasion::Read), Some(Fault::LoseAnswer));
        assert_eq!(plan.take(Occasion::Read), None);
        assert_eq!(plan.take(Occasion::Perform), Some(refuse));
        assert_eq!(plan.take(Occasion::Deliver), Some(Fault::Drop));
        assert_eq!(plan.pending(), 0);
    }

    #[test]
    fn seeded_faults_repeat_and_keep_their_rates() {
        let rates = FaultRates {
            lose_answer: 100,
            drop: 50,
            refuse: 10,
            ..FaultRates::default()
        };
        let run = |seed| {
            let mut plan = FaultPlan::seeded(seed, rates);
            (0..10_000)
                .map(|_| (plan.take(Occasion::Perform), plan.take(Occasion::Deliver)))
                .collect::<Vec<_>>()
        };
        let one = run(7);
        assert_eq!(one, run(7));
        assert_ne!(one, run(8));
        let lost = one
            .iter()
            .filter(|(call, _)| *call == Some(Fault::LoseAnswer))
            .count();
        let dropped = one
            .iter()
            .filter(|(_, sent)| *sent == Some(Fault::Drop))
            .count();
        assert!((850..1150).contains(&lost), "{lost}");
        assert!((400..600).contains(&dropped), "{dropped}");
        let mut plan = FaultPlan::seeded(
            7,
            FaultRates {
                refuse: 1000,
                ..rates
            },
        );
        assert_eq!(plan.take(Occasion::Read), None, "a read cannot be refused");
    }

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut source = SplitMix64(1_234_567);
        assert_eq!(source.next(), 6_457_827_717_110_365_317);
        assert_eq!(source.next(), 3_203_168_211_198_807_973);
    }
}
