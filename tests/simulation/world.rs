//! One run's world: an engine that dies and comes back, a store and a provider
//! that fail by chance, and buyers who do as they please.

use std::sync::Arc;

use billing::sandbox::{EventState, FaultPlan, FaultRates, Intake, Mode, Sandbox, TestCard};
use billing::{Billing, CancelWhen, CheckoutRequest, CustomerRef, Limits, NewCustomer, What};
use billing_domain::catalog::{Catalog, PriceKey};
use billing_domain::grant::GrantReason;
use billing_domain::ids::SubscriptionId;
use billing_ports::{Clock, IdSource};
use billing_testkit::memory;
use billing_testkit::{ManualClock, MemoryStore, RecordingNotifier, SeededIds};
use jiff::SignedDuration;

use super::zombie::{Called, Hangs, Line, Zombie};
use crate::rig;

/// The people of a run.
const PEOPLE: [&str; 3] = ["ana", "ben", "cas"];

/// What they may buy.
const PRICES: [&str; 5] = [
    "team-weekly",
    "team-monthly",
    "tried-monthly",
    "early-monthly",
    "life-once",
];

/// Half a day at a time, this often, so that every lease and retry runs out.
const CALM_STEPS: usize = 60;

const PLANS: &str = r"
product: Simulated
currency: usd
features: { sso: { kind: flag, name: Sign-on } }
plans:
  team:
    name: Team
    rank: 10
    entitlements: { sso: true }
    quantity: { feature: seats, min: 1, max: 9 }
    prices:
      team-weekly: { amount: 3.00, interval: week }
      team-monthly: { amount: 10.00, interval: month }
  tried:
    name: Tried
    rank: 20
    trial: 5d
    entitlements: { sso: true }
    prices:
      tried-monthly: { amount: 20.00, interval: month }
  early:
    name: Early
    rank: 30
    entitlements: { sso: true }
    prices:
      early-monthly: { amount: 30.00, interval: month, lead: 3d }
  life:
    name: Life
    rank: 40
    entitlements: { sso: true }
    prices:
      life-once: { amount: 99.00, interval: once }
";

pub(super) struct World {
    pub(super) store: MemoryStore,
    pub(super) sandbox: Sandbox,
    pub(super) clock: ManualClock,
    pub(super) notifier: RecordingNotifier,
    chance: SeededIds,
    ids: Arc<SeededIds>,
    billing: Billing,
    line: Arc<Line>,
    /// A process that everybody believes dead.
    zombie: Option<Zombie>,
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
        let plans = PLANS.replace(
            "features: { ",
            "features: { seats: { kind: count, name: Seats }, ",
        );
        let catalog: Catalog = billing_catalog::read_plan_file("plans", plans.as_bytes())
            .unwrap_or_else(|errors| panic!("{errors}"));
        let clock = ManualClock::new("2026-01-15T09:00:00Z".parse().unwrap());
        let chance = SeededIds::new(seed);
        let mode = match seed % 3 {
            0 => Mode::EngineSchedule { saves_cards: true },
            1 => Mode::EngineSchedule { saves_cards: false },
            _ => Mode::OwnSchedule,
        };
        let sandbox = rig::sandbox(mode, Arc::new(clock.clone()));
        let store = MemoryStore::new();
        let notifier = RecordingNotifier::new();
        let ids = Arc::new(SeededIds::new(seed ^ 0x5eed));
        let line = Arc::new(Line::default());
        let billing = engine(&store, &clock, &ids, &sandbox, &line, &notifier);
        billing.apply_catalog(&catalog).await.unwrap();
        let world = Self {
            store,
            sandbox,
            clock,
            notifier,
            chance,
            ids,
            billing,
            line,
            zombie: None,
        };
        world.sandbox.set_faults(FaultPlan::seeded(
            seed,
            FaultRates {
                refuse: 0,
                not_reached: 40,
                time_out_before: 40,
                lose_answer: 60,
                deliver_twice: 150,
                deliver_late: 150,
                drop: 0,
                reorder: 150,
            },
        ));
        world.store.set_fault_plan(Some(memory::FaultPlan {
            seed,
            before_per_mille: 10,
            after_per_mille: 10,
        }));
        world
    }

    /// One thing happens.
    pub(super) async fn step(&mut self) {
        let who = PEOPLE[usize::try_from(self.chance.below(3)).unwrap()];
        match self.chance.below(16) {
            0..=3 => self.let_time_pass(),
            4..=6 => self.work().await,
            7 => {
                self.deliver().await;
            }
            8 => self.buy(who).await,
            9 => self.pay(who).await,
            10 => self.cancel(who).await,
            11 => self.pause_or_resume(who).await,
            12 => self.grant(who).await,
            13 => self.hang().await,
            14 => self.zombie_wakes().await,
            _ => self.die(),
        }
        if self.chance.below(2) == 0 {
            self.deliver().await;
            self.work().await;
        }
    }

    /// Nothing fails any more, and time passes until all is settled.
    pub(super) async fn calm(&mut self) {
        self.sandbox.set_faults(FaultPlan::none());
        self.store.set_fault_plan(None);
        self.die();
        for step in 0..CALM_STEPS {
            if step == CALM_STEPS / 2 {
                self.zombie_wakes().await;
            }
            for event in self.sandbox.books().events_in(EventState::Failed) {
                self.sandbox.send_again(event).await.unwrap();
            }
            self.deliver().await;
            self.billing.work_until_idle().await.unwrap();
            self.clock.advance(SignedDuration::from_hours(12));
        }
        // At this instant too: work leads to events, and events to work.
        while self.deliver().await || !self.billing.work_until_idle().await.unwrap().is_empty() {}
    }

    pub(super) fn billing(&self) -> &Billing {
        &self.billing
    }

    /// The process dies and another begins: nothing but the store is kept.
    fn die(&mut self) {
        self.line = Arc::new(Line::default());
        self.billing = engine(
            &self.store,
            &self.clock,
            &self.ids,
            &self.sandbox,
            &self.line,
            &self.notifier,
        );
    }

    /// The process hangs in its next call, and another takes its place.
    async fn hang(&mut self) {
        self.zombie_wakes().await;
        let hangs = if self.chance.below(2) == 0 {
            Hangs::Before
        } else {
            Hangs::After
        };
        let (process, line) = (self.billing.clone(), Arc::clone(&self.line));
        self.zombie = Zombie::of(process, line, hangs).await;
        self.die();
    }

    /// The process that hung comes back, if one did.
    async fn zombie_wakes(&mut self) {
        if let Some(zombie) = self.zombie.take() {
            zombie.wakes().await;
        }
    }

    fn let_time_pass(&self) {
        let hours = match self.chance.below(4) {
            0 => 1,
            1 => 12,
            2 => 72,
            _ => 200,
        };
        self.clock.advance(SignedDuration::from_hours(hours));
    }

    /// A failure of the store ends the process, wherever it was.
    async fn work(&mut self) {
        if self.billing.work_until_idle().await.is_err() {
            self.die();
        }
    }

    /// Delivers what is due. `false`: nothing was.
    async fn deliver(&self) -> bool {
        let intake = Intake::new(&self.billing, &self.sandbox);
        let mut any = false;
        loop {
            let pumped = self.sandbox.pump(self.clock.now(), &intake).await.unwrap();
            any |= pumped.delivered + pumped.failed > 0;
            if !pumped.more {
                return any;
            }
        }
    }

    async fn buy(&mut self, who: &str) {
        let price = PRICES[usize::try_from(self.chance.below(5)).unwrap()];
        let quantity = if price.starts_with("team") {
            1 + self.chance.below(3)
        } else {
            1
        };
        let new = NewCustomer {
            external_ref: Some(who.to_owned()),
            ..NewCustomer::default()
        };
        let _made_or_known = self.billing.create_customer(new, None).await;
        let asked = self
            .billing
            .checkout(CheckoutRequest {
                customer: Some(who.into()),
                email: None,
                what: What::Price(price.parse::<PriceKey>().unwrap()),
                quantity: Some(u32::try_from(quantity).unwrap()),
                provider: None,
                success_url: "https://app.test/".to_owned(),
                cancel_url: "https://app.test/".to_owned(),
                code: None,
                negotiated: None,
            })
            .await;
        // The page may be refused, and may stay unpaid.
        if let (Ok(opened), true) = (asked, self.chance.below(4) > 0) {
            self.pay_at(opened.url.as_deref()).await;
        }
    }

    /// Pays any page that a person was ever shown, old ones too.
    async fn pay(&mut self, who: &str) {
        let Ok(Some(account)) = self.billing.account(&who.into()).await else {
            return;
        };
        let invoices = account
            .invoices
            .iter()
            .filter_map(|invoice| invoice.pay_url.clone());
        let pages: Vec<String> = invoices.collect();
        if !pages.is_empty() {
            let choice = self.chance.below(pages.len().try_into().unwrap());
            self.pay_at(Some(&pages[usize::try_from(choice).unwrap()]))
                .await;
        }
    }

    async fn pay_at(&self, url: Option<&str>) {
        let Some(reference) = url.and_then(|url| url.rsplit('/').next()) else {
            return;
        };
        let card = match self.chance.below(6) {
            0 => TestCard::Declined,
            1 => TestCard::PaysOnce,
            _ => TestCard::Pays,
        };
        self.sandbox
            .pay(reference, card, Some("a@b.test"))
            .await
            .unwrap();
    }

    async fn any_subscription(&self, who: &CustomerRef) -> Option<SubscriptionId> {
        let account = self.billing.account(who).await.ok()??;
        let count = u64::try_from(account.subscriptions.len()).unwrap();
        let choice = usize::try_from(self.chance.below(count.max(1))).unwrap();
        account.subscriptions.get(choice).map(|held| held.id)
    }

    async fn cancel(&self, who: &str) {
        let who = who.into();
        let Some(id) = self.any_subscription(&who).await else {
            return;
        };
        let when = if self.chance.below(3) == 0 {
            CancelWhen::AtOnce
        } else {
            CancelWhen::PeriodEnd
        };
        let _refused_or_done = self.billing.cancel(&who, id, when, Some("run")).await;
    }

    async fn pause_or_resume(&self, who: &str) {
        let who = who.into();
        let Some(id) = self.any_subscription(&who).await else {
            return;
        };
        if self.billing.pause(&who, id, None).await.is_err() {
            let _refused_or_done = self.billing.resume(&who, id, None).await;
        }
    }

    async fn grant(&self, who: &str) {
        let plan = "team".parse().unwrap();
        let ends_at = Some(self.clock.now() + SignedDuration::from_hours(48));
        let _refused_or_done = self
            .billing
            .grant(&who.into(), &plan, GrantReason::Comp, ends_at, None)
            .await;
    }
}

fn engine(
    store: &MemoryStore,
    clock: &ManualClock,
    ids: &Arc<SeededIds>,
    sandbox: &Sandbox,
    line: &Arc<Line>,
    notifier: &RecordingNotifier,
) -> Billing {
    Billing::builder(
        Arc::new(store.clone()),
        Arc::new(clock.clone()),
        Arc::clone(ids) as Arc<dyn IdSource>,
    )
    .provider(Arc::new(Called {
        sandbox: sandbox.clone(),
        line: Arc::clone(line),
    }))
    .webhooks(Arc::new(sandbox.decoder()))
    .notifier(Arc::new(notifier.clone()))
    // One after the other: side by side, the order of chances would not repeat.
    .limits(Limits {
        in_flight: 1,
        ..Limits::default()
    })
    .build()
    .unwrap()
}
