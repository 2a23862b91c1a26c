//! How notifications are signed. Knows no state.

use billing_domain::time::Timestamp;

use super::super::rig::hmac_sha256_hex;

/// The name of the header, in lower case.
pub const SIGNATURE_HEADER: &str = "paddle-signature";

/// The header of one attempt: `ts=…;h1=…`, with one `h1` for each secret, in
/// their order.
#[must_use]
pub fn signature(secrets: &[String], body: &[u8], at: Timestamp) -> String {
    let mut message = format!("{}:", at.as_second()).into_bytes();
    message.extend_from_slice(body);
    let mut header = format!("ts={}", at.as_second());
    for secret in secrets {
        header.push_str(";h1=");
        header.push_str(&hmac_sha256_hex(secret, &message));
    }
    header
}

/// The headers of one attempt.
pub(super) fn headers(secrets: &[String], body: &[u8], at: Timestamp) -> Vec<(String, String)> {
    let value = signature(secrets, body, at);
    vec![(SIGNATURE_HEADER.to_owned(), value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_body_has_its_known_signature() {
        let at = Timestamp::from_second(1_698_796_800).unwrap();
        let secrets = ["VALID_SECRET".to_owned()];
        let header = signature(&secrets, br#"{"data": ["1", "2"]}"#, at);
        let expected = "ts=1698796800;\
            h1=a300428748dce5c70e4da19bffd60769591ea969c99dea3105d0ec9612cf43f9";
        assert_eq!(header, expected);
    }
}
