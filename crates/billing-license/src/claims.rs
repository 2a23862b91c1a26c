//! What a license token says.
//!
//! Knows neither plans nor customers: their names are texts here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a license token says. The names are those of the registered JWT claims where there is
/// one. On reading, claims of other names are ignored: a later server may say more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued the license: the public address of the billing server.
    pub iss: String,
    /// Which application it is for.
    pub aud: String,
    /// Whose it is: the id of the customer.
    pub sub: String,
    /// The id of the license. It stays the same over renewals and changes of the plan.
    pub jti: String,
    /// When this token was signed, in Unix seconds.
    pub iat: i64,
    /// When this token ends, in Unix seconds: from this second on it is expired. `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// How often what the license says had changed when this token was signed. Of two tokens of
    /// one license the newer has the higher serial, or the same and a later `iat`.
    #[serde(default)]
    pub serial: u32,
    /// The key of the plan.
    pub plan: String,
    /// How many people or machines may use it. `None`: the license does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<u64>,
    /// What the holder may do, by feature. A feature that is absent is not granted.
    #[serde(default)]
    pub entitlements: BTreeMap<String, serde_json::Value>,
    /// Where an application posts this token, expired or not, to get the newest. `None`: there
    /// is no such place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_url: Option<String>,
}
