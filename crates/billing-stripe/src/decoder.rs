//! Verifying and reading Stripe's webhooks, in one step.

mod event;

use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_http::SigningKeys;
use billing_ports::{DecodeError, Delivery, Reading, WebhookDecoder, WebhookRequest};
use bytes::Bytes;

use crate::facts::{Teller, Unreadable};
use crate::options::{Mode, StripeOptions, StripeOptionsError};
use crate::sign::{SCHEME, SIGNATURE_HEADER};

pub(crate) use event::Event;
pub use event::HANDLED_EVENTS;

/// Longest event id that is believed; Stripe's ids have at most 255 characters.
const ID_MAX_BYTES: usize = 255;

/// Verifies and reads the webhooks of one Stripe account.
#[derive(Debug, Clone)]
pub struct StripeDecoder {
    teller: Teller,
    keys: SigningKeys,
    mode: Mode,
}

impl StripeDecoder {
    /// A decoder that believes what any of the account's secrets signed.
    ///
    /// # Errors
    ///
    /// [`StripeOptionsError`] when a setting cannot be used.
    pub fn new(options: &StripeOptions) -> Result<Self, StripeOptionsError> {
        Ok(Self {
            teller: Teller::new(options),
            keys: SigningKeys::new(&options.webhook_secrets)
                .ok_or(StripeOptionsError::WebhookSecrets)?,
            mode: options.mode()?,
        })
    }
}

impl WebhookDecoder for StripeDecoder {
    fn account(&self) -> &ProviderAccount {
        &self.teller.account
    }

    fn decode(&self, request: &WebhookRequest, now: Timestamp) -> Result<Delivery, DecodeError> {
        let header = request.header(SIGNATURE_HEADER).ok_or(DecodeError)?;
        if !SCHEME.verify(&self.keys, header, &request.body, now) {
            return Err(DecodeError);
        }
        // One endpoint may get both modes of a Connect platform: the other's money is
        // none of ours.
        let event = Event::read(&request.body);
        let live = event.as_ref().and_then(|event| event.livemode);
        if live.is_some_and(|live| live != self.mode.is_live()) {
            return Err(DecodeError);
        }
        Ok(delivery(&self.teller, event, request.body.clone()))
    }
}

/// An event that is known to be genuine, as it would have been delivered.
pub(crate) fn deliver(teller: &Teller, body: Bytes) -> Delivery {
    let event = Event::read(&body);
    delivery(teller, event, body)
}

fn delivery(teller: &Teller, event: Option<Event>, body: Bytes) -> Delivery {
    let named = |event: &Event| !event.id.is_empty() && event.id.len() <= ID_MAX_BYTES;
    let (event_id, kind, reading) = if let Some(event) = event.filter(named) {
        let reading = event.facts(teller).map_or_else(
            |Unreadable(why)| unreadable(why, event.created()),
            Reading::Facts,
        );
        (event.id, event.kind, reading)
    } else {
        // Named by its content, so that its repetition is recognized.
        let digest = ring::digest::digest(&ring::digest::SHA256, &body);
        let id = format!("unreadable:{}", hex::encode(digest));
        (id, "unreadable".to_owned(), unreadable("no event", None))
    };
    Delivery {
        account: teller.account.clone(),
        event_id,
        kind,
        reading,
        body,
    }
}

fn unreadable(why: &str, at: Option<Timestamp>) -> Reading {
    Reading::Unreadable {
        why: why.to_owned(),
        at,
    }
}
