//! Verifying and reading the sandbox's webhooks. Knows nothing of the world
//! that sent them, so a server may decode what another process's sandbox sent.

use billing_domain::fact::Observed;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::{DecodeError, Delivery, Reading, WebhookDecoder, WebhookRequest};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::sign::{Keys, SIGNATURE_HEADER};

/// Longest event id that is believed; ours have 14 bytes.
const ID_MAX_BYTES: usize = 128;

/// The body of a webhook.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) created: Timestamp,
    pub(crate) facts: Vec<Observed>,
}

/// As much of a body as says what it is, even if its facts cannot be read.
#[derive(Deserialize)]
struct Cover {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created: Option<Timestamp>,
    #[serde(default)]
    facts: Option<serde_json::Value>,
}

/// Verifies and reads the webhooks of one sandbox account.
#[derive(Debug, Clone)]
pub struct SandboxDecoder {
    account: ProviderAccount,
    keys: Keys,
}

impl SandboxDecoder {
    /// A decoder that believes what any of `secrets` signed.
    /// `None`: there is no secret, or an empty one.
    #[must_use]
    pub fn new(account: ProviderAccount, secrets: &[SecretString]) -> Option<Self> {
        let keys = Keys::new(secrets)?;
        Some(Self { account, keys })
    }

    pub(crate) const fn with_keys(account: ProviderAccount, keys: Keys) -> Self {
        Self { account, keys }
    }
}

impl WebhookDecoder for SandboxDecoder {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn decode(&self, request: &WebhookRequest, now: Timestamp) -> Result<Delivery, DecodeError> {
        let header = request.header(SIGNATURE_HEADER).ok_or(DecodeError)?;
        if !self.keys.verify(header, &request.body, now) {
            return Err(DecodeError);
        }
        let (event_id, kind, reading) = read(&request.body);
        Ok(Delivery {
            account: self.account.clone(),
            event_id,
            kind,
            reading,
            body: request.body.clone(),
        })
    }
}

/// Reads a genuine body: its id, its kind, and what it means.
fn read(body: &[u8]) -> (String, String, Reading) {
    let cover: Option<Cover> = serde_json::from_slice(body)
        .ok()
        .filter(|cover: &Cover| !cover.id.is_empty() && cover.id.len() <= ID_MAX_BYTES);
    let Some(cover) = cover else {
        // Named by its content, so that its repetition is recognized.
        let digest = ring::digest::digest(&ring::digest::SHA256, body);
        let id = format!("unreadable:{}", hex::encode(digest));
        return (id, "unreadable".to_owned(), unreadable("no event", None));
    };
    let reading = match cover.facts {
        None => Reading::Facts(Vec::new()),
        Some(facts) => serde_json::from_value(facts).map_or_else(
            |_unknown_shape| unreadable("facts of an unknown shape", cover.created),
            Reading::Facts,
        ),
    };
    (cover.id, cover.kind, reading)
}

fn unreadable(why: &str, at: Option<Timestamp>) -> Reading {
    Reading::Unreadable {
        why: why.to_owned(),
        at,
    }
}
