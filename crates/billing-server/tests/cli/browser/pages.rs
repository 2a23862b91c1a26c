//! Every page, at both widths and in both schemes: nothing that keeps somebody out, nothing wider
//! than the screen, nothing that the content policy had to stop; and its pictures, on request.

use std::path::PathBuf;

use super::chromium::Browser;
use super::scheme;
use crate::rig::Folder;
use crate::server::Server;

/// Where pictures are kept. Without it, none is.
const PICTURES: &str = "BILLING_TEST_PICTURES";
/// How much wider than the screen the page is, in CSS pixels.
const OVERFLOW: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// A way to one page: from the server's address to where it is looked at.
pub(super) struct Shown<'a> {
    /// What its picture is called.
    pub(super) name: &'a str,
    pub(super) url: String,
}

/// Looks at a page in every way.
pub(super) fn looks_well(browser: &Browser, page: &Shown<'_>) {
    for (width, scheme) in scheme::all() {
        browser.look(width, scheme);
        browser.visit(&page.url);
        let seen = format!("{}-{width}-{}", page.name, scheme.name());
        let barriers = browser.barriers();
        assert!(barriers.is_empty(), "{seen}: {barriers:#?}");
        let overflow = browser.ask(OVERFLOW);
        assert_eq!(overflow, 0, "{seen} is wider than the screen");
        if let Some(folder) = std::env::var_os(PICTURES) {
            let file = PathBuf::from(folder).join(format!("{seen}.webp"));
            std::fs::write(file, browser.picture()).unwrap();
        }
    }
}

#[test]
fn pages_of_buying() {
    let folder = Folder::new("browser-pages");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = Server::first(&folder);
    let page = |name, path: &str| Shown {
        name,
        url: format!("{}{path}", server.url),
    };
    looks_well(&browser, &page("pricing", "/pricing"));
    browser.visit(&format!("{}/pricing", server.url));
    browser.choose("Buy monthly: Personal");
    browser.shows("ul.cards a");
    let pay = Shown {
        name: "sandbox-pay",
        url: browser.at(),
    };
    looks_well(&browser, &pay);
    browser.visit(&pay.url);
    browser.press("ul.cards a");
    browser.fill("email", "ana@example.com");
    browser.press("main form button");
    browser.reads("Thank you");
    let thanks = Shown {
        name: "checkout-success",
        url: browser.at(),
    };
    looks_well(&browser, &thanks);
    looks_well(&browser, &page("checkout-cancel", "/checkout/cancel"));
}
