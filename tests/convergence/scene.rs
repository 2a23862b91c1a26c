//! One set of events as it happened at a fake, and what engines make of it.

use std::sync::Arc;

use billing::{
    Billing, Catalog, ChangeAsk, CheckoutRequest, CustomerRef, NewCustomer, ReplayAsk, What,
};
use billing_domain::customer::Account;
use billing_domain::fact::Fact;
use billing_domain::invoice::Purpose;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderRef;
use billing_domain::subscription::{State as Stands, Status};
use billing_domain::time::Timestamp;
use billing_ports::store::{Book, Bookmark, Store};
use billing_ports::{Delivery, IdSource, PaymentProvider, Reading, WebhookDecoder};
use billing_testkit::{ManualClock, SeededIds};
use jiff::SignedDuration;

use super::canned::{Answers, Canned, Stage};
use super::fake::{self, Fake, Kind, PRICES, Telling};
use super::orders::{Next, Order};
use super::state::{State, state};
use crate::rig::{Canary, StoreKind, canary};

/// How long after the last event the engines hear of them: all that is dated apart
/// has happened by then.
const LATER: SignedDuration = SignedDuration::from_secs(60);

const DAY: SignedDuration = SignedDuration::from_hours(24);

const WHO: &str = "ana";

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// A checkout is paid.
    Purchase,
    /// A quote for a dearer plan was accepted, and the provider charges for it.
    Upgrade,
    /// A renewal's card is declined, then another one pays.
    Recovery,
    /// The customer cancels in the provider's portal, and the period ends.
    Cancellation,
    /// A subscription is sold by hand to whom the provider knows as ours: no checkout
    /// of ours leads to it, and nothing that is told of it carries a correlation.
    HandSale,
}

impl Set {
    pub(crate) const ALL: [Self; 5] = [
        Self::Purchase,
        Self::Upgrade,
        Self::Recovery,
        Self::Cancellation,
        Self::HandSale,
    ];

    /// Whether something is told of it long before its end, so that what is read then
    /// is something else than what is read at the end.
    fn has_a_middle(self) -> bool {
        matches!(self, Self::Recovery | Self::Cancellation)
    }

    /// What must have come of it: a set that does nothing would converge as well.
    pub(crate) fn expect(self, end: &State) {
        let held = &end.account.subscriptions[0];
        let paid = end.account.invoices.iter().filter(|one| !one.is_open());
        let paid: Vec<i64> = paid.map(|one| one.amount.amount).collect();
        assert_eq!(end.parked, [], "{end:#?}");
        let held_in_all = if self == Self::HandSale { 2 } else { 1 };
        assert_eq!(end.account.subscriptions.len(), held_in_all, "{end:#?}");
        match self {
            Self::Purchase => assert_eq!((held.status(), paid), (Status::Active, vec![1_000])),
            Self::Upgrade => {
                assert_eq!(held.terms.plan.as_str(), "large");
                assert_eq!(held.status(), Status::Active);
                assert_eq!(paid.len(), 2, "{end:#?}");
                assert!(end.account.changes[0].applied_at().is_some(), "{end:#?}");
            }
            Self::Recovery => {
                assert_eq!((held.status(), paid), (Status::Active, vec![1_000, 1_000]));
            }
            Self::Cancellation => {
                assert!(matches!(held.state, Stands::Canceled { .. }), "{end:#?}");
                assert_eq!(paid, [1_000]);
            }
            Self::HandSale => {
                let sold = &end.account.subscriptions[1];
                assert_eq!((sold.status(), sold.checkout), (Status::Active, None));
                assert_eq!(sold.terms.plan.as_str(), "large");
                let of_it = end.account.invoices.iter();
                let mut of_it = of_it.filter(|one| one.subscription == Some(sold.id));
                let first = of_it.next().expect("its invoice is tied to it");
                assert_eq!((first.is_open(), first.amount.amount), (false, 3_000));
                assert_eq!(first.purpose, Purpose::Purchase);
                assert_eq!(of_it.next(), None);
                assert_eq!(paid.len(), 2, "{end:#?}");
            }
        }
    }
}

/// A set as it happened.
pub(crate) struct Scene {
    set: Set,
    provider: Arc<dyn PaymentProvider>,
    decoder: Arc<dyn WebhookDecoder>,
    answers: Arc<Answers>,
    /// The clock at the purchase, before the events, and after them.
    at: [Timestamp; 3],
    /// What was told before the set.
    before: Vec<Delivery>,
    /// The set itself, without what means nothing to billing.
    events: Vec<Delivery>,
    /// How many of them were told before the set's middle, at which everything that
    /// they are about was looked at. Zero: it has none.
    until_middle: usize,
    fake: Fake,
    /// Keys and secrets of the fakes stand in no log of any engine that hears of it.
    _canary: Canary,
}

impl Scene {
    /// Lets it happen once.
    pub(crate) async fn record(kind: Kind, set: Set, telling: Telling) -> Self {
        let start: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let canary = canary(&fake::SECRETS);
        let fake = Fake::start(kind, telling, start).await;
        let (provider, decoder) = fake.adapter();
        let mut scene = Self {
            set,
            provider,
            decoder,
            answers: Arc::default(),
            at: [start; 3],
            before: Vec::new(),
            events: Vec::new(),
            until_middle: 0,
            fake,
            _canary: canary,
        };
        let one = scene.engine(StoreKind::Memory).await;
        let page = one.buys().await;
        scene.fake.pay(&page);
        if set != Set::Purchase {
            scene.before = scene.take(telling);
        }
        if set != Set::Purchase {
            scene.fake.advance(SignedDuration::from_hours(10 * 24));
        }
        scene.at[1] = scene.fake.now();
        one.clock.set(scene.at[1]);
        one.hears(&scene.before).await;
        one.asks(set).await;
        let account = one.account().await;
        scene.begin(&account).await;
        if set.has_a_middle() {
            scene.fake.advance(LATER);
            scene.events = scene.take(telling);
            scene.until_middle = scene.events.len();
            scene.look().await;
            scene.go_on(&account);
        }
        scene.fake.advance(LATER);
        let then = scene.take(telling);
        assert!(!then.is_empty());
        scene.events.extend(then);
        scene.at[2] = scene.fake.now();
        let mut told = scene.events.iter().map(|event| event.kind.as_str());
        if set == Set::Recovery {
            assert!(
                told.any(|kind| kind.ends_with("payment_failed")),
                "it failed"
            );
        }
        scene
    }

    /// What is held at the provider, and by whom.
    fn held<'a>(&self, account: &'a Account) -> (&'a str, &'a str) {
        let held = account.subscriptions.first();
        let held = held.and_then(|held| held.reference());
        let customer = account.reference_at(self.provider.account());
        (held.unwrap(), customer.unwrap())
    }

    /// What happens up to the middle, or all of it.
    async fn begin(&self, account: &Account) {
        match self.set {
            Set::Purchase | Set::Upgrade => {}
            Set::Recovery => {
                let (held, customer) = self.held(account);
                self.fake.set_card(customer, held, false);
                self.fake.advance(DAY * 22);
            }
            Set::Cancellation => self.fake.cancel(self.held(account).0),
            Set::HandSale => {
                let (_, customer) = self.held(account);
                self.fake.sell_by_hand(PRICES[1].0, customer).await;
            }
        }
    }

    /// What happens after it.
    fn go_on(&self, account: &Account) {
        let (held, customer) = self.held(account);
        if self.set == Set::Recovery {
            self.fake.set_card(customer, held, true);
            self.fake.advance(DAY * 5);
        } else {
            self.fake.advance(DAY * 22);
        }
    }

    /// Looks at everything that has been told of, as it stands in the middle.
    async fn look(&self) {
        let looking = Canned::new(Arc::clone(&self.provider), Arc::clone(&self.answers));
        looking.set(Stage::Middle);
        let mut seen = 0;
        for object in self.events.iter().flat_map(objects) {
            seen += usize::from(looking.look(&object).await);
        }
        assert!(seen > 0, "nothing can be read");
    }

    /// What it tells that means something.
    fn take(&self, telling: Telling) -> Vec<Delivery> {
        let now = self.fake.now();
        let taken = self.fake.take(telling);
        let heard = taken.iter().map(|webhook| {
            let heard = self.decoder.decode(&webhook.request(), now);
            heard.unwrap()
        });
        let empty = Reading::Facts(Vec::new());
        heard.filter(|heard| heard.reading != empty).collect()
    }

    /// How many events the set has.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// An order in words.
    pub(crate) fn named(&self, order: &Order) -> Vec<String> {
        let words = order.steps.iter().map(|step| match step {
            Next::Event(event) => self.events[*event].kind.clone(),
            Next::Again(event) => format!("{} again", self.events[*event].kind),
            Next::Work => "work".to_owned(),
        });
        words.collect()
    }

    async fn engine(&self, kind: StoreKind) -> Engine {
        let store = kind.fresh().await;
        let clock = ManualClock::new(self.at[0]);
        let provider = Arc::new(Canned::new(
            Arc::clone(&self.provider),
            Arc::clone(&self.answers),
        ));
        let ids: Arc<dyn IdSource> = Arc::new(SeededIds::new(1));
        let billing = Billing::builder(Arc::clone(&store), Arc::new(clock.clone()), ids)
            .provider(Arc::<Canned>::clone(&provider))
            .webhooks(Arc::clone(&self.decoder))
            .build()
            .unwrap();
        let key = provider.account().provider().to_string();
        billing.apply_catalog(&catalog(&key)).await.unwrap();
        Engine {
            billing,
            store,
            clock,
            provider,
        }
    }

    /// An engine that stands where the events begin.
    async fn begun(&self, kind: StoreKind) -> Engine {
        let engine = self.engine(kind).await;
        engine.buys().await;
        engine.clock.set(self.at[1]);
        engine.hears(&self.before).await;
        engine.asks(self.set).await;
        engine
    }

    /// Where a fresh engine ends that is told the events in this order.
    pub(crate) async fn told(&self, kind: StoreKind, order: &Order) -> State {
        let engine = self.begun(kind).await;
        let begins = if self.until_middle > 0 {
            Stage::Middle
        } else {
            Stage::End
        };
        engine.provider.set(begins);
        engine.clock.set(self.at[2]);
        for (number, step) in order.steps.iter().enumerate() {
            if let Next::Event(event) | Next::Again(event) = *step
                && event >= self.until_middle
            {
                // What is told has happened.
                engine.provider.set(Stage::End);
            }
            match *step {
                Next::Event(event) => engine.hear(self.events[event].clone()).await,
                Next::Again(event) => {
                    let mut again = self.events[event].clone();
                    again.event_id = format!("{}:again:{number}", again.event_id);
                    engine.hear(again).await;
                }
                Next::Work => engine.work().await,
            }
        }
        engine.work().await;
        engine.state().await
    }

    /// Where a fresh engine ends that is told nothing, and reads the provider's books.
    pub(crate) async fn lost(&self, kind: StoreKind) -> State {
        let engine = self.begun(kind).await;
        engine.has_read(self.at[1]).await;
        engine.provider.set(Stage::End);
        engine.clock.set(self.at[2]);
        engine.reread().await;
        engine.state().await
    }
}

/// What a delivery is about.
fn objects(told: &Delivery) -> Vec<ProviderRef> {
    let Reading::Facts(facts) = &told.reading else {
        panic!("{told:?} cannot be read");
    };
    let objects = facts.iter().flat_map(|observed| {
        let mut objects = observed.link.refs.clone();
        if let Fact::Hinted { object } = &observed.fact {
            objects.push(object.clone());
        }
        objects
    });
    objects.collect()
}

/// An engine with what it stands on.
struct Engine {
    billing: Billing,
    store: Arc<dyn Store>,
    clock: ManualClock,
    provider: Arc<Canned>,
}

impl Engine {
    /// Begins a purchase; the provider's page.
    async fn buys(&self) -> String {
        let new = NewCustomer {
            external_ref: Some(WHO.to_owned()),
            email: Some("ana@example.com".to_owned()),
            ..NewCustomer::default()
        };
        self.billing.create_customer(new, None).await.unwrap();
        let what = What::Price("small-monthly".parse().unwrap());
        let asked = CheckoutRequest::of(WHO, what, "https://app.example.com/back");
        self.billing.checkout(asked).await.unwrap();
        let account = self.account().await;
        account.checkouts[0].reference().unwrap().to_owned()
    }

    /// What the customer asks of the engine.
    async fn asks(&self, set: Set) {
        if set != Set::Upgrade {
            return;
        }
        let who = CustomerRef::from(WHO);
        let ask = ChangeAsk {
            subscription: self.account().await.subscriptions[0].id,
            plan: Some("large".parse().unwrap()),
            price: None,
            quantity: None,
        };
        let quote = self.billing.quote(&who, &ask).await.unwrap();
        self.billing
            .accept_quote(&who, quote.id, None)
            .await
            .unwrap();
    }

    async fn account(&self) -> Account {
        self.billing.account(&WHO.into()).await.unwrap().unwrap()
    }

    async fn hear(&self, delivery: Delivery) {
        self.billing.receive_trusted(delivery).await.unwrap();
    }

    async fn hears(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.hear(delivery.clone()).await;
            self.work().await;
        }
    }

    async fn work(&self) {
        self.billing.work_until_idle().await.unwrap();
    }

    /// The provider's events were read to their end at this instant.
    async fn has_read(&self, at: Timestamp) {
        let mark = Bookmark {
            next: None,
            since: at,
            begun_at: at,
        };
        let account = self.provider.account();
        let put = self.store.put_bookmark(account, Book::Events, &mark);
        put.await.unwrap();
    }

    async fn reread(&self) {
        let account = self.provider.account();
        let done = self.billing.reread(account, |_| {}).await.unwrap();
        assert!(done.finished);
        self.work().await;
    }

    /// What the inbox keeps leads to the same state.
    async fn replays(&self) {
        let mut found = Vec::new();
        let ask = ReplayAsk::default();
        let replayed = self.billing.replay(&ask, |_, finding| {
            found.push(finding.clone());
        });
        let done = replayed.await.unwrap();
        assert_eq!(found, [], "{done:?}");
        assert!(done.customers == 1 && done.rows > 0, "{done:?}");
    }

    async fn state(&self) -> State {
        let next = self.store.next_work().await.unwrap();
        assert_eq!(
            (next.inbox, next.outbox),
            (None, None),
            "left in the queues"
        );
        self.replays().await;
        state(self.store.as_ref(), self.account().await).await
    }
}

fn catalog(provider: &str) -> Catalog {
    let [small, large] = PRICES;
    let usd = |amount| Money::new(amount, Currency::USD);
    Catalog::builder("Acme", Currency::USD)
        .plan("small", "Small", |plan| {
            plan.rank(10)
                .monthly("small-monthly", usd(small.1))
                .provider_ref(provider, small.0)
        })
        .plan("large", "Large", |plan| {
            plan.rank(20)
                .monthly("large-monthly", usd(large.1))
                .provider_ref(provider, large.0)
        })
        .build()
        .unwrap()
}
