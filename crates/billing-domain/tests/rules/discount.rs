//! What is taken off a price, for how many cycles, and by which code.

use billing_domain::discount::{CodeRefusal, Discount, DiscountCode, Gives, Reduction, WHOLE};
use billing_domain::ids::IdSeq;
use billing_domain::line::{LineKind, sum};
use billing_domain::money::{Currency, Money, MoneyError};
use billing_domain::terms::Terms;
use billing_domain::time::days;

use crate::common::{World, at, usd};
use crate::shop::{ruled, shop, sold_by};

const fn percent(basis_points: u16) -> Reduction {
    Reduction::Percent { basis_points }
}

fn fixed(cents: i64) -> Reduction {
    Reduction::Fixed { amount: usd(cents) }
}

fn each(cents: i64) -> Reduction {
    Reduction::SetPrice { unit: usd(cents) }
}

#[test]
fn a_reduction_takes_off_from_nothing_to_the_whole() {
    for (reduction, gross, pieces, off) in [
        (percent(5_000), 1_000, 1, 500),
        // Half of a cent is rounded away from zero, once for all pieces.
        (percent(5_000), 3, 3, 2),
        (percent(1), 4_999, 1, 0),
        (percent(1), 5_000, 1, 1),
        (percent(WHOLE), 1_000, 4, 1_000),
        (fixed(300), 1_000, 4, 300),
        (fixed(3_000), 1_000, 1, 1_000),
        // 4 at 2.50 become 4 at 2.00; a higher price takes nothing off.
        (each(200), 1_000, 4, 200),
        (each(900), 1_000, 4, 0),
        (each(0), 1_000, 4, 1_000),
    ] {
        assert_eq!(
            reduction.off(usd(gross), pieces),
            Ok(usd(off)),
            "{reduction:?}"
        );
    }
    let euros = Reduction::Fixed {
        amount: Money::new(1, Currency::EUR),
    };
    let mixed = MoneyError::Mixed(Currency::USD, Currency::EUR);
    assert_eq!(euros.off(usd(5), 1), Err(mixed));
}

fn code(gives: Gives, cycles: Option<u32>) -> DiscountCode {
    DiscountCode {
        id: IdSeq::new(at("2026-01-01"), 7).draw(),
        code: "SPRING".to_owned(),
        gives,
        plans: vec!["plus".parse().unwrap()],
        cycles,
        max_uses: None,
        expires_at: Some(at("2026-04-01")),
        retired_at: None,
        created_at: at("2026-01-01"),
    }
}

#[test]
fn a_code_says_for_which_plan_until_when_and_for_how_many_cycles() {
    let spring = code(Gives::Reduction(percent(2_000)), Some(3));
    let (plus, max) = ("plus".parse().unwrap(), "max".parse().unwrap());
    let asked =
        |code: &DiscountCode, plan, first, day| code.discount(plan, usd(10), first, at(day));
    let taken = asked(&spring, &plus, 0, "2026-03-31T23:59:59Z").unwrap();
    assert_eq!((taken.code, taken.until_cycle), (Some(spring.id), Some(3)));
    assert!(taken.covers(2) && !taken.covers(3));
    // A trial is no cycle that is charged.
    assert_eq!(
        asked(&spring, &plus, 1, "2026-03-01").unwrap().until_cycle,
        Some(4)
    );
    assert_eq!(
        asked(&spring, &max, 0, "2026-03-01"),
        Err(CodeRefusal::NotForThis)
    );
    assert_eq!(
        asked(&spring, &plus, 0, "2026-04-01"),
        Err(CodeRefusal::Unknown)
    );
    let ended = DiscountCode {
        retired_at: Some(at("2026-02-01")),
        ..spring.clone()
    };
    assert_eq!(
        asked(&ended, &plus, 0, "2026-02-01"),
        Err(CodeRefusal::Unknown)
    );
    let for_all = DiscountCode {
        plans: Vec::new(),
        ..spring
    };
    assert!(asked(&for_all, &max, 0, "2026-03-01").is_ok());
    let euros = Reduction::Fixed {
        amount: Money::new(1, Currency::EUR),
    };
    let euros = code(Gives::Reduction(euros), None);
    assert_eq!(
        asked(&euros, &plus, 0, "2026-03-01"),
        Err(CodeRefusal::NotForThis)
    );
    // A license for nothing is for good, whatever the cycles say.
    let free = code(Gives::FreeLicense, Some(1));
    let free = asked(&free, &plus, 0, "2026-03-01").unwrap();
    assert_eq!((free.reduction, free.until_cycle), (percent(WHOLE), None));
    assert_eq!(DiscountCode::normal("  sPring\n"), "SPRING");
}

fn discounted(price: &str, pieces: u32, reduction: Reduction, until: Option<u32>) -> Terms {
    let mut terms = sold_by(&shop(), price, pieces);
    terms.discount = Some(Discount {
        code: None,
        reduction,
        until_cycle: until,
        ends_at: None,
    });
    terms
}

#[test]
fn it_is_taken_off_for_its_cycles_and_named_on_the_invoice() {
    let mut world = World::joined("2026-01-31", shop());
    world.buy(discounted("plus-monthly", 1, percent(1_000), Some(2)));
    assert_eq!(world.account.invoices[0].amount, usd(2_700));
    let invoice = world.renew("2026-02-28");
    assert_eq!(invoice.amount, usd(2_700));
    let lines: Vec<_> = invoice
        .lines
        .iter()
        .map(|line| (line.kind, line.amount))
        .collect();
    let off = (LineKind::Discount, usd(-300));
    assert_eq!(lines, [(LineKind::Plan, usd(3_000)), off]);
    assert_eq!(sum(&invoice.lines, Currency::USD), Ok(invoice.amount));
    assert_eq!(world.renew("2026-03-31").amount, usd(3_000));
}

#[test]
fn after_a_trial_its_cycles_begin_with_the_first_charge() {
    let spring = code(Gives::Reduction(percent(5_000)), Some(1));
    let mut terms = sold_by(&shop(), "plus-monthly", 1);
    terms.trial = Some(days(14));
    let first = terms.first_charged();
    let plus = "plus".parse().unwrap();
    terms.discount = Some(
        spring
            .discount(&plus, usd(3_000), first, at("2026-03-01"))
            .unwrap(),
    );
    let mut world = World::joined("2026-03-01", shop());
    world.buy(terms);
    assert_eq!(world.renew("2026-03-15").amount, usd(1_500));
    assert_eq!(world.renew("2026-04-15").amount, usd(3_000));
}

#[test]
fn a_whole_reduction_is_paid_as_it_opens_and_no_provider_is_asked() {
    let mut world = World::joined("2026-04-01", shop());
    world.buy(discounted("plus-monthly", 1, percent(WHOLE), Some(2)));
    world.tick("2026-05-01");
    assert_eq!(world.paid_through(), at("2026-06-01"));
    assert!(world.orders.is_empty());
    assert_eq!(world.renew("2026-06-01").amount, usd(3_000));
}

#[test]
fn more_pieces_keep_it_and_another_plan_loses_it() {
    // 5.00 off all pieces together: 15.00 become 10.00, and 30.00 become 25.00.
    let mut world = World::joined("2026-04-01", shop());
    world.buy(discounted("seats-monthly", 5, fixed(500), None));
    world.go("2026-04-16");
    let quote = world.resize_paid(10);
    assert_eq!((quote.owed_now, quote.loses), (usd(750), Vec::new()));
    assert_eq!(world.renew("2026-05-01").amount, usd(2_500));
    world.go("2026-05-16T12:00:00Z");
    // Half of 30.00 less half of 25.00; the next month in full.
    let quote = world.change_paid("plus-monthly");
    assert_eq!(quote.owed_now, usd(250));
    assert_eq!(world.renew("2026-06-01").amount, usd(3_000));
}

#[test]
fn a_discount_that_ends_with_the_period_is_not_charged_back() {
    use billing_domain::catalog::{ChangeKind, ChangeMoney, ChangeRule};
    let rows = [(
        ChangeKind::QuantityDown,
        ChangeRule::Now(ChangeMoney::Charge),
    )];
    let shop = ruled(&rows);
    let mut world = World::joined("2026-04-01", shop);
    world.buy(discounted("seats-monthly", 10, percent(5_000), Some(1)));
    world.go("2026-04-16");
    // Five pieces less and back again, all at half price.
    let down = world.resize_paid(5);
    assert_eq!((down.owed_now, down.balance_after), (usd(0), usd(375)));
    assert_eq!(down.next_charge.unwrap().amount, usd(1_500 - 375));
    let up = world.resize_paid(10);
    assert_eq!((up.owed_now, up.balance_after), (usd(0), usd(0)));
    assert_eq!(world.sub().paid[0].charged, usd(1_500));
}

#[test]
fn the_next_cycle_being_invoiced_does_not_end_the_discount_of_this_one() {
    let mut terms = discounted("seats-monthly", 5, percent(5_000), Some(1));
    terms.lead = days(10);
    let mut world = World::joined("2026-04-01", shop());
    world.buy(terms);
    world.tick("2026-04-21");
    assert_eq!(world.open_invoice().unwrap().amount, usd(1_500));
    // Five more at 1.50 for a third of April; May in full.
    let quote = world.resize_paid(10);
    assert_eq!(quote.owed_now, usd(250));
    assert_eq!(quote.next_charge.unwrap().amount, usd(3_000));
    assert_eq!(world.renew("2026-04-21").amount, usd(3_000));
    // May is paid ahead: half price for April, the whole for May.
    let quote = world.resize_paid(15);
    assert_eq!(quote.owed_now, usd(250 + 1_500));
}
