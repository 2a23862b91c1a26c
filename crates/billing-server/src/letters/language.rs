//! The languages that letters are written in, and how each writes amounts and times. Knows no
//! letter.

use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Digits that stand together in a long number.
const GROUP: usize = 3;

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const GERMAN_MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// A language that letters are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The tag, as in `de`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a tag such as `de` or `de-AT`, in either case. `None`: none of these.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }

    /// What is said where no plan is known.
    pub(super) const fn your_plan(self) -> &'static str {
        match self {
            Self::English => "your plan",
            Self::German => "Ihr Plan",
        }
    }

    /// What is said where no product is known.
    pub(super) const fn our_shop(self) -> &'static str {
        match self {
            Self::English => "our shop",
            Self::German => "unserem Shop",
        }
    }

    /// A day in UTC, as in `8 February 2026` or `8. Februar 2026`.
    pub(super) fn day(self, at: Timestamp) -> String {
        let at = utc(at);
        let month = usize::from(at.month().unsigned_abs()).saturating_sub(1);
        let (months, point) = match self {
            Self::English => (&ENGLISH_MONTHS, ""),
            Self::German => (&GERMAN_MONTHS, "."),
        };
        let month = months.get(month).copied().unwrap_or_default();
        format!("{}{point} {month} {}", at.day(), at.year())
    }

    /// A minute in UTC, as in `8 February 2026, 14:30 UTC`.
    pub(super) fn minute(self, at: Timestamp) -> String {
        let (day, at) = (self.day(at), utc(at));
        format!("{day}, {:02}:{:02} UTC", at.hour(), at.minute())
    }

    /// An amount, as in `USD 1,250.00` or `1.250,00 USD`.
    pub(super) fn amount(self, money: Money) -> String {
        let code = money.currency.code().to_ascii_uppercase();
        let places = usize::from(money.currency.exponent());
        let digits = format!(
            "{:0>width$}",
            money.amount.unsigned_abs(),
            width = places.saturating_add(1)
        );
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
        let (group, point) = match self {
            Self::English => (',', '.'),
            Self::German => ('.', ','),
        };
        let mut number = if money.amount < 0 { "-" } else { "" }.to_owned();
        for (place, digit) in whole.chars().enumerate() {
            let left = whole.len().saturating_sub(place);
            if place > 0 && left.is_multiple_of(GROUP) {
                number.push(group);
            }
            number.push(digit);
        }
        if !fraction.is_empty() {
            number.push(point);
            number.push_str(fraction);
        }
        match self {
            Self::English => format!("{code} {number}"),
            Self::German => format!("{number} {code}"),
        }
    }
}

fn utc(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

#[cfg(test)]
mod tests {
    use billing_domain::money::Currency;

    use super::*;

    #[test]
    fn amounts_are_written_as_the_language_writes_them() {
        let kwd = "kwd".parse().unwrap();
        for (amount, currency, english, german) in [
            (2_500, Currency::USD, "USD 25.00", "25,00 USD"),
            (5, Currency::EUR, "EUR 0.05", "0,05 EUR"),
            (-5, Currency::EUR, "EUR -0.05", "-0,05 EUR"),
            (100_000, Currency::USD, "USD 1,000.00", "1.000,00 USD"),
            (99_999, Currency::USD, "USD 999.99", "999,99 USD"),
            (50_000, Currency::SAT, "SAT 50,000", "50.000 SAT"),
            (1_234_567, Currency::SAT, "SAT 1,234,567", "1.234.567 SAT"),
            (1_234_567, kwd, "KWD 1,234.567", "1.234,567 KWD"),
            (
                i64::MIN,
                Currency::USD,
                "USD -92,233,720,368,547,758.08",
                "-92.233.720.368.547.758,08 USD",
            ),
        ] {
            let money = Money::new(amount, currency);
            assert_eq!(Language::English.amount(money), english);
            assert_eq!(Language::German.amount(money), german);
        }
    }

    #[test]
    fn times_are_written_as_the_language_writes_them() {
        for (at, english, german) in [
            (
                "2026-03-08T04:05:59Z",
                "8 March 2026, 04:05 UTC",
                "8. März 2026, 04:05 UTC",
            ),
            (
                "2026-12-31T23:59:00Z",
                "31 December 2026, 23:59 UTC",
                "31. Dezember 2026, 23:59 UTC",
            ),
            (
                "2027-01-01T00:00:00Z",
                "1 January 2027, 00:00 UTC",
                "1. Januar 2027, 00:00 UTC",
            ),
        ] {
            let at = at.parse().unwrap();
            assert_eq!(Language::English.minute(at), english);
            assert_eq!(Language::German.minute(at), german);
        }
    }

    #[test]
    fn a_language_is_found_by_its_tag_and_its_regions() {
        for (tag, found) in [
            ("de", Some(Language::German)),
            ("DE", Some(Language::German)),
            ("de-AT", Some(Language::German)),
            ("en-GB", Some(Language::English)),
            ("den", None),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::from_tag(tag), found, "{tag}");
        }
    }
}
