//! The page that opens Paddle's checkout: the one with a script, and what that
//! script may do.

use billing_testkit::fakes::paddle::{DEFAULT_KEY, DEFAULT_SECRET};
use serde_json::json;

use crate::far::{self, PLANS};
use crate::pages::{attribute, tags};
use crate::rig::Folder;
use crate::server::Server;

const TOKEN: &str = "test_0123456789abcdef";

/// A server that sells through the fake and has a page of its own.
pub(crate) fn selling(folder: &Folder, base: &str) -> Server {
    selling_plans(folder, base, PLANS)
}

/// The same with other plans.
pub(crate) fn selling_plans(folder: &Folder, base: &str, plans: &str) -> Server {
    let plans = format!("{plans}checkout:\n  allowed_origins: [\"https://app.example.com\"]\n");
    folder.write("plans.yaml", &plans);
    let told = [
        ("BILLING_PLANS", "plans.yaml"),
        ("BILLING_PADDLE_API_KEY", DEFAULT_KEY),
        ("BILLING_PADDLE_WEBHOOK_SECRETS", DEFAULT_SECRET),
        ("BILLING_PADDLE_BASE_URL", base),
        ("BILLING_PADDLE_CLIENT_TOKEN", TOKEN),
    ];
    let made = folder.billing_with(
        &told,
        &["keys", "create", "ops", "--scope", "admin", "--json"],
    );
    let key = made.exits(0).json()["secret"].as_str().unwrap().to_owned();
    let mut server = Server::again(folder, &told);
    server.key = key;
    server
}

#[test]
fn a_checkout_at_paddle_opens_on_our_own_page() {
    let fake = far::paddle(DEFAULT_KEY, DEFAULT_SECRET);
    let folder = Folder::new("paddle-page");
    let server = selling(&folder, fake.url().as_str());
    let ask = json!({ "price": "pro-monthly" });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let (id, url) = (
        opened["id"].as_str().unwrap(),
        opened["url"].as_str().unwrap(),
    );
    let expected = format!("{}/checkout/pay?_ptxn=txn_", server.url);
    assert!(url.starts_with(&expected), "{url}");

    let answer = server.get(url.strip_prefix(&server.url).unwrap());
    let page = answer.ok(200);
    assert!(page.contains("<strong><bdi>Pro</bdi></strong>"), "{page}");
    let pay = tags(page, "section")[0];
    assert_eq!(attribute(pay, "data-environment"), Some("sandbox"));
    assert_eq!(attribute(pay, "data-token"), Some(TOKEN));
    let transaction = url.rsplit('=').next();
    assert_eq!(attribute(pay, "data-transaction"), transaction);
    let next = format!("{}/checkout/success?checkout={id}", server.url);
    assert_eq!(attribute(pay, "data-next"), Some(next.as_str()));
    // Without a script: an explanation, and where to go from here.
    let without = page.split_once("<noscript>").unwrap().1;
    assert!(without.contains("needs JavaScript"), "{page}");
    assert!(page.contains(&format!("<a href=\"{next}\">")), "{page}");
    assert!(page.contains("<a href=\"/pricing\">"), "{page}");

    let scripts = tags(page, "script");
    let sources: Vec<&str> = scripts
        .iter()
        .filter_map(|tag| attribute(tag, "src"))
        .collect();
    assert_eq!(sources.len(), scripts.len(), "none is inline: {page}");
    assert_eq!(sources[0], "https://cdn.paddle.com/paddle/v2/paddle.js");
    let script = server.get(sources[1]);
    assert!(script.ok(200).contains("Paddle.Initialize"), "{script:?}");
    assert!(script.header("content-type").starts_with("text/javascript"));
    assert!(script.header("cache-control").contains("immutable"));
}

#[test]
fn its_script_may_talk_to_paddle_s_sandbox_alone() {
    let fake = far::paddle(DEFAULT_KEY, DEFAULT_SECRET);
    let folder = Folder::new("paddle-policy");
    let server = selling(&folder, fake.url().as_str());
    let page = server.get("/checkout/pay?_ptxn=txn_1");
    page.ok(200);
    let policy = page.header("content-security-policy");
    let part = |name: &str| {
        let mut parts = policy.split("; ");
        let part = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix(' '));
        part.unwrap_or_else(|| panic!("no {name}: {policy}"))
    };
    let cdn = "https://cdn.paddle.com https://sandbox-cdn.paddle.com";
    assert_eq!(part("default-src"), "'none'");
    assert_eq!(part("script-src"), format!("'self' {cdn}"));
    assert!(part("frame-src").contains("https://sandbox-buy.paddle.com"));
    assert!(!policy.contains("'unsafe-eval'"), "{policy}");
    for name in ["connect-src", "frame-src"] {
        for source in part(name).split(' ') {
            let sandbox = source.starts_with("https://sandbox-") && source.ends_with(".paddle.com");
            assert!(
                sandbox || source == "https://cdn.paddle.com",
                "{name}: {source}"
            );
        }
    }
    for name in ["base-uri", "form-action", "frame-ancestors"] {
        assert_eq!(part(name), "'none'");
    }
    assert_eq!(
        page.header("referrer-policy"),
        "strict-origin-when-cross-origin"
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("cache-control"), "no-store");
    // No other page is given any of it.
    let other = server.get("/pricing");
    let strict = other.header("content-security-policy");
    assert!(
        !strict.contains("paddle") && !strict.contains("script"),
        "{strict}"
    );
    assert_eq!(other.header("referrer-policy"), "same-origin");
}

/// Paddle's own mail leads here too, with transactions that are no checkout of ours.
#[test]
fn a_transaction_that_is_no_checkout_opens_all_the_same() {
    let fake = far::paddle(DEFAULT_KEY, DEFAULT_SECRET);
    let folder = Folder::new("paddle-others");
    let server = selling(&folder, fake.url().as_str());
    let page = server.get("/checkout/pay?_ptxn=txn_01h7zjzqm1h7j5x5x7y3z5k2gq");
    let pay = tags(page.ok(200), "section")[0];
    assert_eq!(attribute(pay, "data-next"), None);
    for wrong in [
        "",
        "?_ptxn=",
        "?_ptxn=sub_1",
        "?_ptxn=txn_1%22%3E%3Cscript%3E",
        "?_ptxn=txn_1&_ptxn=txn_2&checkout=1",
        "?checkout=chk_1",
        "?_ptxn=%FF",
    ] {
        let page = server.get(&format!("/checkout/pay{wrong}"));
        assert!(page.status == 404, "{wrong}: {page:?}");
        assert!(!page.body.contains("<script"), "{page:?}");
    }
}

#[test]
fn where_the_buyer_is_led_is_written_into_the_page_as_text() {
    let fake = far::paddle(DEFAULT_KEY, DEFAULT_SECRET);
    let folder = Folder::new("paddle-escaped");
    let server = selling(&folder, fake.url().as_str());
    let back = "https://app.example.com/thanks?a=1&b=\"><script>alert(1)</script>";
    let ask = json!({ "price": "pro-monthly", "success_url": back });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let url = opened["url"].as_str().unwrap();
    let page = server.get(url.strip_prefix(&server.url).unwrap());
    let page = page.ok(200);
    assert_eq!(tags(page, "script").len(), 2, "{page}");
    assert!(
        page.contains("a=1&amp;b=&quot;&gt;&lt;script&gt;"),
        "{page}"
    );
}

#[test]
fn a_token_of_the_other_world_is_refused_at_the_start() {
    let folder = Folder::new("paddle-token");
    let told = [
        ("BILLING_LISTEN", "127.0.0.1:0"),
        ("BILLING_PADDLE_API_KEY", DEFAULT_KEY),
        ("BILLING_PADDLE_WEBHOOK_SECRETS", DEFAULT_SECRET),
        ("BILLING_PADDLE_CLIENT_TOKEN", "live_0123456789abcdef"),
    ];
    let ran = folder.billing_with(&told, &["serve"]);
    assert_ne!(ran.code, 0, "{ran}");
    ran.complains(&["client_token", "sandbox"]);
}
