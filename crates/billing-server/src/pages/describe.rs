//! Entitlements, prices and states in people's words.

use billing_domain::catalog::{Billing, Catalog, Plan, Price};
use billing_domain::entitlement::{Entitlement, Entitlements, FeatureKind, Limit, print_size};
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::money::Money;
use billing_domain::subscription::Status;
use billing_domain::time::{Interval, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A feature as a plan grants it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Feature {
    pub(super) name: String,
    /// How much of it. `None`: it is there, and that is all.
    pub(super) value: Option<String>,
}

/// What is granted, a line a feature, in the order of the features' keys. What is not
/// granted is left out.
pub(super) fn granted(catalog: &Catalog, granted: &Entitlements) -> impl Iterator<Item = Feature> {
    granted.iter().filter_map(|(key, granted)| {
        let feature = catalog.features().get(key)?;
        let value = granted_value(&feature.kind, granted)?;
        let name = feature.name.clone();
        Some(Feature { name, value })
    })
}

/// What a plan grants, as [`granted`], and what is sold of it by the piece.
pub(super) fn features(catalog: &Catalog, plan: &Plan) -> Vec<Feature> {
    let granted = granted(catalog, &plan.entitlements);
    let sold = plan.quantity.as_ref().and_then(|rule| {
        let feature = catalog.features().get(&rule.feature)?;
        Some(Feature {
            name: feature.name.clone(),
            value: Some(format!("{} to {}", rule.min, rule.max)),
        })
    });
    granted.chain(sold).collect()
}

/// How much is granted; outer `None`: nothing at all.
#[expect(
    clippy::option_option,
    reason = "not granted, granted, so much granted"
)]
fn granted_value(kind: &FeatureKind, granted: &Entitlement) -> Option<Option<String>> {
    match granted {
        Entitlement::Flag(true) => Some(None),
        Entitlement::Flag(false) | Entitlement::Limit(Limit::AtMost(0)) => None,
        Entitlement::Limit(Limit::Unlimited) => Some(Some("unlimited".to_owned())),
        Entitlement::Limit(Limit::AtMost(most)) => Some(Some(if *kind == FeatureKind::Bytes {
            size(*most)
        } else {
            most.to_string()
        })),
        Entitlement::Level(level) => {
            let FeatureKind::Level(levels) = kind else {
                return None;
            };
            // The lowest level is none at all.
            let named = (*level > 0).then(|| levels.get(usize::from(*level)))??;
            Some(Some(named.clone()))
        }
        Entitlement::Text(text) => Some(Some(text.clone())),
    }
}

/// A size with a space before its unit: `5 GB`.
fn size(bytes: u64) -> String {
    let printed = print_size(bytes);
    let unit = printed.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = printed.strip_suffix(unit).unwrap_or(&printed);
    format!("{number} {unit}")
}

/// So much of a feature: `1201`, or of bytes a size with a tenth at most, rounded down: `5.3 GB`.
pub(super) fn amount(amount: u64, of_bytes: bool) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    if !of_bytes {
        return amount.to_string();
    }
    let fitting = UNITS.iter().find(|(unit, _)| amount >= *unit);
    let Some((unit, name)) = fitting else {
        return size(amount);
    };
    let (Some(whole), Some(rest)) = (amount.checked_div(*unit), amount.checked_rem(*unit)) else {
        return size(amount);
    };
    match rest.saturating_mul(10).checked_div(*unit) {
        Some(tenths) if tenths > 0 => format!("{whole}.{tenths} {name}"),
        _ => format!("{whole} {name}"),
    }
}

/// The name of a plan as people read it. One that is in no catalog any more goes by its key.
pub(super) fn plan_name<'a>(catalog: &'a Catalog, key: &'a str) -> &'a str {
    catalog.plan(key).map_or(key, |plan| plan.name.as_str())
}

/// An amount as people write it: `$20`, `$4.99`, `−€20`, `CHF 20`.
pub(super) fn money(money: Money) -> String {
    let printed = money.to_string();
    let digits = printed.split_once(' ').map_or("", |(_, digits)| digits);
    let digits = digits.strip_suffix(".00").unwrap_or(digits);
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", digits),
    };
    match money.currency.code() {
        "usd" => format!("{sign}${digits}"),
        "eur" => format!("{sign}€{digits}"),
        "gbp" => format!("{sign}£{digits}"),
        "sat" => format!("{sign}{digits} sat"),
        code => format!("{sign}{} {digits}", code.to_uppercase()),
    }
}

/// What so many pieces cost, and how often: `$20 per month`, `3 × $12 per month`.
pub(super) fn price(unit: Money, quantity: u32, billing: Billing) -> String {
    let (unit, rhythm) = (money(unit), rhythm(billing));
    if quantity == 1 {
        format!("{unit} {rhythm}")
    } else {
        format!("{quantity} × {unit} {rhythm}")
    }
}

/// How often it is paid: `per month`, `every 3 months`, `once`.
pub(super) fn rhythm(billing: Billing) -> String {
    match billing {
        Billing::Once => "once".to_owned(),
        Billing::Recurring(interval) if interval.count() == 1 => format!("per {interval}"),
        Billing::Recurring(interval) => format!("every {interval}"),
    }
}

/// What a year at `yearly` saves against twelve months at the plan's monthly
/// price. `None`: nothing, or there is no such pair.
pub(super) fn yearly_saving(monthly: Option<&Price>, yearly: &Price) -> Option<Money> {
    let monthly = monthly?;
    let is_pair = monthly.interval == Billing::Recurring(Interval::MONTH)
        && yearly.interval == Billing::Recurring(Interval::YEAR);
    let twelve = monthly.amount.checked_mul(12).ok()?;
    let saving = twelve.checked_sub(yearly.amount).ok()?;
    (is_pair && saving.amount > 0).then_some(saving)
}

/// A length of time: `14 days`, `12 hours`.
pub(super) fn length(duration: SignedDuration) -> String {
    let hours = duration.as_hours();
    let (count, unit) = match (hours.checked_div(24), hours.checked_rem(24)) {
        (Some(days), Some(0)) if days > 0 => (days, "day"),
        _ => (hours, "hour"),
    };
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{ending}")
}

/// A day: `31 December 2026`.
pub(super) fn day(instant: Timestamp) -> String {
    instant
        .to_zoned(TimeZone::UTC)
        .strftime("%-d %B %Y")
        .to_string()
}

/// An instant to the minute: `31 December 2026, 14:05 UTC`.
pub(super) fn minute(instant: Timestamp) -> String {
    instant
        .to_zoned(TimeZone::UTC)
        .strftime("%-d %B %Y, %H:%M UTC")
        .to_string()
}

/// A status in words, and the class of its badge.
pub(super) const fn status(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Active => ("Active", "good"),
        Status::Trialing => ("Trial", "trial"),
        Status::PastDue => ("Past due", "due"),
        Status::Canceled => ("Canceled", "over"),
        Status::Lapsed => ("Lapsed", "over"),
        Status::Expired => ("Expired", "over"),
        Status::Paused => ("Paused", "quiet"),
        Status::Incomplete => ("Not paid yet", "quiet"),
    }
}

/// What an invoice pays for.
pub(super) const fn purpose(invoice: &Invoice) -> &'static str {
    match invoice.purpose {
        Purpose::Purchase => "Purchase",
        Purpose::Renewal => "Renewal",
        Purpose::OneTime => "One-time payment",
        Purpose::Change => "Change of plan",
        Purpose::Usage => "Use",
    }
}

/// How far an invoice has come, as badges.
pub(super) fn invoice_status(invoice: &Invoice) -> Markup {
    let (word, class) = match invoice.state {
        InvoiceState::Open if invoice.awaits().is_some() => ("Payment on its way", "trial"),
        InvoiceState::Open => ("Open", "due"),
        InvoiceState::Settled { .. } => ("Paid", "good"),
        InvoiceState::Void { .. } => ("No longer owed", "quiet"),
    };
    html! {
        span class={ "badge " (class) } { (word) }
        @if invoice.is_disputed() { " " span class="badge due" { "Contested" } }
    }
}

/// A fragment as a sentence.
pub(super) fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first = letters.next().map(char::to_uppercase);
    let first: String = first.into_iter().flatten().collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_people_write_it() {
        for (amount, currency, text) in [
            (2000, "usd", "$20"),
            (499, "usd", "$4.99"),
            (2000, "eur", "€20"),
            (2050, "gbp", "£20.50"),
            (50_000, "sat", "50000 sat"),
            (2000, "chf", "CHF 20"),
            (2000, "jpy", "JPY 2000"),
            (-500, "usd", "−$5"),
            (-7, "chf", "−CHF 0.07"),
        ] {
            assert_eq!(money(Money::new(amount, currency.parse().unwrap())), text);
        }
    }

    #[test]
    fn lengths_and_sizes_read_well() {
        assert_eq!(length(SignedDuration::from_hours(14 * 24)), "14 days");
        assert_eq!(length(SignedDuration::from_hours(24)), "1 day");
        assert_eq!(length(SignedDuration::from_hours(36)), "36 hours");
        assert_eq!(size(5_000_000_000), "5 GB");
        assert_eq!(size(1 << 30), "1 GiB");
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (6_000_000_001, "6 GB"),
            (5_399_999_999, "5.3 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(amount(bytes, true), text);
        }
        assert_eq!(amount(1_201, false), "1201");
    }

    #[test]
    fn a_fragment_reads_as_a_sentence() {
        for (fragment, expected) in [
            ("nothing of it recurs", "Nothing of it recurs."),
            ("élan.", "Élan."),
            ("", "."),
        ] {
            assert_eq!(sentence(fragment), expected);
        }
    }

    #[test]
    fn the_colors_of_badges_are_those_promised() {
        assert_eq!(status(Status::Active).1, "good");
        assert_eq!(status(Status::Canceled).1, "over");
        assert_eq!(status(Status::PastDue).1, "due");
        assert_eq!(status(Status::Trialing).1, "trial");
    }
}
