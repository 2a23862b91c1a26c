//! What is brought over from elsewhere: what was agreed there, what came of bringing it,
//! and why it was not brought. Knows neither files nor providers' lists.

use serde::{Deserialize, Serialize};

use crate::catalog::{Billing, PlanKey, PriceKey};
use crate::grant::GrantReason;
use crate::ids::{GrantId, SubscriptionId};
use crate::money::Money;
use crate::provider::ProviderAccount;
use crate::time::Timestamp;

/// That a subscription was sold elsewhere and brought over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// What it was called there.
    pub external: String,
    /// What was paid there for the period that it was brought with, or for all time. No
    /// invoice of these books tells of it.
    pub paid: Money,
    /// Whether machines were brought for its license. They are activated once: what its
    /// holder does with them afterwards stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub machines: bool,
}

/// Where what is brought is paid from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payee {
    /// The account.
    pub account: ProviderAccount,
    /// Whether that provider runs the schedule of what it sells.
    pub owns_schedule: bool,
}

/// A subscription that was sold and paid elsewhere, and goes on here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionImport {
    /// Our id, the same whenever this is brought: made from what it was called.
    pub id: SubscriptionId,
    /// What it was called where it was sold.
    pub external: String,
    /// The plan.
    pub plan: PlanKey,
    /// The price that it is held at. `None`: the one of the plan that fits the rest.
    pub price: Option<PriceKey>,
    /// How often it is charged. `None`: as the price says.
    pub billing: Option<Billing>,
    /// What was promised for one piece. `None`: what the price says.
    pub unit: Option<Money>,
    /// Pieces; at least one.
    pub quantity: u32,
    /// When it began: its periods hang there. `None`: now, and it is not said.
    pub started_at: Option<Timestamp>,
    /// Until when it is paid. `None`: it was bought for ever.
    pub paid_through: Option<Timestamp>,
    /// Whether it ends then. `None`: it renews, and it is not said.
    pub ends: Option<bool>,
    /// Where it is said to be paid. `None`: that is not said.
    pub provider: Option<ProviderAccount>,
    /// Where it is paid from now on. `None`: no account that is configured could be it.
    pub payee: Option<Payee>,
}

/// A grant that was given elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantImport {
    /// Our id, the same whenever this is brought.
    pub id: GrantId,
    /// The plan.
    pub plan: PlanKey,
    /// Why it is held.
    pub reason: GrantReason,
    /// The first instant at which it no longer gives access. `None`: it has no end.
    pub ends_at: Option<Timestamp>,
}

/// What came of bringing something over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was not here, and is from now on.
    Created {
        /// The price of one piece that was promised beside the catalog. `None`: a price of
        /// the catalog's, or nothing that has a price.
        promised: Option<Money>,
        /// Whether these books charge for it again.
        charged: bool,
    },
    /// It was brought before.
    There,
    /// It is here, and is otherwise; it was left as it is.
    Differs {
        /// What of it is otherwise, by the names of the import's columns.
        fields: Vec<&'static str>,
    },
}

impl ImportOutcome {
    /// It was not here, and costs nobody anything from now on.
    pub const CREATED: Self = Self::Created {
        promised: None,
        charged: false,
    };

    /// What is here, by each of its columns and whether that is as it was brought.
    #[must_use]
    pub fn compared(same: &[(&'static str, bool)]) -> Self {
        let others = same.iter().filter(|(_, same)| !same);
        let fields: Vec<&str> = others.map(|(name, _)| *name).collect();
        if fields.is_empty() {
            Self::There
        } else {
            Self::Differs { fields }
        }
    }
}

macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $field:literal, $words:literal;)*) => {
        /// Why something was not brought over.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
        pub enum ImportRefusal {$(
            $(#[doc = $doc])*
            #[error($words)]
            $name,
        )*}

        impl ImportRefusal {
            /// Every one, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {$(Self::$name => $code),*}
            }

            /// What of it stands against it, by the name of the import's column.
            #[must_use]
            pub const fn field(self) -> &'static str {
                match self {$(Self::$name => $field),*}
            }
        }
    };
}

refusals! {
    /// There is no such customer.
    NoSuchCustomer = "customer_not_found", "customer",
        "no such customer: customers are imported before what they hold";
    /// The same name was brought over for somebody else.
    AnotherCustomers = "another_customers", "customer",
        "it was imported before, for another customer";
    /// The customer is charged for another one already.
    AlreadySubscribed = "already_subscribed", "customer",
        "the customer has another subscription that is charged again, and would pay twice";
    /// The catalog has no such plan.
    NoSuchPlan = "no_such_plan", "plan", "the catalog has no such plan";
    /// The catalog has no such price.
    NoSuchPrice = "no_such_price", "price",
        "the catalog has no such price of that plan, and no amount and interval are given";
    /// Several prices of the plan fit.
    AmbiguousPrice = "ambiguous_price", "price",
        "several prices of that plan fit: name one";
    /// The plan is not held in that quantity.
    Quantity = "quantity_out_of_bounds", "quantity", "the plan is not held in that quantity";
    /// The amount is below zero, or too large.
    Amount = "amount_out_of_range", "amount", "the amount is below zero, or too large";
    /// Nothing of the catalog is sold in that currency.
    Currency = "currency_not_sold", "currency",
        "nothing of the catalog is sold in that currency";
    /// As many terms are negotiated with the customer as there may be.
    TooManyTerms = "too_many_terms", "amount",
        "as many prices of its own are promised to the customer as there may be";
    /// No such provider account is configured.
    NoSuchProvider = "no_such_provider", "provider",
        "no such provider account is configured, or none that could charge it";
    /// The provider charges by itself.
    ProviderRunsSchedule = "provider_runs_schedule", "provider",
        "that provider charges by itself: what it charges is adopted from it, not from a file";
    /// It begins later than now.
    StartsLater = "starts_later", "started_at", "it begins later than now";
    /// It recurs, and it is not said until when it is paid.
    NoPaidThrough = "no_paid_through", "paid_through",
        "it recurs, and it is not said until when it is paid";
    /// It is not paid any more.
    NotPaid = "not_paid", "paid_through",
        "it is not paid any more: nobody is charged for time that is gone";
    /// What is paid ends where none of its periods does.
    OffAnchor = "off_anchor", "paid_through",
        "no period that is counted from its start ends then";
    /// More is paid than the period that lasts.
    PaidAhead = "paid_ahead", "paid_through",
        "more is paid than the period that lasts: import it when the last paid one has begun";
    /// It was bought for ever, and is to end.
    NotRecurring = "not_recurring", "paid_through",
        "it was bought for ever: there is no end to it";
    /// The grant is over.
    GrantOver = "grant_over", "until", "the grant is over";
    /// The customer has no such subscription.
    NoSuchSubscription = "no_such_subscription", "subscription",
        "the customer has no such subscription that was imported";
    /// The plan gives no license.
    NoLicense = "gives_no_license", "plan", "the plan gives no license";
    /// The license is not good on so many machines.
    TooManyMachines = "too_many_machines", "machines",
        "the license is not good on so many machines";
    /// The subscription is over at its provider, or was never paid.
    Over = "over", "status", "it is over at its provider, or was never paid there";
    /// The subscription has several prices at its provider.
    SeveralPrices = "several_prices", "price",
        "it has several prices at its provider, and would be held at one";
    /// The customer is known at the provider by another name.
    OtherReference = "other_reference", "customer",
        "that customer is another one at the provider already";
    /// It cannot be read at its provider.
    Unreadable = "unreadable", "subscription", "it cannot be read at its provider";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_refusals_have_one_code() {
        let codes: BTreeSet<_> = ImportRefusal::ALL.iter().map(|it| it.code()).collect();
        assert_eq!(codes.len(), ImportRefusal::ALL.len());
    }
}
