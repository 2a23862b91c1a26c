//! The license that the tests sign, and who expects it.

use billing_license::{Claims, Expected};
use serde_json::json;

/// 1 January 2026.
pub(crate) const SIGNED_AT: i64 = 1_767_225_600;

/// Thirty days later.
pub(crate) const ENDS_AT: i64 = SIGNED_AT + 30 * 86_400;

/// What an application of this customer's expects.
pub(crate) const EXPECTED: Expected<'static> = Expected {
    issuer: "https://billing.example",
    audience: Some("harbor"),
    customer: Some("cus_ana"),
};

/// What the license says.
pub(crate) fn claims() -> Claims {
    Claims {
        iss: "https://billing.example".to_owned(),
        aud: "harbor".to_owned(),
        sub: "cus_ana".to_owned(),
        jti: "lic_1".to_owned(),
        iat: SIGNED_AT,
        exp: Some(ENDS_AT),
        serial: 3,
        plan: "bosun".to_owned(),
        seats: Some(5),
        entitlements: [
            ("quota".to_owned(), json!(1024)),
            ("sso".to_owned(), json!(true)),
        ]
        .into(),
        refresh_url: Some("https://billing.example/v1/licenses/refresh".to_owned()),
    }
}
