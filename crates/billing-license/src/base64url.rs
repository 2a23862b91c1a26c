//! Base64url as JWS has it: no padding, one spelling per value.
//!
//! Knows nothing of what is encoded.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Spells `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`encode`] writes and nothing else: padding, white space, the other alphabet and
/// bits left over at the end are `None`, or two tokens could be one.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling_of_every_value() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        // Padded; bits left over; the other alphabet; white space; too short for a byte.
        for wrong in ["-_8=", "-_9", "+/8", "-_ 8", "-_8\n", "A"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }
}
