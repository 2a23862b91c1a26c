//! What a story does to an engine, whether by the library or over HTTP.

use async_trait::async_trait;

/// A subscription, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionSeen {
    pub(crate) id: String,
    pub(crate) plan: String,
    pub(crate) status: String,
    /// `YYYY-MM-DD`, or an instant where it is not midnight.
    pub(crate) paid_through: Option<String>,
    pub(crate) ends_at: Option<String>,
}

/// An invoice, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvoiceSeen {
    pub(crate) purpose: String,
    pub(crate) cycle: Option<u32>,
    pub(crate) amount: String,
    pub(crate) state: String,
    pub(crate) period: Option<(String, String)>,
    pub(crate) pay_url: Option<String>,
}

/// A refusal, by its stable code.
pub(crate) type Refused = String;

/// What a story does to an engine.
#[async_trait]
pub(crate) trait Driver: Send + Sync {
    /// Makes a customer unless it exists; `joined` is a day.
    async fn customer(&self, who: &str, joined: Option<&str>);
    /// The customer's id.
    async fn id(&self, who: &str) -> String;
    /// Opens a checkout; gives the page to pay at, if one is owed.
    async fn buy(&self, who: &str, what: &str, pieces: u32) -> Result<Option<String>, Refused>;
    /// Cancels a subscription; says whether it was canceled before.
    async fn cancel(&self, who: &str, subscription: &str, at_once: bool) -> Result<bool, Refused>;
    /// Grants a plan; `until` is a day.
    async fn grant(&self, who: &str, plan: &str, until: Option<&str>) -> Result<(), Refused>;
    /// Asks the gate for `feature`, or for a level of it where it is `editor/write`:
    /// `yes`, `yes, 5`, or `no, unpaid, needs team`.
    async fn check(&self, who: &str, feature: &str) -> String;
    /// The customer's subscriptions, oldest first.
    async fn subscriptions(&self, who: &str) -> Vec<SubscriptionSeen>;
    /// The customer's invoices, oldest first.
    async fn invoices(&self, who: &str) -> Vec<InvoiceSeen>;
}

/// A day, where an instant is midnight; the instant otherwise.
pub(crate) fn day(instant: &str) -> String {
    instant
        .strip_suffix("T00:00:00Z")
        .unwrap_or(instant)
        .to_owned()
}
