//! Promising money back: a pull payment, which its buyer claims by a link. BTCPay sends
//! nothing by itself. Each promise says the key of its effect in its description, and
//! is looked for before it is made.

use billing_domain::effect::{EffectKey, PromiseRefund};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::time::to_micros;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Answered;
use crate::decimal::Decimal;
use crate::facts::SATOSHI;
use crate::provider::BtcPay;

/// Satoshi in a bitcoin.
const BITCOIN: i64 = 100_000_000;

/// What a promise is named, with the invoice's id after it: BTCPay's own word, and all
/// that ties the two.
const NAMED: &str = "Refund ";

/// What stands before the key in the description of a promise.
const ORDERED: &str = "Reference: ";

/// How the buyer gets it. A store without a wallet for it refuses.
const PAID_OUT_BY: &str = "BTC-CHAIN";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    amount: Decimal,
    currency: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    view_link: Option<String>,
}

impl Promise {
    fn is_of(&self, key: &EffectKey) -> bool {
        let said = self.description.as_deref().unwrap_or_default();
        let mut keys = said.lines().filter_map(|line| line.strip_prefix(ORDERED));
        keys.next_back() == Some(key.as_str())
    }

    /// What is promised. `None`: not in bitcoin.
    fn satoshi(&self) -> Option<i64> {
        match self.currency.as_str() {
            SATOSHI => self.amount.floor(),
            "BTC" => self.amount.satoshi(),
            _ => None,
        }
    }
}

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
            let all = open.map(Promise::satoshi).sum::<Option<i64>>();
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

    async fn promises_of(&self, invoice: &str) -> Result<Vec<Promise>, CallError> {
        let query = [("includeArchived", "true")];
        let listed: Answered<Vec<Promise>> = self.client.get(&["pull-payments"], &query).await?;
        let mut held = listed.body;
        held.retain(|promise| {
            let name = promise.name.as_deref().unwrap_or_default();
            name.strip_prefix(NAMED) == Some(invoice)
        });
        Ok(held)
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
