//! Signatures: `Paddle-Signature: ts=<unix seconds>;h1=<hex>[;h1=<hex>]`, the hex
//! being an HMAC-SHA-256 of `{ts}:{body}`. Knows nothing of what a body says.

use billing_http::SignatureScheme;
use jiff::SignedDuration;

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "paddle-signature";

/// Other schemes may come one day, and are no signature of ours.
pub(crate) const fn scheme(tolerance: SignedDuration) -> SignatureScheme {
    SignatureScheme {
        separator: ';',
        time: "ts",
        tag: "h1",
        joiner: ':',
        tolerance,
    }
}
