//! Proration: what a change in the middle of a period costs.
//!
//! One pure function of eight explicit choices. Named sets of choices, the
//! dialects, say what other billing systems charge for the same change. Knows
//! nothing of plans, policies, subscriptions, stores or the wall clock: whether
//! a change is allowed, and when it takes effect, is decided elsewhere.

mod choices;
mod count;
mod dialect;
mod input;
mod output;
mod ratio;
mod settle;

pub use choices::{
    Choices, CreditBasis, DayZone, DiscountRule, Precision, Rounding, Scope, TimeUnit, ZeroLines,
};
pub use dialect::{Dialect, UnknownDialect};
pub use input::{Change, Discount, Item, TaxRate, TimeZone, Zones};
pub use output::{Counted, Line, Proration, ProrationError, Reason, Rounded, Side};
pub use ratio::Ratio;

use crate::money::{Currency, Money, MoneyError};
use crate::time::Period;

use self::count::Stretch;

/// What fits 128 bits nowhere fits an amount of money.
const TOO_LARGE: ProrationError = ProrationError::Money(MoneyError::OutOfRange);

/// Says what `change` costs by `choices`: a line for everything that ends, a
/// line for everything that begins, and what they come to.
///
/// # Errors
///
/// [`ProrationError`] says what is wrong with the change; nothing is guessed.
pub fn prorate(change: &Change<'_>, choices: Choices) -> Result<Proration, ProrationError> {
    let first = change.ends.first().or_else(|| change.begins.first());
    let currency = first.ok_or(ProrationError::Nothing)?.price.currency;
    if let Some(period) = change.period
        && (change.at < period.start || change.at > period.end)
    {
        return Err(ProrationError::ChangeOutsidePeriod);
    }
    let mut worker = Worker {
        change,
        choices,
        currency,
        lines: Vec::with_capacity(most_lines(change, choices)),
    };
    if choices.credit == CreditBasis::DifferenceOfPrices {
        worker.difference()?;
    } else {
        for (place, item) in change.ends.iter().enumerate() {
            worker.end(place, item)?;
        }
        for (place, item) in change.begins.iter().enumerate() {
            worker.begin(place, item)?;
        }
    }
    let mut lines = worker.lines;
    settle::settle(&mut lines, change, choices)?;
    sums(lines, currency, choices)
}

/// An item's money, before any share is taken.
struct Worth {
    /// Price × quantity.
    gross: i64,
    /// The discount on it.
    discount: i64,
}

struct Worker<'a> {
    change: &'a Change<'a>,
    choices: Choices,
    currency: Currency,
    lines: Vec<Line>,
}

impl Worker<'_> {
    /// The line of something that ends.
    fn end(&mut self, place: usize, item: &Item) -> Result<(), ProrationError> {
        let worth = self.worth(item)?;
        let base = self.base(&worth)?;
        let paid = item.paid.unwrap_or(base);
        let open = paid.checked_sub(item.credited).ok_or(TOO_LARGE)?;
        let (rest, used) = (self.rest(item)?, self.used(item)?);
        let mut line = match self.choices.credit {
            CreditBasis::CurrentPrice => {
                self.line(place, item, Side::Credit, Reason::Unused, base, rest)?
            }
            CreditBasis::OriginalDebit => {
                self.line(place, item, Side::Credit, Reason::UnusedOfDebit, paid, rest)?
            }
            CreditBasis::PaidLessCredited => {
                let line = self.line(place, item, Side::Credit, Reason::Unused, base, rest)?;
                held_to(line, open)?
            }
            CreditBasis::ChargedSoFar => {
                let reason = Reason::ChargedLessUsed;
                let mut line = self.line(place, item, Side::Credit, reason, base, used)?;
                // The value of the time used has the sign of a charge.
                let value = line.exact.checked_mul(-1).ok_or(TOO_LARGE)?;
                let charged = Ratio::whole(i128::from(open).saturating_neg());
                line.exact = value.checked_add(charged).ok_or(TOO_LARGE)?;
                line.charged = open;
                line
            }
            CreditBasis::UsedTime => {
                self.line(place, item, Side::Charge, Reason::Used, base, used)?
            }
            // Has one line for everything, made elsewhere.
            CreditBasis::DifferenceOfPrices => return Ok(()),
        };
        if line.side == Side::Credit && self.choices.precision == Precision::CreditFiveDecimals {
            let cut = line.exact.to_places(5, Rounding::Truncate);
            line.exact = cut.ok_or(TOO_LARGE)?;
        }
        self.lines.push(line);
        // What was debited, or charged so far, is known after discounts.
        let after_discount = match self.choices.credit {
            CreditBasis::OriginalDebit | CreditBasis::ChargedSoFar => item.paid.is_some(),
            CreditBasis::CurrentPrice
            | CreditBasis::PaidLessCredited
            | CreditBasis::UsedTime
            | CreditBasis::DifferenceOfPrices => false,
        };
        if !after_discount && line.reason != Reason::HeldToPaid {
            let span = if line.reason == Reason::Used {
                used
            } else {
                rest
            };
            self.discount(place, item, line.side, worth.discount, span)?;
        }
        Ok(())
    }

    /// The line of something that begins.
    fn begin(&mut self, place: usize, item: &Item) -> Result<(), ProrationError> {
        let worth = self.worth(item)?;
        let base = self.base(&worth)?;
        let after = self.after(item)?;
        let line = self.line(place, item, Side::Charge, Reason::Begins, base, after)?;
        self.lines.push(line);
        self.discount(place, item, Side::Charge, worth.discount, after)
    }

    /// The one line of a dialect that charges the difference of the prices.
    fn difference(&mut self) -> Result<(), ProrationError> {
        let mut difference = 0_i64;
        for item in self.change.begins {
            let base = self.base(&self.worth(item)?)?;
            difference = difference.checked_add(base).ok_or(TOO_LARGE)?;
        }
        for item in self.change.ends {
            let base = self.base(&self.worth(item)?)?;
            difference = difference.checked_sub(base).ok_or(TOO_LARGE)?;
        }
        let items = self.change.begins.iter().chain(self.change.ends);
        let item = items.into_iter().next().ok_or(ProrationError::Nothing)?;
        let item = Item {
            quantity: 1,
            ..*item
        };
        let after = self.after(&item)?;
        let base = difference.max(0);
        let line = self.line(0, &item, Side::Charge, Reason::Difference, base, after)?;
        self.lines.push(line);
        Ok(())
    }

    /// The line of a discount, where discounts are shared: against its side.
    fn discount(
        &mut self,
        place: usize,
        item: &Item,
        of: Side,
        discount: i64,
        counted: Counted,
    ) -> Result<(), ProrationError> {
        if discount == 0 || self.choices.discount != DiscountRule::SplitProRata {
            return Ok(());
        }
        let item = Item {
            quantity: 1,
            ..*item
        };
        let mut line = self.line(place, &item, of, Reason::Discount, discount, counted)?;
        line.exact = line.exact.checked_mul(-1).ok_or(TOO_LARGE)?;
        self.lines.push(line);
        Ok(())
    }

    fn line(
        &self,
        place: usize,
        item: &Item,
        side: Side,
        reason: Reason,
        base: i64,
        counted: Counted,
    ) -> Result<Line, ProrationError> {
        let ratio = count::share(self.choices.precision, counted).ok_or(TOO_LARGE)?;
        let sign = match side {
            Side::Credit => -1,
            Side::Charge => 1,
        };
        let signed = i128::from(base).checked_mul(sign).ok_or(TOO_LARGE)?;
        Ok(Line {
            side,
            reason,
            item: place,
            quantity: item.quantity,
            base,
            ratio,
            counted,
            charged: 0,
            exact: ratio.checked_mul(signed).ok_or(TOO_LARGE)?,
            rounding: self.choices.rounding,
            rounded: Rounded::Line,
            amount: Money::zero(self.currency),
            tax: Money::zero(self.currency),
        })
    }

    fn worth(&self, item: &Item) -> Result<Worth, ProrationError> {
        if item.price.currency != self.currency {
            let mixed = MoneyError::Mixed(self.currency, item.price.currency);
            return Err(ProrationError::Money(mixed));
        }
        let gross = item.price.checked_mul(item.quantity)?.amount;
        let discount = match item.discount {
            None => 0,
            Some(Discount::Amount(amount)) => amount.min(gross),
            Some(Discount::BasisPoints(points)) => {
                let part = Ratio::new(i128::from(points), 10_000);
                let part = part.and_then(|part| part.checked_mul(i128::from(gross)));
                let part = part.and_then(|part| part.round(Rounding::HalfAwayFromZero));
                i64::try_from(part.ok_or(TOO_LARGE)?).map_err(|_too_large| TOO_LARGE)?
            }
        };
        let known = [gross, discount, item.paid.unwrap_or(0), item.credited];
        if known.into_iter().any(i64::is_negative) || discount > gross {
            return Err(ProrationError::Amount);
        }
        Ok(Worth { gross, discount })
    }

    /// The amount that a share is taken of.
    fn base(&self, worth: &Worth) -> Result<i64, ProrationError> {
        let off = match self.choices.discount {
            DiscountRule::Before => worth.discount,
            DiscountRule::SplitProRata | DiscountRule::None => 0,
        };
        worth.gross.checked_sub(off).ok_or(TOO_LARGE)
    }

    /// What is left of an item that ends.
    fn rest(&self, item: &Item) -> Result<Counted, ProrationError> {
        self.count(item, self.change.begins.is_empty(), |period, part| Period {
            start: part.start.max(self.change.at).max(period.start),
            end: part.end.max(self.change.at),
        })
    }

    /// What was used of an item that ends; nothing of what was bought for good.
    fn used(&self, item: &Item) -> Result<Counted, ProrationError> {
        if item.period.or(self.change.period).is_none() {
            return Ok(Counted { part: 0, whole: 1 });
        }
        self.count(item, false, |_, part| Period {
            start: part.start,
            end: part.end.min(self.change.at).max(part.start),
        })
    }

    /// What an item that begins covers.
    fn after(&self, item: &Item) -> Result<Counted, ProrationError> {
        self.count(item, false, |period, part| {
            let start = if item.part.is_some() {
                part.start
            } else {
                self.change.at.max(period.start)
            };
            Period { start, ..part }
        })
    }

    fn count(
        &self,
        item: &Item,
        after_end: bool,
        part: impl FnOnce(Period, Period) -> Period,
    ) -> Result<Counted, ProrationError> {
        let Some(period) = item.period.or(self.change.period) else {
            return Ok(Counted { part: 1, whole: 1 });
        };
        let covered = item.part.unwrap_or(period);
        if covered.start < period.start || covered.end > period.end {
            return Err(ProrationError::PartOutsidePeriod);
        }
        let stretch = Stretch {
            period,
            part: part(period, covered),
            after_end,
        };
        count::count(self.choices, self.change.zones, stretch)
    }
}

/// One allocation holds every line: an item's own, and its discount's.
fn most_lines(change: &Change<'_>, choices: Choices) -> usize {
    let items = change.ends.len().saturating_add(change.begins.len());
    match choices.discount {
        DiscountRule::SplitProRata => items.saturating_mul(2),
        DiscountRule::Before | DiscountRule::None => items,
    }
}

/// A credit of at most `open`, which is what was paid and not credited yet.
fn held_to(line: Line, open: i64) -> Result<Line, ProrationError> {
    let most = Ratio::whole(i128::from(open.max(0)).saturating_neg());
    // Below zero: the credit is larger than the most that it may be.
    let beyond = most
        .checked_mul(-1)
        .and_then(|most| line.exact.checked_add(most));
    if beyond.ok_or(TOO_LARGE)?.numerator() >= 0 {
        return Ok(line);
    }
    Ok(Line {
        reason: Reason::HeldToPaid,
        exact: most,
        ..line
    })
}

fn sums(
    mut lines: Vec<Line>,
    currency: Currency,
    choices: Choices,
) -> Result<Proration, ProrationError> {
    let begins = |line: &&Line| matches!(line.reason, Reason::Begins | Reason::Difference);
    let ratio = lines.iter().find(begins).or_else(|| lines.first());
    let ratio = ratio.ok_or(ProrationError::Nothing)?.ratio;
    let (mut credit, mut charge) = (Money::zero(currency), Money::zero(currency));
    for line in &lines {
        let side = match line.side {
            Side::Credit => &mut credit,
            Side::Charge => &mut charge,
        };
        *side = side.checked_add(line.total()?)?;
    }
    if choices.zero_lines == ZeroLines::Drop {
        lines.retain(|line| !line.amount.is_zero() || !line.tax.is_zero());
    }
    Ok(Proration {
        credit,
        charge,
        net: charge.checked_add(credit)?,
        ratio,
        lines,
    })
}
