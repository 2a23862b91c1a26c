//! Paddle's shapes, as much of them as is read. Tolerant: what is missing or new
//! is no error, and only an object without its id cannot be read.

mod subscription;
mod transaction;

use billing_domain::time::{Period, Timestamp, to_micros};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub(crate) use subscription::Subscription;
pub(crate) use transaction::{Adjusted, Adjustment, Details, LineItem, Transaction};

/// What Paddle says in no time: an adjustment never updated says the year 1.
const NO_TIME_BEFORE: i64 = 0;

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) data: T,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Debug, Deserialize)]
struct Pagination {
    #[serde(default)]
    has_more: bool,
}

impl<T> Envelope<T> {
    pub(crate) fn has_more(&self) -> bool {
        let pagination = self.meta.as_ref().and_then(|meta| meta.pagination.as_ref());
        pagination.is_some_and(|pagination| pagination.has_more)
    }
}

/// A row of a list, which goes on after its id.
pub(crate) trait Row {
    fn id(&self) -> &str;
}

/// A listed event, kept as it is.
impl Row for Value {
    fn id(&self) -> &str {
        self.get("event_id").and_then(Self::as_str).unwrap_or("")
    }
}

/// `null` where a value is expected is its default.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An amount in minor units, as text or as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Minor(pub(crate) i64);

impl<'de> Deserialize<'de> for Minor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => text
                .parse()
                .map(Self)
                .map_err(|_no_number| serde::de::Error::custom("no amount in minor units")),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Span {
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
}

impl Span {
    pub(crate) fn period(self) -> Period {
        Period {
            start: to_micros(self.starts_at),
            end: to_micros(self.ends_at),
        }
    }
}

/// How often a price is charged, or how long a trial is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Cycle {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) interval: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) frequency: u16,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Amount {
    pub(crate) amount: Minor,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) currency_code: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Price {
    pub(crate) id: String,
    #[serde(default, rename = "unit_price")]
    pub(crate) unit: Option<Amount>,
    #[serde(default)]
    pub(crate) billing_cycle: Option<Cycle>,
    #[serde(default)]
    pub(crate) trial_period: Option<Cycle>,
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) product_id: Option<String>,
    #[serde(default)]
    pub(crate) tax_mode: Option<String>,
    /// Whatever shape it has: it is mostly other people's.
    #[serde(default)]
    pub(crate) custom_data: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Item {
    #[serde(default)]
    pub(crate) price: Option<Price>,
    #[serde(default)]
    pub(crate) price_id: Option<String>,
    #[serde(default)]
    pub(crate) quantity: Option<u32>,
    #[serde(default)]
    pub(crate) recurring: Option<bool>,
    #[serde(default)]
    pub(crate) trial_dates: Option<Span>,
}

impl Item {
    pub(crate) fn price_ref(&self) -> Option<&str> {
        let priced = self.price.as_ref().map(|price| price.id.as_str());
        priced.or(self.price_id.as_deref())
    }

    /// What its price carries of ours or of others.
    pub(crate) fn price_data(&self) -> Option<&Map<String, Value>> {
        self.price.as_ref()?.custom_data.as_ref()?.as_object()
    }

    /// One, where nothing is said.
    pub(crate) fn pieces(&self) -> u32 {
        self.quantity.unwrap_or(1)
    }

    pub(crate) fn recurs(&self) -> bool {
        let cycle = self
            .price
            .as_ref()
            .map(|price| price.billing_cycle.is_some());
        self.recurring.or(cycle).unwrap_or(false)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) custom_data: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
}

/// The answer to a notification that is to be sent again.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SentAgain {
    /// The id of this sending.
    #[serde(default)]
    pub(crate) notification_id: Option<String>,
}

/// The later of the two instants of an object; without either, the beginning of
/// time, so that it is never newer than anything.
pub(crate) fn instant(created: Option<Timestamp>, updated: Option<Timestamp>) -> Timestamp {
    let latest = created.into_iter().chain(updated).max();
    latest
        .filter(|at| at.as_second() >= NO_TIME_BEFORE)
        .map_or(Timestamp::UNIX_EPOCH, to_micros)
}
