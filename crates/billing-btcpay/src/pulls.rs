//! BTCPay's promises to pay back (pull payments), and what was claimed of them, as they
//! are read. Knows nothing of what they do to an invoice.
//!
//! BTCPay does not say which invoice a promise is of, but in the name that it gives it.
//! Which order of ours made it, stands in its description.

use billing_domain::effect::EffectKey;
use billing_domain::fact::RefundState;
use serde::Deserialize;

use crate::api_error::CallError;
use crate::client::Answered;
use crate::decimal::Decimal;
use crate::facts::SATOSHI;
use crate::provider::BtcPay;

/// What a promise is named, with the invoice's id after it: BTCPay's own word, and all
/// that ties the two.
pub(crate) const NAMED: &str = "Refund ";

/// What stands before the key of an order of ours, on a line of its own.
pub(crate) const ORDERED: &str = "Reference: ";

/// What BTCPay calls bitcoin.
const BITCOIN: &str = "BTC";

/// A promise, which its buyer claims by a link, once or in parts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PullPayment {
    pub(crate) id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    /// `None`: a version that does not say.
    #[serde(default)]
    amount: Option<Decimal>,
    #[serde(default)]
    currency: Option<String>,
    /// Whether it can be claimed no more.
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) view_link: Option<String>,
    /// Since when it can be claimed. 0: a version that does not say.
    #[serde(default)]
    pub(crate) starts_at: i64,
}

impl PullPayment {
    /// The invoice that it refunds, if it refunds one.
    pub(crate) fn invoice(&self) -> Option<&str> {
        self.name.as_deref()?.strip_prefix(NAMED)
    }

    /// The key of the order that made it. `None`: a person did, at BTCPay.
    pub(crate) fn ordered(&self) -> Option<&str> {
        let said = self.description.as_deref().unwrap_or_default();
        let mut keys = said.lines().filter_map(|line| line.strip_prefix(ORDERED));
        keys.next_back()
    }

    /// Whether this order made it.
    pub(crate) fn is_of(&self, key: &EffectKey) -> bool {
        self.ordered() == Some(key.as_str())
    }

    /// What is promised. `None`: not in bitcoin.
    pub(crate) fn satoshi(&self) -> Option<i64> {
        match self.currency.as_deref() {
            Some(SATOSHI) => self.amount?.floor(),
            Some(BITCOIN) => self.amount?.satoshi(),
            _ => None,
        }
    }
}

/// What was claimed of a promise.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payout {
    pub(crate) id: String,
    /// When it was claimed.
    pub(crate) date: i64,
    /// `amount` before 2.1.
    #[serde(alias = "amount")]
    original_amount: Decimal,
    #[serde(default)]
    original_currency: Option<String>,
    /// In bitcoin.
    #[serde(default, rename = "payoutAmount")]
    sent: Option<Decimal>,
    state: String,
}

impl Payout {
    /// What is sent. `None`: it is not known in satoshi.
    pub(crate) fn satoshi(&self) -> Option<i64> {
        match self.original_currency.as_deref() {
            Some(SATOSHI) => self.original_amount.floor(),
            Some(BITCOIN) => self.original_amount.satoshi(),
            // Promised in another currency: known once it is approved.
            _ => self.sent?.satoshi(),
        }
    }

    /// Its name and BTCPay's own word for how it stands.
    pub(crate) fn standing(&self) -> (&str, &str) {
        (&self.id, &self.state)
    }

    pub(crate) fn state(&self) -> RefundState {
        match self.state.as_str() {
            "Completed" => RefundState::Done,
            "Cancelled" => RefundState::Failed,
            _ => RefundState::Pending,
        }
    }
}

impl BtcPay {
    /// What was promised in the store, archived or not. BTCPay has no pages of it.
    pub(crate) async fn promises(&self) -> Result<Answered<Vec<PullPayment>>, CallError> {
        let query = [("includeArchived", "true")];
        self.client.get(&["pull-payments"], &query).await
    }

    /// What was promised back of an invoice of BTCPay's, claimed or not, archived or not.
    pub(crate) async fn promises_of(&self, invoice: &str) -> Result<Vec<PullPayment>, CallError> {
        let mut held = self.promises().await?.body;
        held.retain(|pull| pull.invoice() == Some(invoice));
        Ok(held)
    }

    /// What was claimed of a promise, and what of it was canceled, which BTCPay leaves out
    /// where it is not asked for: unseen, it would look as if it were still on its way.
    pub(crate) async fn claims_of(&self, pull: &PullPayment) -> Result<Vec<Payout>, CallError> {
        let path = ["pull-payments", pull.id.as_str(), "payouts"];
        let query = [("includeCancelled", "true")];
        let payouts: Answered<Vec<Payout>> = self.client.get_open(&path, &query).await?;
        Ok(payouts.body)
    }
}
