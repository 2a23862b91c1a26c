//! The log of requests: what came over the wire, field by field, without keys.

use std::sync::{Arc, Mutex};

use billing_domain::time::Timestamp;
use bytes::Bytes;

use super::lock;
use super::wire::Incoming;

/// Requests that are kept; older ones are forgotten first. A long story makes
/// some hundred, and a benchmark must not fill the memory.
const KEPT_MAX: usize = 20_000;

/// A request as it came, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// When it came, by the fake's clock.
    pub at: Timestamp,
    /// The method in upper case.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as it stood, without the question mark.
    pub query: String,
    /// Header names in lower case with their values, without `authorization`.
    pub headers: Vec<(String, String)>,
    /// Whether the key in `authorization` was the right one.
    pub authorized: bool,
    /// The exact bytes of the body.
    pub body: Bytes,
    /// The status that it was answered with. `None`: it is in work, or its
    /// connection was closed without an answer.
    pub status: Option<u16>,
    /// The fault that struck it. `None`: none did.
    pub fault: Option<&'static str>,
}

impl Recorded {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(held, _)| held == name)?;
        Some(found.1.as_str())
    }

    /// The fields of a form body, decoded, in the order in which they came.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&self.body)
    }

    /// The fields of the query, decoded, in the order in which they came.
    #[must_use]
    pub fn query_fields(&self) -> Vec<(String, String)> {
        pairs(self.query.as_bytes())
    }
}

fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let parsed = url::form_urlencoded::parse(bytes);
    parsed
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The requests so far, oldest first. Its clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// How many were forgotten: the number of the first that is kept.
    forgotten: usize,
    requests: std::collections::VecDeque<Recorded>,
}

impl RequestLog {
    /// All that is kept.
    #[must_use]
    pub fn all(&self) -> Vec<Recorded> {
        lock(&self.0).requests.iter().cloned().collect()
    }

    /// Those of a method to exactly a path.
    #[must_use]
    pub fn to(&self, method: &str, path: &str) -> Vec<Recorded> {
        let kept = lock(&self.0);
        let fits = |one: &&Recorded| one.method == method && one.path == path;
        kept.requests.iter().filter(fits).cloned().collect()
    }

    /// The latest. `None`: there was none.
    #[must_use]
    pub fn last(&self) -> Option<Recorded> {
        lock(&self.0).requests.back().cloned()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        let mut kept = lock(&self.0);
        kept.forgotten = kept.forgotten.saturating_add(kept.requests.len());
        kept.requests.clear();
    }

    /// Writes a request down; the number is for [`Self::end`].
    pub(super) fn begin(&self, at: Timestamp, request: &Incoming, authorized: bool) -> usize {
        let mut kept = lock(&self.0);
        let number = kept.forgotten.saturating_add(kept.requests.len());
        let shown = |(name, _): &&(String, String)| name != "authorization";
        kept.requests.push_back(Recorded {
            at,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.iter().filter(shown).cloned().collect(),
            authorized,
            body: request.body.clone(),
            status: None,
            fault: None,
        });
        if kept.requests.len() > KEPT_MAX {
            kept.requests.pop_front();
            kept.forgotten = kept.forgotten.saturating_add(1);
        }
        number
    }

    /// Says how a request ended.
    pub(super) fn end(&self, number: usize, status: Option<u16>, fault: Option<&'static str>) {
        let mut kept = lock(&self.0);
        let place = number.checked_sub(kept.forgotten);
        if let Some(one) = place.and_then(|place| kept.requests.get_mut(place)) {
            one.status = status;
            one.fault = fault;
        }
    }
}
