//! The license of the examples: signed with the key that is embedded in them.

use billing_license::{Algorithm, Claims, SigningKey, sign};
use serde_json::json;

/// The secret half of that key, which is everybody's: that of the first test of RFC 8032.
const SECRET: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

/// 2026-01-01 and a month later: over, whenever this runs.
pub(crate) const SIGNED_AT: i64 = 1_767_225_600;
pub(crate) const ENDED_AT: i64 = 1_769_817_600;

/// A license without an end.
pub(crate) fn claims() -> Claims {
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

pub(crate) fn signed(claims: &Claims) -> String {
    let key = SigningKey::from_secret(Algorithm::EdDsa, &SECRET).unwrap();
    sign(claims, &key).unwrap()
}
