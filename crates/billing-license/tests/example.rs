//! The example that an application's author copies, as it stands: it runs, and says what it
//! is meant to say of each kind of token.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::process::{Command, Output};

use billing_license::Claims;

#[path = "common/embedded.rs"]
mod embedded;

use embedded::{ENDED_AT, claims, signed};

/// Runs it, as it was built beside this test.
fn offline(arguments: &[&str]) -> Output {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join("offline");
    let shown = program.display();
    assert!(
        program.exists(),
        "{shown}: `cargo build -p billing-license --examples` builds it"
    );
    Command::new(&program).args(arguments).output().unwrap()
}

fn says(arguments: &[&str]) -> String {
    let ran = offline(arguments);
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

fn refuses(arguments: &[&str]) -> String {
    let ran = offline(arguments);
    assert!(!ran.status.success() && ran.stdout.is_empty(), "{ran:?}");
    String::from_utf8(ran.stderr).unwrap()
}

#[test]
fn the_example_of_an_application_verifies_its_license_alone() {
    let good = signed(&claims());
    let shown = "bosun: {\"sso\": Bool(true)}\n";
    assert_eq!(says(&[&good]), shown);
    assert_eq!(says(&[&good, "cus_ana"]), shown);
    let ended = Claims {
        exp: Some(ENDED_AT),
        ..claims()
    };
    let ended = says(&[&signed(&ended)]);
    assert_eq!(
        ended,
        format!("ended at {ENDED_AT}: refresh, or ask to renew\n")
    );

    let (said, signature) = good.rsplit_once('.').unwrap();
    let other = Claims {
        plan: "admiral".to_owned(),
        ..claims()
    };
    let other = signed(&other);
    let (altered, _) = other.rsplit_once('.').unwrap();
    let elsewhere = Claims {
        aud: "lighthouse".to_owned(),
        ..claims()
    };
    for (arguments, why) in [
        (vec![format!("{altered}.{signature}")], "BadSignature"),
        (vec![said.to_owned()], "Malformed"),
        (vec![signed(&elsewhere)], "WrongAudience"),
        (vec![good.clone(), "cus_ben".to_owned()], "WrongCustomer"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let told = refuses(&arguments);
        assert!(told.contains(why), "{why}: {told}");
    }
    assert!(refuses(&[]).contains("usage: offline"));
}
