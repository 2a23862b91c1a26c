//! What is shipped for deploying says what the program understands.

use billing_server::config::{Config, Environment};

use crate::rig::Folder;

const EXAMPLE: &str = include_str!("../../../../deploy/billing.example.toml");
const COMPOSE: &str = include_str!("../../../../deploy/compose.yaml");
const DOCKERFILE: &str = include_str!("../../../../deploy/Dockerfile");
const UNIT: &str = include_str!("../../../../deploy/billing.service");

/// Where the deployed program finds its configuration.
const CONFIG: &str = "/etc/billing/billing.toml";

/// Where the deployed program keeps its books.
const STATE: &str = "/var/lib/billing";

/// The variables that a text sets for the program, with the sign after the name.
fn variables(text: &str, sign: char) -> Vec<&str> {
    let words = text.split(|c: char| c.is_whitespace() || c == '"');
    words
        .filter_map(|word| word.split_once(sign))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("BILLING_"))
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

#[test]
fn the_program_reads_the_example_as_it_is_shipped() {
    let folder = Folder::new("example");
    folder.write("billing.example.toml", EXAMPLE);
    let arguments = ["doctor", "--json", "--config", "billing.example.toml"];
    let ran = folder.billing_with(&[("BILLING_LISTEN", "127.0.0.1:0")], &arguments);
    let told = ran.exits(0).json();
    let text = told["findings"][0]["text"].as_str().unwrap();
    assert_eq!(text, "billing.example.toml and the environment");
}

#[test]
fn the_containers_are_told_nothing_that_the_program_does_not_know() {
    let mut names = variables(DOCKERFILE, '=');
    names.extend(variables(COMPOSE, ':'));
    names.sort_unstable();
    names.dedup();
    let expected = [
        "BILLING_DATABASE_URL",
        "BILLING_LICENSE_KEY_FILE",
        "BILLING_LISTEN",
        "BILLING_LOG",
        "BILLING_LOG_FORMAT",
        "BILLING_PLANS",
        "BILLING_PUBLIC_URL",
        "BILLING_TRUST_FORWARDED_FOR",
    ];
    assert_eq!(names, expected);
    let values = [
        "postgres://billing:secret@postgres:5432/billing",
        "/var/lib/billing/license-keys",
        "0.0.0.0:8080",
        "info",
        "json",
        "/etc/billing/plans.yaml",
        "https://billing.example.com",
        "true",
    ];
    for value in ["0.0.0.0:8080", "json"] {
        assert!(DOCKERFILE.contains(value), "{value}");
    }
    assert!(COMPOSE.contains("@postgres:5432/billing"));
    assert!(COMPOSE.contains("BILLING_PLANS: /etc/billing/plans.yaml"));
    let told = names.iter().zip(values);
    let told = told.map(|(name, value)| ((*name).to_owned(), value.to_owned()));
    let file = std::path::Path::new(CONFIG);
    let config = Config::read(Some((file, EXAMPLE)), &Environment::of(told)).unwrap();
    assert!(
        config.sandbox.is_none(),
        "no test cards where it is deployed"
    );
    assert_eq!(config.listen.port(), 8080);
    assert!(DOCKERFILE.contains("EXPOSE 8080") && COMPOSE.contains(":8080:8080"));
}

#[test]
fn the_container_and_the_service_start_the_program_alike() {
    assert!(DOCKERFILE.contains(&format!("CMD [\"serve\", \"--config\", \"{CONFIG}\"]")));
    assert!(UNIT.contains(&format!(
        "ExecStart=/usr/local/bin/billing serve --config {CONFIG}\n"
    )));
    assert!(DOCKERFILE.contains("--package billing-server"));
    assert!(DOCKERFILE.contains("target/release/billing "));
    assert!(DOCKERFILE.contains(&format!("WORKDIR {STATE}\n")));
    assert!(UNIT.contains(&format!("WorkingDirectory={STATE}\n")));
    let folder = Folder::new("start-words");
    folder
        .billing(&["serve", "--config", "x", "--help"])
        .exits(0);
}

#[test]
fn the_service_waits_longer_than_the_program_needs_to_end() {
    let config = Config::read(None, &Environment::default()).unwrap();
    // Requests at hand, and the worker's go after them.
    let needs = config.limits.shutdown_timeout.as_secs() + 5;
    // Letters at hand, beside those; then links that are being mailed.
    let letters = billing_notify::CARRYING_ENDS_WITHIN.as_secs();
    let needs = needs.max(letters) + 1;
    let seconds = |text: &str, before: &str| -> u64 {
        let (_, rest) = text.split_once(before).unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    assert!(seconds(UNIT, "TimeoutStopSec=") > needs);
    assert!(seconds(COMPOSE, "stop_grace_period: ") > needs);
}
