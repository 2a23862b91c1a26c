//! Idempotency keys: what a repeated request is answered.

use std::collections::BTreeMap;

use crate::fakes::rig::{Answer, Incoming};

use super::refusal::Refusal;

/// How long a key is remembered: 24 hours, as the real one promises at least.
const KEPT_SECONDS: i64 = 24 * 3_600;

/// The longest key.
const KEY_MAX: usize = 255;

/// The keys that were used.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Kept>);

#[derive(Debug)]
struct Kept {
    request: (String, String, Vec<u8>),
    at: i64,
    /// `None`: it is being worked on.
    answer: Option<Answer>,
    /// Whether the work began: what was refused before is not remembered.
    begun: bool,
}

/// The key of a request. `None`: it has none, or its method takes none.
pub(super) fn key(request: &Incoming) -> Option<&str> {
    let takes = request.method == "POST";
    request.header("idempotency-key").filter(|_| takes)
}

impl Keys {
    /// Looks a request up. `Some`: it is answered already.
    pub(super) fn enter(&mut self, request: &Incoming, now: i64) -> Option<Answer> {
        let key = key(request)?;
        if key.is_empty() || key.len() > KEY_MAX {
            let why = "Idempotency keys have between 1 and 255 characters.";
            return Some(Refusal::invalid("Idempotency-Key", why).answer());
        }
        let fingerprint = (
            request.method.clone(),
            request.path.clone(),
            request.body.to_vec(),
        );
        let held = self.0.get(key);
        let held = held.filter(|held| held.at.saturating_add(KEPT_SECONDS) > now);
        if let Some(held) = held {
            if held.request != fingerprint {
                return Some(Refusal::key_reused().answer());
            }
            return Some(match &held.answer {
                None => Refusal::key_in_use().answer(),
                Some(answer) => answer.clone().with_header("idempotent-replayed", "true"),
            });
        }
        let kept = Kept {
            request: fingerprint,
            at: now,
            answer: None,
            begun: true,
        };
        self.0.insert(key.to_owned(), kept);
        None
    }

    /// The work of a request was refused before it began.
    pub(super) fn not_begun(&mut self, request: &Incoming) {
        if let Some(held) = key(request).and_then(|key| self.0.get_mut(key)) {
            held.begun = false;
        }
    }

    /// A request ends: its answer is remembered if the work began.
    pub(super) fn leave(&mut self, request: &Incoming, answer: Option<&Answer>) {
        let Some(key) = key(request) else { return };
        let begun = self.0.get(key).is_some_and(|held| held.begun);
        match answer {
            Some(answer) if begun => {
                if let Some(held) = self.0.get_mut(key) {
                    held.answer = Some(answer.clone());
                }
            }
            _ => {
                self.0.remove(key);
            }
        }
    }
}
