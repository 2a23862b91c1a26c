//! Every page in every way: what keeps nobody out, is no wider than the screen and was stopped
//! in nothing by its content policy; and its pictures, on request.
//!
//! A page that nobody looks at fails a test here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::chromium::Browser;
use super::scheme::{self, Scheme, WIDTHS};

/// Where pictures are kept. Without it, none is.
const PICTURES: &str = "BILLING_TEST_PICTURES";
/// How much wider than the screen the page is, in CSS pixels.
const OVERFLOW: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// Cells whose words are torn apart, as each run of them stands by itself in a row.
const TORN: &str = "return [...document.querySelectorAll('th, td[data-name]')]
    .filter(cell => cell.childNodes.length > 1)
    .filter(cell => getComputedStyle(cell).display === 'flex')
    .filter(cell => getComputedStyle(cell).flexDirection === 'row')
    .map(cell => cell.textContent)";

/// What a page is called in its pictures, and the route that shows it. A page that looks
/// different when things stand otherwise has several.
const LOOKS: [(&str, &str); 50] = [
    ("pricing", "/pricing"),
    ("sandbox-pay", "/sandbox/checkout/:id"),
    ("sandbox-confirm", "/sandbox/checkout/:id/confirm"),
    ("sandbox-invoice", "/sandbox/invoice/:id"),
    ("checkout-waiting", "/checkout/success"),
    ("checkout-success", "/checkout/success"),
    ("checkout-cancel", "/checkout/cancel"),
    ("checkout-pay", "/checkout/pay"),
    ("session", "/session"),
    ("session-refused", "/session"),
    ("renewal", "/renewal"),
    ("renewal-paid", "/renewal"),
    ("renewal-too-old", "/renewal"),
    ("sign-in", "/portal/sign-in"),
    ("portal", "/portal"),
    ("portal-changing", "/portal"),
    ("portal-metered", "/portal"),
    ("portal-past-due", "/portal"),
    ("portal-canceled", "/portal"),
    ("portal-ended", "/portal"),
    ("subscription", "/portal/subscriptions/:id"),
    ("quote", "/portal/quotes/:id"),
    ("quote-more", "/portal/quotes/:id"),
    ("quote-expired", "/portal/quotes/:id"),
    ("change", "/portal/changes/:id"),
    ("invoices", "/portal/invoices"),
    ("invoice", "/portal/invoices/:id"),
    ("invoice-printed", "/portal/invoices/:id/print"),
    ("licenses", "/portal/licenses"),
    ("not-found", "/portal/invoices/:id"),
    ("not-done", "/portal/subscriptions/:id/quotes"),
    ("admin-sign-in", "/admin/sign-in"),
    ("admin", "/admin"),
    ("admin-churn", "/admin/churn"),
    ("admin-parked", "/admin/parked"),
    ("admin-parked-one", "/admin/parked/:id"),
    ("admin-deliveries", "/admin/deliveries"),
    ("admin-delivery", "/admin/deliveries/:id"),
    ("admin-customers", "/admin/customers"),
    ("admin-customer", "/admin/customers/:id"),
    ("admin-customer-hostile", "/admin/customers/:id"),
    ("admin-subscriptions", "/admin/subscriptions"),
    ("admin-invoices", "/admin/invoices"),
    ("admin-prices", "/admin/prices"),
    ("admin-migrations", "/admin/migrations"),
    ("admin-plan", "/admin/migrations/plan"),
    ("admin-moves", "/admin/migrations/moves"),
    ("admin-migration", "/admin/migrations/:id"),
    ("admin-refused", "/admin/customers/:id"),
    ("admin-not-done", "/admin/parked/:id/replay"),
];

/// What answers to GET and is no page, or looks as another does.
const NOT_LOOKED_AT: [(&str, &str); 8] = [
    ("/", "leads to the prices"),
    ("/assets/billing.css", "a stylesheet"),
    ("/assets/copy.js", "a script"),
    ("/assets/paddle.js", "a script"),
    ("/assets/wait.js", "a script"),
    ("/portal/invoices/:id/pdf", "a file"),
    ("/sandbox/checkout/:id/cancel", "leads back to the shop"),
    ("/sandbox/invoice/:id/confirm", "as that of a checkout"),
];

/// Looks in every way at the page at `url`.
#[track_caller]
pub(super) fn looks_well(browser: &Browser, name: &str, url: &str) {
    browser.visit(url);
    looks_well_here(browser, name);
}

/// Looks in every way at the page that is open.
#[track_caller]
pub(super) fn looks_well_here(browser: &Browser, name: &str) {
    is_a_look(name, &browser.at());
    is_untouched(browser, name);
    for (width, scheme) in scheme::all() {
        let seen = format!("{name}-{width}-{}", scheme.name());
        browser.look(width, scheme);
        let barriers = browser.barriers();
        assert!(barriers.is_empty(), "{seen}: {barriers:#?}");
        is_within(browser, &seen);
        if let Some(folder) = std::env::var_os(PICTURES) {
            let file = PathBuf::from(folder).join(file_of(name, width, scheme));
            std::fs::write(file, browser.picture()).unwrap();
        }
    }
    // What axe does to a page is none of the page's doing.
    browser.stopped();
}

/// Looks whether the page at `url` holds what it is to show: nothing of it is wider than the
/// screen, and nothing of it is more than text.
#[track_caller]
pub(super) fn holds(browser: &Browser, name: &str, url: &str) {
    browser.visit(url);
    holds_here(browser, name);
}

/// The same of the page that is open.
#[track_caller]
pub(super) fn holds_here(browser: &Browser, name: &str) {
    is_a_look(name, &browser.at());
    is_untouched(browser, name);
    for width in WIDTHS {
        browser.look(width, Scheme::Light);
        is_within(browser, &format!("{name}-{width}"));
    }
    assert_eq!(browser.ask("return document.images.length"), 0, "{name}");
    assert_ne!(browser.ask("return document.title"), "x", "{name}");
}

#[track_caller]
fn is_within(browser: &Browser, seen: &str) {
    let overflow = browser.ask(OVERFLOW);
    assert_eq!(overflow, 0, "{seen} is wider than the screen");
    let torn = browser.ask(TORN);
    assert_eq!(torn.as_array().unwrap().len(), 0, "{seen}: {torn}");
}

#[track_caller]
fn is_untouched(browser: &Browser, name: &str) {
    let stopped = browser.stopped();
    assert!(stopped.is_empty(), "{name}: {stopped:#?}");
}

#[track_caller]
fn is_a_look(name: &str, url: &str) {
    let mut looks = LOOKS.iter();
    let (_, route) = looks
        .find(|(look, _)| *look == name)
        .unwrap_or_else(|| panic!("{name} is no look: it belongs into the table"));
    let path = url::Url::parse(url).unwrap().path().to_owned();
    let mut parts = path.split('/');
    let fits = route.split('/').all(|of| {
        let part = parts.next();
        part.is_some_and(|part| of == part || of.starts_with(':'))
    });
    assert!(
        fits && parts.next().is_none(),
        "{name}: {path} is not {route}"
    );
}

fn file_of(name: &str, width: u32, scheme: Scheme) -> String {
    format!("{name}-{width}-{}.webp", scheme.name())
}

const SOURCES: [(&str, &str); 4] = [
    ("", include_str!("../../../src/pages/mod.rs")),
    ("", include_str!("../../../src/pages/portal/mod.rs")),
    ("", include_str!("../../../src/pages/admin/mod.rs")),
    (
        "/sandbox",
        include_str!("../../../../billing-sandbox/src/pages/mod.rs"),
    ),
];

/// The addresses where a source mounts something that answers to GET, below `prefix`.
fn mounted(prefix: &str, source: &str) -> Vec<String> {
    let mounts = source.split(".at(").skip(1);
    let asked = mounts.filter_map(|mount| {
        let (path, shown) = mount.split_once(',').unwrap();
        let shown = shown.trim_start();
        let answers = ["get(", "page("].iter().any(|how| shown.starts_with(how));
        answers.then(|| format!("{prefix}{}", address(source, path.trim())))
    });
    asked.collect()
}

/// An address as the source writes it: as text, or by the name of a constant.
fn address(source: &str, written: &str) -> String {
    if let Some(text) = written.strip_prefix('"') {
        return text.trim_end_matches('"').to_owned();
    }
    let (elsewhere, name) = written.rsplit_once("::").unwrap_or(("", written));
    let source = match elsewhere {
        "" => source,
        "renewal_link" => include_str!("../../../src/renewal_link.rs"),
        _ => panic!("{written} is in a source that is not known here"),
    };
    let (_, rest) = source
        .split_once(&format!("const {name}: &str = \""))
        .unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn every_page_is_looked_at() {
    let mounted = SOURCES.iter().flat_map(|(prefix, of)| mounted(prefix, of));
    let mounted: BTreeSet<String> = mounted.collect();
    for known in [
        "/renewal",
        "/portal",
        "/admin/sign-in",
        "/sandbox/invoice/:id",
    ] {
        assert!(mounted.contains(known), "{known}: {mounted:?}");
    }
    let not_looked_at: BTreeSet<&str> = NOT_LOOKED_AT.iter().map(|(route, _)| *route).collect();
    let looked_at: BTreeSet<&str> = LOOKS.iter().map(|(_, route)| *route).collect();
    let unseen: Vec<_> = mounted
        .iter()
        .filter(|route| !looked_at.contains(route.as_str()))
        .filter(|route| !not_looked_at.contains(route.as_str()))
        .collect();
    assert!(unseen.is_empty(), "nobody looks at {unseen:?}");
    let gone: Vec<_> = not_looked_at
        .iter()
        .filter(|route| !mounted.contains(**route))
        .collect();
    assert!(gone.is_empty(), "there is no {gone:?} any more");
}

/// A look that no test takes has no picture.
#[test]
fn every_look_has_its_pictures_and_no_picture_is_of_anything_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kept: BTreeSet<String> = names.collect();
    let wanted = LOOKS.iter().flat_map(|(name, _)| {
        scheme::all().map(move |(width, scheme)| file_of(name, width, scheme))
    });
    let wanted: BTreeSet<String> = wanted.collect();
    let missing: Vec<_> = wanted.difference(&kept).collect();
    let left: Vec<_> = kept.difference(&wanted).collect();
    assert!(
        missing.is_empty() && left.is_empty(),
        "`cargo xtask pictures` takes {missing:?} and removes {left:?}"
    );
}
