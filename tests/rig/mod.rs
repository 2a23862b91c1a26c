//! An engine on any store, with the sandbox as its provider and a clock that
//! the test moves. Knows no story.

mod audit;
mod canary;
mod door;
mod driver;
mod hosted;
mod http;
mod library;
mod log;
mod site;
mod stores;
mod told;

use std::sync::Arc;

use billing::sandbox::{Intake, Mode, Sandbox, SandboxOptions};
use billing::{Billing, Catalog};
use billing_domain::catalog::ProviderKey;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::store::{PageAsk, Store};
use billing_ports::{Clock, IdSource};
use billing_testkit::{ManualClock, RecordingNotifier, SeededIds};
use secrecy::SecretString;

pub(crate) use audit::findings;
pub(crate) use billing_testkit::Canary;
pub(crate) use canary::canary;
pub(crate) use door::Seen;
pub(crate) use driver::{Buying, Driver, InvoiceSeen, QuoteSeen, SubscriptionSeen, Target};
pub(crate) use hosted::{Adapter, Fake, Hosted, client, impatient, permutations};
pub(crate) use http::{KEY, PUBLIC, options};
pub(crate) use log::{alone, listen, logged};
pub(crate) use site::{KEYED_WITH, SEED, Site};
pub(crate) use stores::{StoreKind, connect_postgres, fresh_postgres, server};
pub(crate) use told::{assert_sent_as_documented, assert_told_as_documented};

/// Goes of work until everything is settled; more means that something turns in place.
const MAX_ROUNDS: usize = 200;

/// Wake-ups while the clock is moved to an instant: a year of a story has a few
/// dozen. More means that something asks again and again.
const MAX_WAKES: usize = 300;

/// How the engine is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    /// By its library interface.
    Library,
    /// Over HTTP.
    Http,
}

/// An engine with everything around it.
pub(crate) struct Rig {
    pub(crate) billing: Billing,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: ManualClock,
    pub(crate) notifier: RecordingNotifier,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) driver: Box<dyn Driver>,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

impl Rig {
    /// An engine on a fresh store of this kind, with `catalog` in force at `start`.
    pub(crate) async fn new(
        kind: StoreKind,
        through: Through,
        mode: Mode,
        catalog: &Catalog,
        start: Timestamp,
    ) -> Self {
        let canary = canary(&[]);
        let store = kind.fresh().await;
        let clock = ManualClock::new(start);
        let ids = Arc::new(SeededIds::new(1));
        let notifier = RecordingNotifier::new();
        let sandbox = sandbox(mode, Arc::new(clock.clone()));
        let billing = Billing::builder(
            Arc::clone(&store),
            Arc::new(clock.clone()),
            Arc::clone(&ids) as Arc<dyn IdSource>,
        )
        .provider(Arc::new(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .notifier(Arc::new(notifier.clone()))
        .build()
        .unwrap();
        billing.apply_catalog(catalog).await.unwrap();
        let driver: Box<dyn Driver> = match through {
            Through::Library => Box::new(library::Library::new(billing.clone())),
            Through::Http => Box::new(http::Http::new(http::state(&billing, ids).await)),
        };
        Self {
            billing,
            sandbox,
            clock,
            notifier,
            store,
            driver,
            _canary: canary,
        }
    }

    /// Delivers webhooks and works until nothing is left to do at this instant.
    pub(crate) async fn settle(&self) {
        for _ in 0..MAX_ROUNDS {
            let pumped = self.pump().await;
            let worked = self.billing.work_until_idle().await.unwrap();
            if !pumped && worked.is_empty() {
                return;
            }
        }
        panic!("still busy after {MAX_ROUNDS} rounds");
    }

    /// Delivers the webhooks that are due. `false`: none was.
    pub(crate) async fn pump(&self) -> bool {
        let intake = Intake::new(&self.billing, &self.sandbox);
        let pumped = self.sandbox.pump(self.clock.now(), &intake).await.unwrap();
        pumped.delivered + pumped.failed + pumped.dropped > 0 || pumped.more
    }

    /// Moves the clock to `to`, stopping wherever something falls due on the way
    /// and working it off, as a worker that runs would.
    pub(crate) async fn run_until(&self, to: Timestamp) {
        for _ in 0..MAX_WAKES {
            self.settle().await;
            let next = self.store.next_work().await.unwrap();
            let wakes = [next.due, next.inbox, next.outbox, self.sandbox.next_due()];
            let now = self.clock.now();
            match wakes.into_iter().flatten().filter(|at| *at <= to).min() {
                Some(at) if at > now => self.clock.set(at),
                _ => {
                    self.clock.set(to.max(now));
                    return self.settle().await;
                }
            }
        }
        panic!("{MAX_WAKES} wake-ups on the way to {to}");
    }

    /// Refuses leftovers: nothing waits in any queue at the end.
    pub(crate) async fn assert_nothing_left(&self) {
        let next = self.store.next_work().await.unwrap();
        assert_eq!(
            (next.inbox, next.outbox),
            (None, None),
            "left in the queues"
        );
    }

    /// Everything that waits for a person.
    pub(crate) async fn parked(&self) -> Vec<billing_domain::parked::Parked> {
        let page = PageAsk {
            after: None,
            limit: 100,
        };
        self.store.list_parked(None, page).await.unwrap().rows
    }
}

/// What the sandbox signs its webhooks with.
pub(crate) const SECRET: &str = "a secret of the tests";

/// What it signed them with before, and is still believed.
pub(crate) const OLD_SECRET: &str = "an older secret of the tests";

/// The sandbox's account.
pub(crate) fn account() -> ProviderAccount {
    ProviderAccount::main("sandbox".parse::<ProviderKey>().unwrap())
}

/// A sandbox that keeps its books in memory.
pub(crate) fn sandbox(mode: Mode, clock: Arc<dyn Clock>) -> Sandbox {
    Sandbox::in_memory(SandboxOptions {
        account: account(),
        mode,
        public_url: "http://sandbox.test/sandbox".parse().unwrap(),
        webhook_secrets: vec![SecretString::from(SECRET), SecretString::from(OLD_SECRET)],
        clock,
        settles: None,
    })
    .unwrap()
}
