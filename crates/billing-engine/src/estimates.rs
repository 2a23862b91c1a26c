//! What providers said lately that changes would cost. For lists alone, which are
//! looked at again and again: a quote is always asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use billing_domain::effect::Preview;
use billing_domain::ids::SubscriptionId;
use billing_domain::time::Timestamp;
use jiff::SignedDuration;

use crate::generations::Generations;

/// How long an estimate is shown: about as long as somebody looks at a list. In that
/// time what is prorated moves by less than a cent of a hundred a month.
const SHOWN_FOR: SignedDuration = SignedDuration::from_mins(1);

/// Estimates of one generation, of which there are two: together a few megabytes.
const GENERATION: usize = 4_000;

/// The change of a subscription, by the digest of all that prices it.
type Key = (SubscriptionId, String);

/// What was said of a change, and when. `None`: the provider did not say.
type Said = (Timestamp, Option<Preview>);

/// Whether a provider was asked of a change lately.
pub(crate) enum Estimate {
    /// It was not: it is to be asked.
    NotAsked,
    /// It was, and did not say.
    NotSaid,
    /// It said so.
    Said(Preview),
}

/// What changes would cost, as it was said lately.
pub(crate) struct Estimates {
    said: Mutex<Generations<Key, Said>>,
}

impl Default for Estimates {
    fn default() -> Self {
        Self {
            said: Mutex::new(Generations::of(GENERATION)),
        }
    }
}

impl Estimates {
    /// What was said of this change.
    pub(crate) fn get(&self, of: &Key, now: Timestamp) -> Estimate {
        let held = self.lock().get(of).cloned();
        let fresh = held.filter(|(at, _)| now >= *at && now.duration_since(*at) < SHOWN_FOR);
        match fresh {
            None => Estimate::NotAsked,
            Some((_, None)) => Estimate::NotSaid,
            Some((_, Some(preview))) => Estimate::Said(preview),
        }
    }

    /// Keeps what was said of it.
    pub(crate) fn put(&self, of: Key, now: Timestamp, said: Option<Preview>) {
        self.lock().put(of, (now, said));
    }

    fn lock(&self) -> MutexGuard<'_, Generations<Key, Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
