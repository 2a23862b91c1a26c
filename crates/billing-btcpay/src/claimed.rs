//! What was claimed of promises to pay back, found although no webhook told of it. BTCPay
//! keeps no list of what happened: each promise that something was claimed of is told of
//! once for every state of its claims, as a webhook would be: a hint.

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

/// How many promises are looked at, the newest: 100 calls an hour. What was claimed of an
/// older one is told by its webhook.
const NEWEST: usize = 100;

/// The word for a promise that was found by itself, and not told of by a webhook.
const KIND: &str = "listed.refund";

/// The place in the list of promises that `after` names. `None`: it names another.
pub(crate) fn place(after: &str) -> Option<usize> {
    after.strip_prefix(PLACE)?.parse().ok()
}

impl BtcPay {
    /// What was claimed of the store's promises, but for so many newer ones. A key that
    /// may not look is told nothing, which the doctor says.
    pub(crate) async fn claimed(&self, passed: usize) -> Result<Listed<Delivery>, CallError> {
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
        promises.sort_by(|one, other| (other.starts_at, &other.id).cmp(&(one.starts_at, &one.id)));
        promises.truncate(NEWEST);
        let until = passed.saturating_add(PAGE);
        let more = promises.len() > until;
        let mut rows = Vec::new();
        for pull in promises.iter().skip(passed).take(PAGE) {
            let claims = self.claims_of(pull).await?;
            rows.extend(self.news_of_claims(pull, &claims, told_at));
        }
        Ok(Listed {
            rows,
            next: more.then(|| format!("{PLACE}{until}")),
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
