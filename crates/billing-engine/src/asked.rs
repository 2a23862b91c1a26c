//! Licenses that were asked about lately: an application that validates again and
//! again does not cost a load each time.
//!
//! What is held lives as long as a gate's answer at most, and dies at once on a
//! commit in this process. Whether it is good is not held: that follows from what
//! is, and from the time.

use std::sync::{Arc, PoisonError, RwLock};

use billing_domain::ids::{CustomerId, LicenseId};
use billing_domain::invoice::Unpayable;
use billing_domain::license::License;
use billing_domain::subscription::Subscription;
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;

use crate::epochs::{Epochs, Mark};
use crate::generations::Generations;

/// Licenses of one generation, of which there are two: together some 40 MB, at 2 kB
/// each. Those that are asked about within seconds are far fewer.
const GENERATION: usize = 10_000;

/// A license and the subscription whose plan it shows, as they were read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) license: License,
    pub(crate) held: Subscription,
    /// While its open cycle could not be paid.
    pub(crate) unpayable: Unpayable,
    read_at: Timestamp,
    mark: Mark,
}

/// The licenses that were asked about lately.
pub(crate) struct AskedLately {
    generations: RwLock<Generations<LicenseId, Arc<Asked>>>,
    epochs: Epochs,
    keep: SignedDuration,
}

impl AskedLately {
    pub(crate) fn new(keep: SignedDuration) -> Self {
        Self {
            generations: RwLock::new(Generations::of(GENERATION)),
            epochs: Epochs::default(),
            keep,
        }
    }

    /// The license as it was read a moment ago. `None`: read it.
    pub(crate) fn get(&self, id: LicenseId, now: Timestamp) -> Option<Arc<Asked>> {
        let generations = self
            .generations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let asked = generations.get(&id)?;
        // A clock that was set back makes everything of its future too old.
        let fresh = asked.read_at <= now && now < shifted(asked.read_at, self.keep);
        (fresh && self.epochs.stands(&asked.mark)).then(|| Arc::clone(asked))
    }

    /// To be noted before a customer is read: a commit that comes in between makes
    /// what was read too old to be held.
    pub(crate) fn mark(&self, of: CustomerId) -> Mark {
        self.epochs.mark(of)
    }

    /// Keeps a license that was read at `now`, after `mark` was noted.
    pub(crate) fn put(
        &self,
        license: License,
        held: Subscription,
        unpayable: Unpayable,
        mark: Mark,
        now: Timestamp,
    ) {
        let id = license.id;
        let asked = Asked {
            license,
            held,
            unpayable,
            read_at: now,
            mark,
        };
        let mut generations = self
            .generations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        generations.put(id, Arc::new(asked));
    }

    /// Whatever is held of a customer is wrong from now on.
    pub(crate) fn forget(&self, of: CustomerId) {
        self.epochs.raise(of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_domain::license::LicenseState;
    use billing_domain::subscription::State;
    use billing_testkit::fixtures::{Maker, start};

    const KEEP: SignedDuration = SignedDuration::from_secs(5);

    fn read(make: &mut Maker) -> (License, Subscription) {
        let customer = make.id();
        let held = make.subscription(customer, State::Active);
        let license = License {
            id: make.id(),
            subscription: held.id,
            serial: 0,
            state: LicenseState::Good,
            issued_at: make.now,
            machines: Vec::new(),
        };
        (license, held)
    }

    #[test]
    fn what_was_read_is_held_for_its_time_and_until_a_commit() {
        let (asked, mut make) = (AskedLately::new(KEEP), Maker::new(1));
        let (license, held) = read(&mut make);
        let (id, customer) = (license.id, held.customer);
        let unpayable = Unpayable::default();
        let put = |mark| asked.put(license.clone(), held.clone(), unpayable, mark, start());
        put(asked.mark(customer));
        let is_held = |at| asked.get(id, at).is_some();
        let nearly = KEEP - SignedDuration::from_micros(1);
        assert!(is_held(start()) && is_held(start() + nearly));
        assert!(!is_held(start() + KEEP), "too old");
        assert!(
            !is_held(start() - SignedDuration::from_micros(1)),
            "of the future"
        );
        asked.forget(customer);
        assert!(!is_held(start()), "a commit came after it was read");
        let before = asked.mark(customer);
        asked.forget(customer);
        put(before);
        assert!(!is_held(start()), "a commit came while it was read");
        put(asked.mark(customer));
        assert!(is_held(start()));
    }

    #[test]
    fn no_more_is_held_than_two_generations() {
        let (asked, mut make) = (AskedLately::new(KEEP), Maker::new(1));
        let (license, held) = read(&mut make);
        let ids: Vec<LicenseId> = (0..3 * GENERATION).map(|_| make.id()).collect();
        for id in &ids {
            let license = License {
                id: *id,
                ..license.clone()
            };
            let mark = asked.mark(held.customer);
            asked.put(license, held.clone(), Unpayable::default(), mark, start());
        }
        let known = ids.iter().filter(|id| asked.get(**id, start()).is_some());
        assert_eq!(known.count(), 2 * GENERATION);
    }
}
