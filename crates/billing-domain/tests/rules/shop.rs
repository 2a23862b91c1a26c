//! A shop with a ladder of plans, and what its customers do to change theirs.
//!
//! Prices are round and April has thirty days, so that every share is worked in
//! the head: from 16 April on, half of the month is left.

use billing_domain::catalog::{
    Billing, Catalog, CatalogDraft, CatalogRevision, ChangeKind, ChangeRule, Price,
};
use billing_domain::change::{Change, ChangeState, ChangedBy};
use billing_domain::decide::{
    self, AcceptRefusal, Accepted, ChangeAsk, Force, ForceRefusal, QuoteRefusal, TakeBackRefusal,
};
use billing_domain::digest::digest64;
use billing_domain::ids::{ChangeId, IdSeq};
use billing_domain::invoice::Invoice;
use billing_domain::line::sum;
use billing_domain::money::{Currency, Money};
use billing_domain::quote::Quote;
use billing_domain::terms::{Seller, Terms};
use billing_domain::time::{Interval, Unit};

use crate::common::{World, at, provider, usd};

/// The ladder: basic 10, seats 15, plus and peer 20, max 30; and, bought once,
/// life 12 and life-pro 35. `extra` is outside of it.
pub(crate) fn shop() -> CatalogRevision {
    let every = |unit, count| Billing::Recurring(Interval::new(unit, count).unwrap());
    let catalog = Catalog::builder("Acme", Currency::USD)
        .bytes("quota", "Storage")
        .count("seats", "Seats")
        .flag("sso", "Single sign-on")
        .plan("free", "Free", |plan| plan.rank(0).limit("quota", 1))
        .plan("basic", "Basic", |plan| {
            plan.rank(10)
                .limit("quota", 5)
                .monthly("basic-monthly", usd(1_000))
                .yearly("basic-yearly", usd(10_000))
                .price("basic-30d", usd(900), every(Unit::Day, 30), |_| {})
        })
        .plan("life", "Life", |plan| {
            plan.rank(12)
                .limit("quota", 6)
                .once("life-once", usd(2_500))
        })
        .plan("seats", "Seats", |plan| {
            plan.rank(15)
                .limit("quota", 8)
                .per("seats", 1, 50)
                .monthly("seats-monthly", usd(300))
                .yearly("seats-yearly", usd(3_000))
        })
        .plan("plus", "Plus", |plan| {
            plan.rank(20)
                .limit("quota", 10)
                .grant("sso")
                .monthly("plus-monthly", usd(3_000))
                .yearly("plus-yearly", usd(30_000))
                .price("plus-30d", usd(2_900), every(Unit::Day, 30), |_| {})
                .price("plus-12m", usd(31_000), every(Unit::Month, 12), |_| {})
                .monthly("plus-gratis", usd(0))
        })
        .plan("peer", "Peer", |plan| {
            plan.rank(20)
                .limit("quota", 10)
                .monthly("peer-monthly", usd(2_000))
        })
        .plan("max", "Max", |plan| {
            plan.rank(30)
                .limit("quota", 100)
                .grant("sso")
                .monthly("max-monthly", usd(7_500))
                .yearly("max-yearly", usd(75_000))
                .price(
                    "max-eur",
                    Money::new(7_000, Currency::EUR),
                    every(Unit::Month, 1),
                    |_| {},
                )
        })
        .plan("life-pro", "Life Pro", |plan| {
            plan.rank(35)
                .limit("quota", 90)
                .once("life-pro-once", usd(7_500))
        })
        .plan("extra", "Extra", |plan| {
            plan.limit("quota", 3).monthly("extra-monthly", usd(500))
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

/// The shop with something else about it.
pub(crate) fn edited(edit: impl FnOnce(&mut CatalogDraft)) -> CatalogRevision {
    let mut revision = shop();
    let mut draft = CatalogDraft::from(revision.catalog);
    edit(&mut draft);
    revision.catalog = draft.validate().unwrap();
    revision
}

/// The shop with these rows of the change table.
pub(crate) fn ruled(rows: &[(ChangeKind, ChangeRule)]) -> CatalogRevision {
    edited(|draft| draft.rules.changes.rows.extend(rows.iter().copied()))
}

/// A price of the shop, to be edited.
pub(crate) fn price_of<'a>(draft: &'a mut CatalogDraft, key: &str) -> &'a mut Price {
    let mut prices = draft.plans.iter_mut().flat_map(|plan| &mut plan.prices);
    prices.find(|price| price.key.as_str() == key).unwrap()
}

/// What who buys so many of this price agrees to.
pub(crate) fn sold_by(shop: &CatalogRevision, price: &str, quantity: u32) -> Terms {
    let price = shop.catalog.price(price).unwrap();
    let plan = shop.catalog.plan(price.plan.as_str()).unwrap();
    let seller = Seller {
        provider: provider().provider().clone(),
        owns_schedule: false,
    };
    Terms::taken(shop, plan, price, quantity, &seller)
}

/// One who bought so many of this price in the shop on this day.
pub(crate) fn holding_in(shop: CatalogRevision, day: &str, price: &str, quantity: u32) -> World {
    let terms = sold_by(&shop, price, quantity);
    let mut world = World::joined(day, shop);
    world.buy(terms);
    world
}

/// One who bought this price on 1 April 2026, as it is on 16 April: half of the
/// month is left.
pub(crate) fn half_way(price: &str) -> World {
    half_way_in(shop(), price, 1)
}

pub(crate) fn half_way_in(shop: CatalogRevision, price: &str, quantity: u32) -> World {
    let mut world = holding_in(shop, "2026-04-01", price, quantity);
    world.go("2026-04-16");
    world
}

/// With a lead of so many days on every price.
pub(crate) fn leading(days: i64) -> CatalogRevision {
    edited(|draft| {
        let prices = draft.plans.iter_mut().flat_map(|plan| &mut plan.prices);
        for price in prices.filter(|price| price.interval != Billing::Once) {
            price.lead = jiff::SignedDuration::from_hours(24 * days);
        }
    })
}

impl World {
    fn ask_for(&self, price: Option<&str>, quantity: Option<u32>) -> ChangeAsk {
        ChangeAsk {
            subscription: self.sub().id,
            plan: None,
            price: price.map(|price| price.parse().unwrap()),
            quantity,
        }
    }

    pub(crate) fn quoted(
        &self,
        ask: &ChangeAsk,
        force: Option<Force>,
    ) -> Result<Quote, QuoteRefusal> {
        let planned = decide::plan_change(&self.account, ask, force, &self.catalog, self.now)?;
        let id = IdSeq::new(self.now, digest64(&(self.seed, ask, force))).draw();
        let quote = planned.quote(&self.account, None, &self.catalog, id, self.now)?;
        check(&quote);
        Ok(quote)
    }

    /// What it costs to change to this price.
    pub(crate) fn quote(&self, price: &str) -> Quote {
        self.quoted(&self.ask_for(Some(price), None), None).unwrap()
    }

    pub(crate) fn refused(&self, price: &str) -> &'static str {
        let ask = self.ask_for(Some(price), None);
        self.quoted(&ask, None).unwrap_err().code()
    }

    /// What it costs to hold so many.
    pub(crate) fn resize(&self, quantity: u32) -> Result<Quote, QuoteRefusal> {
        self.quoted(&self.ask_for(None, Some(quantity)), None)
    }

    pub(crate) fn try_accept(&mut self, quote: &Quote) -> Result<Accepted, AcceptRefusal> {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::accept(draft, quote, None, ChangedBy::Buyer, &catalog))
    }

    pub(crate) fn accept(&mut self, quote: &Quote) -> ChangeId {
        self.try_accept(quote).unwrap().change
    }

    /// Quotes a change to this price and accepts it; gives the change.
    pub(crate) fn change(&mut self, price: &str) -> ChangeId {
        let quote = self.quote(price);
        self.accept(&quote)
    }

    /// Changes to this price and pays what that costs, if anything.
    pub(crate) fn change_paid(&mut self, price: &str) -> Quote {
        let quote = self.quote(price);
        let change = self.accept(&quote);
        if !quote.owed_now.is_zero() {
            self.pay_change(change);
        }
        quote
    }

    pub(crate) fn resize_paid(&mut self, quantity: u32) -> Quote {
        let quote = self.resize(quantity).unwrap();
        let change = self.accept(&quote);
        if !quote.owed_now.is_zero() {
            self.pay_change(change);
        }
        quote
    }

    pub(crate) fn pay_change(&mut self, change: ChangeId) {
        let invoice = self.invoice_of(change).clone();
        let payment = format!("pay-{}", invoice.id);
        self.pay_as(invoice.id, &payment, invoice.amount, self.now);
    }

    pub(crate) fn take_back(&mut self, change: ChangeId) -> Result<(), TakeBackRefusal> {
        let catalog = self.catalog.clone();
        self.decide(|draft| decide::take_back(draft, change, &catalog))
    }

    pub(crate) fn force(&mut self, price: &str, force: Force) -> Result<Accepted, ForceRefusal> {
        let (ask, catalog) = (self.ask_for(Some(price), None), self.catalog.clone());
        self.decide(|draft| decide::force_change(draft, &ask, force, "asked", None, &catalog))
    }

    pub(crate) fn state_of(&self, change: ChangeId) -> ChangeState {
        self.account.change(change).unwrap().state
    }

    pub(crate) fn invoice_of(&self, change: ChangeId) -> &Invoice {
        let paid_with = self.account.change(change).and_then(|held| held.invoice);
        self.account.invoice(paid_with.unwrap()).unwrap()
    }

    pub(crate) fn balance(&self) -> Money {
        self.account.customer.balance(Currency::USD)
    }

    pub(crate) fn held(&self) -> (&str, u32) {
        let terms = &self.sub().terms;
        (terms.price.as_ref().unwrap().as_str(), terms.quantity)
    }

    /// The worker runs at this instant, and what it opens is paid; gives what for.
    pub(crate) fn renew(&mut self, text: &str) -> Invoice {
        self.tick(text);
        self.link();
        let id = self.pay();
        self.account.invoice(id).unwrap().clone()
    }

    pub(crate) fn last_change(&self) -> &Change {
        self.account.changes.last().unwrap()
    }
}

/// What holds of every quote of ours: its lines can be worked again by hand, and
/// sum to what is owed less what goes to the balance.
pub(crate) fn check(quote: &Quote) {
    let total = sum(&quote.lines, quote.owed_now.currency).unwrap();
    assert!(quote.owed_now.amount >= 0, "{quote:#?}");
    assert!(
        total == quote.owed_now || (total.amount < 0 && quote.owed_now.is_zero()),
        "{quote:#?}"
    );
    for line in &quote.lines {
        let Some(share) = line.share else { continue };
        let charged = line.charged.map_or(0, |charged| i128::from(charged.amount));
        let value = i128::from(line.base.amount) * i128::from(share.part);
        let exact = value - charged * i128::from(share.whole);
        let off = exact - i128::from(line.amount.amount) * i128::from(share.whole);
        assert!(off.abs() < i128::from(share.whole), "{line:#?}");
    }
}
