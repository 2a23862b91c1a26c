//! What the behaviors share: making customers, asking for work, acting together.

use std::future::Future;
use std::sync::Barrier;

use billing_domain::customer::Account;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::Store;
use billing_ports::store::{
    Also, Claiming, CommitError, InboxItem, Loaded, OutboxItem, Received, Revision,
};
use jiff::SignedDuration;
use tokio::runtime::Handle;

use crate::fixtures::{self, Maker};

/// How many callers act at the same instant where the law is about a race:
/// more than the cores of any machine that runs this, so that they do meet.
pub(super) const CALLERS: usize = 16;

/// How long a claim lasts in these tests.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// More than any of these tests puts into a queue.
pub(super) const PLENTY: u16 = 1000;

/// `start` and some seconds.
pub(super) fn second(seconds: i64) -> Timestamp {
    shifted(fixtures::start(), SignedDuration::from_secs(seconds))
}

/// Asks for everything there is at `now`.
pub(super) const fn everything(now: Timestamp) -> Claiming {
    Claiming {
        now,
        lease: LEASE,
        limit: PLENTY,
    }
}

/// Stores a new customer.
pub(super) async fn create(store: &dyn Store, account: &Account, at: Timestamp) -> Revision {
    store
        .commit(fixtures::creation(account, at))
        .await
        .expect("a new customer is stored")
}

/// A stored customer who holds nothing.
pub(super) async fn newcomer(store: &dyn Store, make: &mut Maker) -> Loaded {
    let account = make.account();
    let revision = create(store, &account, make.now).await;
    Loaded { account, revision }
}

/// The customer as the store has it, open things only.
pub(super) async fn reload(store: &dyn Store, account: &Account) -> Loaded {
    store
        .load(account.customer.id, &Also::default())
        .await
        .expect("the store answers")
        .expect("the customer is known")
}

/// Stores something that arrived and gives it back claimed.
pub(super) async fn receive_and_claim(
    store: &dyn Store,
    make: &mut Maker,
    delivery: billing_ports::Delivery,
) -> InboxItem {
    let id = make.id();
    let received = store.receive(id, delivery, make.now).await;
    assert_eq!(received, Ok(Received::New(id)));
    let mut claimed = claim_inbox(store, make.now).await;
    assert_eq!(claimed.len(), 1, "only the new row waits");
    claimed.remove(0)
}

/// Claims every inbox row there is at `now`.
pub(super) async fn claim_inbox(store: &dyn Store, now: Timestamp) -> Vec<InboxItem> {
    store
        .claim_inbox(everything(now))
        .await
        .expect("inbox is claimed")
}

/// Claims every effect that is due at `now`.
pub(super) async fn claim_outbox(store: &dyn Store, now: Timestamp) -> Vec<OutboxItem> {
    store
        .claim_outbox(everything(now))
        .await
        .expect("outbox is claimed")
}

/// Whether a commit was refused because a name was taken.
pub(super) fn taken(what: billing_ports::store::Taken) -> Result<Revision, CommitError> {
    Err(CommitError::Taken { what })
}

/// Does `work` at the same instant on threads of their own; gives the answers
/// in no order. Threads, since tasks of one thread never race in a store that
/// does not wait.
pub(super) fn together<T, F>(callers: usize, work: impl Fn(usize) -> F + Sync) -> Vec<T>
where
    T: Send,
    F: Future<Output = T>,
{
    let runtime = Handle::current();
    let gate = Barrier::new(callers);
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..callers)
                .map(|caller| {
                    let (runtime, gate, work) = (&runtime, &gate, &work);
                    scope.spawn(move || {
                        gate.wait();
                        runtime.block_on(work(caller))
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no caller panics"))
                .collect()
        })
    })
}
