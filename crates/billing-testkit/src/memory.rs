//! A store in memory, under the same laws as those that keep data.
//!
//! One mutex over sorted maps: every call is a transaction by itself. It keeps
//! nothing when it is dropped, and can be told to fail, before or after having
//! written. Decides nothing.

mod acts;
mod bookmarks;
mod books;
mod catalogs;
mod codes;
mod commit;
mod credentials;
mod endpoints;
mod faults;
mod mail;
mod migrations;
mod queue;
mod quotes;
mod reads;
mod ring;
mod snapshot;
mod sweep;
mod usages;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billing_domain::ids::{ActId, CustomerId, MigrationId, QuoteId};
use billing_domain::provider::ProviderAccount;
use billing_domain::quote::Quote;
use billing_ports::store::{Act, Book, Bookmark, KeptAct, MigrationRow, StoreError};
use tokio::sync::Notify;

pub use faults::{Call, Fault, FaultPlan};
pub use snapshot::{HeldAccount, HeldDelivery, HeldEffect, RowState, Snapshot};

use books::Books;
use codes::Drawer;
use credentials::Vault;
use endpoints::Switchboard;
use faults::Faults;
use mail::Mail;
use usages::Meters;

/// A store in memory. Its clones are the same store.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use billing_ports::store::Ring;
/// use billing_testkit::{MemoryStore, fixtures};
///
/// let store = MemoryStore::new();
/// let mut make = fixtures::Maker::new(1);
/// let account = make.subscriber();
/// store.commit(fixtures::creation(&account, make.now)).await.unwrap();
/// assert_eq!(store.snapshot().accounts[0].account, account);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Inner>,
    /// What is kept with the first thing that is written. `None`: nobody acts.
    act: Option<Arc<Act>>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

/// Everything, under the one mutex.
#[derive(Debug, Default)]
struct State {
    books: Books,
    mail: Mail,
    vault: Vault,
    catalogs: Vec<billing_domain::catalog::CatalogRevision>,
    quotes: BTreeMap<QuoteId, Quote>,
    bookmarks: BTreeMap<(ProviderAccount, Book), Bookmark>,
    codes: Drawer,
    endpoints: Switchboard,
    migrations: BTreeMap<MigrationId, MigrationRow>,
    acts: BTreeMap<ActId, KeptAct>,
    meters: Meters,
    faults: Faults,
    loads: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything it holds, for assertions. Fails by no fault.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.lock())
    }

    /// How often a customer was loaded.
    #[must_use]
    pub fn loads(&self) -> u64 {
        self.lock().loads
    }

    /// Fails the next call of a kind, once. Several wait for one call each, in
    /// the order in which they were asked for.
    pub fn fail_next(&self, call: Call, fault: Fault) {
        self.lock().faults.add(call, fault);
    }

    /// Fails calls by chance from now on. `None`: no longer.
    pub fn set_fault_plan(&self, plan: Option<FaultPlan>) {
        self.lock().faults.follow(plan);
    }

    /// How many calls have failed by a fault, so that a test can tell that any did.
    #[must_use]
    pub fn faults_given(&self) -> u64 {
        self.lock().faults.given()
    }

    /// How often each kind of call was made so far.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.lock().faults.calls()
    }

    /// One call as one transaction, with the fault that falls on it.
    fn call<T, E: From<StoreError>>(
        &self,
        call: Call,
        work: impl FnOnce(&mut State) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut state = self.lock();
        match state.faults.draw(call) {
            None => work(&mut state),
            Some(Fault::Before) => Err(faults::unavailable("nothing was written").into()),
            Some(Fault::After) => {
                // A refusal is lost as well as an answer: the caller knows nothing.
                drop(work(&mut state));
                Err(faults::unavailable("the answer was lost").into())
            }
        }
    }

    /// One call that may write, and with it what an operator does, if one acts. `wrote` says
    /// whether anything was written.
    fn record<T, E: From<StoreError>>(
        &self,
        call: Call,
        customer: Option<CustomerId>,
        wrote: impl FnOnce(&T) -> bool,
        work: impl FnOnce(&mut State) -> Result<T, E>,
    ) -> Result<T, E> {
        self.call(call, |state| {
            let done = work(state)?;
            if let Some(act) = self.act.as_deref().filter(|_| wrote(&done)) {
                let kept = || KeptAct {
                    act: act.clone(),
                    customer,
                };
                state.acts.entry(act.id).or_insert_with(kept);
            }
            Ok(done)
        })
    }

    /// Wakes whoever waits for work, and whoever comes next.
    fn wake(&self) {
        self.inner.changed.notify_waiters();
        self.inner.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
