//! The portal: what a customer sees and does there with a browser that runs no script.

use billing_sandbox::Mode;
use jiff::SignedDuration;
use poem::http::Method;
use serde_json::json;

use crate::browser::{Browser, COOKIE, PUBLIC, Shown, link};
use crate::licenses::harbor;
use crate::mailed::mailing;
use crate::rig::{Making, Rig, WRITE, text};
use crate::shop::{Holder, PAGES, shop};

/// A shop, and somebody who holds this price in the middle of its month.
async fn holding<'a>(rig: &'a Rig, price: &str) -> (Holder<'a>, Browser) {
    let ana = Holder::of(rig, "ana", price).await;
    let browser = Browser::with(rig, &ana.session);
    (ana, browser)
}

/// Asks for a quote and leads to its page; gives the page and its address.
async fn quoted(browser: &Browser, of: &Holder<'_>, wanted: &[(&str, &str)]) -> (Shown, String) {
    let path = format!("/portal/subscriptions/{}/quotes", of.subscription);
    let made = browser.presses(&path, wanted).await.is(303);
    let at = made.header("location").to_owned();
    assert!(at.starts_with("/portal/quotes/qte_"), "{at}");
    let shown = browser.get(&at).await.is(200);
    shown.is_sound();
    (shown, at)
}

#[tokio::test]
async fn a_link_gives_the_browser_a_session_that_no_script_and_no_other_site_sees() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    rig.buys("ana", "personal-monthly").await;
    let mut browser = Browser::new(&rig);
    let link = link(&rig, "ana").await;
    let asked = browser.get(&format!("/session?link={link}")).await.is(200);
    asked.is_sound();
    assert_eq!(asked.header("set-cookie"), "", "a visit changes nothing");
    let opened = browser.posts("/session", &[("link", &link)]).await;
    let opened = opened.leads("/portal");
    assert_eq!(opened.header("cache-control"), "no-store");
    let (cookie, rules) = opened.header("set-cookie").split_once(';').unwrap();
    assert!(cookie.starts_with(&format!("{COOKIE}=bs_")), "{cookie}");
    assert_eq!(
        rules,
        " Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"
    );
    cookie.clone_into(&mut browser.cookie);
    let home = browser.get("/portal").await.is(200);
    home.is_sound()
        .says("Personal")
        .says("Renews")
        .says("1 April 2026");
    home.says("<span class=\"badge good\">Active</span>");
    home.says("$5 per month").says("Next charge");
    let secret = cookie.split_once('=').unwrap().1;
    home.keeps_to_itself(secret);
    rig.clock.advance(SignedDuration::from_mins(61));
    browser.get("/portal").await.leads("/portal/sign-in");
}

/// Calls are sold beyond, people are not, and calls of `big` are without end.
const METERED: &str = r#"
currency: usd
product: "Acme"
features:
  calls:  { kind: count, name: "Calls <b>", meter: sum }
  disk:   { kind: bytes, name: "Disk", meter: max }
  people: { kind: count, name: "People", meter: unique }
plans:
  pro:
    name: Pro
    entitlements: { calls: 1000, disk: unlimited, people: 1 }
    prices:
      pro-monthly:
        amount: 10.00
        interval: month
        overage: { calls: { per: 100, amount: 0.50 } }
"#;

#[tokio::test]
async fn what_is_used_is_shown_against_what_is_included() {
    let rig = shop(PAGES).await;
    let (ana, browser) = holding(&rig, "basic-monthly").await;
    let own = format!("/portal/subscriptions/{}", ana.subscription);
    for page in ["/portal", &own] {
        let shown = browser.get(page).await.is(200);
        shown
            .keeps_to_itself("What you use")
            .keeps_to_itself("<meter");
    }

    let rig = Rig::made(Making {
        mode: PAGES,
        plans: METERED,
        ..Making::default()
    })
    .await;
    let (ana, browser) = holding(&rig, "pro-monthly").await;
    let events = json!({ "events": [
        { "id": "e1", "feature": "calls", "value": 1201 },
        { "id": "e2", "feature": "disk", "value": 5_399_999_999_u64 },
        { "id": "e3", "feature": "people", "name": "zoe" },
    ] });
    let report = rig.post(&format!("/v1/customers/{}/usage", ana.customer));
    let taken = report.by(WRITE).json(events).send().await.ok(200);
    assert_eq!(taken["counted"], 3, "{taken}");
    let own = format!("/portal/subscriptions/{}", ana.subscription);
    for page in ["/portal", &own] {
        let shown = browser.get(page).await.is(200);
        shown
            .is_sound()
            .says("From 1 March 2026, 12:00 UTC to 1 April 2026, 12:00 UTC.")
            .says("<bdi>Calls &lt;b&gt;</bdi>")
            .says("<strong>1201</strong> used of 1000 included, <strong>201</strong> beyond.")
            .says("Beyond what is included, 100 cost $0.50.")
            .says("<meter aria-label=\"Calls &lt;b&gt;\" min=\"0\" max=\"1000\" value=\"1000\">")
            .says("<strong>5.3 GB</strong> used, as much as you like is included.")
            .says("<meter aria-label=\"People\" min=\"0\" max=\"1\" value=\"1\">")
            .says("So far <strong>$1.01</strong> is charged")
            .keeps_to_itself("No more than");
        assert_eq!(shown.page.matches("Limit reached").count(), 1);
    }
    let limit = json!({ "currency": "usd", "amount": 100 });
    let path = "/v1/me/spending-limit";
    let limits = rig.ask(Method::PUT, path).by(&ana.session).json(limit);
    limits.send().await.ok(204);
    let shown = browser.get("/portal").await.is(200);
    shown
        // What was used before is to be paid, whatever is wished afterwards.
        .says("So far <strong>$1.01</strong> is charged")
        .says("No more than <strong>$1</strong> is charged, as you wished.");
    assert_eq!(shown.page.matches("Limit reached").count(), 2);
}

#[tokio::test]
async fn whoever_comes_to_the_door_is_told_the_same() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    let browser = Browser::new(&rig);
    let door = browser.get("/portal").await.leads("/portal/sign-in");
    assert!(door.header("set-cookie").contains("Max-Age=0"));
    browser.get("/portal/sign-in").await.is(200).is_sound();
    let mut told = Vec::new();
    for email in ["ana@example.com", "nobody@example.com"] {
        let shown = browser.posts("/portal/sign-in", &[("email", email)]).await;
        let shown = shown.is(200);
        shown.is_sound().keeps_to_itself(email);
        told.push(shown.page);
    }
    assert_eq!(told[0], told[1]);
    rig.state.mail_settled().await;
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].text.contains(&format!("{PUBLIC}/session?link=")));
    for wrong in [
        "",
        "ana",
        "a b@x.test",
        &format!("{}@x.test", "a".repeat(1000)),
    ] {
        let shown = browser.posts("/portal/sign-in", &[("email", wrong)]).await;
        shown.is(400).is_sound();
    }
    let hostile = "\"><script>alert(1)</script>@";
    let shown = browser
        .posts("/portal/sign-in", &[("email", hostile)])
        .await;
    shown.is(400).is_sound();
    let foreign = [("origin", "https://evil.example")];
    let form = [("email", "ana@example.com")];
    let post = Method::POST;
    let shown = browser
        .sends(post, "/portal/sign-in", &foreign, &form)
        .await;
    shown.is(403);
    rig.state.mail_settled().await;
    assert_eq!(mailer.sent().len(), 1);
}

#[tokio::test]
async fn what_is_owed_is_told_before_it_is_accepted_and_leads_to_where_it_is_paid() {
    let rig = shop(PAGES).await;
    let (ana, browser) = holding(&rig, "basic-monthly").await;
    let path = format!("/portal/subscriptions/{}", ana.subscription);
    let before = rig.store.snapshot().accounts;
    let shown = browser.get(&path).await.is(200);
    shown
        .is_sound()
        .says("<bdi>Pro</bdi>")
        .says("$10")
        .says("$30");
    let (quote, at) = quoted(&browser, &ana, &[("price", "pro-monthly")]).await;
    quote.says("Change to <bdi>Pro</bdi>?").says("$10");
    quote.says("10.00 USD × 1339200 s / 2678400 s − 10.00 USD = −5.00 USD");
    quote
        .says("$30 on 1 April 2026")
        .says("17 March 2026, 00:15 UTC");
    assert_eq!(rig.store.snapshot().accounts, before, "nothing changes");

    let accepted = browser.presses(&format!("{at}/accept"), &[]).await.is(303);
    let page = accepted.header("location").to_owned();
    assert!(page.contains("/sandbox/"), "{page}");
    let home = browser.get("/portal").await.is(200);
    home.is_sound()
        .says("awaits its payment of")
        .says("To be paid");
    let invoice = ana.me().await["open_invoices"][0]["id"].clone();
    let shown = browser
        .get(&format!("/portal/invoices/{}", text(&invoice)))
        .await;
    let shown = shown.is(200);
    shown
        .is_sound()
        .says("Change of plan")
        .says("Open")
        .says("$10");
    let paying = format!("/portal/invoices/{}/pay", text(&invoice));
    browser.presses(&paying, &[]).await.leads(&page);

    rig.pays(&page).await;
    let home = browser.get("/portal").await.is(200);
    home.says("<bdi>Pro</bdi>")
        .keeps_to_itself("awaits its payment");
    let listed = browser.get("/portal/invoices").await.is(200);
    listed.is_sound().says("Change of plan").says("Paid");
    browser
        .presses(&paying, &[])
        .await
        .leads(&format!("/portal/invoices/{}", text(&invoice)));
}

#[tokio::test]
async fn a_change_that_is_to_come_is_shown_and_taken_back() {
    let rig = shop(PAGES).await;
    let (ana, browser) = holding(&rig, "pro-monthly").await;
    let (quote, at) = quoted(&browser, &ana, &[("price", "basic-monthly")]).await;
    quote
        .says("What you lose")
        .says("Single sign-on")
        .says("1 April 2026");
    let done = browser.presses(&format!("{at}/accept"), &[]).await.is(303);
    let change = done.header("location").to_owned();
    let shown = browser.get(&change).await.is(200);
    shown.is_sound().says("It is to come").says("Take back");
    let home = browser.get("/portal").await.is(200);
    home.is_sound()
        .says("From <strong>1 April 2026</strong>: <bdi>Basic</bdi>, $10 per month");
    let take_back = format!("{change}/take-back");
    browser.presses(&take_back, &[]).await.leads("/portal");
    assert_eq!(ana.stands().await["scheduled"], json!(null));
    let home = browser.get("/portal").await.is(200);
    home.keeps_to_itself("Take back");
    browser.get(&change).await.is(200).says("It was taken back");
    browser.presses(&take_back, &[]).await.leads("/portal");
}

#[tokio::test]
async fn it_is_canceled_kept_paused_and_resumed() {
    let rig = shop(Mode::EngineSchedule { saves_cards: true }).await;
    let (ana, browser) = holding(&rig, "basic-monthly").await;
    let path = format!("/portal/subscriptions/{}", ana.subscription);
    let step = async |word: &'static str| {
        let (quote, at) = quoted(&browser, &ana, &[("step", word)]).await;
        let done = browser.presses(&format!("{at}/accept"), &[]).await.is(303);
        browser
            .get(done.header("location"))
            .await
            .is(200)
            .is_sound();
        quote
    };
    step("cancel")
        .await
        .says("Cancel <bdi>Basic</bdi>?")
        .says("1 April 2026");
    let shown = browser.get(&path).await.is(200);
    shown.is_sound().says("Keep it after all").says("Ends");
    browser
        .presses(&format!("{path}/keep"), &[])
        .await
        .leads(&path);
    let shown = browser.get(&path).await.is(200);
    shown
        .says("Cancel it")
        .says("Renews")
        .keeps_to_itself("Keep it");
    step("pause").await.says("Pause <bdi>Basic</bdi>?");
    let shown = browser.get(&path).await.is(200);
    shown
        .says("Paused")
        .says("Go on with it")
        .keeps_to_itself("Pause it");
    step("resume").await.says("Go on with <bdi>Basic</bdi>?");
    assert_eq!(ana.stands().await["status"], "active");
    // Who runs the schedule here has no page for a card.
    let shown = browser
        .presses(&format!("{path}/payment-method"), &[])
        .await;
    shown.is(422).is_sound();
}

#[tokio::test]
async fn pieces_are_changed_by_a_number() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "team-monthly").await;
    let browser = Browser::with(&rig, &ana.session);
    let path = format!("/portal/subscriptions/{}", ana.subscription);
    let shown = browser.get(&path).await.is(200);
    shown
        .is_sound()
        .says("name=\"quantity\" inputmode=\"numeric\"");
    let (quote, _) = quoted(&browser, &ana, &[("quantity", "6")]).await;
    quote.says("6 × $12 per month");
    let quotes = format!("{path}/quotes");
    let long = "9".repeat(1000);
    for (wrong, status) in [("5", 422), ("x", 400), ("-1", 400), (&*long, 400)] {
        let shown = browser.presses(&quotes, &[("quantity", wrong)]).await;
        shown.is(status).is_sound();
    }
    for wrong in [
        &[("step", "delete")][..],
        &[("price", "no-such")],
        &[("price", "\0")],
    ] {
        let shown = browser.presses(&quotes, wrong).await;
        assert!((400..500).contains(&shown.status), "{shown:?}");
    }
}

#[tokio::test]
async fn an_offer_that_has_expired_says_so_and_is_not_taken() {
    let rig = shop(PAGES).await;
    let (ana, browser) = holding(&rig, "basic-monthly").await;
    let (_, at) = quoted(&browser, &ana, &[("price", "pro-monthly")]).await;
    let proof = browser.proof().await;
    rig.clock.advance(SignedDuration::from_mins(15));
    let shown = browser.get(&at).await.is(410);
    shown.is_sound().says("expired").keeps_to_itself("/accept");
    let form = [("form_token", proof.as_str())];
    let shown = browser.posts(&format!("{at}/accept"), &form).await.is(410);
    shown.is_sound().says("This offer has expired");
    assert_eq!(ana.stands().await["plan"], "basic");
}

#[tokio::test]
async fn a_license_shows_its_key_and_gives_up_a_machine() {
    let rig = harbor().await;
    rig.customer("ana").await;
    rig.buys("ana", "deck-monthly").await;
    let browser = Browser::of(&rig, "ana").await;
    let shown = browser.get("/portal/licenses").await.is(200);
    shown
        .is_sound()
        .says("Deck")
        .says("Good")
        .says("Machines: 0 of 3");
    let policy = shown.header("content-security-policy");
    assert!(policy.ends_with("; script-src 'self'"), "{policy}");
    shown.says("<script src=\"/assets/copy.js?v=");
    let (_, key) = shown.page.split_once("readonly value=\"").unwrap();
    let key = key.split('"').next().unwrap();
    for machine in ["desk", "lap"] {
        let body = json!({ "license_key": key, "machine": machine });
        let active = rig.post("/v1/machines/activate").json(body).send().await;
        active.ok(200);
    }
    let shown = browser.get("/portal/licenses").await.is(200);
    shown.is_sound().says("Machines: 2 of 3");
    let mark = shown.field("machine");
    let me = rig
        .get("/v1/me")
        .by(browser.cookie.split_once('=').unwrap().1);
    let id = text(&me.send().await.ok(200)["licenses"][0]["id"]);
    let off = format!("/portal/licenses/{id}/deactivate");
    for _ in 0..2 {
        let done = browser.presses(&off, &[("machine", &mark)]).await;
        done.leads("/portal/licenses");
        let shown = browser.get("/portal/licenses").await.is(200);
        shown.says("Machines: 1 of 3").keeps_to_itself(&mark);
    }
    browser.presses(&off, &[]).await.is(400);
    let script = browser.get("/assets/copy.js").await.is(200);
    assert!(script.header("content-type").starts_with("text/javascript"));
}

#[tokio::test]
async fn an_invoice_is_printed_and_filed_from_the_list() {
    let rig = shop(PAGES).await;
    let (ana, browser) = holding(&rig, "pro-monthly").await;
    let listed = browser.get("/portal/invoices").await.is(200);
    let shown = listed
        .page
        .split_once("href=\"/portal/invoices/")
        .unwrap()
        .1;
    let id = shown.split('"').next().unwrap();
    for page in [
        &listed,
        &browser.get(&format!("/portal/invoices/{id}")).await.is(200),
    ] {
        page.is_sound()
            .says(&format!("href=\"/portal/invoices/{id}/print\""))
            .says(&format!("href=\"/portal/invoices/{id}/pdf\""));
    }
    for (path, accept, media) in [
        ("print", "text/html", "text/html; charset=utf-8"),
        ("pdf", "application/pdf", "application/pdf"),
    ] {
        let got = browser
            .get(&format!("/portal/invoices/{id}/{path}"))
            .await
            .is(200);
        assert_eq!(got.header("content-type"), media);
        assert_eq!(got.header("cache-control"), "no-store");
        let own = rig
            .get(&format!("/v1/me/invoices/{id}/document"))
            .by(&ana.session);
        let own = own.header("accept", accept).send().await;
        assert_eq!(own.status, 200);
        // To the byte what the API gives, under a policy of its own.
        let policy = own.header("content-security-policy");
        if !policy.is_empty() {
            assert_eq!(got.header("content-security-policy"), policy);
        }
        assert_eq!(got.page, String::from_utf8_lossy(&own.bytes));
    }
    rig.customer("eve").await;
    let eve = Browser::of(&rig, "eve").await;
    for path in ["print", "pdf"] {
        eve.get(&format!("/portal/invoices/{id}/{path}"))
            .await
            .is(404);
    }
}

#[tokio::test]
async fn invoices_come_page_by_page() {
    /// More than two pages hold.
    const BOUGHT: usize = 45;
    let rig = Rig::new().await;
    rig.customer("ana").await;
    for _ in 0..BOUGHT {
        rig.buys("ana", "personal-monthly").await;
        rig.clock.advance(SignedDuration::from_secs(1));
    }
    let browser = Browser::of(&rig, "ana").await;
    let mut at = "/portal/invoices".to_owned();
    let mut seen = std::collections::BTreeSet::new();
    let mut pages = 0;
    loop {
        let shown = browser.get(&at).await.is(200);
        shown.is_sound();
        let rows = shown.page.match_indices("href=\"/portal/invoices/inv_");
        let rows = rows.map(|(at, _)| shown.page[at..].split('"').nth(1).unwrap());
        let rows = rows.filter(|row| row.matches('/').count() == 3);
        let before = seen.len();
        seen.extend(rows.map(str::to_owned));
        assert!(seen.len() - before <= 20, "{at}");
        pages += 1;
        let next = shown.page.split_once("rel=\"next\" href=\"");
        let Some((_, next)) = next else { break };
        at = next.split('"').next().unwrap().to_owned();
    }
    assert_eq!((seen.len(), pages), (BOUGHT, 3));
    for wrong in ["x", "", "sub_1", &"9".repeat(1000)] {
        let shown = browser
            .get(&format!("/portal/invoices?after={wrong}"))
            .await;
        shown.is(404);
    }
}
