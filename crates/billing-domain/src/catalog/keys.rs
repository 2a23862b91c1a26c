//! The keys that people write in a catalog: short, lower-case, stable.
//!
//! Deliberately knows nothing of what a key names: whether a plan of that key
//! exists is the catalog's business.

/// Longest key. Keys stand in URLs, metadata of providers (Stripe: 500
/// characters a value) and log lines; 64 leaves room in all of them.
pub const MAX_KEY_CHARS: usize = 64;

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key has 1 to {MAX_KEY_CHARS} characters, each a lower-case letter, a digit, '-', '_' or '.'"
)]
pub struct KeyError;

/// Whether `text` is spelled as a key.
#[must_use]
pub fn is_key(text: &str) -> bool {
    (1..=MAX_KEY_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

macro_rules! string_keys {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads a key.
            ///
            /// # Errors
            ///
            /// [`KeyError`](crate::catalog::KeyError) unless it is spelled as a key.
            pub fn new(text: impl Into<String>) -> Result<Self, $crate::catalog::KeyError> {
                let text = text.into();
                if $crate::catalog::keys::is_key(&text) {
                    Ok(Self(text))
                } else {
                    Err($crate::catalog::KeyError)
                }
            }

            /// The key as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::catalog::KeyError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::catalog::KeyError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::catalog::KeyError;
            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
pub(crate) use string_keys;

string_keys! {
    /// The key of a plan, as in `bosun`.
    PlanKey;
    /// The key of a price, as in `bosun-monthly`; unique over all plans.
    PriceKey;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_lower_case() {
        for good in ["a", "bosun-monthly", "a_b.c-2024", &"k".repeat(64)] {
            assert_eq!(PlanKey::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "Bosun", "a b", "é", "a/b", "a:b", &"k".repeat(65)] {
            assert_eq!(PlanKey::new(bad), Err(KeyError), "{bad}");
        }
    }

    #[test]
    fn keys_are_stored_as_plain_text_and_checked_on_reading() {
        let key = PriceKey::new("bosun-monthly").unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), r#""bosun-monthly""#);
        assert!(serde_json::from_str::<PriceKey>(r#""Bosun""#).is_err());
    }
}
