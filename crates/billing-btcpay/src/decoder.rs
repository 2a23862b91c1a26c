//! Verifying and reading webhooks: `BTCPay-Sig: sha256=<hex>`, the hex being an
//! HMAC-SHA-256 of the body.
//!
//! The signature has no time, so a webhook can be played again for ever; and its body
//! says neither status nor amount, and its flags have been wrong. So each is only a hint
//! at its invoice, and a repetition brings nothing but another look.
//!
//! What is genuine and of another store, or of an invoice that is not ours, is accepted
//! without facts: the store sells other things too.

use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_http::{SIGNATURE_HEADER_MAX_BYTES, SigningKeys};
use billing_ports::{DecodeError, Delivery, Reading, WebhookDecoder, WebhookRequest};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use crate::correlation::{self, Metadata};
use crate::doctor::{HANDLED_EVENTS, PAYOUT_EVENTS};
use crate::options::BtcPayOptions;
use crate::wire::at;

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "btcpay-sig";

/// How the header says what kind of signature it is.
const SCHEME: &str = "sha256=";

/// Longest id that is believed; BTCPay's have 22 bytes.
const ID_MAX_BYTES: usize = 128;

/// What a webhook says, as much of it as is believed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    delivery_id: String,
    /// Equal to its own at first.
    #[serde(default)]
    original_delivery_id: Option<String>,
    /// The same, as early versions spelled it.
    #[serde(default)]
    orignal_delivery_id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default)]
    store_id: Option<String>,
    #[serde(default)]
    invoice_id: Option<String>,
    /// What a payout is claimed from.
    #[serde(default)]
    pull_payment_id: Option<String>,
    /// `None`: an early version, which does not say.
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// Verifies and reads the webhooks of one BTCPay store.
#[derive(Debug, Clone)]
pub struct BtcPayDecoder {
    account: ProviderAccount,
    store: String,
    operator: String,
    /// `None`: no secret, or an empty one, was given, and nothing is believed.
    keys: Option<SigningKeys>,
}

impl BtcPayDecoder {
    /// A decoder that believes what any of the webhook's secrets signed.
    #[must_use]
    pub fn new(options: &BtcPayOptions) -> Self {
        Self {
            account: options.account.clone(),
            store: options.store_id.clone(),
            operator: options.operator.clone(),
            keys: SigningKeys::new(&options.webhook_secrets),
        }
    }

    fn is_genuine(&self, header: &str, body: &[u8]) -> bool {
        let Some(keys) = &self.keys else {
            return false;
        };
        let tag = header.trim().strip_prefix(SCHEME);
        header.len() <= SIGNATURE_HEADER_MAX_BYTES
            && tag.is_some_and(|tag| keys.verify(body, [tag]))
    }

    fn facts(&self, event: &Event) -> Result<Vec<Observed>, &'static str> {
        let elsewhere = event
            .store_id
            .as_ref()
            .is_some_and(|store| *store != self.store);
        let mut handled = HANDLED_EVENTS.iter().chain(&PAYOUT_EVENTS);
        if elsewhere || !handled.any(|kind| *kind == event.kind) {
            return Ok(Vec::new());
        }
        let when = event.timestamp.ok_or("an event without its time")?;
        if PAYOUT_EVENTS.contains(&event.kind.as_str()) {
            return Ok(self.of_payout(event, at(when)));
        }
        let id = event.invoice_id.as_deref().filter(|id| is_id(id));
        let id = id.ok_or("an event without its invoice")?;
        let nothing = Metadata::new();
        let metadata = event.metadata.as_ref();
        let ours = metadata.map(|metadata| correlation::ours(metadata, &self.operator));
        let ours = match ours {
            Some(None) => return Ok(Vec::new()),
            Some(Some(ours)) => ours,
            // Whose it is, the invoice itself says.
            None => correlation::Ours::Garbled,
        };
        let mut link = correlation::link(&self.account, id, ours, metadata.unwrap_or(&nothing));
        link.garbled &= metadata.is_some();
        let object = link
            .refs
            .first()
            .cloned()
            .ok_or("an event without its invoice")?;
        Ok(vec![Observed {
            fact: Fact::Hinted { object },
            at: at(when),
            link,
        }])
    }

    /// What is paid out may be a refund: what it is claimed from says of what.
    fn of_payout(&self, event: &Event, when: Timestamp) -> Vec<Observed> {
        let Some(id) = event.pull_payment_id.clone().filter(|id| is_id(id)) else {
            return Vec::new();
        };
        let object = ProviderRef {
            account: self.account.clone(),
            kind: RefKind::Payment,
            id,
        };
        let link = Link {
            refs: vec![object.clone()],
            ..Link::default()
        };
        vec![Observed {
            fact: Fact::Hinted { object },
            at: when,
            link,
        }]
    }

    fn delivery(&self, body: Bytes) -> Delivery {
        let event: Option<Event> = serde_json::from_slice(&body)
            .ok()
            .filter(|event: &Event| is_id(&event.delivery_id));
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
        let reading = match self.facts(&event) {
            Ok(facts) => Reading::Facts(facts),
            Err(why) => unreadable(why, event.timestamp.map(at)),
        };
        // What is delivered again is the same event.
        let named = [event.original_delivery_id, event.orignal_delivery_id];
        let first = named.into_iter().flatten().find(|id| is_id(id));
        Delivery {
            account: self.account.clone(),
            event_id: first.unwrap_or(event.delivery_id),
            kind: event.kind,
            reading,
            body,
        }
    }
}

impl WebhookDecoder for BtcPayDecoder {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn decode(&self, request: &WebhookRequest, _now: Timestamp) -> Result<Delivery, DecodeError> {
        let header = request.header(SIGNATURE_HEADER).ok_or(DecodeError)?;
        if !self.is_genuine(header, &request.body) {
            return Err(DecodeError);
        }
        Ok(self.delivery(request.body.clone()))
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_MAX_BYTES
}

fn unreadable(why: &str, at: Option<Timestamp>) -> Reading {
    Reading::Unreadable {
        why: why.to_owned(),
        at,
    }
}
