//! Reminders: before the due date and before the end of grace, once each, and only where
//! they help.

use billing_domain::catalog::CatchUp;
use billing_domain::decide::{self, CancelWhen};
use billing_domain::decision::Draft;
use billing_domain::fact::Fact;
use billing_domain::ids::{IdSeq, InvoiceId};
use billing_domain::journal::Event;
use billing_domain::subscription::{REMIND_BEFORE_DUE, REMIND_BEFORE_END};
use billing_domain::terms::Terms;
use billing_domain::time::{days, shifted, shifted_back};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, terms};

/// Monthly from 1 January, so that the first renewal is due on 1 February.
fn with(lead: u16, grace: u16) -> Terms {
    let mut terms = terms("pro-monthly");
    terms.lead = days(lead);
    terms.grace = days(grace);
    terms
}

/// Its cycle was opened, and its link came at once.
fn linked(lead: u16, grace: u16) -> (World, InvoiceId) {
    let mut world = World::bought(with(lead, grace));
    world.now = shifted_back(at("2026-02-01"), days(lead));
    world.fall_due(CatchUp::Current);
    let invoice = world.link();
    world.forget();
    (world, invoice)
}

/// How often each was told: that it is due soon, and that its grace ends soon.
fn told(world: &World) -> (usize, usize) {
    let due = world.count(Event::SubscriptionRenewalDue);
    (due, world.count(Event::SubscriptionGraceEnding))
}

/// A worker that runs whenever something falls due, until the lapse: when each was told,
/// as month, day and hour.
fn dates(mut world: World) -> Vec<String> {
    let mut dates = Vec::new();
    for _ in 0..20 {
        let Some(wake) = world.account.wake_at() else {
            return dates;
        };
        world.now = world.now.max(wake);
        world.forget();
        world.fall_due(CatchUp::Current);
        for (event, name) in [
            (Event::SubscriptionRenewalDue, "due"),
            (Event::SubscriptionGraceEnding, "end"),
            (Event::SubscriptionLapsed, "lapsed"),
        ] {
            if world.count(event) > 0 {
                let now = world.now.strftime("%m-%dT%H");
                dates.push(format!("{now} {name}"));
            }
        }
    }
    assert_eq!(world.account.wake_at(), None, "after twenty steps");
    dates
}

#[test]
fn a_cycle_is_called_to_mind_before_it_is_due_and_before_its_grace_ends() {
    for (lead, grace, expected) in [
        // A link that comes when it is due needs no reminder of that.
        (0, 7, &["02-06T00 end", "02-08T00 lapsed"] as &[&str]),
        (3, 7, &["01-31T00 due", "02-06T00 end", "02-08T00 lapsed"]),
        (14, 7, &["01-31T00 due", "02-06T00 end", "02-08T00 lapsed"]),
        // A day apart from what was told before.
        (2, 2, &["01-31T00 due", "02-01T00 end", "02-03T00 lapsed"]),
        (3, 1, &["01-31T00 due", "02-01T00 end", "02-02T00 lapsed"]),
        (1, 3, &["02-02T00 end", "02-04T00 lapsed"]),
        (0, 2, &["02-02T00 end", "02-03T00 lapsed"]),
        // Where the link is a day before its end, nothing more is told.
        (0, 1, &["02-02T00 lapsed"]),
        (0, 0, &["02-01T00 lapsed"]),
    ] {
        let (world, _) = linked(lead, grace);
        assert_eq!(dates(world), expected, "lead {lead}, grace {grace}");
    }
}

#[test]
fn each_is_told_once_a_cycle_and_again_in_the_next() {
    let (mut world, _) = linked(3, 7);
    for _ in 0..3 {
        world.tick("2026-01-31");
        world.tick("2026-01-31T12:00:00Z");
    }
    assert_eq!(told(&world), (1, 0));
    for _ in 0..3 {
        world.tick("2026-02-06");
        world.tick("2026-02-07");
    }
    assert_eq!(told(&world), (1, 1));
    world.pay();
    assert_eq!(world.sub().reminded, None);
    assert_eq!(world.account.wake_at(), Some(at("2026-02-26")));
    world.tick("2026-02-26");
    world.link();
    world.tick("2026-02-28");
    world.tick("2026-03-06");
    assert_eq!(told(&world), (2, 2));
}

#[test]
fn who_has_paid_or_canceled_or_paused_is_not_reminded() {
    let (mut world, _) = linked(3, 7);
    world.go("2026-01-30");
    world.pay();
    assert_eq!(world.account.wake_at(), Some(at("2026-02-26")));
    world.tick("2026-02-07");
    assert_eq!(told(&world), (0, 0));

    let (mut world, _) = linked(3, 7);
    world.go("2026-01-30");
    world.cancel(CancelWhen::PeriodEnd);
    world.tick("2026-01-31");
    world.tick("2026-02-07");
    assert_eq!(told(&world), (0, 0));

    let (mut world, _) = linked(3, 7);
    world.tick("2026-01-31");
    world.go("2026-01-31T12:00:00Z");
    world.pause().unwrap();
    world.tick("2026-02-07");
    assert_eq!(told(&world), (1, 0));
    // What was left of the paid time comes back, and with it another due date.
    world.go("2026-05-01");
    world.resume().unwrap();
    world.tick("2026-05-01");
    world.link();
    world.go("2026-05-01");
    assert_eq!(world.sub().times.due_at, Some(at("2026-05-01T12:00:00Z")));
    world.tick("2026-05-06T12:00:00Z");
    assert_eq!(told(&world), (1, 1));
}

#[test]
fn what_a_worker_is_too_late_for_is_let_go_by() {
    // Both were due, and one still helps.
    let (mut world, _) = linked(3, 7);
    world.tick("2026-02-07");
    assert_eq!(told(&world), (0, 1));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-08")));
    // Neither does.
    let (mut world, _) = linked(3, 7);
    world.tick("2026-02-08");
    assert_eq!(told(&world), (0, 0));
    assert_eq!(world.count(Event::SubscriptionLapsed), 1);
    // The first helps yet: what comes after keeps its distance.
    let (mut world, _) = linked(3, 1);
    world.tick("2026-01-31T18:00:00Z");
    assert_eq!(told(&world), (1, 0));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-01")));
    world.tick("2026-02-01");
    assert_eq!(told(&world), (1, 0), "not within the day");
    assert_eq!(world.account.wake_at(), Some(at("2026-02-01T18:00:00Z")));
    world.tick("2026-02-01T18:00:00Z");
    assert_eq!(told(&world), (1, 1));
}

#[test]
fn nobody_is_reminded_who_cannot_pay_yet() {
    let mut world = World::bought(with(3, 7));
    world.tick("2026-01-29");
    // No link, since the provider is away.
    world.tick("2026-01-31");
    world.tick("2026-02-07");
    assert_eq!(told(&world), (0, 0));
    // It is due when it can be paid first, and the reminder with it.
    let invoice = world.link();
    assert_eq!(world.sub().times.due_at, Some(at("2026-02-07")));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-12")));
    // Its page closes, and no other can be made for a while.
    world.go("2026-02-11");
    world.tell(Fact::InvoiceClosed {
        invoice,
        reference: format!("at-provider-{invoice}"),
        read_at: None,
    });
    world.tick("2026-02-12");
    world.tick("2026-02-13");
    assert_eq!(told(&world), (0, 0));
    world.tell(Fact::InvoiceOpened {
        invoice,
        reference: "another-page".to_owned(),
        pay_url: None,
        conversion: None,
    });
    // As much later as nobody could pay.
    assert_eq!(world.sub().times.grace_ends_at, Some(at("2026-02-16")));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-14")));
    world.tick("2026-02-14");
    assert_eq!(told(&world), (0, 1));
}

#[test]
fn nobody_is_reminded_while_the_money_is_on_its_way() {
    let (mut world, invoice) = linked(3, 7);
    world.go("2026-01-30T20:00:00Z");
    let pending = |until: &str| Fact::PaymentPending {
        invoice,
        until: at(until),
        seen: None,
    };
    world.tell(pending("2026-02-02"));
    world.tick("2026-01-31");
    world.tick("2026-02-01");
    assert_eq!(told(&world), (0, 0));
    // Nothing came of it, and its grace ends as it was to.
    world.tell(Fact::InvoiceOpened {
        invoice,
        reference: format!("at-provider-{invoice}"),
        pay_url: None,
        conversion: None,
    });
    // It was too late for one, and is in time for the other.
    world.tick("2026-02-01T01:00:00Z");
    assert_eq!(told(&world), (0, 0));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-06")));
    world.tell(pending("2026-02-20"));
    assert_eq!(world.sub().times.grace_ends_at, Some(at("2026-02-20")));
    world.tick("2026-02-18");
    assert_eq!(told(&world), (0, 0));
    world.pay();
    assert_eq!(told(&world), (0, 0));
}

#[test]
fn a_reminder_carries_what_it_takes_to_pay() {
    let (mut world, invoice) = linked(3, 7);
    world.go("2026-01-31");
    let catalog = world.catalog.clone();
    let ids = IdSeq::new(world.now, 99);
    let mut draft = Draft::new(world.account.clone(), ids, world.now, None);
    decide::fall_due(&mut draft, &catalog);
    let [entry] = &draft.finish(false).journal[..] else {
        panic!("one thing happened")
    };
    assert_eq!(entry.event, Event::SubscriptionRenewalDue);
    assert_eq!(entry.invoice, Some(invoice));
    assert_eq!(entry.subscription, Some(world.sub().id));
    let open = world.open_invoice().unwrap();
    assert_eq!(
        (entry.money, &entry.note),
        (Some(open.amount), &open.pay_url)
    );
    let owed = entry.renewal.unwrap();
    assert_eq!(
        (Some(owed.cycle), owed.collected),
        (open.cycle, open.amount)
    );
    assert_eq!(
        (owed.due_at, owed.grace_ends_at),
        (at("2026-02-01"), at("2026-02-08"))
    );
}

proptest! {
    /// Whenever a worker runs: each at most once, in order, never when it no longer helps,
    /// never before its time, never within a day of what was told before, and never is
    /// there anything due that does not come about.
    #[test]
    fn reminders_keep_their_distance_however_a_worker_runs(
        lead in 0u16..20, grace in 0u16..20,
        hours in prop::collection::vec(1i64..100, 1..60),
    ) {
        let (mut world, _) = linked(lead, grace);
        let (due_at, ends) = (at("2026-02-01"), shifted(at("2026-02-01"), days(grace)));
        let mut last = world.now;
        let mut seen = (0, 0);
        for hour in hours {
            world.now = shifted(world.now, SignedDuration::from_hours(hour));
            world.fall_due(CatchUp::Current);
            let now = world.now;
            prop_assert!(world.account.wake_at().is_none_or(|wake| wake > now));
            let (due, end) = told(&world);
            prop_assert!(due <= 1 && end <= 1);
            if (due, end) == seen {
                continue;
            }
            prop_assert_eq!(due + end, seen.0 + seen.1 + 1, "one at a time");
            prop_assert!(now.duration_since(last) >= days(1));
            if due > seen.0 {
                prop_assert!(end == 0 && now < due_at);
                prop_assert!(now >= shifted_back(due_at, REMIND_BEFORE_DUE));
            } else {
                prop_assert!(now < ends && now >= shifted_back(ends, REMIND_BEFORE_END));
            }
            (last, seen) = (now, (due, end));
        }
    }
}
