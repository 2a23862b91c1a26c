//! The seal under a note on a change that is to come. Custom data can be written by
//! whoever pays, in the browser by the public token, and Paddle copies it to what is
//! bought: so a note counts only where this deployment has written it, for this
//! subscription, in these words.

use billing_http::SigningKeys;
use serde_json::{Value, json};

use crate::correlation::Custom;
use crate::deferred::{self, DEFERRED, Deferred, Held, in_place};
use crate::map::Teller;
use crate::options::PaddleOptions;
use crate::wire::Subscription;

/// Where the seals stand, within the note.
const SEALS: &str = "seals";

/// What is sealed begins with this: no webhook does, which the same secrets sign.
const KIND: &str = "billing_deferred 1";

/// The keys that seal, and that a seal is believed under. Shows none of them.
///
/// A note outlives a secret, since a change may wait for a year: it is sealed under each
/// key that there is, and believed under any, so that whichever of them is replaced, the
/// others still bear it out.
#[derive(Debug, Clone)]
pub(crate) struct Seals(Vec<SigningKeys>);

impl Seals {
    /// The dedicated keys first, then the API key and the webhook secrets, which whoever
    /// holds could use to tell us anything.
    pub(crate) fn new(options: &PaddleOptions) -> Self {
        let known = options
            .note_keys
            .iter()
            .chain(std::iter::once(&options.api_key))
            .chain(&options.webhook_secrets);
        let keys = known.filter_map(|secret| SigningKeys::new(std::slice::from_ref(secret)));
        Self(keys.collect())
    }

    fn under_each(&self, message: &str) -> Vec<String> {
        let sign = |keys: &SigningKeys| keys.sign(message.as_bytes());
        self.0.iter().map(sign).collect()
    }

    fn hold(&self, message: &str, seals: &[&str]) -> bool {
        let mut holds = false;
        for keys in &self.0 {
            holds |= keys.verify(message.as_bytes(), seals.iter().copied());
        }
        holds
    }
}

/// What is sealed. `None`: there is nothing in a note that cannot be written.
fn message(subscription: &str, note: &Deferred) -> Option<String> {
    let words = serde_json::to_string(note).ok()?;
    Some(format!("{KIND}\n{subscription}\n{words}"))
}

impl Teller {
    /// The note that holds now, and that was written here. `None`: there is none, it is
    /// over, somebody has put other items in place since, or somebody else wrote it.
    pub(crate) fn note(&self, subscription: &Subscription) -> Option<Deferred> {
        deferred::written(subscription).filter(|note| self.is_sealed(subscription, note))
    }

    /// Whether there is a note that would hold, and that nobody here has written.
    pub(crate) fn is_forged(&self, subscription: &Subscription) -> bool {
        deferred::written(subscription).is_some_and(|note| !self.is_sealed(subscription, &note))
    }

    /// What is paid for now: what the note says, or what is in place.
    pub(crate) fn present(&self, subscription: &Subscription) -> Option<Held> {
        self.note(subscription)
            .map(|note| note.paid)
            .or_else(|| in_place(subscription))
    }

    /// The subscription's custom data with this note under seal, or with none.
    pub(crate) fn noted(&self, subscription: &Subscription, note: Option<&Deferred>) -> Custom {
        let mut custom = subscription.custom_data.clone().unwrap_or_default();
        custom.remove(DEFERRED);
        let sealed = note.and_then(|note| self.sealed(&subscription.id, note));
        custom.extend(sealed.map(|note| (DEFERRED.to_owned(), note)));
        custom
    }

    /// A note under seal, as it is written at Paddle.
    pub(crate) fn sealed(&self, subscription: &str, note: &Deferred) -> Option<Value> {
        let mut value = serde_json::to_value(note).ok()?;
        let seals = self.seals.under_each(&message(subscription, note)?);
        value
            .as_object_mut()?
            .insert(SEALS.to_owned(), json!(seals));
        Some(value)
    }

    fn is_sealed(&self, subscription: &Subscription, note: &Deferred) -> bool {
        let custom = subscription.custom_data.as_ref();
        let seals = custom.and_then(|custom| custom.get(DEFERRED)?.get(SEALS)?.as_array());
        let seals: Vec<&str> = seals
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        message(&subscription.id, note).is_some_and(|said| self.seals.hold(&said, &seals))
    }
}
