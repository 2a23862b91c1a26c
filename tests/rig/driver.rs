//! What a story does to an engine, whether by the library or over HTTP.

use async_trait::async_trait;

/// A subscription, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionSeen {
    pub(crate) id: String,
    pub(crate) plan: String,
    pub(crate) quantity: u32,
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

/// What is to be bought.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buying<'a> {
    /// A plan or a price.
    pub(crate) what: &'a str,
    pub(crate) pieces: u32,
    pub(crate) code: Option<&'a str>,
}

/// A plan or a price, and how many pieces; `-` for what is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) what: &'a str,
    pub(crate) pieces: Option<u32>,
}

/// A quote, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuoteSeen {
    pub(crate) id: String,
    pub(crate) owed: String,
    /// `now`, or the day.
    pub(crate) effective: String,
    /// What the next invoice will be, and its day.
    pub(crate) next: Option<String>,
    pub(crate) loses: Vec<String>,
}

/// A change, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeSeen {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) plan: String,
    pub(crate) applied_at: Option<String>,
}

/// A refusal, by its stable code.
pub(crate) type Refused = String;

/// What a story does to an engine.
#[async_trait]
pub(crate) trait Driver: Send + Sync {
    /// Makes a customer unless it exists; `joined` is a day.
    async fn customer(&self, who: &str, joined: Option<&str>);
    /// Lets a customer act under the plan of `owner`; `None`: under its own again.
    async fn act_under(&self, who: &str, owner: Option<&str>);
    /// The customer's id.
    async fn id(&self, who: &str) -> String;
    /// Opens a checkout; gives the page to pay at, if one is owed.
    async fn buy(&self, who: &str, buying: &Buying<'_>) -> Result<Option<String>, Refused>;
    /// Quotes a change.
    async fn quote(
        &self,
        who: &str,
        subscription: &str,
        target: Target<'_>,
    ) -> Result<QuoteSeen, Refused>;
    /// Accepts a quote; gives the change's state.
    async fn accept(&self, who: &str, quote: &str) -> Result<String, Refused>;
    /// Takes a change back.
    async fn take_back(&self, who: &str, change: &str) -> Result<(), Refused>;
    /// An operator's change; gives its state.
    async fn force(
        &self,
        subscription: &str,
        target: Target<'_>,
        collect: bool,
    ) -> Result<String, Refused>;
    /// The customer's changes, oldest first.
    async fn changes(&self, who: &str) -> Vec<ChangeSeen>;
    /// What the customer has to its credit, each currency by itself.
    async fn balances(&self, who: &str) -> Vec<String>;
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
