//! The pages as a browser without a script gets them.

use crate::http::{Answer, get};
use crate::rig::Folder;
use crate::server::Server;

/// Every opening tag of this name, whole.
pub(crate) fn tags<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("<{name}");
    let rest = page.match_indices(&start).map(|(at, _)| &page[at..]);
    rest.map(|rest| rest.split_once('>').unwrap().0)
        .filter(|tag| {
            let after = tag[start.len()..].chars().next();
            after.is_none_or(|after| !after.is_ascii_alphanumeric())
        })
        .collect()
}

/// The value of an attribute.
pub(crate) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"').unwrap().0)
}

/// What holds for every page without a script.
#[track_caller]
fn is_sound(answer: &Answer) {
    assert!(!answer.body.contains("<script"), "{}", answer.body);
    is_sound_but_for_scripts(answer);
}

/// What holds for every page.
#[track_caller]
fn is_sound_but_for_scripts(answer: &Answer) {
    let page = &answer.body;
    assert!(
        page.starts_with("<!DOCTYPE html><html lang=\"en\">"),
        "{page}"
    );
    assert!(
        page.contains("width=device-width, initial-scale=1"),
        "{page}"
    );
    assert!(!page.contains("javascript:"), "{page}");
    assert!(
        !page.contains(" style=") && !page.contains(" onclick="),
        "{page}"
    );
    assert_eq!(tags(page, "h1").len(), 1, "{page}");
    assert_eq!(tags(page, "main").len(), 1, "{page}");
    for input in tags(page, "input") {
        if attribute(input, "type") == Some("hidden") {
            continue;
        }
        let id = attribute(input, "id").unwrap_or_else(|| panic!("no id: {input}"));
        assert!(
            page.contains(&format!("<label for=\"{id}\">")),
            "no label: {input}"
        );
    }
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn every_page_is_sound() {
    let folder = Folder::new("pages");
    let server = Server::first(&folder);
    let pricing = server.get("/pricing");
    pricing.ok(200);
    is_sound(&pricing);
    let chosen = server.submit(
        "/pricing/checkout",
        &[("price", "team-monthly"), ("quantity", "3")],
    );
    chosen.ok(303);
    let pay = get(chosen.header("location"));
    assert!(pay.ok(200).contains("USD 36.00"), "{pay:?}");
    is_sound(&pay);
    for path in ["/checkout/cancel", "/checkout/success?plan=free"] {
        let answer = server.get(path);
        answer.ok(200);
        is_sound(&answer);
    }
    for path in [
        "/checkout/success",
        "/checkout/success?checkout=chk_0",
        "/pricing/nothing",
        // Where no Paddle account sells, nothing opens its checkout.
        "/checkout/pay?_ptxn=txn_1",
    ] {
        let answer = server.get(path);
        answer.ok(404);
        is_sound(&answer);
    }
    for path in ["/portal/sign-in", "/admin/sign-in"] {
        let answer = server.get(path);
        answer.ok(200);
        is_sound(&answer);
    }
    for (path, leads_to) in [
        ("/", "/pricing"),
        ("/portal", "/portal/sign-in"),
        ("/admin", "/admin/sign-in"),
    ] {
        let answer = server.get(path);
        answer.ok(303);
        assert_eq!(answer.header("location"), leads_to);
    }
}

#[test]
fn a_checkout_that_is_not_paid_yet_looks_again_by_itself() {
    let folder = Folder::new("waiting");
    let server = Server::first(&folder);
    let ask = serde_json::json!({ "price": "lifetime-once" });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let id = opened["id"].as_str().unwrap();
    let page = server.get(&format!("/checkout/success?checkout={id}"));
    let waiting = page.ok(200);
    assert!(waiting.contains("Waiting for your payment"), "{waiting}");
    let scripts = tags(waiting, "script");
    assert_eq!(scripts.len(), 1, "{waiting}");
    let script = server.get(attribute(scripts[0], "src").unwrap());
    assert!(script.ok(200).contains("location.reload()"), "{script:?}");
    // Only without it does the browser load the page again and again.
    let (_, without) = waiting.split_once("<noscript>").unwrap();
    assert!(
        without.starts_with("<meta http-equiv=\"refresh\""),
        "{waiting}"
    );
    let policy = page.header("content-security-policy");
    assert!(policy.ends_with("script-src 'self'; connect-src 'self'"));
    assert!(
        waiting.contains("<strong><bdi>Lifetime</bdi></strong>"),
        "{waiting}"
    );
    is_sound_but_for_scripts(&page);
    let held = server.read("/v1/subscriptions");
    assert_eq!(
        held["data"].as_array().unwrap().len(),
        0,
        "a visit gives nothing"
    );
}

#[test]
fn the_stylesheet_is_kept_for_ever_under_the_address_of_its_content() {
    let folder = Folder::new("stylesheet");
    let server = Server::first(&folder);
    let page = server.get("/pricing");
    let link = tags(page.ok(200), "link")[0];
    let style = server.get(attribute(link, "href").unwrap());
    let css = style.ok(200);
    assert!(style.header("cache-control").contains("immutable"));
    assert!(css.contains("prefers-color-scheme: dark"), "{css}");
    assert!(!css.contains("url(") && !css.contains("@import"), "{css}");
    let plain = server.get("/assets/billing.css");
    plain.ok(200);
    assert_eq!(plain.header("cache-control"), "no-cache");
}

#[test]
fn a_form_of_another_site_opens_no_checkout() {
    let folder = Folder::new("foreign-form");
    let server = Server::first(&folder);
    let headers =
        "sec-fetch-site: cross-site\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let url = format!("{}/pricing/checkout", server.url);
    let answer = crate::http::ask("POST", &url, headers, "price=lifetime-once");
    assert!(answer.ok(403).contains("role=\"alert\""), "{answer:?}");
    assert_eq!(
        server.read("/v1/customers")["data"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    for wrong in [
        &[("price", "a b")][..],
        &[],
        &[("price", "team-monthly"), ("quantity", "-1")],
    ] {
        let answer = server.submit("/pricing/checkout", wrong);
        assert!((400..500).contains(&answer.status), "{answer:?}");
        is_sound(&answer);
    }
}
