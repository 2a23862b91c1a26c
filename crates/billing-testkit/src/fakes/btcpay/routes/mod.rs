//! Which call does what. Knows no socket.

mod hooks;
mod invoices;
mod make;
mod refunds;

use billing_domain::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::refusal::Refusal;
use super::world::World;

/// The version that the fake says it is.
pub(super) const VERSION: &str = "2.4.1";

/// Reading a store's settings, its rates among them.
const VIEW_SETTINGS: &str = "btcpay.store.canviewstoresettings";

/// A call, taken apart.
#[derive(Debug)]
pub(in crate::fakes::btcpay) struct Call<'a> {
    pub(in crate::fakes::btcpay) method: &'a str,
    /// What follows `/api/v1/` in the path.
    pub(in crate::fakes::btcpay) segments: &'a [&'a str],
    pub(in crate::fakes::btcpay) query: Vec<(String, String)>,
    pub(in crate::fakes::btcpay) body: Value,
    pub(in crate::fakes::btcpay) base: &'a Url,
    pub(in crate::fakes::btcpay) now: Timestamp,
    /// Deliveries that wait to be taken or sent.
    pub(in crate::fakes::btcpay) waiting: Vec<String>,
}

type Replied = Result<Value, Refusal>;

impl Call<'_> {
    /// The values of a parameter; with and without brackets it is the same.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let query = self.query.iter();
        let named = query.filter(|(held, _)| held.trim_end_matches("[]") == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a parameter. `None`: it was left out.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The number in a parameter. `None`: it was left out.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let number = |text: &str| {
            let number = text.parse().map_err(|_no_number| not_valid(name, text));
            number.map(Some)
        };
        self.one(name).map_or(Ok(None), number)
    }
}

impl World {
    /// Does what a call asks for.
    pub(in crate::fakes::btcpay) fn call(&mut self, call: &Call<'_>) -> Replied {
        match (call.method, call.segments) {
            ("GET", ["health"]) => Ok(json!({"synchronized": self.rules.is_synchronized})),
            ("GET", ["server", "info"]) => Ok(json!({
                "version": VERSION,
                "onion": Value::Null,
                "supportedPaymentMethods":
                    self.rules.methods.iter().map(|one| one.id()).collect::<Vec<_>>(),
                "fullySynched": self.rules.is_synchronized,
                "syncStatus": [],
            })),
            ("GET", ["api-keys", "current"]) => Ok(json!({
                "apiKey": "hidden", "label": "billing", "permissions": self.permissions,
            })),
            (_, ["pull-payments", rest @ ..]) => self.pull_payments(call, rest),
            (_, ["stores", store, rest @ ..]) => {
                if *store != self.store_id {
                    // The key belongs to a user who has no such store.
                    return Err(Refusal::lacks(VIEW_SETTINGS));
                }
                self.store(call, rest)
            }
            _ => Err(unknown()),
        }
    }

    fn store(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", ["rates"]) => self.rates(call),
            (_, ["invoices", rest @ ..]) => self.invoices(call, rest),
            ("GET", ["pull-payments"]) => self.pulls_of_store(call),
            (_, ["webhooks", rest @ ..]) => self.webhooks(call, rest),
            _ => Err(unknown()),
        }
    }

    fn rates(&self, call: &Call<'_>) -> Replied {
        self.needs(VIEW_SETTINGS)?;
        let mut rates = Vec::new();
        for pair in call.all("currencyPair") {
            let Some((from, to)) = pair.split_once('_') else {
                let message = "Invalid currency pair (it should be formatted like BTC_USD,BTC_CAD)";
                return Err(Refusal::field("currencyPair", message));
            };
            let known = self.rules.rates.get(to).filter(|_| from == "BTC");
            rates.push(match known {
                Some(rate) => json!({
                    "currencyPair": pair, "errors": [], "rate": rate.to_string(),
                }),
                None => json!({
                    "currencyPair": pair, "errors": ["RateFetchError"], "rate": Value::Null,
                }),
            });
        }
        Ok(Value::Array(rates))
    }

    /// Refuses where the key lacks a permission.
    pub(super) fn needs(&self, permission: &'static str) -> Result<(), Refusal> {
        if self.may(permission) {
            Ok(())
        } else {
            Err(Refusal::lacks(permission))
        }
    }
}

pub(super) fn not_valid(name: &str, value: &str) -> Refusal {
    Refusal::field(name, &format!("The value '{value}' is not valid."))
}

pub(super) fn unknown() -> Refusal {
    Refusal::new(404, "generic-error", "There is nothing here")
}
