//! Money that a person at the provider says is none, and says otherwise again; and what
//! is not understood of an invoice.

use billing_domain::customer::Account;
use billing_domain::fact::{About, CheckoutPayment, Fact, PaymentPart, Unclear};
use billing_domain::ids::InvoiceId;
use billing_domain::journal::Event;
use billing_domain::money::Currency;
use billing_domain::parked::ParkReason;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;

use crate::common::{World, at, provider, terms, usd};

/// What the page of the invoice goes by, at its provider.
const PAGE: &str = "page";

/// Due on 1 February, with a link.
fn due() -> (World, InvoiceId) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    world.forget();
    (world, invoice)
}

fn parts(cents: i64) -> Vec<PaymentPart> {
    vec![PaymentPart {
        id: "tx-a".to_owned(),
        amount: usd(cents),
        at: at("2026-02-01"),
        vouched: false,
    }]
}

fn paid(invoice: InvoiceId) -> Fact {
    Fact::InvoicePaid {
        invoice,
        payment: PAGE.to_owned(),
        amount: usd(1_000),
        conversion: None,
        parts: parts(1_000),
    }
}

fn denied(of: About) -> Fact {
    Fact::PaymentDenied {
        of,
        payment: "tx-a".to_owned(),
        amount: usd(1_000),
    }
}

/// As it is told of a page that a person has marked as not paid.
fn marked_invalid(world: &mut World, of: About) {
    for payment in [PAGE, "tx-a"] {
        world.tell(Fact::PaymentReversed {
            payment: payment.to_owned(),
            of: None,
        });
    }
    world.tell(denied(of));
}

/// As it is told of a page that a person has marked as paid.
fn marked_settled(world: &mut World, invoice: InvoiceId) {
    world.tell_of(at("2026-02-01"), paid(invoice));
    for payment in [PAGE, "tx-a"] {
        world.tell(Fact::PaymentUpheld {
            payment: payment.to_owned(),
            of: None,
        });
    }
}

/// The account, but for when a person last said something of its payments.
fn said_nothing(world: &World) -> Account {
    let mut account = world.account.clone();
    let payments = account
        .invoices
        .iter_mut()
        .flat_map(|held| &mut held.payments);
    for payment in payments {
        payment.said_at = None;
    }
    account
}

#[test]
fn what_a_person_says_is_settled_invalid_and_settled_is_followed_each_time() {
    let (mut world, invoice) = due();
    marked_settled(&mut world, invoice);
    let before = (world.sub().paid.clone(), world.paid_through());
    for day in ["2026-02-02", "2026-02-04", "2026-02-06"] {
        world.go(&format!("{day}T01:00:00Z"));
        marked_invalid(&mut world, About::Invoice(invoice));
        assert!(!world.gives_access("2026-02-10"), "{day}");
        // Said again later, it is no news, but for when it was said.
        let known = said_nothing(&world);
        world.go(&format!("{day}T01:30:00Z"));
        marked_invalid(&mut world, About::Invoice(invoice));
        assert_eq!(said_nothing(&world), known, "{day}");
        world.go(&format!("{day}T02:00:00Z"));
        for _ in 0..2 {
            marked_settled(&mut world, invoice);
            assert!(world.gives_access("2026-02-10"), "{day}");
        }
        assert_eq!(world.status(), Status::Active);
        assert_eq!((world.sub().paid.clone(), world.paid_through()), before);
    }
    assert_eq!(world.count(Event::InvoiceRefunded), 3);
    assert_eq!(world.parked, [] as [ParkReason; 0]);
    let held = world.account.invoice(invoice).unwrap();
    assert_eq!(held.payments.len(), 1, "{:?}", held.payments);
}

#[test]
fn what_was_never_said_not_to_hold_is_not_upheld() {
    let (mut world, invoice) = due();
    marked_settled(&mut world, invoice);
    let held = world.account.invoice(invoice).unwrap();
    assert!(held.returned.is_empty(), "{:?}", held.returned);
    // Told late, what is newer stands.
    world.go("2026-02-05");
    marked_invalid(&mut world, About::Invoice(invoice));
    world.tell_of(
        at("2026-02-04"),
        Fact::PaymentUpheld {
            payment: PAGE.to_owned(),
            of: None,
        },
    );
    assert!(!world.gives_access("2026-02-10"));
}

/// A word of a person's at the provider.
#[derive(Debug, Clone, Copy)]
enum Said {
    Settled(&'static str),
    Invalid(&'static str),
}

#[test]
fn whatever_is_said_last_holds_in_whatever_order_it_is_heard() {
    use Said::{Invalid, Settled};
    let (first, second) = (Invalid("2026-02-02"), Settled("2026-02-03"));
    let (third, again) = (Invalid("2026-02-04"), Settled("2026-02-05"));
    let tables: [(&[Said], bool); 5] = [
        (&[first, second], true),
        (&[first, second, third], false),
        (&[first, second, third, again], true),
        (&[second, third], false),
        // Looked at twice.
        (&[second, Settled("2026-02-03T12:00:00Z"), first], true),
    ];
    for (said, holds) in tables {
        let mut ends = Vec::new();
        for order in permutations(said.len()) {
            let (mut world, invoice) = due();
            world.tell_of(at("2026-02-01"), paid(invoice));
            world.go("2026-02-06");
            for place in &order {
                let payment = PAGE.to_owned();
                match said[*place] {
                    Settled(day) => {
                        world.tell_of(at(day), Fact::PaymentUpheld { payment, of: None })
                    }
                    Invalid(day) => {
                        world.tell_of(at(day), Fact::PaymentReversed { payment, of: None })
                    }
                };
            }
            let told = format!("{said:?} in the order {order:?}");
            assert_eq!(world.gives_access("2026-02-10"), holds, "{told}");
            assert_eq!(world.parked, [] as [ParkReason; 0], "{told}");
            let mut held = world.account.invoice(invoice).unwrap().clone();
            for returned in held.returned.iter_mut().filter(|it| !it.kind.is_gone()) {
                // Since when it holds again, of the times that was said, concerns nobody.
                returned.at = at("2026-02-06");
            }
            ends.push((told, held));
        }
        for (told, held) in &ends {
            assert_eq!(held, &ends[0].1, "{told}");
        }
    }
}

/// Every order of so many things.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let shorter = permutations(last);
    let places = (0..count).flat_map(|place| shorter.iter().map(move |order| (place, order)));
    let with = |(place, order): (usize, &Vec<usize>)| {
        let mut order = order.clone();
        order.insert(place, last);
        order
    };
    places.map(with).collect()
}

#[test]
fn money_that_a_person_says_is_none_is_never_lost() {
    // Of an invoice that nobody had told to be paid.
    let (mut world, invoice) = due();
    for _ in 0..2 {
        marked_invalid(&mut world, About::Invoice(invoice));
    }
    assert_eq!(world.parked, [ParkReason::Conflict], "once");
    assert!(
        world.evidence[0].contains("USD 10.00"),
        "{:?}",
        world.evidence
    );
    let held = world.account.invoice(invoice).unwrap();
    assert!(held.is_open() && held.returned.is_empty(), "{held:?}");
    assert_eq!((held.payments.len(), held.payments[0].credited), (1, false));
    assert_eq!(world.account.customer.balance(Currency::USD), usd(0));
    assert_eq!(world.status(), Status::PastDue);
    // And then that it is paid after all.
    marked_settled(&mut world, invoice);
    assert_eq!(world.status(), Status::Active);
    let held = world.account.invoice(invoice).unwrap();
    assert_eq!((held.payments.len(), held.payments[0].credited), (1, true));
    assert_eq!(world.parked.len(), 1);

    // Of a checkout.
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    for _ in 0..2 {
        marked_invalid(&mut world, About::Checkout(begun.checkout));
        world.tell(Fact::CheckoutEnded {
            checkout: begun.checkout,
            reference: "page-1".to_owned(),
            canceled: true,
        });
    }
    assert_eq!(world.parked, [ParkReason::Conflict], "once");
    assert!(world.account.subscriptions.is_empty());
    let bought = CheckoutPayment::Paid {
        payment: PAGE.to_owned(),
        amount: usd(1_000),
        conversion: None,
        parts: parts(1_000),
    };
    world.complete(&begun, bought);
    assert_eq!(world.status(), Status::Active);
    let held = world.account.invoices.first().unwrap();
    assert_eq!((held.payments.len(), held.payments[0].credited), (1, true));
}

#[test]
fn what_is_not_understood_is_for_a_person() {
    for (what, reason, words) in [
        (Unclear::Missing, ParkReason::Conflict, "knows none"),
        (
            Unclear::Status("Frozen".to_owned()),
            ParkReason::Unreadable,
            "Frozen",
        ),
        (
            Unclear::Upcoming {
                ours: "nothing".to_owned(),
                theirs: "price_b x 1".to_owned(),
            },
            ParkReason::Conflict,
            "to have price_b x 1 at sandbox/main, and nothing here",
        ),
    ] {
        let (mut world, invoice) = due();
        let before = world.account.clone();
        let mut tell = |of, id: &str, what: &Unclear| {
            let (id, what) = (id.to_owned(), what.clone());
            let (account, kind) = (provider(), RefKind::Invoice);
            let object = ProviderRef { account, kind, id };
            world.tell(Fact::Unclear { of, object, what });
            world.parked.len()
        };
        let of = Some(About::Invoice(invoice));
        // However often, and whoever tells it; another page is another.
        assert_eq!([1, 1, 1], [(); 3].map(|()| tell(of, PAGE, &what)));
        assert_eq!([2, 2], [(); 2].map(|()| tell(of, "page-2", &what)));
        let other = Unclear::Status("Thawed".to_owned());
        assert_eq!([3, 3], [(); 2].map(|()| tell(of, PAGE, &other)));
        assert_eq!(tell(of, PAGE, &what), 3);
        // Of nothing that is known, each time: nothing could remember it.
        assert_eq!([4, 5], [(); 2].map(|()| tell(None, "page-9", &what)));
        assert_eq!(world.parked[0], reason);
        assert!(world.evidence[0].contains(words), "{:?}", world.evidence);
        let mut held = world.account.invoice(invoice).unwrap().clone();
        held.unclear.clear();
        world.account.put_invoice(held);
        assert_eq!(world.account, before, "nothing else comes of it");
    }
}

#[test]
fn what_is_not_understood_of_a_checkout_is_for_a_person_once() {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    for _ in 0..3 {
        let object = ProviderRef {
            account: provider(),
            kind: RefKind::Checkout,
            id: "page-1".to_owned(),
        };
        world.tell(Fact::Unclear {
            of: Some(About::Checkout(begun.checkout)),
            object,
            what: Unclear::Status("Frozen".to_owned()),
        });
    }
    assert_eq!(world.parked, [ParkReason::Unreadable]);
    // Its money is on its way after all, and it is owed.
    world.complete(&begun, CheckoutPayment::Unpaid);
    assert!(world.account.invoices[0].is_open());
    let bought = CheckoutPayment::Paid {
        payment: PAGE.to_owned(),
        amount: usd(1_000),
        conversion: None,
        parts: parts(1_000),
    };
    world.complete(&begun, bought);
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.account.invoices[0].unclear.len(), 1);
}
