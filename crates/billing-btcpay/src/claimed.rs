//! What was claimed of promises to pay back, found although no webhook told of it. BTCPay
//! keeps no list of what happened: each promise that something was claimed of is told of
//! once for every state of its claims, as a webhook would be: a hint. The newest are asked
//! about in every go, and the others in turn, so that none is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_domain::digest::digest128;
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::{Delivery, Listed, Reading};
use bytes::Bytes;

use crate::api_error::CallError;
use crate::provider::BtcPay;
use crate::pulls::{Payout, PullPayment};
use crate::wire::at;

/// What the place in the list of promises begins with.
const PLACE: &str = "refunds:";

/// Promises of a page: each is a call, and a page has to be read within the time of one.
const PAGE: usize = 10;

/// How many promises are looked at in each go, the newest: 100 calls an hour.
const NEWEST: usize = 100;

/// How many of all the older ones are looked at besides, in each go others: 100 calls an
/// hour, by which a thousand are gone through in ten.
const IN_TURN: usize = 100;

/// Seconds of an hour, which is how often a go is made.
const GO_EVERY: u64 = 3_600;

/// The word for a promise that was found by itself, and not told of by a webhook.
const KIND: &str = "listed.refund";

/// A place in the list of promises: in which go, and after how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    turn: u64,
    passed: usize,
}

impl Place {
    /// The place that `after` names. `None`: it names another list's.
    pub(crate) fn named(after: &str) -> Option<Self> {
        let (passed, turn) = after.strip_prefix(PLACE)?.split_once('@')?;
        Some(Self {
            turn: turn.parse().ok()?,
            passed: passed.parse().ok()?,
        })
    }

    fn after(self, passed: usize) -> String {
        format!("{PLACE}{passed}@{}", self.turn)
    }
}

/// Whose turn it is of the older promises. Shared by all clones of an adapter; one that is
/// made anew goes on by the hour.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<AtomicU64>);

impl Turns {
    pub(crate) fn since(now: Timestamp) -> Self {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let hours = seconds.checked_div(GO_EVERY).unwrap_or_default();
        Self(Arc::new(AtomicU64::new(hours)))
    }

    /// The first place of another go.
    pub(crate) fn next(&self) -> Place {
        Place {
            turn: self.0.fetch_add(1, Ordering::Relaxed),
            passed: 0,
        }
    }
}

/// What is asked about in this go: the newest, and of the others those whose turn it is.
fn in_turn(mut promises: Vec<PullPayment>, turn: u64) -> Vec<PullPayment> {
    // Oldest first: what is new moves no other to another turn. A version that does not say
    // since when, has them all in turn.
    promises.sort_by(|one, other| (one.starts_at, &one.id).cmp(&(other.starts_at, &other.id)));
    let newest = promises.split_off(promises.len().saturating_sub(NEWEST));
    let turns = promises.len().div_ceil(IN_TURN);
    let turns = u64::try_from(turns).unwrap_or(u64::MAX);
    let first = turn.checked_rem(turns).unwrap_or_default();
    let first = usize::try_from(first).unwrap_or_default();
    let older = promises.into_iter().skip(first.saturating_mul(IN_TURN));
    newest
        .into_iter()
        .rev()
        .chain(older.take(IN_TURN))
        .collect()
}

impl BtcPay {
    /// What was claimed of the store's promises, from this place on. A key that may not
    /// look is told nothing, which the doctor says.
    pub(crate) async fn claimed(&self, from: Place) -> Result<Listed<Delivery>, CallError> {
        let nothing = Listed {
            rows: Vec::new(),
            next: None,
        };
        let (mut promises, told_at) = match self.promises().await {
            Ok(promises) => (promises.body, promises.at),
            Err(CallError::Misconfigured(why)) => {
                tracing::debug!(why, "refunds are not looked at");
                return Ok(nothing);
            }
            Err(error) => return Err(error),
        };
        // What else the store pays out is nobody's refund.
        promises.retain(|pull| pull.invoice().is_some());
        let promises = in_turn(promises, from.turn);
        let until = from.passed.saturating_add(PAGE);
        let more = promises.len() > until;
        let mut rows = Vec::new();
        for pull in promises.iter().skip(from.passed).take(PAGE) {
            let claims = self.claims_of(pull).await?;
            rows.extend(self.news_of_claims(pull, &claims, told_at));
        }
        Ok(Listed {
            rows,
            next: more.then(|| from.after(until)),
        })
    }

    /// A hint at what was claimed. `None`: nothing was.
    fn news_of_claims(
        &self,
        pull: &PullPayment,
        claims: &[Payout],
        told_at: Option<Timestamp>,
    ) -> Option<Delivery> {
        let first = claims.first()?;
        let mut state: Vec<_> = claims.iter().map(Payout::standing).collect();
        state.sort_unstable();
        let object = ProviderRef {
            account: self.teller.account.clone(),
            kind: RefKind::Payment,
            id: pull.id.clone(),
        };
        let link = Link {
            refs: vec![object.clone()],
            ..Link::default()
        };
        let hint = Observed {
            fact: Fact::Hinted { object },
            at: told_at.unwrap_or_else(|| at(first.date)),
            link,
        };
        Some(Delivery {
            account: self.teller.account.clone(),
            event_id: format!("claimed:{}:{}", pull.id, digest128(&state)),
            kind: KIND.to_owned(),
            reading: Reading::Facts(vec![hint]),
            body: Bytes::new(),
        })
    }
}
