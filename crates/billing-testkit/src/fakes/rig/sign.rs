//! HMAC-SHA-256 in lower-case hexadecimal, which all providers sign with.

use ring::hmac;

/// The code of `message` under `secret`, in lower-case hexadecimal.
#[must_use]
pub fn hmac_sha256_hex(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_message_has_its_known_code() {
        // RFC 4231, test case 2.
        let code = hmac_sha256_hex("Jefe", b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(code, expected);
    }
}
