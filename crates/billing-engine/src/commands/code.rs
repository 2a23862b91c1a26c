//! Discount codes: making, listing and retiring them, and reserving a use for a
//! checkout.

use billing_domain::catalog::PlanKey;
use billing_domain::decide::CHECKOUT_LIFETIME;
use billing_domain::discount::{CodeRefusal, Discount, DiscountCode, Gives, Reduction, WHOLE};
use billing_domain::discounted::DiscountedSale;
use billing_domain::ids::{CheckoutId, DiscountCodeId};
use billing_domain::terms::Terms;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{CodeUses, Page, PageAsk};
use jiff::SignedDuration;

use crate::billing::{Billing, Parts};
use crate::commands::offer::Offer;
use crate::error::EngineError;

/// How much longer a use stays reserved than the checkout lives, where nobody
/// gives it back: its payment is still on its way. Providers tell again for three
/// days, and an outage of ours is mended within a week.
const RESERVED_BEYOND: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A discount code to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// What is typed.
    pub code: String,
    /// What it gives.
    pub gives: Gives,
    /// Sold with these plans only. Empty: with every plan.
    pub plans: Vec<PlanKey>,
    /// For how many cycles. `None`: for all of them.
    pub cycles: Option<u32>,
    /// How often it may be used, over everybody. `None`: without limit.
    pub max_uses: Option<u32>,
    /// The first instant at which it no longer works. `None`: it has no end.
    pub expires_at: Option<Timestamp>,
}

/// Why a discount code was not made or retired.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Its text is empty, too long, or has other characters than letters, digits,
    /// `-` and `_`.
    #[error("a code has 1 to {max} letters, digits, '-' and '_'", max = DiscountCode::MAX_CODE)]
    BadText,
    /// It takes nothing off, or more than everything, or counts nothing.
    #[error("a code takes off more than nothing and at most everything, at least once")]
    BadAmount,
    /// The catalog has no such plan.
    #[error("no such plan: {0}")]
    NoSuchPlan(PlanKey),
    /// Another code that is not retired has this text.
    #[error("the code exists already")]
    Exists,
    /// There is no such code, or it was retired before.
    #[error("no such discount code")]
    NotFound,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Makes a discount code.
    ///
    /// # Errors
    ///
    /// [`CodeError`], and nothing is written.
    pub async fn create_code(&self, new: NewCode) -> Result<DiscountCode, CodeError> {
        let parts = self.parts()?;
        let now = parts.now();
        let text = DiscountCode::normal(&new.code);
        let allowed = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let length = text.chars().count();
        if length == 0 || length > DiscountCode::MAX_CODE || !text.chars().all(allowed) {
            return Err(CodeError::BadText);
        }
        let amount_fits = match new.gives {
            Gives::FreeLicense => true,
            Gives::Reduction(Reduction::Percent { basis_points }) => {
                (1..=WHOLE).contains(&basis_points)
            }
            Gives::Reduction(Reduction::Fixed { amount }) => amount.amount > 0,
            Gives::Reduction(Reduction::SetPrice { unit }) => unit.amount >= 0,
        };
        let counts = [new.cycles, new.max_uses];
        if !amount_fits || counts.contains(&Some(0)) {
            return Err(CodeError::BadAmount);
        }
        let catalog = parts.catalog(now).await?;
        let unknown = |plan: &&PlanKey| catalog.catalog.plan(plan.as_str()).is_none();
        if let Some(plan) = new.plans.iter().find(unknown) {
            return Err(CodeError::NoSuchPlan(plan.clone()));
        }
        let code = DiscountCode {
            id: parts.ids(now).draw(),
            code: text,
            gives: new.gives,
            plans: new.plans,
            cycles: new.cycles,
            max_uses: new.max_uses,
            expires_at: new.expires_at,
            retired_at: None,
            created_at: now,
        };
        let made = parts.store.create_code(&code).await;
        if made.map_err(EngineError::from)? {
            Ok(code)
        } else {
            Err(CodeError::Exists)
        }
    }

    /// Discount codes, newest first, with their uses.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn list_codes(&self, page: PageAsk) -> Result<Page<CodeUses>, EngineError> {
        let parts = self.parts()?;
        Ok(parts.store.list_codes(page, parts.now()).await?)
    }

    /// Retires a discount code; who holds its discount keeps it.
    ///
    /// # Errors
    ///
    /// [`CodeError::NotFound`] when there is none, or it was retired before.
    pub async fn retire_code(&self, id: DiscountCodeId) -> Result<(), CodeError> {
        let parts = self.parts()?;
        let retired = parts.store.retire_code(id, parts.now()).await;
        if retired.map_err(EngineError::from)? {
            Ok(())
        } else {
            Err(CodeError::NotFound)
        }
    }
}

/// Why a code gave no discount.
pub(crate) enum Unredeemed {
    Refused(CodeRefusal),
    Engine(EngineError),
}

impl From<CodeRefusal> for Unredeemed {
    fn from(refusal: CodeRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Parts {
    /// Gives `terms` the discount of a code, with a use of it reserved for
    /// `checkout`. Whoever does not begin the checkout then gives the use back.
    pub(crate) async fn redeem(
        &self,
        typed: &str,
        mut terms: Terms,
        offer: &Offer<'_>,
        checkout: CheckoutId,
        now: Timestamp,
    ) -> Result<Terms, Unredeemed> {
        let text = DiscountCode::normal(typed);
        let found = self.store.find_code(&text).await;
        let code = found
            .map_err(|error| Unredeemed::Engine(error.into()))?
            .ok_or(CodeRefusal::Unknown)?;
        let discount = code.discount(&terms.plan, terms.unit, terms.first_charged(), now)?;
        terms.discount = Some(discount);
        if offer.owns_schedule && !terms.is_free() {
            self.agree_there(&mut terms, offer, now)?;
        }
        let until = shifted(now, CHECKOUT_LIFETIME.saturating_add(RESERVED_BEYOND));
        let reserved = self
            .store
            .reserve_code(code.id, checkout, until, now)
            .await
            .map_err(|error| Unredeemed::Engine(error.into()))?;
        if reserved {
            Ok(terms)
        } else {
            Err(CodeRefusal::UsedUp.into())
        }
    }

    /// Agrees on a discount with a provider that runs the schedule, or says that it
    /// takes none like this.
    fn agree_there(
        &self,
        terms: &mut Terms,
        offer: &Offer<'_>,
        now: Timestamp,
    ) -> Result<(), CodeRefusal> {
        let sets_price = |held: &Discount| matches!(held.reduction, Reduction::SetPrice { .. });
        if offer.plan.quantity.is_some() && terms.discount.as_ref().is_some_and(sets_price) {
            // It takes off an amount, which does not grow with the pieces.
            return Err(CodeRefusal::Provider);
        }
        let unsayable = |_beyond| CodeRefusal::Provider;
        terms.fix_discount().map_err(unsayable)?;
        if terms.asks_nobody(offer.owns_schedule).map_err(unsayable)? {
            return Ok(());
        }
        let provider = self.providers.get(&offer.provider);
        let sale = DiscountedSale::of(terms, now).map_err(unsayable)?;
        match provider.zip(sale) {
            Some((provider, sale)) if provider.takes_discount(&sale) => Ok(()),
            _ => Err(CodeRefusal::Provider),
        }
    }
}
