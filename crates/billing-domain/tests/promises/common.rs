//! One customer, one catalog with retired prices and a hand-moved clock.
//! Knows no store and no provider; facts are told by hand.

use billing_domain::audit::{Books, audit};
use billing_domain::catalog::{
    Billing, Catalog, CatalogDraft, CatalogRevision, EntitlementLock, Lock, LockEnd, Price,
    ProviderKey,
};
use billing_domain::change::ChangedBy;
use billing_domain::customer::Account;
use billing_domain::decide::{self, CancelWhen, ChangeAsk, CheckoutAsk, Migrated, NewCustomer};
use billing_domain::decide::{UncancelOutcome, UncancelRefusal};
use billing_domain::effect::Order;
use billing_domain::fact::{CheckoutPayment, Fact, Link, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::ids::{ChangeId, Id, IdSeq, InvoiceId, MigrationId};
use billing_domain::invoice::Invoice;
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::migration::MigrationAsk;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::provider::ProviderAccount;
use billing_domain::quote::Quote;
use billing_domain::subscription::{Status, Subscription};
use billing_domain::terms::{Seller, Terms};
use billing_domain::time::{Interval, Period, Timestamp, days};
use billing_domain::{Decision, Draft};

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

/// `old` was USD 10 a month and `older` USD 8; `new` is USD 20, `mid` USD 15 and
/// `low` USD 5. Seats cost USD 3 at `seat-old` and USD 4 at `seat-new`.
pub(crate) fn catalog() -> CatalogRevision {
    let catalog = Catalog::builder("Acme", Currency::USD)
        .bytes("quota", "Storage")
        .count("seats", "Seats")
        .plan("free", "Free", |plan| plan.rank(0).limit("quota", 2))
        .plan("pro", "Pro", |plan| {
            plan.rank(20)
                .limit("quota", 10)
                .monthly("older", usd(800))
                .monthly("old", usd(1_000))
                .monthly("new", usd(2_000))
                .monthly("mid", usd(1_500))
                .monthly("low", usd(500))
                .price(
                    "yearly",
                    usd(9_900),
                    Billing::Recurring(Interval::YEAR),
                    |_| {},
                )
        })
        .plan("team", "Team", |plan| {
            plan.rank(30)
                .limit("quota", 100)
                .per("seats", 1, 50)
                .monthly("seat-old", usd(300))
                .monthly("seat-new", usd(400))
        })
        .newcomer("free")
        .build()
        .unwrap();
    CatalogRevision {
        number: 1,
        catalog,
        applied_at: at("2025-01-01"),
    }
}

/// A lock of that end, with 30 days of notice and of rejoining.
pub(crate) fn lock(until: LockEnd, then: Option<&str>) -> Lock {
    Lock {
        until,
        then: then.map(|key| key.parse().unwrap()),
        notice: days(30),
        rejoin: days(30),
        entitlements: EntitlementLock::Follow,
        quantity_held: false,
    }
}

pub(crate) fn edited(
    revision: &CatalogRevision,
    edit: impl FnOnce(&mut CatalogDraft),
) -> CatalogRevision {
    let mut draft = CatalogDraft::from(revision.catalog.clone());
    edit(&mut draft);
    CatalogRevision {
        number: revision.number + 1,
        catalog: draft.validate().unwrap(),
        applied_at: revision.applied_at,
    }
}

pub(crate) fn price<'a>(draft: &'a mut CatalogDraft, key: &str) -> &'a mut Price {
    let prices = draft.plans.iter_mut().flat_map(|plan| &mut plan.prices);
    prices
        .into_iter()
        .find(|price| price.key.as_str() == key)
        .unwrap()
}

/// The catalog with `key` retired on that day under that lock.
pub(crate) fn retired(
    revision: &CatalogRevision,
    key: &str,
    day: &str,
    lock: Option<Lock>,
) -> CatalogRevision {
    edited(revision, |draft| {
        let price = price(draft, key);
        price.retired = Some(at(day));
        price.lock = lock;
    })
}

pub(crate) fn terms(revision: &CatalogRevision, key: &str, quantity: u32) -> Terms {
    let price = revision.catalog.price(key).unwrap();
    let plan = revision.catalog.plan(price.plan.as_str()).unwrap();
    let seller = Seller {
        provider: provider().provider().clone(),
        owns_schedule: false,
    };
    Terms::taken(revision, plan, price, quantity, &seller)
}

/// A customer and everything that was decided about it so far.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) catalog: CatalogRevision,
    pub(crate) now: Timestamp,
    pub(crate) journal: Vec<JournalEntry>,
    pub(crate) orders: Vec<Order>,
    pub(crate) parked: Vec<ParkReason>,
    seed: u64,
}

impl World {
    /// A customer who joined on 1 January 2026.
    pub(crate) fn new(catalog: CatalogRevision) -> Self {
        let now = at("2026-01-01");
        let new = NewCustomer::default();
        let draft = decide::create_customer(new, &catalog.catalog, IdSeq::new(now, 1), now, None);
        Self {
            account: draft.finish(false).account,
            catalog,
            now,
            journal: Vec::new(),
            orders: Vec::new(),
            parked: Vec::new(),
            seed: 1,
        }
    }

    /// One who bought a price, and paid, on 1 January 2026.
    pub(crate) fn bought(catalog: CatalogRevision, key: &str) -> Self {
        let agreed = terms(&catalog, key, 1);
        let mut world = Self::new(catalog);
        world.buy(agreed);
        world
    }

    /// Buys these terms now, and pays where that is due.
    pub(crate) fn buy(&mut self, terms: Terms) {
        let plan = self.catalog.catalog.plan(terms.plan.as_str()).unwrap();
        let (plan, trial) = (plan.clone(), terms.trial.is_some());
        let amount = terms.priced(terms.first_charged()).unwrap().rate;
        let ask = CheckoutAsk {
            id: self.drawn(),
            description: "Acme".to_owned(),
            terms: Some(terms),
            provider: provider(),
            owns_schedule: false,
            success_url: "https://app.example.com/{checkout}".to_owned(),
            cancel_url: "https://app.example.com/".to_owned(),
            secret_hash: "00".to_owned(),
        };
        let catalog = self.catalog.clone();
        let begun = self.decide(|draft| decide::begin_checkout(draft, &plan, ask, &catalog));
        let begun = begun.unwrap();
        if begun.effect.is_none() {
            return;
        }
        let payment = if trial {
            CheckoutPayment::NotRequired
        } else {
            CheckoutPayment::Paid {
                payment: format!("pay-{}", begun.checkout),
                amount,
                conversion: None,
                parts: Vec::new(),
            }
        };
        self.tell(Fact::CheckoutCompleted {
            checkout: begun.checkout,
            reference: format!("page-{}", begun.checkout),
            payment,
            customer_ref: None,
            email: None,
            sold: None,
        });
    }

    pub(crate) fn drawn<T: Id>(&mut self) -> T {
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
            ..
        } = draft.finish(false);
        for entry in &journal {
            assert_eq!(entry.unlike_its_event(), None, "{entry:?}");
        }
        self.account = account;
        self.parked
            .extend(parked.into_iter().map(|parked| parked.reason));
        self.journal.extend(journal);
        self.orders
            .extend(effects.into_iter().map(|effect| effect.order));
        answer
    }

    /// A fact of this instant.
    pub(crate) fn tell(&mut self, fact: Fact) {
        let link = Link {
            checkout: fact.checkout(),
            ..Link::default()
        };
        let at = self.now;
        let catalog = self.catalog.clone();
        let observed = Observed { fact, at, link };
        self.decide(|draft| decide::apply_fact(draft, &provider(), &observed, &catalog));
    }

    /// The worker runs at this instant.
    pub(crate) fn tick(&mut self, text: &str) {
        self.now = at(text);
        self.fall_due();
    }

    pub(crate) fn fall_due(&mut self) {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::fall_due(draft, &catalog));
    }

    pub(crate) fn keep_promises(&mut self) {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::keep_promises(draft, &catalog));
    }

    /// The provider answers with a pay link for every open renewal invoice.
    pub(crate) fn link(&mut self) {
        for invoice in self.open() {
            if invoice.reference.is_none() {
                self.tell(Fact::InvoiceOpened {
                    invoice: invoice.id,
                    reference: format!("at-provider-{}", invoice.id),
                    pay_url: None,
                    conversion: None,
                });
            }
        }
    }

    /// Pays the open renewal invoices of cycles that have started.
    pub(crate) fn pay_started(&mut self) {
        let now = self.now;
        let started = |invoice: &Invoice| invoice.period.unwrap().start <= now;
        for invoice in self.open().into_iter().filter(started) {
            self.pay(invoice.id);
        }
    }

    pub(crate) fn pay(&mut self, id: InvoiceId) {
        let amount = self.account.invoice(id).unwrap().amount;
        self.tell(Fact::InvoicePaid {
            invoice: id,
            payment: format!("pay-{id}"),
            amount,
            conversion: None,
            parts: Vec::new(),
        });
    }

    fn open(&self) -> Vec<Invoice> {
        let open = |invoice: &&Invoice| invoice.is_open() && invoice.is_renewal();
        self.account.invoices.iter().filter(open).cloned().collect()
    }

    /// Everything that falls due until `text`, each at its instant, with every
    /// invoice paid when its cycle starts.
    pub(crate) fn run(&mut self, text: &str) {
        self.run_until(at(text));
    }

    pub(crate) fn run_until(&mut self, until: Timestamp) {
        for _ in 0..2_000 {
            self.fall_due();
            self.link();
            self.pay_started();
            let starts = self
                .open()
                .into_iter()
                .map(|open| open.period.unwrap().start);
            let next = starts.chain(self.account.wake_at()).min();
            match next {
                Some(next) if next <= until => {
                    self.now = self.now.max(next);
                    self.pay_started();
                }
                _ => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("it never comes to rest");
    }

    pub(crate) fn cancel(&mut self, when: CancelWhen) {
        let id = self.sub().id;
        self.decide(|draft| decide::cancel(draft, id, when));
    }

    pub(crate) fn uncancel(&mut self) -> Result<UncancelOutcome, UncancelRefusal> {
        let (id, catalog) = (self.sub().id, self.catalog.clone());
        self.decide(|draft| decide::uncancel(draft, id, &catalog))
    }

    /// A snapshot of a provider-run subscription at `reference`.
    pub(crate) fn seen(&mut self, key: &str, period: Period, status: Status) {
        self.seen_of(key, 1, period, status);
    }

    /// The same of so many pieces.
    pub(crate) fn seen_of(&mut self, key: &str, quantity: u32, period: Period, status: Status) {
        self.tell(Fact::SubscriptionSeen(SubscriptionSnapshot {
            reference: "sub-at-provider".to_owned(),
            customer_ref: None,
            status,
            price_ref: key.to_owned(),
            quantity,
            period: Some(period),
            trial_end: None,
            first_charged_at: None,
            cancel_at: None,
            ended_at: None,
            paid_through: None,
            upcoming: Upcoming::default(),
        }));
    }

    /// What it costs to change the newest subscription, which is allowed.
    pub(crate) fn quoted(&mut self, quantity: Option<u32>, key: &str) -> Quote {
        let ask = ChangeAsk {
            subscription: self.sub().id,
            plan: None,
            price: Some(key.parse().unwrap()),
            quantity,
        };
        let id = self.drawn();
        let (catalog, now) = (self.catalog.clone(), self.now);
        let planned = decide::plan_change(&self.account, &ask, None, &catalog, now).unwrap();
        planned
            .quote(&self.account, None, &catalog, id, now)
            .unwrap()
    }

    pub(crate) fn accept(&mut self, quote: &Quote) -> ChangeId {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::accept(draft, quote, None, ChangedBy::Buyer, &catalog))
            .unwrap()
            .change
    }

    /// Changes the newest subscription, which is allowed.
    pub(crate) fn change(&mut self, quantity: Option<u32>, key: &str) -> ChangeId {
        let quote = self.quoted(quantity, key);
        self.accept(&quote)
    }

    pub(crate) fn take_back(&mut self, change: ChangeId) {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::take_back(draft, change, &catalog))
            .unwrap();
    }

    /// Moves the newest subscription from one price to another, which it may be.
    pub(crate) fn migrate(&mut self, from: &str, to: &str) -> MigrationId {
        let ask = MigrationAsk {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            not_before: at("2026-01-01"),
        };
        let (id, migration): (_, MigrationId) = (self.sub().id, self.drawn());
        let catalog = self.catalog.clone();
        let moved = self.decide(|draft| decide::migrate(draft, id, &ask, migration, &catalog));
        assert!(matches!(moved, Ok(Migrated::Moved(_))), "{moved:?}");
        migration
    }

    /// The newest subscription.
    pub(crate) fn sub(&self) -> &Subscription {
        self.account.subscriptions.last().unwrap()
    }

    pub(crate) fn count(&self, event: Event) -> usize {
        self.journal
            .iter()
            .filter(|entry| entry.event == event)
            .count()
    }

    /// When the notices of a dearer price went out.
    pub(crate) fn notices(&self) -> Vec<Timestamp> {
        let noted = |entry: &&JournalEntry| entry.event == Event::PriceChangeUpcoming;
        self.journal
            .iter()
            .filter(noted)
            .map(|entry| entry.at)
            .collect()
    }

    /// What each settled renewal cost before the balance, by its cycle's start.
    pub(crate) fn charged(&self) -> Vec<(String, i64)> {
        let renewals = self.account.invoices.iter();
        renewals
            .filter(|invoice| invoice.is_renewal() && !invoice.payments.is_empty())
            .map(|invoice| {
                let start = invoice.period.unwrap().start.to_string();
                (start[..10].to_owned(), invoice.amount.amount)
            })
            .collect()
    }

    /// What an audit finds, in short.
    pub(crate) fn findings(&self) -> Vec<String> {
        let books = Books {
            account: &self.account,
            invoices: &self.account.invoices,
            journal: &self.journal,
        };
        let found = audit(&books, self.now);
        found
            .iter()
            .map(|found| format!("{} {}: {}", found.code.as_str(), found.row, found.words))
            .collect()
    }
}

/// What the provider has of the subscription, as it was told first, and what it is to
/// renew as.
pub(crate) fn held_there(upcoming: Upcoming) -> SubscriptionSnapshot {
    SubscriptionSnapshot {
        reference: "sub-at-provider".to_owned(),
        customer_ref: None,
        status: Status::Active,
        price_ref: "old".to_owned(),
        quantity: 1,
        period: Some(Period::at(at("2026-01-01"), Interval::MONTH, 0).unwrap()),
        trial_end: None,
        first_charged_at: None,
        cancel_at: None,
        ended_at: None,
        paid_through: None,
        upcoming,
    }
}
