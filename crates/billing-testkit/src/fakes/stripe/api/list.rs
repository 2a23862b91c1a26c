//! Lists: newest first, by pages.

use serde_json::{Value, json};

use super::super::params::Params;
use super::super::refusal::Refusal;
use super::Done;

/// The page that is given when none is asked for.
const LIMIT_DEFAULT: i64 = 10;
/// The largest page.
const LIMIT_MAX: i64 = 100;

/// Which page is wanted.
pub(super) struct Page {
    limit: usize,
    starting_after: Option<String>,
    ending_before: Option<String>,
}

impl Page {
    /// Takes the parameters of a page.
    pub(super) fn take(params: &mut Params) -> Result<Self, Refusal> {
        let limit = params.integer("limit")?.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let why = "Invalid integer: limit must be between 1 and 100";
            return Err(Refusal::invalid("limit", why).coded("parameter_invalid_integer"));
        }
        Ok(Self {
            limit: usize::try_from(limit).unwrap_or(1),
            starting_after: params.text("starting_after"),
            ending_before: params.text("ending_before"),
        })
    }

    /// The page of `all`, which is given newest first.
    pub(super) fn of(self, all: Vec<Value>, url: &str) -> Done {
        let place = |id: &str, param: &str| {
            let place = all.iter().position(|one| is(one, id));
            place.ok_or_else(|| Refusal::no_such("object", id).of_param(param))
        };
        let (from, to) = match (&self.starting_after, &self.ending_before) {
            (Some(_), Some(_)) => {
                let why = "Only one of starting_after and ending_before may be given";
                return Err(Refusal::state(why));
            }
            (Some(after), None) => {
                let from = place(after, "starting_after")?.saturating_add(1);
                (from, from.saturating_add(self.limit))
            }
            (None, Some(before)) => {
                let to = place(before, "ending_before")?;
                (to.saturating_sub(self.limit), to)
            }
            (None, None) => (0, self.limit),
        };
        let more = match self.ending_before {
            Some(_) => from > 0,
            None => to < all.len(),
        };
        let data: Vec<Value> = all
            .into_iter()
            .skip(from)
            .take(to.saturating_sub(from))
            .collect();
        Ok(json!({ "object": "list", "data": data, "has_more": more, "url": url }))
    }
}

fn is(one: &Value, id: &str) -> bool {
    one.get("id").and_then(Value::as_str) == Some(id)
}

/// Bounds on a time: `created[gte]` and its like, or an exact `created`.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    exact: Option<i64>,
    gte: Option<i64>,
    gt: Option<i64>,
    lte: Option<i64>,
    lt: Option<i64>,
}

impl Bounds {
    /// Takes the bounds of `created`.
    pub(super) fn take(params: &mut Params) -> Result<Self, Refusal> {
        Ok(Self {
            exact: params.integer("created")?,
            gte: params.integer("created[gte]")?,
            gt: params.integer("created[gt]")?,
            lte: params.integer("created[lte]")?,
            lt: params.integer("created[lt]")?,
        })
    }

    /// Whether `at` is within them.
    pub(super) fn hold(&self, at: i64) -> bool {
        self.exact.is_none_or(|bound| at == bound)
            && self.gte.is_none_or(|bound| at >= bound)
            && self.gt.is_none_or(|bound| at > bound)
            && self.lte.is_none_or(|bound| at <= bound)
            && self.lt.is_none_or(|bound| at < bound)
    }
}
