//! `billing catalog`: plan files checked, compared and applied.

use billing_catalog::SAMPLE;
use serde_json::{Value, json};

use crate::http::{get, submit};
use crate::rig::Folder;
use crate::server::Server;

fn sample(folder: &Folder, file: &str, edits: &[(&str, &str)]) {
    let mut text = std::str::from_utf8(SAMPLE.as_ref()).unwrap().to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    folder.write(file, &text);
}

#[test]
fn a_sound_file_is_sound() {
    let folder = Folder::new("check");
    sample(&folder, "plans.yaml", &[]);
    let ran = folder.billing(&["catalog", "check", "plans.yaml"]);
    assert_eq!(
        ran.exits(0).out,
        "plans.yaml: sound, 4 plans with 4 prices\n"
    );
    let json = folder.billing(&["catalog", "check", "plans.yaml", "--json"]);
    assert_eq!(
        json.exits(0).json(),
        json!({"sound": true, "plans": 4, "prices": 4})
    );
    let configured = [("BILLING_PLANS", "plans.yaml")];
    folder
        .billing_with(&configured, &["catalog", "check"])
        .exits(0);
    assert_eq!(folder.files(), ["plans.yaml"], "checking needs no database");
}

#[test]
fn every_mistake_is_told_with_line_and_column() {
    let folder = Folder::new("check-bad");
    sample(
        &folder,
        "bad.yaml",
        &[("rank: 10", "rnk: 10"), ("amount: 12.00", "amount: twelve")],
    );
    let ran = folder.billing(&["catalog", "check", "bad.yaml"]);
    ran.exits(3).complains(&[
        "bad.yaml:25:5: plans.personal.rnk: found the unknown key `rnk`",
        "did you mean `rank`?",
        "bad.yaml:40:31: plans.team.prices.team-monthly.amount: found `twelve`",
        "expected an amount of usd in digits, as in 20.00",
    ]);
    assert_eq!(ran.out, "");

    let json = folder.billing(&["catalog", "check", "bad.yaml", "--json"]);
    let told = json.exits(3).json();
    assert_eq!(told["sound"], false);
    let places: Vec<(&Value, &Value)> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (&error["line"], &error["column"]))
        .collect();
    assert_eq!(places, [(&json!(25), &json!(5)), (&json!(40), &json!(31))]);

    for command in ["diff", "apply"] {
        let ran = folder.billing(&["catalog", command, "bad.yaml"]);
        ran.exits(3).complains(&["bad.yaml:25:5:"]);
    }
    assert_eq!(
        folder.files(),
        ["bad.yaml"],
        "nothing was opened for a file that is no use"
    );
}

#[test]
fn a_file_that_is_not_there_or_not_named_is_no_plan_file() {
    let folder = Folder::new("check-absent");
    let ran = folder.billing(&["catalog", "check", "nope.yaml"]);
    ran.exits(1).complains(&["failed to read nope.yaml"]);
    let ran = folder.billing(&["catalog", "check"]);
    ran.exits(2)
        .complains(&["no plan file is named", "BILLING_PLANS=plans.yaml"]);
}

#[test]
fn a_file_is_compared_and_applied_and_then_there_is_nothing_to_do() {
    let folder = Folder::new("apply");
    sample(&folder, "plans.yaml", &[]);
    sample(&folder, "new.yaml", &[("name: Personal", "name: Solo")]);
    let nobody = folder.billing(&["catalog", "apply", "plans.yaml"]);
    nobody
        .exits(2)
        .complains(&["nobody is there to be asked", "--yes"]);

    let first = folder.billing(&["catalog", "apply", "plans.yaml", "--yes"]);
    first
        .exits(0)
        .tells(&["  + plans.team: plan\n", "Applied as revision 1.\n"]);
    let again = folder.billing(&["catalog", "apply", "plans.yaml", "--json"]);
    assert_eq!(
        again.exits(0).json(),
        json!({"revision": 1, "applied": false})
    );
    let same = folder.billing(&["catalog", "diff", "plans.yaml"]);
    assert_eq!(same.exits(0).out, "No changes: this is what is in force.\n");

    let diff = folder.billing(&["catalog", "diff", "new.yaml"]);
    diff.exits(0).tells(&[
        "  ~ plans.personal.name: Personal -> Solo\n",
        "nobody holds anything",
    ]);
    let diff = folder.billing(&["catalog", "diff", "new.yaml", "--json"]);
    let expected = json!({
        "changes": ["~ plans.personal.name: Personal -> Solo"],
        "holdings": [],
        "monthly_revenue_effect": [],
        "refusals": [],
    });
    assert_eq!(diff.exits(0).json(), expected);
    let second = folder.billing(&["catalog", "apply", "new.yaml", "--yes", "--json"]);
    assert_eq!(
        second.exits(0).json(),
        json!({"revision": 2, "applied": true})
    );
}

#[test]
fn what_somebody_bought_is_not_changed_under_them() {
    let folder = Folder::new("promise");
    let server = Server::first(&folder);
    crate::walk::buy(&server, "personal-monthly", crate::walk::PAYS);
    sample(&folder, "dearer.yaml", &[("amount: 5.00", "amount: 6.00")]);
    let key = server.key.clone();
    let by_server = [("BILLING_KEY", key.as_str())];
    for arguments in [
        &["catalog", "diff", "dearer.yaml"][..],
        &["catalog", "apply", "dearer.yaml", "--yes"],
    ] {
        let ran = folder.billing_with(&by_server, arguments);
        ran.exits(3)
            .complains(&["breaks what somebody was promised", "personal-monthly"]);
    }
    server.stop();
    let ran = folder.billing(&["catalog", "diff", "dearer.yaml"]);
    ran.exits(3)
        .tells(&[
            "Held now\n  personal at personal-monthly: 1\n",
            "USD 5.00 every month -> USD 6.00 every month",
        ])
        .complains(&["breaks what somebody was promised"]);
    let ran = folder.billing(&["catalog", "apply", "dearer.yaml", "--yes"]);
    ran.exits(3);
    let unchanged = folder.billing(&["doctor"]);
    unchanged.tells(&["revision 1 of"]);
}

#[test]
fn a_plan_file_applied_to_a_running_server_is_on_sale_at_once() {
    let folder = Folder::new("apply-remote");
    let server = Server::first(&folder);
    sample(
        &folder,
        "new.yaml",
        &[("name: Personal", "name: Solo <b>&amp;")],
    );
    let elsewhere = [
        ("BILLING_KEY", server.key.as_str()),
        ("BILLING_SERVER", server.url.as_str()),
    ];
    let ran = folder.billing_with(&elsewhere, &["catalog", "apply", "new.yaml", "--yes"]);
    ran.exits(0).tells(&["Applied as revision 2."]);
    let page = get(&format!("{}/pricing", server.url));
    assert!(page.ok(200).contains("Solo &lt;b&gt;&amp;amp;"), "{page:?}");
    let gone = submit(
        &format!("{}/pricing/checkout", server.url),
        &[("price", "nothing-monthly")],
    );
    assert!(gone.ok(404).contains("no longer on sale"), "{gone:?}");
}
