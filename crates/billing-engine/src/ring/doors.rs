//! Doors that are shut: what a provider has just refused for our key or settings is not asked
//! of it again by each of those who wait for the same, but by one of them, now and then.
//! Knows no call, and of no other process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billing_domain::effect::Order;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Timestamp, shifted};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::limits::DOOR_TRIED_EVERY;

/// The doors of every provider, by what is asked there: a key may be good for one thing,
/// and too little for another.
#[derive(Debug, Default)]
pub(crate) struct Doors(Mutex<BTreeMap<(ProviderAccount, &'static str), Door>>);

/// One of them: when it is tried next. `None`: it is open.
type Door = Arc<Turn<Option<Timestamp>>>;

/// Whether something may be asked.
pub(super) enum Entry {
    /// As anything.
    Open(Door),
    /// For all who wait: they hear of nothing before this one does.
    Trying(OwnedMutexGuard<Option<Timestamp>>),
    /// It was refused a moment ago.
    Shut,
}

impl Doors {
    /// Goes to a door. Where another is trying it, that is waited for, so long at most.
    pub(super) async fn enter(
        &self,
        account: &ProviderAccount,
        order: &Order,
        now: Timestamp,
        wait: Duration,
    ) -> Entry {
        let door = self.of(account, order);
        let Ok(next) = tokio::time::timeout(wait, door.clone().lock_owned()).await else {
            return Entry::Shut;
        };
        match *next {
            None => Entry::Open(door),
            Some(at) if now < at => Entry::Shut,
            Some(_) => Entry::Trying(next),
        }
    }

    fn of(&self, account: &ProviderAccount, order: &Order) -> Door {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = (account.clone(), order.kind());
        doors.entry(named).or_default().clone()
    }
}

impl Entry {
    /// What came of asking at `now`. `None`: nobody answered, which says nothing.
    pub(super) async fn heard(self, is_refused: Option<bool>, now: Timestamp) {
        let Some(is_refused) = is_refused else {
            return;
        };
        let next = is_refused.then(|| shifted(now, DOOR_TRIED_EVERY));
        match self {
            Self::Open(_) if !is_refused => {}
            Self::Open(door) => *door.lock().await = next,
            Self::Trying(mut door) => *door = next,
            Self::Shut => {}
        }
    }
}
