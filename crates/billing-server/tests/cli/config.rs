//! Wrong configuration, as somebody who deploys sees it.

use crate::rig::Folder;
use crate::server::Server;

#[test]
fn every_mistake_of_file_and_environment_is_told_at_once() {
    let folder = Folder::new("mistakes");
    folder.write(
        "billing.toml",
        "listn = \"127.0.0.1:1\"\nlisten = \"8080\"\n[worker]\nbatch = 0\n",
    );
    let variables = [
        ("BILLING_LOG_FORMAT", "xml"),
        ("BILLING_DATABSE_URL", "x"),
        ("BILLING_DATABASE_URL", "postgres://billing:hunter2@/"),
        ("BILLING_SANDBOX_WEBHOOK_SECRET", "tooshort"),
        ("BILLING_SANDBOX_ENABLED", "true"),
    ];
    for command in [&["serve"][..], &["migrate"], &["doctor"], &["keys", "list"]] {
        let ran = folder.billing_with(&variables, command);
        ran.exits(2).complains(&[
            "error: failed to use the configuration\n",
            "\n  listn in billing.toml: found an unknown key, expected a known key; did you mean listen?",
            "\n  listen in billing.toml: found \"8080\", expected an address with a port, such as 127.0.0.1:8080",
            "\n  worker.batch in billing.toml: found \"0\", expected a whole number from 1 to 500",
            "\n  BILLING_LOG_FORMAT: found \"xml\", expected text or json",
            "\n  BILLING_DATABSE_URL: found an unknown variable, expected a known variable; did you mean BILLING_DATABASE_URL?",
            "\n  BILLING_DATABASE_URL: found a value of 28 characters, expected sqlite:///",
            "\n  BILLING_SANDBOX_WEBHOOK_SECRET: found a value of 8 characters, expected at least 16",
        ]);
        let told = format!("{}{}", ran.out, ran.err);
        assert!(
            !told.contains("hunter2") && !told.contains("tooshort"),
            "{ran}"
        );
        assert_eq!(ran.err.matches("\n  ").count(), 7, "{ran}");
    }
    assert_eq!(folder.files(), ["billing.toml"], "nothing was begun");
}

#[test]
fn a_server_without_plans_and_without_a_provider_says_so_and_allows_nothing() {
    let folder = Folder::new("nothing-to-sell");
    let off = [
        ("BILLING_SANDBOX_ENABLED", "false"),
        ("BILLING_LISTEN", "127.0.0.1:0"),
    ];
    let ran = folder.billing_with(&off, &["serve"]);
    ran.exits(2).complains(&[
        "no plan file is configured, and none was ever applied; nor is there a provider to pay with",
        "BILLING_PLANS=",
        "The sandbox is on with BILLING_SANDBOX_ENABLED=true",
        "by BILLING_ENABLED=false alone",
    ]);

    folder.write(
        "plans.yaml",
        "currency: usd\nproduct: Free Things\nplans:\n  free: { name: Free }\n",
    );
    let plans = [off[0], ("BILLING_PLANS", "plans.yaml")];
    let mut server = Server::again(&folder, &plans);
    let line = server.line_with("payments");
    assert!(line.ends_with("none: no provider is configured, only free plans can be had"));
}

#[test]
fn a_named_file_that_is_not_there_is_named() {
    let folder = Folder::new("absent-file");
    let ran = folder.billing(&["--config", "other.toml", "doctor"]);
    ran.exits(2)
        .complains(&["other.toml", "a configuration file that can be read"]);
}

#[test]
fn programs_are_told_mistakes_as_json() {
    let folder = Folder::new("json-mistakes");
    let ran = folder.billing_with(&[("BILLING_LISTEN", "x")], &["doctor", "--json"]);
    ran.exits(2);
    let told: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert!(
        told["error"]
            .as_str()
            .unwrap()
            .contains("BILLING_LISTEN: found \"x\"")
    );
    assert_eq!(ran.out, "");
}

#[test]
fn a_password_is_not_shown_when_the_database_is_out_of_reach() {
    let folder = Folder::new("password");
    // Nothing listens at port 1.
    let url = "postgres://billing:hunter2@127.0.0.1:1/billing";
    let ran = folder.billing_with(&[("BILLING_DATABASE_URL", url)], &["migrate"]);
    ran.exits(1).complains(&["failed to open the database"]);
    assert!(!ran.err.contains("hunter2"), "{ran}");
}
