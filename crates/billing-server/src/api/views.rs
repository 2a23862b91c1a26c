//! What callers see: shapes that stay the same whatever happens inside.

mod access;
mod collection;
mod forecast;
mod held;
mod invoice;
mod line;
mod migration;
mod plan;
mod quote;
mod standing;
mod subscription;

pub(crate) use access::{AccessView, EntitlementView, GateView, entitlements};
pub(crate) use collection::CollectionView;
pub(crate) use forecast::ForecastView;
pub(crate) use held::{
    BoundsView, CustomerView, GrantView, JournalView, NegotiatedView, ParkedView,
};
pub(crate) use invoice::InvoiceView;
pub(crate) use line::{LineView, explanation, money};
pub(crate) use migration::{MigrationPlanView, MigrationView, MoveView, Moving, NO_BOUND};
pub(crate) use plan::{PlanView, plan};
pub(crate) use quote::{AllowedView, ChangeView, QuoteView};
pub(crate) use standing::{DiscountView, PromiseView, ScheduledView, lasts, reduction};
pub(crate) use subscription::{SubscriptionView, change_of};

use billing_domain::money::Money;
use poem_openapi::Object;

/// Money in minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "Money")]
pub(crate) struct MoneyView {
    /// Minor units, as in cents.
    amount: i64,
    /// The currency, as in `usd`.
    currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount,
            currency: money.currency.code().to_owned(),
        }
    }
}
