//! Links to the page where a renewal is paid. They live for as long as it can be paid, while
//! the provider's own page, whose rate is locked, closes after minutes or days.
//!
//! A link names an invoice and its own end, and is signed: nothing is stored to open it by,
//! and it is the same whenever it is told. Whoever has it sees what one renewal costs, and may pay it.
//! Knows no route but the page's address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use billing_domain::ids::InvoiceId;
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::time::{Timestamp, shifted};
use billing_engine::MANUAL;
use billing_notify::RenewalLinks;
use billing_ports::{Clock, IdSource, Store};
use jiff::SignedDuration;
use ring::hmac;
use url::Url;

use crate::drawn_keys::{Books, DrawnKeys, IfNone};
use crate::problem::Problem;
use crate::state::{ApiOptions, AppState};

/// The page.
pub(crate) const PAGE: &str = "/renewal";

/// The parameter that has the link's own text.
pub(crate) const PARAMETER: &str = "link";

/// What that begins with.
const PREFIX: &str = "br_";

/// The longest that a link lives: a quarter of a year, beyond every grace that is meant.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(92 * 24);

/// Seconds of the ends that one key signs: thirty days. A key is needed for so long and for
/// the longest life of a link, and for a while after, in which one is told that it is over.
const KEY_SECONDS: i64 = 30 * 24 * 60 * 60;
const KEPT_LONGER: SignedDuration = SignedDuration::from_hours((92 + 30) * 24);

/// How long after its end it is still told that a link is over: beyond that, and within what
/// its key is kept, it is unknown.
const TOLD_OVER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Digits of an id, of an end, and of all with the signature.
const ID_DIGITS: usize = 32;
const END_DIGITS: usize = 10;
const DIGITS: usize = ID_DIGITS + END_DIGITS + 64;

/// Longest text of a link.
pub(crate) const MAX_LINK: usize = PREFIX.len() + DIGITS;

/// The keys that links are signed with.
pub(crate) const fn keys() -> DrawnKeys {
    DrawnKeys::new("renewal-links", KEPT_LONGER)
}

/// A link that was made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It leads to this invoice.
    To(InvoiceId),
    /// Its time is over.
    Over,
}

/// The address where the renewal that `entry` tells of is paid. `None`: it tells of none, or
/// there is no page of ours.
///
/// # Errors
///
/// 503 when the store fails.
pub(crate) async fn address(
    state: &AppState,
    entry: &JournalEntry,
) -> Result<Option<String>, Problem> {
    let links = Links::of(state).ok_or_else(Problem::billing_disabled)?;
    links.address(entry).await
}

/// What links are made with. Holds no engine, which may hold whoever has this.
pub(crate) struct Links {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    options: Arc<ApiOptions>,
    keys: Arc<DrawnKeys>,
    pages: Arc<AtomicBool>,
}

impl Links {
    /// To the pages of `state`. `None`: billing is switched off.
    pub(crate) fn of(state: &AppState) -> Option<Self> {
        let billing = &state.billing;
        Some(Self {
            store: Arc::clone(billing.store()?),
            clock: Arc::clone(billing.clock()?),
            ids: Arc::clone(&state.ids),
            options: Arc::clone(&state.options),
            keys: Arc::clone(&state.renewal_keys),
            pages: Arc::clone(state.pages()),
        })
    }

    /// Whether pages are mounted.
    pub(crate) fn has_pages(&self) -> bool {
        self.pages.load(Ordering::Relaxed)
    }

    /// The address where the renewal that `entry` tells of is paid. `None`: it tells of none,
    /// it is paid by hand, or there is no page of ours.
    ///
    /// # Errors
    ///
    /// 503 when the store fails.
    pub(crate) async fn address(&self, entry: &JournalEntry) -> Result<Option<String>, Problem> {
        if !self.has_pages() {
            return Ok(None);
        }
        let books = Books {
            store: self.store.as_ref(),
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
        };
        address_below(&self.options.public_url, &books, &self.keys, entry).await
    }
}

#[async_trait]
impl RenewalLinks for Links {
    async fn renewal_link(&self, entry: &JournalEntry) -> Result<Option<String>, String> {
        let address = self.address(entry).await;
        // Why was logged where it failed.
        address.map_err(|_logged| "the link to pay by could not be made".to_owned())
    }
}

/// The same where the pages are mounted below `public_url`.
async fn address_below(
    public_url: &str,
    books: &Books<'_>,
    keys: &DrawnKeys,
    entry: &JournalEntry,
) -> Result<Option<String>, Problem> {
    let tells = matches!(
        entry.event,
        Event::SubscriptionRenewalPending
            | Event::SubscriptionRenewalDue
            | Event::SubscriptionGraceEnding
    );
    let (true, Some(invoice), Some(owed)) = (tells, entry.invoice, entry.renewal) else {
        return Ok(None);
    };
    let held = books.store.get_invoice(invoice).await?;
    let provider = held.and_then(|(_, held)| held.provider);
    // What is paid by hand is paid at no page.
    if provider.is_some_and(|account| account.provider().as_str() == MANUAL) {
        return Ok(None);
    }
    let Ok(mut url) = Url::parse(&format!("{public_url}{PAGE}")) else {
        return Ok(None);
    };
    let ends = owed.grace_ends_at.min(shifted(entry.at, MAX_LIFETIME));
    let Some((name, end)) = named(ends) else {
        return Ok(None);
    };
    let key = keys.key(books, &name, IfNone::Draw).await?;
    let key = key.ok_or_else(Problem::unavailable)?;
    let id = invoice.uuid().simple();
    let signature = hmac::sign(&key, signed(invoice, &end).as_bytes());
    let text = format!("{PREFIX}{id}{end}{}", hex::encode(signature));
    url.query_pairs_mut().append_pair(PARAMETER, &text);
    Ok(Some(url.into()))
}

/// What a link's text was made for. `None`: it was not made here, was altered, or has been
/// over for long.
///
/// # Errors
///
/// 503 when the store fails.
pub(crate) async fn opened(state: &AppState, text: &str) -> Result<Option<Opened>, Problem> {
    let Some(parts) = parts(text) else {
        return Ok(None);
    };
    let clock = state.clock()?;
    let now = clock.now();
    let told = shifted(parts.ends, TOLD_OVER);
    // Beyond these no key is kept, and none is looked for.
    if told <= now || shifted(now, MAX_LIFETIME) < parts.ends {
        return Ok(None);
    }
    let Some((name, end)) = named(parts.ends) else {
        return Ok(None);
    };
    let key = state
        .renewal_keys
        .key(&Books::of(state)?, &name, IfNone::Leave)
        .await?;
    let said = signed(parts.invoice, &end);
    let genuine =
        key.is_some_and(|key| hmac::verify(&key, said.as_bytes(), &parts.signature).is_ok());
    Ok(genuine.then_some(if parts.ends <= now {
        Opened::Over
    } else {
        Opened::To(parts.invoice)
    }))
}

/// A link's text, taken apart.
struct Parts {
    invoice: InvoiceId,
    ends: Timestamp,
    signature: Vec<u8>,
}

/// `None`: it is not written as a link.
fn parts(text: &str) -> Option<Parts> {
    let digits = text.strip_prefix(PREFIX)?;
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != DIGITS || !digits.bytes().all(lower) {
        return None;
    }
    let (id, rest) = digits.split_at_checked(ID_DIGITS)?;
    let (end, signature) = rest.split_at_checked(END_DIGITS)?;
    let seconds = i64::from_str_radix(end, 16).ok()?;
    Some(Parts {
        invoice: uuid::Uuid::try_parse(id).ok()?.into(),
        ends: Timestamp::from_second(seconds).ok()?,
        signature: hex::decode(signature).ok()?,
    })
}

/// The name of the key that signs links with this end, and the end as it is written. `None`:
/// it is no time of ours.
fn named(ends: Timestamp) -> Option<(String, String)> {
    let seconds = ends.as_second();
    let key = seconds.checked_div(KEY_SECONDS).filter(|key| *key >= 0)?;
    let end = format!("{seconds:0END_DIGITS$x}");
    (end.len() == END_DIGITS).then(|| (format!("{key:06}"), end))
}

/// What is signed of a link.
fn signed(invoice: InvoiceId, end: &str) -> String {
    format!("renewal\n{invoice}\n{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_as_a_link_is_taken_apart() {
        let end = "0069a42b40";
        let good = format!("br_{}{end}{}", "0".repeat(32), "0a".repeat(32));
        assert_eq!(good.len(), MAX_LINK);
        let read = parts(&good).unwrap();
        assert_eq!(read.invoice.to_string(), format!("inv_{}", "0".repeat(32)));
        assert_eq!(named(read.ends).unwrap().1, end);
        assert_eq!(read.signature, [0x0a; 32]);
        for wrong in [
            "",
            "br_",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}0"),
            &good.to_uppercase(),
            &good.replace('a', "g"),
            &good.replace(end, "ffffffffff"),
            &good.replace("0a0a", "é"),
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
