//! Collecting in another currency than the listed one, at the rate that is
//! pinned when a page or an invoice is made. What is made keeps its rate.

use billing_domain::invoice::Conversion;
use billing_domain::money::Money;
use billing_domain::time::Timestamp;

use super::{Outcome, Rules};

/// Who says the rate.
const SOURCE: &str = "sandbox pin";

impl Rules {
    /// How `listed` is collected. `None`: as it stands.
    pub(super) fn convert(
        &self,
        listed: Money,
        at: Timestamp,
    ) -> Result<Option<Conversion>, Outcome> {
        let Some(settles) = &self.settles else {
            return Ok(None);
        };
        if listed.currency == settles.currency {
            return Ok(None);
        }
        let Some(rate) = settles.pins.get(&listed.currency).filter(|rate| **rate > 0) else {
            let message = format!(
                "no rate is pinned from {} to {}",
                listed.currency.code(),
                settles.currency.code()
            );
            return Err(Outcome::refused("no_rate", message));
        };
        let converted = Conversion::at_rate(listed, *rate, settles.currency, SOURCE, at);
        match converted {
            Ok(conversion) if conversion.collected.amount > 0 => Ok(Some(conversion)),
            Ok(_) => Err(Outcome::refused(
                "amount_too_small",
                "it comes to nothing in the currency that is collected",
            )),
            Err(error) => Err(Outcome::refused("amount_too_large", error.to_string())),
        }
    }
}
