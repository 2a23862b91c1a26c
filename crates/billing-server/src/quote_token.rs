//! Signed quotes: a token that lets whoever holds it accept exactly one quote.
//!
//! The token names a quote and signs what it says: whose it is, what priced it,
//! what is owed and until when it stands. Nothing of that is read out of the
//! token; a quote that says anything else has another signature.
//!
//! The key of a day is drawn when the first quote of that day is signed, and kept
//! in the store, so that every process with the same books takes the tokens of all
//! others, and a restart ends none; a week later it is gone, and its tokens with it.
//! Whoever reads the books can sign as well: what that buys is a change that its
//! customer still has to pay for. Knows no route.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::Remembered;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use ring::hmac;

use crate::problem::Problem;
use crate::state::AppState;

/// What a token begins with.
const PREFIX: &str = "bq_";

/// Under whose name the keys are kept, and for which request: no caller's
/// idempotency key is kept under its own text, so none meets these.
const KEEPER: &str = "quote-tokens";
const REQUEST: [u8; 32] = [0; 32];

/// What is kept beside a key, where an answer has its HTTP status: none was sent.
const NO_STATUS: u16 = 0;

/// How long drawing a key may take: two writes.
const DRAWN_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Looks at a key that another process is drawing, and the pause between two:
/// half a second together, in which two writes are done.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Keys held in memory: today's, and those of the days before whose quotes still
/// stand. A week is as long as the store keeps them.
const MAX_HELD: usize = 8;

/// Digits of an id without its prefix, and of that with a signature.
const ID_DIGITS: usize = 32;
const DIGITS: usize = 96;

/// The keys that were looked up or drawn, by their day.
#[derive(Default)]
pub(crate) struct QuoteKeys {
    held: Mutex<BTreeMap<String, hmac::Key>>,
}

/// The token of a quote.
///
/// # Errors
///
/// 503 when the store fails.
pub(crate) async fn sign(state: &AppState, quote: &Quote) -> Result<String, Problem> {
    let key = key(state, &day(quote), IfNone::Draw).await?;
    let key = key.ok_or_else(Problem::unavailable)?;
    let signature = hmac::sign(&key, signed(quote).as_bytes());
    let id = quote.id.uuid().simple();
    Ok(format!("{PREFIX}{id}{}", hex::encode(signature)))
}

/// The quote that `token` was made for.
///
/// # Errors
///
/// The one 401 for every token that is none, or 503.
pub(crate) async fn opened(state: &AppState, token: &str) -> Result<Quote, Problem> {
    let (id, signature) = parts(token).ok_or_else(Problem::unauthorized)?;
    let store = state
        .billing
        .store()
        .ok_or_else(Problem::billing_disabled)?;
    let quote = store.get_quote(id).await?;
    let quote = quote.ok_or_else(Problem::unauthorized)?;
    let key = key(state, &day(&quote), IfNone::Leave).await?;
    let key = key.ok_or_else(Problem::unauthorized)?;
    hmac::verify(&key, signed(&quote).as_bytes(), &signature)
        .map_err(|_altered| Problem::unauthorized())?;
    Ok(quote)
}

/// The id and the signature of a token. `None`: it is not written as one.
fn parts(token: &str) -> Option<(QuoteId, Vec<u8>)> {
    let digits = token.strip_prefix(PREFIX)?;
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != DIGITS || !digits.bytes().all(lower) {
        return None;
    }
    let (id, signature) = digits.split_at_checked(ID_DIGITS)?;
    let id = uuid::Uuid::try_parse(id).ok()?;
    Some((id.into(), hex::decode(signature).ok()?))
}

/// What is signed of a quote.
fn signed(quote: &Quote) -> String {
    format!(
        "quote\n{}\n{}\n{}\n{}\n{}\n{}",
        quote.id,
        quote.customer,
        quote.digest,
        quote.owed_now.amount,
        quote.owed_now.currency,
        quote.expires_at,
    )
}

/// The day in UTC whose key signs a quote.
fn day(quote: &Quote) -> String {
    quote.created_at.to_zoned(TimeZone::UTC).date().to_string()
}

/// What to do where a day has no key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfNone {
    Draw,
    Leave,
}

/// The key of a day. `None`: none was drawn, or its time is over.
async fn key(state: &AppState, day: &str, if_none: IfNone) -> Result<Option<hmac::Key>, Problem> {
    if let Some(key) = state.quote_keys.get(day) {
        return Ok(Some(key));
    }
    let store = state
        .billing
        .store()
        .ok_or_else(Problem::billing_disabled)?;
    for _ in 0..LOOKS {
        match remembered(state, day).await? {
            Remembered::Answered { body, .. } => {
                return Ok(body.map(|secret| state.quote_keys.put(day, &secret)));
            }
            Remembered::Fresh if if_none == IfNone::Draw => {
                // Looked up again: what was kept counts, whoever drew it.
                let secret = state.ids.secret().to_vec();
                store.answer(KEEPER, day, NO_STATUS, Some(secret)).await?;
            }
            Remembered::Fresh => {
                store.forget(KEEPER, day).await?;
                return Ok(None);
            }
            Remembered::Mismatch => return Ok(None),
            Remembered::Busy => tokio::time::sleep(BETWEEN_LOOKS).await,
        }
    }
    Err(Problem::unavailable())
}

async fn remembered(state: &AppState, day: &str) -> Result<Remembered, Problem> {
    let billing = &state.billing;
    let store = billing.store().ok_or_else(Problem::billing_disabled)?;
    let clock = billing.clock().ok_or_else(Problem::billing_disabled)?;
    let now: Timestamp = clock.now();
    let until = shifted(now, DRAWN_WITHIN);
    Ok(store.remember(KEEPER, day, REQUEST, now, until).await?)
}

impl QuoteKeys {
    fn get(&self, day: &str) -> Option<hmac::Key> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(day).cloned()
    }

    fn put(&self, day: &str, secret: &[u8]) -> hmac::Key {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(day.to_owned(), key.clone());
        while held.len() > MAX_HELD {
            // The oldest day stands first.
            held.pop_first();
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_as_a_token_is_taken_apart() {
        let good = format!("bq_{}{}", "0".repeat(32), "0a".repeat(32));
        let (id, signature) = parts(&good).unwrap();
        assert_eq!(id.to_string(), format!("qte_{}", "0".repeat(32)));
        assert_eq!(signature, [0x0a; 32]);
        for wrong in [
            "",
            "bq_",
            &good[1..],
            &good[..98],
            &format!("{good}0"),
            &good.to_uppercase(),
            &good.replace('a', "g"),
            &good.replace("bq_0", "bq_+"),
            &good.replace("0a0a", "é"),
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
