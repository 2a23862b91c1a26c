//! Answers of the gate that are kept: until the instant at which they may change, a few
//! seconds at most, and no longer than to the next commit about their customer in this
//! process. Knows neither store nor feature.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use billing_domain::access::Effective;
use billing_domain::catalog::CatalogRevision;
use billing_domain::customer::Customer;
use billing_domain::ids::CustomerId;
use billing_domain::money::Money;
use billing_domain::time::{Timestamp, shifted};
use billing_domain::usage::UsagePeriod;
use billing_ports::store::Locator;
use jiff::SignedDuration;

use crate::epochs::{Epochs, Mark};

/// How a customer is named, without owning the name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    Id(CustomerId),
    External(&'a str),
}

impl Named<'_> {
    /// The same to a store.
    pub(super) fn locator(self) -> Locator {
        match self {
            Self::Id(id) => Locator::Customer(id),
            Self::External(name) => Locator::ExternalRef(name.to_owned()),
        }
    }
}

/// A cached answer.
pub(super) struct Held {
    /// What the customer holds.
    pub(super) effective: Effective,
    /// What is metered of it. `None`: nothing is.
    pub(super) used: Option<UsedHere>,
    /// What it was read by.
    pub(super) catalog: Arc<CatalogRevision>,
    /// When.
    pub(super) read_at: Timestamp,
}

/// By which rules use counts; how much was used is read each time.
pub(super) struct UsedHere {
    /// The period that lasts.
    pub(super) period: UsagePeriod,
    /// Whether anything was reported in it.
    pub(super) is_open: bool,
    /// The most that is charged for it. `None`: all that is used.
    pub(super) limit: Option<Money>,
}

/// Cached answers, bounded: two generations, the older dropped when the younger
/// is full.
pub(crate) struct GateCache {
    generations: RwLock<Generations>,
    epochs: Epochs,
    generation_size: usize,
    keep: SignedDuration,
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    held: HashMap<CustomerId, Arc<Held>>,
    by_name: HashMap<Box<str>, CustomerId>,
    /// Those whose answers depend on this customer too: members, and the accounts
    /// that a guest is attached to.
    members: HashMap<CustomerId, Vec<CustomerId>>,
    /// Answers put here, ever: what bounds all three maps.
    puts: usize,
}

impl Generation {
    fn get(&self, of: Named<'_>) -> Option<&Arc<Held>> {
        match of {
            Named::Id(id) => self.held.get(&id),
            Named::External(name) => self.held.get(self.by_name.get(name)?),
        }
    }

    fn put(&mut self, customer: &Customer, held: Arc<Held>, marks: &[Mark]) {
        let id = customer.id;
        self.puts = self.puts.saturating_add(1);
        self.held.insert(id, held);
        if let Some(name) = &customer.external_ref {
            self.by_name.insert(name.as_str().into(), id);
        }
        for beside in marks.iter().filter(|mark| mark.of != id) {
            self.members.entry(beside.of).or_default().push(id);
        }
    }

    fn forget(&mut self, id: CustomerId) {
        self.held.remove(&id);
        for member in self.members.remove(&id).unwrap_or_default() {
            self.held.remove(&member);
        }
    }
}

impl GateCache {
    /// Keeps the answers of about `size` customers, for `keep` at most.
    pub(crate) fn new(size: usize, keep: SignedDuration) -> Self {
        let generation_size = size.checked_div(2).unwrap_or(0).max(1);
        Self {
            generations: RwLock::default(),
            epochs: Epochs::default(),
            generation_size,
            keep,
        }
    }

    /// The answer for `of`, if one is kept that still holds.
    pub(super) fn get(&self, of: Named<'_>, now: Timestamp) -> Option<Arc<Held>> {
        let generations = self
            .generations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let held = generations
            .young
            .get(of)
            .or_else(|| generations.old.get(of))?;
        // A clock that was set back makes every answer of its future too old.
        let fresh = held.read_at <= now && now < shifted(held.read_at, self.keep);
        let holds = held.effective.until.is_none_or(|until| now < until);
        (fresh && holds).then(|| Arc::clone(held))
    }

    /// Noted before `id` is read.
    pub(super) fn mark(&self, id: CustomerId) -> Mark {
        self.epochs.mark(id)
    }

    /// Keeps an answer, unless it was made wrong since its marks were noted.
    pub(super) fn put(&self, customer: &Customer, held: Arc<Held>, marks: &[Mark]) {
        let mut generations = self.write();
        if !marks.iter().all(|mark| self.epochs.stands(mark)) {
            return;
        }
        if generations.young.puts >= self.generation_size {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.put(customer, held, marks);
    }

    /// A commit has made this customer's answers wrong.
    pub(crate) fn forget(&self, id: CustomerId) {
        // First, so that whatever was kept by the old count is there to be dropped.
        self.epochs.raise(id);
        let mut generations = self.write();
        generations.young.forget(id);
        generations.old.forget(id);
    }

    /// All answers are wrong.
    pub(crate) fn clear(&self) {
        self.epochs.raise_all();
        *self.write() = Generations::default();
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.generations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_domain::catalog::Catalog;
    use billing_domain::entitlement::Entitlements;
    use billing_domain::money::Currency;
    use billing_testkit::fixtures::{self, Maker};

    const KEEP: SignedDuration = SignedDuration::from_secs(5);

    fn held(read_at: Timestamp) -> Arc<Held> {
        let catalog = Catalog::builder("Acme", Currency::EUR).build().unwrap();
        Arc::new(Held {
            effective: Effective {
                plan: None,
                entitlements: Entitlements::default(),
                until: None,
                lost: Vec::new(),
            },
            used: None,
            catalog: Arc::new(CatalogRevision {
                number: 1,
                catalog,
                applied_at: read_at,
            }),
            read_at,
        })
    }

    /// Two customers whose commits are told apart.
    fn two() -> (Customer, Customer) {
        let (one, other) = (Maker::new(1).customer(), Maker::new(2).customer());
        let epochs = Epochs::default();
        let marks = [one.id, other.id].map(|id| epochs.mark(id));
        epochs.raise(one.id);
        assert_eq!(marks.map(|mark| epochs.stands(&mark)), [false, true]);
        (one, other)
    }

    #[test]
    fn an_answer_is_kept_unless_its_own_customer_was_changed_meanwhile() {
        let now = fixtures::start();
        let (one, other) = two();
        let kept = |meanwhile: &dyn Fn(&GateCache)| {
            let cache = GateCache::new(10, KEEP);
            let marks = [cache.mark(one.id)];
            meanwhile(&cache);
            cache.put(&one, held(now), &marks);
            cache.get(Named::Id(one.id), now).is_some()
        };
        assert!(kept(&|_| {}));
        assert!(kept(&|cache| cache.forget(other.id)));
        assert!(!kept(&|cache| cache.forget(one.id)));
        assert!(!kept(&|cache| cache.clear()));
    }

    #[test]
    fn a_member_is_forgotten_with_its_owner() {
        let now = fixtures::start();
        let (owner, member) = two();
        let cache = GateCache::new(10, KEEP);
        let marks = [cache.mark(member.id), cache.mark(owner.id)];
        cache.put(&member, held(now), &marks);
        assert!(cache.get(Named::Id(member.id), now).is_some());
        cache.forget(owner.id);
        assert!(cache.get(Named::Id(member.id), now).is_none());
        cache.put(&member, held(now), &marks);
        assert!(cache.get(Named::Id(member.id), now).is_none());
    }

    #[test]
    fn what_is_wrong_is_forgotten_in_both_generations() {
        let now = fixtures::start();
        let (one, other) = two();
        let cache = GateCache::new(2, KEEP);
        for customer in [&one, &other] {
            cache.put(customer, held(now), &[cache.mark(customer.id)]);
        }
        let known = |customer: &Customer| cache.get(Named::Id(customer.id), now).is_some();
        assert!(known(&one) && known(&other));
        cache.forget(one.id);
        assert!(!known(&one) && known(&other));
        cache.clear();
        assert!(!known(&other));
    }

    #[test]
    fn no_more_is_held_than_the_size_says() {
        let (now, mut make) = (fixtures::start(), Maker::new(1));
        let cache = GateCache::new(10, KEEP);
        for _ in 0..100 {
            let customer = make.customer();
            let marks = [cache.mark(customer.id)];
            // Twice, as when it is read anew.
            cache.put(&customer, held(now), &marks);
            cache.put(&customer, held(now), &marks);
            assert!(cache.get(Named::Id(customer.id), now).is_some());
            let generations = cache.write();
            for generation in [&generations.young, &generations.old] {
                assert!(generation.held.len() <= 5);
                assert!(generation.by_name.len() <= 5);
            }
        }
    }

    #[test]
    fn an_answer_ends_at_its_instant_and_a_clock_set_back_ends_it() {
        let (now, mut make) = (fixtures::start(), Maker::new(1));
        let customer = make.customer();
        let cache = GateCache::new(10, KEEP);
        let marks = [cache.mark(customer.id)];
        cache.put(&customer, held(now), &marks);
        let step = SignedDuration::from_micros(1);
        let known = |at| cache.get(Named::Id(customer.id), at).is_some();
        assert!(known(now) && known(shifted(now, KEEP - step)));
        assert!(!known(shifted(now, KEEP)));
        assert!(!known(shifted(now, -step)));
    }
}
