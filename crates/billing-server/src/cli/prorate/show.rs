//! A proration as a person works it, and as a program reads it.

use billing_domain::money::Money;
use billing_domain::proration::{
    Line, Precision, Proration, Ratio, Reason, Rounded, Rounding, Side, TimeUnit,
};
use serde_json::{Value, json};

use super::ask::Asked;
use crate::cli::out::{Color, Out};

/// Decimals that an amount is shown with before it is rounded.
const SHOWN_PLACES: u32 = 5;

/// Amounts in minor units.
pub(super) fn json(asked: &Asked, done: &Proration) -> Value {
    let precision = asked.choices.precision;
    let lines: Vec<Value> = done
        .lines
        .iter()
        .map(|line| {
            json!({
                "side": side(line.side),
                "reason": reason(line.reason),
                "quantity": line.quantity,
                "base": line.base,
                "counted": format!("{}/{}", line.counted.part, line.counted.whole),
                "unit": unit(asked.choices.unit),
                "ratio": precision.show(line.ratio),
                "charged": line.charged,
                "exact": line.exact.to_string(),
                "rounding": rounding(line.rounding),
                "rounded": rounded(line.rounded),
                "amount": line.amount.amount,
                "tax": line.tax.amount,
                "total": line.amount.amount.saturating_add(line.tax.amount),
            })
        })
        .collect();
    json!({
        "dialect": asked.dialect.name(),
        "currency": asked.currency.code(),
        "credit": done.credit.amount,
        "charge": done.charge.amount,
        "net": done.net.amount,
        "ratio": precision.show(done.ratio),
        "lines": lines,
    })
}

/// The arithmetic, line by line.
pub(super) fn steps(out: Out, asked: &Asked, done: &Proration) {
    let name = out.paint(Color::Bold, asked.dialect.name());
    match asked.period {
        Some(period) => {
            let (start, end, at) = (period.start, period.end, asked.at);
            out.line(&format!("{name}: {start} to {end}, change at {at}"));
        }
        None => out.line(&format!("{name}: bought once, for good")),
    }
    out.line("Amounts in minor units until the sums.");
    for line in &done.lines {
        out.line("");
        for text in worked(asked, line) {
            out.line(&text);
        }
    }
    if done.lines.is_empty() {
        out.line("\nNo line: what rounds to zero is dropped.");
    }
    out.line("");
    let sum = |name: &str, money: Money| vec![name.to_owned(), money.to_string()];
    out.table(&[
        sum("credit", done.credit),
        sum("charge", done.charge),
        sum("net", done.net),
    ]);
}

fn worked(asked: &Asked, line: &Line) -> Vec<String> {
    let precision = asked.choices.precision;
    let ratio = precision.show(line.ratio);
    let (part, whole) = (line.counted.part, line.counted.whole);
    let head = format!("{}: {}", side(line.side), reason(line.reason));
    let share = format!(
        "  share    {part} of {whole} {} = {ratio}",
        unit(asked.choices.unit)
    );
    let mut steps = vec![head, share];
    steps.push(match line.reason {
        Reason::HeldToPaid => format!(
            "  exact    {} × {ratio} is more than was paid and not credited: {}",
            line.base,
            shown(line.exact)
        ),
        Reason::ChargedLessUsed => format!(
            "  exact    {} × {ratio} used − {} charged = {}",
            line.base,
            line.charged,
            shown(line.exact)
        ),
        Reason::Unused
        | Reason::UnusedOfDebit
        | Reason::Used
        | Reason::Begins
        | Reason::Difference
        | Reason::Discount => {
            let sign = if line.exact.numerator() < 0 { "-" } else { "" };
            let cut = match (precision, line.side) {
                (Precision::CreditFiveDecimals, Side::Credit) => ", cut after 5 decimals",
                _ => "",
            };
            format!(
                "  exact    {sign}{} × {ratio} = {}{cut}",
                line.base,
                shown(line.exact)
            )
        }
    });
    let how = format!("{}, {}", rounded(line.rounded), rounding(line.rounding));
    steps.push(format!("  amount   {}  ({how})", line.amount.amount));
    if !line.tax.is_zero() {
        steps.push(format!("  tax      {}", line.tax.amount));
        let total = line.amount.amount.saturating_add(line.tax.amount);
        steps.push(format!("  total    {total}"));
    }
    steps
}

/// A value before rounding: whole, or a decimal with its fraction.
fn shown(exact: Ratio) -> String {
    let lowest = exact.reduced();
    if lowest.denominator() == 1 {
        lowest.to_string()
    } else {
        format!("{} ({lowest})", exact.to_decimal(SHOWN_PLACES))
    }
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Credit => "credit",
        Side::Charge => "charge",
    }
}

const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unused => "unused",
        Reason::UnusedOfDebit => "unused_of_debit",
        Reason::HeldToPaid => "held_to_paid",
        Reason::ChargedLessUsed => "charged_less_used",
        Reason::Used => "used",
        Reason::Begins => "begins",
        Reason::Difference => "difference",
        Reason::Discount => "discount",
    }
}

const fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Instant => "nanoseconds",
        TimeUnit::Second => "seconds",
        TimeUnit::Minute => "minutes",
        TimeUnit::CalendarDay | TimeUnit::CalendarDayUsedUp | TimeUnit::CalendarDayInclusive => {
            "days"
        }
        TimeUnit::Fixed30 => "days_of_30_360",
        TimeUnit::WholeDay => "whole_days",
    }
}

const fn rounding(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::HalfAwayFromZero => "half_away_from_zero",
        Rounding::HalfTowardZero => "half_toward_zero",
        Rounding::HalfEven => "half_even",
        Rounding::Floor => "floor",
        Rounding::Truncate => "truncate",
        Rounding::Ceiling => "ceiling",
    }
}

const fn rounded(rounded: Rounded) -> &'static str {
    match rounded {
        Rounded::Line => "line",
        Rounded::Unit => "unit",
        Rounded::Sum => "sum",
        Rounded::TotalAndTax => "total_and_tax",
    }
}
