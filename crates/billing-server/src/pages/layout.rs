//! The frame around every page, and the pages that say that there is nothing.

use maud::{DOCTYPE, Markup, html};
use poem::http::StatusCode;
use poem::web::Html;
use poem::{IntoResponse, Response};

use super::Pages;
use super::assets::{stylesheet_address, wait_script_address};

/// A page before it is framed.
pub(super) struct Page<'a> {
    /// What the browser's tab says.
    pub(super) title: &'a str,
    /// What is sold, for the head of the page. Empty: not known.
    pub(super) product: &'a str,
    /// Whether the browser asks again after a while, because something is on its way: by a
    /// script that leaves the page alone until it says something else, for which the answer has
    /// to allow it, or without one by loading the page again.
    pub(super) refresh: bool,
    /// What stands between head and end.
    pub(super) body: Markup,
}

/// What stands around a page beside its head.
#[derive(Default)]
pub(super) struct Around {
    /// The ways to other pages of its kind. `None`: there are none.
    pub(super) ways: Option<Markup>,
    /// The address of a script that it works without. `None`: there is none.
    pub(super) script: Option<String>,
}

/// Seconds until a waiting page asks again, as `wait.js` has them too: a webhook takes about one.
const REFRESH_SECONDS: u8 = 2;

impl Page<'_> {
    /// The page as an answer. Pages are never kept by browsers: prices change,
    /// and what became of a checkout is nobody else's.
    pub(super) fn answer(self, status: StatusCode) -> Response {
        self.answer_among(status, &Around::default())
    }

    /// The same among other pages of its kind.
    pub(super) fn answer_among(self, status: StatusCode, around: &Around) -> Response {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if self.refresh {
                        script src=(wait_script_address()) defer {}
                        noscript { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                    }
                    title { (self.title) }
                    link rel="stylesheet" href=(stylesheet_address());
                    @if let Some(script) = &around.script { script src=(script) defer {} }
                }
                body {
                    a class="skip" href="#content" { "Skip to content" }
                    @if !self.product.is_empty() {
                        header { a class="brand" href="/pricing" { bdi { (self.product) } } }
                    }
                    @if let Some(ways) = &around.ways { (ways) }
                    main id="content" { (self.body) }
                }
            }
        };
        Html(markup.into_string())
            .with_status(status)
            .with_header("cache-control", "no-store")
            .into_response()
    }
}

/// A page for whoever it may be, with what is sold in its head.
pub(super) async fn framed(
    pages: &Pages,
    status: StatusCode,
    title: &str,
    around: &Around,
    body: Markup,
) -> Response {
    let revision = pages.state.billing.catalog().await.ok();
    let product = revision.as_ref().map(|revision| revision.catalog.product());
    Page {
        title,
        product: product.unwrap_or_default(),
        refresh: false,
        body,
    }
    .answer_among(status, around)
}

/// One answer for what does not exist and for what is somebody else's.
pub(super) fn not_found() -> Response {
    message(
        StatusCode::NOT_FOUND,
        "Nothing here",
        "There is no such page, or it is not yours to see. Please check the address.",
    )
}

/// The server cannot answer now.
pub(super) fn unavailable() -> Response {
    message(
        StatusCode::SERVICE_UNAVAILABLE,
        "Please try again in a moment",
        "We cannot answer just now. Nothing was bought and nothing was lost.",
    )
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    Page {
        title,
        product: "",
        refresh: false,
        body: html! {
            section class="notice quiet" {
                h1 { (title) }
                p { (text) }
                p { a class="button" href="/pricing" { "See plans and prices" } }
            }
        },
    }
    .answer(status)
}
