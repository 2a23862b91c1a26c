//! The example that an application's author copies, as it stands: it runs, and says what it
//! is meant to say of each kind of token.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::process::{Command, Output};

use billing_license::{Algorithm, Claims, SigningKey, sign};
use serde_json::json;

/// The secret half of the key that is embedded there, which is everybody's: that of the first
/// test of RFC 8032.
const SECRET: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

/// 2026-01-01 and a month later: over, whenever this runs.
const SIGNED_AT: i64 = 1_767_225_600;
const ENDED_AT: i64 = 1_769_817_600;

fn claims() -> Claims {
    Claims {
        iss: "https://billing.example".to_owned(),
        aud: "harbor".to_owned(),
        sub: "cus_ana".to_owned(),
        jti: "lic_1".to_owned(),
        iat: SIGNED_AT,
        exp: None,
        serial: 1,
        plan: "bosun".to_owned(),
        seats: None,
        entitlements: [("sso".to_owned(), json!(true))].into(),
        refresh_url: None,
    }
}

fn signed(claims: &Claims) -> String {
    let key = SigningKey::from_secret(Algorithm::EdDsa, &SECRET).unwrap();
    sign(claims, &key).unwrap()
}

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
