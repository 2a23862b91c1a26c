//! How an application checks its license, alone: `offline <token> [customer]`.
//!
//! The keys are embedded, as they stood at the server's `/.well-known/jwks.json`.

use std::time::{SystemTime, UNIX_EPOCH};

use billing_license::{Expected, KeySet, VerifyError, verify};

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA",
    "kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[expect(clippy::print_stdout, reason = "telling is what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let token = arguments
        .next()
        .ok_or("usage: offline <token> [customer]")?;
    let customer = arguments.next();
    let expected = Expected {
        issuer: "https://billing.example",
        audience: Some("harbor"),
        customer: customer.as_deref(),
    };
    let keys = KeySet::from_jwks(KEYS)?;
    match verify(&token, &keys, &expected, now()?) {
        Ok(license) => println!("{}: {:?}", license.plan, license.entitlements),
        Err(VerifyError::Expired { at }) => println!("ended at {at}: refresh, or ask to renew"),
        Err(refused) => return Err(refused.into()),
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an application has a clock")]
fn now() -> Result<i64, Box<dyn std::error::Error>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}
