//! One customer, one catalog and a hand-moved clock: what every story needs.
//! Knows no store and no provider; facts are told by hand.

use billing_domain::access::Effective;
use billing_domain::catalog::{
    Billing, Catalog, CatalogDraft, CatalogRevision, CatchUp, ProviderKey,
};
use billing_domain::customer::Account;
use billing_domain::decide::{self, Begun, CancelOutcome, CancelWhen, CheckoutAsk, NewCustomer};
use billing_domain::decide::{
    PauseOutcome, PauseRefusal, UncancelOutcome, UncancelRefusal, Verdict,
};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{CheckoutPayment, Fact, Link, Observed};
use billing_domain::ids::{IdSeq, InvoiceId};
use billing_domain::invoice::Invoice;
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::{Status, Subscription};
use billing_domain::terms::{Seller, Terms};
use billing_domain::time::{Interval, Timestamp, Unit};
use billing_domain::{Decision, Draft};
use jiff::SignedDuration;

/// An instant: a whole one, or the midnight of a day.
pub(crate) fn at(text: &str) -> Timestamp {
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    whole.parse().unwrap()
}

pub(crate) fn usd(cents: i64) -> Money {
    Money::new(cents, Currency::USD)
}

pub(crate) fn provider() -> ProviderAccount {
    ProviderAccount::main(ProviderKey::new("sandbox").unwrap())
}

pub(crate) fn catalog() -> CatalogRevision {
    let daily = Billing::Recurring(Interval::new(Unit::Day, 1).unwrap());
    let catalog = Catalog::builder("Acme", Currency::USD)
        .bytes("quota", "Storage")
        .count("seats", "Seats")
        .flag("sso", "Single sign-on")
        .levels("editor", "Editor", ["none", "read", "write"])
        .feature(
            "region",
            "Region",
            billing_domain::entitlement::FeatureKind::Text,
        )
        .plan("free", "Free", |plan| {
            plan.rank(0).limit("quota", 2).level("editor", "none")
        })
        .plan("early", "Early", |plan| {
            plan.rank(10)
                .limit("quota", 5)
                .monthly("early-monthly", usd(500))
        })
        .plan("pro", "Pro", |plan| {
            plan.rank(20)
                .limit("quota", 10)
                .grant("sso")
                .level("editor", "read")
                .monthly("pro-monthly", usd(1_000))
                .provider_ref("sandbox", "price_pro")
                .price("pro-daily", usd(100), daily, |_| {})
                .monthly("pro-gratis", usd(0))
                .price("pro-gratis-daily", usd(0), daily, |_| {})
        })
        .plan("lifer", "Lifer", |plan| {
            plan.rank(25)
                .limit("quota", 7)
                .once("lifer-once", usd(9_900))
        })
        .plan("team", "Team", |plan| {
            plan.rank(30)
                .limit("quota", 100)
                .level("editor", "write")
                .per("seats", 2, 50)
                .monthly("team-monthly", usd(300))
                .provider_ref("sandbox", "price_team")
        })
        .newcomer("free")
        .edit(|draft| {
            draft.defaults.plankowner = Some("early".parse().unwrap());
            draft.defaults.plankowner_before = Some(at("2025-06-01"));
            draft.defaults.plankowners = vec!["did:plc:anna".to_owned()];
        })
        .build()
        .unwrap();
    CatalogRevision {
        number: 1,
        catalog,
        applied_at: at("2025-01-01"),
    }
}

/// What a buyer of `price` agrees to, where the engine runs the schedule.
pub(crate) fn terms(price: &str) -> Terms {
    sold(price, 1, false)
}

pub(crate) fn sold(price: &str, quantity: u32, owns_schedule: bool) -> Terms {
    let revision = catalog();
    let price = revision.catalog.price(price).unwrap();
    let plan = revision.catalog.plan(price.plan.as_str()).unwrap();
    let seller = Seller {
        provider: provider().provider().clone(),
        owns_schedule,
    };
    Terms::taken(&revision, plan, price, quantity, &seller)
}

/// A customer and everything that was decided about it so far.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) catalog: CatalogRevision,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
    pub(crate) parked: Vec<ParkReason>,
    /// What was said of each thing that was set aside.
    pub(crate) evidence: Vec<String>,
    /// How many of those were solved since.
    pub(crate) solved: usize,
    pub(crate) orders: Vec<Order>,
    pub(crate) keys: Vec<EffectKey>,
    /// How long it has been paused, in all: kept by who pauses and resumes it.
    pub(crate) paused: SignedDuration,
    pub(crate) seed: u64,
}

impl World {
    /// A customer who joined, and holds nothing, on 1 January 2026.
    pub(crate) fn new() -> Self {
        Self::joined("2026-01-01", catalog())
    }

    /// A customer who joined on this day, and holds nothing.
    pub(crate) fn joined(day: &str, catalog: CatalogRevision) -> Self {
        let now = at(day);
        let new = NewCustomer::default();
        let draft = decide::create_customer(new, &catalog.catalog, IdSeq::new(now, 1), now, None);
        Self {
            account: draft.finish(false).account,
            catalog,
            now,
            events: Vec::new(),
            parked: Vec::new(),
            evidence: Vec::new(),
            solved: 0,
            orders: Vec::new(),
            keys: Vec::new(),
            paused: SignedDuration::ZERO,
            seed: 1,
        }
    }

    /// One who bought these terms, and paid where that was due, on 1 January 2026.
    pub(crate) fn bought(terms: Terms) -> Self {
        let mut world = Self::new();
        world.buy(terms);
        world
    }

    /// Buys these terms, and pays where that is due.
    pub(crate) fn buy(&mut self, terms: Terms) {
        let world = self;
        let trial = terms.trial.is_some();
        let amount = terms.priced(0).unwrap().rate;
        let begun = world.begin(terms, false);
        if begun.effect.is_some() {
            let payment = if trial {
                CheckoutPayment::NotRequired
            } else {
                CheckoutPayment::Paid {
                    payment: "pay-0".to_owned(),
                    amount,
                    conversion: None,
                    parts: Vec::new(),
                }
            };
            world.complete(&begun, payment);
        }
        world.forget();
    }

    pub(crate) fn begin(&mut self, terms: Terms, owns_schedule: bool) -> Begun {
        let plan = self
            .catalog
            .catalog
            .plan(terms.plan.as_str())
            .unwrap()
            .clone();
        let id = self.drawn();
        let ask = CheckoutAsk {
            id,
            description: "Acme".to_owned(),
            terms: Some(terms),
            provider: provider(),
            owns_schedule,
            success_url: "https://app.example.com/{checkout}".to_owned(),
            cancel_url: "https://app.example.com/".to_owned(),
            secret_hash: "00".to_owned(),
        };
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::begin_checkout(draft, &plan, ask, &catalog).unwrap())
    }

    pub(crate) fn complete(&mut self, begun: &Begun, payment: CheckoutPayment) -> Verdict {
        self.tell(Fact::CheckoutCompleted {
            checkout: begun.checkout,
            reference: "page-1".to_owned(),
            payment,
            customer_ref: Some("c-1".to_owned()),
            email: None,
            sold: None,
        })
    }

    /// A new id, as a caller draws one before deciding.
    pub(crate) fn drawn<T: billing_domain::ids::Id>(&mut self) -> T {
        self.seed += 1;
        IdSeq::new(self.now, self.seed).draw()
    }

    /// Decides something now, and keeps what came of it.
    pub(crate) fn decide<T>(&mut self, decide: impl FnOnce(&mut Draft) -> T) -> T {
        self.seed += 1;
        let ids = IdSeq::new(self.now, self.seed);
        let mut draft = Draft::new(self.account.clone(), ids, self.now, None);
        let answer = decide(&mut draft);
        let Decision {
            account,
            effects,
            journal,
            parked,
            solved,
            unread: _,
        } = draft.finish(false);
        for entry in &journal {
            assert_eq!(entry.unlike_its_event(), None, "{entry:?}");
        }
        self.account = account;
        self.events.extend(journal.iter().map(|entry| entry.event));
        self.parked
            .extend(parked.iter().map(|parked| parked.reason));
        self.evidence
            .extend(parked.into_iter().map(|parked| parked.evidence));
        self.solved += solved.len();
        self.keys
            .extend(effects.iter().map(|effect| effect.key.clone()));
        self.orders
            .extend(effects.into_iter().map(|effect| effect.order));
        answer
    }

    /// A fact of this instant.
    pub(crate) fn tell(&mut self, fact: Fact) -> Verdict {
        self.tell_of(self.now, fact)
    }

    /// A fact of another instant, arriving now.
    pub(crate) fn tell_of(&mut self, at: Timestamp, fact: Fact) -> Verdict {
        let link = Link {
            checkout: fact.checkout(),
            ..Link::default()
        };
        self.observe(&Observed { fact, at, link })
    }

    pub(crate) fn observe(&mut self, observed: &Observed) -> Verdict {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::apply_fact(draft, &provider(), observed, &catalog))
    }

    /// The worker runs at this instant.
    pub(crate) fn tick(&mut self, text: &str) {
        self.go(text);
        self.fall_due(CatchUp::Current);
    }

    pub(crate) fn fall_due(&mut self, catch_up: CatchUp) {
        let mut revision = self.catalog.clone();
        if revision.catalog.rules().catch_up != catch_up {
            let mut draft = CatalogDraft::from(revision.catalog);
            draft.rules.catch_up = catch_up;
            revision.catalog = draft.validate().unwrap();
        }
        self.decide(|draft| decide::fall_due(draft, &revision));
    }

    /// Time passes and nobody does anything.
    pub(crate) fn go(&mut self, text: &str) {
        self.now = at(text);
    }

    /// The provider answers with a pay link for the open invoice.
    pub(crate) fn link(&mut self) -> InvoiceId {
        let invoice = self.open_invoice().unwrap().id;
        self.tell(Fact::InvoiceOpened {
            invoice,
            reference: format!("at-provider-{invoice}"),
            pay_url: Some("https://pay.example.com/".to_owned()),
            conversion: None,
        });
        invoice
    }

    /// The open invoice is paid in full, now.
    pub(crate) fn pay(&mut self) -> InvoiceId {
        let invoice = self.open_invoice().unwrap().clone();
        let payment = format!("pay-{}", invoice.id);
        self.pay_as(invoice.id, &payment, invoice.amount, self.now);
        invoice.id
    }

    pub(crate) fn pay_as(
        &mut self,
        invoice: InvoiceId,
        payment: &str,
        amount: Money,
        at: Timestamp,
    ) {
        self.tell_of(
            at,
            Fact::InvoicePaid {
                invoice,
                payment: payment.to_owned(),
                amount,
                conversion: None,
                parts: Vec::new(),
            },
        );
    }

    pub(crate) fn cancel(&mut self, when: CancelWhen) -> CancelOutcome {
        let id = self.sub().id;
        self.decide(|draft| decide::cancel(draft, id, when))
            .unwrap()
    }

    pub(crate) fn uncancel(&mut self) -> Result<UncancelOutcome, UncancelRefusal> {
        let (id, catalog) = (self.sub().id, self.catalog.clone());
        self.decide(|draft| decide::uncancel(draft, id, &catalog))
    }

    pub(crate) fn pause(&mut self) -> Result<PauseOutcome, PauseRefusal> {
        let id = self.sub().id;
        self.decide(|draft| decide::pause(draft, id))
    }

    pub(crate) fn resume(&mut self) -> Result<PauseOutcome, PauseRefusal> {
        let id = self.sub().id;
        self.decide(|draft| decide::resume(draft, id))
    }

    /// The newest subscription.
    pub(crate) fn sub(&self) -> &Subscription {
        self.account.subscriptions.last().unwrap()
    }

    pub(crate) fn status(&self) -> Status {
        self.sub().status()
    }

    pub(crate) fn paid_through(&self) -> Timestamp {
        self.sub().times.paid_through.unwrap()
    }

    pub(crate) fn open_invoice(&self) -> Option<&Invoice> {
        self.account.open_invoice(self.sub().id)
    }

    pub(crate) fn gives_access(&self, text: &str) -> bool {
        self.sub().gives_access(at(text))
    }

    pub(crate) fn effective(&self) -> Effective {
        Effective::of(&self.account, &self.catalog.catalog, self.now)
    }

    pub(crate) fn plan(&self) -> String {
        self.effective().plan.unwrap().to_string()
    }

    pub(crate) fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|seen| **seen == event).count()
    }

    /// Forgets what was noted, parked and ordered so far.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
        self.parked.clear();
        self.evidence.clear();
        self.orders.clear();
        self.keys.clear();
    }
}
