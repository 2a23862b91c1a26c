//! What holds for every change, whatever its amounts.

use billing_domain::money::{Currency, Money, MoneyError};
use billing_domain::proration::{
    Change, Choices, CreditBasis, Dialect, Discount, Item, Precision, Proration, ProrationError,
    Ratio, Reason, Rounded, Rounding, Scope, TaxRate, TimeZone, Zones, prorate,
};
use billing_domain::time::{Period, Timestamp};
use proptest::prelude::*;

use crate::common::{at, change, item, span};

const DAY: i64 = 86_400;
/// Amounts up to ten million in minor units of two decimals.
const MOST: i64 = 1_000_000_000;

fn dialects() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(Dialect::ALL.to_vec())
}

fn periods() -> impl Strategy<Value = Period> {
    (1_600_000_000_i64..1_800_000_000, 4 * DAY..400 * DAY).prop_map(|(start, length)| Period {
        start: Timestamp::from_second(start).unwrap(),
        end: Timestamp::from_second(start + length).unwrap(),
    })
}

fn items() -> impl Strategy<Value = Item> {
    let discount = prop_oneof![
        Just(None),
        (0_u16..=10_000).prop_map(|points| Some(Discount::BasisPoints(points))),
        (0..MOST).prop_map(|amount| Some(Discount::Amount(amount))),
    ];
    (0..MOST, 1_u32..100, discount).prop_map(|(price, quantity, discount)| Item {
        quantity,
        discount,
        ..item(price)
    })
}

/// An instant within the period, two days before its end at the latest.
fn within(period: Period, place: u16) -> Timestamp {
    let length = period.length().as_secs() - 2 * DAY;
    let from_start = length * i64::from(place) / i64::from(u16::MAX);
    Timestamp::from_second(period.start.as_second() + from_start).unwrap()
}

/// What has begun by a change, as it ends at the same instant.
fn begun(dialect: Dialect, item: Item, rest: Period, charged: i64) -> Item {
    let part = Some(rest);
    let paid = Some(charged);
    match dialect.choices().credit {
        CreditBasis::OriginalDebit => Item {
            period: part,
            paid,
            ..item
        },
        CreditBasis::CurrentPrice | CreditBasis::PaidLessCredited => Item { part, paid, ..item },
        // All that was charged stands with the item that was there before.
        CreditBasis::ChargedSoFar => Item {
            part,
            paid: Some(0),
            ..item
        },
        CreditBasis::UsedTime | CreditBasis::DifferenceOfPrices => item,
    }
}

fn inverse(dialect: Dialect, period: Period, now: Timestamp, one: Item, two: Item) -> i64 {
    let choices = dialect.choices();
    let there = change(choices, Some(period), now, &[one], &[two], 0);
    let rest = Period {
        start: now,
        ..period
    };
    let mut ends = vec![begun(dialect, two, rest, there.charge.amount)];
    if choices.credit == CreditBasis::ChargedSoFar {
        let full = change(choices, Some(period), period.start, &[], &[one], 0);
        ends.push(Item {
            part: Some(Period { end: now, ..period }),
            paid: Some(full.net.amount + there.net.amount),
            ..one
        });
    }
    let back = change(choices, Some(period), now, &ends, &[one], 0);
    there.net.amount + back.net.amount
}

fn sound(done: &Proration) {
    let sum: i64 = done
        .lines
        .iter()
        .map(|line| line.total().unwrap().amount)
        .sum();
    assert_eq!(sum, done.net.amount, "{done:?}");
    assert_eq!(done.credit.amount + done.charge.amount, done.net.amount);
    for line in &done.lines {
        // Never more than one minor unit from the exact value, per unit where
        // units are rounded.
        let far = Ratio::whole(line.amount.amount.into())
            .checked_mul(-1)
            .unwrap();
        let far = far.checked_add(line.exact).unwrap();
        let units = match line.rounded {
            Rounded::Unit => i128::from(line.quantity),
            Rounded::Line | Rounded::Sum => 1,
            // Total and tax are each rounded.
            Rounded::TotalAndTax => 2,
        };
        assert!(
            far.numerator().abs() <= units * far.denominator(),
            "{line:?}"
        );
    }
}

proptest! {
    #[test]
    fn lines_sum_to_the_net_and_stay_within_their_rounding(
        dialect in dialects(), period in periods(), place: u16,
        ends in proptest::collection::vec(items(), 0..4),
        begins in proptest::collection::vec(items(), 1..4),
        tax in 0_u32..300_000,
    ) {
        let now = within(period, place);
        for scope in [dialect.choices().scope, Scope::Unit, Scope::Side, Scope::Net] {
            let choices = Choices { scope, ..dialect.choices() };
            sound(&change(choices, Some(period), now, &ends, &begins, tax));
        }
    }

    #[test]
    fn a_change_and_its_inverse_at_one_instant_sum_to_zero(
        dialect in dialects(), period in periods(), place: u16, one in items(), two in items(),
    ) {
        prop_assume!(dialect.inverse_cancels());
        prop_assert_eq!(inverse(dialect, period, within(period, place), one, two), 0);
    }

    #[test]
    fn splitting_a_period_changes_the_total_by_its_rounding_at_most(
        dialect in dialects(), period in periods(), place: u16, price in 0..MOST,
    ) {
        let choices = dialect.choices();
        prop_assume!(choices.unit.tiles());
        let now = within(period, place);
        let part = |start, end| Item { part: Some(Period { start, end }), ..item(price) };
        let charge = |items: &[Item]| {
            change(choices, Some(period), period.start, &[], items, 0).charge.amount
        };
        let whole = charge(&[part(period.start, period.end)]);
        let apart = charge(&[part(period.start, now)]) + charge(&[part(now, period.end)]);
        // Two amounts, each rounded by one at most, and two shares, each rounded
        // by half of its last place.
        let places = match choices.precision {
            Precision::NineDecimals => price / 1_000_000_000 + 1,
            Precision::FiveDecimals => price / 100_000 + 1,
            Precision::Exact | Precision::CreditFiveDecimals => 0,
        };
        prop_assert!((apart - whole).abs() <= 1 + places, "{apart} {whole}");
    }

    #[test]
    fn a_held_credit_never_exceeds_what_was_paid_and_not_credited(
        period in periods(), place: u16, one in items(), paid in 0..MOST, credited in 0..MOST,
    ) {
        let item = Item { paid: Some(paid), credited, ..one };
        for dialect in [Dialect::KillBill, Dialect::Flexprice] {
            let now = within(period, place);
            let done = change(dialect.choices(), Some(period), now, &[item], &[], 0);
            prop_assert!(-done.credit.amount <= (paid - credited).max(0));
        }
    }

    #[test]
    fn the_engine_never_credits_more_than_was_charged_and_never_drifts(
        period in periods(), places in proptest::collection::vec(any::<u16>(), 1..8),
        prices in proptest::collection::vec(0..MOST, 9),
    ) {
        let choices = Dialect::Engine.choices();
        let mut places = places;
        places.sort_unstable();
        // The segments so far; what was charged stands with the first.
        let mut charged = prices[0];
        let mut segments = vec![(prices[0], period)];
        for (place, price) in places.iter().zip(&prices[1..]) {
            let now = within(period, *place);
            segments.last_mut().unwrap().1.end = now;
            let ends: Vec<Item> = segments.iter().enumerate().map(|(k, (price, part))| Item {
                part: Some(*part),
                paid: Some(if k == 0 { charged } else { 0 }),
                ..item(*price)
            }).collect();
            let done = change(choices, Some(period), now, &ends, &[item(*price)], 0);
            charged += done.net.amount;
            prop_assert!(charged >= 0, "more credited than charged");
            segments.push((*price, Period { start: now, ..period }));
            // However many changes there were, the period is worth its segments.
            let length = i128::from(period.length().as_secs());
            let value: i128 = segments.iter().map(|(price, part)| {
                i128::from(*price) * i128::from(part.length().as_secs())
            }).sum();
            let value = Ratio::new(value, length).unwrap();
            prop_assert_eq!(Some(i128::from(charged)), value.round(Rounding::HalfAwayFromZero));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_panics(
        dialect in dialects(), period in periods(), place: u16, price: i64, quantity: u32,
        paid: Option<i64>, credited: i64, millionths: u32,
    ) {
        let money = Money::new(price, Currency::USD);
        let one = Item { paid, credited, ..Item::new(money, quantity) };
        let ask = Change {
            period: Some(period), at: within(period, place), ends: &[one], begins: &[one],
            tax: TaxRate { millionths }, zones: Zones::default(),
        };
        if let Err(error) = prorate(&ask, dialect.choices()) {
            let expected = matches!(
                error, ProrationError::Amount | ProrationError::Money(MoneyError::OutOfRange)
            );
            prop_assert!(expected, "{}", error);
        }
    }
}

#[test]
fn a_day_ends_at_midnight_where_the_dialect_says() {
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    let ask = |dialect: Dialect, zones| {
        let change = Change {
            period: Some(span("2026-07-01..2026-08-01")),
            // Already the 16th in Tokyo.
            at: at("2026-07-15T15:30:00Z"),
            ends: &[],
            begins: &[item(3100)],
            tax: TaxRate::default(),
            zones,
        };
        prorate(&change, dialect.choices()).unwrap().charge.amount
    };
    let customer = Zones {
        customer: Some(&zone),
        merchant: None,
    };
    assert_eq!(ask(Dialect::Lago, customer), 1600);
    assert_eq!(ask(Dialect::Lago, Zones::default()), 1700);
    assert_eq!(ask(Dialect::Meteroid, customer), 1700, "its days are UTC's");
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let month = Some(span("2026-07-01..2026-08-01"));
    let part = Item {
        part: Some(span("2026-06-01..2026-07-02")),
        ..item(100)
    };
    let euro = Item::new(Money::new(1, Currency::EUR), 1);
    let short = Some(span("2026-07-01..2026-07-01T12:00:00Z"));
    let mixed = MoneyError::Mixed(Currency::USD, Currency::EUR);
    let july = at("2026-07-01");
    for (period, now, ends, begins, expected) in [
        (month, july, vec![], vec![], ProrationError::Nothing),
        (
            month,
            at("2026-09-01"),
            vec![],
            vec![item(1)],
            ProrationError::ChangeOutsidePeriod,
        ),
        (
            month,
            july,
            vec![],
            vec![part],
            ProrationError::PartOutsidePeriod,
        ),
        (month, july, vec![item(-1)], vec![], ProrationError::Amount),
        (month, july, vec![item(1)], vec![euro], mixed.into()),
        (
            short,
            july,
            vec![item(1)],
            vec![],
            ProrationError::EmptyPeriod,
        ),
    ] {
        let change = Change {
            period,
            at: now,
            ends: &ends,
            begins: &begins,
            tax: TaxRate::default(),
            zones: Zones::default(),
        };
        assert_eq!(prorate(&change, Dialect::KillBill.choices()), Err(expected));
    }
}

#[test]
fn flexible_credits_what_was_debited_and_shares_discounts_on_their_own_lines() {
    let month = span("2026-06-01..2026-07-01");
    let half = at("2026-06-16");
    let discounted = Item {
        discount: Some(Discount::BasisPoints(1000)),
        ..item(1000)
    };
    let choices = Dialect::StripeFlexible.choices();
    let done = change(choices, Some(month), half, &[discounted], &[discounted], 0);
    let told: Vec<(Reason, i64)> = done
        .lines
        .iter()
        .map(|line| (line.reason, line.amount.amount))
        .collect();
    let expected = [
        (Reason::UnusedOfDebit, -500),
        (Reason::Discount, 50),
        (Reason::Begins, 500),
        (Reason::Discount, -50),
    ];
    assert_eq!(told, expected);
    // The price has doubled since; what was debited has not.
    let debited = Item {
        paid: Some(1000),
        ..item(2000)
    };
    let done = change(choices, Some(month), half, &[debited], &[], 0);
    assert_eq!(done.credit.amount, -500);
}

#[test]
fn paddle_rounds_total_and_tax_and_takes_the_difference() {
    let month = span("2026-06-01..2026-07-01");
    let choices = Dialect::Paddle.choices();
    let third = at("2026-06-21");
    let done = change(choices, Some(month), third, &[], &[item(1001)], 200_000);
    // Full: 1001 + 200 = 1201. Rate 0.33333: total 400.3 and tax 66.7.
    let line = done.lines[0];
    assert_eq!((line.tax.amount, done.net.amount), (67, 400));
    assert_eq!(line.amount.amount, 333);
}

#[test]
fn paddle_s_published_preview_is_worked_again() {
    // The lines of its sample of a subscription's preview: 8.875 % of tax, of which a
    // half of a cent goes toward zero, and then the share of that.
    let month = span("2024-02-08T11:02:03Z..2024-03-08T11:02:03Z");
    let choices = Dialect::Paddle.choices();
    let (changed, rate) = (at("2024-02-08T11:05:53Z"), 88_750);
    for (price, net, tax) in [
        (150_000, 149_990, 13_311),
        (28_500, 28_498, 2_529),
        (30_000, 29_998, 2_662),
        (10_000, 9_999, 887),
    ] {
        let done = change(choices, Some(month), changed, &[], &[item(price)], rate);
        let line = done.lines[0];
        assert_eq!((line.amount.amount, line.tax.amount), (net, tax), "{price}");
        let back = change(choices, Some(month), changed, &[item(price)], &[], rate);
        let line = back.lines[0];
        assert_eq!(
            (line.amount.amount, line.tax.amount),
            (-net, -tax),
            "{price}"
        );
    }
    // And whole periods, as its samples of transactions have them.
    for (price, tax) in [
        (10_000, 887),
        (17_910, 1_590),
        (19_900, 1_766),
        (30_000, 2_662),
        (150_000, 13_312),
        (270_000, 23_962),
    ] {
        let done = change(choices, Some(month), month.start, &[], &[item(price)], rate);
        assert_eq!(done.lines[0].tax.amount, tax, "{price}");
        assert_eq!(done.net.amount, price + tax, "{price}");
    }
}

#[test]
fn choices_that_differ_by_a_unit_are_told_apart() {
    let june = Some(span("2026-06-01..2026-07-01"));
    let half = at("2026-06-16");
    let charge = |choices, now, item| change(choices, june, now, &[], &[item], 0).charge.amount;

    // Three of 30 days of 14 are 1.4; 40 % of that rounds to 1, of 1 to nothing.
    let last = at("2026-06-28");
    let lago = Dialect::Lago.choices();
    let done = change(lago, june, last, &[], &[item(14)], 400_000);
    assert_eq!(
        (done.lines[0].amount.amount, done.lines[0].tax.amount),
        (1, 1)
    );
    let line = Choices {
        scope: Scope::Line,
        ..lago
    };
    assert_eq!(
        change(line, june, last, &[], &[item(14)], 400_000)
            .net
            .amount,
        1
    );

    // Half of 1503 is 751.5.
    let polar = Dialect::Polar;
    assert_eq!(charge(polar.choices(), half, item(1503)), 752);
    assert_eq!(charge(polar.seat_choices(), half, item(1503)), 751);

    // Half of 5 is 2.5, three times.
    let three = Item {
        quantity: 3,
        ..item(5)
    };
    let stripe = Dialect::Stripe.choices();
    assert_eq!(charge(stripe, half, three), 8);
    assert_eq!(
        charge(
            Choices {
                scope: Scope::Unit,
                ..stripe
            },
            half,
            three
        ),
        9
    );

    // Three lines of 2.5 are 8 in the sum, and the first two get a unit more.
    let side = Choices {
        scope: Scope::Side,
        ..stripe
    };
    let done = change(side, june, half, &[], &[item(5); 3], 0);
    let amounts: Vec<i64> = done.lines.iter().map(|line| line.amount.amount).collect();
    assert_eq!(amounts, [3, 3, 2]);

    // What comes to nothing is a line, or is none.
    let soon = at("2026-06-01T00:00:40Z");
    for (dialect, lines) in [(Dialect::OpenMeter, 1), (Dialect::Meteroid, 2)] {
        let done = change(dialect.choices(), june, soon, &[item(0)], &[item(1000)], 0);
        assert_eq!(done.lines.len(), lines, "{dialect}");
    }
}

#[test]
fn every_dialect_is_found_by_its_name() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.name().parse(), Ok(dialect));
    }
    assert!("recurly".parse::<Dialect>().is_err());
}
