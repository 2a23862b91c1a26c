//! Which operations were answered well. A probe that is refused everywhere, for a key that no
//! longer holds or an id that nobody has, would find nothing wrong. Counts nothing itself: it reads
//! what the server counted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// The server's count of its answers.
const COUNTED: &str = "billing_http_requests_total{";

/// How many operations may be refused each time: some are, as a delivery that was not given up
/// cannot be sent again, and others now and then, as requests that came before have canceled what
/// they are about. All others being answered well, the credentials and the ids are.
const MAX_REFUSED: usize = 25;

/// How often each operation was answered well, by its shape, as in `GET /v1/plans/{}`: a route
/// names what stands in its path otherwise than the document does.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    times: BTreeMap<String, u64>,
}

impl Reached {
    /// What a server's metrics say.
    pub(crate) fn read(metrics: &str) -> Self {
        let mut times = BTreeMap::new();
        for line in metrics.lines() {
            if let Some((operation, count)) = answered_well(line) {
                let times: &mut u64 = times.entry(operation).or_default();
                *times = times.saturating_add(count);
            }
        }
        Self { times }
    }

    /// The operations that were answered well more often than `before`.
    pub(crate) fn since(&self, before: &Self) -> BTreeSet<String> {
        let more = self.times.iter().filter(|(operation, count)| {
            let before = before.times.get(*operation).copied();
            **count > before.unwrap_or_default()
        });
        more.map(|(operation, _)| operation.clone()).collect()
    }
}

/// The operation and how often, if this line counts answers below 400.
fn answered_well(line: &str) -> Option<(String, u64)> {
    let (labels, count) = line.strip_prefix(COUNTED)?.split_once("} ")?;
    let label = |name: &str| {
        let (_, rest) = labels.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    };
    let status: u16 = label("status")?.parse().ok()?;
    if status >= 400 {
        return None;
    }
    let operation = format!("{} {}", label("method")?, label("route")?);
    Some((shape(&operation), count.parse().ok()?))
}

/// An operation without what is named in its path.
fn shape(operation: &str) -> String {
    let parts = operation.split('/').map(|part| {
        let is_named = part.starts_with([':', '{']);
        if is_named { "{}" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Names the operations of the document that were never answered well. Fails where they are more
/// than may be.
pub(crate) fn most(document: &str, reached: &BTreeSet<String>) -> Outcome<()> {
    let document: Value =
        serde_json::from_str(document).map_err(Failure::doing("read the document"))?;
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
    });
    let never: Vec<String> = operations
        .filter(|operation| !reached.contains(&shape(operation)))
        .collect();
    let named = never.join("\n  ");
    eprintln!("xtask probe: never answered well:\n  {named}");
    if never.len() <= MAX_REFUSED {
        return Ok(());
    }
    let words = "more operations were refused each time than may be; see above";
    Err(Failure::new(words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BEFORE: &str = "\
# TYPE billing_http_requests_total counter
billing_http_requests_total{method=\"GET\",route=\"/v1/plans/:param0\",status=\"200\"} 2
billing_http_requests_total{method=\"GET\",route=\"/v1/plans\",status=\"200\"} 1
";
    const AFTER: &str = "\
billing_http_requests_total{method=\"GET\",route=\"/v1/plans/:param0\",status=\"200\"} 3
billing_http_requests_total{method=\"GET\",route=\"/v1/plans\",status=\"200\"} 1
billing_http_requests_total{method=\"POST\",route=\"/v1/plans\",status=\"422\"} 9
billing_http_request_seconds_count{route=\"/v1/plans\"} 9
";

    #[test]
    fn what_was_answered_well_since_is_reached() {
        let reached = Reached::read(AFTER).since(&Reached::read(BEFORE));
        assert_eq!(reached, ["GET /v1/plans/{}".to_owned()].into());
    }

    /// A document of so many operations.
    fn document(operations: usize) -> String {
        let paths: serde_json::Map<String, Value> = (0..operations)
            .map(|number| (format!("/v1/plans/{number}"), json!({ "get": {} })))
            .collect();
        json!({ "paths": paths }).to_string()
    }

    #[test]
    fn some_may_be_refused_each_time_and_no_more() {
        let reached = ["GET /v1/plans/0".to_owned()].into();
        most(&document(MAX_REFUSED + 1), &reached).unwrap();
        most(&document(MAX_REFUSED + 2), &reached).unwrap_err();
    }
}
