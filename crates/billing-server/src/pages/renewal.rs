//! Where a renewal is paid that the engine runs: a page that lives as long as the renewal can
//! be paid, while the provider's own, whose rate is locked, closes sooner.
//!
//! A visit changes nothing and asks no provider, since programs that look through mail visit
//! what they find there. The button makes the provider's page, or finds the one that there is,
//! and leads there.

use billing_domain::catalog::Catalog;
use billing_domain::ids::InvoiceId;
use billing_engine::{EngineError, RenewalPage, RenewalPageError, RenewalStanding, RenewalToPay};
use maud::{Markup, html};
use poem::http::{StatusCode, header};
use poem::web::{Data, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;

use super::Pages;
use super::describe;
use super::layout::{Page, not_found, unavailable};
use super::origin::is_ours;
use crate::http::client_address;
use crate::renewal_link::{self, MAX_LINK, Opened};

/// Bytes of a form: a link, with room for what browsers add.
const MAX_FORM: usize = 1_024;

#[derive(Deserialize)]
struct Linked {
    link: Option<String>,
}

/// Shows what is owed.
#[handler]
pub(super) async fn ask(Data(pages): Data<&Pages>, query: poem::Result<Query<Linked>>) -> Response {
    let link = query.ok().and_then(|Query(linked)| linked.link);
    let (link, invoice) = match of(pages, link).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    match pages.state.billing.renewal_to_pay(invoice).await {
        Ok(Some(renewal)) => shown(pages, &link, &renewal).await,
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

/// Leads to the provider's page, which is made where there is none that can be paid at.
#[handler]
pub(super) async fn pay(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    if !is_ours(request, &pages.public_url) {
        return not_found();
    }
    let address = client_address(&pages.state, request);
    if pages.state.limiters.post(address).is_err() {
        return told(pages, StatusCode::TOO_MANY_REQUESTS, &TOO_MANY, None).await;
    }
    let time = pages.state.options.body_timeout;
    let read = tokio::time::timeout(time, body.into_bytes_limit(MAX_FORM)).await;
    let Ok(Ok(form)) = read else {
        return told(pages, StatusCode::BAD_REQUEST, &UNREADABLE, None).await;
    };
    let mut fields = url::form_urlencoded::parse(&form);
    let link = fields.find_map(|(name, value)| (name == "link").then(|| value.into_owned()));
    let (link, invoice) = match of(pages, link).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    match pages.state.billing.renewal_page(invoice).await {
        Ok(RenewalPage::At(page)) => led_on(&page),
        Ok(RenewalPage::Not(standing)) => told(pages, StatusCode::OK, words(standing), None).await,
        Err(RenewalPageError::NotFound) => not_found(),
        Err(RenewalPageError::Provider) => {
            told(pages, StatusCode::BAD_GATEWAY, &NO_ANSWER, Some(&link)).await
        }
        Err(RenewalPageError::Engine(error)) => failed(&error),
    }
}

/// The link, and which renewal it leads to; or the answer where it leads to none. What was
/// altered is answered like what never was, whatever there is.
async fn of(pages: &Pages, link: Option<String>) -> Result<(String, InvoiceId), Response> {
    let link = link.filter(|link| link.len() <= MAX_LINK);
    let (Some(link), true) = (link, pages.state.billing.is_enabled()) else {
        return Err(not_found());
    };
    match renewal_link::opened(&pages.state, &link).await {
        Ok(Some(Opened::To(invoice))) => Ok((link, invoice)),
        Ok(Some(Opened::Over)) => Err(told(pages, StatusCode::GONE, &TOO_OLD, None).await),
        Ok(None) => Err(not_found()),
        // Why was logged where it failed.
        Err(_problem) => Err(unavailable()),
    }
}

/// Leads the browser on, to an address that nobody may keep: a later press may find another.
fn led_on(to: &str) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, to)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "no-referrer")
        .finish()
}

fn failed(error: &EngineError) -> Response {
    if matches!(error, EngineError::Disabled) {
        return not_found();
    }
    tracing::error!(%error, "page not shown");
    unavailable()
}

async fn shown(pages: &Pages, link: &str, renewal: &RenewalToPay) -> Response {
    if renewal.standing != RenewalStanding::Owed {
        return told(pages, StatusCode::OK, words(renewal.standing), None).await;
    }
    framed(pages, StatusCode::OK, |catalog| {
        let key = renewal.plan.as_str();
        let plan = catalog.and_then(|catalog| catalog.plan(key));
        let plan = plan.map_or(key, |plan| plan.name.as_str());
        html! {
            section class="notice wait" {
                h1 { "Your renewal of " bdi { (plan) } }
                dl {
                    dt { "To pay" }
                    dd { (describe::money(renewal.amount)) }
                    @if let Some(due_at) = renewal.due_at {
                        dt { "Due" }
                        dd { (describe::day(due_at)) }
                    }
                    @if let Some(until) = renewal.payable_until {
                        dt { "Can be paid until" }
                        dd { (describe::day(until)) }
                    }
                }
                p { "Where it is paid in another currency, the rate is that of the next step." }
                (button(link, "Pay"))
            }
        }
    })
    .await
}

/// What is said where there is nothing to press, or once more.
struct Words {
    class: &'static str,
    title: &'static str,
    text: &'static str,
}

const PAID: Words = Words {
    class: "notice good",
    title: "Paid",
    text: "This renewal is paid. There is nothing left to do.",
};
const ON_ITS_WAY: Words = Words {
    class: "notice wait",
    title: "Your payment is on its way",
    text: "It was seen and is not confirmed yet. Please do not pay again.",
};
const OVER: Words = Words {
    class: "notice quiet",
    title: "Nothing to pay",
    text: "This renewal is owed no longer. Nothing was charged.",
};
const TOO_OLD: Words = Words {
    class: "notice quiet",
    title: "This link is too old",
    text: "The time to pay this renewal is over. Nothing was charged.",
};
const NO_ANSWER: Words = Words {
    class: "notice quiet",
    title: "We cannot reach the payment provider",
    text: "Nothing was charged. Please try again in some minutes; this link goes on working.",
};
const TOO_MANY: Words = Words {
    class: "notice quiet",
    title: "That was too often",
    text: "Please try again in a minute; this link goes on working.",
};
const UNREADABLE: Words = Words {
    class: "notice quiet",
    title: "Not opened",
    text: "We could not read what was sent. Please use the link once more.",
};

const fn words(standing: RenewalStanding) -> &'static Words {
    match standing {
        RenewalStanding::Paid => &PAID,
        // Owed there is a page, and nothing is said.
        RenewalStanding::OnItsWay | RenewalStanding::Owed => &ON_ITS_WAY,
        RenewalStanding::Over => &OVER,
    }
}

async fn told(pages: &Pages, status: StatusCode, words: &Words, again: Option<&str>) -> Response {
    framed(pages, status, |_catalog| {
        html! {
            section class=(words.class) {
                h1 { (words.title) }
                p { (words.text) }
                @match again {
                    Some(link) => { (button(link, "Try again")) }
                    None => { p { a href="/pricing" { "Plans and prices" } } }
                }
            }
        }
    })
    .await
}

fn button(link: &str, word: &str) -> Markup {
    html! {
        form method="post" action=(renewal_link::PAGE) {
            input type="hidden" name=(renewal_link::PARAMETER) value=(link);
            button type="submit" { (word) }
        }
    }
}

async fn framed(
    pages: &Pages,
    status: StatusCode,
    body: impl FnOnce(Option<&Catalog>) -> Markup,
) -> Response {
    let revision = pages.state.billing.catalog().await.ok();
    let catalog = revision.as_ref().map(|revision| &revision.catalog);
    Page {
        title: "Renewal",
        product: catalog.map_or("", Catalog::product),
        refresh: false,
        body: body(catalog),
    }
    .answer(status)
}
