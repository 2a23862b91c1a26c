//! Money that takes its time: on its way, too late for its page, and not held.

use billing_domain::catalog::CatchUp;
use billing_domain::decide::{Verdict, grace_end, sure_until};
use billing_domain::effect::Order;
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::{IdSeq, InvoiceId};
use billing_domain::invoice::{Conversion, Unpayable};
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;

use crate::common::{World, at, provider, terms};

/// Due on 1 February, with a link; its grace ends on the 8th.
fn due() -> (World, InvoiceId) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    world.forget();
    (world, invoice)
}

fn grace_ends(world: &World) -> Timestamp {
    world.sub().times.grace_ends_at.unwrap()
}

fn opened(invoice: InvoiceId, reference: &str) -> Fact {
    Fact::InvoiceOpened {
        invoice,
        reference: reference.to_owned(),
        pay_url: Some(format!("https://pay.example.com/{reference}")),
        conversion: None,
    }
}

fn pending(invoice: InvoiceId) -> Fact {
    Fact::PaymentPending {
        invoice,
        until: at("2026-02-20"),
        seen: None,
    }
}

fn seen(invoice: InvoiceId, when: &str) -> Fact {
    Fact::PaymentPending {
        invoice,
        until: at("2026-02-20"),
        seen: Some(at(when)),
    }
}

/// A fact about one page, told now.
fn of_page(world: &World, page: &str, fact: Fact) -> Observed {
    let link = Link {
        refs: vec![ProviderRef {
            account: provider(),
            kind: RefKind::Invoice,
            id: page.to_owned(),
        }],
        ..Link::default()
    };
    Observed {
        fact,
        at: world.now,
        link,
    }
}

fn closed(invoice: InvoiceId, reference: &str) -> Fact {
    Fact::InvoiceClosed {
        invoice,
        reference: reference.to_owned(),
        read_at: None,
    }
}

#[test]
fn money_on_its_way_suspends_the_lapse_until_it_is_there() {
    let (mut world, invoice) = due();
    let ends = grace_ends(&world);
    world.go("2026-02-06");
    world.tell(pending(invoice));
    world.tell(pending(invoice));
    assert!(ends < at("2026-02-10"));
    assert_eq!(grace_ends(&world), at("2026-02-20"));
    world.tick("2026-02-15");
    assert_eq!(world.status(), Status::PastDue);
    assert!(world.gives_access("2026-02-15"));
    world.pay();
    assert_eq!(world.count(Event::SubscriptionLapsed), 0);
    assert_eq!(world.sub().paid[0].period.start, at("2026-02-01"));
}

#[test]
fn money_that_was_seen_in_time_and_heard_of_too_late_lapses_nothing() {
    let last = "2026-02-07T23:59:59Z";
    for worker_ran in [false, true] {
        let (mut world, invoice) = due();
        assert_eq!(grace_ends(&world), at("2026-02-08"));
        world.go("2026-02-10");
        if worker_ran {
            world.tick("2026-02-10");
            assert_eq!(world.status(), Status::Lapsed);
            assert!(!world.gives_access("2026-02-10"));
        }
        for _ in 0..2 {
            world.tell(seen(invoice, last));
            world.tick("2026-02-10");
            assert_eq!(world.status(), Status::PastDue, "worker ran {worker_ran}");
            assert_eq!(grace_ends(&world), at("2026-02-20"));
            assert!(world.gives_access("2026-02-10"));
        }
        assert_eq!(
            world.count(Event::SubscriptionActivated),
            usize::from(worker_ran)
        );
        // It goes on as agreed, whenever it is there.
        world.go("2026-02-12");
        let owed = world.open_invoice().unwrap().amount;
        world.pay_as(invoice, "page", owed, at(last));
        assert_eq!(world.status(), Status::Active);
        assert_eq!(world.sub().paid[0].period.start, at("2026-02-01"));
    }
    // Seen when it was over, it had lapsed; and so it has where nothing comes of it.
    for (when, then) in [("2026-02-08", "2026-02-10"), (last, "2026-02-20")] {
        let (mut world, invoice) = due();
        world.tick("2026-02-10");
        world.tell(seen(invoice, when));
        world.tick(then);
        assert_eq!(world.status(), Status::Lapsed, "seen {when}");
    }
}

#[test]
fn money_on_its_way_at_an_older_page_is_forgotten_by_news_of_that_page_alone() {
    let news: [fn(InvoiceId) -> Fact; 3] = [
        |invoice| closed(invoice, "second"),
        |invoice| opened(invoice, "second"),
        |invoice| seen(invoice, "2026-02-07"),
    ];
    for (of_it, still) in news.into_iter().zip([false, false, true]) {
        let (mut world, invoice) = due();
        let ends = grace_ends(&world);
        world.go("2026-02-05");
        world.tell(closed(invoice, &format!("at-provider-{invoice}")));
        world.tell(opened(invoice, "second"));
        world.tell(closed(invoice, "second"));
        world.tell(opened(invoice, "third"));
        assert_eq!(grace_ends(&world), ends);
        world.go("2026-02-07T12:00:00Z");
        world.observe(&of_page(&world, "second", seen(invoice, "2026-02-07")));
        assert_eq!(grace_ends(&world), at("2026-02-20"));
        // The newer page is open, is paid in part, has closed, and another is made.
        for fact in [
            opened(invoice, "third"),
            closed(invoice, "third"),
            opened(invoice, "fourth"),
            opened(invoice, "fourth"),
        ] {
            world.observe(&of_page(&world, "third", fact));
            assert!(grace_ends(&world) >= at("2026-02-20"));
        }
        let mut paid = world.clone();
        world.observe(&of_page(&world, "second", of_it(invoice)));
        assert_eq!(grace_ends(&world) == at("2026-02-20"), still);
        assert_eq!(grace_ends(&world) == ends, !still);
        paid.tick("2026-02-10");
        assert_eq!(paid.status(), Status::PastDue);
        let owed = paid.open_invoice().unwrap().amount;
        paid.pay_as(invoice, "second", owed, at("2026-02-07"));
        assert_eq!(paid.status(), Status::Active);
        assert_eq!(paid.count(Event::SubscriptionLapsed), 0);
        assert_eq!(paid.sub().paid[0].period.start, at("2026-02-01"));
    }
}

#[test]
fn money_at_two_pages_is_waited_for_until_neither_has_any() {
    let (mut world, invoice) = due();
    let ends = grace_ends(&world);
    let first = format!("at-provider-{invoice}");
    world.go("2026-02-05");
    world.tell(closed(invoice, &first));
    world.tell(opened(invoice, "second"));
    let until = |until: &str| Fact::PaymentPending {
        invoice,
        until: at(until),
        seen: None,
    };
    world.observe(&of_page(&world, &first, until("2026-02-12")));
    world.observe(&of_page(&world, "second", until("2026-02-20")));
    assert_eq!(grace_ends(&world), at("2026-02-20"));
    world.observe(&of_page(&world, "second", opened(invoice, "second")));
    assert_eq!(grace_ends(&world), at("2026-02-12"));
    world.observe(&of_page(&world, &first, closed(invoice, &first)));
    assert_eq!(grace_ends(&world), ends);
}

#[test]
fn money_for_what_follows_a_trial_gives_no_grace_that_there_was_not() {
    let mut terms = terms("pro-monthly");
    terms.trial = Some(SignedDuration::from_hours(14 * 24));
    let mut world = World::bought(terms);
    world.tick("2026-01-15");
    let invoice = world.link();
    assert_eq!(world.status(), Status::PastDue);
    assert!(!world.gives_access("2026-01-16"));
    world.tick("2026-01-25");
    assert_eq!(world.status(), Status::Lapsed);
    world.forget();
    world.tell(seen(invoice, "2026-01-16"));
    assert_eq!(world.status(), Status::PastDue);
    assert!(!world.gives_access("2026-01-25"));
    assert_eq!(world.count(Event::SubscriptionActivated), 0);
}

#[test]
fn money_that_does_not_come_gives_no_more_time_than_there_was() {
    for still in [
        |invoice| opened(invoice, &format!("at-provider-{invoice}")),
        |invoice| closed(invoice, &format!("at-provider-{invoice}")),
    ] {
        let (mut world, invoice) = due();
        let ends = grace_ends(&world);
        world.go("2026-02-06");
        world.tell(pending(invoice));
        world.tell(still(invoice));
        // At once, where its page had closed.
        world.tell(opened(invoice, "another page"));
        assert_eq!(grace_ends(&world), ends);
    }
    // Nobody waits for ever, and what lapsed before is not brought back.
    let (mut world, invoice) = due();
    world.tell(pending(invoice));
    world.tick("2026-02-20");
    assert_eq!(world.status(), Status::Lapsed);
    world.tell(pending(invoice));
    assert_eq!(world.status(), Status::Lapsed);
}

#[test]
fn a_page_that_closed_unpaid_is_made_anew_as_another_try_of_the_cycle() {
    let (mut world, invoice) = due();
    let first = format!("at-provider-{invoice}");
    let ends = grace_ends(&world);
    world.go("2026-02-04");
    world.tell(closed(invoice, &first));
    world.tell(closed(invoice, &first));
    let [Order::CreateInvoice(order)] = &world.orders[..] else {
        panic!("{:?}", world.orders);
    };
    let held = world.open_invoice().unwrap();
    assert_eq!((order.invoice, order.cycle), (invoice, held.cycle));
    assert_eq!(order.amount, held.amount);
    assert_eq!((held.attempt, held.pay_url.as_ref()), (2, None));
    let key = format!(
        "renewal:{}:{}:2",
        held.subscription.unwrap(),
        held.cycle.unwrap()
    );
    assert_eq!(world.keys.last().unwrap().as_str(), key);
    world.tell(opened(invoice, "second"));
    let held = world.open_invoice().unwrap();
    assert_eq!(held.reference.as_deref(), Some("second"));
    assert_eq!(
        grace_ends(&world),
        ends,
        "the grace began with the first link"
    );
    assert_eq!(world.count(Event::SubscriptionRenewalPending), 1);
    // Told late of the first, it stays the second.
    world.tell(closed(invoice, &first));
    world.tell(opened(invoice, &first));
    assert_eq!(
        world.open_invoice().unwrap().reference.as_deref(),
        Some("second")
    );
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn nobody_lapses_while_no_other_page_can_be_made() {
    let (mut world, invoice) = due();
    let ends = grace_ends(&world);
    let first = format!("at-provider-{invoice}");
    world.go("2026-02-04T01:00:00Z");
    // Closed an hour before anybody heard of it.
    world.tell_of(at("2026-02-04"), closed(invoice, &first));
    assert_eq!(
        grace_ends(&world),
        at("2026-03-03"),
        "30 days after what is paid"
    );
    world.tick("2026-02-10");
    assert_eq!(world.status(), Status::PastDue);
    assert!(world.gives_access("2026-02-10"));
    // It is back after ten days, which count for no grace: nothing of what was left is lost.
    let mut back = world.clone();
    back.go("2026-02-14");
    back.tell(opened(invoice, "second"));
    back.tell(opened(invoice, "second"));
    let later = SignedDuration::from_hours(10 * 24);
    assert_eq!(grace_ends(&back), ends + later);
    back.tell(pending(invoice));
    back.tell(opened(invoice, "second"));
    assert_eq!(
        grace_ends(&back),
        ends + later,
        "as before what was on its way"
    );
    back.tick("2026-02-17T23:59:59Z");
    assert_eq!(back.status(), Status::PastDue);
    // Away once more, both times count.
    let mut again = back.clone();
    again.tell_of(at("2026-02-16"), closed(invoice, "second"));
    again.go("2026-02-18");
    again.tell(opened(invoice, "third"));
    assert_eq!(
        grace_ends(&again),
        ends + later + SignedDuration::from_hours(2 * 24)
    );
    back.tick("2026-02-18");
    assert_eq!(back.status(), Status::Lapsed);
    // Never back, it ends where every outage ends.
    world.tick("2026-03-02T23:59:59Z");
    assert_eq!(world.status(), Status::PastDue);
    world.tick("2026-03-03");
    assert_eq!(world.status(), Status::Lapsed);
    assert!(!world.gives_access("2026-03-03"));
    let owed = world.open_invoice().unwrap().amount;
    world.pay_as(invoice, "first", owed, at("2026-02-20"));
    assert_eq!(world.status(), Status::Active);
    assert!(world.open_invoice().is_none());
}

#[test]
fn a_page_that_is_made_anew_soon_prolongs_no_grace_but_at_its_end() {
    for (closes, opens, ends) in [
        (
            "2026-02-04T00:00:00Z",
            "2026-02-04T02:00:00Z",
            "2026-02-08T00:00:00Z",
        ),
        (
            "2026-02-04T00:00:00Z",
            "2026-02-04T02:00:01Z",
            "2026-02-08T02:00:01Z",
        ),
        (
            "2026-02-07T23:00:00Z",
            "2026-02-08T00:00:00Z",
            "2026-02-08T01:00:00Z",
        ),
    ] {
        let (mut world, invoice) = due();
        world.go(closes);
        world.tell(closed(invoice, &format!("at-provider-{invoice}")));
        world.tick(opens);
        world.tell(opened(invoice, "second"));
        assert_eq!(grace_ends(&world), at(ends), "{closes} {opens}");
        assert_eq!(world.status(), Status::PastDue);
    }
}

#[test]
fn an_outage_of_pages_before_the_due_date_prolongs_no_grace() {
    let mut sold = terms("pro-monthly");
    sold.lead = SignedDuration::from_hours(10 * 24);
    for (closes, opens, ends) in [
        // Over before it is due: nobody had to pay yet.
        ("2026-01-25", "2026-01-28", "2026-02-08"),
        ("2026-01-25", "2026-02-01", "2026-02-08"),
        // The days after it count, and those before do not.
        ("2026-01-25", "2026-02-03", "2026-02-10"),
        ("2026-01-25", "2026-02-20", "2026-02-27"),
        // An hour of it after the due date is made up for by what is left.
        ("2026-01-25", "2026-02-01T01:00:00Z", "2026-02-08"),
    ] {
        let mut world = World::bought(sold.clone());
        world.tick("2026-01-22");
        let invoice = world.link();
        assert_eq!(grace_ends(&world), at("2026-02-08"));
        world.tick(closes);
        world.tell(closed(invoice, &format!("at-provider-{invoice}")));
        world.tick(opens);
        world.tell(opened(invoice, "second"));
        assert_eq!(grace_ends(&world), at(ends), "{closes} {opens}");
    }
}

/// The end of the grace if the provider told now of a page, and of no money on its way.
fn with_a_page_now(world: &World) -> Timestamp {
    let mut world = world.clone();
    let Some(mut open) = world.open_invoice().cloned() else {
        return sure_until(world.sub(), Unpayable::default(), world.now).unwrap();
    };
    open.awaited.clear();
    let page = open
        .reference
        .clone()
        .unwrap_or_else(|| "another".to_owned());
    let awaited = std::mem::take(&mut world.account.subscriptions[0].times.grace_ends_at);
    world.account.subscriptions[0].times.grace_ends_at =
        awaited.and_then(|_| grace_end(world.sub(), &open));
    world.account.put_invoice(open.clone());
    world.tell(opened(open.id, &page));
    grace_ends(&world)
}

#[test]
fn what_is_sure_of_a_grace_is_what_a_page_made_now_would_leave() {
    let day = |day: i64| shifted(at("2026-01-20"), SignedDuration::from_hours(24 * day));
    let six_hours = SignedDuration::from_hours(6);
    for lead in [0, 10] {
        let mut sold = terms("pro-monthly");
        sold.lead = SignedDuration::from_hours(24 * lead);
        let mut world = World::bought(sold);
        let mut pages = 0;
        world.now = day(0);
        while world.now < at("2026-03-03") {
            world.fall_due(CatchUp::Current);
            if let Some(open) = world.open_invoice().cloned() {
                let away = world.now < at("2026-02-02")
                    || (at("2026-02-05") <= world.now && world.now < at("2026-02-09"))
                    || at("2026-02-24") <= world.now;
                match (open.reference, away) {
                    (Some(page), true) => {
                        world.tell(closed(open.id, &page));
                    }
                    (None, false) => {
                        pages += 1;
                        world.tell(opened(open.id, &format!("page {pages}")));
                    }
                    _ => {}
                }
                if world.now == at("2026-02-11") {
                    world.tell(pending(open.id));
                }
                if world.now == at("2026-02-21") {
                    let page = world.open_invoice().unwrap().reference.clone().unwrap();
                    world.tell(opened(open.id, &page));
                }
            }
            let held = world.sub();
            let unpayable = world.open_invoice().map(|open| open.unpayable);
            let sure = sure_until(held, unpayable.unwrap_or_default(), world.now).unwrap();
            let had = world.status() != Status::Lapsed;
            if had {
                assert_eq!(sure, with_a_page_now(&world), "lead {lead}, {}", world.now);
                let own = shifted(world.now.max(at("2026-02-01")), held.terms.grace);
                assert!(sure <= shifted(own, SignedDuration::from_hours(4 * 24)));
            }
            world.now = shifted(world.now, six_hours);
        }
        assert!(pages > 1, "lead {lead}");
    }
}

#[test]
fn an_outage_of_pages_gives_no_more_than_its_limit() {
    let (mut world, invoice) = due();
    let mut known = format!("at-provider-{invoice}");
    for (closes, opens) in [("2026-02-04", "2026-02-14"), ("2026-02-16", "2026-03-02")] {
        world.go(closes);
        world.tell(closed(invoice, &known));
        world.go(opens);
        known = format!("page of {opens}");
        world.tell(opened(invoice, &known));
    }
    assert_eq!(grace_ends(&world), at("2026-03-03"));
}

#[test]
fn what_another_writes_of_the_rate_grants_nothing_for_less() {
    let satoshi = |amount| Money::new(amount, Currency::SAT);
    // A copy of what is written on the page, at the page itself and at others; and pages
    // of another day.
    for (page, collected, paid, is_paid) in [
        ("page", 50_000, 50_000, true),
        ("page", 1, 1, false),
        ("page", 40_000, 40_000, false),
        ("copy", 1, 1, false),
        ("copy", 4_999, 4_999, false),
        ("another day", 40_000, 40_000, true),
        ("another day", 60_000, 60_000, true),
    ] {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick("2026-02-01");
        let invoice = world.open_invoice().unwrap().clone();
        let at_rate = |collected| {
            Some(Conversion {
                listed: invoice.amount,
                collected: satoshi(collected),
                rate: 1,
                source: "pin".to_owned(),
                at: at("2026-02-01"),
            })
        };
        world.tell(Fact::InvoiceOpened {
            invoice: invoice.id,
            reference: "page".to_owned(),
            pay_url: Some("https://pay.example.com/".to_owned()),
            conversion: at_rate(50_000),
        });
        let told = Fact::InvoicePaid {
            invoice: invoice.id,
            payment: page.to_owned(),
            amount: satoshi(paid),
            conversion: at_rate(collected),
            parts: Vec::new(),
        };
        world.observe(&of_page(&world, page, told));
        let settled = world.open_invoice().is_none();
        assert_eq!(settled, is_paid, "{page}: {collected}");
        // What is not believed of another page leaves satoshi for dollars.
        let parked: &[ParkReason] = match (is_paid, page) {
            (true, _) => &[],
            (false, "page") => &[ParkReason::AmountMismatch],
            (false, _) => &[ParkReason::CurrencyMismatch],
        };
        assert_eq!(world.parked, parked, "{page}: {collected}");
    }
}

#[test]
fn a_late_payment_of_the_first_page_is_credited_once_at_its_own_rate() {
    let (mut world, invoice) = due();
    let listed = world.open_invoice().unwrap().amount;
    let satoshi = |amount| Money::new(amount, Currency::SAT);
    let paid = |payment: &str, amount: i64| Fact::InvoicePaid {
        invoice,
        payment: payment.to_owned(),
        amount: satoshi(amount),
        conversion: Some(Conversion {
            listed,
            collected: satoshi(amount),
            rate: 1,
            source: "pin".to_owned(),
            at: at("2026-02-01"),
        }),
        parts: Vec::new(),
    };
    world.go("2026-02-04");
    world.tell(closed(invoice, &format!("at-provider-{invoice}")));
    world.tell(opened(invoice, "second"));
    world.tell(paid("first", 50_000));
    assert_eq!(world.status(), Status::Active);
    let through = world.paid_through();
    world.tell(paid("second", 40_000));
    assert_eq!(world.paid_through(), through, "one cycle is paid once");
    let balance = world.account.customer.balance(listed.currency);
    assert_eq!(balance, listed);
}

#[test]
fn what_cannot_be_paid_in_time_is_not_asked_for_again() {
    let reference = |invoice| format!("at-provider-{invoice}");
    let (mut lapsed, invoice) = due();
    lapsed.tick("2026-02-15");
    lapsed.forget();
    lapsed.tell(closed(invoice, &reference(invoice)));
    assert!(lapsed.orders.is_empty(), "{:?}", lapsed.orders);
    let (mut paid, invoice) = due();
    paid.pay();
    paid.forget();
    let before = paid.account.clone();
    paid.tell(closed(invoice, &reference(invoice)));
    paid.tell(pending(invoice));
    assert_eq!(paid.account, before);
    assert!(paid.orders.is_empty());
}

#[test]
fn a_payment_that_did_not_hold_ends_what_it_paid_for() {
    let (mut world, invoice) = due();
    let reversed = |payment: &str| Fact::PaymentReversed {
        payment: payment.to_owned(),
        of: None,
    };
    let before = world.account.clone();
    assert_eq!(world.tell(reversed("never heard of")), Verdict::Decided);
    assert_eq!(
        world.tell(reversed(&format!("at-provider-{invoice}"))),
        Verdict::Decided
    );
    assert_eq!(world.account, before, "what was not paid is not taken back");
    world.pay();
    world.go("2026-02-10");
    assert!(world.gives_access("2026-02-10"));
    let paid = world.account.invoice(invoice).unwrap().payments[0]
        .reference
        .clone();
    world.tell(reversed(&paid));
    world.tell(reversed(&paid));
    assert!(!world.gives_access("2026-02-10"));
    assert_eq!(world.count(Event::InvoiceRefunded), 1);
}

#[test]
fn strangers_are_unlinked() {
    let (mut world, _) = due();
    let stranger = IdSeq::new(world.now, 778).draw();
    let before = world.account.clone();
    assert_eq!(world.tell(pending(stranger)), Verdict::Unlinked);
    assert_eq!(world.tell(closed(stranger, "page")), Verdict::Unlinked);
    assert_eq!(world.account, before);
}

/// 25.00 dollars or whatever is listed, at so many satoshi.
fn rate(listed: Money, satoshi: i64) -> Conversion {
    Conversion {
        listed,
        collected: Money::new(satoshi, Currency::SAT),
        rate: 1,
        source: "pin".to_owned(),
        at: at("2026-02-01"),
    }
}

fn opened_at(invoice: InvoiceId, reference: &str, conversion: Conversion) -> Fact {
    Fact::InvoiceOpened {
        invoice,
        reference: reference.to_owned(),
        pay_url: Some(format!("https://pay.example.com/{reference}")),
        conversion: Some(conversion),
    }
}

/// A payment as its page tells it, by this name.
fn comes(
    world: &mut World,
    invoice: InvoiceId,
    (page, payment): (&str, &str),
    satoshi: i64,
    conversion: Option<Conversion>,
) {
    let page = ProviderRef {
        account: provider(),
        kind: RefKind::Invoice,
        id: page.to_owned(),
    };
    world.observe(&Observed {
        fact: Fact::InvoicePaid {
            invoice,
            payment: payment.to_owned(),
            amount: Money::new(satoshi, Currency::SAT),
            conversion,
            parts: Vec::new(),
        },
        at: world.now,
        link: Link {
            refs: vec![page],
            ..Link::default()
        },
    });
}

/// Its first page was made at 50 000 satoshi, and has closed.
fn first_closed() -> (World, InvoiceId, Money) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let held = world.open_invoice().unwrap();
    let (invoice, listed) = (held.id, held.amount);
    world.tell(opened_at(invoice, "first", rate(listed, 50_000)));
    world.go("2026-02-04");
    world.tell(closed(invoice, "first"));
    world.forget();
    (world, invoice, listed)
}

#[test]
fn a_part_that_came_to_a_page_before_leaves_its_rate_on_no_other() {
    let (mut world, invoice, listed) = first_closed();
    comes(
        &mut world,
        invoice,
        ("first", "tx-1"),
        20_000,
        Some(rate(listed, 50_000)),
    );
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    world.tell(opened_at(invoice, "second", rate(listed, 40_000)));
    let held = world.open_invoice().unwrap();
    assert_eq!(held.collected(), Money::new(40_000, Currency::SAT));
    // And what comes to the first when there is a second, changes nothing of that one.
    comes(
        &mut world,
        invoice,
        ("first", "tx-2"),
        20_000,
        Some(rate(listed, 50_000)),
    );
    let held = world.open_invoice().unwrap();
    assert_eq!(held.collected(), Money::new(40_000, Currency::SAT));
    comes(&mut world, invoice, ("second", "second"), 40_000, None);
    assert_eq!(world.status(), Status::Active);
    let held = world.account.invoice(invoice).unwrap();
    assert_eq!(held.collected(), Money::new(40_000, Currency::SAT));
}

#[test]
fn what_was_paid_at_one_page_is_never_worth_what_another_says() {
    // It says no rate of its own: what it is worth, a person finds out.
    let (mut world, invoice, listed) = first_closed();
    world.tell(opened_at(invoice, "second", rate(listed, 40_000)));
    comes(&mut world, invoice, ("first", "first"), 50_000, None);
    assert_eq!(world.status(), Status::PastDue);
    assert_eq!(world.parked, [ParkReason::CurrencyMismatch]);
    let held = world.open_invoice().unwrap();
    assert_eq!(held.collected(), Money::new(40_000, Currency::SAT));
    // Its own says it.
    comes(&mut world, invoice, ("second", "second"), 40_000, None);
    assert_eq!(world.status(), Status::Active);
}

#[test]
fn a_page_that_closed_in_time_and_was_heard_of_too_late_has_another() {
    for worker_ran in [false, true] {
        let (mut world, invoice) = due();
        let first = format!("at-provider-{invoice}");
        world.go("2026-02-10");
        if worker_ran {
            world.tick("2026-02-10");
            assert_eq!(world.status(), Status::Lapsed);
        }
        world.forget();
        // A day of its grace was left.
        for _ in 0..2 {
            world.tell_of(at("2026-02-07"), closed(invoice, &first));
        }
        let [Order::CreateInvoice(order)] = &world.orders[..] else {
            panic!("worker ran {worker_ran}: {:?}", world.orders);
        };
        assert_eq!(order.invoice, invoice);
        assert_eq!(world.status(), Status::PastDue);
        assert!(world.gives_access("2026-02-10"));
        assert_eq!(
            world.count(Event::SubscriptionActivated),
            usize::from(worker_ran)
        );
        world.tell(opened(invoice, "second"));
        assert_eq!(grace_ends(&world), at("2026-02-11"), "what was left of it");
        let mut late = world.clone();
        late.tick("2026-02-11");
        assert_eq!(late.status(), Status::Lapsed);
        world.pay();
        assert_eq!(world.status(), Status::Active);
        assert_eq!(world.sub().paid[0].period.start, at("2026-02-01"));
    }
    // Where every outage ends, this one has ended too.
    for worker_ran in [false, true] {
        let (mut world, invoice) = due();
        world.go("2026-03-03");
        if worker_ran {
            world.tick("2026-03-03");
        }
        world.forget();
        let first = format!("at-provider-{invoice}");
        world.tell_of(at("2026-02-07"), closed(invoice, &first));
        assert!(world.orders.is_empty(), "{:?}", world.orders);
        assert!(!world.gives_access("2026-03-03"));
    }
    // And what closed when the grace was over has none.
    for worker_ran in [false, true] {
        let (mut world, invoice) = due();
        world.go("2026-02-10");
        if worker_ran {
            world.tick("2026-02-10");
        }
        world.forget();
        let first = format!("at-provider-{invoice}");
        world.tell_of(at("2026-02-08"), closed(invoice, &first));
        assert!(world.orders.is_empty(), "{:?}", world.orders);
    }
}
