//! Lists: filters, order, pages. Knows no kind of object.

use billing_domain::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::refusal::Refusal;

/// Most rows of a page of anything but transactions.
pub(super) const ROWS_MAX: usize = 200;
/// Most rows of a page of transactions.
pub(super) const TRANSACTION_ROWS_MAX: usize = 30;
/// Rows of a page where nobody asked for a number.
const ROWS_DEFAULT: usize = 50;

/// What a list is asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// The base URL of the fake.
    pub(super) base: &'a Url,
    /// The path of the list.
    pub(super) path: &'a str,
    /// The query, decoded.
    pub(super) query: &'a [(String, String)],
    /// Most rows of a page.
    pub(super) most: usize,
    /// The fields that can be filtered by.
    pub(super) fields: &'a [&'a str],
}

/// A page: its rows, and where the next one is.
pub(super) fn page(asked: &Asked<'_>, rows: Vec<Value>) -> Result<(Value, Value), Refusal> {
    let mut rows = rows;
    for (name, wanted) in asked.query {
        match name.as_str() {
            "after" | "per_page" | "order_by" | "include" => {}
            "search" => rows.retain(|row| found(row, wanted)),
            "recurring" => rows.retain(|row| {
                let recurs = !row["billing_cycle"].is_null();
                recurs == (wanted == "true")
            }),
            name => {
                let (field, compare) = split(name);
                if !asked.fields.contains(&field) {
                    return Err(Refusal::field(field, "unknown query parameter"));
                }
                rows = filter(rows, field, compare, wanted)?;
            }
        }
    }
    sort(&mut rows, asked)?;
    let total = rows.len();
    if let Some(after) = parameter(asked, "after") {
        let place = rows.iter().position(|row| id_of(row) == after);
        let place = place.ok_or_else(|| Refusal::field("after", "unknown id"))?;
        rows.drain(..=place);
    }
    let size = match parameter(asked, "per_page") {
        None => ROWS_DEFAULT,
        Some(text) => {
            let size: Option<usize> = text.parse().ok();
            let wrong = || Refusal::field("per_page", "must be a number of at least 1");
            size.filter(|size| *size > 0).ok_or_else(wrong)?
        }
    };
    let size = size.min(asked.most);
    let has_more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().map(|row| id_of(row).to_owned());
    let last = last.or_else(|| parameter(asked, "after").map(str::to_owned));
    let pagination = json!({
        "per_page": size,
        "next": next(asked, last.as_deref())?,
        "has_more": has_more,
        "estimated_total": total,
    });
    Ok((Value::Array(rows), pagination))
}

/// The address of the page after `last`: absolute, and there even when no page is.
fn next(asked: &Asked<'_>, last: Option<&str>) -> Result<String, Refusal> {
    let wrong = |_no_url| Refusal::internal("the path is no part of a URL");
    let mut url = asked
        .base
        .join(asked.path.trim_start_matches('/'))
        .map_err(wrong)?;
    {
        let mut pairs = url.query_pairs_mut();
        for (name, value) in asked.query.iter().filter(|(name, _)| name != "after") {
            pairs.append_pair(name, value);
        }
        if let Some(last) = last {
            pairs.append_pair("after", last);
        }
    }
    Ok(url.to_string())
}

fn sort(rows: &mut [Value], asked: &Asked<'_>) -> Result<(), Refusal> {
    let order = parameter(asked, "order_by").unwrap_or("id[DESC]");
    let (field, direction) = split(order);
    let key = |row: &Value| row[field].as_str().unwrap_or_default().to_owned();
    match field {
        "id" => rows.sort_by(|a, b| id_of(a).cmp(id_of(b))),
        "created_at" | "updated_at" | "billed_at" | "next_billed_at" => {
            // A text of an instant does not sort by itself: fractions are cut.
            let key = |row: &Value| key(row).parse::<Timestamp>().ok();
            rows.sort_by_key(key);
        }
        _ => return Err(Refusal::field("order_by", "cannot order by this field")),
    }
    match direction {
        Some("DESC") => rows.reverse(),
        Some("ASC") | None => {}
        Some(_) => return Err(Refusal::field("order_by", "must be ASC or DESC")),
    }
    Ok(())
}

fn filter(
    rows: Vec<Value>,
    field: &str,
    compare: Option<&str>,
    wanted: &str,
) -> Result<Vec<Value>, Refusal> {
    let Some(compare) = compare else {
        let wanted: Vec<&str> = wanted.split(',').collect();
        let fits = |row: &Value| {
            let held = if field == "id" {
                id_of(row)
            } else {
                row[field].as_str().unwrap_or_default()
            };
            wanted.contains(&held)
        };
        return Ok(rows.into_iter().filter(fits).collect());
    };
    let code = "invalid_time_query_parameter";
    let wrong = |_no_date| Refusal::bad(code, format!("{field} is not an RFC 3339 date"));
    let wanted: Timestamp = wanted.parse().map_err(wrong)?;
    let fits = |row: &Value| {
        let held = row[field].as_str();
        let held: Option<Timestamp> = held.and_then(|text| text.parse().ok());
        held.is_some_and(|held| match compare {
            "LT" => held < wanted,
            "LTE" => held <= wanted,
            "GT" => held > wanted,
            "GTE" => held >= wanted,
            _ => false,
        })
    };
    Ok(rows.into_iter().filter(fits).collect())
}

/// `updated_at[GTE]` into its two halves.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('[') {
        None => (name, None),
        Some((field, rest)) => (field, Some(rest.trim_end_matches(']'))),
    }
}

fn found(row: &Value, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    ["id", "email", "name", "description"].iter().any(|field| {
        let held = row[*field].as_str().unwrap_or_default();
        held.to_lowercase().contains(&wanted)
    })
}

fn id_of(row: &Value) -> &str {
    let id = row["id"].as_str().or_else(|| row["event_id"].as_str());
    id.unwrap_or_default()
}

fn parameter<'a>(asked: &Asked<'a>, name: &str) -> Option<&'a str> {
    let mut query = asked.query.iter();
    let found = query.find(|(held, _)| held == name)?;
    Some(found.1.as_str())
}
