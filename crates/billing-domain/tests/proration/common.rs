//! Changes in few words.

use billing_domain::money::{Currency, Money};
use billing_domain::proration::{Change, Choices, Item, Proration, TaxRate, Zones, prorate};
use billing_domain::time::{Period, Timestamp};

/// A date, or an instant.
pub(crate) fn at(text: &str) -> Timestamp {
    let full = if text.len() == "2026-01-01".len() {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    full.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `2026-01-01..2026-02-01`.
pub(crate) fn span(text: &str) -> Period {
    let (start, end) = text.split_once("..").unwrap();
    Period {
        start: at(start),
        end: at(end),
    }
}

/// Once, at `price` minor units.
pub(crate) fn item(price: i64) -> Item {
    Item::new(Money::new(price, Currency::USD), 1)
}

/// A change without tax in UTC.
pub(crate) fn change(
    choices: Choices,
    period: Option<Period>,
    at: Timestamp,
    ends: &[Item],
    begins: &[Item],
    millionths: u32,
) -> Proration {
    let change = Change {
        period,
        at,
        ends,
        begins,
        tax: TaxRate { millionths },
        zones: Zones::default(),
    };
    prorate(&change, choices).unwrap_or_else(|error| panic!("{change:?}: {error}"))
}
