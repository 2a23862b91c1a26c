//! From the words of the command line to a change. What cannot be read is told
//! with what was expected in its place.

use billing_domain::money::{Currency, Money};
use billing_domain::proration::{
    Change, Choices, Dialect, Discount, Item, ProrationError, TaxRate, TimeZone, Zones,
};
use billing_domain::time::{Period, Timestamp};
use jiff::civil;

use super::Prorate;
use crate::cli::failure::Failure;

/// Fewest digits of Unix seconds: with eight, 20260616 is more likely a date.
const UNIX_DIGITS: usize = 9;

const AMOUNT: &str = "minor units such as 1995, or major units such as 19.95";
const WHEN: &str =
    "a date such as 2026-06-16, an instant such as 2026-06-16T12:00:00Z, or Unix seconds";

/// What was asked.
pub(super) struct Asked {
    pub(super) dialect: Dialect,
    pub(super) choices: Choices,
    pub(super) period: Option<Period>,
    pub(super) at: Timestamp,
    pub(super) currency: Currency,
    ends: Vec<Item>,
    begins: Vec<Item>,
    tax: TaxRate,
    zone: TimeZone,
}

impl Asked {
    pub(super) fn change(&self) -> Change<'_> {
        Change {
            period: self.period,
            at: self.at,
            ends: &self.ends,
            begins: &self.begins,
            tax: self.tax,
            zones: Zones {
                merchant: Some(&self.zone),
                customer: Some(&self.zone),
            },
        }
    }
}

impl Prorate {
    pub(super) fn asked(&self) -> Result<Asked, Failure> {
        let zone = match &self.timezone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name)
                .map_err(|_unknown| wrong("--timezone", name, "a name such as Europe/Paris"))?,
        };
        let when = |name: &str, text: &Option<String>| {
            text.as_deref()
                .map(|text| instant(text, &zone).ok_or_else(|| wrong(name, text, WHEN)))
                .transpose()
        };
        let (from, to) = (when("--from", &self.from)?, when("--to", &self.to)?);
        let (item_from, item_to) = (
            when("--item-from", &self.item_from)?,
            when("--item-to", &self.item_to)?,
        );
        let at = when("--at", &self.at)?;
        let period = match (from, to) {
            (Some(start), Some(end)) if start < end => Some(Period { start, end }),
            (Some(_), Some(_)) => return Err(Failure::usage("--to must be later than --from")),
            (None, None) => None,
            (Some(_), None) => return Err(missing("--to", "the end of the period")),
            (None, Some(_)) => return Err(missing("--from", "the start of the period")),
        };
        let part = part(period, item_from, item_to)?;
        let now = match (period, at.or(item_from)) {
            (None, _) => Timestamp::UNIX_EPOCH,
            (Some(_), Some(now)) => now,
            (Some(_), None) => return Err(missing("--at", "the instant of the change")),
        };
        let (ends, begins, seats) = self.items(part, at)?;
        let choices = if seats {
            self.dialect.seat_choices()
        } else {
            self.dialect.choices()
        };
        Ok(Asked {
            dialect: self.dialect,
            choices,
            period,
            at: now,
            currency: self.currency,
            ends,
            begins,
            tax: self.tax.as_deref().map_or(Ok(TaxRate::default()), tax)?,
            zone,
        })
    }

    /// What ends, what begins, and whether that is seats alone.
    fn items(
        &self,
        part: Option<Period>,
        at: Option<Timestamp>,
    ) -> Result<(Vec<Item>, Vec<Item>, bool), Failure> {
        let price = self.amount("--price", self.price.as_deref())?;
        let to_price = self.amount("--to-price", self.to_price.as_deref())?;
        if price.is_none() && to_price.is_none() {
            let needed = Failure::usage("--price, --to-price or both are needed");
            return Err(needed.with_hint("--price is what is credited, --to-price what is charged"));
        }
        let to_quantity = self.to_quantity.unwrap_or(self.quantity);
        let mut ends = None;
        if let Some(price) = price {
            let paid = self.amount("--paid", self.paid.as_deref())?;
            let credited = self.amount("--credited", self.credited.as_deref())?;
            ends = Some(Item {
                discount: self.discount("--discount", self.discount.as_deref())?,
                part,
                paid: paid.map(|paid| paid.amount),
                credited: credited.map_or(0, |credited| credited.amount),
                ..Item::new(price, self.quantity)
            });
        } else if self.paid.is_some() || self.credited.is_some() || self.discount.is_some() {
            return Err(missing(
                "--price",
                "what --paid, --credited and --discount are of",
            ));
        }
        let mut begins = None;
        if let Some(price) = to_price {
            let part = part.map(|part| Period {
                start: at.map_or(part.start, |at| part.start.max(at)),
                ..part
            });
            begins = Some(Item {
                discount: self.discount("--to-discount", self.to_discount.as_deref())?,
                part,
                ..Item::new(price, to_quantity)
            });
        } else if self.to_quantity.is_some() || self.to_discount.is_some() {
            return Err(missing(
                "--to-price",
                "what --to-quantity and --to-discount are of",
            ));
        }
        let seats = price == to_price
            && to_quantity != self.quantity
            && self.dialect.seat_choices() != self.dialect.choices();
        if seats {
            // Only the seats more or less are prorated.
            let more = to_quantity.checked_sub(self.quantity);
            let fewer = self.quantity.checked_sub(to_quantity);
            begins = begins
                .zip(more)
                .map(|(item, quantity)| Item { quantity, ..item });
            ends = ends
                .zip(fewer)
                .map(|(item, quantity)| Item { quantity, ..item });
        }
        Ok((
            ends.into_iter().collect(),
            begins.into_iter().collect(),
            seats,
        ))
    }

    fn amount(&self, name: &str, text: Option<&str>) -> Result<Option<Money>, Failure> {
        text.map(|text| amount(text, self.currency).ok_or_else(|| wrong(name, text, AMOUNT)))
            .transpose()
    }

    fn discount(&self, name: &str, text: Option<&str>) -> Result<Option<Discount>, Failure> {
        let read = |text: &str| match text.strip_suffix('%') {
            Some(percent) => {
                let points = decimal(percent, 2).and_then(|points| u16::try_from(points).ok());
                let points = points.filter(|points| *points <= 10_000);
                points.map(Discount::BasisPoints)
            }
            None => amount(text, self.currency).map(|money| Discount::Amount(money.amount)),
        };
        let expected = "a percentage from 0% to 100%, or an amount";
        text.map(|text| read(text).ok_or_else(|| wrong(name, text, expected)))
            .transpose()
    }
}

/// Why the change was refused, in the words of the command line.
pub(super) fn refused(error: &ProrationError) -> Failure {
    match error {
        ProrationError::ChangeOutsidePeriod => {
            Failure::usage("--at lies outside the period: expected from --from to --to")
        }
        ProrationError::PartOutsidePeriod => Failure::usage(
            "the part is none of the period: expected --from, --item-from, --at, --item-to and \
             --to in this order",
        ),
        ProrationError::EmptyPeriod => {
            Failure::usage("the period is shorter than the dialect's unit of time")
        }
        ProrationError::Amount => Failure::usage(
            "an amount or a discount is below zero: expected zero or more everywhere",
        ),
        ProrationError::Nothing | ProrationError::Money(_) => Failure::new("prorate", error),
    }
}

fn part(
    period: Option<Period>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Option<Period>, Failure> {
    match (period, from, to) {
        (_, None, None) => Ok(None),
        (None, _, _) => Err(missing(
            "--from",
            "the period that --item-from is a part of",
        )),
        (Some(period), from, to) => Ok(Some(Period {
            start: from.unwrap_or(period.start),
            end: to.unwrap_or(period.end),
        })),
    }
}

/// Minor units, or major units where there is a point.
fn amount(text: &str, currency: Currency) -> Option<Money> {
    if text.contains('.') {
        Money::parse_decimal(text, currency).ok()
    } else {
        // No point, no decimals: as a currency without minor units reads it.
        let minor = Money::parse_decimal(text, Currency::SAT).ok()?;
        Some(Money::new(minor.amount, currency))
    }
}

fn tax(text: &str) -> Result<TaxRate, Failure> {
    // Millionths are percent with four decimals.
    let millionths = decimal(text, 4).and_then(|value| u32::try_from(value).ok());
    let millionths = millionths.filter(|value| *value <= 1_000_000);
    let expected = "percent from 0 to 100 with four decimals at most, such as 20 or 8.25";
    let millionths = millionths.ok_or_else(|| wrong("--tax", text, expected))?;
    Ok(TaxRate { millionths })
}

/// A decimal with at most `places` places, in units of its last place.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if text.len() >= UNIX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local = text.parse::<civil::DateTime>().ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

fn wrong(name: &str, found: &str, expected: &str) -> Failure {
    Failure::usage(format!("{name}: found {found:?}, expected {expected}"))
}

fn missing(name: &str, what: &str) -> Failure {
    Failure::usage(format!("{name} is missing: expected {what}"))
}
