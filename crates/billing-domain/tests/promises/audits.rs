//! Audits: nothing is found in a healthy history, and each broken rule is found
//! and named.

use billing_domain::audit::{Books, FindingCode, audit};
use billing_domain::change::ChangeState;
use billing_domain::decide::{self, CancelWhen};
use billing_domain::fact::{Fact, RefundSnapshot, RefundState};
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::subscription::{PaidPeriod, Scheduled, Segment, State, Why};
use billing_domain::time::{days, shifted};

use crate::common::{World, at, catalog, terms, usd};

/// Bought in January, renewed twice, changed to more seats in between.
fn healthy() -> World {
    let mut world = World::new(catalog());
    world.buy(terms(&catalog(), "seat-old", 4));
    world.run("2026-02-10");
    world.change(Some(8), "seat-old");
    let owed = world.account.invoices.iter().find(|open| open.is_open());
    let owed = owed.unwrap().id;
    world.pay(owed);
    world.run("2026-03-10");
    world
}

fn codes(world: &World) -> Vec<FindingCode> {
    let books = Books {
        account: &world.account,
        invoices: &world.account.invoices,
        journal: &world.journal,
    };
    audit(&books, world.now)
        .iter()
        .map(|found| found.code)
        .collect()
}

/// What is found once `break_it` has been done to a healthy history.
fn found(break_it: impl FnOnce(&mut World)) -> Vec<FindingCode> {
    let mut world = healthy();
    break_it(&mut world);
    codes(&world)
}

fn renewal(world: &mut World) -> &mut Invoice {
    let mut invoices = world.account.invoices.iter_mut();
    invoices.find(|invoice| invoice.is_renewal()).unwrap()
}

fn change_invoice(world: &mut World) -> &mut Invoice {
    let mut invoices = world.account.invoices.iter_mut();
    let paid = invoices.find(|invoice| invoice.purpose == Purpose::Change);
    paid.unwrap()
}

#[test]
fn nothing_is_found_in_a_healthy_history() {
    let mut world = healthy();
    assert_eq!(world.findings(), Vec::<String>::new());
    // Nor while things are under way.
    world.change(Some(2), "seat-old");
    assert_eq!(world.findings(), Vec::<String>::new());
    world.tick("2026-04-01");
    world.link();
    assert_eq!(world.findings(), Vec::<String>::new());
    world.tick("2026-05-01");
    assert!(matches!(world.sub().state, State::Lapsed { .. }));
    assert_eq!(world.findings(), Vec::<String>::new());
    let mut canceled = healthy();
    canceled.cancel(CancelWhen::AtOnce);
    assert_eq!(canceled.findings(), Vec::<String>::new());
    let mut paused = healthy();
    let id = paused.sub().id;
    paused.decide(|draft| decide::pause(draft, id)).unwrap();
    assert_eq!(paused.findings(), Vec::<String>::new());
}

#[test]
fn a_provider_whose_clock_is_ahead_is_no_finding() {
    let mut world = healthy();
    let id = world.sub().id;
    world.decide(|draft| decide::pause(draft, id)).unwrap();
    let mut held = world.sub().clone();
    held.created_at = shifted(world.now, days(1));
    world.account.put_subscription(held);
    assert_eq!(world.findings(), Vec::<String>::new());
}

#[test]
fn more_given_back_than_was_paid() {
    let broken = found(|world| {
        let change = &mut world.account.changes[0];
        change.quote.lines[0].amount = usd(-9_999_999);
    });
    assert_eq!(broken, [FindingCode::CreditsExceedPayments]);
}

/// The last renewal goes back, in part or in full.
fn refunded(world: &mut World, amount: i64) {
    let mut invoices = world.account.invoices.iter_mut();
    let last = invoices.rfind(|invoice| invoice.is_renewal()).unwrap();
    last.reference = Some("in-refunded".to_owned());
    world.tell(Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: "re-1".to_owned(),
        of: vec!["in-refunded".to_owned()],
        amount: usd(amount),
        state: RefundState::Done,
    }));
}

fn last_renewal(world: &mut World) -> &mut Invoice {
    let mut invoices = world.account.invoices.iter_mut();
    invoices.rfind(|invoice| invoice.is_renewal()).unwrap()
}

#[test]
fn what_goes_back_is_no_finding() {
    for more in [-1, 0, 1] {
        let mut world = healthy();
        let paid = last_renewal(&mut world).amount.amount;
        refunded(&mut world, paid + more);
        assert_eq!(world.sub().gives_access(world.now), more < 0);
        assert_eq!(world.findings(), Vec::<String>::new(), "{more}");
    }
}

#[test]
fn what_went_back_and_is_not_what_it_says() {
    let broken = |break_it: &dyn Fn(&mut World)| {
        found(|world| {
            let paid = last_renewal(world).amount.amount;
            refunded(world, paid);
            break_it(world);
        })
    };
    let gives = broken(&|world| {
        let mut held = world.sub().clone();
        held.withheld.clear();
        world.account.put_subscription(held);
    });
    assert_eq!(gives, [FindingCode::ReturnedGivesAccess]);
    let untold = broken(&|world| {
        let told = |entry: &JournalEntry| entry.event == Event::InvoiceRefunded;
        world.journal.retain(|entry| !told(entry));
    });
    assert_eq!(untold, [FindingCode::ReturnUntold]);
    let withheld = broken(&|world| last_renewal(world).returned.clear());
    assert_eq!(withheld, [FindingCode::WithheldUnreturned]);
    let beyond = broken(&|world| last_renewal(world).returned[0].amount.amount += 1);
    assert_eq!(beyond, [FindingCode::ReturnsExceedPayments]);
}

#[test]
fn a_paid_period_out_of_order() {
    let out_of_order = |break_it: &dyn Fn(&mut PaidPeriod)| {
        found(|world| {
            let mut held = world.sub().clone();
            break_it(held.paid.last_mut().unwrap());
            world.account.put_subscription(held);
        })
    };
    let code = [FindingCode::SegmentsDisordered];
    assert_eq!(out_of_order(&|paid| paid.segments.clear()), code);
    assert_eq!(
        out_of_order(&|paid| paid.segments[0].from = paid.period.end),
        code
    );
    let twice = |paid: &mut PaidPeriod| {
        let again: Segment = paid.segments[0];
        paid.segments.push(again);
    };
    assert_eq!(out_of_order(&twice), code);
    let code = [FindingCode::ChargedOutOfRange];
    assert_eq!(out_of_order(&|paid| paid.charged = usd(-1)), code);
    assert_eq!(out_of_order(&|paid| paid.charged = usd(9_999)), code);
    let code = [FindingCode::PeriodDoesNotAddUp];
    assert_eq!(out_of_order(&|paid| paid.charged.amount -= 1), code);
}

#[test]
fn a_cycle_or_a_purpose_twice() {
    let broken = found(|world| {
        let mut again = renewal(world).clone();
        again.id = world.drawn();
        world.account.invoices.push(again);
    });
    let untold = FindingCode::SettledUntold;
    assert_eq!(broken, [FindingCode::CycleSettledTwice, untold]);
    let broken = found(|world| {
        for _ in 0..2 {
            let mut open = change_invoice(world).clone();
            open.id = world.drawn();
            open.state = InvoiceState::Open;
            open.payments.clear();
            world.account.invoices.push(open);
        }
    });
    assert_eq!(broken, [FindingCode::TwoOpenInvoices]);
}

#[test]
fn an_invoice_that_is_not_what_it_says() {
    let broken = found(|world| renewal(world).amount.amount += 1);
    assert_eq!(broken, [FindingCode::LinesDoNotSum]);
    let broken = found(|world| renewal(world).payments.clear());
    assert_eq!(broken, [FindingCode::SettledUnpaid]);
    let broken = found(|world| {
        let at = world.now;
        change_invoice(world).state = InvoiceState::Void { at };
    });
    let told = FindingCode::ToldUnsettled;
    assert_eq!(broken, [FindingCode::CreditedUnsettled, told]);
    let broken = found(|world| {
        let again = renewal(world).payments[0].clone();
        renewal(world).payments.push(again);
    });
    assert_eq!(broken, [FindingCode::CreditedTwice]);
}

#[test]
fn a_settlement_that_the_journal_tells_otherwise() {
    let broken = found(|world| {
        let id = renewal(world).id;
        world
            .journal
            .retain(|entry| entry.event != Event::InvoiceSettled || entry.invoice != Some(id));
    });
    assert_eq!(broken, [FindingCode::SettledUntold]);
    let settled = |world: &World| {
        let mut entries = world.journal.iter();
        let settled = entries.find(|entry| entry.event == Event::InvoiceSettled);
        settled.unwrap().clone()
    };
    let broken = found(|world| {
        let again = settled(world);
        world.journal.push(again);
    });
    assert_eq!(broken, [FindingCode::ToldTwice]);
    let broken = found(|world| {
        let mut of_nothing = settled(world);
        of_nothing.invoice = Some(world.drawn());
        world.journal.push(of_nothing);
    });
    assert_eq!(broken, [FindingCode::ToldUnsettled]);
    let mut open = healthy();
    open.change(Some(9), "seat-old");
    let owed = open.account.invoices.iter().find(|owed| owed.is_open());
    let mut early = settled(&open);
    early.invoice = Some(owed.unwrap().id);
    open.journal.push(early);
    assert_eq!(codes(&open), [FindingCode::ToldUnsettled]);
    // A purchase of nothing that remembers a payment set aside was never owed.
    let mut receipt = healthy();
    let mut nothing = renewal(&mut receipt).clone();
    nothing.id = receipt.drawn();
    nothing.purpose = Purpose::Purchase;
    nothing.amount = usd(0);
    nothing.lines.clear();
    nothing.payments.clear();
    receipt.account.invoices.push(nothing);
    assert_eq!(codes(&receipt), []);
}

#[test]
fn a_balance_that_nobody_told() {
    let broken = found(|world| world.account.customer.balances = vec![usd(1)]);
    assert_eq!(broken, [FindingCode::BalanceDiffers]);
    let broken = found(|world| {
        let mut entry = world.journal[0].clone();
        entry.event = Event::BalanceChanged;
        entry.money = Some(usd(-5));
        world.journal.push(entry);
    });
    assert_eq!(broken, [FindingCode::BalanceDiffers]);
}

#[test]
fn a_schedule_and_a_change_that_do_not_know_each_other() {
    let broken = found(|world| {
        let mut held = world.sub().clone();
        held.scheduled = Some(Scheduled {
            at: held.times.paid_through.unwrap(),
            terms: Box::new(held.terms.clone()),
            why: Why::Change {
                change: world.account.changes[0].id,
            },
        });
        world.account.put_subscription(held);
    });
    assert_eq!(broken, [FindingCode::ScheduleWithoutChange]);
    let broken = found(|world| {
        world.change(Some(2), "seat-old");
        let mut held = world.sub().clone();
        held.scheduled = None;
        world.account.put_subscription(held);
    });
    assert_eq!(broken, [FindingCode::ChangeWithoutSchedule]);
    let broken = found(|world| {
        for _ in 0..2 {
            let mut awaiting = world.account.changes[0].clone();
            awaiting.id = world.drawn();
            awaiting.state = ChangeState::AwaitingPayment;
            world.account.changes.push(awaiting);
        }
    });
    assert_eq!(broken, [FindingCode::TwoChangesAwaiting]);
}

#[test]
fn paid_time_that_is_gone() {
    let broken = found(|world| {
        // A change since would explain it.
        world
            .journal
            .retain(|entry| entry.event != Event::PlanChanged);
        let mut held = world.sub().clone();
        held.times.paid_through = Some(shifted(held.times.paid_through.unwrap(), -days(1)));
        world.account.put_subscription(held);
    });
    assert_eq!(broken, [FindingCode::PaidTimeLost]);
    let broken = found(|world| {
        let mut held = world.sub().clone();
        held.state = State::Lapsed { at: world.now };
        world.account.put_subscription(held);
    });
    assert_eq!(broken, [FindingCode::AccessCutShort]);
    // The same, done by somebody and told.
    let mut told = healthy();
    told.cancel(CancelWhen::AtOnce);
    assert_eq!(codes(&told), []);
}

#[test]
fn a_status_that_its_times_contradict() {
    let at_odds =
        |break_it: &dyn Fn(&mut World, &mut billing_domain::subscription::Subscription)| {
            found(|world| {
                let mut held = world.sub().clone();
                break_it(world, &mut held);
                world.account.put_subscription(held);
            })
        };
    let code = [FindingCode::StatusAtOdds];
    assert_eq!(
        at_odds(&|_, held| held.times.grace_ends_at = Some(at("2026-04-08"))),
        code
    );
    let due = |_: &mut World, held: &mut billing_domain::subscription::Subscription| {
        held.times.due_at = Some(at("2026-04-01"));
        held.times.grace_ends_at = Some(at("2026-04-08"));
    };
    assert_eq!(at_odds(&due), code);
    let trial = State::Trialing {
        ends_at: at("2026-03-20"),
        noticed: false,
    };
    assert_eq!(at_odds(&|_, held| held.state = trial), code);
    let owing = |world: &mut World, held: &mut billing_domain::subscription::Subscription| {
        held.state = State::PastDue {
            since: world.now,
            no_grace: false,
        };
    };
    assert_eq!(at_odds(&owing), code);
    let over = |world: &mut World, held: &mut billing_domain::subscription::Subscription| {
        world.cancel(CancelWhen::AtOnce);
        *held = world.sub().clone();
        held.times.next_attempt_at = Some(world.now);
    };
    assert_eq!(at_odds(&over), code);
}

#[test]
fn every_finding_has_a_code_of_its_own() {
    let mut codes: Vec<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), FindingCode::ALL.len());
}
