//! One run's world: an engine that dies and comes back, a store and a provider
//! that fail by chance, and buyers who do as they please.

use std::sync::Arc;

use billing::sandbox::{
    EventState, Fault, FaultPlan, FaultRates, Intake, Mode, Paying, Sandbox, TestCard,
};
use billing::{
    Billing, CancelWhen, CheckoutError, CheckoutRequest, CustomerRef, Limits, NewCustomer, What,
};
use billing_domain::catalog::PriceKey;
use billing_domain::fact::RefundState;
use billing_domain::grant::GrantReason;
use billing_domain::ids::SubscriptionId;
use billing_domain::money::Money;
use billing_ports::{Clock, IdSource};
use billing_testkit::memory;
use billing_testkit::{ManualClock, MemoryStore, RecordingNotifier, SeededIds};
use jiff::SignedDuration;

use super::changing::{Changing, make_codes};
use super::plans::{self, PRICES};
use super::zombie::{Called, Hangs, Line, Zombie};
use crate::rig::{self, Canary, canary, findings};

/// The people of a run.
const PEOPLE: [&str; 3] = ["ana", "ben", "cas"];

/// Half a day at a time, this often, so that every lease and retry runs out.
const CALM_STEPS: usize = 60;

/// Steps between two audits of a run.
const AUDITED_EVERY: usize = 10;

pub(super) struct World {
    pub(super) store: MemoryStore,
    pub(super) sandbox: Sandbox,
    pub(super) clock: ManualClock,
    pub(super) notifier: RecordingNotifier,
    pub(super) seed: u64,
    pub(super) mode: Mode,
    pub(super) chance: SeededIds,
    /// What is under way.
    pub(super) changing: Changing,
    steps: usize,
    ids: Arc<SeededIds>,
    billing: Billing,
    line: Arc<Line>,
    /// A process that everybody believes dead.
    zombie: Option<Zombie>,
    /// Whether what a buyer was given is listened for: one of each run is, since every
    /// line of a long life is looked through for all of them.
    listens: bool,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
        let canary = canary(&[]);
        let catalog = plans::first(seed);
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
        make_codes(&billing).await;
        let world = Self {
            store,
            sandbox,
            clock,
            notifier,
            seed,
            mode,
            chance,
            changing: Changing::default(),
            steps: 0,
            ids,
            billing,
            line,
            zombie: None,
            listens: false,
            _canary: canary,
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
        world.store_fails_at_times();
        world
    }

    pub(super) fn store_fails_at_times(&self) {
        self.store.set_fault_plan(Some(memory::FaultPlan {
            seed: self.seed ^ u64::try_from(self.steps).unwrap(),
            before_per_mille: 10,
            after_per_mille: 10,
        }));
    }

    /// One thing happens.
    pub(super) async fn step(&mut self) {
        let who = PEOPLE[usize::try_from(self.chance.below(3)).unwrap()];
        self.audit_at_times().await;
        self.edit_in_time(self.steps).await;
        self.steps += 1;
        match self.chance.below(32) {
            0..=6 => self.let_time_pass(),
            7..=9 => self.work().await,
            10 => {
                self.deliver().await;
            }
            11..=13 => self.buy(who).await,
            14 => self.pay(who).await,
            15 => self.pay_unheard(who).await,
            16 => self.cancel(who).await,
            17 => self.pause_or_resume(who).await,
            18 => self.grant(who).await,
            19 => self.hang().await,
            20 => self.zombie_wakes().await,
            21 => self.die(),
            23 => self.give_back().await,
            25 | 26 => self.accept_any().await,
            27 => self.take_back(who).await,
            28 => self.force(who).await,
            29 => self.migrate().await,
            _ => self.quote(who).await,
        }
        if self.chance.below(2) == 0 {
            self.deliver().await;
            self.work().await;
        }
    }

    /// Books are sound at every moment, also while things are under way.
    async fn audit_at_times(&mut self) {
        if !self.steps.is_multiple_of(AUDITED_EVERY) {
            return;
        }
        self.store.set_fault_plan(None);
        let found = findings(&self.billing).await.unwrap();
        if let Some(found) = found.first() {
            self.changing.broken = Some(format!("at step {}: {found}", self.steps));
        }
        self.store_fails_at_times();
    }

    /// Nothing fails any more, and time passes until all is settled.
    pub(super) async fn calm(&mut self) {
        self.sandbox.set_faults(FaultPlan::none());
        self.store.set_fault_plan(None);
        self.die();
        self.execute().await;
        for step in 0..CALM_STEPS {
            if step == CALM_STEPS / 2 {
                self.zombie_wakes().await;
            }
            for event in self.sandbox.books().events_in(EventState::Failed) {
                self.sandbox.send_again(event).await.unwrap();
            }
            self.deliver().await;
            // Whatever was never told is asked for.
            if self.billing.reconcile().await.unwrap().news > 0 {
                self.met("never told, and found");
            }
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
    pub(super) fn die(&mut self) {
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
        let price = PRICES[usize::try_from(self.chance.below(10)).unwrap()];
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
                code: self.code(),
                negotiated: None,
            })
            .await;
        if let Err(CheckoutError::Code(_)) = asked {
            self.met("code refused");
        }
        if let Ok(opened) = &asked
            && !self.listens
        {
            self.listens = true;
            Canary::used(&opened.secret);
        }
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

    /// Pays an invoice of ours, and the webhook is lost for ever.
    async fn pay_unheard(&mut self, who: &str) {
        let Ok(Some(account)) = self.billing.account(&who.into()).await else {
            return;
        };
        let mut open = account.invoices.iter().filter(|invoice| invoice.is_open());
        let Some(reference) = open.find_map(|invoice| invoice.reference.clone()) else {
            return;
        };
        // So that the next thing told is this one.
        self.deliver().await;
        let paid = self
            .sandbox
            .pay(&reference, TestCard::Pays, Some("a@b.test"));
        if let Paying::Paid = paid.await.unwrap() {
            self.sandbox.inject(Fault::Drop);
            self.deliver().await;
        }
    }

    pub(super) async fn pay_at(&self, url: Option<&str>) {
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

    pub(super) async fn any_subscription(&self, who: &CustomerRef) -> Option<SubscriptionId> {
        let account = self.billing.account(who).await.ok()??;
        // Mostly one that goes on; now and then any at all.
        let any = self.chance.below(5) == 0;
        let held: Vec<_> = account
            .subscriptions
            .iter()
            .filter(|held| any || !held.is_over())
            .collect();
        let count = u64::try_from(held.len()).unwrap();
        let choice = usize::try_from(self.chance.below(count.max(1))).unwrap();
        held.get(choice).map(|held| held.id)
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

    /// Any payment goes back, in part or in full, or is contested; or one that did
    /// goes on. Whoever asks for more than is left is refused.
    async fn give_back(&self) {
        let payments = self.sandbox.books().payments;
        let count = u64::try_from(payments.len()).unwrap();
        let choice = usize::try_from(self.chance.below(count.max(1))).unwrap();
        let Some((id, payment)) = payments.iter().nth(choice) else {
            return;
        };
        let back = payment.back.last();
        let half = Money::new(payment.amount.amount / 2, payment.amount.currency);
        let (sandbox, way) = (&self.sandbox, self.chance.below(6));
        let _refused_or_done = match (way, back) {
            (0, _) => sandbox.refund(id, None, RefundState::Done).await.map(drop),
            (1, _) => {
                let part = sandbox.refund(id, Some(half), RefundState::Done);
                part.await.map(drop)
            }
            (2, _) => {
                let all = sandbox.refund(id, None, RefundState::Pending);
                all.await.map(drop)
            }
            (3, _) => sandbox.dispute(id, None).await.map(drop),
            (4, Some(back)) => {
                let done = sandbox.refund_moves(&back.id, RefundState::Done).await;
                done.map(drop)
            }
            (_, Some(back)) => {
                let lost = sandbox.dispute_ends(&back.id, way == 5).await;
                lost.map(drop)
            }
            (_, None) => Ok(()),
        };
    }

    async fn pause_or_resume(&self, who: &str) {
        let who = who.into();
        let Some(id) = self.any_subscription(&who).await else {
            return;
        };
        let paused = self.billing.pause(&who, id, None).await;
        if !matches!(paused, Ok(billing::PauseOutcome::Done)) {
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
