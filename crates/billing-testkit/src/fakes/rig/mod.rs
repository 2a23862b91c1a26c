//! What every fake provider stands on: a server on loopback, a clock that is
//! moved by hand, ordered faults, a log of requests, outgoing webhooks, books.
//!
//! Knows no provider: a fake implements [`Provider`], and the rig does the rest.
//!
//! What happens when a request arrives:
//!
//! 1. It is written into the [`RequestLog`].
//! 2. Paths that begin with `/_` are the rig's own, for tests and for people.
//! 3. Work that has come due by the clock is done.
//! 4. A bad key is answered as the provider does.
//! 5. [`Provider::enter`] may answer at once: a replay, a key in use.
//! 6. The next fault that fits strikes, before or after the effect.
//! 7. [`Provider::answer`] does the work and answers.

mod books;
mod clock;
mod control;
mod deliver;
mod fault;
mod log;
mod outbox;
mod serve;
mod sign;
mod strike;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;
use serde_json::Value;

pub use books::{Account, Books};
pub use clock::FakeClock;
pub(in crate::fakes) use deliver::send;
pub use deliver::{DELIVERY_ATTEMPTS, DeliverError};
pub use fault::{Fault, FaultKind, FaultPlan, SLOW_MAX_MILLIS, Stage};
pub use log::{Recorded, RequestLog};
pub use outbox::{Outbox, SignedWebhook, Signer, Webhook};
pub use serve::{Bound, Rig, StartError};
pub use sign::hmac_sha256_hex;
pub use wire::{Answer, Incoming};

/// Steps that one move of the clock may take. A year of a thousand monthly
/// subscriptions with all their invoices stays below; an endless chain does not.
const STEPS_MAX: u32 = 100_000;

/// A fake provider, to be served by a [`Rig`].
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Whether the request carries the right key.
    fn authorized(&self, request: &Incoming) -> bool;

    /// The provider's answer to a bad key.
    fn unauthorized(&self, request: &Incoming) -> Answer;

    /// Looks at a request before faults and effects. `Some`: answered already,
    /// as a replay or a refusal; [`Self::leave`] is not called then.
    fn enter(&self, _request: &Incoming) -> Option<Answer> {
        None
    }

    /// Does the work and answers.
    fn answer(&self, request: &Incoming) -> Answer;

    /// A request that [`Self::enter`] let in ends. `answer` is what the work
    /// came to or, where a server error struck, that error; `None` when the
    /// work was never begun.
    fn leave(&self, _request: &Incoming, _answer: Option<&Answer>) {}

    /// The provider's own words for a fault that is an answer of its API.
    fn refusal(&self, request: &Incoming, kind: &FaultKind) -> Answer;

    /// When something happens by itself next. `None`: nothing will.
    fn next_due(&self) -> Option<Timestamp>;

    /// Does what is due by now.
    fn run_due(&self);

    /// An act of a person or a bank, by name, as `POST /_act/{name}` asks for it.
    ///
    /// # Errors
    ///
    /// What was wrong with it, for the person who asked.
    fn act(&self, name: &str, body: &Value) -> Result<Value, String>;

    /// A page for people, as `GET /_page/{path}` or a payment link shows it.
    /// `None`: no such page.
    fn page(&self, _request: &Incoming) -> Option<Answer> {
        None
    }

    /// How often and how much everybody was charged, and how much there is of everything.
    fn books(&self) -> Books;
}

/// Moves `clock` to `target`, stopping wherever `provider` has something to do.
/// Back in time nothing is undone.
pub fn advance_to(provider: &dyn Provider, clock: &FakeClock, target: Timestamp) {
    for _step in 0..STEPS_MAX {
        let due = provider.next_due().filter(|due| *due <= target);
        let Some(due) = due else { break };
        clock.set(due.max(clock.now()));
        provider.run_due();
    }
    clock.set(target);
}

/// Does what has come due by `clock` as it stands.
pub(crate) fn catch_up(provider: &dyn Provider, clock: &FakeClock) {
    for _step in 0..STEPS_MAX {
        let now = clock.now();
        if provider.next_due().is_none_or(|due| due > now) {
            return;
        }
        provider.run_due();
    }
}

/// Where `clock` stands after `by`.
#[must_use]
pub fn after(clock: &FakeClock, by: SignedDuration) -> Timestamp {
    shifted(clock.now(), by)
}

/// The guard of `mutex`; what a panicking test left behind is still readable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a fake listens.
#[must_use]
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
