//! How deliveries are signed. Knows no state.

use super::super::rig::hmac_sha256_hex;

/// The name of the header, in lower case.
pub const SIGNATURE_HEADER: &str = "btcpay-sig";

/// The header of a delivery: `sha256=…` over the exact bytes, without an instant.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac_sha256_hex(secret, body))
}
