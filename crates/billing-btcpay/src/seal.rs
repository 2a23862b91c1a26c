//! The seal on the rate that an invoice was made at. The rate lies in the invoice's
//! metadata, says how few satoshi are enough, and can be written by whoever may write to
//! the store; so it counts only under a seal that the holder of the API key alone can
//! make. Knows nothing of where rates come from, and of no other metadata.

use std::fmt;

use billing_domain::invoice::Conversion;
use billing_domain::time::to_micros;
use billing_http::SigningKeys;
use secrecy::SecretString;
use serde_json::json;

use crate::correlation::{self, CONVERSION, Metadata, ORDER, Ours, SEAL};

/// What is sealed, so that a seal is never good for anything else.
const WHAT: &str = "a conversion of billing";

/// Seals rates, and knows its own seals.
#[derive(Clone)]
pub(crate) struct Seal {
    /// `None`: there is no API key, and nothing is believed.
    key: Option<SigningKeys>,
    operator: String,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").finish_non_exhaustive()
    }
}

impl Seal {
    pub(crate) fn new(api_key: &SecretString, operator: &str) -> Self {
        Self {
            key: SigningKeys::new(std::slice::from_ref(api_key)),
            operator: operator.to_owned(),
        }
    }

    /// Writes the rate that `ours` is made at into the metadata of its invoice, under a
    /// seal. The effect's key stands there already.
    pub(crate) fn put(&self, metadata: &mut Metadata, ours: Ours, conversion: &Conversion) {
        let order = correlation::text(metadata, ORDER).unwrap_or_default();
        let seal = self.key.as_ref().zip(self.sealed(order, ours, conversion));
        let seal = seal.map(|(key, sealed)| key.sign(sealed.as_bytes()));
        metadata.insert(CONVERSION.to_owned(), json!(conversion));
        metadata.insert(SEAL.to_owned(), json!(seal));
    }

    /// How the price of `ours` was converted, when its invoice over `collected` satoshi was
    /// made. `None`: it was not; or nobody who could be believed says so.
    pub(crate) fn conversion(
        &self,
        metadata: &Metadata,
        ours: Ours,
        collected: i64,
    ) -> Option<Conversion> {
        let told = correlation::conversion(metadata, collected)?;
        let seal = correlation::text(metadata, SEAL)?;
        let order = correlation::text(metadata, ORDER).unwrap_or_default();
        let sealed = self.sealed(order, ours, &told)?;
        let genuine = self.key.as_ref()?.verify(sealed.as_bytes(), [seal]);
        genuine.then_some(told)
    }

    /// What a seal is of. The instant counts to the microsecond: BTCPay keeps no more than
    /// a tenth of one. `None`: it cannot be written down.
    fn sealed(&self, order: &str, ours: Ours, conversion: &Conversion) -> Option<String> {
        let id = match ours {
            Ours::Checkout(id) => id.to_string(),
            Ours::Invoice(id) => id.to_string(),
            Ours::Garbled => return None,
        };
        let said = Conversion {
            at: to_micros(conversion.at),
            ..conversion.clone()
        };
        serde_json::to_string(&(WHAT, &self.operator, order, id, said)).ok()
    }
}
