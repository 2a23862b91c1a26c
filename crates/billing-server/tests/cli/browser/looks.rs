//! Every page in every way: what keeps nobody out, is no wider than the screen and was stopped
//! in nothing by its content policy; and its pictures, on request.
//!
//! A page that nobody looks at fails a test here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::chromium::Browser;
use super::held::Held::{self, As, By, Nothing};
use super::held::Walk::{self, Buyer, Dashboard, Paddle, Portal};
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

/// What a page is called in its pictures, the route that shows it, and who looks whether it holds
/// the longest names. A page that looks different when things stand otherwise has several.
const LOOKS: [(&str, &str, Held); 50] = [
    ("pricing", "/pricing", By(Buyer)),
    ("sandbox-pay", "/sandbox/checkout/:id", By(Buyer)),
    (
        "sandbox-confirm",
        "/sandbox/checkout/:id/confirm",
        By(Buyer),
    ),
    ("sandbox-invoice", "/sandbox/invoice/:id", By(Buyer)),
    ("checkout-waiting", "/checkout/success", By(Buyer)),
    ("checkout-success", "/checkout/success", By(Buyer)),
    ("checkout-cancel", "/checkout/cancel", By(Buyer)),
    ("checkout-pay", "/checkout/pay", By(Paddle)),
    ("session", "/session", By(Buyer)),
    ("session-refused", "/session", By(Buyer)),
    ("renewal", "/renewal", By(Buyer)),
    ("renewal-paid", "/renewal", As("renewal")),
    ("renewal-too-old", "/renewal", As("renewal")),
    ("sign-in", "/portal/sign-in", By(Portal)),
    ("portal", "/portal", By(Portal)),
    ("portal-changing", "/portal", By(Portal)),
    ("portal-metered", "/portal", As("portal")),
    ("portal-past-due", "/portal", As("portal")),
    ("portal-canceled", "/portal", As("portal")),
    ("portal-ended", "/portal", As("portal")),
    ("subscription", "/portal/subscriptions/:id", By(Portal)),
    ("quote", "/portal/quotes/:id", By(Portal)),
    ("quote-more", "/portal/quotes/:id", As("quote")),
    ("quote-expired", "/portal/quotes/:id", As("quote")),
    ("change", "/portal/changes/:id", By(Portal)),
    ("invoices", "/portal/invoices", By(Portal)),
    ("invoice", "/portal/invoices/:id", By(Portal)),
    ("invoice-printed", "/portal/invoices/:id/print", By(Portal)),
    ("licenses", "/portal/licenses", By(Portal)),
    ("not-found", "/portal/invoices/:id", As("invoice")),
    (
        "not-done",
        "/portal/subscriptions/:id/quotes",
        Nothing("says why, and calls nothing by its name"),
    ),
    ("admin-sign-in", "/admin/sign-in", By(Dashboard)),
    ("admin", "/admin", By(Dashboard)),
    ("admin-churn", "/admin/churn", By(Dashboard)),
    ("admin-parked", "/admin/parked", By(Dashboard)),
    ("admin-parked-one", "/admin/parked/:id", By(Dashboard)),
    ("admin-deliveries", "/admin/deliveries", By(Dashboard)),
    ("admin-delivery", "/admin/deliveries/:id", By(Dashboard)),
    ("admin-customers", "/admin/customers", By(Dashboard)),
    (
        "admin-customer",
        "/admin/customers/:id",
        As("admin-customer-hostile"),
    ),
    (
        "admin-customer-hostile",
        "/admin/customers/:id",
        By(Dashboard),
    ),
    ("admin-subscriptions", "/admin/subscriptions", By(Dashboard)),
    ("admin-invoices", "/admin/invoices", By(Dashboard)),
    ("admin-prices", "/admin/prices", By(Dashboard)),
    ("admin-migrations", "/admin/migrations", By(Dashboard)),
    ("admin-plan", "/admin/migrations/plan", By(Dashboard)),
    ("admin-moves", "/admin/migrations/moves", By(Dashboard)),
    ("admin-migration", "/admin/migrations/:id", By(Dashboard)),
    (
        "admin-refused",
        "/admin/customers/:id",
        As("admin-customer-hostile"),
    ),
    (
        "admin-not-done",
        "/admin/parked/:id/replay",
        Nothing("says why, and calls nothing by its name"),
    ),
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
    browser.held.borrow_mut().insert(name.to_owned());
}

/// The walk ends: it has held every page that the table says, and no other.
#[track_caller]
pub(super) fn held_all(browser: &Browser, walk: Walk) {
    let wanted = LOOKS.iter().filter(|(.., held)| *held == By(walk));
    let wanted: BTreeSet<String> = wanted.map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(*browser.held.borrow(), wanted, "{walk:?}");
}

#[test]
fn every_page_holds_the_longest_names_or_it_is_said_why_not() {
    for (name, route, held) in LOOKS {
        match held {
            By(_) => {}
            As(other) => {
                let is_held = |(look, at, held): &(&str, &str, Held)| {
                    *look == other && *at == route && matches!(held, By(_))
                };
                assert!(LOOKS.iter().any(is_held), "{name} is not as {other}");
            }
            Nothing(why) => assert!(!why.is_empty(), "{name}"),
        }
    }
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
    let (_, route, _) = looks
        .find(|(look, ..)| *look == name)
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
    let looked_at: BTreeSet<&str> = LOOKS.iter().map(|(_, route, _)| *route).collect();
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
    let wanted = LOOKS.iter().flat_map(|(name, ..)| {
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
