//! Refunds, read back. BTCPay sends nothing by itself: a refund is a promise with a link,
//! which the buyer claims, once or in parts. What was claimed and sent is told; a promise
//! that nobody claims is not.

use billing_domain::fact::{Fact, Observed, RefundSnapshot};
use billing_domain::money::{Currency, Money};

use crate::api_error::CallError;
use crate::client::Answered;
use crate::facts::Seen;
use crate::provider::BtcPay;
use crate::pulls::{Payout, PullPayment};
use crate::wire::at;

impl BtcPay {
    /// What went back of an invoice. A key that may not look is told nothing; that it
    /// may not, the doctor says.
    pub(crate) async fn refunds_of(&self, seen: &Seen) -> Result<Vec<Observed>, CallError> {
        let promised = match self.promises_of(&seen.invoice.id).await {
            Ok(promised) => promised,
            Err(CallError::Misconfigured(why)) => {
                tracing::debug!(why, "refunds are not looked at");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut facts = Vec::new();
        for pull in &promised {
            facts.extend(self.payouts(pull, seen).await?);
        }
        Ok(facts)
    }

    /// What went back by a promise. Empty: there is none, or it refunds nothing of ours.
    pub(crate) async fn refunds_by(&self, pull_payment: &str) -> Result<Vec<Observed>, CallError> {
        let path = ["pull-payments", pull_payment];
        let pull: Answered<PullPayment> = match self.client.get_open(&path, &[]).await {
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
        let claims = self.claims_of(pull).await?;
        let told = claims.iter().filter_map(|payout| {
            let fact = Fact::RefundSeen(RefundSnapshot {
                ordered: None,
                refund: payout.id.clone(),
                of: goes_back_of(pull, payout, seen),
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

/// The names of what a claim pays back. What was ordered here of an invoice that is paid
/// is of the payment that settled it. Where it is not paid, it is of what had come there;
/// and what a person promised may be of anything that had come when it was claimed, and
/// BTCPay does not say of what: of what came besides first.
fn goes_back_of(pull: &PullPayment, payout: &Payout, seen: &Seen) -> Vec<String> {
    let claimed_at = at(payout.date);
    let of_parts = pull.ordered().is_none() || !seen.is_paid();
    let came = seen.paid.iter();
    let came = came.filter(|paid| of_parts && paid.at <= claimed_at);
    let whole = std::iter::once(seen.invoice.id.clone());
    whole.chain(came.map(|paid| paid.id.clone())).collect()
}
