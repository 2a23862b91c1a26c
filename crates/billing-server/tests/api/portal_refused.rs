//! What the portal refuses: forged forms, sessions that are over or were planted, what is
//! somebody else's, and names that are no names.

use std::collections::BTreeSet;

use billing_engine::Billing;
use billing_sandbox::Mode;
use poem::http::Method;
use serde_json::json;

use crate::browser::{Browser, COOKIE, PUBLIC, link};
use crate::licenses::harbor;
use crate::rig::{Making, Rig, text};
use crate::shop::{Holder, PAGES, shop};

/// Every page of the portal that shows something of one thing, by the kind of its id.
const SHOWS: [(&str, &str); 6] = [
    ("sub", "/portal/subscriptions/:id"),
    ("qte", "/portal/quotes/:id"),
    ("chg", "/portal/changes/:id"),
    ("inv", "/portal/invoices/:id"),
    ("inv", "/portal/invoices/:id/print"),
    ("inv", "/portal/invoices/:id/pdf"),
];

/// What a form sends beside the token.
type Fields = &'static [(&'static str, &'static str)];

/// Every form of the portal that does something to one thing, by the kind of its id.
const DOES: [(&str, &str, Fields); 7] = [
    (
        "sub",
        "/portal/subscriptions/:id/quotes",
        &[("price", "pro-monthly")],
    ),
    (
        "sub",
        "/portal/subscriptions/:id/quotes",
        &[("step", "cancel")],
    ),
    ("sub", "/portal/subscriptions/:id/keep", &[]),
    ("sub", "/portal/subscriptions/:id/payment-method", &[]),
    ("qte", "/portal/quotes/:id/accept", &[]),
    ("chg", "/portal/changes/:id/take-back", &[]),
    ("inv", "/portal/invoices/:id/pay", &[]),
];

/// Where a page of one thing is looked at by a test of its own.
const ELSEWHERE: [(&str, &str); 1] = [(
    "/portal/licenses/:id/deactivate",
    "another_s_license_is_not_there",
)];

/// The pages of one thing that the source mounts under this prefix.
fn mounted(source: &str, prefix: &str) -> BTreeSet<String> {
    let texts = source.split('"').skip(1).step_by(2);
    let of_one = texts.filter(|text| text.starts_with(prefix) && text.contains("/:"));
    of_one.map(str::to_owned).collect()
}

/// A page that is new is in one of the tables, or this fails.
#[test]
fn every_page_of_one_thing_is_looked_at_with_another_s() {
    let source = include_str!("../../src/pages/portal/mod.rs");
    let shows = SHOWS.iter().map(|(_, path)| *path);
    let does = DOES.iter().map(|(_, path, _)| *path);
    let elsewhere = ELSEWHERE.iter().map(|(path, _)| *path);
    let looked_at = shows.chain(does).chain(elsewhere).map(str::to_owned);
    assert_eq!(mounted(source, "/portal/"), looked_at.collect());
    // No other page names one thing in its path, but the dashboard's.
    let others = include_str!("../../src/pages/mod.rs");
    assert_eq!(mounted(others, "/"), BTreeSet::new());
}

/// Whoever has a portal's session gets nowhere in the dashboard, whatever it names.
#[tokio::test]
async fn a_customer_s_session_opens_no_page_of_the_dashboard() {
    let rig = shop(PAGES).await;
    let (ana, ids) = one_of_everything(&rig).await;
    let own = Browser::with(&rig, &ana.session).proof().await;
    let mut browser = Browser::new(&rig);
    let before = rig.store.snapshot();
    let pages = mounted(include_str!("../../src/pages/admin/mod.rs"), "/admin/");
    assert!(pages.len() > 6, "{pages:?}");
    for cookie in [COOKIE, "__Host-billing-admin"] {
        browser.cookie = format!("{cookie}={}", ana.session);
        for page in &pages {
            for id in [ana.customer.as_str(), id_of(&ids, "inv"), "x"] {
                let path = page.replace(":id", id);
                let form = [("form_token", own.as_str()), ("reason", "mine")];
                for shown in [browser.get(&path).await, browser.posts(&path, &form).await] {
                    let status = shown.status;
                    assert!(status == 303 || status == 405, "{path}: {status}");
                    if status == 303 {
                        shown.leads("/admin/sign-in");
                    }
                }
            }
        }
    }
    assert_eq!(rig.store.snapshot(), before);
}

/// Somebody with one of everything, by the kinds of their ids.
async fn one_of_everything(rig: &Rig) -> (Holder<'_>, Vec<(&'static str, String)>) {
    let ana = Holder::of(rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let change = ana.accepts(&quote).send().await.ok(200);
    let ids = vec![
        ("sub", ana.subscription.clone()),
        ("qte", text(&quote["id"])),
        ("chg", text(&change["id"])),
        ("inv", text(&change["invoice"])),
    ];
    (ana, ids)
}

fn id_of<'a>(ids: &'a [(&str, String)], kind: &str) -> &'a str {
    let mut ids = ids.iter();
    &ids.find(|(of, _)| *of == kind).unwrap().1
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_door_and_nothing_is_done() {
    let rig = shop(PAGES).await;
    let (_, ids) = one_of_everything(&rig).await;
    let before = rig.store.snapshot();
    let mut browser = Browser::new(&rig);
    let none = format!("{COOKIE}=bs_{}", "0".repeat(64));
    for cookie in ["", &none, "__Host-billing=bk_write", "billing_session=x"] {
        cookie.clone_into(&mut browser.cookie);
        for path in ["/portal", "/portal/invoices", "/portal/licenses"] {
            browser.get(path).await.leads("/portal/sign-in");
        }
        for (kind, path) in SHOWS {
            let path = path.replace(":id", id_of(&ids, kind));
            let shown = browser.get(&path).await.leads("/portal/sign-in");
            assert!(shown.header("set-cookie").contains("Max-Age=0"));
        }
        for (kind, path, form) in DOES {
            let path = path.replace(":id", id_of(&ids, kind));
            browser.posts(&path, form).await.leads("/portal/sign-in");
        }
        browser
            .posts("/portal/sign-out", &[])
            .await
            .leads("/portal/sign-in");
    }
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_forged_form_is_refused_and_changes_nothing() {
    let rig = shop(PAGES).await;
    let (ana, ids) = one_of_everything(&rig).await;
    let browser = Browser::with(&rig, &ana.session);
    let own = browser.proof().await;
    rig.customer("eve").await;
    let another_s = Browser::of(&rig, "eve").await.proof().await;
    let older = Browser::of(&rig, "ana").await.proof().await;
    assert_eq!(own, browser.proof().await, "one for each session");
    assert_ne!(own, older, "and for each another");
    let mut altered = own.clone().into_bytes();
    altered[0] = if altered[0] == b'0' { b'1' } else { b'0' };
    let altered = String::from_utf8(altered).unwrap();
    let before = rig.store.snapshot();
    let (short, upper) = (&own[1..], format!("{own}00"));
    // Whose license it is is not asked before.
    let elsewhere = ELSEWHERE
        .iter()
        .map(|(path, _)| ("lic", *path, [].as_slice()));
    let ids = [ids, vec![("lic", "any".to_owned())]].concat();
    for (kind, path, form) in DOES.into_iter().chain(elsewhere) {
        let path = path.replace(":id", id_of(&ids, kind));
        for forged in ["", "x", &another_s, &older, &altered, short, &upper] {
            let mut fields = vec![("form_token", forged)];
            fields.extend(form);
            let shown = browser.posts(&path, &fields).await.is(403);
            shown.is_sound().says("Nothing was changed");
        }
        browser.posts(&path, form).await.is(403);
        // Its own token, which somebody has read, sent from another page.
        let mut fields = vec![("form_token", own.as_str())];
        fields.extend(form);
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let shown = browser
                .sends(Method::POST, &path, &[foreign], &fields)
                .await;
            shown.is(403);
        }
    }
    let form = [("form_token", another_s.as_str())];
    browser.posts("/portal/sign-out", &form).await.is(403);
    browser.get("/portal").await.is(200);
    assert_eq!(rig.store.snapshot(), before);
    let near = [("sec-fetch-site", "same-origin"), ("origin", PUBLIC)];
    let path = format!("/portal/changes/{}/take-back", id_of(&ids, "chg"));
    let form = [("form_token", own.as_str())];
    let shown = browser.sends(Method::POST, &path, &near, &form).await;
    shown.leads("/portal");
}

#[tokio::test]
async fn a_cookie_that_was_stolen_is_good_for_nothing_after_signing_out() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let token = rig.session("ana").await;
    let browser = Browser::with(&rig, &token);
    let other = Browser::of(&rig, "ana").await;
    let proof = browser.proof().await;
    rig.get("/v1/me").by(&token).send().await.ok(200);
    let left = browser.presses("/portal/sign-out", &[]).await;
    let left = left.leads("/portal/sign-in?left");
    let dropped = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(left.header("set-cookie"), dropped);
    browser
        .get("/portal/sign-in?left")
        .await
        .is(200)
        .says("You are signed out.");
    // Whoever has it still.
    browser.get("/portal").await.leads("/portal/sign-in");
    let form = [("form_token", proof.as_str())];
    let shown = browser.posts("/portal/sign-out", &form).await;
    shown.leads("/portal/sign-in");
    let api = rig.get("/v1/me").by(&token).send().await;
    api.refused(401, "unauthorized");
    other.get("/portal").await.is(200);
}

#[tokio::test]
async fn a_session_that_was_planted_before_is_not_taken_up() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    rig.customer("eve").await;
    let planted = rig.session("eve").await;
    for brought in [planted.as_str(), "bs_planted"] {
        let browser = Browser::with(&rig, brought);
        let link = link(&rig, "ana").await;
        let opened = browser.posts("/session", &[("link", &link)]).await;
        let opened = opened.leads("/portal");
        let (cookie, _) = opened.header("set-cookie").split_once(';').unwrap();
        let given = cookie.split_once('=').unwrap().1.to_owned();
        assert_ne!(given, brought);
        let ana = rig.get("/v1/me").by(&given).send().await.ok(200);
        assert_eq!(ana["customer"]["external_ref"], "ana");
        // Of two cookies nobody knows which is the browser's own.
        let mut both = Browser::with(&rig, &given);
        both.cookie = format!("{COOKIE}={brought}; {COOKIE}={given}");
        both.get("/portal").await.leads("/portal/sign-in");
    }
    let nobody = rig.get("/v1/me").by("bs_planted").send().await;
    nobody.refused(401, "unauthorized");
    let eve = rig.get("/v1/me").by(&planted).send().await.ok(200);
    assert_eq!(eve["customer"]["external_ref"], "eve");
}

#[tokio::test]
async fn what_is_another_s_is_not_there_on_any_page() {
    let rig = shop(PAGES).await;
    let (_, ids) = one_of_everything(&rig).await;
    rig.customer("bob").await;
    let bob = Browser::of(&rig, "bob").await;
    let proof = bob.proof().await;
    let before = rig.store.snapshot();
    let mut pages = BTreeSet::new();
    let of = |kind: &str| {
        let none = format!("{kind}_{}", "0".repeat(32));
        let long = "9".repeat(1000);
        [id_of(&ids, kind).to_owned(), none, "x".to_owned(), long]
    };
    for (kind, path) in SHOWS {
        for id in of(kind) {
            let shown = bob.get(&path.replace(":id", &id)).await.is(404);
            shown.is_sound();
            pages.insert(shown.page);
        }
    }
    for (kind, path, form) in DOES {
        for id in of(kind) {
            let mut fields = vec![("form_token", proof.as_str())];
            fields.extend(form);
            let shown = bob.posts(&path.replace(":id", &id), &fields).await;
            pages.insert(shown.is(404).page);
        }
    }
    assert_eq!(pages.len(), 1, "one page for what is not there: {pages:?}");
    for list in ["/portal", "/portal/invoices", "/portal/licenses"] {
        let shown = bob.get(list).await.is(200);
        shown.keeps_to_itself(id_of(&ids, "inv"));
    }
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn another_s_license_is_not_there() {
    let rig = harbor().await;
    rig.customer("ana").await;
    rig.buys("ana", "deck-monthly").await;
    let ana = Browser::of(&rig, "ana").await;
    let shown = ana.get("/portal/licenses").await.is(200);
    let (_, key) = shown.page.split_once("readonly value=\"").unwrap();
    let key = key.split('"').next().unwrap();
    let body = json!({ "license_key": key, "machine": "desk" });
    rig.post("/v1/machines/activate")
        .json(body)
        .send()
        .await
        .ok(200);
    let shown = ana.get("/portal/licenses").await.is(200);
    let mark = shown.field("machine");
    let (_, id) = shown.page.split_once("/portal/licenses/").unwrap();
    let id = id.split('/').next().unwrap().to_owned();
    rig.customer("bob").await;
    let bob = Browser::of(&rig, "bob").await;
    let before = rig.store.snapshot();
    for id in [id.as_str(), &format!("lic_{}", "0".repeat(32)), "x"] {
        let path = format!("/portal/licenses/{id}/deactivate");
        let shown = bob.presses(&path, &[("machine", &mark)]).await;
        shown.is(404);
    }
    assert_eq!(rig.store.snapshot(), before);
}

/// Names that try to be more than names.
const HOSTILE: [&str; 3] = [
    "<script>alert(1)</script>",
    "\u{202e}\u{2066}desrever\u{200f}",
    "\"><img src=x onerror=alert(1)>&amp;'",
];

#[tokio::test]
async fn names_are_names_on_every_page() {
    for name in HOSTILE {
        let long = format!("{name}{}", "x".repeat(200 - name.chars().count()));
        let json = serde_json::to_string(&long).unwrap();
        let plans = format!(
            "currency: usd\nproduct: {json}\nfeatures:\n  sso: {{ kind: flag, name: {json} }}\n  \
             where: {{ kind: text, name: {json} }}\nplans:\n  low:\n    name: {json}\n    rank: 10\n    \
             license: {{ max_machines: 1 }}\n    prices:\n      low-monthly: {{ amount: 10.00, \
             interval: month }}\n  high:\n    name: {json}\n    rank: 20\n    license: {{ max_machines: 1 }}\n    \
             entitlements: {{ sso: true, where: {json} }}\n    prices:\n      high-monthly: {{ amount: 30.00, \
             interval: month }}\n",
        );
        let rig = Rig::made(Making {
            mode: Mode::EngineSchedule { saves_cards: false },
            plans: String::leak(plans),
            ..Making::default()
        })
        .await;
        let ana = Holder::of(&rig, "ana", "high-monthly").await;
        let browser = Browser::with(&rig, &ana.session);
        let quotes = format!("/portal/subscriptions/{}/quotes", ana.subscription);
        let made = browser.presses(&quotes, &[("price", "low-monthly")]).await;
        let quote = made.is(303).header("location").to_owned();
        let subscription = format!("/portal/subscriptions/{}", ana.subscription);
        let mut pages = vec![browser.get(&quote).await.is(200)];
        let done = browser
            .presses(&format!("{quote}/accept"), &[])
            .await
            .is(303);
        pages.push(browser.get(done.header("location")).await.is(200));
        for path in [
            "/portal",
            &subscription,
            "/portal/licenses",
            "/portal/invoices",
            "/pricing",
        ] {
            pages.push(browser.get(path).await.is(200));
        }
        let home = browser.get("/portal/invoices").await;
        let (_, invoice) = home
            .page
            .split_once("href=\"/portal/invoices/inv_")
            .unwrap();
        let invoice = invoice.split('"').next().unwrap();
        let invoice = format!("/portal/invoices/inv_{invoice}");
        pages.push(browser.get(&invoice).await.is(200));
        pages.push(browser.get("/portal/sign-in").await.is(200));
        let escaped = long
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        for page in &pages {
            page.is_sound().keeps_to_itself("<img");
            page.says(&format!("<bdi>{escaped}</bdi>"));
        }
    }
}

#[tokio::test]
async fn where_billing_is_switched_off_there_is_no_portal() {
    let mut rig = Rig::new().await;
    rig.state.billing = Billing::disabled();
    let browser = Browser::with(&rig, "bs_1");
    for path in ["/portal", "/portal/sign-in", "/portal/invoices"] {
        browser.get(path).await.is(404);
    }
    browser
        .posts("/portal/sign-in", &[("email", "a@x.test")])
        .await
        .is(404);
}
