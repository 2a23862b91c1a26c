//! Which call does what. Knows no socket.

mod catalog;
mod customers;
mod money;
mod told;

use billing_domain::time::Timestamp;
use serde_json::Value;
use url::Url;

use crate::fakes::paddle::page::{Asked, page};
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::world::World;

/// A call, taken apart.
#[derive(Debug)]
pub(in crate::fakes::paddle) struct Call<'a> {
    pub(in crate::fakes::paddle) method: &'a str,
    pub(in crate::fakes::paddle) path: &'a str,
    pub(in crate::fakes::paddle) segments: Vec<&'a str>,
    pub(in crate::fakes::paddle) query: Vec<(String, String)>,
    pub(in crate::fakes::paddle) body: Value,
    pub(in crate::fakes::paddle) base: &'a Url,
    pub(in crate::fakes::paddle) now: Timestamp,
}

/// An answer without its envelope.
#[derive(Debug)]
pub(in crate::fakes::paddle) struct Reply {
    pub(in crate::fakes::paddle) status: u16,
    pub(in crate::fakes::paddle) data: Value,
    pub(in crate::fakes::paddle) pagination: Option<Value>,
}

impl Reply {
    pub(super) fn ok(data: Value) -> Self {
        Self {
            status: 200,
            data,
            pagination: None,
        }
    }

    pub(super) fn created(data: Value) -> Self {
        Self {
            status: 201,
            ..Self::ok(data)
        }
    }
}

type Replied = Result<Reply, Refusal>;

impl Call<'_> {
    pub(super) fn includes(&self) -> Vec<&str> {
        let mut query = self.query.iter();
        let include = query.find(|(name, _)| name == "include");
        include.map_or_else(Vec::new, |(_, names)| names.split(',').collect())
    }

    pub(super) fn list(&self, most: usize, fields: &[&str], rows: Vec<Value>) -> Replied {
        let asked = Asked {
            base: self.base,
            path: self.path,
            query: &self.query,
            most,
            fields,
        };
        let (data, pagination) = page(&asked, rows)?;
        Ok(Reply {
            pagination: Some(pagination),
            ..Reply::ok(data)
        })
    }
}

impl World {
    /// Does what a call asks for.
    pub(in crate::fakes::paddle) fn call(&mut self, call: &Call<'_>) -> Replied {
        let (area, rest) = match call.segments.split_first() {
            Some((area, rest)) => (*area, rest),
            None => ("", &[][..]),
        };
        match area {
            "products" => self.products(call, rest),
            "prices" => self.prices(call, rest),
            "discounts" => self.discounts(call, rest),
            "customers" => self.customers(call, rest),
            "transactions" => self.transactions(call, rest),
            "subscriptions" => self.subscriptions(call, rest),
            "adjustments" => self.adjustments(call, rest),
            "events" | "event-types" | "notifications" | "notification-settings" => {
                self.told(call, area, rest)
            }
            _ => Err(unknown(call)),
        }
    }
}

pub(super) fn unknown(call: &Call<'_>) -> Refusal {
    let detail = format!("{} {} is not part of the API", call.method, call.path);
    Refusal::new(404, "invalid_url", detail)
}
