//! What a run sells, and what it sells after its catalog was edited.

use billing::read_plan_file;
use billing_domain::catalog::Catalog;
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;

/// What may be bought, and changed to.
pub(super) const PRICES: [&str; 10] = [
    "team-weekly",
    "team-monthly",
    "tried-monthly",
    "early-monthly",
    "life-once",
    "ever-once",
    // After the edit.
    "team-weekly-2",
    "team-monthly-2",
    "team-weekly",
    "team-monthly",
];

/// The plans that may be named without a price.
pub(super) const TIERS: [&str; 4] = ["team", "tried", "early", "life"];

/// How long the holders of a retired price keep it, where a day is named.
const LOCKED_FOR: SignedDuration = SignedDuration::from_hours(5 * 24);

const PLANS: &str = r"
product: Simulated
currency: usd
rules:
  minimum_charge: { usd: 0.50 }
  changes: { $rules }
features: { seats: { kind: count, name: Seats }, sso: { kind: flag, name: Sign-on } }
plans:
  team:
    name: Team
    rank: 10
    entitlements: { sso: true }
    quantity: { feature: seats, min: 1, max: 9 }
    prices:
      team-weekly: { amount: 3.00, interval: week }
      team-monthly: { amount: 10.00, interval: month$retired }
$new
  tried:
    name: Tried
    rank: 20
    trial: 5d
    entitlements: { sso: true }
    prices:
      tried-monthly: { amount: 20.00, interval: month }
  early:
    name: Early
    rank: 30
    entitlements: { sso: true }
    prices:
      early-monthly: { amount: 30.00, interval: month, lead: 3d }
  life:
    name: Life
    rank: 40
    entitlements: { sso: true }
    prices:
      life-once: { amount: 99.00, interval: once }
  ever:
    name: Ever
    rank: 50
    entitlements: { sso: true }
    prices:
      ever-once: { amount: 149.00, interval: once }
";

/// Down at once and with credit.
const CREDITED: &str = "downgrade: { when: now, money: credit }, \
     quantity_down: { when: now, money: credit }, lateral: { when: now, money: credit }";

/// Other intervals at once, each the beginning of a period.
const TURNED: &str = "longer: { when: now, money: charge }, \
     shorter: { when: now, money: charge }, downgrade: { when: now, money: charge }";

/// The plans that a run begins with.
pub(super) fn first(seed: u64) -> Catalog {
    catalog(seed, "", "")
}

/// The plans after an edit at `now`: a price is retired, and followed by a dearer
/// one when the promise to its holders ends.
pub(super) fn edited(seed: u64, now: Timestamp) -> Catalog {
    let day = |after: SignedDuration| {
        let text = shifted(now, after).to_string();
        text[..10].to_owned()
    };
    let lock = match (seed / 9) % 3 {
        0 => format!("until: {}", day(LOCKED_FOR)),
        1 => "cycles: 1".to_owned(),
        _ => "cycles: 2".to_owned(),
    };
    let retired = format!(
        ", retired: {}, lock: {{ {lock}, then: team-monthly-2, notice: 30d }}",
        day(SignedDuration::from_hours(24))
    );
    let new = "      team-weekly-2: { amount: 4.00, interval: week }\n      \
         team-monthly-2: { amount: 12.00, interval: month }";
    catalog(seed, &retired, new)
}

fn catalog(seed: u64, retired: &str, new: &str) -> Catalog {
    let rules = match (seed / 3) % 3 {
        0 => "",
        1 => CREDITED,
        _ => TURNED,
    };
    let plans = PLANS
        .replace("$rules", rules)
        .replace("$retired", retired)
        .replace("$new", new);
    read_plan_file("plans", plans.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}
