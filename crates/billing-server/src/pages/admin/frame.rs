//! What stands around every page of the dashboard, and refusals as pages.

use std::fmt;

use billing_ports::store::{Page, PageAsk};
use maud::{Markup, html};
use poem::Response;
use poem::error::ResponseError;
use poem::http::StatusCode;
use uuid::Uuid;

use super::operator::Operator;
use super::{DOOR, HOME};
use crate::pages::cookie::{OPERATOR, with_cookie};
use crate::pages::form::FORGED;
use crate::pages::layout::{Around, framed, unavailable};
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Rows of one page: a screenful.
const ROWS: u16 = 20;

/// Rows that are counted: beyond, "100 or more" says enough to act upon.
pub(super) const COUNTED: u16 = 100;

/// The parts of the dashboard that the ways lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Overview,
    Customers,
    Prices,
    Invoices,
    Parked,
    Deliveries,
    Migrations,
}

const PARTS: [(Part, &str, &str); 7] = [
    (Part::Overview, HOME, "Overview"),
    (Part::Customers, "/admin/customers", "Customers"),
    (Part::Prices, "/admin/prices", "Prices"),
    (Part::Invoices, "/admin/invoices", "Invoices"),
    (Part::Parked, "/admin/parked", "Parked"),
    (Part::Deliveries, "/admin/deliveries", "Deliveries"),
    (Part::Migrations, "/admin/migrations", "Migrations"),
];

/// A page of the dashboard.
pub(super) struct Sheet<'a> {
    /// What the browser's tab says.
    pub(super) title: &'a str,
    pub(super) part: Part,
    pub(super) body: Markup,
}

impl Sheet<'_> {
    pub(super) async fn answer(self, operator: &Operator<'_>) -> Response {
        let around = Around {
            ways: Some(ways(operator, self.part)),
            script: None,
        };
        let body = html! { div class="desk" { (self.body) } };
        framed(operator.pages, StatusCode::OK, self.title, &around, body).await
    }
}

fn ways(operator: &Operator<'_>, at: Part) -> Markup {
    html! {
        nav class="ways" aria-label="Dashboard" {
            ul {
                @for (part, to, name) in PARTS {
                    li { a href=(to) aria-current=[(part == at).then_some("page")] { (name) } }
                }
            }
            div class="steps" {
                span class="small" {
                    "Key " bdi { (operator.key.name) }
                    @if !operator.may_act() { ", which may only look" }
                }
                form class="plain" method="post" action="/admin/sign-out" {
                    (operator.proof())
                    button type="submit" class="quiet" { "Sign out" }
                }
            }
        }
    }
}

/// The answer, or what it says that there is none: without a session, the way to one.
pub(super) async fn answered(pages: &Pages, answer: Result<Response, Problem>) -> Response {
    match answer {
        Ok(response) => response,
        Err(problem) => refused(pages, &problem).await,
    }
}

async fn refused(pages: &Pages, problem: &Problem) -> Response {
    let status = problem.status();
    if status == StatusCode::UNAUTHORIZED {
        // Whatever the browser keeps is good for nothing.
        return without_cookie(pages, see_other(DOOR));
    }
    if status.is_server_error() && status != StatusCode::BAD_GATEWAY {
        return unavailable();
    }
    let (title, words) = words(problem);
    let body = html! {
        section class="notice quiet" {
            h1 { (title) }
            p role="alert" { (words) }
            p { a class="button" href=(HOME) { "Back to the overview" } }
        }
    };
    framed(pages, status, title, &Around::default(), body).await
}

/// `response`, after which the browser keeps no session.
pub(super) fn without_cookie(pages: &Pages, response: Response) -> Response {
    with_cookie(response, OPERATOR.dropped(&pages.public_url))
}

/// What a refusal says to an operator.
fn words(problem: &Problem) -> (&'static str, String) {
    let known = match problem.code() {
        FORGED => Some((
            "Not done",
            "This was not sent from a page of yours, or the page was too old. Nothing was \
             changed. Please open the page again and repeat it there.",
        )),
        "rate_limited" => Some((
            "That was too often",
            "Nothing was changed. Please try again in a minute.",
        )),
        "invalid_request" => Some((
            "We could not read that",
            "Nothing was changed. Please go back and look at what was filled in; what changes \
             something needs a reason of at most 255 bytes.",
        )),
        "insufficient_scope" => Some((
            "Your key may not do this",
            "Nothing was changed. It takes a key of scope admin.",
        )),
        "plan_stale" => Some((
            "The plan no longer holds",
            "What it was worked out from has changed. Nothing was changed; please plan it anew.",
        )),
        "planning_busy" => Some((
            "Others are planning",
            "Planning looks at everybody who holds the price, and as many plans are worked out as \
             may be at once. Nothing was changed. Please try again in a moment.",
        )),
        "not_found" => Some((
            "Nothing here",
            "There is no such thing, or somebody has decided about it in the meantime.",
        )),
        "customer_not_found" => Some(("No such customer", "Nothing was changed.")),
        "billing_disabled" => Some(("Nothing here", "Billing is switched off.")),
        _ => None,
    };
    match known {
        Some((title, words)) => (title, words.to_owned()),
        None => (
            "That is not possible now",
            describe::sentence(problem.detail()),
        ),
    }
}

/// The page of a list that follows after `after`.
pub(super) const fn asked(after: Option<Uuid>) -> PageAsk {
    PageAsk { after, limit: ROWS }
}

/// The first rows of a list, to be counted.
pub(super) const COUNT: PageAsk = PageAsk {
    after: None,
    limit: COUNTED,
};

/// How many rows there are, as far as they are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    rows: usize,
    more: bool,
}

impl Count {
    pub(super) const fn is_none(self) -> bool {
        self.rows == 0 && !self.more
    }

    /// The rows of a page, and whether there are more.
    pub(super) const fn of<T>(page: &Page<T>) -> Self {
        Self {
            rows: page.rows.len(),
            more: page.more,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rows)?;
        if self.more {
            f.write_str(" or more")
        } else {
            Ok(())
        }
    }
}

/// The ways to the newest rows of a list and to those that follow. `next`: the last id of a
/// page that others follow.
pub(super) fn pager(
    list: &str,
    keep: &[(&str, &str)],
    is_first: bool,
    next: Option<&str>,
) -> Markup {
    html! {
        @if !is_first || next.is_some() {
            nav class="pages" aria-label="Pages" {
                @if !is_first { a href=(address(list, keep)) { "First page" } }
                @if let Some(next) = next {
                    @let after = [keep, &[("after", next)]].concat();
                    a rel="next" href=(address(list, &after)) { "Next page" }
                }
            }
        }
    }
}

/// An address with what is asked for.
pub(super) fn address(path: &str, asks: &[(&str, &str)]) -> String {
    if asks.is_empty() {
        return path.to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(asks)
        .finish();
    format!("{path}?{query}")
}

/// The last id of a page that others follow.
pub(super) fn next<T, I: fmt::Display>(page: &Page<T>, id: impl Fn(&T) -> I) -> Option<String> {
    let last = page.rows.last().filter(|_| page.more);
    last.map(|row| id(row).to_string())
}

/// An id that a list goes on after.
///
/// # Errors
///
/// 404 for what is no id of this kind.
pub(super) fn after<T: std::str::FromStr>(
    text: Option<&str>,
    uuid: impl Fn(T) -> Uuid,
) -> Result<Option<Uuid>, Problem> {
    let read = text.map(|text| text.parse().map(uuid));
    read.transpose().map_err(|_no_id| Problem::not_found())
}
