//! Which of two tokens an application keeps: whatever it is offered, what it has stays, unless
//! that is a good token of the same license and not an older one.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_license::{
    CLOCK_TOLERANCE, Claims, Expected, KeySet, NoSuccessor, SigningKey, VerifyError, sign,
    successor,
};
use proptest::prelude::*;

use crate::common::{ENDS_AT, EXPECTED, SIGNED_AT, claims};

/// When the tests' application refreshes: an hour after what it holds was signed.
const NOW: i64 = SIGNED_AT + 3_600;

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn stranger() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

fn signed(claims: &Claims) -> String {
    sign(claims, &key()).unwrap()
}

fn held() -> String {
    signed(&claims())
}

/// What the server answers after a renewal.
fn renewed() -> Claims {
    Claims {
        iat: NOW,
        exp: Some(ENDS_AT + 30 * 86_400),
        serial: 4,
        ..claims()
    }
}

fn offers(held: &str, offered: &str, now: i64) -> Result<Claims, NoSuccessor> {
    let keys = KeySet::from_iter([key().verifying_key().clone()]);
    successor(held, offered, &keys, &EXPECTED, now)
}

/// `token` with another payload under its header and signature.
fn altered(token: &str, claims: &Claims) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let said = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap());
    format!("{}.{said}.{}", parts[0], parts[2])
}

/// A token that names no algorithm, and has no signature.
fn unsigned(claims: &Claims) -> String {
    let said = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    format!("{header}.{said}.")
}

#[test]
fn a_newer_token_of_the_same_license_is_kept() {
    let next = renewed();
    assert_eq!(offers(&held(), &signed(&next), NOW), Ok(next.clone()));
    // Signed later, or by another server whose clock is behind, of what has changed since.
    for (serial, iat) in [(3, SIGNED_AT + 1), (3, SIGNED_AT), (4, SIGNED_AT - 60)] {
        let next = Claims {
            serial,
            iat,
            ..renewed()
        };
        assert_eq!(offers(&held(), &signed(&next), NOW), Ok(next));
    }
    // It may give less, and end sooner: it is the server's last word.
    let less = Claims {
        exp: Some(NOW + 1),
        entitlements: [].into(),
        ..next
    };
    assert_eq!(offers(&held(), &signed(&less), NOW), Ok(less));
}

#[test]
fn what_is_no_good_token_leaves_what_is_held() {
    let good = signed(&renewed());
    let other = |change: fn(&mut Claims)| {
        let mut claims = renewed();
        change(&mut claims);
        signed(&claims)
    };
    let of_stranger = sign(&renewed(), &stranger()).unwrap();
    let malformed = VerifyError::Malformed;
    for (offered, why) in [
        (String::new(), malformed),
        ("garbage".to_owned(), malformed),
        (
            "<html><body>502 Bad Gateway</body></html>".to_owned(),
            malformed,
        ),
        (r#"{"token": "eyJ"}"#.to_owned(), malformed),
        (good[..good.len() - 1].to_owned(), malformed),
        (format!("{good}\n"), malformed),
        (altered(&held(), &renewed()), VerifyError::BadSignature),
        (unsigned(&renewed()), VerifyError::Algorithm),
        (of_stranger, VerifyError::UnknownKey),
        (
            other(|it| it.iss = "https://billing.example.net".to_owned()),
            VerifyError::WrongIssuer,
        ),
        (
            other(|it| it.aud = "lighthouse".to_owned()),
            VerifyError::WrongAudience,
        ),
        (
            other(|it| it.sub = "cus_ben".to_owned()),
            VerifyError::WrongCustomer,
        ),
        (
            other(|it| it.exp = Some(NOW)),
            VerifyError::Expired { at: NOW },
        ),
        (
            other(|it| it.iat = NOW + CLOCK_TOLERANCE + 1),
            VerifyError::NotYetValid,
        ),
    ] {
        let told = offers(&held(), &offered, NOW);
        assert_eq!(told, Err(NoSuccessor::NotGood(why)), "{offered}");
        // Nor is it kept where there is nothing to lose.
        assert_eq!(offers("", &offered, NOW), told, "{offered}");
    }
}

#[test]
fn another_license_and_an_older_token_leave_what_is_held() {
    let other = Claims {
        jti: "lic_2".to_owned(),
        ..renewed()
    };
    let of_other = signed(&other);
    assert_eq!(
        offers(&held(), &of_other, NOW),
        Err(NoSuccessor::OtherLicense)
    );
    for (serial, iat) in [(2, NOW), (3, SIGNED_AT - 1), (0, 0)] {
        let older = signed(&Claims {
            serial,
            iat,
            ..renewed()
        });
        assert_eq!(offers(&held(), &older, NOW), Err(NoSuccessor::Older));
        // Neither the end of what is held nor a clock turned back makes room for it.
        for now in [ENDS_AT + 1, SIGNED_AT - 86_400] {
            let older = signed(&Claims {
                serial,
                iat: iat.min(SIGNED_AT - 86_400),
                ..renewed()
            });
            assert_eq!(offers(&held(), &older, now), Err(NoSuccessor::Older));
        }
    }
}

#[test]
fn what_has_ended_or_is_damaged_makes_room_for_a_good_one() {
    let next = renewed();
    assert_eq!(offers(&held(), &signed(&next), ENDS_AT), Ok(next.clone()));
    let elsewhere = Claims {
        aud: "lighthouse".to_owned(),
        serial: 99,
        ..claims()
    };
    let other = Claims {
        jti: "lic_2".to_owned(),
        serial: 99,
        ..renewed()
    };
    let cut = held();
    for damaged in [
        "",
        "garbage",
        &cut[..cut.len() / 2],
        &altered(&cut, &other),
        &unsigned(&other),
        &signed(&elsewhere),
        // Of a key that the application knows no more.
        &sign(&other, &stranger()).unwrap(),
    ] {
        let told = offers(damaged, &signed(&next), NOW);
        assert_eq!(told, Ok(next.clone()), "{damaged}");
    }
}

#[test]
fn whose_it_is_may_be_left_open_and_the_license_is_the_same_all_the_same() {
    let anybody = Expected {
        customer: None,
        ..EXPECTED
    };
    let keys = KeySet::from_iter([key().verifying_key().clone()]);
    let ben = Claims {
        sub: "cus_ben".to_owned(),
        jti: "lic_2".to_owned(),
        ..renewed()
    };
    let told = successor(&held(), &signed(&ben), &keys, &anybody, NOW);
    assert_eq!(told, Err(NoSuccessor::OtherLicense));
    // A license that went over to another account is the same one.
    let ben = Claims {
        jti: "lic_1".to_owned(),
        ..ben
    };
    let told = successor(&held(), &signed(&ben), &keys, &anybody, NOW);
    assert_eq!(told, Ok(ben));
}

proptest! {
    /// No text that is not signed is ever kept, however near it is to one that is.
    #[test]
    fn nothing_that_is_not_signed_is_kept(
        offered in ".{0,200}",
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        prop_assert!(offers(&held(), &offered, NOW).is_err());
        let good = signed(&renewed());
        let mut near = good.clone().into_bytes();
        let at = at.index(near.len());
        near[at] = to;
        let near = String::from_utf8_lossy(&near).into_owned();
        prop_assert_eq!(offers(&held(), &near, NOW).is_ok(), near == good);
    }

    /// Whatever order the answers come in, the newest good one is what is held in the end.
    #[test]
    fn in_any_order_the_newest_is_held_in_the_end(
        answers in prop::collection::vec((0_u32..6, 0_i64..3_600, any::<bool>()), 1..12),
    ) {
        let mut held = String::new();
        for (serial, later, is_good) in &answers {
            let claims = Claims { serial: *serial, iat: SIGNED_AT + later, ..claims() };
            let signer = if *is_good { key() } else { stranger() };
            let offered = sign(&claims, &signer).unwrap();
            if offers(&held, &offered, NOW).is_ok() {
                held = offered;
            }
        }
        let good = answers.iter().filter(|(_, _, is_good)| *is_good);
        let newest = good.map(|(serial, later, _)| (*serial, SIGNED_AT + later)).max();
        let newest = newest.map(|(serial, iat)| signed(&Claims { serial, iat, ..claims() }));
        prop_assert_eq!(held, newest.unwrap_or_default());
    }
}
