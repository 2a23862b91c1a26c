//! The dashboard as operators use it: in by a key, over everybody, and what is decided there.

use billing_ports::Clock as _;
use billing_ports::store::{
    Disabled, DisabledWhy, Endpoint, EndpointSecret, Endpoints as _, Ring as _,
};
use billing_testkit::fixtures::Maker;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::audit::gave_up;
use crate::browser::{Browser, Shown};
use crate::migrations::{Books, dearer};
use crate::rig::{ADMIN, READ, Rig, WRITE, text};
use crate::shop::{Holder, PAGES, shop};

/// What the cookie of an operator's session is called over an encrypted connection.
pub(crate) const COOKIE: &str = "__Host-billing-admin";

/// A browser that came in with this key.
pub(crate) async fn signed_in(rig: &Rig, key: &str) -> Browser {
    let mut browser = Browser::new(rig);
    let entered = browser.posts("/admin/sign-in", &[("key", key)]).await;
    let entered = entered.leads("/admin");
    let (cookie, _) = entered.header("set-cookie").split_once(';').unwrap();
    cookie.clone_into(&mut browser.cookie);
    browser
}

/// Sends a form of the operator's own.
pub(crate) async fn does(browser: &Browser, path: &str, form: &[(&str, &str)]) -> Shown {
    let proof = browser.get("/admin").await.is(200).field("form_token");
    let mut fields = vec![("form_token", proof.as_str())];
    fields.extend(form);
    browser.posts(path, &fields).await
}

/// The act of this request, as the audit tells it: acts of one instant have no order.
async fn act(rig: &Rig, request: &str) -> Value {
    let acts = rig.get("/v1/audit").by(ADMIN).send().await.ok(200);
    let mut acts = acts["data"].as_array().unwrap().iter();
    acts.find(|act| act["request"] == request).unwrap().clone()
}

/// An event that arrived and cannot be read; gives the id of what is parked.
pub(crate) async fn unreadable(rig: &Rig, seed: u64) -> String {
    let mut make = Maker::new(seed);
    let delivery = make.unreadable(None);
    let received = rig.store.receive(make.id(), delivery, make.now).await;
    received.unwrap();
    rig.state.billing.work_until_idle().await.unwrap();
    only_parked(rig).await
}

async fn only_parked(rig: &Rig) -> String {
    let parked = rig.get("/v1/parked").by(ADMIN).send().await.ok(200);
    assert_eq!(parked["data"].as_array().unwrap().len(), 1, "{parked}");
    text(&parked["data"][0]["id"])
}

#[tokio::test]
async fn who_came_left_and_moved_is_drawn_by_plan_and_by_price() {
    let rig = shop(PAGES).await;
    let none = signed_in(&rig, READ)
        .await
        .get("/admin/churn")
        .await
        .is(200);
    none.is_sound().says("Nobody has come yet.");
    rig.clock.advance(SignedDuration::from_mins(5));
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let change = ana.changes(json!({ "plan": "pro" })).await;
    rig.pays(&text(&change["checkout_url"])).await;
    let ben = rig.customer("ben").await;
    rig.buys(&ben, "pro-monthly").await;
    rig.clock.advance(SignedDuration::from_mins(5));
    let browser = signed_in(&rig, READ).await;
    let overview = browser.get("/admin").await.is(200);
    overview.is_sound();
    for words in [
        "New, lost and churn, by plan",
        "New, lost and churn, by price",
        "<bdi>Pro</bdi></th><td data-name=\"In a month\" class=\"money\">$60<",
        "<bdi>Pro</bdi>, pro-monthly</th><td data-name=\"In a month\" class=\"money\">$60<",
        "<svg class=\"bar pair\"",
        "data-name=\"Arrived\" class=\"money\">1<",
        "data-name=\"Held now\" class=\"money\">2<",
        "href=\"/admin/churn?split=plan\"",
        "href=\"/admin/churn?split=price\"",
    ] {
        overview.says(words);
    }
    let by_plan = browser.get("/admin/churn").await.is(200);
    by_plan.is_sound();
    for words in [
        "<h2 id=\"part-1\"><bdi>Basic</bdi></h2>",
        "aria-label=\"Subscriptions by month: new and lost and left, as in the table below\"",
        "aria-label=\"Subscriptions by month: new and lost and arrived, as in the table below\"",
        "aria-label=\"Share lost, by month: churn, as in the table below\"",
        "data-name=\"New\" class=\"money\">1, $10<",
        "data-name=\"Left\" class=\"money\">1, $10<",
        "data-name=\"Arrived\" class=\"money\">1, $30<",
        "data-name=\"At its end\" class=\"money\">2<",
    ] {
        by_plan.says(words);
    }
    by_plan.keeps_to_itself("pro-monthly");
    let by_price = browser.get("/admin/churn?split=price").await.is(200);
    by_price.is_sound().says("<bdi>Pro</bdi>, pro-monthly</h2>");
}

#[tokio::test]
async fn an_operator_comes_in_with_a_key_and_leaves() {
    let rig = Rig::new().await;
    let mut browser = Browser::new(&rig);
    browser.get("/admin").await.leads("/admin/sign-in");
    let door = browser.get("/admin/sign-in").await.is(200);
    door.is_sound().says("Operator key");
    let entered = browser.posts("/admin/sign-in", &[("key", READ)]).await;
    let entered = entered.leads("/admin");
    assert_eq!(entered.header("cache-control"), "no-store");
    let cookie = entered.header("set-cookie");
    let (pair, rest) = cookie.split_once("; ").unwrap();
    let (name, token) = pair.split_once('=').unwrap();
    assert_eq!(name, COOKIE);
    assert!(token.starts_with("bo_") && token.len() == 67, "{token}");
    assert_eq!(
        rest,
        "Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure"
    );
    pair.clone_into(&mut browser.cookie);
    let shown = browser.get("/admin").await.is(200);
    shown
        .is_sound()
        .says("Overview")
        .says("which may only look");
    shown.keeps_to_itself(READ).keeps_to_itself(token);
    let act = act(&rig, "POST /admin/sign-in").await;
    assert_eq!(act["name"], "read");
    let left = does(&browser, "/admin/sign-out", &[]).await;
    let left = left.leads("/admin/sign-in?left");
    let dropped = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(left.header("set-cookie"), dropped);
    let door = browser.get("/admin/sign-in?left").await.is(200);
    door.says("You are signed out.");
}

#[tokio::test]
async fn the_overview_counts_what_recurs_and_what_waits() {
    let rig = shop(PAGES).await;
    let empty = signed_in(&rig, READ).await.get("/admin").await.is(200);
    empty.is_sound().says("Nothing recurs yet.");
    rig.clock.advance(SignedDuration::from_mins(5));
    for (name, price) in [
        ("ana", "pro-monthly"),
        ("ben", "pro-monthly"),
        ("cleo", "basic-monthly"),
        ("dora", "pro-euro"),
    ] {
        let customer = rig.customer(name).await;
        rig.buys(&customer, price).await;
    }
    unreadable(&rig, 1).await;
    rig.clock.advance(SignedDuration::from_mins(5));
    let browser = signed_in(&rig, READ).await;
    let shown = browser.get("/admin").await.is(200);
    shown.is_sound();
    for words in [
        "€28, $70",
        "<bdi>Pro</bdi>",
        "pro-monthly, per month",
        "data-name=\"In a month\" class=\"money\">$60<",
        "aria-label=\"Subscriptions by month: new and lost, as in the table below\"",
        "<a href=\"/admin/parked\"><span class=\"badge due\">1</span></a>",
        "data-name=\"New\" class=\"money\">4<",
        "<text x=\"576\" y=\"202\">Mar</text>",
    ] {
        shown.says(words);
    }
    // A cycle later nobody has paid: it is due, then past due.
    rig.clock.set("2026-04-02T12:00:00Z".parse().unwrap());
    rig.state.billing.work_until_idle().await.unwrap();
    let shown = browser.get("/admin").await.leads("/admin/sign-in");
    drop(shown);
    let browser = signed_in(&rig, READ).await;
    let shown = browser.get("/admin").await.is(200);
    shown
        .says("<a href=\"/admin/invoices?open=renewals\"><span class=\"badge trial\">4</span></a>");
    let owed = browser.get("/admin/invoices?open=renewals").await.is(200);
    owed.is_sound().says("Renewal").says("$30");
    let past = browser.get("/admin/subscriptions?status=past_due").await;
    past.is(200).is_sound().says("Past due");
}

/// One that was given up, or is not taking anything by now, is shown until it takes something
/// again; one that an operator switched off is not, whatever it did before.
#[tokio::test]
async fn a_receiver_that_takes_nothing_is_shown_on_the_overview() {
    let rig = Rig::new().await;
    let browser = signed_in(&rig, READ).await;
    let badge = |host: &str| format!("<span class=\"badge over\">{host}</span>");
    let mut make = Maker::new(5);
    let at = rig.clock.now();
    for (host, failing, disabled) in [
        ("well.example", false, None),
        ("off.example", true, Some(DisabledWhy::Operator)),
        ("failing.example", true, None),
        ("given-up.example", true, Some(DisabledWhy::Failing)),
        ("gone.example", false, Some(DisabledWhy::Gone)),
    ] {
        let receiver = Endpoint {
            id: make.id(),
            url: format!("https://{host}/hook?token=secretish"),
            events: Vec::new(),
            secret: EndpointSecret([7; 32]),
            old_secret: None,
            failing_since: failing.then_some(at),
            disabled: disabled.map(|why| Disabled { at, why }),
            created_at: at,
        };
        assert!(rig.store.add_endpoint(&receiver).await.unwrap());
        let shown = browser.get("/admin").await.is(200);
        shown.is_sound().keeps_to_itself("secretish");
        if matches!(host, "well.example" | "off.example") {
            shown.keeps_to_itself(host);
            shown.says("<dt>Receivers that take nothing</dt><dd><span class=\"badge good\">None");
        } else {
            shown.says(&badge(host));
            shown.keeps_to_itself(
                "<dt>Receivers that take nothing</dt><dd><span class=\"badge good\">",
            );
        }
    }
    // It takes something again, or an operator enables it.
    for receiver in rig.store.list_endpoints().await.unwrap() {
        assert!(rig.store.switch_endpoint(receiver.id, None).await.unwrap());
    }
    let shown = browser.get("/admin").await.is(200);
    shown.keeps_to_itself(&badge("given-up.example"));
    shown.keeps_to_itself(&badge("gone.example"));
}

#[tokio::test]
async fn what_is_parked_is_replayed_linked_or_let_go_with_a_reason() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let id = unreadable(&rig, 5).await;
    let browser = signed_in(&rig, ADMIN).await;
    let list = browser.get("/admin/parked").await.is(200);
    list.is_sound().says("It could not be read").says(&id);
    let none = browser.get("/admin/parked?reason=unlinked").await.is(200);
    none.says("Nothing waits.");
    let path = format!("/admin/parked/{id}");
    let shown = browser.get(&path).await.is(200);
    shown
        .is_sound()
        .says("What solves it")
        .says("Update this server, and try it again.")
        .says("Try it again")
        .says("Let it go")
        .says("Give it to this customer");

    let why = [("reason", "the parser was mended")];
    let done = does(&browser, &format!("{path}/replay"), &why).await;
    let done = done.leads("/admin/parked?done=replay");
    let said = browser.get(done.header("location")).await.is(200);
    said.is_sound().says("It is being tried again.");
    let replayed = act(&rig, &format!("POST {path}/replay")).await;
    assert_eq!(replayed["reason"], "the parser was mended");
    assert_eq!(replayed["name"], "admin");
    does(&browser, &format!("{path}/replay"), &why)
        .await
        .is(404);

    // It cannot be read this time either, and waits anew.
    rig.state.billing.work_until_idle().await.unwrap();
    let again = only_parked(&rig).await;
    assert_ne!(again, id);
    let path = format!("/admin/parked/{again}");
    let form = [("customer", "nobody"), ("reason", "called")];
    let refused = does(&browser, &format!("{path}/link"), &form).await;
    refused.is(404).says("No such customer");
    let form = [("customer", "ana"), ("reason", "called")];
    let done = does(&browser, &format!("{path}/link"), &form).await;
    done.leads("/admin/parked?done=link");
    let given = act(&rig, &format!("POST {path}/link")).await;
    assert_eq!(
        (&given["reason"], &given["customer"]),
        (&json!("called"), &json!(ana))
    );

    rig.state.billing.work_until_idle().await.unwrap();
    let third = only_parked(&rig).await;
    let path = format!("/admin/parked/{third}/discard");
    let done = does(&browser, &path, &[("reason", "a test of theirs")]).await;
    done.leads("/admin/parked?done=discard");
    let let_go = act(&rig, &format!("POST {path}")).await;
    assert_eq!(let_go["reason"], "a test of theirs");
    let list = browser.get("/admin/parked").await.is(200);
    list.says("Nothing waits.");
}

#[tokio::test]
async fn what_was_given_up_is_sent_again() {
    let (rig, id) = gave_up().await;
    let browser = signed_in(&rig, ADMIN).await;
    let overview = browser.get("/admin").await.is(200);
    overview.says("href=\"/admin/deliveries?status=dead\"");
    let list = browser.get("/admin/deliveries?status=dead").await.is(200);
    list.is_sound().says(&id).says("hooks.example.com");
    let path = format!("/admin/deliveries/{id}");
    let shown = browser.get(&path).await.is(200);
    shown.is_sound().says("Send it again").says("Given up");
    let retry = format!("{path}/retry");
    let form = [("reason", "it is up again")];
    let done = does(&browser, &retry, &form).await;
    done.leads(&path);
    let retried = act(&rig, &format!("POST {retry}")).await;
    assert_eq!(retried["reason"], "it is up again");
    let shown = browser.get(&path).await.is(200);
    shown.says("To be sent").keeps_to_itself("Send it again");
    let refused = does(&browser, &retry, &form).await.is(409);
    refused.says("Only what was given up can be retried.");
    let list = browser.get("/admin/deliveries?status=dead").await;
    list.is(200).says("There are none.");
}

#[tokio::test]
async fn a_customer_is_found_and_its_whole_story_told() {
    let rig = shop(PAGES).await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "pro-monthly").await;
    let granted = rig.post("/v1/customers/ana/grants").by(WRITE);
    granted.json(json!({ "plan": "team" })).send().await.ok(201);
    let held = rig.get("/v1/subscriptions").by(READ).send().await.ok(200);
    let billed = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    let browser = signed_in(&rig, READ).await;
    let path = format!("/admin/customers/{ana}");
    for wanted in [
        ana.as_str(),
        "ana",
        &text(&held["data"][0]["id"]),
        &text(&billed["data"][0]["id"]),
    ] {
        let found = browser.get(&format!("/admin/customers?q={wanted}")).await;
        found.leads(&path);
    }
    let found = browser.get("/admin/customers?q=Ana@Example.com").await;
    let found = found.is(200);
    found.is_sound().says(&ana);
    let none = browser.get("/admin/customers?q=bob").await.is(200);
    none.is_sound().says("Nobody was found.");
    let shown = browser.get(&path).await.is(200);
    shown.is_sound();
    for words in [
        "<bdi>ana@example.com</bdi>",
        "<bdi>Pro</bdi>",
        "$30 per month",
        "an operator&#39;s gift",
        "subscription.created",
        "grant.added",
        "invoice.settled",
        "Paid",
    ] {
        let plain = words.replace("&#39;", "'");
        assert!(
            shown.page.contains(words) || shown.page.contains(&plain),
            "no {words}: {}",
            shown.page
        );
    }
    // Everything that happened is there, page by page.
    let journal = format!("/v1/customers/{ana}/journal?limit=100");
    let journal = rig.get(&journal).by(READ).send().await.ok(200);
    let all = journal["data"].as_array().unwrap().len();
    assert_eq!(
        shown.page.matches("<li><p class=\"small\">").count(),
        all.min(20)
    );
    let none = format!("/admin/customers/cus_{}", "0".repeat(32));
    browser.get(&none).await.is(404).is_sound();
}

#[tokio::test]
async fn lists_go_on_page_by_page() {
    let rig = Rig::new().await;
    for number in 0..45 {
        rig.customer(&format!("number-{number}")).await;
        rig.clock.advance(SignedDuration::from_secs(1));
    }
    let browser = signed_in(&rig, READ).await;
    let mut path = "/admin/customers".to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for rows in [20, 20, 5] {
        let shown = browser.get(&path).await.is(200);
        shown.is_sound();
        let found: Vec<&str> = shown.page.split("<bdi>number-").skip(1).collect();
        assert_eq!(found.len(), rows);
        let names = found.iter().map(|rest| rest.split('<').next().unwrap());
        seen.extend(names.map(str::to_owned));
        let next = shown.page.split_once("rel=\"next\" href=\"");
        path = next
            .map_or("", |(_, rest)| rest.split('"').next().unwrap())
            .to_owned();
    }
    assert_eq!((path.as_str(), seen.len()), ("", 45));
    browser.get("/admin/customers?after=x").await.is(404);
}

#[tokio::test]
async fn who_holds_which_price_is_listed() {
    let rig = shop(PAGES).await;
    for (name, price) in [("ana", "pro-monthly"), ("ben", "pro-yearly")] {
        let customer = rig.customer(name).await;
        rig.buys(&customer, price).await;
    }
    let browser = signed_in(&rig, READ).await;
    let shown = browser.get("/admin/prices").await.is(200);
    shown.is_sound().says("$300 per year").says("Counted ");
    // It is counted once in five minutes, whoever asks.
    let late = rig.customer("late").await;
    rig.buys(&late, "basic-monthly").await;
    let again = browser.get("/admin/prices").await.is(200);
    again.keeps_to_itself("basic-monthly");
    rig.clock.advance(SignedDuration::from_mins(5));
    let anew = browser.get("/admin/prices").await.is(200);
    anew.says("basic-monthly");
    let (_, rest) = shown
        .page
        .split_once("href=\"/admin/subscriptions?")
        .unwrap();
    let query = rest.split('"').next().unwrap().replace("&amp;", "&");
    let held = browser.get(&format!("/admin/subscriptions?{query}")).await;
    let held = held.is(200);
    held.is_sound()
        .says("pro-monthly")
        .keeps_to_itself("<code>pro-yearly");
    browser.get("/admin/subscriptions?price=%00").await.is(404);
}

#[tokio::test]
async fn a_price_migration_is_planned_confirmed_and_watched() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob", "eve"]).await;
    let (_, id) = &books.holders[2];
    let cancel = format!("/v1/subscriptions/{id}/cancel");
    rig.post(&cancel).by(ADMIN).send().await.ok(200);
    let browser = signed_in(&rig, ADMIN).await;
    let planner = browser.get("/admin/migrations").await.is(200);
    planner
        .is_sound()
        .says("value=\"personal-2026\"")
        .says("There are none.");
    let before = rig.store.snapshot();
    let ask = "/admin/migrations/plan?from=personal-monthly&to=personal-2026&not_before=";
    let plan = browser.get(ask).await.is(200);
    plan.is_sound();
    for words in [
        "canceled, and does not renew",
        "1 April 2026",
        "1 March 2026: <strong>2</strong>",
        "data-name=\"Before\" class=\"money\">$10<",
        "data-name=\"After\" class=\"money\">$12<",
        "data-name=\"Difference\" class=\"money\">$2<",
        "with the migration",
        "Move 2 of 3",
        "aria-label=\"Monthly revenue of those who move: before and after",
    ] {
        plan.says(words);
    }
    assert_eq!(rig.store.snapshot(), before, "planning writes nothing");
    let digest = plan.field("digest");
    let moves = format!(
        "/admin/migrations/moves?from=personal-monthly&to=personal-2026&not_before=&digest={digest}"
    );
    let moves = browser.get(&moves).await.is(200);
    moves.is_sound().says(&books.holders[0].1).says("$6");
    let later = browser
        .get("/admin/migrations/plan?from=personal-monthly&to=personal-2026&not_before=2026-09-10")
        .await
        .is(200);
    later.says("1 October 2026").says("2026-09-10");

    let form = |digest: &'static str| {
        [
            ("from", "personal-monthly"),
            ("to", "personal-2026"),
            ("not_before", ""),
            ("digest", digest),
            ("reason", "costs rose"),
        ]
    };
    let stale = does(&browser, "/admin/migrations", &form("0")).await;
    stale.is(409).says("The plan no longer holds");
    assert_eq!(rig.store.snapshot(), before, "a stale plan writes nothing");
    let done = does(&browser, "/admin/migrations", &form(String::leak(digest))).await;
    let done = done.is(303);
    let shown = browser.get(done.header("location")).await.is(200);
    shown.is_sound().says("Finished").says("3 of 3");
    let begun = act(&rig, "POST /admin/migrations").await;
    assert_eq!(begun["reason"], "costs rose");
    let list = browser.get("/admin/migrations").await.is(200);
    list.says("3 of 3");
    let (ana, _) = &books.holders[0];
    let story = browser.get(&format!("/admin/customers/{ana}")).await;
    story.is(200).says("price_change.upcoming");
}

#[tokio::test]
async fn a_migration_that_cannot_be_says_why() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let browser = signed_in(&rig, READ).await;
    for (query, words) in [
        (
            "from=personal-monthly&to=personal-monthly",
            "leads to another price",
        ),
        (
            "from=personal-monthly&to=personal-2099",
            "no price personal-2099",
        ),
    ] {
        let shown = browser
            .get(&format!("/admin/migrations/plan?{query}"))
            .await;
        let shown = shown.is(200);
        shown.is_sound().says("This cannot be planned").says(words);
    }
    for query in [
        "",
        "from=%00&to=x",
        "from=personal-monthly&to=personal-2026&not_before=soon",
    ] {
        let shown = browser
            .get(&format!("/admin/migrations/plan?{query}"))
            .await;
        shown.is(400).is_sound();
    }
}
