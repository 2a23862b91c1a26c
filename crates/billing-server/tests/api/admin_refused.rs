//! What the dashboard refuses: keys that open nothing, sessions that are over or were planted,
//! forged forms, keys that may only look, and names that are no names.

use billing_engine::Billing;
use billing_ports::Clock as _;
use billing_ports::store::Credentials as _;
use billing_sandbox::Mode;
use billing_server::{ApiOptions, RateOptions};
use jiff::SignedDuration;
use poem::http::Method;
use serde_json::json;

use crate::admin::{COOKIE, does, signed_in, unreadable};
use crate::audit::key_id;
use crate::browser::{Browser, PUBLIC};
use crate::rig::{ADMIN, Making, READ, Rig, WRITE};
use crate::shop::Holder;

/// Every list and form that is looked at.
const SHOWS: [&str; 15] = [
    "/admin",
    "/admin/churn",
    "/admin/parked",
    "/admin/parked/prk_1",
    "/admin/deliveries",
    "/admin/deliveries/x",
    "/admin/customers",
    "/admin/customers/cus_1",
    "/admin/subscriptions",
    "/admin/invoices",
    "/admin/prices",
    "/admin/migrations",
    "/admin/migrations/plan",
    "/admin/migrations/moves",
    "/admin/migrations/x",
];

/// Every form that changes something.
const DOES: [&str; 5] = [
    "/admin/parked/:id/replay",
    "/admin/parked/:id/link",
    "/admin/parked/:id/discard",
    "/admin/deliveries/:id/retry",
    "/admin/migrations",
];

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_door_and_nothing_is_done() {
    let rig = Rig::new().await;
    let id = unreadable(&rig, 1).await;
    rig.customer("ana").await;
    let customer_s = rig.session("ana").await;
    let before = rig.store.snapshot();
    let mut browser = Browser::new(&rig);
    for cookie in [
        String::new(),
        format!("{COOKIE}=bo_{}", "0".repeat(64)),
        format!("{COOKIE}={ADMIN}"),
        format!("{COOKIE}={customer_s}"),
        format!("__Host-billing={customer_s}"),
        "billing_admin=x".to_owned(),
    ] {
        browser.cookie = cookie;
        for path in SHOWS {
            let shown = browser.get(path).await.leads("/admin/sign-in");
            assert!(shown.header("set-cookie").contains("Max-Age=0"));
        }
        for path in DOES.iter().chain(&["/admin/sign-out"]) {
            let path = path.replace(":id", &id);
            let form = [("reason", "x"), ("customer", "ana")];
            browser.posts(&path, &form).await.leads("/admin/sign-in");
        }
    }
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn every_key_that_opens_nothing_is_answered_the_same() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let customer_s = rig.session("ana").await;
    let revoked = format!("/v1/keys/{}", key_id(&rig, "read").await);
    rig.delete(&revoked).by(ADMIN).send().await.ok(204);
    let rotated = format!("/v1/keys/{}/rotate", key_id(&rig, "write").await);
    rig.post(&rotated).by(ADMIN).send().await.ok(201);
    rig.get("/v1/customers").by(WRITE).send().await.ok(200);
    let browser = Browser::new(&rig);
    let long = format!("bk_{}", "9".repeat(1000));
    let markup = "bk_<script>alert(1)</script>";
    let mut pages = std::collections::BTreeSet::new();
    for key in ["", "x", "bk_none", READ, WRITE, &customer_s, &long, markup] {
        let shown = browser.posts("/admin/sign-in", &[("key", key)]).await;
        let shown = shown.is(403);
        shown.is_sound();
        assert_eq!(shown.header("set-cookie"), "");
        pages.insert(shown.page);
    }
    assert_eq!(pages.len(), 1, "one answer: {pages:?}");
    browser.posts("/admin/sign-in", &[]).await.is(403);
    let foreign = [("sec-fetch-site", "cross-site")];
    let form = [("key", ADMIN)];
    let shown = browser
        .sends(Method::POST, "/admin/sign-in", &foreign, &form)
        .await;
    assert_eq!(shown.is(403).header("set-cookie"), "");
}

#[tokio::test]
async fn who_guesses_keys_is_served_no_more() {
    let rig = Rig::with(ApiOptions {
        public_url: PUBLIC.to_owned(),
        rates: RateOptions {
            public_posts_per_minute: 0,
            failures_per_minute: 3,
            links_per_hour: 0,
        },
        ..ApiOptions::default()
    })
    .await;
    let browser = Browser::new(&rig);
    for _ in 0..3 {
        let shown = browser.posts("/admin/sign-in", &[("key", "bk_x")]).await;
        shown.is(403);
    }
    let shown = browser.posts("/admin/sign-in", &[("key", "bk_x")]).await;
    shown.is(429).is_sound().says("That was too often");
}

#[tokio::test]
async fn a_session_ends_with_its_key_its_time_and_its_sign_out() {
    let rig = Rig::new().await;
    let revoked = signed_in(&rig, READ).await;
    let rotated = signed_in(&rig, WRITE).await;
    let kept = signed_in(&rig, ADMIN).await;
    let left = signed_in(&rig, ADMIN).await;
    for browser in [&revoked, &rotated, &kept, &left] {
        browser.get("/admin").await.is(200);
    }
    let path = format!("/v1/keys/{}", key_id(&rig, "read").await);
    rig.delete(&path).by(ADMIN).send().await.ok(204);
    revoked.get("/admin").await.leads("/admin/sign-in");
    let path = format!("/v1/keys/{}/rotate", key_id(&rig, "write").await);
    rig.post(&path).by(ADMIN).send().await.ok(201);
    rotated.get("/admin").await.leads("/admin/sign-in");

    // Whoever stole the cookie has nothing once its owner signed out.
    let proof = left.get("/admin").await.field("form_token");
    let out = does(&left, "/admin/sign-out", &[]).await;
    out.leads("/admin/sign-in?left");
    left.get("/admin").await.leads("/admin/sign-in");
    let form = [("form_token", proof.as_str())];
    let again = left.posts("/admin/sign-out", &form).await;
    again.leads("/admin/sign-in");
    kept.get("/admin").await.is(200);

    rig.clock
        .advance(SignedDuration::from_hours(8) - SignedDuration::from_secs(1));
    kept.get("/admin").await.is(200);
    rig.clock.advance(SignedDuration::from_secs(1));
    kept.get("/admin").await.leads("/admin/sign-in");
}

#[tokio::test]
async fn a_session_that_was_planted_before_is_not_taken_up_and_ends() {
    let rig = Rig::new().await;
    let eve = signed_in(&rig, READ).await;
    for brought in [eve.cookie.clone(), format!("{COOKIE}=bo_planted")] {
        let mut browser = Browser::new(&rig);
        browser.cookie.clone_from(&brought);
        let entered = browser.posts("/admin/sign-in", &[("key", ADMIN)]).await;
        let entered = entered.leads("/admin");
        let (given, _) = entered.header("set-cookie").split_once(';').unwrap();
        assert_ne!(given, brought);
        browser.get("/admin").await.leads("/admin/sign-in");
        given.clone_into(&mut browser.cookie);
        let shown = browser.get("/admin").await.is(200);
        shown.says("<bdi>admin</bdi>");
        // Of two cookies nobody knows which is the browser's own.
        browser.cookie = format!("{brought}; {given}");
        browser.get("/admin").await.leads("/admin/sign-in");
    }
    let planted = eve.cookie.split_once('=').unwrap().1;
    let hash = crate::rig::sha256(planted);
    let found = rig.store.find_operator_session(hash, rig.clock.now()).await;
    assert_eq!(found, Ok(None));
    let as_key = rig.get("/v1/customers").by(planted).send().await;
    as_key.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_forged_form_is_refused_and_changes_nothing() {
    let rig = Rig::new().await;
    let id = unreadable(&rig, 1).await;
    rig.customer("ana").await;
    let browser = signed_in(&rig, ADMIN).await;
    let other = signed_in(&rig, ADMIN).await;
    let token = async |of: &Browser| of.get("/admin").await.is(200).field("form_token");
    let (own, another_s) = (token(&browser).await, token(&other).await);
    assert_ne!(own, another_s, "one for each session");
    let portal_s = Browser::of(&rig, "ana").await.proof().await;
    let before = rig.store.snapshot();
    for path in DOES.iter().chain(&["/admin/sign-out"]) {
        let path = path.replace(":id", &id);
        let wanted = [("reason", "x"), ("customer", "ana")];
        for forged in [
            "",
            "x",
            &another_s,
            &portal_s,
            &own[1..],
            &format!("{own}00"),
        ] {
            let mut fields = vec![("form_token", forged)];
            fields.extend(wanted);
            let shown = browser.posts(&path, &fields).await.is(403);
            shown.is_sound().says("Nothing was changed");
        }
        browser.posts(&path, &wanted).await.is(403);
        let mut fields = vec![("form_token", own.as_str())];
        fields.extend(wanted);
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
    browser.get("/admin").await.is(200);
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_key_that_may_only_look_sees_everything_and_gets_no_buttons() {
    let rig = Rig::new().await;
    let id = unreadable(&rig, 1).await;
    rig.customer("ana").await;
    for key in [READ, WRITE] {
        let browser = signed_in(&rig, key).await;
        let before = rig.store.snapshot();
        let shown = browser.get(&format!("/admin/parked/{id}")).await.is(200);
        shown.is_sound().says("What is known");
        // The one to sign out.
        assert_eq!(shown.page.matches("<form ").count(), 1, "{}", shown.page);
        for path in DOES {
            let path = path.replace(":id", &id);
            let form = [("reason", "x"), ("customer", "ana")];
            let shown = does(&browser, &path, &form).await.is(403);
            shown.is_sound().says("Your key may not do this");
        }
        assert_eq!(rig.store.snapshot(), before);
    }
}

#[tokio::test]
async fn nothing_is_done_without_a_reason() {
    let rig = Rig::new().await;
    let id = unreadable(&rig, 1).await;
    let browser = signed_in(&rig, ADMIN).await;
    let before = rig.store.snapshot();
    let long = "y".repeat(256);
    for path in DOES {
        let path = path.replace(":id", &id);
        for reason in ["", "  ", "a\nb", "\u{7}", &long] {
            let shown = does(&browser, &path, &[("reason", reason)]).await;
            shown.is(400).says("Nothing was changed");
        }
        does(&browser, &path, &[]).await.is(400);
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
            "currency: usd\nproduct: {json}\nplans:\n  low:\n    name: {json}\n    rank: 10\n    \
             prices:\n      low-monthly: {{ amount: 10.00, interval: month }}\n      \
             low-dearer: {{ amount: 12.00, interval: month }}\n",
        );
        let rig = Rig::made(Making {
            mode: Mode::EngineSchedule { saves_cards: false },
            plans: String::leak(plans),
            ..Making::default()
        })
        .await;
        let ana = Holder::of(&rig, name, "low-monthly").await;
        let key = json!({ "name": name, "scope": "admin" });
        let key = rig
            .post("/v1/keys")
            .by(ADMIN)
            .json(key)
            .send()
            .await
            .ok(201);
        let browser = signed_in(&rig, key["secret"].as_str().unwrap()).await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &format!("{name}{}", "x".repeat(1_000)))
            .append_pair("status", name)
            .append_pair("reason", name)
            .append_pair("open", name)
            .finish();
        let customer = format!("/admin/customers/{}", ana.customer);
        let plan = "/admin/migrations/plan?from=low-monthly&to=low-dearer&not_before=";
        let mut paths = vec![customer, plan.to_owned()];
        for list in [
            "/admin",
            "/admin/parked",
            "/admin/deliveries",
            "/admin/customers",
            "/admin/subscriptions",
            "/admin/invoices",
            "/admin/prices",
            "/admin/churn",
            "/admin/migrations",
        ] {
            paths.push(list.to_owned());
            paths.push(format!("{list}?{query}"));
        }
        let escaped = |text: &str| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
        };
        for path in &paths {
            let shown = browser.get(path).await.is(200);
            shown.is_sound().keeps_to_itself("<img");
            // The product, and the key that is signed in with.
            for text in [&long, name] {
                shown.says(&format!("<bdi>{}</bdi>", escaped(text)));
            }
        }
        let story = browser.get(&paths[0]).await;
        story.says(&format!("<h1><bdi>{}</bdi></h1>", escaped(name)));
    }
}

#[tokio::test]
async fn where_billing_is_switched_off_there_is_no_dashboard() {
    let mut rig = Rig::new().await;
    rig.state.billing = Billing::disabled();
    let mut browser = Browser::new(&rig);
    browser.cookie = format!("{COOKIE}=bo_1");
    for path in SHOWS.iter().chain(&["/admin/sign-in"]) {
        browser.get(path).await.is(404);
    }
    let shown = browser.posts("/admin/sign-in", &[("key", ADMIN)]).await;
    shown.is(404);
}
