//! A receiver's secret, as people copy it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use billing_ports::store::EndpointSecret;

/// What stands before a secret, so that it is known for one wherever it turns up.
pub const SECRET_PREFIX: &str = "whsec_";

/// The secret as receivers are told it, once: the libraries take it as it stands.
#[must_use]
pub fn shown(secret: &EndpointSecret) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(secret.0))
}
