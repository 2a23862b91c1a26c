//! What a provider charged for a change of what it runs, beside what was quoted.

use billing_domain::change::ChangeState;
use billing_domain::decide::{Begun, Force};
use billing_domain::fact::{Fact, Link, Observed, ProviderInvoiceState};
use billing_domain::ids::ChangeId;
use billing_domain::invoice::{InvoiceState, Purpose};
use billing_domain::journal::Event;
use billing_domain::line::{Line, LineKind};
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::quote::{Quote, charged_as_quoted};
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;

use crate::change_provider::{APRIL, accept, previewed, previewed_as, run, see};
use crate::common::{World, at, usd};

/// The provider's invoice `name`, paid at `paid_at`, told now.
fn charged(world: &mut World, name: &str, amount: Money, paid_at: Timestamp) {
    let fact = Fact::ProviderInvoiceSeen {
        reference: name.to_owned(),
        subscription_ref: Some("s-1".to_owned()),
        amount,
        period: None,
        state: ProviderInvoiceState::Paid,
        purpose: Some(Purpose::Change),
        collected: None,
        opened_at: None,
        tried: None,
    };
    world.observe(&Observed {
        fact,
        at: paid_at,
        link: Link::default(),
    });
}

/// A change that was quoted at 10.01 and is applied, or is not yet.
fn changed(applied: bool) -> (World, Begun, ChangeId) {
    let (mut world, begun) = run("basic-monthly");
    let quote = previewed(&mut world, "plus-monthly");
    let change = accept(&mut world, &quote);
    if applied {
        see(&mut world, &begun, "plus-monthly", 1, APRIL);
    }
    world.forget();
    (world, begun, change)
}

#[test]
fn another_amount_than_was_quoted_is_for_a_person() {
    let euro = Money::new(1_001, Currency::EUR);
    for (amount, says) in [
        (usd(1_001), None),
        (
            usd(1_200),
            Some((ParkReason::AmountMismatch, "USD 1.99 more")),
        ),
        (usd(1), Some((ParkReason::AmountMismatch, "USD 10.00 less"))),
        (usd(0), Some((ParkReason::AmountMismatch, "USD 10.01 less"))),
        (
            euro,
            Some((ParkReason::CurrencyMismatch, "another currency")),
        ),
    ] {
        for applied in [true, false] {
            let (mut world, begun, change) = changed(applied);
            let paid_at = world.now;
            for _ in 0..2 {
                charged(&mut world, "i-1", amount, paid_at);
            }
            if !applied {
                see(&mut world, &begun, "plus-monthly", 1, APRIL);
            }
            charged(&mut world, "i-1", amount, paid_at);
            let ChangeState::Applied { .. } = world.state_of(change) else {
                panic!("the difference holds nothing up");
            };
            let invoice = world.account.invoices.last().unwrap();
            assert_eq!(invoice.amount, amount, "kept as charged");
            assert!(matches!(invoice.state, InvoiceState::Settled { .. }));
            let expected: Vec<ParkReason> = says.iter().map(|(reason, _)| *reason).collect();
            assert_eq!(world.parked, expected, "{amount}, once");
            assert_eq!(world.count(Event::InvoiceAmountMismatch), expected.len());
            let Some((_, by)) = says else { continue };
            let quote = world.account.change(change).unwrap().quote.id;
            let state = if applied {
                "applied"
            } else {
                "awaiting_payment"
            };
            let told = format!(
                "the provider charged {amount} for change {change} ({state}), which quote \
                 {quote} put at USD 10.01: {by}. Its invoice i-1 is kept as charged, as {}; \
                 what is to be given back or asked for is settled at the provider",
                invoice.id
            );
            assert_eq!(world.evidence, [told]);
        }
    }
}

#[test]
fn what_is_not_pinned_may_differ_by_a_rounding_or_by_little_time() {
    // Quoted at 10.01, in one line: at most 10.02, at least 9.90.
    for (amount, pinned, parked) in [
        (1_001, true, false),
        (1_002, true, true),
        (1_000, true, true),
        (1_001, false, false),
        (1_002, false, false),
        (1_003, false, true),
        (1_000, false, false),
        (990, false, false),
        (989, false, true),
        (0, false, true),
    ] {
        let (mut world, begun) = run("basic-monthly");
        let quote = previewed_as(&mut world, "plus-monthly", pinned);
        assert_eq!(quote.pinned, pinned);
        let stored = serde_json::to_string(&quote).unwrap();
        assert_eq!(serde_json::from_str::<Quote>(&stored).unwrap(), quote);
        accept(&mut world, &quote);
        see(&mut world, &begun, "plus-monthly", 1, APRIL);
        let now = world.now;
        charged(&mut world, "i-1", usd(amount), now);
        assert_eq!(world.parked.len(), usize::from(parked), "{amount} {pinned}");
    }
    let euro = Money::new(1_001, Currency::EUR);
    assert!(!charged_as_quoted(usd(1_001), 1, euro));
}

#[test]
fn a_debt_that_is_collected_with_a_change_was_charged_before() {
    for (amount, parked) in [(1_001, 0), (1_031, 0), (1_011, 1)] {
        let (mut world, begun) = run("basic-monthly");
        let mut quote = previewed(&mut world, "plus-monthly");
        let debt = Line::whole(LineKind::Balance, None, 1, usd(30));
        quote.lines.push(debt);
        quote.owed_now = usd(1_031);
        accept(&mut world, &quote);
        see(&mut world, &begun, "plus-monthly", 1, APRIL);
        let now = world.now;
        charged(&mut world, "i-1", usd(amount), now);
        assert_eq!(world.parked.len(), parked, "{amount}");
    }
}

#[test]
fn quotes_and_undos_that_were_stored_before_still_read() {
    let (mut world, _) = run("basic-monthly");
    let quote = previewed_as(&mut world, "plus-monthly", false);
    let mut stored = serde_json::to_value(&quote).unwrap();
    stored.as_object_mut().unwrap().remove("pinned").unwrap();
    assert!(serde_json::from_value::<Quote>(stored).unwrap().pinned);
}

#[test]
fn an_invoice_that_comes_late_is_held_against_the_change_of_its_time() {
    let (mut world, begun, first) = changed(true);
    let charged_at = world.now;
    world.go("2026-04-20");
    let quote = previewed(&mut world, "max-monthly");
    let second = accept(&mut world, &quote);
    let mut dearer = world.account.change(second).unwrap().clone();
    dearer.quote.owed_now = usd(2_002);
    world.account.put_change(dearer);
    // Of the first: the second was not accepted yet.
    charged(&mut world, "i-1", usd(1_001), charged_at);
    assert_eq!(world.parked, []);
    see(&mut world, &begun, "max-monthly", 1, APRIL);
    let now = world.now;
    charged(&mut world, "i-2", usd(2_000), now);
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert!(world.evidence[0].contains(&second.to_string()));
    // They know each other from now on, and neither has another.
    charged(&mut world, "i-3", usd(1_000), charged_at);
    charged(&mut world, "i-1", usd(1_001), charged_at);
    assert_eq!(world.parked.len(), 1);
    let held = world.account.invoices.iter();
    let of: Vec<_> = held.map(|held| held.change).collect();
    assert_eq!(of, [Some(first), Some(second), None]);
    for (change, place) in [(first, 0), (second, 1)] {
        let charged = world.account.change(change).unwrap().charged;
        assert_eq!(charged, Some(world.account.invoices[place].id));
    }
}

#[test]
fn what_is_charged_long_after_a_change_is_for_something_else() {
    for (after, parked) in [(0, 1), (3_600, 1), (3_601, 0), (150 * 86_400, 0)] {
        let (mut world, ..) = changed(true);
        let paid_at = shifted(world.now, SignedDuration::from_secs(after));
        charged(&mut world, "i-1", usd(1_200), paid_at);
        assert_eq!(world.parked.len(), parked, "{after} s");
        let invoice = world.account.invoices.last().unwrap();
        assert_eq!(invoice.change.is_some(), parked == 1, "{after} s");
    }
    // One that is on its way waits as long as it takes.
    let (mut world, ..) = changed(false);
    let paid_at = shifted(world.now, SignedDuration::from_hours(20));
    charged(&mut world, "i-1", usd(1_200), paid_at);
    assert_eq!(world.parked.len(), 1);
}

#[test]
fn a_provider_s_clock_may_be_behind_ours_by_a_moment() {
    for (behind, parked) in [(0, 1), (1, 1), (60, 1), (61, 0)] {
        let (mut world, ..) = changed(true);
        let paid_at = shifted(world.now, SignedDuration::from_secs(-behind));
        charged(&mut world, "i-1", usd(1_200), paid_at);
        assert_eq!(world.parked.len(), parked, "{behind} s");
    }
}

#[test]
fn what_was_charged_for_no_change_of_ours_is_recorded() {
    // Changed at the provider's own page, or through something else of it.
    let (mut world, _) = run("basic-monthly");
    let now = world.now;
    charged(&mut world, "i-1", usd(1_200), now);
    assert_eq!(world.parked, []);
    assert_eq!(world.account.invoices.last().unwrap().amount, usd(1_200));
    // One that costs nothing now was not charged for.
    let (mut world, _, change) = changed(true);
    let mut free = world.account.change(change).unwrap().clone();
    free.quote.source = billing_domain::quote::Source::Engine;
    world.account.put_change(free);
    charged(&mut world, "i-1", usd(1_200), at("2026-04-18"));
    assert_eq!(world.parked, []);
}

#[test]
fn what_was_to_cost_nothing_and_was_charged_is_for_a_person() {
    let (mut world, begun) = run("basic-monthly");
    let free = world.force("plus-monthly", Force::Free).unwrap().change;
    see(&mut world, &begun, "plus-monthly", 1, APRIL);
    let now = world.now;
    charged(&mut world, "i-1", usd(2_500), now);
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert!(world.evidence[0].contains("USD 25.00 more"));
    assert_eq!(world.account.invoices[0].change, Some(free));

    // Beside one that is paid for, the charge is of that one.
    let (mut world, begun, paid) = changed(true);
    world.force("max-monthly", Force::Free).unwrap();
    see(&mut world, &begun, "max-monthly", 1, APRIL);
    let now = world.now;
    charged(&mut world, "i-1", usd(1_001), now);
    assert_eq!(world.parked, []);
    assert_eq!(world.account.invoices[0].change, Some(paid));
}
