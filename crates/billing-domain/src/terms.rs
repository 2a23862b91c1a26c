//! Terms: what a buyer agreed to, snapshotted from the catalog at that instant.
//! Later edits of the catalog do not touch them.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::{
    Billing, CatalogRevision, DEFAULT_REJOIN, LicenseRule, OnPastDue, OnPause, Plan, PlanKey,
    Price, PriceKey, ProviderKey, QuantityRule,
};
use crate::discount::{Discount, Reduction};
use crate::entitlement::Entitlements;
use crate::line::{Line, LineKind};
use crate::money::{Money, MoneyError};
use crate::negotiated::Negotiated;
use crate::time::{Interval, Period, Timestamp, days, shifted};

/// By how many days a month may be shorter than the one whose day its cycles begin on:
/// one that is foretold from a short month begins so much too early.
const SHORT_MONTH_DAYS: u16 = 3;

/// What a buyer agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The plan.
    pub plan: PlanKey,
    /// The price. `None` for a plan that has none (a free plan).
    pub price: Option<PriceKey>,
    /// The provider's name for the price, where the provider keeps prices itself.
    pub price_ref: Option<String>,
    /// The price of one piece, per interval or once.
    pub unit: Money,
    /// Pieces (seats); at least one.
    pub quantity: u32,
    /// How often it is charged.
    pub billing: Billing,
    /// Whether another period follows when one ends. `false`: a fixed term.
    pub renews: bool,
    /// Days before the first charge. `None`: charged at once.
    pub trial: Option<SignedDuration>,
    /// How long access outlives the due date of an unpaid invoice.
    pub grace: SignedDuration,
    /// What being past due does to access.
    pub on_past_due: OnPastDue,
    /// What pausing does to access.
    pub on_pause: OnPause,
    /// How long before a period's end its successor is invoiced.
    pub lead: SignedDuration,
    /// How long access outlives the paid time when nobody could have paid,
    /// because no pay link was ever made.
    pub stall_limit: SignedDuration,
    /// How long after the end of access the old terms may be taken up again.
    pub rejoin: SignedDuration,
    /// What is taken off the price. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    /// What the plan granted when it was sold; counts where a promise keeps it.
    #[serde(default, skip_serializing_if = "no_entitlements")]
    pub sold: Entitlements,
    /// The license that holders get. `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseRule>,
    /// The quantities negotiated for. `None`: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<QuantityRule>,
    /// The catalog revision these terms were taken from.
    pub catalog_revision: u64,
}

fn no_entitlements(sold: &Entitlements) -> bool {
    sold.by_feature.is_empty()
}

/// What a cycle costs, and how that comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The price and what is taken off it; the lines sum to the rate.
    pub lines: Vec<Line>,
    /// What the cycle costs.
    pub rate: Money,
}

impl Terms {
    /// What one period costs: unit price times quantity.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when that does not fit.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        self.unit.checked_mul(self.quantity)
    }

    /// What the cycle of this number costs, after discounts.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when an amount does not fit.
    pub fn priced(&self, cycle: u32) -> Result<Priced, MoneyError> {
        let gross = self.amount()?;
        let plan = Some(self.plan.clone());
        let mut lines = vec![Line::whole(LineKind::Plan, plan, self.quantity, gross)];
        let mut rate = gross;
        if let Some(discount) = self.discount.as_ref().filter(|held| held.covers(cycle)) {
            let off = discount.reduction.off(gross, self.quantity)?;
            rate = gross.checked_sub(off)?;
            let taken = Money::zero(off.currency).checked_sub(off)?;
            lines.push(Line::whole(LineKind::Discount, None, 1, taken));
        }
        Ok(Priced { lines, rate })
    }

    /// The number of the first cycle that is charged: a trial is none.
    #[must_use]
    pub fn first_charged(&self) -> u32 {
        u32::from(self.trial.is_some())
    }

    /// What the cycle that begins at `start` is numbered as where a provider runs the
    /// schedule and numbers none: with the discount, or without it.
    #[must_use]
    pub fn number_there(&self, start: Timestamp) -> u32 {
        let monthly = self.billing.interval().and_then(Interval::months).is_some();
        let by = if monthly {
            shifted(start, days(SHORT_MONTH_DAYS))
        } else {
            start
        };
        let over = self.discount.as_ref().and_then(|discount| {
            let ended = discount.ends_at.is_some_and(|ends_at| ends_at <= by);
            discount.until_cycle.filter(|_| ended)
        });
        over.unwrap_or_else(|| self.first_charged())
    }

    /// The first cycle that a provider charges has begun at `start`: it is known from now
    /// on until when the discount holds there.
    pub(crate) fn begin_there(&mut self, start: Timestamp) {
        let (first, interval) = (self.first_charged(), self.billing.interval());
        if let Some(discount) = self.discount.as_mut().filter(|it| it.ends_at.is_none()) {
            discount.ends_at = discount.until_cycle.and_then(|end| {
                let cycles = end.saturating_sub(first);
                Period::start_of(start, interval?, cycles).ok()
            });
        }
    }

    /// Whether no cycle of it ever costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let far = u32::MAX;
        [self.first_charged(), far]
            .into_iter()
            .all(|cycle| self.priced(cycle).is_ok_and(|priced| priced.rate.is_zero()))
    }

    /// Whether a sale of it is complete at once, and asks no provider: nothing is owed
    /// today, and whoever is to charge later needs no page for it.
    /// `owns_schedule`: whether the provider runs the schedule, for which it must sell.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when an amount does not fit.
    pub fn asks_nobody(&self, owns_schedule: bool) -> Result<bool, MoneyError> {
        let owed = self.priced(self.first_charged())?.rate;
        let charged_there = owns_schedule && self.billing.interval().is_some();
        let nothing_today = owed.is_zero() && self.trial.is_none() && !charged_there;
        Ok(self.is_free() || nothing_today)
    }

    /// Agrees on an amount off, where the discount is another price for each piece: a
    /// provider that runs the schedule takes off the same, whatever the price becomes.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when an amount does not fit.
    pub fn fix_discount(&mut self) -> Result<(), MoneyError> {
        let gross = self.amount()?;
        let quantity = self.quantity;
        if let Some(discount) = &mut self.discount
            && let Reduction::SetPrice { .. } = discount.reduction
        {
            let amount = discount.reduction.off(gross, quantity)?;
            discount.reduction = Reduction::Fixed { amount };
        }
        Ok(())
    }

    /// Whether it may be held in this quantity, where `plan` is what is held.
    #[must_use]
    pub fn allows(&self, plan: &Plan, quantity: u32) -> bool {
        sold_in(self.bounds.as_ref().or(plan.quantity.as_ref()), quantity)
    }
}

/// Why a price cannot be bought as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// It, or its plan, is not sold any more.
    #[error("the price is no longer sold")]
    Retired,
    /// The plan is not sold in that quantity.
    #[error("the plan is not sold in this quantity")]
    Quantity,
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Terms {
    /// What somebody who buys `price` of `plan` at `now` agrees to.
    ///
    /// `owns_schedule` says whether the provider runs the schedule, which
    /// decides what being past due means where the plan does not say.
    ///
    /// # Errors
    ///
    /// [`TermsError`] says what stands against it.
    pub fn of(
        catalog: &CatalogRevision,
        plan: &Plan,
        price: &Price,
        quantity: u32,
        seller: &Seller,
        now: Timestamp,
    ) -> Result<Self, TermsError> {
        if !catalog.catalog.is_sold_at(price.key.as_str(), now) {
            return Err(TermsError::Retired);
        }
        if !sold_in(plan.quantity.as_ref(), quantity) {
            return Err(TermsError::Quantity);
        }
        let terms = Self::taken(catalog, plan, price, quantity, seller);
        terms.amount()?;
        Ok(terms)
    }

    /// The terms of a plan that costs nothing, has no price, and gives a license: they are
    /// held for good. `None`: it gives none.
    #[must_use]
    pub fn gratis(catalog: &CatalogRevision, plan: &Plan) -> Option<Self> {
        plan.license?;
        Some(Self {
            plan: plan.key.clone(),
            price: None,
            price_ref: None,
            unit: Money::zero(catalog.catalog.currency()),
            quantity: 1,
            billing: Billing::Once,
            renews: false,
            trial: None,
            grace: plan.grace,
            on_past_due: OnPastDue::Grace,
            on_pause: plan.on_pause,
            lead: SignedDuration::ZERO,
            stall_limit: catalog.catalog.rules().stall_limit,
            rejoin: DEFAULT_REJOIN,
            discount: None,
            sold: plan.entitlements.clone(),
            license: plan.license,
            bounds: None,
            catalog_revision: catalog.number,
        })
    }

    /// The terms of `price` as a provider already sells it: nothing is checked.
    #[must_use]
    pub fn taken(
        catalog: &CatalogRevision,
        plan: &Plan,
        price: &Price,
        quantity: u32,
        seller: &Seller,
    ) -> Self {
        let recurring = price.interval.interval().is_some();
        let by_default = if seller.owns_schedule {
            OnPastDue::Keep
        } else {
            OnPastDue::Grace
        };
        // Whoever runs no schedule cannot keep access open until it cancels.
        let on_past_due = match plan.on_past_due.unwrap_or(by_default) {
            OnPastDue::Keep if !seller.owns_schedule => OnPastDue::Grace,
            stated @ (OnPastDue::Keep | OnPastDue::Grace | OnPastDue::Cut) => stated,
        };
        let own_name = || price.key.to_string();
        let reference = price.provider_ref(seller.provider.as_str());
        Self {
            plan: plan.key.clone(),
            price: Some(price.key.clone()),
            price_ref: Some(reference.map_or_else(own_name, str::to_owned)),
            unit: price.amount,
            quantity,
            billing: price.interval,
            renews: recurring,
            trial: plan.trial.filter(|_| recurring),
            grace: plan.grace,
            on_past_due,
            on_pause: plan.on_pause,
            lead: price.lead,
            stall_limit: catalog.catalog.rules().stall_limit,
            rejoin: price
                .lock
                .as_ref()
                .map_or(DEFAULT_REJOIN, |lock| lock.rejoin),
            discount: None,
            sold: plan.entitlements.clone(),
            license: plan.license,
            bounds: None,
            catalog_revision: catalog.number,
        }
    }

    /// The terms negotiated with a customer who takes `quantity` pieces.
    ///
    /// # Errors
    ///
    /// [`TermsError`] says what stands against it.
    pub fn negotiated(
        catalog: &CatalogRevision,
        plan: &Plan,
        agreed: &Negotiated,
        quantity: u32,
        seller: &Seller,
    ) -> Result<Self, TermsError> {
        if !sold_in(
            agreed.quantity.as_ref().or(plan.quantity.as_ref()),
            quantity,
        ) {
            return Err(TermsError::Quantity);
        }
        // It stands for no price of the catalog, and leaves no key behind.
        let key = PriceKey::new("negotiated").map_err(|_unspeakable| TermsError::Retired)?;
        let price = Price::new(key, plan.key.clone(), agreed.unit, agreed.billing);
        let mut terms = Self::taken(catalog, plan, &price, quantity, seller);
        terms.price = None;
        terms.price_ref = Some(agreed.id.to_string());
        terms.bounds.clone_from(&agreed.quantity);
        terms.trial = None;
        terms.discount = agreed.first_cycle.map(|unit| Discount {
            code: None,
            reduction: Reduction::SetPrice { unit },
            until_cycle: Some(1),
            ends_at: None,
        });
        terms.amount()?;
        Ok(terms)
    }
}

fn sold_in(rule: Option<&QuantityRule>, quantity: u32) -> bool {
    rule.map_or(quantity == 1, |rule| rule.allows(quantity))
}

/// Who sells: what the terms depend on besides the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// The provider, whose names for prices are taken.
    pub provider: ProviderKey,
    /// Whether it runs the schedule.
    pub owns_schedule: bool,
}
