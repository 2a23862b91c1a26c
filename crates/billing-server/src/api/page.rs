//! Pages of lists: `limit` and `cursor` in, `data` and `next_cursor` out.

use std::fmt::Display;
use std::str::FromStr;

use billing_domain::ids::SubscriptionId;
use billing_ports::store::{Page, PageAsk};
use uuid::Uuid;

use crate::problem::Problem;

/// Rows of a page when the caller states none: a screenful.
const DEFAULT_LIMIT: u16 = 20;

/// Most rows of a page: 100 rows of some kilobytes still answer at once.
const MAX_LIMIT: u16 = 100;

/// What a caller asks for. The cursor is the last id seen.
pub(crate) fn ask<T: FromStr>(
    limit: Option<&str>,
    cursor: Option<&str>,
    uuid: impl Fn(T) -> Uuid,
) -> Result<PageAsk, Problem> {
    ask_within(MAX_LIMIT, limit, cursor, uuid)
}

/// The same, for a list that has longer pages.
pub(crate) fn ask_within<T: FromStr>(
    max: u16,
    limit: Option<&str>,
    cursor: Option<&str>,
    uuid: impl Fn(T) -> Uuid,
) -> Result<PageAsk, Problem> {
    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=max).contains(limit))
            .ok_or_else(|| Problem::field("limit", format!("must be a number from 1 to {max}")))?,
    };
    let after = match cursor {
        None => None,
        Some(text) => {
            let id = text.parse().map_err(|_invalid| {
                Problem::field("cursor", "must be a next_cursor of this list")
            })?;
            Some(uuid(id))
        }
    };
    Ok(PageAsk { after, limit })
}

/// `open` rows only, or `closed` ones only. `None`: all.
pub(crate) fn open_or_closed(status: Option<&str>) -> Result<Option<bool>, Problem> {
    match status {
        None => Ok(None),
        Some("open") => Ok(Some(true)),
        Some("closed") => Ok(Some(false)),
        Some(_) => Err(Problem::field("status", "must be open or closed")),
    }
}

/// Rows of this subscription only. `None`: of all.
pub(crate) fn of_subscription(id: Option<&str>) -> Result<Option<SubscriptionId>, Problem> {
    let read = id.map(|id| id.parse().map_err(|_invalid| Problem::not_found()));
    read.transpose()
}

/// The rows as views, and the cursor to what follows.
pub(crate) fn views<R, V, I: Display>(
    page: Page<R>,
    id: impl Fn(&R) -> I,
    view: impl Fn(R) -> V,
) -> (Vec<V>, Option<String>) {
    let next = page
        .rows
        .last()
        .filter(|_| page.more)
        .map(|row| id(row).to_string());
    (page.rows.into_iter().map(view).collect(), next)
}
