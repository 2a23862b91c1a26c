//! The public keys of the signer, read once: they are shown as text, and every
//! license that is shown is held against them.

use std::sync::{Arc, PoisonError, RwLock};

use billing_license::{JwksError, KeySet};

/// The keys that were read last.
#[derive(Debug, Default)]
pub(crate) struct ReadKeys(RwLock<Option<(String, Arc<KeySet>)>>);

impl ReadKeys {
    /// The keys of `jwks`, read anew where the text is another.
    ///
    /// # Errors
    ///
    /// [`JwksError`] when it is no text of keys.
    pub(crate) fn of(&self, jwks: String) -> Result<Arc<KeySet>, JwksError> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, keys)) = held.as_ref()
            && *text == jwks
        {
            return Ok(Arc::clone(keys));
        }
        drop(held);
        let keys = Arc::new(KeySet::from_jwks(&jwks)?);
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = Some((jwks, Arc::clone(&keys)));
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_license::SigningKey;

    #[test]
    fn other_keys_are_read_anew_and_the_same_are_not() {
        let jwks = |seed: u8| {
            let key = SigningKey::from_seed(&[seed; 32]);
            KeySet::from_iter([key.verifying_key().clone()]).to_jwks()
        };
        let read = ReadKeys::default();
        let one = read.of(jwks(1)).unwrap();
        assert!(Arc::ptr_eq(&one, &read.of(jwks(1)).unwrap()));
        let other = read.of(jwks(2)).unwrap();
        assert_ne!(one, other);
        assert_eq!(*other, KeySet::from_jwks(&jwks(2)).unwrap());
        assert_eq!(one, read.of(jwks(1)).unwrap());
        assert!(read.of("no keys".to_owned()).is_err());
        assert_eq!(one, read.of(jwks(1)).unwrap());
    }
}
