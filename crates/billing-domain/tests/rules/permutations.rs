//! The facts of a purchase in every order, and twice, end in the same account.

use billing_domain::customer::Account;
use billing_domain::decide::Begun;
use billing_domain::fact::{
    CheckoutPayment, Fact, Link, Observed, ProviderInvoiceState, RefundSnapshot, RefundState,
    SubscriptionSnapshot, Upcoming,
};
use billing_domain::ids::{CustomerId, IdSeq, SubscriptionId};
use billing_domain::invoice::Purpose;
use billing_domain::journal::Event;
use billing_domain::money::Money;
use billing_domain::subscription::{Access, NoAccess, Status};
use billing_domain::time::{Period, Timestamp};

use crate::common::{World, at, sold, terms, usd};

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(place);
        for mut order in permutations(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

/// The values of the account: ids drawn on the way are no values.
fn values(account: &Account) -> Account {
    let mut account = account.clone();
    let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 0);
    let _: CustomerId = ids.draw();
    account
        .invoices
        .sort_by_key(|invoice| (invoice.reference.clone(), invoice.opened_at));
    for invoice in &mut account.invoices {
        invoice.id = ids.draw();
        for payment in &mut invoice.payments {
            payment.parked = payment.parked.map(|_| ids.draw());
        }
    }
    account
}

fn observed(begun: &Begun, at: Timestamp, fact: Fact) -> Observed {
    let link = Link {
        checkout: Some(begun.checkout),
        ..Link::default()
    };
    Observed { fact, at, link }
}

fn same_in_every_order(world: &World, facts: &[Observed], welcomes: usize) {
    let mut expected: Option<Account> = None;
    for order in permutations(facts) {
        for twice in [false, true] {
            let mut world = world.clone();
            for (step, fact) in order.iter().enumerate() {
                // Facts arrive one after the other, long after they happened.
                world.now = at(&format!("2026-01-01T06:0{step}:00Z"));
                world.observe(fact);
                if twice {
                    world.observe(fact);
                }
            }
            let end = values(&world.account);
            assert_eq!(world.count(Event::SubscriptionActivated), welcomes);
            match &expected {
                None => expected = Some(end),
                Some(expected) => assert_eq!(&end, expected, "{order:#?}"),
            }
        }
    }
}

fn opened(begun: &Begun) -> Observed {
    let fact = Fact::CheckoutOpened {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        url: "https://pay.example.com/page-1".to_owned(),
        expires_at: at("2026-01-01T12:00:00Z"),
        conversion: None,
        customer_ref: None,
    };
    observed(begun, at("2026-01-01T00:00:01Z"), fact)
}

fn completed(begun: &Begun, at: Timestamp, payment: CheckoutPayment) -> Observed {
    let fact = Fact::CheckoutCompleted {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        payment,
        customer_ref: Some("c-1".to_owned()),
        email: None,
        sold: None,
    };
    observed(begun, at, fact)
}

fn paid(amount: Money) -> CheckoutPayment {
    CheckoutPayment::Paid {
        payment: "p-1".to_owned(),
        amount,
        conversion: None,
        parts: Vec::new(),
    }
}

#[test]
fn of_a_purchase_that_the_engine_runs() {
    for amount in [usd(1_000), usd(1_200)] {
        let mut world = World::new();
        let begun = world.begin(terms("pro-monthly"), false);
        let facts = [
            opened(&begun),
            completed(&begun, at("2026-01-01T00:05:00Z"), CheckoutPayment::Unpaid),
            completed(&begun, at("2026-01-01T00:09:00Z"), paid(amount)),
        ];
        same_in_every_order(&world, &facts, 1);
    }
}

#[test]
fn of_a_purchase_paid_short() {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    let facts = [
        opened(&begun),
        completed(&begun, at("2026-01-01T00:09:00Z"), paid(usd(1))),
    ];
    same_in_every_order(&world, &facts, 0);
}

#[test]
fn of_a_purchase_that_was_given_up_and_paid_all_the_same() {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    let given_up = Fact::CheckoutEnded {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        canceled: true,
    };
    let facts = [
        opened(&begun),
        observed(&begun, at("2026-01-01T00:07:00Z"), given_up),
        completed(&begun, at("2026-01-01T00:09:00Z"), paid(usd(1_000))),
    ];
    same_in_every_order(&world, &facts, 1);
}

fn seen(status: Status, cancel_at: Option<Timestamp>) -> Fact {
    Fact::SubscriptionSeen(SubscriptionSnapshot {
        reference: "s-1".to_owned(),
        customer_ref: Some("c-1".to_owned()),
        status,
        price_ref: "price_pro".to_owned(),
        quantity: 1,
        period: Some(january()),
        trial_end: None,
        first_charged_at: None,
        cancel_at,
        ended_at: None,
        paid_through: None,
        upcoming: Upcoming::default(),
    })
}

fn january() -> Period {
    Period {
        start: at("2026-01-01"),
        end: at("2026-02-01"),
    }
}

fn invoice(state: ProviderInvoiceState, period: Option<Period>) -> Fact {
    Fact::ProviderInvoiceSeen {
        reference: "i-1".to_owned(),
        subscription_ref: Some("s-1".to_owned()),
        amount: usd(1_000),
        period,
        state,
        purpose: None,
        collected: None,
        opened_at: None,
        tried: None,
    }
}

/// The same, as a provider tells it that says when it made the invoice.
fn made(at: Timestamp, mut fact: Fact) -> Fact {
    if let Fact::ProviderInvoiceSeen { opened_at, .. } = &mut fact {
        *opened_at = Some(at);
    }
    fact
}

#[test]
fn an_invoice_is_as_old_as_its_provider_says_whatever_was_lost() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    world.now = at("2026-01-02");
    let born = at("2026-01-01T00:05:02Z");
    let open = invoice(ProviderInvoiceState::Open, Some(january()));
    let paid = invoice(ProviderInvoiceState::Paid, Some(january()));
    let open = observed(&begun, at("2026-01-01T00:05:03Z"), made(born, open));
    let paid = observed(&begun, at("2026-01-01T00:05:07Z"), made(born, paid));
    for told in [
        vec![&paid],
        vec![&open, &paid],
        vec![&paid, &open],
        vec![&open],
    ] {
        let mut world = world.clone();
        for fact in &told {
            world.observe(fact);
        }
        assert_eq!(world.account.invoices[0].opened_at, born, "{told:?}");
    }
}

#[test]
fn of_a_purchase_that_the_provider_runs() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let of = |second: &str, fact| {
        let instant = at(&format!("2026-01-01T00:05:{second}Z"));
        observed(&begun, instant, fact)
    };
    let facts = [
        completed(&begun, at("2026-01-01T00:05:09Z"), paid(usd(1_190))),
        of("01", seen(Status::Incomplete, None)),
        of("08", seen(Status::Active, None)),
        of("02", invoice(ProviderInvoiceState::Open, Some(january()))),
        of("03", invoice(ProviderInvoiceState::Failed, None)),
        of("07", invoice(ProviderInvoiceState::Paid, None)),
    ];
    same_in_every_order(&world, &facts, 1);
}

#[test]
fn of_a_cancellation_and_of_a_payment_told_by_two_events() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let of = |second: &str, fact| {
        let instant = at(&format!("2026-01-01T00:05:{second}Z"));
        observed(&begun, instant, fact)
    };
    let canceling = Some(january().end);
    let facts = [
        of("01", seen(Status::Active, None)),
        of("02", seen(Status::Active, canceling)),
        of("05", seen(Status::Active, canceling)),
        of("06", invoice(ProviderInvoiceState::Paid, Some(january()))),
        of("07", invoice(ProviderInvoiceState::Paid, Some(january()))),
    ];
    same_in_every_order(&world, &facts, 1);
}

#[test]
fn of_an_invoice_that_was_voided() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let of = |second: &str, fact| {
        let instant = at(&format!("2026-01-01T00:05:{second}Z"));
        observed(&begun, instant, fact)
    };
    let facts = [
        of("01", invoice(ProviderInvoiceState::Open, Some(january()))),
        of("02", invoice(ProviderInvoiceState::Failed, None)),
        of("03", invoice(ProviderInvoiceState::Void, None)),
        of("04", invoice(ProviderInvoiceState::Void, None)),
        of("05", seen(Status::Expired, None)),
    ];
    same_in_every_order(&world, &facts, 0);
}

/// As it is told of what no checkout of ours sold.
fn unsold(instant: &str, fact: Fact) -> Observed {
    Observed {
        fact,
        at: at(instant),
        link: Link::default(),
    }
}

/// As [`values`], where the subscription's id was drawn as well.
fn named(account: &Account) -> Account {
    let mut account = account.clone();
    let mut ids = IdSeq::new(at("2020-01-01"), 0);
    let id: SubscriptionId = ids.draw();
    let held = &mut account.subscriptions[0];
    let known = held.id;
    held.id = id;
    held.customer = account.customer.id;
    for invoice in &mut account.invoices {
        invoice.subscription = invoice
            .subscription
            .map(|of| if of == known { id } else { of });
    }
    let mut account = values(&account);
    let paid = account.invoices[0].id;
    for withheld in &mut account.subscriptions[0].withheld {
        withheld.invoice = paid;
    }
    account
}

/// An invoice of the provider's for `s-1`, for this purpose.
fn of_purpose(purpose: Purpose, state: ProviderInvoiceState) -> Fact {
    let mut fact = invoice(state, Some(january()));
    if let Fact::ProviderInvoiceSeen { purpose: told, .. } = &mut fact {
        *told = Some(purpose);
    }
    fact
}

#[test]
fn of_a_sale_that_no_checkout_of_ours_led_to() {
    let facts = [
        unsold("2026-01-01T00:05:01Z", seen(Status::Incomplete, None)),
        unsold("2026-01-01T00:05:08Z", seen(Status::Active, None)),
        unsold(
            "2026-01-01T00:05:02Z",
            of_purpose(Purpose::Purchase, ProviderInvoiceState::Open),
        ),
        unsold(
            "2026-01-01T00:05:03Z",
            of_purpose(Purpose::Purchase, ProviderInvoiceState::Failed),
        ),
        unsold(
            "2026-01-01T00:05:07Z",
            of_purpose(Purpose::Purchase, ProviderInvoiceState::Paid),
        ),
    ];
    let mut expected: Option<Account> = None;
    for order in permutations(&facts) {
        for twice in [false, true] {
            let mut world = World::new();
            for (step, fact) in order.iter().enumerate() {
                world.now = at(&format!("2026-01-01T06:0{step}:00Z"));
                for _ in 0..=usize::from(twice) {
                    world.observe(fact);
                }
            }
            assert_eq!(world.count(Event::SubscriptionActivated), 1);
            assert_eq!(world.count(Event::InvoiceSettled), 1);
            let (held, paid) = (&world.account.subscriptions[0], &world.account.invoices[0]);
            assert_eq!(paid.subscription, Some(held.id), "{order:#?}");
            let end = named(&world.account);
            match &expected {
                None => expected = Some(end),
                Some(expected) => assert_eq!(&end, expected, "{order:#?}"),
            }
        }
    }
}

#[test]
fn of_such_a_sale_and_of_all_of_its_money_that_went_back() {
    let bought = unsold("2026-01-01T00:05:08Z", seen(Status::Active, None));
    let paid = unsold(
        "2026-01-01T00:05:07Z",
        of_purpose(Purpose::Purchase, ProviderInvoiceState::Paid),
    );
    let back = unsold(
        "2026-01-01T03:00:00Z",
        Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: "re-1".to_owned(),
            of: vec!["i-1".to_owned()],
            amount: usd(1_000),
            state: RefundState::Done,
        }),
    );
    let mut expected: Option<Account> = None;
    for order in [
        [&bought, &paid, &back],
        [&paid, &bought, &back],
        [&paid, &back, &bought],
    ] {
        let mut world = World::new();
        world.now = at("2026-01-01T06:00:00Z");
        for fact in order {
            world.observe(fact);
            world.observe(fact);
        }
        let held = &world.account.subscriptions[0];
        assert_eq!(held.access(world.now), Access::Denied(NoAccess::Refunded));
        // Nothing more is charged for it, and that is ordered once.
        assert_eq!(world.orders.len(), 1, "{order:#?} {:#?}", world.orders);
        let end = named(&world.account);
        match &expected {
            None => expected = Some(end),
            Some(expected) => assert_eq!(&end, expected, "{order:#?}"),
        }
    }
}
