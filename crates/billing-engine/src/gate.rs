//! The gate: may this customer use this feature, now?
//!
//! One cached read, then a pure function. A cached answer lives until the
//! instant at which it may change, five seconds at most, and dies at once on a
//! commit in this process. Writes nothing and calls nobody.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use billing_domain::access::{Effective, Gate, Need};
use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::customer::{Account, Customer};
use billing_domain::ids::CustomerId;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Also, Locator};
use jiff::SignedDuration;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;

/// Why the gate cannot answer. A denial is an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Whether `of` may use `feature` now. With billing switched off, everything
    /// is allowed.
    ///
    /// # Errors
    ///
    /// [`GateError`] when the customer is unknown or the store fails.
    pub async fn gate(
        &self,
        of: &CustomerRef,
        feature: &str,
        need: Need<'_>,
    ) -> Result<Gate, GateError> {
        let of = match of {
            CustomerRef::Id(id) => Named::Id(*id),
            CustomerRef::External(name) => Named::External(name),
        };
        self.gate_of(of, feature, need).await
    }

    /// As [`Self::gate`], for the customer whom the host application names
    /// `external`: the name is not copied where the answer is cached.
    ///
    /// # Errors
    ///
    /// As [`Self::gate`].
    pub async fn gate_named(
        &self,
        external: &str,
        feature: &str,
        need: Need<'_>,
    ) -> Result<Gate, GateError> {
        self.gate_of(Named::External(external), feature, need).await
    }

    async fn gate_of(
        &self,
        of: Named<'_>,
        feature: &str,
        need: Need<'_>,
    ) -> Result<Gate, GateError> {
        let Ok(parts) = self.parts() else {
            return Ok(Gate::Allowed {
                limit: None,
                until: None,
            });
        };
        let now = parts.now();
        let held = match parts.gates.get(of, now) {
            Some(held) => held,
            None => parts.read_gate(of, now).await?,
        };
        let catalog = &held.catalog.catalog;
        Ok(held.effective.gate(catalog, feature, need, now))
    }
}

/// How a customer is named, without owning the name.
#[derive(Debug, Clone, Copy)]
enum Named<'a> {
    Id(CustomerId),
    External(&'a str),
}

impl Named<'_> {
    fn locator(self) -> Locator {
        match self {
            Self::Id(id) => Locator::Customer(id),
            Self::External(name) => Locator::ExternalRef(name.to_owned()),
        }
    }
}

impl Parts {
    async fn read_gate(&self, of: Named<'_>, now: Timestamp) -> Result<Arc<Held>, GateError> {
        // Noted before reading: a commit that comes in between makes the answer too old to keep.
        let epoch = self.gates.epoch();
        let catalog = self.catalog(now).await?;
        let found = self
            .store
            .find(&of.locator())
            .await
            .map_err(EngineError::from)?;
        let id = found.ok_or(GateError::NoSuchCustomer)?;
        let loaded = self
            .store
            .load(id, &Also::default())
            .await
            .map_err(EngineError::from)?;
        let account = loaded.ok_or(GateError::NoSuchCustomer)?.account;
        let effective = self.effective(&account, &catalog.catalog, now).await?;
        let held = Arc::new(Held {
            effective,
            catalog,
            read_at: now,
        });
        self.gates.put(&account.customer, Arc::clone(&held), epoch);
        Ok(held)
    }

    /// What an account holds; a member holds what its owner does, besides.
    pub(crate) async fn effective(
        &self,
        account: &Account,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Result<Effective, EngineError> {
        let Some(owner) = account.customer.member_of else {
            return Ok(Effective::of(account, catalog, now));
        };
        let Some(id) = self.store.find(&Locator::Customer(owner)).await? else {
            return Ok(Effective::of(account, catalog, now));
        };
        let Some(owner) = self.store.load(id, &Also::default()).await? else {
            return Ok(Effective::of(account, catalog, now));
        };
        let mut joined = account.clone();
        joined.subscriptions.extend(owner.account.subscriptions);
        joined.grants.extend(owner.account.grants);
        Ok(Effective::of(&joined, catalog, now))
    }
}

/// A cached answer.
pub(crate) struct Held {
    effective: Effective,
    catalog: Arc<CatalogRevision>,
    read_at: Timestamp,
}

/// Cached answers, bounded: two generations, the older dropped when the younger
/// is full.
pub(crate) struct GateCache {
    generations: RwLock<Generations>,
    generation_size: usize,
    keep: SignedDuration,
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
    /// Raised by everything that makes answers wrong.
    epoch: u64,
}

#[derive(Default)]
struct Generation {
    held: HashMap<CustomerId, Arc<Held>>,
    by_name: HashMap<Box<str>, CustomerId>,
    /// Members whose answers depend on this owner too.
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

    fn put(&mut self, customer: &Customer, held: Arc<Held>) {
        let id = customer.id;
        self.puts = self.puts.saturating_add(1);
        self.held.insert(id, held);
        if let Some(name) = &customer.external_ref {
            self.by_name.insert(name.as_str().into(), id);
        }
        if let Some(owner) = customer.member_of {
            self.members.entry(owner).or_default().push(id);
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
    pub(crate) fn new(size: usize, keep: SignedDuration) -> Self {
        let generation_size = size.checked_div(2).unwrap_or(0).max(1);
        Self {
            generations: RwLock::default(),
            generation_size,
            keep,
        }
    }

    fn get(&self, of: Named<'_>, now: Timestamp) -> Option<Arc<Held>> {
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

    fn epoch(&self) -> u64 {
        self.generations
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .epoch
    }

    fn put(&self, customer: &Customer, held: Arc<Held>, epoch: u64) {
        let mut generations = self.write();
        if generations.epoch != epoch {
            return;
        }
        if generations.young.puts >= self.generation_size {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.put(customer, held);
    }

    pub(crate) fn forget(&self, id: CustomerId) {
        let mut generations = self.write();
        generations.epoch = generations.epoch.wrapping_add(1);
        generations.young.forget(id);
        generations.old.forget(id);
    }

    pub(crate) fn clear(&self) {
        let mut generations = self.write();
        let epoch = generations.epoch.wrapping_add(1);
        *generations = Generations {
            epoch,
            ..Generations::default()
        };
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.generations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
