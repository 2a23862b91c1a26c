//! One set of events as it happened at a fake, and what engines make of it.

use std::sync::Arc;

use billing::Billing;
use billing_domain::customer::Account;
use billing_domain::fact::Fact;
use billing_domain::provider::ProviderRef;
use billing_domain::time::Timestamp;
use billing_ports::{Delivery, IdSource, PaymentProvider, Reading, WebhookDecoder};
use billing_testkit::{ManualClock, SeededIds};
use jiff::SignedDuration;

use super::canned::{Answers, Canned, Stage};
use super::engine::{Engine, catalog};
use super::fake::{self, Fake, Kind, PRICES, Telling};
use super::orders::{Next, Order};
use super::set::Set;
use super::state::State;
use crate::rig::{Canary, StoreKind, canary};

/// How long after the last event the engines hear of them: all that is dated apart
/// has happened by then.
const LATER: SignedDuration = SignedDuration::from_secs(60);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A set as it happened.
pub(crate) struct Scene {
    kind: Kind,
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
            kind,
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
        let page = one.buys(set).await;
        scene.fake.pay(&page);
        if !set.begins_with_its_sale() {
            scene.before = scene.take(telling);
            scene.fake.advance(DAY * 10);
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
            Set::Coded | Set::CodedTrial => self.fake.advance(DAY * 60),
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
        billing
            .apply_catalog(&catalog(&key, self.set))
            .await
            .unwrap();
        let engine = Engine {
            billing,
            store,
            clock,
            provider,
        };
        if let Some(cycles) = self.set.cycles_of_code(self.kind) {
            engine.has_code(cycles).await;
        }
        engine
    }

    /// An engine that stands where the events begin.
    async fn begun(&self, kind: StoreKind) -> Engine {
        let engine = self.engine(kind).await;
        engine.buys(self.set).await;
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
        self.read_since(kind, self.at[1]).await
    }

    /// The same, where the provider tells no event again: it keeps them for a time.
    pub(crate) async fn forgotten(&self, kind: StoreKind) -> State {
        self.read_since(kind, self.at[2]).await
    }

    async fn read_since(&self, kind: StoreKind, since: Timestamp) -> State {
        let engine = self.begun(kind).await;
        engine.has_read(since).await;
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
