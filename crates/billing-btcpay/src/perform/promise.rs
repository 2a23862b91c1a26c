//! Promising money back: a pull payment, which its buyer claims by a link. BTCPay sends
//! nothing by itself. Each promise says the key of its effect in its description, and
//! is looked for before it is made.

use billing_domain::effect::{EffectKey, PromiseRefund};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::time::to_micros;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Answered;
use crate::provider::BtcPay;
use crate::pulls::{NAMED, ORDERED, PullPayment};

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
            let open = made.iter().filter(|promise| !promise.archived);
            let all = open.map(PullPayment::satoshi).sum::<Option<i64>>();
            let all = all.and_then(|all| all.checked_add(order.amount.amount));
            if all.is_none_or(|all| all > order.paid.amount) {
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

    /// The link of what was promised under this key. `None`: nothing was, or it can be
    /// claimed no more.
    pub(crate) async fn link_of(
        &self,
        key: &EffectKey,
        invoice: &str,
    ) -> Result<Option<String>, CallError> {
        let made = self.promises_of(invoice).await?;
        let mut made = made.into_iter().filter(|promise| !promise.archived);
        let promise = made.find(|promise| promise.is_of(key));
        Ok(promise.and_then(|promise| promise.view_link))
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
