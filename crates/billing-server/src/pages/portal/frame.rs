//! What stands around every page of the portal, and refusals as pages.

use maud::{Markup, html};
use poem::Response;
use poem::error::ResponseError;
use poem::http::StatusCode;

use super::visitor::Visitor;
use super::{DOOR, HOME};
use crate::pages::cookie::{CUSTOMER, with_cookie};
use crate::pages::form::FORGED;
use crate::pages::layout::{Around, framed, not_found, unavailable};
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// The parts of the portal that the ways lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Overview,
    Invoices,
    Licenses,
}

const PARTS: [(Part, &str, &str); 3] = [
    (Part::Overview, HOME, "Overview"),
    (Part::Invoices, "/portal/invoices", "Invoices"),
    (Part::Licenses, "/portal/licenses", "Licenses"),
];

/// A page of the portal for somebody with a session.
pub(super) struct Sheet<'a> {
    /// What the browser's tab says.
    pub(super) title: &'a str,
    pub(super) part: Part,
    /// The address of a script that the page works without. `None`: there is none.
    pub(super) script: Option<String>,
    pub(super) body: Markup,
}

impl Sheet<'_> {
    pub(super) async fn answer(self, visitor: &Visitor<'_>, status: StatusCode) -> Response {
        let around = Around {
            ways: Some(ways(visitor, self.part)),
            script: self.script,
        };
        framed(visitor.pages, status, self.title, &around, self.body).await
    }
}

fn ways(visitor: &Visitor<'_>, at: Part) -> Markup {
    html! {
        nav class="ways" aria-label="Your billing" {
            ul {
                @for (part, to, name) in PARTS {
                    li { a href=(to) aria-current=[(part == at).then_some("page")] { (name) } }
                }
            }
            form class="plain" method="post" action="/portal/sign-out" {
                (visitor.proof())
                button type="submit" class="quiet" { "Sign out" }
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
    if status == StatusCode::NOT_FOUND {
        return not_found();
    }
    if status.is_server_error() && status != StatusCode::BAD_GATEWAY {
        return unavailable();
    }
    let (title, words) = words(problem);
    let body = html! {
        section class="notice quiet" {
            h1 { (title) }
            p role="alert" { (words) }
            p { a class="button" href=(HOME) { "Back to your billing" } }
        }
    };
    framed(pages, status, title, &Around::default(), body).await
}

/// `response`, after which the browser keeps no session.
pub(super) fn without_cookie(pages: &Pages, response: Response) -> Response {
    with_cookie(response, CUSTOMER.dropped(&pages.public_url))
}

/// What a refusal says to a customer.
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
            "Nothing was changed. Please go back and look at what was filled in.",
        )),
        "quote_expired" => Some((
            "This offer has expired",
            "Nothing was changed. Please ask for it again: it is worked out anew.",
        )),
        "quote_stale" => Some((
            "This offer no longer holds",
            "What it was worked out from has changed. Nothing was changed for you; please ask \
             for it again.",
        )),
        "provider_error" => Some((
            "The payment provider did not answer",
            "Please look at your billing in some minutes before you try again.",
        )),
        "payment_required" => Some((
            "Your card was not charged",
            "The payment provider does not charge the card that it knows, and nothing was \
             changed. Please give another payment method first.",
        )),
        "provider_refused" => Some(("The payment provider refuses this", "Nothing was changed.")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_words_of_its_own_says_what_is_wrong() {
        let unknown = Problem::unprocessable("the plan is not sold in this quantity");
        let (_, words) = words(&unknown);
        assert_eq!(words, "The plan is not sold in this quantity.");
    }
}
