//! `billing doctor`: what it finds, and that it only looks.

use serde_json::Value;

use crate::rig::{Folder, Ran};
use crate::server::Server;

/// Level and text of what was found about `what`.
#[track_caller]
fn found(ran: &Ran, what: &str) -> (String, String) {
    let told = ran.json();
    let findings = told["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["what"] == what);
    let finding = finding.unwrap_or_else(|| panic!("nothing about {what} in {ran}"));
    let text = |field: &str| finding[field].as_str().unwrap().to_owned();
    (text("level"), text("text"))
}

fn look(folder: &Folder, variables: &[(&str, &str)]) -> Ran {
    let mut all = vec![("BILLING_LISTEN", "127.0.0.1:0")];
    all.extend(variables);
    folder.billing_with(&all, &["doctor", "--json"])
}

#[test]
fn where_nothing_is_yet_it_says_so_and_makes_nothing() {
    let folder = Folder::new("doctor-first");
    let ran = look(&folder, &[]);
    let (level, text) = found(ran.exits(0), "database");
    assert_eq!(level, "warning");
    assert!(
        text.contains("billing.db is not there; the server makes it"),
        "{text}"
    );
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[test]
fn all_is_good_after_a_server_has_run() {
    let folder = Folder::new("doctor-good");
    let server = Server::first(&folder);
    let beside = look(&folder, &[]);
    let (level, text) = found(beside.exits(0), "database");
    assert_eq!(level, "warning");
    assert!(
        text.contains(&format!("in the server at {}", server.url)),
        "{text}"
    );
    server.stop();

    let ran = look(&folder, &[]);
    let told = ran.exits(0).json();
    assert_eq!(told["healthy"], true);
    let findings = told["findings"].as_array().unwrap();
    for finding in findings {
        assert_eq!(finding["level"], Value::from("good"), "{ran}");
    }
    for what in [
        "configuration",
        "database",
        "keys",
        "clock",
        "catalog",
        "provider",
        "listen",
        "mail",
        "file",
    ] {
        found(&ran, what);
    }
    let shown = folder.billing_with(&[("BILLING_LISTEN", "127.0.0.1:0")], &["doctor"]);
    assert_eq!(shown.exits(0).out.lines().count(), findings.len());
    shown.tells(&["good     catalog        revision 1 of Acme Storage, 4 plans"]);
}

#[test]
fn templates_are_read_and_tried_out() {
    let folder = Folder::new("doctor-templates");
    let own = folder.path("templates");
    std::fs::create_dir(&own).unwrap();
    let write = |name: &str, text: &str| std::fs::write(own.join(name), text).unwrap();
    let at = [("BILLING_MAIL_TEMPLATES", own.to_str().unwrap())];
    write(
        "receipt.de.txt",
        "Subject: Danke\n\n{{amount}}\n\n{{amuont}}\n",
    );
    write("receipt.de.html", "<p>{{amount}}</p>\n");
    let (level, text) = found(look(&folder, &at).exits(1), "templates");
    assert_eq!(level, "bad");
    assert!(
        text.contains("receipt.de.txt: line 5: no placeholder"),
        "{text}"
    );
    write("receipt.de.txt", "Subject: Danke\n\n{{amount}}\n");
    let (level, text) = found(look(&folder, &at).exits(0), "templates");
    assert_eq!(level, "good");
    assert!(text.starts_with("1 in "), "{text}");
    write("sign_in.en.txt", "Subject: Hello\n\nHello.\n");
    write("sign_in.en.html", "<p>{{link}}</p>\n");
    let (level, text) = found(look(&folder, &at).exits(1), "templates");
    assert_eq!(level, "bad");
    assert!(
        text.contains("sign_in.en.txt: line 1: nowhere says {{link}}"),
        "{text}"
    );
}

#[test]
fn a_store_that_is_gone_is_bad() {
    let folder = Folder::new("doctor-gone");
    let ran = look(&folder, &[("BILLING_DATABASE_URL", "gone/billing.db")]);
    let (level, text) = found(ran.exits(1), "database");
    assert_eq!(level, "bad");
    assert!(
        text.contains("gone/billing.db cannot be made: its folder is not there"),
        "{text}"
    );

    folder.write("spoiled.db", &"no database at all, but notes ".repeat(64));
    let ran = look(&folder, &[("BILLING_DATABASE_URL", "spoiled.db")]);
    let (level, text) = found(ran.exits(1), "database");
    assert_eq!(level, "bad");
    assert!(text.contains("failed to open the database"), "{text}");
    assert_eq!(ran.json()["healthy"], false);
}

#[test]
fn an_empty_database_and_a_missing_catalog_are_worth_a_warning() {
    let folder = Folder::new("doctor-empty");
    let off = [("BILLING_SANDBOX_ENABLED", "false")];
    folder.write("billing.db", "");
    let (level, text) = found(look(&folder, &off).exits(0), "database");
    assert_eq!(level, "warning");
    assert!(text.contains("its schema is at version 0 of "), "{text}");

    folder.billing_with(&off, &["migrate"]).exits(0);
    let ran = look(&folder, &off);
    assert_eq!(found(ran.exits(0), "database").0, "good");
    let (level, text) = found(&ran, "catalog");
    assert_eq!(level, "warning");
    assert!(text.contains("none in force"), "{text}");
    assert_eq!(found(&ran, "keys").0, "warning");
    assert_eq!(found(&ran, "providers").0, "warning");
}

#[test]
fn a_clock_that_went_back_is_bad() {
    let folder = Folder::new("doctor-clock");
    folder.billing(&["clock", "set", "2060-01-01"]).exits(0);
    Server::first(&folder).stop();
    // The catalog was applied in 2060; the host's clock has not come so far.
    let ran = look(&folder, &[("BILLING_SANDBOX_ENABLED", "false")]);
    let (level, text) = found(ran.exits(1), "clock");
    assert_eq!(level, "bad");
    assert!(
        text.starts_with("the host's: ") && text.contains("before 2060-01-01"),
        "{text}"
    );
    assert_eq!(found(&look(&folder, &[]), "clock").0, "good");
}

#[test]
fn a_spoiled_plan_file_is_bad_before_the_server_trips_over_it() {
    let folder = Folder::new("doctor-plans");
    folder.write("plans.yaml", "currency: usd\nproduct: X\nplanz: {}\n");
    let ran = look(&folder, &[("BILLING_PLANS", "plans.yaml")]);
    let (level, text) = found(ran.exits(1), "plan file");
    assert_eq!(level, "bad");
    assert!(text.contains("plans.yaml:3:1"), "{text}");
}

/// A mail server on this machine that believes whoever logs in with `password`, and
/// takes no mail.
fn mail_server(password: &'static str) -> u16 {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"220 here\r\n").unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap();
                let answer = match line.split(' ').next() {
                    Some("EHLO") => "250-here\r\n250 AUTH PLAIN\r\n",
                    Some("AUTH") if line.ends_with(password) => "235 known\r\n",
                    Some("AUTH") => "535 no\r\n",
                    Some("QUIT") => break,
                    _ => "503 no\r\n",
                };
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    port
}

#[test]
fn it_logs_in_at_the_mail_server_and_sends_nothing() {
    let folder = Folder::new("doctor-smtp");
    // NUL, acme, NUL, canary5a17c0.
    let port = mail_server("AGFjbWUAY2FuYXJ5NWExN2Mw").to_string();
    let mut told = vec![
        ("BILLING_MAIL_SMTP_HOST", "127.0.0.1"),
        ("BILLING_MAIL_SMTP_PORT", port.as_str()),
        ("BILLING_MAIL_SMTP_TLS", "none"),
        ("BILLING_MAIL_SMTP_FROM", "Acme <billing@example.com>"),
        ("BILLING_MAIL_SMTP_USER", "acme"),
        ("BILLING_MAIL_SMTP_PASSWORD", "canary5a17c0"),
    ];
    let (level, text) = found(look(&folder, &told).exits(0), "mail");
    let knows = format!("127.0.0.1:{port} knows us, and sends as billing@example.com");
    assert_eq!((level.as_str(), text), ("good", knows));
    told[5].1 = "canary-of-yesterday";
    let ran = look(&folder, &told);
    assert!(
        !ran.out.contains("canary") && !ran.err.contains("canary"),
        "{ran}"
    );
    let (level, text) = found(ran.exits(1), "mail");
    assert_eq!(level, "bad");
    let why = format!("127.0.0.1:{port}: failed to log in: the server answered 535; ");
    assert!(text.starts_with(&why), "{text}");
}

#[test]
fn it_says_where_mail_goes() {
    let folder = Folder::new("doctor-mail");
    let of = |variables: &[(&str, &str)], code| found(look(&folder, variables).exits(code), "mail");
    let (level, text) = of(&[("BILLING_PUBLIC_URL", "https://billing.example.com")], 0);
    assert_eq!(level, "warning");
    assert!(
        text.starts_with("no mailer: ") && text.contains("BILLING_MAIL_FOLDER"),
        "{text}"
    );

    let (level, text) = of(&[], 0);
    assert_eq!(level, "good");
    assert!(
        text.contains("mail, which the server makes when it starts"),
        "{text}"
    );
    assert!(folder.files().is_empty(), "{:?}", folder.files());

    folder.write("notes", "");
    assert_eq!(of(&[("BILLING_MAIL_FOLDER", "notes")], 1).0, "bad");
    let (level, text) = of(&[("BILLING_MAIL_FOLDER", "gone/mail")], 1);
    assert_eq!(level, "bad");
    assert!(text.starts_with("gone/mail: "), "{text}");
}

#[test]
#[cfg(unix)]
fn a_folder_of_mail_that_others_can_read_is_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("doctor-mail-modes");
    let mail = folder.path("mail");
    std::fs::create_dir(&mail).unwrap();
    for (mode, expected) in [(0o755, "warning"), (0o700, "good")] {
        std::fs::set_permissions(&mail, std::fs::Permissions::from_mode(mode)).unwrap();
        let (level, text) = found(look(&folder, &[]).exits(0), "mail");
        assert_eq!(level, expected, "{text}");
    }
}

#[test]
fn an_address_that_is_taken_is_bad() {
    let folder = Folder::new("doctor-address");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = look(&folder, &[("BILLING_LISTEN", &address)]);
    assert_eq!(found(ran.exits(1), "listen").0, "bad");
}
