//! Verifying and reading webhooks, and the same events as they are listed.
//!
//! Every event carries a snapshot of its object. What it proves is told; what it
//! does not (an active subscription's payment) is hinted at, and read.
//!
//! Two that could look like ours are accepted and deliberately tell nothing.
//! `customer.updated`: our customer is tied to Paddle's by id, which stays; the name
//! and address typed over there are Paddle's, for its receipts, and must not change
//! whom we write to or who can claim what. `payment_method.deleted`: whether a renewal
//! can be charged shows when it is, and `transaction.payment_failed` and
//! `subscription.past_due` tell that; until then nothing that is paid for changes.

use billing_domain::fact::Observed;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_http::{SignatureScheme, SigningKeys};
use billing_ports::{DecodeError, Delivery, Reading, WebhookDecoder, WebhookRequest};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::map::Teller;
use crate::map::proof::Proof;
use crate::map::subscription::Untold;
use crate::map::transaction::Said;
use crate::options::PaddleOptions;
use crate::sign::{SIGNATURE_HEADER, scheme};
use crate::wire::{Adjustment, Subscription, Transaction};

/// Longest event id that is believed; Paddle's have 30 bytes.
const ID_MAX_BYTES: usize = 128;

/// An event, as much of it as says what it is.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "event_id")]
    id: String,
    #[serde(rename = "event_type")]
    kind: String,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
    #[serde(default)]
    data: Value,
}

/// Verifies and reads the webhooks of one Paddle account.
#[derive(Debug, Clone)]
pub struct PaddleDecoder {
    teller: Teller,
    /// `None`: no secret, or an empty one, was given, and nothing is believed.
    keys: Option<SigningKeys>,
    scheme: SignatureScheme,
}

impl PaddleDecoder {
    /// A decoder that believes what any of the account's webhook secrets signed.
    #[must_use]
    pub fn new(options: &PaddleOptions) -> Self {
        Self {
            teller: Teller::new(options),
            keys: SigningKeys::new(&options.webhook_secrets),
            scheme: scheme(options.tolerance),
        }
    }
}

impl WebhookDecoder for PaddleDecoder {
    fn account(&self) -> &ProviderAccount {
        &self.teller.account
    }

    fn decode(&self, request: &WebhookRequest, now: Timestamp) -> Result<Delivery, DecodeError> {
        let header = request.header(SIGNATURE_HEADER).ok_or(DecodeError)?;
        let body = &request.body;
        let genuine = |keys| self.scheme.verify(keys, header, body, now);
        if !self.keys.as_ref().is_some_and(genuine) {
            return Err(DecodeError);
        }
        Ok(self.teller.delivery(body.clone()))
    }
}

impl Teller {
    /// What a genuine event says.
    pub(crate) fn delivery(&self, body: Bytes) -> Delivery {
        let event: Option<Event> = serde_json::from_slice(&body)
            .ok()
            .and_then(|event| object(event, "no event").ok())
            .filter(|event: &Event| !event.id.is_empty())
            .filter(|event| event.id.len() <= ID_MAX_BYTES);
        let Some(event) = event else {
            // Named by its content, so that its repetition is recognized.
            let named = hex::encode(digest(&SHA256, &body));
            return Delivery {
                account: self.account.clone(),
                event_id: format!("unreadable:{named}"),
                kind: "unreadable".to_owned(),
                reading: unreadable("no event", None),
                body,
            };
        };
        let reading = match self.facts(&event.kind, event.data) {
            Ok(facts) => Reading::Facts(facts),
            Err(why) => unreadable(why, event.occurred_at),
        };
        Delivery {
            account: self.account.clone(),
            event_id: event.id,
            kind: event.kind,
            reading,
            body,
        }
    }

    /// What an event of a kind tells. Kinds that are not named tell nothing: they
    /// are about things that are not billing's, or came later than this.
    fn facts(&self, kind: &str, data: Value) -> Result<Vec<Observed>, &'static str> {
        match kind.split_once('.') {
            Some(("subscription", _)) => {
                self.of_subscription(&object(data, "a subscription of an unknown shape")?)
            }
            Some(("transaction", what)) => {
                let transaction: Transaction = object(data, "a transaction of an unknown shape")?;
                let said = match what {
                    "payment_failed" => Said::PaymentFailed,
                    _ => Said::Nothing,
                };
                Ok(self.of_transaction(&transaction, said))
            }
            Some(("adjustment", _)) => {
                let adjustment: Adjustment = object(data, "an adjustment of an unknown shape")?;
                Ok(self.adjustment(&adjustment).into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn of_subscription(&self, subscription: &Subscription) -> Result<Vec<Observed>, &'static str> {
        match self.subscription(subscription, &Proof::default()) {
            Ok(snapshot) if Self::is_plain(subscription) => Ok(vec![snapshot]),
            Ok(_unproven) => Ok(vec![self.subscription_hint(subscription)]),
            Err(Untold::Foreign) => Ok(Vec::new()),
            Err(Untold::UnknownStatus) => Err("a subscription of an unknown status"),
            Err(Untold::Empty) => Err("a subscription without items"),
        }
    }

    /// A transaction's facts, and a hint at its subscription where they say that it
    /// may stand otherwise now.
    fn of_transaction(&self, transaction: &Transaction, said: Said) -> Vec<Observed> {
        let mut facts = self.transaction(transaction, said);
        facts.extend(self.page_of(transaction));
        facts.extend(self.buyer_of(transaction, &facts));
        let moves = matches!(transaction.status.as_str(), "completed" | "past_due");
        facts.extend(self.subscription_of(transaction).filter(|_| moves));
        facts
    }
}

/// Reads an object, and nothing else: a list would be read by the places of its items.
fn object<T: DeserializeOwned>(data: Value, why: &'static str) -> Result<T, &'static str> {
    if !data.is_object() {
        return Err(why);
    }
    serde_json::from_value(data).map_err(|_shows_content| why)
}

fn unreadable(why: &str, at: Option<Timestamp>) -> Reading {
    Reading::Unreadable {
        why: why.to_owned(),
        at,
    }
}
