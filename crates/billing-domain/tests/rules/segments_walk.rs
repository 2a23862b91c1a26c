//! Random divisions of one period among rates: what was charged for it is what it
//! is worth, rounded once, and nothing for changes between equal prices.

use billing_domain::catalog::{ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::time::{Period, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::usd;
use crate::ledger::value_of;
use crate::shop::{edited, holding_in};

proptest! {
    // 300 periods of up to 12 changes take a few seconds.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Splitting a period by changes between plans of one price costs nothing.
    #[test]
    fn a_period_split_at_one_rate_costs_what_it_cost(
        cents in 1i64..100_000_000,
        mut cuts in proptest::collection::vec(0i64..2_678_400_000_000, 1..12),
    ) {
        let shop = edited(|draft| {
            let now = ChangeRule::Now(ChangeMoney::Charge);
            draft.rules.changes.rows.insert(ChangeKind::Lateral, now);
            for key in ["plus-monthly", "peer-monthly"] {
                crate::shop::price_of(draft, key).amount = usd(cents);
            }
        });
        let mut world = holding_in(shop, "2026-01-01", "plus-monthly", 1);
        let start = world.now;
        cuts.sort_unstable();
        for (place, cut) in cuts.into_iter().enumerate() {
            world.now = shifted(start, SignedDuration::from_micros(cut));
            let quote = world.change_paid(if place % 2 == 0 { "peer-monthly" } else { "plus-monthly" });
            prop_assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(0)));
        }
        prop_assert_eq!(world.sub().paid[0].charged, usd(cents));
    }

    /// However a period is divided among rates, what was charged for it is what
    /// it is worth, rounded once.
    #[test]
    fn what_is_charged_is_the_worth_rounded_once(
        cuts in proptest::collection::vec((0i64..2_678_400_000_000, 0usize..4), 1..12),
    ) {
        let shop = edited(|draft| {
            for kind in ChangeKind::ALL {
                draft.rules.changes.rows.insert(kind, ChangeRule::Now(ChangeMoney::Charge));
            }
        });
        let mut world = holding_in(shop, "2026-01-01", "basic-monthly", 1);
        let start = world.now;
        let mut cuts = cuts;
        cuts.sort_unstable();
        for (cut, place) in cuts {
            let price = ["basic-monthly", "plus-monthly", "peer-monthly", "max-monthly"][place];
            world.now = shifted(start, SignedDuration::from_micros(cut));
            if world.held().0 != price {
                world.change_paid(price);
            }
            let paid = world.sub().paid[0].clone();
            let worth: i128 = paid.covered().map(|(part, rate)| value_of(rate, part, paid.period)).sum();
            let charged = i128::from(paid.charged.amount) * value_of_a_cent();
            prop_assert!((worth - charged).abs() <= value_of_a_cent() / 2 + 100, "{paid:#?}");
        }
    }
}

fn value_of_a_cent() -> i128 {
    value_of(usd(1), whole(), whole())
}

fn whole() -> Period {
    Period {
        start: crate::common::at("2026-01-01"),
        end: crate::common::at("2026-01-02"),
    }
}
