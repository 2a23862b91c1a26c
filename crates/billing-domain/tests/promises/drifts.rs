//! Drift: books that agree, each difference with who is right about it, and what
//! receiving the provider's word then comes to.

use billing_domain::audit::{Drift, DriftCode, Remedy, Side, drift, open_objects};
use billing_domain::customer::Account;
use billing_domain::decide::{CancelAnswer, CancelWhen, cancellation_answered};
use billing_domain::fact::{
    Fact, Link, Observed, ProviderInvoiceState, SubscriptionSnapshot, Upcoming,
};
use billing_domain::invoice::InvoiceState;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::{State, Status};
use billing_domain::time::{Interval, Period, Timestamp, days, shifted};

use crate::common::{World, at, catalog, provider, terms, usd};

fn month(index: u32) -> Period {
    Period::at(at("2026-01-01"), Interval::MONTH, index).unwrap()
}

/// Mirrored in January: the provider charges each month.
fn mirrored() -> World {
    let mut world = World::new(catalog());
    world.seen("old", month(0), Status::Active);
    world.now = at("2026-01-15");
    world
}

fn object(kind: RefKind, id: &str) -> ProviderRef {
    ProviderRef {
        account: provider(),
        kind,
        id: id.to_owned(),
    }
}

fn told(fact: Fact, at: Timestamp) -> Observed {
    let link = Link::default();
    Observed { fact, at, link }
}

/// What the provider has of the subscription: as it was told first.
fn snapshot() -> SubscriptionSnapshot {
    crate::common::held_there(Upcoming::default())
}

fn compared(account: &Account, seen: SubscriptionSnapshot, at: Timestamp) -> Vec<Drift> {
    let object = object(RefKind::Subscription, "sub-at-provider");
    drift(account, &object, &[told(Fact::SubscriptionSeen(seen), at)])
}

type Found = (DriftCode, String, String, Side, Remedy);

fn short(found: Vec<Drift>) -> Vec<Found> {
    let short = |it: Drift| (it.code, it.ours, it.theirs, it.right, it.remedy);
    found.into_iter().map(short).collect()
}

fn one(code: DriftCode, ours: &str, theirs: &str, right: Side, remedy: Remedy) -> Vec<Found> {
    vec![(code, ours.to_owned(), theirs.to_owned(), right, remedy)]
}

#[test]
fn books_that_agree_do_not_drift() {
    let world = mirrored();
    assert_eq!(
        open_objects(&world.account),
        [object(RefKind::Subscription, "sub-at-provider")]
    );
    assert_eq!(compared(&world.account, snapshot(), world.now), []);
    // Nor does what is told late and says the same.
    assert_eq!(compared(&world.account, snapshot(), at("2025-12-31")), []);
}

#[test]
fn what_the_provider_says_since_is_right_and_taken_over() {
    let mut world = mirrored();
    let sub = world.sub().id.to_string();
    let owing = SubscriptionSnapshot {
        status: Status::PastDue,
        period: Some(month(1)),
        ..snapshot()
    };
    let found = compared(&world.account, owing, world.now);
    assert_eq!(found[0].row.as_ref(), Some(&sub));
    assert_eq!(
        found[0].object,
        object(RefKind::Subscription, "sub-at-provider")
    );
    let mirror = (Side::Provider, Remedy::TakeOver);
    let status = one(DriftCode::Status, "active", "past_due", mirror.0, mirror.1);
    assert_eq!(short(found), status, "both are paid until the same instant");

    let renewed = SubscriptionSnapshot {
        period: Some(month(1)),
        ..snapshot()
    };
    let (ours, theirs) = ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let paid = one(DriftCode::PaidThrough, ours, theirs, mirror.0, mirror.1);
    assert_eq!(
        short(compared(&world.account, renewed.clone(), world.now)),
        paid
    );
    let other = SubscriptionSnapshot {
        price_ref: "new".to_owned(),
        quantity: 3,
        ..snapshot()
    };
    let mut both = one(DriftCode::Price, "old", "new", mirror.0, mirror.1);
    both.extend(one(DriftCode::Quantity, "1", "3", mirror.0, mirror.1));
    assert_eq!(short(compared(&world.account, other, world.now)), both);
    let ending = SubscriptionSnapshot {
        cancel_at: Some(at("2026-02-01")),
        ..snapshot()
    };
    let ends = one(
        DriftCode::Cancellation,
        "never",
        "2026-02-01T00:00:00Z",
        mirror.0,
        mirror.1,
    );
    assert_eq!(short(compared(&world.account, ending, world.now)), ends);
    let over = SubscriptionSnapshot {
        status: Status::Canceled,
        ended_at: Some(at("2026-01-10")),
        ..snapshot()
    };
    let over = compared(&world.account, over, world.now);
    let status = one(DriftCode::Status, "active", "canceled", mirror.0, mirror.1);
    assert_eq!(short(over), status);

    // What would be done is what receiving it does.
    world.tell(Fact::SubscriptionSeen(renewed.clone()));
    assert_eq!(compared(&world.account, renewed, world.now), []);
}

#[test]
fn what_was_told_later_is_not_taken_back() {
    let mut world = mirrored();
    world.seen("old", month(1), Status::Active);
    let stale = compared(&world.account, snapshot(), at("2026-01-14"));
    let (ours, theirs) = ("2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let kept = one(
        DriftCode::PaidThrough,
        ours,
        theirs,
        Side::Ours,
        Remedy::Keep,
    );
    assert_eq!(short(stale), kept);
    // A cancellation that the provider is about to hear of is newer than its word.
    let mut world = mirrored();
    world.cancel(CancelWhen::PeriodEnd);
    let found = compared(&world.account, snapshot(), at("2026-01-14"));
    let asked = one(
        DriftCode::Cancellation,
        "2026-02-01T00:00:00Z",
        "never",
        Side::Ours,
        Remedy::Keep,
    );
    assert_eq!(short(found), asked);
    let after = compared(&world.account, snapshot(), at("2026-01-16"));
    assert_eq!(short(after), asked, "as long as it has not said so");
    world.decide(|draft| cancellation_answered(draft, "sub-at-provider", CancelAnswer::Nothing));
    let after = compared(&world.account, snapshot(), at("2026-01-16"));
    assert_eq!(short(after), asked, "and where it is asked again");
    world.decide(|draft| cancellation_answered(draft, "sub-at-provider", CancelAnswer::Doubtful));
    let after = compared(&world.account, snapshot(), at("2026-01-16"));
    let undone = (after[0].right, after[0].remedy);
    assert_eq!(undone, (Side::Provider, Remedy::TakeOver));
}

#[test]
fn a_row_that_was_changed_by_hand_is_for_a_person() {
    let mut world = mirrored();
    let received = world.sub().created_at;
    let mut held = world.sub().clone();
    held.state = State::Lapsed { at: world.now };
    world.account.put_subscription(held);
    let found = compared(&world.account, snapshot(), received);
    let by_hand = one(
        DriftCode::Status,
        "lapsed",
        "active",
        Side::Provider,
        Remedy::Look,
    );
    assert_eq!(short(found), by_hand, "received again, it changes nothing");
}

#[test]
fn a_price_to_come_or_just_over_is_no_drift() {
    let mut world = mirrored();
    world.migrate("old", "new");
    let to_come = world.sub().scheduled.clone().unwrap();
    let early = SubscriptionSnapshot {
        price_ref: "new".to_owned(),
        ..snapshot()
    };
    assert_eq!(compared(&world.account, early, world.now), []);
    world.now = to_come.at;
    world.fall_due();
    let late = SubscriptionSnapshot {
        period: world.sub().times.paid_through.map(|end| Period {
            start: shifted(end, -days(31)),
            end,
        }),
        ..snapshot()
    };
    assert_eq!(world.sub().terms.price_ref.as_deref(), Some("new"));
    assert_eq!(compared(&world.account, late, world.now), []);
}

#[test]
fn what_only_one_side_has() {
    let world = mirrored();
    let held = object(RefKind::Subscription, "sub-at-provider");
    let gone = drift(&world.account, &held, &[]);
    let nothing = "there is no such object";
    let missing = one(
        DriftCode::Missing,
        "active",
        nothing,
        Side::Unclear,
        Remedy::Look,
    );
    assert_eq!(short(gone), missing);
    let nobody = World::new(catalog());
    let unknown = compared(&nobody.account, snapshot(), world.now);
    assert_eq!(unknown[0].row, None);
    let taken = one(
        DriftCode::Unknown,
        "nothing",
        "active",
        Side::Provider,
        Remedy::TakeOver,
    );
    assert_eq!(short(unknown), taken);
    assert_eq!(drift(&nobody.account, &held, &[]), [], "nobody misses it");
    // Another account's object of the same name is another object.
    let mut elsewhere = held;
    elsewhere.account = "sandbox/other".parse().unwrap();
    assert_eq!(drift(&world.account, &elsewhere, &[]), []);
}

/// Bought in January and renewed: February is owed.
fn owing() -> World {
    let mut world = World::new(catalog());
    world.buy(terms(&catalog(), "old", 1));
    world.tick("2026-02-01");
    world.link();
    world
}

#[test]
fn a_payment_that_nobody_heard_of() {
    let world = owing();
    let [object] = &open_objects(&world.account)[..] else {
        panic!("{:?}", world.account.invoices);
    };
    let owed = world.account.invoices.last().unwrap().clone();
    assert!(owed.is_open());
    let opened = told(
        Fact::InvoiceOpened {
            invoice: owed.id,
            reference: object.id.clone(),
            pay_url: None,
            conversion: None,
        },
        world.now,
    );
    assert_eq!(
        drift(&world.account, object, std::slice::from_ref(&opened)),
        []
    );
    let paid = |amount: i64| Fact::InvoicePaid {
        invoice: owed.id,
        payment: "pay-1".to_owned(),
        amount: usd(amount),
        conversion: None,
        parts: Vec::new(),
    };
    for (amount, theirs, remedy) in [
        (1_000, "USD 10.00 paid", Remedy::Credit),
        (1_200, "USD 12.00 paid", Remedy::Credit),
        (999, "USD 9.99 paid", Remedy::SetAside),
    ] {
        let found = drift(&world.account, object, &[told(paid(amount), world.now)]);
        assert_eq!(found[0].row, Some(owed.id.to_string()));
        let payment = one(DriftCode::Payment, "open", theirs, Side::Provider, remedy);
        assert_eq!(short(found), payment);
        // What would be done is what receiving it does, and then both agree.
        let mut world = world.clone();
        world.tell(paid(amount));
        let settled = matches!(
            world.account.invoice(owed.id).unwrap().state,
            InvoiceState::Settled { .. }
        );
        assert_eq!(settled, remedy == Remedy::Credit, "{amount}");
        let again = drift(&world.account, object, &[told(paid(amount), world.now)]);
        assert_eq!(again, []);
    }
    let gone = one(
        DriftCode::Status,
        "open",
        "nothing is owed",
        Side::Unclear,
        Remedy::Look,
    );
    let void = [told(Fact::Irrelevant, world.now)];
    assert_eq!(short(drift(&world.account, object, &void)), gone);
    assert_eq!(
        drift(&world.account, object, &[])[0].code,
        DriftCode::Missing
    );
}

#[test]
fn invoices_of_the_provider_go_forward_only() {
    use ProviderInvoiceState::{Failed, Open, Paid, Void};
    let seen = |state: ProviderInvoiceState, amount: i64| Fact::ProviderInvoiceSeen {
        reference: "in-1".to_owned(),
        subscription_ref: Some("sub-at-provider".to_owned()),
        amount: usd(amount),
        period: Some(month(0)),
        state,
        purpose: None,
        collected: None,
        opened_at: None,
        tried: None,
    };
    let take_over = Some((Side::Provider, Remedy::TakeOver));
    let keep = Some((Side::Ours, Remedy::Keep));
    let look = Some((Side::Unclear, Remedy::Look));
    for (ours, theirs, verdict) in [
        (Open, Open, None),
        (Open, Failed, None),
        (Open, Paid, take_over),
        (Open, Void, take_over),
        (Paid, Paid, None),
        (Paid, Open, keep),
        (Paid, Failed, keep),
        (Paid, Void, look),
        (Void, Void, None),
        (Void, Paid, take_over),
        (Void, Open, keep),
    ] {
        let mut world = mirrored();
        let object = object(RefKind::Invoice, "in-1");
        let before = drift(
            &world.account,
            &object,
            &[told(seen(ours, 1_000), world.now)],
        );
        assert_eq!(before[0].code, DriftCode::Unknown);
        world.tell(seen(ours, 1_000));
        let found = drift(
            &world.account,
            &object,
            &[told(seen(theirs, 1_000), world.now)],
        );
        let told_of = found.first().map(|it| (it.right, it.remedy));
        assert_eq!(told_of, verdict, "{ours:?} {theirs:?}");
        assert!(found.iter().all(|it| it.code == DriftCode::Status));
        if verdict == take_over {
            world.tell(seen(theirs, 1_000));
            let again = drift(
                &world.account,
                &object,
                &[told(seen(theirs, 1_000), world.now)],
            );
            assert_eq!(again, [], "{ours:?} {theirs:?}");
        }
    }
    let mut world = mirrored();
    world.tell(seen(Paid, 1_000));
    let object = object(RefKind::Invoice, "in-1");
    let found = drift(&world.account, &object, &[told(seen(Paid, 900), world.now)]);
    let amount = one(
        DriftCode::Amount,
        "USD 10.00",
        "USD 9.00",
        Side::Provider,
        Remedy::Look,
    );
    assert_eq!(short(found), amount);
}

#[test]
fn every_drift_has_a_code_of_its_own() {
    let mut codes: Vec<_> = DriftCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), DriftCode::ALL.len());
}
