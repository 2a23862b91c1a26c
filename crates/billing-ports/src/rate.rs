//! What a bitcoin costs. Knows no exchange, and nothing of who pays what by it.

use std::fmt;

use async_trait::async_trait;
use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money, MoneyError};
use billing_domain::time::Timestamp;

/// What one bitcoin costs at an instant, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The currency that it is stated in.
    pub currency: Currency,
    /// Minor units of that currency for [`Conversion::RATE_UNIT`] satoshi, which
    /// are one bitcoin. Never zero.
    pub per_bitcoin: u64,
    /// Who says so: `kraken`, `pin`.
    pub source: String,
    /// When it was so.
    pub at: Timestamp,
}

impl Rate {
    /// What is collected in satoshi for `listed`, rounded once.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Mixed`] when the rate is of another currency, and
    /// those of [`Conversion::at_rate`].
    pub fn convert(&self, listed: Money) -> Result<Conversion, MoneyError> {
        if listed.currency != self.currency {
            return Err(MoneyError::Mixed(listed.currency, self.currency));
        }
        Conversion::at_rate(
            listed,
            self.per_bitcoin,
            Currency::SAT,
            &self.source,
            self.at,
        )
    }
}

/// Nobody who was asked knows a rate that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no rate of {currency}{}", Asked(failed))]
pub struct RateError {
    /// The currency that was asked about.
    pub currency: Currency,
    /// Every source that was asked, in order, and why its answer does not count.
    /// Empty: there is no source.
    pub failed: Vec<(String, String)>,
}

struct Asked<'a>(&'a [(String, String)]);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (source, why)) in self.0.iter().enumerate() {
            let before = if index == 0 { ": " } else { "; " };
            write!(f, "{before}{source} ({why})")?;
        }
        Ok(())
    }
}

/// Knows what a bitcoin costs.
///
/// - The rate of an answer MUST be above zero, and of the currency asked about.
/// - It MUST be exact: what the source says, rounded once to a minor unit.
/// - It MUST bound every call in time.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RateSource: Send + Sync {
    /// What one bitcoin costs in `currency` at `now`.
    async fn rate(&self, currency: Currency, now: Timestamp) -> Result<Rate, RateError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> Rate {
        Rate {
            currency: Currency::USD,
            per_bitcoin: 5_000_000,
            source: "pin".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn twenty_five_dollars_at_fifty_thousand_are_fifty_thousand_satoshi() {
        let conversion = rate().convert(Money::new(2_500, Currency::USD)).unwrap();
        assert_eq!(conversion.collected, Money::new(50_000, Currency::SAT));
        assert_eq!(conversion.source, "pin");
    }

    #[test]
    fn another_currency_is_not_converted_by_it() {
        let euros = Money::new(2_500, Currency::EUR);
        assert!(rate().convert(euros).is_err());
    }

    #[test]
    fn an_error_names_everybody_who_was_asked() {
        let error = |failed| RateError {
            currency: Currency::USD,
            failed,
        };
        assert_eq!(error(vec![]).to_string(), "no rate of usd");
        let both = vec![
            ("kraken".to_owned(), "timed out".to_owned()),
            ("coinbase".to_owned(), "says zero".to_owned()),
        ];
        assert_eq!(
            error(both).to_string(),
            "no rate of usd: kraken (timed out); coinbase (says zero)"
        );
    }
}
