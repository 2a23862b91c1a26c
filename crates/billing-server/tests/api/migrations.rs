//! Price migrations over HTTP: planned, refused, executed once, gone on with.

use billing_catalog::{SAMPLE, read_plan_file};
use billing_domain::ids::IdSeq;
use billing_ports::Clock as _;
use billing_ports::store::{MigrationRow, Migrations as _};
use serde_json::{Value, json};

use crate::rig::{ADMIN, READ, Rig, text};

const PATH: &str = "/v1/price-migrations";

/// Sells a dearer price beside the one that everybody holds.
pub(crate) async fn dearer(rig: &Rig) {
    let old = "personal-monthly: { amount: 5.00, interval: month }";
    assert!(SAMPLE.contains(old));
    let both = format!("{old}\n      personal-2026: {{ amount: 6.00, interval: month }}");
    let catalog = read_plan_file("plans", SAMPLE.replace(old, &both).as_bytes()).unwrap();
    rig.state.billing.apply_catalog(&catalog).await.unwrap();
}

/// Who holds what.
pub(crate) struct Books {
    /// Customers and their subscriptions, at `personal-monthly`.
    pub(crate) holders: Vec<(String, String)>,
}

impl Books {
    pub(crate) async fn with(rig: &Rig, names: &[&str]) -> Self {
        let mut holders = Vec::new();
        for name in names {
            let customer = rig.customer(name).await;
            rig.buys(&customer, "personal-monthly").await;
            let path = format!("/v1/subscriptions?customer={customer}");
            let held = rig.get(&path).by(READ).send().await.ok(200);
            holders.push((customer, text(&held["data"][0]["id"])));
        }
        Self { holders }
    }
}

fn route() -> Value {
    json!({ "from": "personal-monthly", "to": "personal-2026" })
}

fn by_digest(digest: &Value) -> Value {
    let mut body = route();
    body["digest"] = digest.clone();
    body
}

pub(crate) async fn planned(rig: &Rig) -> Value {
    rig.post(PATH).by(ADMIN).json(route()).send().await.ok(200)
}

/// Plans, and executes the plan.
pub(crate) async fn executed(rig: &Rig) -> Value {
    let plan = planned(rig).await;
    let body = by_digest(&plan["digest"]);
    rig.post(PATH).by(ADMIN).json(body).send().await.ok(202)
}

/// Everything that could have been written: subscriptions, invoices, journals
/// and migrations, in full.
async fn everything(rig: &Rig, books: &Books) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["/v1/subscriptions", "/v1/invoices", PATH] {
        let path = format!("{path}?limit=100");
        all.push(rig.get(&path).by(ADMIN).send().await.ok(200));
    }
    for (customer, _) in &books.holders {
        all.push(journal(rig, customer).await);
    }
    all
}

async fn journal(rig: &Rig, customer: &str) -> Value {
    let path = format!("/v1/customers/{customer}/journal?limit=100");
    rig.get(&path).by(READ).send().await.ok(200)
}

/// How often somebody was told of a price to come.
async fn notices(rig: &Rig, customer: &str) -> usize {
    let journal = journal(rig, customer).await;
    let rows = journal["data"].as_array().unwrap().iter();
    rows.filter(|row| row["event"] == "price_change.upcoming")
        .count()
}

#[tokio::test]
async fn a_plan_tells_who_moves_and_writes_nothing() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob", "eve"]).await;
    let (_, id) = &books.holders[2];
    let path = format!("/v1/subscriptions/{id}/cancel");
    rig.post(&path).by(ADMIN).send().await.ok(200);
    let before = everything(&rig, &books).await;
    let plan = planned(&rig).await;
    assert_eq!(planned(&rig).await, plan, "the same world, the same plan");
    assert_eq!(everything(&rig, &books).await, before);

    assert_eq!((&plan["holders"], &plan["moves"]), (&json!(3), &json!(2)));
    assert_eq!(plan["kept"], json!([{"reason": "canceled", "holders": 1}]));
    assert_eq!(plan["first_move"], "2026-04-01T12:00:00Z");
    assert_eq!(plan["last_move"], "2026-04-01T12:00:00Z");
    assert_eq!(plan["not_before"], Value::Null);
    let day = json!([{"day": "2026-03-01T00:00:00Z", "notices": 2}]);
    assert_eq!(plan["notices"], day);
    let months = plan["months"].as_array().unwrap();
    assert_eq!(months.len(), 12);
    let month = |starts: &str, effect: i64, moves: u64, notices: u64| {
        json!({
            "starts": starts,
            "effect": {"amount": effect, "currency": "usd"},
            "moves": moves,
            "notices": notices,
        })
    };
    assert_eq!(months[0], month("2026-03-01T00:00:00Z", 0, 0, 2));
    assert_eq!(months[1], month("2026-04-01T00:00:00Z", 200, 2, 0));
    assert_eq!(months[11], month("2027-02-01T00:00:00Z", 200, 0, 0));
    assert_eq!(plan["more"], false);
    let moving = plan["moving"].as_array().unwrap();
    let mut who: Vec<String> = moving
        .iter()
        .map(|moves| text(&moves["customer"]))
        .collect();
    let mut expected = vec![books.holders[0].0.clone(), books.holders[1].0.clone()];
    who.sort();
    expected.sort();
    assert_eq!(who, expected);
    assert_eq!(moving[0]["from_amount"]["amount"], 500);
    assert_eq!(moving[0]["to_amount"]["amount"], 600);
    assert_eq!(moving[0]["notice"], true);

    let mut later = route();
    later["not_before"] = json!("2026-06-15T00:00:00Z");
    let later = rig.post(PATH).by(ADMIN).json(later).send().await.ok(200);
    assert_eq!(later["first_move"], "2026-07-01T12:00:00Z");
    assert_ne!(later["digest"], plan["digest"]);
}

#[tokio::test]
async fn a_plan_is_executed_once_and_told_of_again() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob"]).await;
    let plan = planned(&rig).await;
    let body = by_digest(&plan["digest"]);
    let ask = || rig.post(PATH).by(ADMIN).json(body.clone());
    let done = ask().send().await.ok(202);
    assert_eq!((&done["planned"], &done["done"]), (&json!(2), &json!(2)));
    assert_eq!(done["finished_at"], "2026-03-01T12:00:00Z");
    assert_eq!(done["under_way"], false);
    for (customer, id) in &books.holders {
        let path = format!("/v1/subscriptions/{id}");
        let held = rig.get(&path).by(READ).send().await.ok(200);
        assert_eq!(held["scheduled"]["price"], "personal-2026", "{held}");
        assert_eq!(notices(&rig, customer).await, 1);
    }
    let after = everything(&rig, &books).await;
    assert_eq!(ask().send().await.ok(202), done);
    assert_eq!(everything(&rig, &books).await, after);

    let path = format!("{PATH}/{}", text(&done["id"]));
    assert_eq!(rig.get(&path).by(ADMIN).send().await.ok(200), done);
    let list = rig.get(PATH).by(ADMIN).send().await.ok(200);
    assert_eq!(list, json!({"data": [done], "next_cursor": null}));

    let again = planned(&rig).await;
    let kept = json!([{"reason": "migration_pending", "holders": 2}]);
    assert_eq!((&again["moves"], &again["kept"]), (&json!(0), &kept));
}

#[tokio::test]
async fn two_requests_at_once_execute_one_plan_once() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob"]).await;
    let plan = planned(&rig).await;
    let ask = || {
        let body = by_digest(&plan["digest"]);
        rig.post(PATH).by(ADMIN).json(body).send()
    };
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!(one.ok(202)["id"], other.ok(202)["id"]);
    let list = rig.get(PATH).by(ADMIN).send().await.ok(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    for (customer, _) in &books.holders {
        assert_eq!(notices(&rig, customer).await, 1);
    }
}

#[tokio::test]
async fn a_plan_that_the_world_has_left_behind_is_refused() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    Books::with(&rig, &["ana"]).await;
    let plan = planned(&rig).await;
    let books = Books::with(&rig, &["bob"]).await;
    let before = everything(&rig, &books).await;
    let body = by_digest(&plan["digest"]);
    let ask = || rig.post(PATH).by(ADMIN).json(body.clone());
    ask().send().await.refused(409, "plan_stale");
    assert_eq!(everything(&rig, &books).await, before);
    executed(&rig).await;
}

/// A migration that a process left behind.
async fn left_behind(rig: &Rig, digest: &str) -> MigrationRow {
    let row = MigrationRow {
        id: IdSeq::new(rig.clock.now(), 77).draw(),
        from: "personal-monthly".parse().unwrap(),
        to: "personal-2026".parse().unwrap(),
        not_before: "1970-01-01T00:00:00Z".parse().unwrap(),
        digest: digest.to_owned(),
        planned: 2,
        done: 0,
        after: None,
        actor: None,
        begun_at: rig.clock.now(),
        finished_at: None,
    };
    rig.store.put_migration(&row).await.unwrap();
    row
}

#[tokio::test]
async fn what_was_left_behind_stands_in_the_way_until_it_is_gone_on_with() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob"]).await;
    let row = left_behind(&rig, "of-before").await;
    let plan = planned(&rig).await;
    let other = rig.post(PATH).by(ADMIN).json(by_digest(&plan["digest"]));
    let refused = other.send().await.refused(409, "migration_under_way");
    assert_eq!(refused["migration"], row.id.to_string());
    let path = format!("{PATH}/{}", row.id);
    let told = rig.get(&path).by(ADMIN).send().await.ok(200);
    assert_eq!(
        (&told["done"], &told["under_way"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(told["finished_at"], Value::Null);

    let same = rig
        .post(PATH)
        .by(ADMIN)
        .json(by_digest(&json!("of-before")));
    let done = same.send().await.ok(202);
    assert_eq!((&done["id"], &done["done"]), (&told["id"], &json!(2)));
    assert_ne!(done["finished_at"], Value::Null);
    for (customer, _) in &books.holders {
        assert_eq!(notices(&rig, customer).await, 1);
    }
}

#[tokio::test]
async fn what_cannot_be_planned_is_named() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let table = [
        ("nosuch", "personal-2026", "no price nosuch"),
        ("personal-monthly", "nosuch", "no price nosuch"),
        ("personal-monthly", "personal-monthly", "another price"),
        ("personal-monthly", "personal-yearly", "intervals"),
        ("lifetime-once", "personal-monthly", "never renews"),
    ];
    for (from, to, words) in table {
        for digest in [Value::Null, json!("some")] {
            let body = json!({ "from": from, "to": to, "digest": digest });
            let got = rig.post(PATH).by(ADMIN).json(body).send().await;
            let refused = got.refused(422, "unprocessable");
            assert!(text(&refused["detail"]).contains(words), "{refused}");
        }
    }
    let wrong = [
        ("from", json!({ "to": "personal-2026" })),
        ("to", json!({ "from": "personal-monthly" })),
        (
            "to",
            json!({ "from": "personal-monthly", "to": "no such key" }),
        ),
        ("digest", json!({ "from": "a", "to": "b", "digest": "" })),
        (
            "not_before",
            json!({ "from": "a", "to": "b", "not_before": "soon" }),
        ),
        ("when", json!({ "from": "a", "to": "b", "when": "soon" })),
    ];
    for (field, body) in wrong {
        rig.post(PATH)
            .by(ADMIN)
            .json(body)
            .send()
            .await
            .wrong(field);
    }
    for id in ["mig_x".to_owned(), format!("mig_{}", "0".repeat(32))] {
        let path = format!("{PATH}/{id}");
        let nobody = rig.get(&path).by(ADMIN).send().await;
        nobody.refused(404, "not_found");
    }
}

/// The path of the moves of the plan with this digest.
fn moves_of(digest: &Value) -> String {
    let digest = text(digest);
    format!("{PATH}/moves?from=personal-monthly&to=personal-2026&digest={digest}")
}

/// One page, and where it leads.
async fn page(rig: &Rig, path: &str) -> (Vec<String>, Option<String>) {
    let got = rig.get(path).by(ADMIN).send().await.ok(200);
    let rows = got["data"].as_array().unwrap().iter();
    let next = got["next_cursor"].as_str().map(str::to_owned);
    (rows.map(|row| text(&row["subscription"])).collect(), next)
}

#[tokio::test]
async fn every_move_of_a_plan_is_named_page_after_page() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob", "eve", "joe", "kim", "lea"]).await;
    // Whoever is kept is no move, wherever a page ends.
    let (_, kept) = &books.holders[2];
    let path = format!("/v1/subscriptions/{kept}/cancel");
    rig.post(&path).by(ADMIN).send().await.ok(200);
    let plan = planned(&rig).await;
    assert_eq!(plan["moves"], 5);
    let before = everything(&rig, &books).await;

    let first = format!("{}&limit=2", moves_of(&plan["digest"]));
    let mut named = Vec::new();
    let mut sizes = Vec::new();
    let mut path = first.clone();
    loop {
        let (rows, next) = page(&rig, &path).await;
        sizes.push(rows.len());
        named.extend(rows);
        let Some(next) = next else { break };
        path = format!("{first}&cursor={next}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    let listed = plan["moving"].as_array().unwrap().iter();
    let listed: Vec<String> = listed.map(|row| text(&row["subscription"])).collect();
    assert_eq!(named, listed, "each once, in the order of the plan");
    assert!(!named.contains(kept));

    let whole = rig.get(&moves_of(&plan["digest"])).by(ADMIN).send().await;
    let whole = whole.ok(200);
    assert_eq!(whole["data"], plan["moving"]);
    assert_eq!(whole["next_cursor"], Value::Null);
    // A page that is just full leads nowhere.
    let (rows, next) = page(&rig, &format!("{}&limit=5", moves_of(&plan["digest"]))).await;
    assert_eq!((rows.len(), next), (5, None));
    let beyond = format!("{first}&cursor={}", listed[4]);
    assert_eq!(page(&rig, &beyond).await, (Vec::new(), None));
    assert_eq!(everything(&rig, &books).await, before, "nothing is written");
}

#[tokio::test]
async fn a_plan_that_moves_nobody_names_nobody() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let plan = planned(&rig).await;
    assert_eq!((&plan["holders"], &plan["moves"]), (&json!(0), &json!(0)));
    assert_eq!(
        page(&rig, &moves_of(&plan["digest"])).await,
        (Vec::new(), None)
    );
    let books = Books::with(&rig, &["ana"]).await;
    let (_, id) = &books.holders[0];
    let path = format!("/v1/subscriptions/{id}/cancel");
    rig.post(&path).by(ADMIN).send().await.ok(200);
    let plan = planned(&rig).await;
    assert_eq!((&plan["holders"], &plan["moves"]), (&json!(1), &json!(0)));
    assert_eq!(
        page(&rig, &moves_of(&plan["digest"])).await,
        (Vec::new(), None)
    );
}

#[tokio::test]
async fn pages_of_a_plan_that_the_world_has_left_behind_are_not_mixed() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    let books = Books::with(&rig, &["ana", "bob", "eve"]).await;
    let plan = planned(&rig).await;
    let first = format!("{}&limit=1", moves_of(&plan["digest"]));
    let (_, next) = page(&rig, &first).await;
    let second = format!("{first}&cursor={}", next.unwrap());
    let (rows, _) = page(&rig, &second).await;
    assert_eq!(rows.len(), 1);

    // What was told on the first page is no longer so: the second says it.
    let (_, gone) = &books.holders[0];
    let path = format!("/v1/subscriptions/{gone}/cancel");
    rig.post(&path).by(ADMIN).send().await.ok(200);
    for path in [&first, &second] {
        let got = rig.get(path).by(ADMIN).send().await;
        got.refused(409, "plan_stale");
    }
    // Nor is a plan of yesterday told.
    let plan = planned(&rig).await;
    let path = moves_of(&plan["digest"]);
    assert_eq!(page(&rig, &path).await.0.len(), 2);
    rig.clock.advance(jiff::SignedDuration::from_hours(24));
    let got = rig.get(&path).by(ADMIN).send().await;
    got.refused(409, "plan_stale");
}

#[tokio::test]
async fn what_names_no_page_of_moves_is_refused_by_its_field() {
    let rig = Rig::new().await;
    dearer(&rig).await;
    Books::with(&rig, &["ana"]).await;
    let plan = planned(&rig).await;
    let path = moves_of(&plan["digest"]);
    rig.get(&path)
        .by(READ)
        .send()
        .await
        .refused(403, "insufficient_scope");
    for (query, field) in [
        ("&limit=0", "limit"),
        ("&limit=5001", "limit"),
        ("&limit=x", "limit"),
        ("&cursor=x", "cursor"),
        ("&cursor=cus_x", "cursor"),
        ("&not_before=soon", "not_before"),
    ] {
        let path = format!("{path}{query}");
        rig.get(&path).by(ADMIN).send().await.wrong(field);
    }
    assert_eq!(page(&rig, &format!("{path}&limit=5000")).await.0.len(), 1);
    for (query, field) in [
        ("to=personal-2026&digest=x", "from"),
        ("from=no%20key&to=personal-2026&digest=x", "from"),
        ("from=personal-monthly&digest=x", "to"),
        ("from=personal-monthly&to=personal-2026", "digest"),
    ] {
        let path = format!("{PATH}/moves?{query}");
        rig.get(&path).by(ADMIN).send().await.wrong(field);
    }
    let path = format!("{PATH}/moves?from=personal-monthly&to=nosuch&digest=x");
    let got = rig.get(&path).by(ADMIN).send().await;
    got.refused(422, "unprocessable");
    // Another bound is another plan.
    let later = format!(
        "{}&not_before=2026-06-15T00:00:00Z",
        moves_of(&plan["digest"])
    );
    let got = rig.get(&later).by(ADMIN).send().await;
    got.refused(409, "plan_stale");
}
