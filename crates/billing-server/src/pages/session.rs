//! Where a mailed link leads: a button, since programs that look through mail
//! visit what they find there, and behind it the portal, once.
//!
//! The browser is given a session that was drawn for it just then: whatever it held before
//! is not looked at. Where an application of the host's asked for the session, the browser is
//! led on there with it and keeps none. One that takes links itself is named as their
//! `return_url`.

use maud::{Markup, html};
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;
use url::Url;

use super::cookie::{CUSTOMER, with_cookie};
use super::layout::{Page, not_found, unavailable};
use super::origin::is_ours;
use super::portal;
use super::{Pages, see_other};
use crate::api::{Delivery, allowed};
use crate::http::client_address;
use crate::links::{self, MAX_LINK, Opened};
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
                None => { p { "This link opens once, and shows what you have." } }
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

/// Opens the link, and leads to the portal or to whoever asked for it.
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
        Ok(Some(Then::Enter(cookie))) => entered(cookie),
        Ok(Some(Then::Go(to))) => led_on(&to),
        Ok(None) => refused(pages, StatusCode::NOT_FOUND, EXPIRED).await,
        // Why was logged where it failed.
        Err(_problem) => unavailable(),
    }
}

/// What comes of opening a link.
enum Then {
    /// The browser keeps a session, and goes to the portal.
    Enter(HeaderValue),
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

/// Leads the browser to the portal, with its session.
fn entered(cookie: HeaderValue) -> Response {
    with_cookie(see_other(portal::HOME), cookie)
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
        let opened = found.open(&pages.state).await?;
        return opened.map(|opened| kept(pages, &opened)).transpose();
    };
    let prepared = delivery.prepared(&pages.state, found.customer).await?;
    let opened = found.open(&pages.state).await?;
    Ok(opened.map(|opened| Then::Go(prepared.at(to, &opened))))
}

/// What the browser is told to keep of a session that was opened for it.
fn kept(pages: &Pages, opened: &Opened) -> Result<Then, Problem> {
    let clock = pages.state.billing.clock();
    let now = clock.ok_or_else(Problem::billing_disabled)?.now();
    let left = opened.session.expires_at.duration_since(now).as_secs();
    let cookie = CUSTOMER.kept(&pages.public_url, &opened.token, left);
    Ok(Then::Enter(cookie))
}

async fn refused(pages: &Pages, status: StatusCode, words: &str) -> Response {
    let body = html! {
        section class="notice quiet" {
            h1 { "Not opened" }
            p { (words) }
            p { a class="button" href="/portal/sign-in" { "Mail me a link" } }
            p { a href="/pricing" { "See plans and prices" } }
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
