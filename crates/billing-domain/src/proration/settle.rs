//! Rounding: from the exact values of lines to whole minor units, and tax.
//!
//! Knows no time. Where a sum is rounded, its lines follow by largest
//! remainder, so that they always sum to it.

use crate::money::{Money, MoneyError};

use super::choices::{Choices, Rounding, Scope};
use super::input::{Change, TaxRate};
use super::output::{Line, ProrationError, Reason, Rounded, Side};
use super::ratio::Ratio;

/// Millionths of one.
const MILLION: i128 = 1_000_000;

/// What does not fit.
const TOO_LARGE: ProrationError = ProrationError::Money(MoneyError::OutOfRange);

/// Gives every line its amount and its tax.
pub(super) fn settle(
    lines: &mut [Line],
    change: &Change<'_>,
    choices: Choices,
) -> Result<(), ProrationError> {
    match choices.scope {
        Scope::Line | Scope::NetAndTax => each(lines)?,
        Scope::Unit => {
            for line in lines.iter_mut() {
                by_unit(line)?;
            }
        }
        Scope::Side => {
            together(lines, choices.rounding, |line| line.side == Side::Credit)?;
            together(lines, choices.rounding, |line| line.side == Side::Charge)?;
        }
        Scope::Net => together(lines, choices.rounding, |_| true)?,
        Scope::TotalAndTax => {
            for line in lines.iter_mut() {
                total_and_tax(line, change.tax)?;
            }
            return Ok(());
        }
    }
    if change.tax.millionths == 0 {
        return Ok(());
    }
    for line in lines {
        let net = match choices.scope {
            Scope::NetAndTax => line.exact,
            Scope::Unit | Scope::Line | Scope::Side | Scope::Net | Scope::TotalAndTax => {
                Ratio::whole(i128::from(line.amount.amount))
            }
        };
        line.tax.amount = rounded(taxed(net, change.tax)?, choices.rounding)?;
    }
    Ok(())
}

fn each(lines: &mut [Line]) -> Result<(), ProrationError> {
    for line in lines {
        line.amount.amount = rounded(line.exact, line.rounding)?;
    }
    Ok(())
}

/// Rounds the share of one unit and takes it as often as there are units. What
/// is no multiple of a unit is rounded as a line.
fn by_unit(line: &mut Line) -> Result<(), ProrationError> {
    let quantity = i128::from(line.quantity);
    let unit = i128::from(line.base).checked_div(quantity);
    let whole_units = i128::from(line.base).checked_rem(quantity) == Some(0);
    let shared = matches!(
        line.reason,
        Reason::Unused | Reason::UnusedOfDebit | Reason::Used | Reason::Begins
    );
    let (Some(unit), true) = (unit, whole_units && shared) else {
        line.amount.amount = rounded(line.exact, line.rounding)?;
        return Ok(());
    };
    let signed = match line.side {
        Side::Credit => unit.checked_neg().ok_or(TOO_LARGE)?,
        Side::Charge => unit,
    };
    let share = line.ratio.checked_mul(signed).ok_or(TOO_LARGE)?;
    let one = Money::new(rounded(share, line.rounding)?, line.amount.currency);
    line.amount = one.checked_mul(line.quantity)?;
    line.rounded = Rounded::Unit;
    Ok(())
}

/// Rounds the sum of the lines that are `of` it; each is rounded down, and the
/// units that are left over go to the largest remainders, earlier lines first.
fn together(
    lines: &mut [Line],
    rounding: Rounding,
    of: impl Fn(&Line) -> bool,
) -> Result<(), ProrationError> {
    let mut sum = Ratio::whole(0);
    let mut given = 0_i64;
    for line in lines.iter_mut().filter(|line| of(line)) {
        sum = sum.checked_add(line.exact).ok_or(TOO_LARGE)?;
        line.amount.amount = rounded(line.exact, Rounding::Floor)?;
        line.rounded = Rounded::Sum;
        given = given.checked_add(line.amount.amount).ok_or(TOO_LARGE)?;
    }
    let mut left = rounded(sum, rounding)?
        .checked_sub(given)
        .ok_or(TOO_LARGE)?;
    // Fewer than there are lines: each was rounded down by less than one.
    while left > 0 {
        let mut largest: Option<(&mut Line, Ratio)> = None;
        for line in lines.iter_mut().filter(|line| of(line)) {
            let rest = remainder(line)?;
            let larger = match &largest {
                None => true,
                Some((_, most)) => below(*most, rest)?,
            };
            if larger {
                largest = Some((line, rest));
            }
        }
        let (line, _) = largest.ok_or(TOO_LARGE)?;
        line.amount.amount = line.amount.amount.checked_add(1).ok_or(TOO_LARGE)?;
        left = left.checked_sub(1).ok_or(TOO_LARGE)?;
    }
    Ok(())
}

/// What a line is short of its exact value; below zero once it got a unit.
fn remainder(line: &Line) -> Result<Ratio, ProrationError> {
    let taken = Ratio::whole(i128::from(line.amount.amount).saturating_neg());
    let denominator = line.exact.denominator();
    let taken = taken
        .numerator()
        .checked_mul(denominator)
        .ok_or(TOO_LARGE)?;
    let rest = line.exact.numerator().checked_add(taken);
    Ratio::new(rest.ok_or(TOO_LARGE)?, denominator).ok_or(TOO_LARGE)
}

fn below(one: Ratio, two: Ratio) -> Result<bool, ProrationError> {
    if one.denominator() == two.denominator() {
        return Ok(one.numerator() < two.numerator());
    }
    let (one, two) = (one.reduced(), two.reduced());
    let left = one.numerator().checked_mul(two.denominator());
    let right = two.numerator().checked_mul(one.denominator());
    Ok(left.ok_or(TOO_LARGE)? < right.ok_or(TOO_LARGE)?)
}

/// Shares the full total and the full tax, each rounded; the net is the rest. Of the
/// full tax, a half goes toward zero, whatever the rounding of shares.
fn total_and_tax(line: &mut Line, tax: TaxRate) -> Result<(), ProrationError> {
    let plain = !matches!(line.reason, Reason::ChargedLessUsed | Reason::HeldToPaid);
    let (total, part) = if plain {
        let full_tax = taxed(Ratio::whole(i128::from(line.base)), tax)?;
        let full_tax = i128::from(rounded(full_tax, Rounding::HalfTowardZero)?);
        let full_tax = if line.exact.numerator() < 0 {
            full_tax.saturating_neg()
        } else {
            full_tax
        };
        let part = line.ratio.checked_mul(full_tax).ok_or(TOO_LARGE)?;
        (line.exact.checked_add(part).ok_or(TOO_LARGE)?, part)
    } else {
        let part = taxed(line.exact, tax)?;
        (line.exact.checked_add(part).ok_or(TOO_LARGE)?, part)
    };
    let total = rounded(total, line.rounding)?;
    line.tax.amount = rounded(part, line.rounding)?;
    line.amount.amount = total.checked_sub(line.tax.amount).ok_or(TOO_LARGE)?;
    line.rounded = Rounded::TotalAndTax;
    Ok(())
}

fn taxed(net: Ratio, tax: TaxRate) -> Result<Ratio, ProrationError> {
    let numerator = net.numerator().checked_mul(i128::from(tax.millionths));
    let denominator = net.denominator().checked_mul(MILLION);
    let taxed = numerator.zip(denominator);
    let taxed = taxed.and_then(|(numerator, denominator)| Ratio::new(numerator, denominator));
    taxed.ok_or(TOO_LARGE)
}

fn rounded(value: Ratio, rounding: Rounding) -> Result<i64, ProrationError> {
    let whole = value.round(rounding).ok_or(TOO_LARGE)?;
    i64::try_from(whole).map_err(|_too_large| TOO_LARGE)
}
