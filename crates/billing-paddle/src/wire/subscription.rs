//! A subscription, as much of it as is read.

use billing_domain::time::{Period, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Cycle, Item, Row, Span, instant, lenient};

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ScheduledChange {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) effective_at: Option<Timestamp>,
}

/// A subscription.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) customer_id: Option<String>,
    #[serde(default)]
    pub(crate) address_id: Option<String>,
    #[serde(default)]
    pub(crate) currency_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) items: Vec<Item>,
    #[serde(default)]
    pub(crate) current_billing_period: Option<Span>,
    #[serde(default)]
    pub(crate) billing_cycle: Option<Cycle>,
    #[serde(default)]
    pub(crate) scheduled_change: Option<ScheduledChange>,
    #[serde(default)]
    pub(crate) first_billed_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) canceled_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) custom_data: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) import_meta: Option<Value>,
}

impl Subscription {
    pub(crate) fn at(&self) -> Timestamp {
        instant(self.created_at, self.updated_at)
    }

    /// The item that is the plan: the first that recurs. Others are extras, made in
    /// Paddle's own pages.
    pub(crate) fn plan_item(&self) -> Option<&Item> {
        let recurring = self.items.iter().find(|item| item.recurs());
        recurring.or_else(|| self.items.first())
    }

    pub(crate) fn period(&self) -> Option<Period> {
        self.current_billing_period.map(Span::period)
    }
}

impl Row for Subscription {
    fn id(&self) -> &str {
        &self.id
    }
}
