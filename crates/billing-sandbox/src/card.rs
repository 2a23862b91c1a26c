//! The test cards, and the kind reading of what a buyer typed.
//!
//! A number is turned into the card it stands for and forgotten. Knows nothing
//! of money or pages.

use billing_domain::time::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A test card, by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestCard {
    /// 4242 4242 4242 4242: pays.
    Pays,
    /// 4000 0000 0000 0002: always declined.
    Declined,
    /// 4000 0000 0000 3220: asks for a 3-D Secure confirmation, then pays.
    Confirms,
    /// 4000 0000 0000 0341: pays now, and is declined at every later charge.
    PaysOnce,
}

impl TestCard {
    /// Every test card, in the order in which pages list them.
    pub const ALL: [Self; 4] = [Self::Pays, Self::Declined, Self::Confirms, Self::PaysOnce];

    /// Its number, digits only.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Pays => "4242424242424242",
            Self::Declined => "4000000000000002",
            Self::Confirms => "4000000000003220",
            Self::PaysOnce => "4000000000000341",
        }
    }

    /// What it does, for people.
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Pays => "pays",
            Self::Declined => "is declined",
            Self::Confirms => "asks for 3-D Secure",
            Self::PaysOnce => "pays now, is declined later",
        }
    }

    /// Its number in groups of four.
    pub(crate) fn spaced(self) -> String {
        let groups: Vec<&str> = [0..4, 4..8, 8..12, 12..16]
            .into_iter()
            .filter_map(|group| self.number().get(group))
            .collect();
        groups.join(" ")
    }

    /// Whether a charge without the buyer succeeds.
    pub(crate) const fn pays_later(self) -> bool {
        match self {
            Self::Pays | Self::Confirms => true,
            Self::Declined | Self::PaysOnce => false,
        }
    }
}

/// What is wrong with the fields of a card form, in words for the buyer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CardProblems {
    /// About the number.
    pub(crate) number: Option<&'static str>,
    /// About the date.
    pub(crate) expiry: Option<&'static str>,
    /// About the security code.
    pub(crate) cvc: Option<&'static str>,
}

/// Reads a card form; spaces and dashes are forgiven.
pub(crate) fn read(
    number: &str,
    expiry: &str,
    cvc: &str,
    now: Timestamp,
) -> Result<TestCard, CardProblems> {
    let card = read_number(number);
    let problems = CardProblems {
        number: card.as_ref().err().copied(),
        expiry: read_expiry(expiry, now).err(),
        cvc: read_cvc(cvc).err(),
    };
    match card {
        Ok(card) if problems == CardProblems::default() => Ok(card),
        _ => Err(problems),
    }
}

/// The test card with this number, if it is one.
pub(crate) fn by_number(number: &str) -> Option<TestCard> {
    TestCard::ALL
        .into_iter()
        .find(|card| card.number() == number)
}

fn read_number(text: &str) -> Result<TestCard, &'static str> {
    let digits: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    if digits.is_empty() {
        return Err("Enter a card number.");
    }
    // Card numbers have 12 to 19 digits (ISO/IEC 7812).
    if !(12..=19).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("A card number has 12 to 19 digits.");
    }
    if !luhn(&digits) {
        return Err("Check the number: one of its digits is wrong.");
    }
    by_number(&digits).ok_or("Use one of the test cards: real cards are never charged here.")
}

/// The check digit of card numbers.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, doubled)| {
            let value = u32::from(digit.saturating_sub(b'0'));
            match (doubled, value) {
                (false, value) => value,
                (true, 0..=4) => value.saturating_mul(2),
                (true, value) => value.saturating_mul(2).saturating_sub(9),
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn read_expiry(text: &str, now: Timestamp) -> Result<(), &'static str> {
    const FORM: &str = "Enter month and year, such as 12/34.";
    let (month, year) = text.trim().split_once('/').ok_or(FORM)?;
    let (month, year) = (month.trim(), year.trim());
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(month) || !digits(year) || !matches!(year.len(), 2 | 4) {
        return Err(FORM);
    }
    let month: i8 = month.parse().map_err(|_not_a_month| FORM)?;
    let short: i16 = year.parse().map_err(|_not_a_year| FORM)?;
    let year = if year.len() == 2 {
        short.saturating_add(2000)
    } else {
        short
    };
    if !(1..=12).contains(&month) {
        return Err("The month is between 01 and 12.");
    }
    let today = now.to_zoned(TimeZone::UTC);
    if (year, month) < (today.year(), today.month()) {
        return Err("This card has expired.");
    }
    Ok(())
}

fn read_cvc(text: &str) -> Result<(), &'static str> {
    let text = text.trim();
    if matches!(text.len(), 3 | 4) && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err("The security code has three or four digits.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-15T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn test_cards_are_read_with_spaces_and_dashes() {
        for card in TestCard::ALL {
            assert_eq!(read(card.number(), "12/34", "123", now()), Ok(card));
            assert_eq!(read(&card.spaced(), "03/2026", " 1234 ", now()), Ok(card));
        }
        assert_eq!(
            read("4242-4242-4242-4242", "3/26", "123", now()),
            Ok(TestCard::Pays)
        );
    }

    #[test]
    fn every_problem_is_told_at_its_field() {
        for number in [
            "",
            "4242",
            "4242424242424241",
            "4111111111111111",
            "x242424242424242",
        ] {
            let problems = read(number, "12/34", "123", now()).unwrap_err();
            assert!(problems.number.is_some(), "{number}");
            assert_eq!((problems.expiry, problems.cvc), (None, None));
        }
        for expiry in [
            "", "1234", "13/34", "0/34", "02/26", "12/2025", "12/340", "-1/34", "é/34",
        ] {
            let problems = read(TestCard::Pays.number(), expiry, "123", now()).unwrap_err();
            assert!(problems.expiry.is_some(), "{expiry}");
        }
        for cvc in ["", "12", "12345", "12x", "١٢٣"] {
            let problems = read(TestCard::Pays.number(), "12/34", cvc, now()).unwrap_err();
            assert!(problems.cvc.is_some(), "{cvc}");
        }
    }
}
