//! Customers who were loaded lately: whoever asks again and again what a change
//! costs does not cost a load each time.
//!
//! Nothing held here is believed by itself. What is worked out from it is stored
//! only while the customer stands at the same revision, so that it makes no
//! difference how old it is, or which process has decided since.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billing_domain::ids::CustomerId;
use billing_ports::store::Loaded;

use crate::generations::Generations;

/// Customers of one generation, of which there are two: together some 20 MB, at
/// 10 kB each. A process quotes to far fewer buyers within a minute.
const GENERATION: usize = 1_000;

/// The customers who were loaded lately.
pub(crate) struct Recent {
    generations: Mutex<Generations<CustomerId, Arc<Loaded>>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            generations: Mutex::new(Generations::of(GENERATION)),
        }
    }
}

impl Recent {
    /// The customer as it was when it was last loaded. `None`: load it.
    pub(crate) fn get(&self, id: CustomerId) -> Option<Arc<Loaded>> {
        self.lock().get(&id).cloned()
    }

    /// Keeps a customer that was loaded.
    pub(crate) fn put(&self, loaded: Arc<Loaded>) {
        let id = loaded.account.customer.id;
        self.lock().put(id, loaded);
    }

    /// Drops a customer who stands elsewhere by now.
    pub(crate) fn forget(&self, id: CustomerId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Generations<CustomerId, Arc<Loaded>>> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_domain::customer::Account;
    use billing_ports::store::Revision;
    use billing_testkit::fixtures::Maker;

    fn loaded(make: &mut Maker) -> Arc<Loaded> {
        Arc::new(Loaded {
            account: Account::new(make.customer()),
            revision: Revision(1),
        })
    }

    #[test]
    fn who_is_forgotten_is_gone_from_both_generations() {
        let (recent, mut make) = (Recent::default(), Maker::new(1));
        let first = loaded(&mut make);
        let id = first.account.customer.id;
        recent.put(Arc::clone(&first));
        for _ in 0..GENERATION {
            recent.put(loaded(&mut make));
        }
        assert_eq!(recent.get(id), Some(Arc::clone(&first)), "of the older");
        recent.put(first);
        recent.forget(id);
        assert_eq!(recent.get(id), None);
    }

    #[test]
    fn no_more_is_held_than_two_generations() {
        let (recent, mut make) = (Recent::default(), Maker::new(1));
        let held: Vec<_> = (0..3 * GENERATION).map(|_| loaded(&mut make)).collect();
        for one in &held {
            recent.put(Arc::clone(one));
        }
        let known = held
            .iter()
            .filter(|one| recent.get(one.account.customer.id).is_some());
        assert_eq!(known.count(), 2 * GENERATION);
    }
}
