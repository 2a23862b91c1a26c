//! Where a mailed link leads: a button, since programs that look through mail
//! visit what they find there, and behind it what the customer holds, once.
//!
//! Gives the browser nothing to come back with, unless an application of the host's
//! asked for it, to which the browser is led on then. One that takes links itself is
//! named as their `return_url`.

use billing_domain::catalog::{Billing, Catalog};
use billing_domain::ids::CustomerId;
use billing_domain::subscription::Subscription;
use billing_engine::CustomerRef;
use maud::{Markup, html};
use poem::http::{StatusCode, header};
use poem::web::{Data, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;
use url::Url;

use super::Pages;
use super::describe;
use super::layout::{Page, not_found, unavailable};
use super::origin::is_ours;
use crate::api::{Delivery, allowed};
use crate::http::client_address;
use crate::links::{self, MAX_LINK};
use crate::problem::Problem;

/// Bytes of a form: a link, with room for what browsers add.
const MAX_FORM: usize = 4_096;

#[derive(Deserialize)]
struct Linked {
    link: Option<String>,
    return_url: Option<String>,
    delivery: Option<String>,
}

/// Asks whether to open the link; a visit changes nothing.
#[handler]
pub(super) async fn ask(Data(pages): Data<&Pages>, query: poem::Result<Query<Linked>>) -> Response {
    let Ok(Query(linked)) = query else {
        return not_found();
    };
    let Some(link) = linked.link.filter(|link| link.len() <= MAX_LINK) else {
        return not_found();
    };
    // Whether it may lead there is asked when it does.
    let onward = linked.return_url.zip(linked.delivery);
    if !pages.state.billing.is_enabled() {
        return not_found();
    }
    let body = html! {
        section class="notice quiet" {
            h1 { "Your billing" }
            @match &onward {
                None => { p { "This link opens once, and shows what you hold." } }
                Some((to, _)) => {
                    p { "This link opens once, and leads on to " strong { (host(to)) } "." }
                }
            }
            form method="post" action="/session" {
                input type="hidden" name="link" value=(link);
                @if let Some((to, delivery)) = &onward {
                    input type="hidden" name="return_url" value=(to);
                    input type="hidden" name="delivery" value=(delivery);
                }
                button type="submit" { "Open" }
            }
        }
    };
    page(pages, StatusCode::OK, body).await
}

/// Opens the link and shows what its customer holds.
#[handler]
pub(super) async fn open(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    if !is_ours(request, &pages.public_url) {
        return not_found();
    }
    let address = client_address(&pages.state, request);
    if pages.state.limiters.post(address).is_err() {
        return refused(pages, StatusCode::TOO_MANY_REQUESTS, TOO_MANY).await;
    }
    let time = pages.state.options.body_timeout;
    let read = tokio::time::timeout(time, body.into_bytes_limit(MAX_FORM)).await;
    let Ok(Ok(form)) = read else {
        return refused(pages, StatusCode::BAD_REQUEST, UNREADABLE).await;
    };
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(&form);
        fields.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    // Before the link is spent.
    let onward = match (field("return_url"), field("delivery")) {
        (None, None) => None,
        (to, delivery) => match onward(pages, to, delivery).await {
            Some(onward) => Some(onward),
            None => return refused(pages, StatusCode::BAD_REQUEST, NOT_ALLOWED).await,
        },
    };
    match opened(pages, &field("link").unwrap_or_default(), onward).await {
        Ok(Some(Then::Show(held))) => page(pages, StatusCode::OK, held).await,
        Ok(Some(Then::Go(to))) => led_on(&to),
        Ok(None) => refused(pages, StatusCode::NOT_FOUND, EXPIRED).await,
        // Why was logged where it failed.
        Err(_problem) => unavailable(),
    }
}

/// What comes of opening a link.
enum Then {
    /// What its customer holds is shown.
    Show(Markup),
    /// The browser goes to an application of the host's.
    Go(Url),
}

/// Where the browser goes, and with what. `None`: not there, or with nothing known.
async fn onward(
    pages: &Pages,
    to: Option<String>,
    delivery: Option<String>,
) -> Option<(Url, Delivery)> {
    let to = allowed(&pages.state, &to?).await.ok()?;
    Some((to, Delivery::named(&delivery?)?))
}

/// Leads the browser on, to an address that nobody may keep.
fn led_on(to: &Url) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, to.as_str())
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "no-referrer")
        .finish()
}

/// The name in an address. Empty: it is none.
fn host(address: &str) -> String {
    let parsed = Url::parse(address).ok();
    let host = parsed.as_ref().and_then(|parsed| parsed.host_str());
    host.unwrap_or_default().to_owned()
}

const NOT_ALLOWED: &str = "This link leads to an address that is not allowed. It was not used.";
const EXPIRED: &str = "This link was used, or is too old. Please ask for another one.";
const UNREADABLE: &str = "We could not read what was sent. Please use the link once more.";
const TOO_MANY: &str = "That was too often. Please try again in a minute.";

/// Opens a link at last: all that could fail was made before it is spent.
async fn opened(
    pages: &Pages,
    link: &str,
    onward: Option<(Url, Delivery)>,
) -> Result<Option<Then>, Problem> {
    if !pages.state.billing.is_enabled() {
        return Ok(None);
    }
    let Some(found) = links::find(&pages.state, link).await? else {
        return Ok(None);
    };
    let Some((to, delivery)) = onward else {
        let Some(held) = held_by(pages, found.customer).await? else {
            return Ok(None);
        };
        let opened = found.open(&pages.state).await?;
        return Ok(opened.map(|_token_for_nobody| Then::Show(held)));
    };
    let prepared = delivery.prepared(&pages.state, found.customer).await?;
    let opened = found.open(&pages.state).await?;
    Ok(opened.map(|opened| Then::Go(prepared.at(to, &opened))))
}

/// What a customer holds, as it is shown. `None`: there is no such customer.
async fn held_by(pages: &Pages, customer: CustomerId) -> Result<Option<Markup>, Problem> {
    let customer = CustomerRef::Id(customer);
    let billing = &pages.state.billing;
    let Some(account) = billing.account(&customer).await? else {
        return Ok(None);
    };
    let Some(access) = billing.access(&customer).await? else {
        return Ok(None);
    };
    let revision = billing.catalog().await?;
    let guests = billing.attached_to(&customer).await?;
    let held_all = std::iter::once(&account).chain(&guests);
    let held_all = held_all.flat_map(|account| &account.subscriptions);
    let catalog = &revision.catalog;
    let plan = access.plan.as_ref().map(|key| name(catalog, key.as_str()));
    Ok(Some(html! {
        section class="notice good" {
            h1 { "Your billing" }
            @match plan {
                Some(plan) => { p { "You have " strong { (plan) } "." } }
                None => { p { "You have no plan." } }
            }
            @for subscription in held_all {
                (held(catalog, subscription))
            }
            p { a href="/pricing" { "Plans and prices" } }
        }
    }))
}

fn held(catalog: &Catalog, subscription: &Subscription) -> Markup {
    let (word, class) = describe::status(subscription.status());
    let terms = &subscription.terms;
    html! {
        h2 {
            (name(catalog, terms.plan.as_str())) " "
            span class={ "badge " (class) } { (word) }
        }
        dl {
            @if let Ok(amount) = terms.amount() {
                dt { "Price" }
                dd { (describe::money(amount)) " " (describe::rhythm(terms.billing)) }
            }
            @if let (Billing::Recurring(_), Some(period)) = (terms.billing, subscription.current_period()) {
                dt { @if subscription.cancellation.is_some() { "Until" } @else { "Renews" } }
                dd { (describe::day(period.end)) }
            }
        }
    }
}

fn name<'a>(catalog: &'a Catalog, key: &'a str) -> &'a str {
    catalog.plan(key).map_or(key, |plan| plan.name.as_str())
}

async fn refused(pages: &Pages, status: StatusCode, words: &str) -> Response {
    let body = html! {
        section class="notice quiet" {
            h1 { "Not opened" }
            p { (words) }
            p { a class="button" href="/pricing" { "See plans and prices" } }
        }
    };
    page(pages, status, body).await
}

async fn page(pages: &Pages, status: StatusCode, body: Markup) -> Response {
    let catalog = pages.state.billing.catalog().await.ok();
    let product = catalog.as_ref().map(|revision| revision.catalog.product());
    Page {
        title: "Your billing",
        product: product.unwrap_or_default(),
        refresh: false,
        body,
    }
    .answer(status)
}
