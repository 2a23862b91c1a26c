//! Lines of money, each with a sentence by which anybody can work it again.

use billing_domain::line::{Line, Share};
use billing_domain::money::Money;
use poem_openapi::Object;

use crate::api::views::MoneyView;

/// One line of what is owed. Negative amounts are the customer's.
#[derive(Debug, Object)]
#[oai(rename = "Line")]
pub(crate) struct LineView {
    /// What it is for: `plan`, `discount`, `unused`, `begins`, `difference`, `usage`,
    /// `spending_limit`, `balance` or `carried`.
    kind: String,
    /// The plan concerned. Absent: none is.
    plan: Option<String>,
    /// Pieces, counted into `base` already.
    quantity: u32,
    /// What a share is taken of.
    base: MoneyView,
    /// The share taken. Absent: the whole.
    share: Option<ShareView>,
    /// What had been charged for that time and is taken off. Absent: nothing.
    charged: Option<MoneyView>,
    /// What it comes to.
    amount: MoneyView,
    /// How it comes to that, as in
    /// `30.00 USD × 1296000 s / 2592000 s = 15.00 USD`.
    explanation: String,
}

/// A share of a period, in seconds.
#[derive(Debug, Object)]
#[oai(rename = "Share")]
pub(crate) struct ShareView {
    /// Seconds of the part.
    part: u64,
    /// Seconds of the whole.
    whole: u64,
}

impl LineView {
    pub(crate) fn of(line: &Line) -> Self {
        Self {
            kind: line.kind.as_str().to_owned(),
            plan: line.plan.as_ref().map(ToString::to_string),
            quantity: line.quantity,
            base: line.base.into(),
            share: line.share.map(|share| ShareView {
                part: share.part,
                whole: share.whole,
            }),
            charged: line.charged.map(MoneyView::from),
            amount: line.amount.into(),
            explanation: explanation(line),
        }
    }
}

/// The line as a calculation that a person can follow.
pub(crate) fn explanation(line: &Line) -> String {
    if let Some(used) = &line.used {
        return format!(
            "{} of {} used, {} included; {} × {} / {}, rounded up = {}",
            used.used,
            used.feature,
            used.included,
            money(used.overage.amount),
            used.over(),
            used.overage.per,
            money(line.amount)
        );
    }
    if line.share.is_none() && line.charged.is_none() {
        return whole(line);
    }
    let mut text = money(line.base);
    if let Some(Share { part, whole }) = line.share {
        text = format!("{text} × {part} s / {whole} s");
    }
    if let Some(charged) = line.charged {
        text = format!("{text} − {}", money(charged));
    }
    let words = match worked(line) {
        Some(Worked { amount, exact }) if amount == i128::from(line.amount.amount) => {
            if exact {
                ""
            } else {
                ", rounded"
            }
        }
        // A difference in the customer's favor is not paid out.
        Some(Worked { amount, .. }) if amount < 0 && line.amount.is_zero() => {
            ", and never below zero"
        }
        // The whole is rounded once, and its last line makes up for the others.
        Some(_) => ", rounded so that the lines of the period sum to its rounded whole",
        None => "",
    };
    format!("{text}{words} = {}", money(line.amount))
}

/// A line that is taken as it stands.
fn whole(line: &Line) -> String {
    let quantity = i64::from(line.quantity);
    let unit = line.base.amount.checked_div(quantity);
    let unit = unit.filter(|unit| {
        quantity > 1
            && line.amount == line.base
            && unit.checked_mul(quantity) == Some(line.base.amount)
    });
    match unit {
        Some(unit) => format!(
            "{} × {quantity} = {}",
            money(Money::new(unit, line.base.currency)),
            money(line.amount)
        ),
        None => format!("{}, as it stands", money(line.amount)),
    }
}

/// What a line's own figures come to.
struct Worked {
    amount: i128,
    /// Whether nothing had to be rounded.
    exact: bool,
}

/// `None`: it does not fit.
fn worked(line: &Line) -> Option<Worked> {
    let base = i128::from(line.base.amount);
    let charged = i128::from(line.charged.map_or(0, |charged| charged.amount));
    let Some(Share { part, whole }) = line.share else {
        let amount = base.checked_sub(charged)?;
        return Some(Worked {
            amount,
            exact: true,
        });
    };
    let (product, whole) = (base.checked_mul(part.into())?, i128::from(whole));
    let exact = product.checked_rem(whole)? == 0;
    let half = whole.checked_div(2)?;
    // Half away from zero: half a whole outward, then cut off.
    let outward = if product < 0 {
        product.checked_sub(half)?
    } else {
        product.checked_add(half)?
    };
    let taken = outward.checked_div(whole)?;
    Some(Worked {
        amount: taken.checked_sub(charged)?,
        exact,
    })
}

/// `30.00 USD`, with a real minus.
pub(crate) fn money(money: Money) -> String {
    let shown = money.to_string();
    let (code, digits) = shown.split_once(' ').unwrap_or(("", &shown));
    format!("{} {code}", digits.replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use billing_domain::entitlement::FeatureKey;
    use billing_domain::line::LineKind;
    use billing_domain::money::Currency;
    use billing_domain::usage::{Overage, Used};

    use super::*;

    fn usd(amount: i64) -> Money {
        Money::new(amount, Currency::USD)
    }

    fn line(base: i64, share: Option<(u64, u64)>, charged: Option<i64>, amount: i64) -> Line {
        Line {
            kind: LineKind::Begins,
            plan: None,
            quantity: 1,
            base: usd(base),
            share: share.map(|(part, whole)| Share { part, whole }),
            charged: charged.map(usd),
            amount: usd(amount),
            used: None,
        }
    }

    #[test]
    fn a_line_can_be_worked_again_by_hand() {
        let half = Some((1_296_000, 2_592_000));
        let table = [
            (
                line(3000, half, None, 1500),
                "30.00 USD × 1296000 s / 2592000 s = 15.00 USD",
            ),
            (
                line(1000, half, Some(1000), -500),
                "10.00 USD × 1296000 s / 2592000 s − 10.00 USD = −5.00 USD",
            ),
            (
                line(1000, Some((1, 3)), None, 333),
                "10.00 USD × 1 s / 3 s, rounded = 3.33 USD",
            ),
            (
                line(1000, Some((1, 3)), None, 334),
                "10.00 USD × 1 s / 3 s, rounded so that the lines of the period sum to its \
                 rounded whole = 3.34 USD",
            ),
            (
                line(-1, Some((1, 2)), None, -1),
                "−0.01 USD × 1 s / 2 s, rounded = −0.01 USD",
            ),
            (
                line(7500, None, Some(2500), 5000),
                "75.00 USD − 25.00 USD = 50.00 USD",
            ),
            (
                line(2500, None, Some(7500), 0),
                "25.00 USD − 75.00 USD, and never below zero = 0.00 USD",
            ),
            (line(-200, None, None, -200), "−2.00 USD, as it stands"),
            (
                Line {
                    quantity: 3,
                    ..line(3600, None, None, 3600)
                },
                "12.00 USD × 3 = 36.00 USD",
            ),
            (
                Line {
                    used: Some(Used {
                        feature: FeatureKey::new("calls").unwrap(),
                        used: 12_501,
                        included: 10_000,
                        overage: Overage {
                            amount: usd(50),
                            per: 1_000,
                        },
                    }),
                    ..line(126, None, None, 126)
                },
                "12501 of calls used, 10000 included; 0.50 USD × 2501 / 1000, rounded up = 1.26 USD",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(explanation(&line), expected);
        }
    }
}
