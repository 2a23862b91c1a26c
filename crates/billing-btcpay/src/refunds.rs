//! Refunds, read back. BTCPay sends nothing by itself: a refund is a promise with a link
//! (a pull payment), which the buyer claims, once or in parts. What was claimed and sent
//! is told; a promise that nobody claims is not.
//!
//! BTCPay does not say which invoice a promise is of, but in the name that it gives it.

use billing_domain::fact::{Fact, Observed, RefundSnapshot, RefundState};
use billing_domain::money::{Currency, Money};
use serde::Deserialize;

use crate::api_error::CallError;
use crate::client::Answered;
use crate::decimal::Decimal;
use crate::facts::{SATOSHI, Seen};
use crate::provider::BtcPay;
use crate::wire::at;

/// How BTCPay names what an invoice is refunded by, with the invoice's id after it.
const NAMED: &str = "Refund ";

#[derive(Debug, Deserialize)]
struct PullPayment {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

impl PullPayment {
    /// The invoice that it refunds, if it refunds one.
    fn invoice(&self) -> Option<&str> {
        self.name.as_deref()?.strip_prefix(NAMED)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payout {
    id: String,
    /// When it was claimed.
    date: i64,
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
    fn satoshi(&self) -> Option<i64> {
        match self.original_currency.as_deref() {
            Some(SATOSHI) => self.original_amount.floor(),
            Some("BTC") => self.original_amount.satoshi(),
            // Promised in another currency: known once it is approved.
            _ => self.sent?.satoshi(),
        }
    }

    fn state(&self) -> RefundState {
        match self.state.as_str() {
            "Completed" => RefundState::Done,
            "Cancelled" => RefundState::Failed,
            _ => RefundState::Pending,
        }
    }
}

impl BtcPay {
    /// What went back of an invoice. A key that may not look is told nothing; that it
    /// may not, the doctor says.
    pub(crate) async fn refunds_of(&self, seen: &Seen) -> Result<Vec<Observed>, CallError> {
        let query = [("includeArchived", "true")];
        let listed: Result<Answered<Vec<PullPayment>>, _> =
            self.client.get(&["pull-payments"], &query).await;
        let listed = match listed {
            Ok(listed) => listed.body,
            Err(CallError::Misconfigured(why)) => {
                tracing::debug!(why, "refunds are not looked at");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut facts = Vec::new();
        for pull in &listed {
            if pull.invoice() == Some(seen.invoice.id.as_str()) {
                facts.extend(self.payouts(pull, seen).await?);
            }
        }
        Ok(facts)
    }

    /// What went back by a promise. Empty: there is none, or it refunds nothing of ours.
    pub(crate) async fn refunds_by(&self, pull_payment: &str) -> Result<Vec<Observed>, CallError> {
        let path = ["pull-payments", pull_payment];
        let pull: Answered<PullPayment> = match self.client.get_outside(&path).await {
            Ok(pull) => pull,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let Some(invoice) = pull.body.invoice() else {
            return Ok(Vec::new());
        };
        match self.seen(invoice).await? {
            Some(seen) => self.payouts(&pull.body, &seen).await,
            None => Ok(Vec::new()),
        }
    }

    async fn payouts(&self, pull: &PullPayment, seen: &Seen) -> Result<Vec<Observed>, CallError> {
        let path = ["pull-payments", pull.id.as_str(), "payouts"];
        let payouts: Answered<Vec<Payout>> = self.client.get_outside(&path).await?;
        let told = payouts.body.iter().filter_map(|payout| {
            let fact = Fact::RefundSeen(RefundSnapshot {
                refund: payout.id.clone(),
                of: vec![seen.invoice.id.clone()],
                amount: Money::new(payout.satoshi()?, Currency::SAT),
                state: payout.state(),
            });
            let mut observed = self.teller.observed(seen, fact, at(payout.date));
            observed.link.refs.push(self.teller.payment(seen));
            Some(observed)
        });
        Ok(told.collect())
    }
}
