//! Signatures: `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>…]`, each hex
//! an HMAC-SHA-256 of `{t}.{body}` under a secret. Knows nothing of what a body says.

use billing_http::SignatureScheme;
use jiff::SignedDuration;

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// How far a signature's time may be from ours, either way. Stripe's own libraries
/// take 300 s of age; theirs accept any future, which nobody needs whose clock is
/// kept right.
pub const TIMESTAMP_TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// `v0`, and schemes that may come, are no signature of ours.
pub(crate) const SCHEME: SignatureScheme = SignatureScheme {
    separator: ',',
    time: "t",
    tag: "v1",
    joiner: '.',
    tolerance: TIMESTAMP_TOLERANCE,
};
