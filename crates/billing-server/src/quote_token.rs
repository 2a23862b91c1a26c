//! Signed quotes: a token that lets whoever holds it accept exactly one quote.
//!
//! The token names a quote and signs what it says: whose it is, what priced it,
//! what is owed and until when it stands. Nothing of that is read out of the
//! token; a quote that says anything else has another signature.
//!
//! The key of a day is drawn when the first quote of that day is signed; a week later it
//! is gone, and its tokens with it. Knows no route.

use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use ring::hmac;

use crate::drawn_keys::{Books, DrawnKeys, IfNone};
use crate::problem::Problem;
use crate::state::AppState;

/// What a token begins with.
const PREFIX: &str = "bq_";

/// Digits of an id without its prefix, and of that with a signature.
const ID_DIGITS: usize = 32;
const DIGITS: usize = 96;

/// The keys, by their day. A week is as long as the store keeps them, and longer than any
/// quote stands.
pub(crate) const fn keys() -> DrawnKeys {
    DrawnKeys::new("quote-tokens", SignedDuration::ZERO)
}

/// The token of a quote.
///
/// # Errors
///
/// 503 when the store fails.
pub(crate) async fn sign(state: &AppState, quote: &Quote) -> Result<String, Problem> {
    let (books, day) = (Books::of(state)?, day(quote));
    let key = state.quote_keys.key(&books, &day, IfNone::Draw).await?;
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
    let store = state.store()?;
    let quote = store.get_quote(id).await?;
    let quote = quote.ok_or_else(Problem::unauthorized)?;
    let day = day(&quote);
    let key = state
        .quote_keys
        .key(&Books::of(state)?, &day, IfNone::Leave)
        .await?;
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
