//! Seals stored answers under the caller's own idempotency key, which is not
//! stored: who reads the database learns no answer, and none of the secrets in it.

use billing_ports::IdSource;
use billing_ports::store::SecretHash;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// What an idempotency key is stored under.
pub(crate) fn stored_name(key: &str) -> String {
    hex::encode(crate::auth::hash(key))
}

/// `answer`, readable only with `key` and the same request.
pub(crate) fn seal(
    key: &str,
    request: &SecretHash,
    answer: &[u8],
    ids: &dyn IdSource,
) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(ids.secret().get(..NONCE_LEN)?);
    let mut sealed = answer.to_vec();
    cipher(key, request)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(request),
            &mut sealed,
        )
        .ok()?;
    let mut stored = nonce.to_vec();
    stored.append(&mut sealed);
    Some(stored)
}

/// What was sealed. `None`: another key, another request, or damaged.
pub(crate) fn open(key: &str, request: &SecretHash, stored: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = stored.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let answer = cipher(key, request)?
        .open_in_place(nonce, Aad::from(request), &mut sealed)
        .ok()?;
    Some(answer.to_vec())
}

fn cipher(key: &str, request: &SecretHash) -> Option<LessSafeKey> {
    let source = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let derived = hmac::sign(&source, request);
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, derived.as_ref()).ok()?;
    Some(LessSafeKey::new(unbound))
}

#[cfg(test)]
mod tests {
    use billing_testkit::SeededIds;

    use super::*;

    #[test]
    fn an_answer_opens_with_its_key_and_request_alone() {
        let ids = SeededIds::new(1);
        let sealed = seal("key", &[1; 32], b"answer", &ids).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"answer"));
        assert_eq!(open("key", &[1; 32], &sealed).unwrap(), b"answer");
        assert_eq!(open("other", &[1; 32], &sealed), None);
        assert_eq!(open("key", &[2; 32], &sealed), None);
        assert_eq!(open("key", &[1; 32], b"short"), None);
    }
}
