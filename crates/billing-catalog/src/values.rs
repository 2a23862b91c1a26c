//! The small words of a plan file: durations, intervals, dates, numbers.
//!
//! Each reads a text or answers with what would have been right: files of other kinds that
//! an operator writes are read in the same words.

use billing_domain::catalog::{Billing, nearest};
use billing_domain::entitlement::{Limit, SizeError, parse_size};
use billing_domain::money::{Currency, DecimalError, Money};
use billing_domain::time::{Interval, Timestamp, Unit, to_micros};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A value, or what would have been right.
pub type Reading<T> = Result<T, String>;

/// `15m`, `12h`, `7d`.
pub(crate) fn duration(text: &str) -> Reading<SignedDuration> {
    let (digits, unit) = split(text);
    let number = whole(digits);
    let seconds = match unit {
        "m" => Some(60_i64),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    if let (Some(number), Some(seconds)) = (number, seconds) {
        return i64::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(seconds))
            .map(SignedDuration::from_secs)
            .ok_or_else(|| "a shorter duration".to_owned());
    }
    let meant = number.and_then(|number| {
        let number = u128::from(number);
        match unit.trim().to_ascii_lowercase().as_str() {
            "m" | "min" | "mins" | "minute" | "minutes" => Some(format!("{number}m")),
            "h" | "hr" | "hrs" | "hour" | "hours" => Some(format!("{number}h")),
            "d" | "day" | "days" => Some(format!("{number}d")),
            "w" | "week" | "weeks" => Some(format!("{}d", number.saturating_mul(7))),
            _ => None,
        }
    });
    let expected = "a duration in minutes, hours or days, as in 15m, 12h or 7d";
    Err(did_you_mean(expected, meant.as_deref()))
}

const UNITS: [(&str, &str, Unit); 4] = [
    ("day", "days", Unit::Day),
    ("week", "weeks", Unit::Week),
    ("month", "months", Unit::Month),
    ("year", "years", Unit::Year),
];

/// `month`, `30 days`, `once`.
///
/// # Errors
///
/// What would have been right, in words.
pub fn interval(text: &str) -> Reading<Billing> {
    if text == "once" {
        return Ok(Billing::Once);
    }
    let (digits, rest) = split(text);
    let word = rest.strip_prefix(' ').unwrap_or(rest);
    let count = if digits.is_empty() {
        Some(1)
    } else {
        whole(digits)
    };
    let exact = UNITS.iter().find(|(one, many, _)| {
        let bare = digits.is_empty() && rest == *one;
        let counted = !digits.is_empty() && rest != word;
        bare || counted && (word == *many || word == *one && count == Some(1))
    });
    if let (Some((_, _, unit)), Some(count)) = (exact, count) {
        return u16::try_from(count)
            .ok()
            .and_then(|count| Interval::new(*unit, count).ok())
            .map(Billing::Recurring)
            .ok_or_else(|| {
                let years = Interval::MAX_YEARS;
                format!("an interval of at least one unit and at most {years} years")
            });
    }
    let expected = "day, week, month, year, a number of them as in 30 days, or once";
    let meant = meant_interval(word, count.unwrap_or(1));
    Err(did_you_mean(expected, meant.as_deref()))
}

fn meant_interval(word: &str, count: u64) -> Option<String> {
    let word = word.trim().to_ascii_lowercase();
    let (one, many) = match word.as_str() {
        "d" | "day" | "days" | "daily" => ("day", "days"),
        "w" | "week" | "weeks" | "weekly" => ("week", "weeks"),
        "mo" | "month" | "months" | "monthly" => ("month", "months"),
        "y" | "year" | "years" | "yearly" | "annual" | "annually" => ("year", "years"),
        other => {
            return nearest(other, ["day", "week", "month", "year", "once"]).map(str::to_owned);
        }
    };
    Some(match count {
        1 => one.to_owned(),
        count => format!("{count} {many}"),
    })
}

/// A day (its first instant in UTC) or an instant.
///
/// # Errors
///
/// What would have been right, in words.
pub fn date(text: &str) -> Reading<Timestamp> {
    let expected = || "a day as in 2026-01-31, or an instant as in 2026-01-31T12:00:00Z".to_owned();
    let is_day = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_day {
        let day: Option<Date> = text.parse().ok();
        return day
            .and_then(|day| day.to_zoned(TimeZone::UTC).ok())
            .map(|start| start.timestamp())
            .ok_or_else(expected);
    }
    let instant: Option<Timestamp> = text.parse().ok();
    instant.map(to_micros).ok_or_else(expected)
}

/// A whole number from 0.
pub(crate) fn number(text: &str) -> Reading<u32> {
    whole(text)
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| "a whole number, as in 10".to_owned())
}

/// `true` or `false`.
pub(crate) fn flag(text: &str) -> Reading<bool> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// A number of pieces, or `unlimited`.
pub(crate) fn count(text: &str) -> Reading<Limit> {
    if text == "unlimited" {
        return Ok(Limit::Unlimited);
    }
    let expected = "a whole number or unlimited, since the feature is a count";
    whole(text)
        .map(Limit::AtMost)
        .ok_or_else(|| expected.to_owned())
}

/// A size in bytes, or `unlimited`.
pub(crate) fn size(text: &str) -> Reading<Limit> {
    if text == "unlimited" {
        return Ok(Limit::Unlimited);
    }
    let expected = "a size as in 5GB or 512MiB, or unlimited";
    parse_size(text).map(Limit::AtMost).map_err(|error| {
        let (digits, _) = split(text);
        match error {
            SizeError::UnknownUnit { meant: Some(unit) } => {
                did_you_mean(expected, Some(&format!("{digits}{unit}")))
            }
            SizeError::NotWhole => format!("{expected}; this is not a whole number of bytes"),
            SizeError::OutOfRange => "a smaller size, or unlimited".to_owned(),
            SizeError::NotASize | SizeError::UnknownUnit { meant: None } => expected.to_owned(),
        }
    })
}

/// A currency's code.
///
/// # Errors
///
/// What would have been right, in words.
pub fn currency(text: &str) -> Reading<Currency> {
    text.parse()
        .map_err(|_unknown| "a three-letter currency such as usd, eur or sat".to_owned())
}

/// A decimal in the currency's own exponent.
///
/// # Errors
///
/// What would have been right, in words.
pub fn amount(text: &str, currency: Currency) -> Reading<Money> {
    Money::parse_decimal(text, currency).map_err(|error| match error {
        DecimalError::NotDecimal => {
            let sample = if currency.exponent() == 0 {
                "20"
            } else {
                "20.00"
            };
            format!("an amount of {currency} in digits, as in {sample}")
        }
        DecimalError::TooPrecise { allowed: 0, .. } => {
            format!("an amount of {currency}, which has no decimals")
        }
        DecimalError::TooPrecise { allowed, .. } => {
            format!("an amount of {currency}, which has {allowed} decimals")
        }
        DecimalError::OutOfRange => "a smaller amount".to_owned(),
    })
}

/// One of some words.
pub(crate) fn word<T: Copy>(text: &str, known: &[(&str, T)]) -> Reading<T> {
    let found = known.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let meant = nearest(text, names.iter().copied());
        did_you_mean(&format!("one of {}", names.join(", ")), meant)
    })
}

pub(crate) fn did_you_mean(expected: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{expected} (did you mean `{meant}`?)"),
        None => expected.to_owned(),
    }
}

/// The digits in front, and the rest.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Digits only: no sign, no point, no separator.
fn whole(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("15m"), Ok(SignedDuration::from_mins(15)));
        assert_eq!(duration("12h"), Ok(SignedDuration::from_hours(12)));
        assert_eq!(duration("7d"), Ok(SignedDuration::from_hours(168)));
        for (wrong, meant) in [
            ("15 minutes", "`15m`"),
            ("2w", "`14d`"),
            ("7 d", "`7d`"),
            ("7D", "`7d`"),
        ] {
            assert!(duration(wrong).unwrap_err().contains(meant), "{wrong}");
        }
        for wrong in ["", "7", "d", "-7d", "1.5d", "99999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn intervals() {
        let every = |unit, count| Ok(Billing::Recurring(Interval::new(unit, count).unwrap()));
        assert_eq!(interval("month"), every(Unit::Month, 1));
        assert_eq!(interval("1 month"), every(Unit::Month, 1));
        assert_eq!(interval("30 days"), every(Unit::Day, 30));
        assert_eq!(interval("2 years"), every(Unit::Year, 2));
        assert_eq!(interval("once"), Ok(Billing::Once));
        for (wrong, meant) in [
            ("monthly", "`month`"),
            ("annually", "`year`"),
            ("30d", "`30 days`"),
            ("30days", "`30 days`"),
            ("3 month", "`3 months`"),
            ("Month", "`month`"),
            ("onec", "`once`"),
        ] {
            assert!(interval(wrong).unwrap_err().contains(meant), "{wrong}");
        }
        for wrong in ["", "0 days", "101 years", "70000 days", "1.5 months", "x"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_begin_at_midnight_utc() {
        let start: Timestamp = "2026-01-31T00:00:00Z".parse().unwrap();
        assert_eq!(date("2026-01-31"), Ok(start));
        assert_eq!(date("2026-01-31T02:00:00+02:00"), Ok(start));
        for wrong in [
            "2026-02-30",
            "31.01.2026",
            "2026-1-31",
            "2026-01-31T02:00",
            "tomorrow",
            "",
        ] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_are_exact() {
        let usd = Currency::USD;
        assert_eq!(amount("20.00", usd), Ok(Money::new(2_000, usd)));
        assert_eq!(amount("0.1", usd), Ok(Money::new(10, usd)));
        assert!(amount("5.001", usd).unwrap_err().contains("2 decimals"));
        assert!(
            amount("1.5", Currency::SAT)
                .unwrap_err()
                .contains("no decimals")
        );
        for wrong in ["1e3", "1_000", "1,50", "$5", "0x10", ".5", "+5"] {
            assert!(amount(wrong, usd).is_err(), "{wrong}");
        }
    }
}
