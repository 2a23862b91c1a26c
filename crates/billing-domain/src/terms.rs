//! Terms: what a buyer agreed to, snapshotted from the catalog at that instant.
//! Later edits of the catalog do not touch them.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::{
    Billing, CatalogRevision, DEFAULT_REJOIN, OnPastDue, OnPause, Plan, PlanKey, Price, PriceKey,
    ProviderKey,
};
use crate::money::{Money, MoneyError};
use crate::time::Timestamp;

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
    /// The catalog revision these terms were taken from.
    pub catalog_revision: u64,
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
        let sold = plan
            .quantity
            .as_ref()
            .map_or(quantity == 1, |rule| rule.allows(quantity));
        if !sold {
            return Err(TermsError::Quantity);
        }
        let terms = Self::taken(catalog, plan, price, quantity, seller);
        terms.amount()?;
        Ok(terms)
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
            catalog_revision: catalog.number,
        }
    }
}

/// Who sells: what the terms depend on besides the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// The provider, whose names for prices are taken.
    pub provider: ProviderKey,
    /// Whether it runs the schedule.
    pub owns_schedule: bool,
}
