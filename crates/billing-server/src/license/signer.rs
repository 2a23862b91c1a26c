//! Signs licenses with the keys of the file: the port's values into the claims
//! of a token. Deliberately decides nothing of what a license says.

use std::collections::BTreeMap;

use billing_domain::entitlement::{Entitlement, Entitlements, Limit};
use billing_domain::ids::LicenseId;
use billing_domain::time::Timestamp;
use billing_license::{Claims, KeySecret, KeySet, LicenseKey, SigningKey, VerifyingKey};
use billing_ports::{LicenseClaims, LicenseSigner, SignError};
use serde_json::Value;
use uuid::Uuid;

use super::ring::KeyRing;

/// Where an application fetches its license anew, below the public address.
const REFRESH: &str = "/v1/licenses/refresh";

/// Signs in the name of one installation, for one application.
#[derive(Debug)]
pub struct TokenSigner {
    key: SigningKey,
    /// The public halves of that key, of the next and of those before.
    public: KeySet,
    secret: KeySecret,
    issuer: String,
    audience: String,
}

impl TokenSigner {
    /// The signer of the server at `issuer`, without a slash at its end, whose
    /// licenses are for `audience`. Tokens are signed with the key that grows from
    /// `seed`, license keys sealed with `key_secret`: both from a cryptographic
    /// source of randomness, and kept for as long as licenses are to be good.
    #[must_use]
    pub fn new(seed: &[u8; 32], key_secret: &[u8; 32], issuer: &str, audience: &str) -> Self {
        let key = SigningKey::from_seed(seed);
        Self {
            public: KeySet::from_iter([key.verifying_key().clone()]),
            key,
            secret: KeySecret::new(key_secret),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }

    /// Shows and believes these keys besides, until they are retired: those that
    /// signed before, and the one that will sign next.
    #[must_use]
    pub fn also_believing(mut self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        for key in keys {
            self.public.insert(key);
        }
        self
    }

    /// The signer that has the keys of `ring`.
    pub(super) fn of(ring: KeyRing, issuer: &str, audience: &str) -> Self {
        Self {
            public: ring.public(),
            secret: KeySecret::new(&ring.secret),
            key: ring.signing.key,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }

    /// The name of the key that signs, as a token has it. No secret.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.key.kid()
    }
}

impl LicenseSigner for TokenSigner {
    fn sign(&self, said: &LicenseClaims) -> Result<String, SignError> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: said.customer.to_string(),
            jti: LicenseId::from(said.license).to_string(),
            iat: said.issued_at.as_second(),
            exp: said.expires_at.map(Timestamp::as_second),
            serial: said.serial,
            plan: said.plan.to_string(),
            seats: said.seats.map(u64::from),
            entitlements: spelled(&said.entitlements),
            refresh_url: Some(format!("{}{REFRESH}", self.issuer)),
        };
        billing_license::sign(&claims, &self.key).map_err(|error| SignError {
            message: error.to_string(),
        })
    }

    fn key_of(&self, license: Uuid) -> String {
        LicenseKey::derive(&self.secret, license.into_bytes())
            .as_str()
            .to_owned()
    }

    fn id_of(&self, key_text: &str) -> Option<Uuid> {
        let id = LicenseKey::parse(key_text, &self.secret).ok()?;
        Some(Uuid::from_bytes(id))
    }

    fn jwks(&self) -> String {
        self.public.to_jwks()
    }
}

/// As applications read them: yes or no, a number or `unlimited`, a text. A level
/// comes as its name, which is a text.
fn spelled(granted: &Entitlements) -> BTreeMap<String, Value> {
    let spelled = granted.iter().map(|(feature, entitlement)| {
        let value = match entitlement {
            Entitlement::Flag(allowed) => Value::from(*allowed),
            Entitlement::Limit(Limit::AtMost(amount)) => Value::from(*amount),
            Entitlement::Limit(Limit::Unlimited) => Value::from("unlimited"),
            Entitlement::Text(text) => Value::from(text.as_str()),
            Entitlement::Level(place) => Value::from(*place),
        };
        (feature.to_string(), value)
    });
    spelled.collect()
}

#[cfg(test)]
mod tests {
    use billing_domain::catalog::PlanKey;
    use billing_domain::entitlement::FeatureKey;
    use billing_domain::ids::CustomerId;
    use billing_license::{Expected, verify};
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://billing.example.com";

    fn signer(seed: u8) -> TokenSigner {
        TokenSigner::new(&[seed; 32], &[seed; 32], ISSUER, "harbor")
    }

    fn said() -> LicenseClaims {
        let entitlements = [
            ("sso", Entitlement::Flag(true)),
            ("seats", Entitlement::Limit(Limit::AtMost(5))),
            ("projects", Entitlement::Limit(Limit::Unlimited)),
            ("editor", Entitlement::Text("write".to_owned())),
        ];
        LicenseClaims {
            license: Uuid::from_u128(7),
            customer: CustomerId::from(Uuid::from_u128(8)),
            serial: 3,
            plan: PlanKey::new("team").unwrap(),
            seats: Some(5),
            entitlements: entitlements
                .into_iter()
                .map(|(key, held)| (FeatureKey::new(key).unwrap(), held))
                .collect(),
            issued_at: "2026-03-01T12:00:00Z".parse().unwrap(),
            expires_at: Some("2026-04-08T12:00:00.9Z".parse().unwrap()),
        }
    }

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_token_says_it_all_and_verifies_with_the_public_keys() {
        let signer = signer(1);
        let token = signer.sign(&said()).unwrap();
        let keys = KeySet::from_jwks(&signer.jwks()).unwrap();
        let expected = Expected {
            issuer: ISSUER,
            audience: Some("harbor"),
            customer: Some("cus_00000000000000000000000000000008"),
        };
        let claims = verify(&token, &keys, &expected, second("2026-04-08T11:59:59Z")).unwrap();
        let wanted = json!({ "editor": "write", "projects": "unlimited", "seats": 5, "sso": true });
        assert_eq!(json!(claims.entitlements), wanted);
        assert_eq!(claims.jti, "lic_00000000000000000000000000000007");
        assert_eq!(claims.iat, second("2026-03-01T12:00:00Z"));
        assert_eq!(claims.exp, Some(second("2026-04-08T12:00:00Z")));
        assert_eq!((claims.serial, claims.seats), (3, Some(5)));
        assert_eq!(claims.plan, "team");
        let refresh = "https://billing.example.com/v1/licenses/refresh";
        assert_eq!(claims.refresh_url.as_deref(), Some(refresh));
        assert!(!signer.jwks().contains("\"d\""));
    }

    #[test]
    fn what_another_key_signed_is_believed_as_long_as_it_is_said_to_be() {
        let token = signer(1).sign(&said()).unwrap();
        let read = |signer: &TokenSigner| {
            let keys = KeySet::from_jwks(&signer.jwks()).unwrap();
            let expected = Expected {
                issuer: ISSUER,
                audience: Some("harbor"),
                customer: None,
            };
            verify(&token, &keys, &expected, second("2026-03-02T00:00:00Z")).is_ok()
        };
        let old = SigningKey::from_seed(&[1; 32]).verifying_key().clone();
        assert!(read(&signer(2).also_believing([old])));
        assert!(!read(&signer(2)));
    }

    #[test]
    fn one_for_ever_has_no_end() {
        let signer = signer(1);
        let claims = LicenseClaims {
            expires_at: None,
            seats: None,
            ..said()
        };
        let token = signer.sign(&claims).unwrap();
        let keys = KeySet::from_jwks(&signer.jwks()).unwrap();
        let expected = Expected {
            issuer: ISSUER,
            audience: None,
            customer: None,
        };
        let read = verify(&token, &keys, &expected, i64::MAX).unwrap();
        assert_eq!((read.exp, read.seats), (None, None));
    }

    #[test]
    fn a_token_that_nobody_would_read_is_not_signed() {
        let entitlements = (0..1000).map(|n| {
            let key = FeatureKey::new(format!("feature-{n}")).unwrap();
            (key, Entitlement::Flag(true))
        });
        let claims = LicenseClaims {
            entitlements: entitlements.collect(),
            ..said()
        };
        let error = signer(1).sign(&claims).unwrap_err();
        assert!(error.message.contains("more than 8192"), "{error}");
    }

    #[test]
    fn keys_are_read_by_the_signer_that_made_them_alone() {
        let (one, other) = (signer(1), signer(2));
        let id = Uuid::from_u128(7);
        let key = one.key_of(id);
        assert_eq!(one.id_of(&key), Some(id));
        assert_eq!(one.key_of(id), key);
        assert_ne!(one.key_of(Uuid::from_u128(8)), key);
        assert_eq!(other.id_of(&key), None);
        assert_eq!(one.id_of("LK-garbage"), None);
        assert_ne!(one.kid(), other.kid());
    }
}
