//! A transaction, its sums, and what was given back of it.

use billing_domain::effect::EffectKey;
use billing_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Item, Minor, Row, Span, instant, lenient};

/// How the key of an order to pay back begins.
const ORDERED: &str = "refund:";

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Totals {
    #[serde(default)]
    pub(crate) total: Option<Minor>,
    #[serde(default)]
    pub(crate) grand_total: Option<Minor>,
    #[serde(default)]
    pub(crate) subtotal: Option<Minor>,
    #[serde(default)]
    pub(crate) discount: Option<Minor>,
    #[serde(default)]
    pub(crate) tax: Option<Minor>,
    #[serde(default)]
    pub(crate) currency_code: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LineItem {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) totals: Totals,
    #[serde(default)]
    pub(crate) quantity: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Details {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) totals: Totals,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) line_items: Vec<LineItem>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CheckoutPage {
    #[serde(default)]
    pub(crate) url: Option<String>,
}

/// A transaction: checkout, invoice and payment in one.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) customer_id: Option<String>,
    #[serde(default)]
    pub(crate) subscription_id: Option<String>,
    #[serde(default)]
    pub(crate) custom_data: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) origin: Option<String>,
    #[serde(default)]
    pub(crate) billing_period: Option<Span>,
    #[serde(default)]
    pub(crate) currency_code: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) items: Vec<Item>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) details: Details,
    #[serde(default)]
    pub(crate) checkout: Option<CheckoutPage>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) adjustments: Vec<Adjustment>,
    /// The tries to collect it.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) payments: Vec<Try>,
    /// Told only where it is asked for.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) customer: Option<Buyer>,
}

/// A try to collect a transaction.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Try {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status: String,
}

/// Who pays.
#[derive(Clone, Deserialize)]
pub(crate) struct Buyer {
    #[serde(default)]
    pub(crate) email: Option<String>,
}

impl std::fmt::Debug for Buyer {
    /// Shows nothing about people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buyer").finish_non_exhaustive()
    }
}

/// What a preview would credit of an earlier transaction.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Adjusted {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) items: Vec<AdjustedItem>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AdjustedItem {
    /// The line of the transaction.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) item_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) totals: Totals,
}

/// A refund, a credit or a chargeback.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Adjustment {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) action: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) transaction_id: Option<String>,
    #[serde(default)]
    pub(crate) subscription_id: Option<String>,
    #[serde(default)]
    pub(crate) customer_id: Option<String>,
    #[serde(default)]
    pub(crate) currency_code: Option<String>,
    /// Why, in the words of whoever asked for it.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) items: Vec<AdjustedItem>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) totals: Totals,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
}

impl Adjustment {
    /// The key of the order of ours that asked for it, which ends its reason in brackets.
    /// `None`: somebody asked for it over there.
    pub(crate) fn ordered(&self) -> Option<EffectKey> {
        let reason = self.reason.as_deref()?.trim_end().strip_suffix(']')?;
        let (_, key) = reason.rsplit_once('[')?;
        let ours = key.starts_with(ORDERED);
        ours.then(|| EffectKey::from_stored(key.to_owned()))
    }

    /// Whether money goes back by it, or has gone, and is not taken back.
    pub(crate) fn is_standing_refund(&self) -> bool {
        let stands = matches!(self.status.as_str(), "pending_approval" | "approved");
        self.action == "refund" && stands
    }

    /// How often what it says of a line is taken off what can be given back of it: once,
    /// not at all, or given to it again.
    pub(crate) fn takes(&self) -> i64 {
        match (self.action.as_str(), self.status.as_str()) {
            (_, "rejected") | ("chargeback_warning" | "chargeback_warning_reverse", _) => 0,
            ("chargeback_reverse" | "credit_reverse", _) => -1,
            _ => 1,
        }
    }
}

impl Row for Adjustment {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Transaction {
    pub(crate) fn at(&self) -> Timestamp {
        instant(self.created_at, self.updated_at)
    }

    /// Whether a buyer pays it at a checkout: made by us, or by Paddle's own
    /// script. What a subscription is charged later inherits its custom data, and
    /// is none.
    pub(crate) fn is_checkout(&self) -> bool {
        matches!(self.origin.as_deref(), Some("api" | "web") | None)
    }

    /// Whether anybody may have made it, in a browser by the public token: what it says of
    /// us is said by who pays.
    pub(crate) fn is_by_payer(&self) -> bool {
        self.origin.as_deref() == Some("web")
    }

    /// Whether a subscription is charged by it beside its items: for none of its periods.
    pub(crate) fn is_beside(&self) -> bool {
        self.origin.as_deref() == Some("subscription_charge")
    }

    pub(crate) fn recurs(&self) -> bool {
        self.subscription_id.is_some() || self.items.iter().any(Item::recurs)
    }
}

impl Row for Transaction {
    fn id(&self) -> &str {
        &self.id
    }
}
