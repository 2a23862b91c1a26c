//! Every bound of the engine, with the reasoning for its default.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The bounds of the engine; the defaults suit a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows that a worker claims at once. 25: small enough that a worker that
    /// dies delays little, large enough that claiming costs little.
    pub batch: u16,
    /// Deliveries that a worker claims at once. Four times as many: most tell the
    /// same purchase as others beside them, and are decided together.
    pub inbox_batch: u16,
    /// Calls to providers, and customers decided, at the same time. As many as a
    /// batch: what they wait for is the provider.
    pub in_flight: usize,
    /// How long a claim lasts: as long as a worker may wait for a place, and then for
    /// all its calls, with half a minute left for the store, so that no claim runs out
    /// under a worker that lives. Also how long an effect is leased to a caller.
    pub lease: SignedDuration,
    /// How long a call to a provider may take in all, and all calls together that are
    /// made under one claim. Half as long again may be waited before the first of them.
    pub call_timeout: Duration,
    /// How often the worker looks without being woken: the safety net under
    /// lost notifications, not the way work is found.
    pub poll: Duration,
    /// How often what was invoiced of late is asked about, of which some changes are
    /// told by nobody. 3 minutes: whoever has just paid waits no longer than that.
    pub ask_open: Duration,
    /// How long the worker goes on in one go before it looks at its surroundings.
    pub work_budget: Duration,
    /// How long a cached gate answer lives, and a license that was validated, when
    /// nothing ends it sooner: what another process decides is seen after so long at
    /// the latest.
    pub gate_cache: SignedDuration,
    /// Customers whose gate answers are cached; at some 500 bytes each, 25 MB.
    pub gate_cache_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 25,
            inbox_batch: 100,
            in_flight: 25,
            lease: SignedDuration::from_mins(2),
            call_timeout: Duration::from_mins(1),
            poll: Duration::from_mins(1),
            ask_open: Duration::from_mins(3),
            work_budget: Duration::from_secs(10),
            gate_cache: SignedDuration::from_secs(5),
            gate_cache_size: 50_000,
        }
    }
}

impl Limits {
    /// How many are worked on at once: one at least.
    pub(crate) fn places(&self) -> usize {
        self.in_flight.clamp(1, Semaphore::MAX_PERMITS)
    }

    /// Effects that are claimed before there is a place for them, as many as there are
    /// places: none waits longer than for one call, and no place stands empty while the
    /// outbox is looked into, though all calls end at once.
    pub(crate) fn ready(&self) -> usize {
        self.places()
    }

    /// How long may be waited under a claim before its calls begin: for a place, after
    /// which an effect is given back, or for what deliveries hint at.
    pub(crate) fn place_timeout(&self) -> Duration {
        self.call_timeout.checked_div(2).unwrap_or_default()
    }

    /// Until when calls may take that begin now, all together. `None`: for ever.
    pub(crate) fn calls_until(&self) -> Option<Instant> {
        Instant::now().checked_add(self.call_timeout)
    }
}

/// Attempts at a decision that others' commits overtake. Five overtakings of
/// one customer in a row mean a storm that more attempts only feed.
pub(crate) const MAX_OVERTAKEN: usize = 5;

/// When a call that got no answer is tried again, after each attempt in turn.
/// After the last, an operator is needed: an outage of most of a day is nothing
/// that a machine mends.
pub(crate) const RETRY_AFTER: [SignedDuration; 5] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(12),
];

/// How long all of those last: who has tried as often in less time has been refused.
pub(crate) const OUTAGE: SignedDuration = SignedDuration::from_mins(5 + 30 + 20 * 60);

/// How often a call is tried again whose key or settings the provider does not take, once
/// that has lasted longer than a slip: whoever mends it needs no more than that.
pub(crate) const REFUSED_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// How often a provider is asked at most for what it has refused for our key or settings,
/// however many wait for the same: sooner than the first of the waits between one's own
/// tries, so that whoever is alone is held up by nobody.
pub(crate) const DOOR_TRIED_EVERY: SignedDuration = SignedDuration::from_mins(4);

/// Attempts at such a call before an operator's word is needed to go on: the first at once
/// and after 5 and 30 minutes, then one an hour for three days, which is as long as
/// deliveries wait for the same.
pub(crate) const MAX_REFUSED: u16 = 3 + 72;

/// How soon something is told again that there was no room for, as often as it takes: as
/// soon as what failed for the first time. Who is told beside it is told again as well,
/// so that sooner would be noise.
pub(crate) const NO_ROOM_RETRY: SignedDuration = RETRY_AFTER[0];

/// Attempts at an inbox row that fails for reasons of ours before it is parked:
/// with a delay of [`INBOX_RETRY`] between them, about an hour.
pub(crate) const MAX_INBOX_ATTEMPTS: u16 = 12;

/// How long an inbox row waits that failed for reasons of ours, or whose provider did
/// not answer, a little less where many wait: so that they do not all come back at once.
pub(crate) const INBOX_RETRY: SignedDuration = SignedDuration::from_mins(5);

/// How long an inbox row waits whose provider has not answered for
/// [`MAX_INBOX_ATTEMPTS`]: that is an outage by then.
pub(crate) const OUTAGE_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Attempts at an inbox row whose provider does not answer before it is parked: the
/// first hour's, and one an hour for three days after that, which is as long as
/// providers themselves go on with a webhook that is not taken.
pub(crate) const MAX_UNANSWERED: u16 = MAX_INBOX_ATTEMPTS + 72;

/// How long a customer waits whose due work failed for reasons of ours, or
/// whose decision left it due: no loop turns faster than this.
pub(crate) const DUE_RETRY: SignedDuration = SignedDuration::from_secs(60);

/// Objects read anew for one customer in one decision.
pub(crate) const MAX_READS: usize = 16;

/// `work`, unless it takes longer than until `deadline`. `None`: it does.
pub(crate) async fn by<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a claim for the store: for loading, deciding and writing, some
    /// attempts of that included.
    const FOR_THE_STORE: Duration = Duration::from_secs(30);

    #[test]
    fn no_claim_runs_out_under_a_worker_that_lives() {
        let limits = Limits::default();
        let waits = limits.place_timeout() + limits.call_timeout + FOR_THE_STORE;
        assert!(waits <= limits.lease.unsigned_abs(), "{waits:?}");
    }
}
