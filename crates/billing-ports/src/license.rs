//! Signing licenses: the values of a license in, a token or a key out.
//!
//! Deliberately knows neither algorithm nor form of either, and not who issues
//! for which application: that is the signer's own configuration.

use billing_domain::catalog::PlanKey;
use billing_domain::entitlement::Entitlements;
use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use uuid::Uuid;

/// What a license says, to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseClaims {
    /// Which license: the same for life.
    pub license: Uuid,
    /// Whose it is.
    pub customer: CustomerId,
    /// How often what it says has changed: of two tokens the higher is the newer.
    pub serial: u32,
    /// The plan that it shows.
    pub plan: PlanKey,
    /// How many people or machines may use it. `None`: they are not counted.
    pub seats: Option<u32>,
    /// What its holder may do.
    pub entitlements: Entitlements,
    /// When the token is signed, and good from.
    pub issued_at: Timestamp,
    /// From when the token is no longer good: the end of the grace. `None`: it is good for ever.
    pub expires_at: Option<Timestamp>,
}

/// Why a license could not be signed. The same claims fail again: a person must look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SignError {
    /// What went wrong, fit for a log: no secret.
    pub message: String,
}

/// Signs licenses, and makes and reads their keys.
///
/// - A token MUST verify with the keys that [`jwks`](Self::jwks) shows, from its signing to its
///   end.
/// - `jwks` MUST NOT show a secret.
/// - The key of a license MUST always be the same, and another than that of every other license.
/// - A key MUST NOT be found out from what is public: a license's id, its tokens, other keys.
/// - A key MUST be read without any look-up and compared in constant time; every text that is
///   no key of this signer MUST be `None`.
///
/// Neither asks the network nor waits for anything.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait LicenseSigner: Send + Sync {
    /// The token that says `claims`.
    ///
    /// # Errors
    ///
    /// [`SignError`] when no verifier would accept it, such as for its length.
    fn sign(&self, claims: &LicenseClaims) -> Result<String, SignError>;

    /// The key of `license`, to be shown to its holder alone: it is a credential.
    fn key_of(&self, license: Uuid) -> String;

    /// The license whose key a person pasted as `key_text`; `None`: it is no key. That there is
    /// such a license is not said.
    fn id_of(&self, key_text: &str) -> Option<Uuid>;

    /// The public keys, as a JSON Web Key Set.
    fn jwks(&self) -> String;
}
