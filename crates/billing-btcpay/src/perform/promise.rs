//! Promising money back: a pull payment, which its buyer claims by a link. BTCPay sends
//! nothing by itself. Each promise says the key of its effect in its description, and
//! is looked for before it is made.

use billing_domain::effect::{EffectKey, PromiseRefund};
use billing_domain::fact::{Fact, Link, Observed, RefundState};
use billing_domain::ids::EffectId;
use billing_domain::time::to_micros;
use billing_ports::{RefundLink, RefundPromised};
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Answered;
use crate::facts::is_settled;
use crate::provider::BtcPay;
use crate::pulls::{NAMED, ORDERED, Payout, PullPayment};

/// Satoshi in a bitcoin.
const BITCOIN: i64 = 100_000_000;

/// How the buyer gets it. A store without a wallet for it refuses.
const PAID_OUT_BY: &str = "BTC-CHAIN";

impl BtcPay {
    pub(super) async fn promise_refund(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &PromiseRefund,
    ) -> Result<Vec<Observed>, CallError> {
        let made = self.promises_of(&order.reference).await?;
        if !made.iter().any(|promise| promise.is_of(key)) {
            if !self.may_promise(&made, order).await? {
                return Err(refused(
                    "promised_already",
                    "what BTCPay has promised for the invoice comes to more than was paid",
                ));
            }
            let path = ["invoices", order.reference.as_str(), "refund"];
            let _made: Answered<Value> = self.client.post(&path, &body(key, order)).await?;
        }
        Ok(vec![Observed {
            fact: Fact::Done { effect },
            at: to_micros(self.clock.now()),
            link: Link::default(),
        }])
    }

    /// What is promised, in satoshi: of what was closed, as much as was claimed before.
    /// `None`: it cannot be told.
    async fn promised_so_far(&self, made: &[&PullPayment]) -> Result<Option<i64>, CallError> {
        let mut all = Some(0_i64);
        for promise in made {
            let more = if promise.archived {
                let claims = self.claims_of(promise).await?;
                let stand = claims.iter();
                let stand = stand.filter(|claim| claim.state() != RefundState::Failed);
                stand.map(Payout::satoshi).sum::<Option<i64>>()
            } else {
                promise.satoshi()
            };
            all = all.zip(more).and_then(|(all, more)| all.checked_add(more));
        }
        Ok(all)
    }

    /// Whether no more than has come is promised with this, by what BTCPay says now, and
    /// no more than was paid by orders of ours. Where BTCPay says that the invoice is
    /// settled, as much has come as it was settled with: by a person's word too. What
    /// came besides that may be promised by hand.
    async fn may_promise(
        &self,
        made: &[PullPayment],
        order: &PromiseRefund,
    ) -> Result<bool, CallError> {
        let (ours, by_hand): (Vec<_>, Vec<_>) =
            made.iter().partition(|promise| promise.ordered().is_some());
        let ours = self.promised_so_far(&ours).await?;
        let by_hand = self.promised_so_far(&by_hand).await?;
        let ours = ours.and_then(|ours| ours.checked_add(order.amount.amount));
        let all = ours.zip(by_hand);
        let all = all.and_then(|(ours, by_hand)| Some((ours, ours.checked_add(by_hand)?)));
        let Some((ours, all)) = all else {
            return Ok(false);
        };
        if ours > order.paid.amount {
            return Ok(false);
        }
        let Some(seen) = self.seen(&order.reference).await? else {
            return Ok(false);
        };
        let told = if is_settled(&seen.invoice) {
            order.paid.amount
        } else {
            0
        };
        Ok(all <= seen.came().max(told))
    }

    /// What was promised under this key.
    pub(crate) async fn promised(
        &self,
        key: &EffectKey,
        invoice: &str,
    ) -> Result<RefundPromised, CallError> {
        let made = self.promises_of(invoice).await?;
        let promise = made.into_iter().find(|promise| promise.is_of(key));
        Ok(match promise {
            None => RefundPromised::Missing,
            Some(promise) if promise.archived => RefundPromised::Closed {
                returned: match self.seen(invoice).await? {
                    Some(seen) => self.refunds_of(&seen).await?,
                    None => Vec::new(),
                },
            },
            Some(promise) => match promise.view_link {
                Some(url) => RefundPromised::Open(RefundLink { url }),
                None => RefundPromised::Missing,
            },
        })
    }
}

fn body(key: &EffectKey, order: &PromiseRefund) -> Value {
    let satoshi = order.amount.amount;
    let (whole, rest) = (satoshi.div_euclid(BITCOIN), satoshi.rem_euclid(BITCOIN));
    let mut description = order.reason.clone().unwrap_or_default();
    if !description.is_empty() {
        description.push('\n');
    }
    description.push_str(ORDERED);
    description.push_str(key.as_str());
    json!({
        "name": format!("{NAMED}{}", order.reference),
        "description": description,
        "payoutMethodId": PAID_OUT_BY,
        "refundVariant": "Custom",
        "customAmount": format!("{whole}.{rest:08}"),
        "customCurrency": "BTC",
    })
}
