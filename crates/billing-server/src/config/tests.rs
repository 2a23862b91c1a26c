//! Configuration as a table: what is said, and what comes of it.

use std::path::Path;

use secrecy::ExposeSecret;

use super::environment::variable_of;
use super::*;
use crate::letters::{Language, Letter};

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

/// A program that was built with every provider.
pub(super) const EVERYTHING: Built = Built {
    btcpay: true,
    paddle: true,
    sandbox: true,
    smtp: true,
    stripe: true,
};

pub(super) fn read(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    read_for(EVERYTHING, file, variables)
}

pub(super) fn read_for(
    built: Built,
    file: Option<&str>,
    variables: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let file = file.map(|text| (Path::new("billing.toml"), text));
    Config::read_for(built, file, &environment(variables))
}

pub(super) fn problems(file: Option<&str>, variables: &[(&str, &str)]) -> Vec<String> {
    read(file, variables)
        .unwrap_err()
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn nothing_said_is_a_server_for_trying_out() {
    let config = read(None, &[]).unwrap();
    assert!(config.enabled);
    assert!(matches!(&config.database, Database::Sqlite(path) if path == Path::new("billing.db")));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    let folder = folder_of(&config).map(Path::to_path_buf);
    let sandbox = config.sandbox.unwrap();
    assert_eq!(sandbox.mode, SandboxMode::EngineSchedule);
    assert!(sandbox.webhook_secret.is_none());
    assert_eq!(sandbox.database, Path::new("sandbox.db"));
    assert_eq!(folder.as_deref(), Some(Path::new("mail")));
}

/// The folder that mail is written to.
fn folder_of(config: &Config) -> Option<&Path> {
    match config.mail.as_ref()? {
        MailConfig::Folder(folder) => Some(folder),
        MailConfig::Smtp(told) => panic!("{told:?}"),
    }
}

#[test]
fn mail_is_written_where_it_is_said_or_where_nothing_is() {
    let folder = ("BILLING_MAIL_FOLDER", "/var/lib/billing/mail");
    let public = ("BILLING_PUBLIC_URL", "https://billing.example.com");
    let database = ("BILLING_DATABASE_URL", "postgres://127.0.0.1/billing");
    for said in [&[folder][..], &[folder, public], &[folder, database]] {
        let config = read(None, said).unwrap();
        assert_eq!(folder_of(&config), Some(Path::new(folder.1)));
    }
    for said in [public, database, ("BILLING_LISTEN", "0.0.0.0:8080")] {
        assert!(read(None, &[said]).unwrap().mail.is_none(), "{said:?}");
    }
    assert!(read(Some(""), &[]).unwrap().mail.is_none());
    let reminds = |config: &Config| {
        let mut reminders = Letter::REMINDERS.iter();
        reminders.all(|held| config.letters.wanted.contains(held))
    };
    assert!(reminds(&read(Some(""), &[]).unwrap()));
    let off = read(None, &[("BILLING_MAIL_REMINDERS", "false")]).unwrap();
    assert!(!reminds(&off) && off.mail.is_some());
    let config = read(Some("[mail]\nfolder = \"m\"\n"), &[]).unwrap();
    assert_eq!(folder_of(&config), Some(Path::new("m")));
}

#[test]
fn letters_are_chosen_by_name_and_invitations_are_whole_or_refused() {
    let usual = read(Some(""), &[]).unwrap().letters;
    assert_eq!(usual.wanted.len(), 6);
    assert!(!usual.wanted.contains(&Letter::Receipt));
    assert_eq!(usual.language, Language::English);
    let told = "[mail]\nreminders = false\nletters = \"receipt, license_key\"\n\
                language = \"de\"\ntemplates = \"t\"\n";
    let told = read(Some(told), &[]).unwrap().letters;
    let chosen: Vec<Letter> = told.wanted.into_iter().collect();
    assert_eq!(chosen, [Letter::LicenseKey, Letter::Receipt]);
    assert_eq!(told.language, Language::German);
    assert_eq!(told.templates.as_deref(), Some(Path::new("t")));
    let none = read(Some("[mail]\nletters = \"none\"\n"), &[]).unwrap();
    assert_eq!(none.letters.wanted.len(), 2, "reminders alone");

    assert!(read(Some(""), &[]).unwrap().github.is_none());
    let token = ("BILLING_GITHUB_TOKEN", "ghp_verysecret");
    let missing = problems(None, &[token]);
    assert_eq!(missing.len(), 2, "{missing:?}");
    let whole = [
        token,
        ("BILLING_GITHUB_ORGANIZATION", "acme"),
        ("BILLING_GITHUB_PLANS", "pro, team"),
    ];
    let config = read(None, &whole).unwrap();
    assert!(!format!("{config:?}").contains("ghp_verysecret"));
    let github = config.github.unwrap();
    assert_eq!(github.plans, ["pro", "team"]);
    assert_eq!(github.base_url.as_str(), "https://api.github.com/");
}

const SMTP: [(&str, &str); 4] = [
    ("BILLING_MAIL_SMTP_HOST", "smtp.example.com"),
    ("BILLING_MAIL_SMTP_USER", "acme"),
    ("BILLING_MAIL_SMTP_PASSWORD", "hunter2hunter2"),
    ("BILLING_MAIL_SMTP_FROM", "Acme <billing@example.com>"),
];

fn smtp(variables: &[(&str, &str)]) -> SmtpConfig {
    match read(None, variables).unwrap().mail {
        Some(MailConfig::Smtp(told)) => told,
        other => panic!("{other:?}"),
    }
}

#[test]
fn mail_goes_to_a_server_that_is_told_of_and_privately() {
    let told = smtp(&SMTP);
    assert_eq!((told.host.as_str(), told.port), ("smtp.example.com", 587));
    assert_eq!(told.tls, SmtpTls::StartTls);
    assert_eq!(told.from.address(), "billing@example.com");
    let shown = format!("{told:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let login = told.login.unwrap();
    assert_eq!(login.user, "acme");
    assert_eq!(login.password.expose_secret(), "hunter2hunter2");

    let implicit = ("BILLING_MAIL_SMTP_TLS", "implicit");
    let port = ("BILLING_MAIL_SMTP_PORT", "2525");
    assert_eq!(smtp(&[&SMTP[..], &[implicit]].concat()).port, 465);
    assert_eq!(smtp(&[&SMTP[..], &[implicit, port]].concat()).port, 2525);
    assert!(smtp(&[SMTP[0], SMTP[3]]).login.is_none());
}

#[test]
fn nothing_is_said_in_the_clear_beyond_this_machine() {
    let clear = ("BILLING_MAIL_SMTP_TLS", "none");
    for here in ["127.0.0.1", "localhost", "::1"] {
        let told = smtp(&[("BILLING_MAIL_SMTP_HOST", here), SMTP[3], clear]);
        assert_eq!(told.tls, SmtpTls::None, "{here}");
    }
    for there in ["smtp.example.com", "10.0.0.1", "localhost.example.com"] {
        let found = problems(None, &[("BILLING_MAIL_SMTP_HOST", there), SMTP[3], clear]);
        assert_eq!(found.len(), 1, "{there}: {found:?}");
        assert!(found[0].starts_with("BILLING_MAIL_SMTP_TLS: "), "{found:?}");
    }
}

#[test]
fn what_a_mail_server_lacks_is_named_and_it_wins_over_a_folder() {
    for (left_out, missing) in [(0, "HOST"), (1, "USER"), (2, "PASSWORD"), (3, "FROM")] {
        let mut said = SMTP.to_vec();
        said.remove(left_out);
        let found = problems(None, &said);
        let expected = format!("BILLING_MAIL_SMTP_{missing}: found nothing, expected ");
        assert!(
            found.len() == 1 && found[0].starts_with(&expected),
            "{found:?}"
        );
    }
    let folder = ("BILLING_MAIL_FOLDER", "mail");
    smtp(&[&SMTP[..], &[folder]].concat());
    let without = Built {
        smtp: false,
        ..EVERYTHING
    };
    let refused = read_for(without, None, &SMTP).unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("(cargo feature `smtp`)"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn the_sandbox_is_never_on_silently_where_something_real_is_configured() {
    assert!(read(Some(""), &[]).unwrap().sandbox.is_none());
    for variable in [
        ("BILLING_DATABASE_URL", "postgres://127.0.0.1/billing"),
        ("BILLING_PUBLIC_URL", "https://billing.example.com"),
        ("BILLING_LISTEN", "0.0.0.0:8080"),
        ("BILLING_SANDBOX_ENABLED", "false"),
    ] {
        assert!(
            read(None, &[variable]).unwrap().sandbox.is_none(),
            "{variable:?}"
        );
    }
}

#[test]
fn a_program_without_the_sandbox_refuses_to_be_asked_for_it() {
    let built = Built {
        sandbox: false,
        ..EVERYTHING
    };
    let without = |file, variables: &[_]| read_for(built, file, variables);
    let secret = ("BILLING_SANDBOX_WEBHOOK_SECRET", "0123456789abcdef");
    let asked = [("BILLING_SANDBOX_ENABLED", "true")];
    let in_file = "[sandbox]\nenabled = true\n";
    for (refused, place) in [
        (without(None, &asked), "BILLING_SANDBOX_ENABLED"),
        (
            without(None, &[asked[0], secret]),
            "BILLING_SANDBOX_ENABLED",
        ),
        (
            without(Some(in_file), &[]),
            "sandbox.enabled in billing.toml",
        ),
    ] {
        let problems = refused.unwrap_err().problems;
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!(
                "{place}: found \"true\", expected false, since this program was built \
                 without the sandbox (cargo feature `sandbox`)"
            )]
        );
    }
    // Whoever says nothing of it has billing all the same, and nobody to pay with.
    let off = [("BILLING_SANDBOX_ENABLED", "false")];
    for said in [
        without(None, &[]),
        without(None, &off),
        without(Some(""), &[secret]),
    ] {
        let config = said.unwrap();
        assert!(config.enabled && config.sandbox.is_none());
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let file =
        Some("listen = \"127.0.0.1:1\"\nlog = \"warn\"\n[worker]\nbatch = 7\nin_flight = 64\n");
    let config = read(file, &[("BILLING_LISTEN", "127.0.0.1:2")]).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.log, "warn");
    assert_eq!((config.worker.batch, config.worker.in_flight), (7, 64));
}

#[test]
fn a_missing_secret_is_named_by_its_variable() {
    let found = problems(Some("[sandbox]\nenabled = true\n"), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("BILLING_SANDBOX_WEBHOOK_SECRET: found nothing, expected at least 16")
    );
}

/// Key, wrong value, part of what is expected.
const WRONG: &[(&str, &str, &str)] = &[
    ("enabled", "maybe", "true or false"),
    ("database_url", "mysql://127.0.0.1/billing", "sqlite:///"),
    ("database_url", "postgres://127.0.0.1", "postgres://"),
    ("database_url", "sqlite::memory:", "sqlite:///"),
    ("listen", "8080", "127.0.0.1:8080"),
    ("public_url", "ftp://example.com", "http or https"),
    ("public_url", "https://example.com/?a=b", "without query"),
    ("public_url", "https://me:secret@example.com", "or user"),
    ("plans", " ", "path of a plan file"),
    ("trust_forwarded_for", "2", "true or false"),
    ("log", "info,=", "a level"),
    ("log_format", "xml", "text or json"),
    ("operator", "two words", "a name of"),
    ("stripe.secret_key", "a b", "sk_live_"),
    ("stripe.webhook_secrets", "a b", "whsec_"),
    ("stripe.base_url", "ftp://example.com", "http or https"),
    ("stripe.portal_configuration", "portal", "bpc_"),
    ("stripe.pause", "sometimes", "collection or subscription"),
    ("stripe.trial", "maybe", "method-first"),
    ("paddle.api_key", "a b", "pdl_live_"),
    ("paddle.webhook_secrets", "a b", "pdl_ntfset_"),
    ("paddle.note_keys", "too-short", "at least 32"),
    ("paddle.base_url", "api.paddle.com", "http or https"),
    ("paddle.checkout_url", "/pay", "http or https"),
    ("paddle.client_token", "secret", "client-side token"),
    ("paddle.webhook_tolerance", "0s", "1s to 5m"),
    ("paddle.webhook_tolerance", "301s", "1s to 5m"),
    ("btcpay.api_key", "a b", "an API key"),
    (
        "btcpay.webhook_secrets",
        "a b",
        "the secret of the store's webhook",
    ),
    ("btcpay.base_url", "pay.example.com", "http or https"),
    ("btcpay.store_id", "../a", "the id of a store"),
    ("btcpay.speed", "warp", "high, medium"),
    ("btcpay.checkout_lifetime", "1s", "1m to 24h"),
    ("btcpay.invoice_lifetime", "721h", "1h to 720h"),
    ("btcpay.rate_pins", "usd=0", "usd=64000.00"),
    ("btcpay.rate_pins", "sat=1", "usd=64000.00"),
    ("btcpay.rate_sources", "kraken, mtgox", "coinbase or"),
    ("btcpay.kraken_url", "api.kraken.com", "http or https"),
    ("btcpay.coinbase_url", "api.coinbase.com", "http or https"),
    ("btcpay.coingecko_url", "ftp://coingecko", "http or https"),
    ("sandbox.enabled", "on?", "true or false"),
    ("sandbox.mode", "fast", "engine-schedule"),
    ("sandbox.webhook_secret", "short", "at least 16"),
    ("sandbox.allow_beside_live", "x", "true or false"),
    ("sandbox.database", "", "a file"),
    ("mail.folder", " ", "path of a folder"),
    ("mail.reminders", "maybe", "true or false"),
    ("mail.letters", "reciept", "apart by commas"),
    ("mail.letters", "renewal_due", "apart by commas"),
    ("mail.letters", "receipt, sign_in", "apart by commas"),
    ("mail.language", "fr", "en or de"),
    ("mail.templates", " ", "path of a folder"),
    ("github.token", "a b", "a token"),
    (
        "github.organization",
        "acme/tools",
        "name of an organization",
    ),
    ("github.team", "..", "name of a team"),
    ("github.plans", "pro,,team", "keys of plans"),
    ("github.base_url", "api.github.com", "http or https"),
    ("webhooks.allow_private", "maybe", "true or false"),
    ("mail.smtp.host", "smtp example", "name of a mail server"),
    (
        "mail.smtp.host",
        "smtp://example.com",
        "name of a mail server",
    ),
    ("mail.smtp.port", "65536", "a port"),
    ("mail.smtp.port", "0", "a port"),
    ("mail.smtp.tls", "maybe", "starttls or implicit"),
    ("mail.smtp.user", "a\tb", "the user"),
    ("mail.smtp.password", "a\tb", "the password"),
    ("mail.smtp.from", "Acme", "who sends"),
    ("license.key_file", " ", "path of a file"),
    ("license.audience", " harbor", "name of an application"),
    ("license.algorithm", "HS256", "EdDSA"),
    ("worker.enabled", "x", "true or false"),
    ("worker.poll", "0s", "1s to 1h"),
    ("worker.poll", "soon", "1s to 1h"),
    ("worker.ask_open", "59s", "1m to 1h"),
    ("worker.ask_open", "61m", "1m to 1h"),
    ("worker.batch", "0", "1 to 500"),
    ("worker.batch", "-1", "1 to 500"),
    ("worker.in_flight", "0", "1 to 500"),
    ("worker.in_flight", "501", "1 to 500"),
    ("limits.connections", "0", "1 to 65536"),
    ("limits.body", "1B", "1KiB to 16MiB"),
    ("limits.body_timeout", "11m", "1s to 10m"),
    ("limits.header_timeout", "0s", "1s to 10m"),
    ("limits.shutdown_timeout", "1d", "1s to 10m"),
    ("limits.posts_per_minute", "1e9", "100000"),
    ("limits.failures_per_minute", "100001", "100000"),
    ("limits.links_per_hour", "5/h", "100000"),
    ("seller.name", "a\tb", "a name of 1 to 200 characters"),
    ("seller.address", "a\tb", "1 to 10 lines"),
    ("seller.tax_id", "a\tb", "a number for taxes"),
    ("seller.contact", "a\tb", "how to be reached"),
];

#[test]
fn every_wrong_value_is_named_with_its_place() {
    for &(key, wrong, expected) in WRONG {
        let variable = variable_of(key);
        let in_file = format!("{key} = {wrong:?}\n");
        let found = problems(Some(&in_file), &[]);
        let place = format!("{key} in billing.toml: found ");
        assert!(
            found
                .iter()
                .any(|line| line.starts_with(&place) && line.contains(expected)),
            "{key}: {found:?}"
        );
        if wrong.is_empty() {
            continue; // An empty variable is one that is not set.
        }
        let found = problems(None, &[(variable.as_str(), wrong)]);
        let place = format!("{variable}: found ");
        assert!(
            found
                .iter()
                .any(|line| line.starts_with(&place) && line.contains(expected)),
            "{variable}: {found:?}"
        );
    }
    for key in KEYS {
        assert!(
            WRONG.iter().any(|(tried, ..)| *tried == key),
            "{key} is not in the table"
        );
    }
}

#[test]
fn secrets_are_never_shown() {
    let url = "postgres://billing:hunter2hunter2@/";
    let secret = "tooshort";
    let variables = [
        ("BILLING_DATABASE_URL", url),
        ("BILLING_SANDBOX_WEBHOOK_SECRET", secret),
        ("BILLING_SANDBOX_ENABLED", "true"),
    ];
    let error = read(None, &variables).unwrap_err();
    let told = format!("{error} {error:?}");
    assert_eq!(error.problems.len(), 2, "{told}");
    assert!(
        !told.contains("hunter2") && !told.contains(secret),
        "{told}"
    );

    let good = [
        (
            "BILLING_DATABASE_URL",
            "postgres://billing:hunter2hunter2@127.0.0.1/billing",
        ),
        ("BILLING_KEY", "bk_verysecret"),
    ];
    let config = read(None, &good).unwrap();
    let environment = environment(&good);
    let told = format!("{config:?} {environment:?}");
    assert!(
        !told.contains("hunter2") && !told.contains("bk_verysecret"),
        "{told}"
    );
    assert_eq!(
        environment.operator_key().unwrap().expose_secret(),
        "bk_verysecret"
    );
}

#[test]
fn unknown_keys_are_refused_with_a_guess_and_all_mistakes_come_at_once() {
    let file = Some("listn = \"127.0.0.1:1\"\nplans = [\"a\"]\n[worker]\nbatch = 0\nx = 1\n");
    let found = problems(
        file,
        &[("BILLING_DATABSE_URL", "x"), ("BILLING_LOG_FORMAT", "xml")],
    );
    assert_eq!(found.len(), 6, "{found:?}");
    let all = found.join("\n");
    assert!(all.contains("listn in billing.toml: found an unknown key, expected a known key; did you mean listen?"), "{all}");
    assert!(
        all.contains("plans in billing.toml: found a list, expected one value"),
        "{all}"
    );
    assert!(
        all.contains("worker.x in billing.toml: found an unknown key"),
        "{all}"
    );
    assert!(all.contains("BILLING_DATABSE_URL: found an unknown variable, expected a known variable; did you mean BILLING_DATABASE_URL?"), "{all}");
}

#[test]
fn variables_that_a_cluster_sets_by_itself_are_ignored() {
    let cluster = [
        ("BILLING_SERVICE_HOST", "10.0.0.1"),
        ("BILLING_SERVICE_PORT_HTTP", "80"),
        ("BILLING_PORT", "tcp://10.0.0.1:80"),
        ("BILLING_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    read(None, &cluster).unwrap();
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let found = problems(Some("listen = \n"), &[]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("line 1"), "{found:?}");
}

#[test]
fn database_urls_come_in_these_forms() {
    for (text, path) in [
        ("sqlite:///var/lib/billing.db", "/var/lib/billing.db"),
        ("sqlite://billing.db", "billing.db"),
        ("sqlite:billing.db", "billing.db"),
        ("/var/lib/billing.db", "/var/lib/billing.db"),
    ] {
        let config = read(None, &[("BILLING_DATABASE_URL", text)]).unwrap();
        assert!(
            matches!(&config.database, Database::Sqlite(found) if found == Path::new(path)),
            "{text}"
        );
    }
}

#[test]
fn the_example_file_names_every_key_and_can_be_used() {
    let example = include_str!("../../../../deploy/billing.example.toml");
    read(Some(example), &[]).unwrap();
    let uncommented: String = example
        .lines()
        .map(|line| {
            let bare = line.strip_prefix('#').unwrap_or(line);
            let is_setting = bare.starts_with('[')
                || bare.split_once(" = ").is_some_and(|(key, _)| {
                    !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                });
            if is_setting {
                format!("{bare}\n")
            } else {
                String::from("\n")
            }
        })
        .collect();
    read(Some(&uncommented), &[]).unwrap();
    let mut section = String::new();
    let mut named = Vec::new();
    for line in uncommented.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ") {
            named.push(format!("{section}{key}"));
        }
    }
    assert_eq!(
        named, KEYS,
        "the example and the keys are listed in one order"
    );
}
