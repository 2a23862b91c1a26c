//! Changes among everything else that happens: cancellations, pauses, trials,
//! lapses, other changes.

use billing_domain::catalog::{Lock, LockEnd};
use billing_domain::change::ChangeState;
use billing_domain::decide::{CancelWhen, Force};
use billing_domain::journal::Event;
use billing_domain::quote::Loss;
use billing_domain::subscription::Status;
use billing_domain::time::days;

use crate::common::{World, at, usd};
use crate::shop::{edited, half_way, holding_in, leading, price_of, shop, sold_by};

#[test]
fn an_upgrade_takes_the_place_of_a_scheduled_downgrade() {
    let mut world = half_way("plus-monthly");
    let down = world.change("basic-monthly");
    let quote = world.quote("max-monthly");
    assert!(quote.loses.contains(&Loss::ScheduledChange));
    let up = world.accept(&quote);
    assert_eq!(
        world.state_of(down),
        ChangeState::Scheduled,
        "until it is paid"
    );
    world.pay_change(up);
    assert_eq!(
        world.state_of(down),
        ChangeState::Superseded { at: world.now }
    );
    assert_eq!(world.sub().scheduled, None);
    assert_eq!(world.renew("2026-05-01").amount, usd(7_500));
    // Taken back in time, the downgrade still comes.
    let mut world = half_way("plus-monthly");
    let down = world.change("basic-monthly");
    let up = world.change("max-monthly");
    world.take_back(up).unwrap();
    assert_eq!(world.renew("2026-05-01").amount, usd(1_000));
    assert!(world.state_of(down).as_str() == "applied");
}

#[test]
fn a_scheduled_change_takes_the_place_of_another() {
    let mut world = half_way("max-monthly");
    let first = world.change("plus-monthly");
    let second = world.change("basic-monthly");
    assert_eq!(
        world.state_of(first),
        ChangeState::Superseded { at: world.now }
    );
    assert_eq!(world.state_of(second), ChangeState::Scheduled);
    assert_eq!(world.count(Event::ChangeSuperseded), 1);
    assert_eq!(world.renew("2026-05-01").amount, usd(1_000));
}

#[test]
fn a_scheduled_change_taken_back_leaves_what_was_held() {
    let mut world = half_way("plus-monthly");
    let before = world.sub().clone();
    let change = world.change("basic-monthly");
    world.take_back(change).unwrap();
    assert_eq!(world.sub(), &before);
    world.take_back(change).unwrap();
    assert_eq!(world.count(Event::ChangeCanceled), 1);
    assert_eq!(world.renew("2026-05-01").amount, usd(3_000));
}

#[test]
fn a_cancellation_ends_what_is_scheduled() {
    let mut world = half_way("plus-monthly");
    let change = world.change("basic-monthly");
    world.cancel(CancelWhen::PeriodEnd);
    assert!(!world.state_of(change).is_open());
    world.tick("2026-05-01");
    assert_eq!(world.status(), Status::Canceled);
    assert_eq!(world.open_invoice(), None);
}

#[test]
fn a_pause_moves_the_segments_with_the_time() {
    let mut world = half_way("basic-monthly");
    world.change_paid("plus-monthly");
    world.go("2026-04-21");
    world.pause().unwrap();
    world.go("2026-06-21");
    world.resume().unwrap();
    // Ten days were left.
    assert_eq!(world.paid_through(), at("2026-07-01"));
    // Of 20.00 charged, 10.00 of the last ten days are left; 75.00 begins for them.
    assert_eq!(world.quote("max-monthly").owed_now, usd(1_500));
    world.go("2026-06-26");
    assert_eq!(world.quote("max-monthly").owed_now, usd(750));
    // 300.00 less the 5.00 of five days.
    assert_eq!(world.quote("plus-yearly").owed_now, usd(29_500));
}

#[test]
fn a_pause_voids_the_change_that_awaits() {
    let mut world = half_way("basic-monthly");
    let change = world.change("plus-monthly");
    world.pause().unwrap();
    assert!(!world.state_of(change).is_open());
    world.pay_change(change);
    assert_eq!(
        (world.status(), world.balance()),
        (Status::Paused, usd(1_000))
    );
    world.resume().unwrap();
    assert_eq!(world.held(), ("basic-monthly", 1));
}

#[test]
fn a_scheduled_change_waits_while_it_is_paused() {
    let mut world = half_way("plus-monthly");
    let change = world.change("basic-monthly");
    world.pause().unwrap();
    world.tick("2026-06-01");
    assert_eq!(world.state_of(change), ChangeState::Scheduled);
    world.resume().unwrap();
    // Fifteen days were left, at the dearer plan.
    assert_eq!(
        (world.paid_through(), world.plan()),
        (at("2026-06-16"), "plus".to_owned())
    );
    let mut kept = world.clone();
    assert_eq!(world.renew("2026-06-16").amount, usd(1_000));
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied {
            at: at("2026-06-16")
        }
    );
    // And can be taken back until then.
    kept.take_back(change).unwrap();
    assert_eq!(kept.renew("2026-06-16").amount, usd(3_000));
}

#[test]
fn it_can_be_taken_back_while_paused() {
    let mut world = half_way("plus-monthly");
    let change = world.change("basic-monthly");
    world.pause().unwrap();
    world.go("2026-06-01");
    world.take_back(change).unwrap();
    world.resume().unwrap();
    assert_eq!(world.renew("2026-06-16").amount, usd(3_000));
}

#[test]
fn two_changes_in_one_trial_cost_nothing_and_the_last_is_charged() {
    let mut terms = sold_by(&shop(), "plus-monthly", 1);
    terms.trial = Some(days(14));
    let mut world = World::joined("2026-04-01", shop());
    world.buy(terms);
    world.go("2026-04-03");
    let up = world.change("max-yearly");
    assert_eq!(world.state_of(up), ChangeState::Applied { at: world.now });
    world.go("2026-04-10");
    world.change("basic-monthly");
    assert_eq!(
        (world.plan(), world.balance()),
        ("basic".to_owned(), usd(0))
    );
    assert_eq!(world.renew("2026-04-15").amount, usd(1_000));
    assert_eq!(world.paid_through(), at("2026-05-15"));
    assert_eq!(world.sub().paid.len(), 1);
}

#[test]
fn a_trial_invoiced_ahead_is_invoiced_anew() {
    let shop = leading(3);
    let mut terms = sold_by(&shop, "plus-monthly", 1);
    terms.trial = Some(days(14));
    let mut world = World::joined("2026-04-01", shop);
    world.buy(terms);
    world.tick("2026-04-12");
    world.link();
    let quote = world.change_paid("basic-monthly");
    assert_eq!(quote.next_charge.unwrap().amount, usd(1_000));
    world.tick("2026-04-12");
    let invoice = world.open_invoice().unwrap();
    assert_eq!(
        (invoice.amount, invoice.cycle, invoice.attempt),
        (usd(1_000), Some(1), 2)
    );
}

#[test]
fn who_comes_back_after_a_lapse_comes_back_to_what_was_scheduled() {
    for worker in [true, false] {
        let mut world = half_way("plus-monthly");
        let change = world.change("basic-monthly");
        world.tick("2026-05-01");
        world.link();
        world.go("2026-05-20");
        if worker {
            world.tick("2026-05-20");
            assert_eq!(world.status(), Status::Lapsed);
        }
        world.pay();
        assert_eq!(
            (world.status(), world.plan()),
            (Status::Active, "basic".to_owned())
        );
        assert_eq!(world.paid_through(), at("2026-06-20"), "a new anchor");
        assert_eq!(
            world.state_of(change),
            ChangeState::Applied {
                at: at("2026-05-01")
            }
        );
        // Half of a month of 31 days: 20.00 x 15.5/31.
        world.go("2026-06-04T12:00:00Z");
        assert_eq!(world.quote("plus-monthly").owed_now, usd(1_000));
    }
}

#[test]
fn a_late_payment_after_the_rejoin_window_changes_nothing() {
    let mut world = half_way("plus-monthly");
    world.change("basic-monthly");
    world.tick("2026-05-01");
    world.link();
    world.go("2026-08-01");
    world.pay();
    assert_eq!(
        (world.balance(), world.plan()),
        (usd(1_000), "free".to_owned())
    );
}

#[test]
fn an_operators_change_collected_waits_for_its_payment() {
    let mut world = half_way("basic-monthly");
    let accepted = world.force("plus-monthly", Force::Collected).unwrap();
    assert!(accepted.effect.is_some());
    assert_eq!(world.held(), ("basic-monthly", 1));
    assert_eq!(world.invoice_of(accepted.change).amount, usd(1_000));
    world.pay_change(accepted.change);
    assert_eq!(world.held(), ("plus-monthly", 1));
}

#[test]
fn an_operator_may_what_the_table_forbids_and_what_is_scheduled_goes() {
    let mut world = half_way("plus-monthly");
    let down = world.change("basic-monthly");
    let change = world.force("peer-monthly", Force::Free).unwrap().change;
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied { at: world.now }
    );
    assert_eq!(
        world.state_of(down),
        ChangeState::Superseded { at: world.now }
    );
    assert_eq!(world.balance(), usd(0));
    assert_eq!(world.renew("2026-05-01").amount, usd(2_000));
}

#[test]
fn a_provider_that_fails_to_make_the_invoice_fails_the_change() {
    use billing_domain::fact::{About, Fact};
    let mut world = half_way("basic-monthly");
    world.account.customer.balances = vec![usd(300)];
    let change = world.change("plus-monthly");
    let invoice = world.invoice_of(change).id;
    let effect = world.drawn();
    world.tell(Fact::Refused {
        effect,
        about: About::Invoice(invoice),
        code: "no".to_owned(),
    });
    assert_eq!(
        world.state_of(change),
        ChangeState::Failed { at: world.now }
    );
    assert_eq!(
        (world.balance(), world.held()),
        (usd(300), ("basic-monthly", 1))
    );
    // It can be tried again at once.
    world.change_paid("plus-monthly");
    assert_eq!(world.held(), ("plus-monthly", 1));
}

#[test]
fn fewer_pieces_do_not_put_off_the_end_of_a_promise() {
    // 3.00 a piece is promised to the cycles before May; then it is 5.00.
    let shop = edited(|draft| {
        let old = price_of(draft, "seats-monthly");
        let mut new = old.clone();
        (new.key, new.amount) = ("seats-new".parse().unwrap(), usd(500));
        old.retired = Some(at("2026-02-15"));
        old.lock = Some(Lock {
            until: LockEnd::Until(at("2026-05-01")),
            then: Some(new.key.clone()),
            notice: days(7),
            ..Lock::default()
        });
        let plan = draft.plans.iter_mut().find(|plan| plan.key == new.plan);
        plan.unwrap().prices.push(new);
    });
    let mut world = holding_in(shop, "2026-02-01", "seats-monthly", 10);
    world.renew("2026-03-01");
    world.renew("2026-04-01");
    world.tick("2026-04-24");
    assert_eq!(world.sub().scheduled.as_ref().unwrap().at, at("2026-05-01"));
    world.go("2026-04-26");
    let quote = world.resize(4).unwrap();
    assert_eq!(quote.next_charge.unwrap().amount, usd(2_000));
    let lock = |loss: &Loss| matches!(loss, Loss::PriceLock { .. });
    assert!(!quote.loses.iter().any(lock), "it ends by itself");
    let change = world.accept(&quote);
    // Taken back, ten pieces at the new price are to come.
    let mut kept = world.clone();
    kept.take_back(change).unwrap();
    assert_eq!(kept.renew("2026-05-01").amount, usd(5_000));
    assert_eq!(world.renew("2026-05-01").amount, usd(2_000));
    assert_eq!(world.held(), ("seats-new", 4));
}

#[test]
fn a_fixed_term_ends_whatever_was_scheduled() {
    let mut terms = sold_by(&shop(), "plus-monthly", 1);
    terms.renews = false;
    let mut world = World::joined("2026-04-01", shop());
    world.buy(terms);
    world.go("2026-04-16");
    world.tick("2026-05-01");
    assert_eq!(world.status(), Status::Expired);
    let world = holding_in(shop(), "2026-04-01", "plus-monthly", 1);
    assert_eq!(world.status(), Status::Active);
}
