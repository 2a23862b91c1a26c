//! `billing migrate-prices`: planned, shown, executed; killed in the middle and
//! gone on with.

use std::collections::BTreeSet;

use billing_domain::subscription::Why;
use serde_json::{Value, json};

use crate::books::{FROM, TO, catalog, hold, moved};
use crate::rig::{Folder, Ran};
use crate::server::Server;

const PLAN: [&str; 6] = ["migrate-prices", "plan", "--from", FROM, "--to", TO];

fn execute<'a>(digest: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["migrate-prices", "execute", "--from", FROM, "--to", TO];
    words.extend(["--digest", digest]);
    words.extend(more);
    words
}

fn planned(folder: &Folder) -> Value {
    let mut words = PLAN.to_vec();
    words.push("--json");
    folder.billing(&words).exits(0).json()
}

fn digest_of(plan: &Value) -> String {
    plan["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_plan_is_shown_and_executed_from_the_command_line() {
    let folder = Folder::new("migrate-prices");
    catalog(&folder);
    hold(&folder, 3);
    let plan = planned(&folder);
    assert_eq!((&plan["holders"], &plan["moves"]), (&json!(3), &json!(3)));
    let digest = digest_of(&plan);

    let mut words = PLAN.to_vec();
    words.extend(["--chart", "--svg", "effect.svg"]);
    let shown = folder.billing(&words);
    shown.exits(0).tells(&[
        "team-monthly -> team-2027: 3 of 3 subscriptions move",
        "month    effect on monthly revenue  moves  notices",
        "USD 30.00",
        "  USD 30.00  █████",
        &format!("execute --from {FROM} --to {TO} --digest {digest}"),
    ]);
    let widest = shown.out.lines().filter(|line| line.contains('█'));
    assert_eq!(widest.map(|line| line.chars().count()).max(), Some(80));
    let svg = std::fs::read_to_string(folder.path("effect.svg")).unwrap();
    assert_eq!(svg.matches("<rect ").count(), 12);
    assert!(
        moved(&folder)
            .holders
            .iter()
            .all(|held| held.scheduled.is_none())
    );

    let nobody = folder.billing(&execute(&digest, &[]));
    nobody
        .exits(2)
        .complains(&["nobody is there to be asked", "--yes"]);
    for more in [&[][..], &["--yes"]] {
        let stale = folder.billing(&execute("other", more));
        stale.exits(3).complains(&["not what would be done now"]);
    }
    let done = folder.billing(&execute(&digest, &["--yes"]));
    done.exits(0)
        .tells(&["executed, 3 subscriptions looked at."])
        .complains(&["3 of 3"]);
    let again = folder.billing(&execute(&digest, &["--yes", "--json"]));
    assert_eq!(again.exits(0).json()["done"], 3);
    let moved = moved(&folder);
    assert!(moved.holders.iter().all(|held| held.scheduled.is_some()));
    assert_eq!(moved.notices, [1, 1, 1]);

    for (from, to, code) in [(FROM, "nosuch", 3), (FROM, FROM, 3), (FROM, "no key", 2)] {
        let words = ["migrate-prices", "plan", "--from", from, "--to", to];
        folder.billing(&words).exits(code);
    }
}

#[test]
fn a_running_server_is_asked_and_tells_the_same() {
    let folder = Folder::new("migrate-prices-remote");
    catalog(&folder);
    hold(&folder, 2);
    let by_books = planned(&folder);
    let server = Server::first(&folder);
    let key = server.key.clone();
    let ask =
        |words: &[&str]| -> Ran { folder.billing_with(&[("BILLING_KEY", key.as_str())], words) };
    let mut words = PLAN.to_vec();
    words.push("--json");
    let plan = ask(&words).exits(0).json();
    assert_eq!(plan["digest"], by_books["digest"]);
    assert_eq!(plan["moving"], by_books["moving"]);
    let stale = ask(&execute("other", &["--yes"]));
    stale.exits(4).complains(&["plan_stale"]);
    let done = ask(&execute(&digest_of(&plan), &["--yes", "--json"]));
    let done = done.exits(0).json();
    assert_eq!((&done["done"], &done["planned"]), (&json!(2), &json!(2)));
    server.stop();
    assert_eq!(moved(&folder).notices, [1, 1]);
}

/// Holders of a plan that names more than a page of them.
const OVER_A_PAGE: u32 = 5_050;

#[test]
fn every_move_is_named_by_the_books_and_by_a_server_alike() {
    let folder = Folder::new("migrate-prices-all");
    catalog(&folder);
    let mut words = PLAN.to_vec();
    words.push("--all");
    let nobody = folder.billing(&words);
    nobody
        .exits(0)
        .tells(&["0 of 0 subscriptions move", "To execute it:"]);
    assert!(!nobody.out.contains("customer"), "{nobody}");
    words.push("--json");
    let nobody = folder.billing(&words).exits(0).json();
    assert_eq!(
        (&nobody["moving"], &nobody["more"]),
        (&json!([]), &json!(false))
    );
    assert_eq!(nobody, at_the_same_instant(&planned(&folder), &nobody));

    hold(&folder, OVER_A_PAGE);
    let first = planned(&folder);
    assert_eq!(first["more"], true);
    let all = folder.billing(&words).exits(0).json();
    assert_eq!(
        (&all["digest"], &all["more"]),
        (&first["digest"], &json!(false))
    );
    assert_eq!(all["months"], first["months"]);
    let moving = all["moving"].as_array().unwrap();
    assert_eq!(moving.len(), 5_050);
    assert_eq!(&moving[..100], first["moving"].as_array().unwrap());
    let each = moving
        .iter()
        .map(|row| row["subscription"].as_str().unwrap());
    let each: BTreeSet<&str> = each.collect();
    assert_eq!(each.len(), 5_050, "nobody twice");

    words.pop();
    let table = folder.billing(&words);
    let lines: Vec<&str> = table.exits(0).out.lines().collect();
    assert!(lines[0].starts_with("subscription "), "{}", lines[0]);
    let named = lines.iter().filter(|line| line.starts_with("sub_"));
    assert_eq!(named.count(), 5_050);
    let last = moving.last().unwrap();
    let [subscription, customer, at] =
        ["subscription", "customer", "at"].map(|field| last[field].as_str().unwrap());
    let told = lines.iter().find(|line| line.starts_with(subscription));
    for word in [customer, at, "USD 20.00", "USD 30.00", "yes"] {
        assert!(told.unwrap().contains(word), "no {word} in {told:?}");
    }
    table.tells(&["5050 of 5050 subscriptions move"]);

    let server = Server::first(&folder);
    words.push("--json");
    let told = folder.billing_with(&[("BILLING_KEY", server.key.as_str())], &words);
    let told = told.exits(0).json();
    assert_eq!(told, at_the_same_instant(&all, &told));
    server.stop();
}

/// `plan`, as if it had been made when `other` was.
fn at_the_same_instant(plan: &Value, other: &Value) -> Value {
    let mut same = plan.clone();
    same["planned_at"] = other["planned_at"].clone();
    same
}

/// Holders of the migration that is killed: twenty batches.
const MANY: u32 = 2_000;

/// K-27, X-03: killed as a command, then as a server that took it up; what is
/// finished is what was planned, and nobody is told twice.
#[test]
fn a_migration_killed_in_the_middle_is_gone_on_with_and_nothing_is_done_twice() {
    let folder = Folder::new("migrate-prices-killed");
    catalog(&folder);
    hold(&folder, MANY);
    let plan = planned(&folder);
    assert_eq!(plan["moves"], MANY);
    assert_eq!(plan["moving"].as_array().unwrap().len(), 100);
    assert_eq!(plan["more"], true);
    let digest = digest_of(&plan);

    let killed_at = folder.killed(&[], &execute(&digest, &["--yes"]));
    let scheduled = |folder: &Folder| {
        let holders = moved(folder).holders;
        holders
            .iter()
            .filter(|held| held.scheduled.is_some())
            .count()
    };
    let after_the_command = scheduled(&folder);
    assert!(
        (killed_at..2_000).contains(&after_the_command),
        "{killed_at} {after_the_command}"
    );

    // A server that starts takes it up, and is killed in turn.
    let server = Server::first(&folder);
    let row = server.wait_for("some more", |server| {
        let row = server.read("/v1/price-migrations")["data"][0].clone();
        let done = usize::try_from(row["done"].as_u64().unwrap()).unwrap();
        (done > killed_at + 100).then_some(row)
    });
    drop(server);
    assert_eq!(row["digest"], digest.as_str());
    assert!(scheduled(&folder) > after_the_command);

    let done = folder.billing(&execute(&digest, &["--yes", "--json"]));
    let done = done.exits(0).json();
    assert_eq!(
        done["id"], row["id"],
        "one migration, whoever went on with it"
    );
    assert_eq!(
        (&done["planned"], &done["done"]),
        (&json!(MANY), &json!(MANY))
    );
    assert_ne!(done["finished_at"], Value::Null);
    let moved = moved(&folder);
    assert_eq!(moved.holders.len(), 2_000);
    let whys: BTreeSet<String> = moved
        .holders
        .iter()
        .map(
            |held| match held.scheduled.as_ref().map(|to_come| to_come.why) {
                Some(Why::Migration { migration }) => migration.to_string(),
                other => panic!("{}: {other:?}", held.id),
            },
        )
        .collect();
    assert_eq!(whys.len(), 1, "{whys:?}");
    assert!(moved.notices.iter().all(|notices| *notices == 1));
}
