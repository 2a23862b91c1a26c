//! Reading a provider's own books: what happened there since they were last
//! read, and how its subscriptions stand. A webhook that was lost leads to the
//! same state as one that came.
//!
//! A go is bounded and goes on where the one before ended. What is read is
//! received like a webhook, and decided by the worker.

mod adopt;
mod buyers;
mod events;
mod subscriptions;
mod unlisted;

use std::future::Future;
use std::time::Duration;

use billing_domain::audit::Drift;
use billing_domain::ids::CustomerId;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::store::{Book, Bookmark};
use billing_ports::{PaymentProvider, PerformError};
use jiff::SignedDuration;
use tokio::time::Instant;

pub use adopt::{Adopted, Adoptee, Adopting, Adoption};
pub(crate) use unlisted::Sweeps;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// Pages of one book in one go: 10 000 rows where a page has a hundred. The rest
/// follows with the next go, from where this one ended.
const MAX_PAGES: usize = 100;

/// Pages of a dry run, which keeps no place to go on from: a million rows.
const MAX_DRY_PAGES: usize = 10_000;

/// Subscriptions of one go that are only hinted at and have to be read, a call or
/// two each: a provider's limits are counted by the minute.
const MAX_READS: u64 = 1_000;

/// How long the worker reads one book in one go; the next one goes on where this ended.
/// What it decides and performs goes on meanwhile.
const TICK_TIME: Duration = Duration::from_mins(10);

/// How long a place in a book is believed in: what it names may be gone after days,
/// and then the book is begun anew.
const PLACE_LIVES: SignedDuration = SignedDuration::from_hours(48);

/// How often a provider's subscriptions are read through by the worker: what its
/// events told is looked at every hour, and what events did not tell is rare.
const SUBSCRIPTIONS_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Events without a sense that one go names; how many had not come is counted besides.
const MAX_NAMED: usize = 100;

/// What reading a provider's books came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reread {
    /// Events that were read.
    pub events: u64,
    /// Those of them that had not come.
    pub lost: u64,
    /// Those of these of which it cannot be said what they are about, the first hundred:
    /// each is received, and set aside for a person.
    pub unreadable: Vec<LostEvent>,
    /// Subscriptions that were read.
    pub subscriptions: u64,
    /// Differences found among them.
    pub drifts: u64,
    /// Subscriptions that the provider lists, and that could not be read.
    pub unread: u64,
    /// Subscriptions of somebody else's in the same account.
    pub foreign: u64,
    /// Whether both books were read to their end. `false`: the next go goes on.
    pub finished: bool,
}

/// An event that had not come, and that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostEvent {
    /// Its id over there.
    pub event: String,
    /// The provider's word for its kind.
    pub kind: String,
}

/// A difference between these books and the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose it is. `None`: nobody's that is known.
    pub customer: Option<CustomerId>,
    /// The difference.
    pub drift: Drift,
}

/// Why a provider's books were not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RereadError {
    /// No such provider account is configured.
    #[error("no such provider account")]
    NoSuchAccount,
    /// The provider did not answer, or cannot. What was read before is kept, and
    /// the next go goes on from there.
    #[error(transparent)]
    Provider(#[from] PerformError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<billing_ports::store::StoreError> for RereadError {
    fn from(error: billing_ports::store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Billing {
    /// Reads `account`'s events since they were last read, and its subscriptions;
    /// `each` hears every difference, and of every event that had not come and tells
    /// something. What is new is received, and decided by the
    /// worker as a webhook's would be.
    ///
    /// # Errors
    ///
    /// [`RereadError`]; the next go goes on from where this one ended.
    pub async fn reread(
        &self,
        account: &ProviderAccount,
        mut each: impl FnMut(&Difference) + Send,
    ) -> Result<Reread, RereadError> {
        let parts = self.parts()?;
        let mut done = Reread::default();
        let pace = Pace::of_command();
        let events = parts
            .reread_events(account, &pace, &mut done, &mut each)
            .await?;
        let subscriptions = parts
            .reread_subscriptions(account, &pace, &mut done, &mut each)
            .await?;
        done.finished = events && subscriptions;
        Ok(done)
    }

    /// Compares `account`'s subscriptions with these books, from the first of them, and
    /// looks which of its events had not come since they were last read: such as tell
    /// something, and nothing of somebody else's. `each` hears every difference, and of
    /// every such event. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`RereadError`].
    pub async fn reread_dry(
        &self,
        account: &ProviderAccount,
        mut each: impl FnMut(&Difference) + Send,
    ) -> Result<Reread, RereadError> {
        let parts = self.parts()?;
        let mut done = Reread::default();
        let subscriptions = parts
            .reread_subscriptions(account, &Pace::dry(), &mut done, &mut each)
            .await?;
        let events = parts.look_for_events(account, &mut done, &mut each).await?;
        done.finished = subscriptions && events;
        Ok(done)
    }
}

impl Parts {
    /// What the worker reads every hour: what happened, and once a day how
    /// everything stands. A provider that fails holds up no other.
    pub(crate) async fn reread_all(&self) {
        let accounts: Vec<ProviderAccount> = self.providers.keys().cloned().collect();
        for account in accounts {
            match self.reread_by_tick(&account).await {
                Ok(done) => note(&account, &done),
                // A provider that keeps no such books has its open invoices read.
                Err(RereadError::Provider(PerformError::Unsupported(_))) => {}
                Err(error) => {
                    tracing::warn!(%account, %error, "provider's books not read, will be tried again");
                }
            }
        }
    }

    async fn reread_by_tick(&self, account: &ProviderAccount) -> Result<Reread, RereadError> {
        let mut done = Reread::default();
        // A book that cannot be read keeps nobody from the other one.
        let events = self
            .reread_events(account, &Pace::of_tick(), &mut done, &mut |_| {})
            .await;
        let mark = self
            .store
            .get_bookmark(account, Book::Subscriptions)
            .await?;
        let now = self.now();
        let due = mark.is_none_or(|mark| {
            mark.next.is_some() || now.duration_since(mark.begun_at) >= SUBSCRIPTIONS_EVERY
        });
        if due || self.is_looking(account).await? {
            let pace = Pace {
                lists: due,
                ..Pace::of_tick()
            };
            self.reread_subscriptions(account, &pace, &mut done, &mut |_| {})
                .await?;
        }
        events?;
        Ok(done)
    }

    fn provider(&self, account: &ProviderAccount) -> Result<&dyn PaymentProvider, RereadError> {
        let found = self.providers.get(account);
        Ok(found.ok_or(RereadError::NoSuchAccount)?.as_ref())
    }

    /// A call to a provider, bounded in time like every other.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, PerformError>> + Send,
    ) -> Result<T, PerformError> {
        match tokio::time::timeout(self.limits.call_timeout, call).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(PerformError::Unknown(
                "the provider did not answer in time".to_owned(),
            )),
        }
    }

    /// Where a go begins: at the page that the one before did not come to, or
    /// anew, with what happened since `since` of the last finished one.
    async fn go(
        &self,
        account: &ProviderAccount,
        book: Book,
        since: impl FnOnce(Option<&Bookmark>, Timestamp) -> Timestamp,
    ) -> Result<Bookmark, RereadError> {
        let last = self.store.get_bookmark(account, book).await?;
        let now = self.now();
        let is_fresh = |mark: &Bookmark| {
            let moved_at = match book {
                Book::Events => mark.begun_at,
                // All of it is read, since whenever: its mark says when it was moved.
                Book::Subscriptions | Book::Held | Book::Imported | Book::ImportedCustomers => {
                    mark.since
                }
            };
            mark.next.is_some() && now.duration_since(moved_at) < PLACE_LIVES
        };
        Ok(match last {
            Some(unfinished) if is_fresh(&unfinished) => unfinished,
            // It has stood too long where it is: what happened since is read anew.
            Some(stale) if stale.next.is_some() => Bookmark {
                next: None,
                begun_at: now,
                ..stale
            },
            finished => Bookmark {
                next: None,
                since: since(finished.as_ref(), now),
                begun_at: now,
            },
        })
    }
}

/// How much of a book one go reads.
struct Pace {
    /// Nothing is written, and the book is read from its beginning.
    dry: bool,
    /// Whether the provider's book is read. Otherwise only what it did not list is looked for.
    lists: bool,
    pages: usize,
    /// `None`: however long it takes.
    until: Option<Instant>,
}

impl Pace {
    const fn of_command() -> Self {
        Self {
            dry: false,
            lists: true,
            pages: MAX_PAGES,
            until: None,
        }
    }

    const fn dry() -> Self {
        Self {
            dry: true,
            lists: true,
            pages: MAX_DRY_PAGES,
            until: None,
        }
    }

    fn of_tick() -> Self {
        Self {
            until: Instant::now().checked_add(TICK_TIME),
            ..Self::of_command()
        }
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

fn note(account: &ProviderAccount, done: &Reread) {
    if done.lost > 0 || done.drifts > 0 {
        tracing::warn!(%account, events = done.lost, subscriptions = done.drifts,
            "provider's books told what no webhook had");
    }
}
