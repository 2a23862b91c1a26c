//! Every call, compared field by field with what the official SDK sends for the same.
//!
//! `fixtures/record.py` says the calls with Stripe's own `stripe-python` and records
//! them; here the same are ordered of the adapter, over HTTP. Method, path, parameters
//! and headers are the same to the letter: both write lists as `items[0][price]`, so
//! nothing has to be put into one notation first. They differ in one thing: where we
//! send no idempotency key, the SDK draws one for each `POST`.

mod invoices;
mod orders;
mod pages;
mod reads;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use wiremock::Request;

use crate::support::{Far, header};

/// What the SDK sent.
const RECORDED: &str = include_str!("../fixtures/recorded_forms.json");

/// What stands where the SDK drew a key.
const DRAWN: &str = "drawn";

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The headers that are compared: all that say something to Stripe.
const HEADERS: [&str; 4] = [
    "authorization",
    "content-type",
    IDEMPOTENCY_KEY,
    "stripe-version",
];

type Pairs = BTreeMap<String, String>;

/// A call, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Sent {
    method: String,
    path: String,
    query: Pairs,
    form: Pairs,
    headers: Pairs,
}

impl Sent {
    /// What arrived of ours.
    fn of(asked: &Request) -> Self {
        let headers = HEADERS.into_iter().filter_map(|name| {
            let value = header(asked, name)?;
            Some((name.to_owned(), value.to_owned()))
        });
        Self {
            method: asked.method.to_string(),
            path: asked.url.path().to_owned(),
            query: pairs(asked.url.query().unwrap_or_default().as_bytes()),
            form: pairs(&asked.body),
            headers: headers.collect(),
        }
    }
}

/// Parameters by name; a name that is sent twice is a mistake.
fn pairs(encoded: &[u8]) -> Pairs {
    let sent: Vec<(String, String)> = url::form_urlencoded::parse(encoded).into_owned().collect();
    let pairs: Pairs = sent.iter().cloned().collect();
    assert_eq!(pairs.len(), sent.len(), "once each: {sent:?}");
    pairs
}

#[derive(Debug, Deserialize)]
struct File {
    sdk: String,
    calls: BTreeMap<String, Sent>,
}

/// What the SDK sent, and which of it was compared.
struct Recording {
    file: File,
    compared: BTreeSet<String>,
}

impl Recording {
    fn load() -> Self {
        Self {
            file: serde_json::from_str(RECORDED).unwrap(),
            compared: BTreeSet::new(),
        }
    }

    /// All that was asked of `far` is what the SDK sends for the calls of these
    /// names, one after the other.
    async fn has(&mut self, far: &Far, names: &[&str]) {
        let asked = far.asked().await;
        let calls = far.calls().await;
        assert_eq!(asked.len(), names.len(), "{calls:?} is not {names:?}");
        for (asked, name) in asked.iter().zip(names) {
            let recorded = self.file.calls.get(*name);
            let mut recorded = recorded.unwrap_or_else(|| panic!("{name}")).clone();
            if recorded.headers.get(IDEMPOTENCY_KEY).map(String::as_str) == Some(DRAWN) {
                recorded.headers.remove(IDEMPOTENCY_KEY);
            }
            assert_eq!(Sent::of(asked), recorded, "{name}, by {}", self.file.sdk);
            self.compared.insert((*name).to_owned());
        }
    }
}

#[tokio::test]
async fn every_call_is_the_official_sdks() {
    let mut recording = Recording::load();
    pages::pages(&mut recording).await;
    pages::trials(&mut recording).await;
    pages::instead(&mut recording).await;
    pages::lost_answers(&mut recording).await;
    orders::changes(&mut recording).await;
    orders::ended_discounts(&mut recording).await;
    orders::schedules(&mut recording).await;
    orders::ends(&mut recording).await;
    orders::pauses(&mut recording).await;
    orders::resumptions(&mut recording).await;
    invoices::own_invoices(&mut recording).await;
    invoices::refunds(&mut recording).await;
    reads::objects(&mut recording).await;
    reads::payments(&mut recording).await;
    reads::lists(&mut recording).await;
    reads::portal(&mut recording).await;
    reads::doctor(&mut recording).await;
    let recorded: BTreeSet<String> = recording.file.calls.into_keys().collect();
    assert_eq!(recording.compared, recorded, "nothing was recorded in vain");
}
