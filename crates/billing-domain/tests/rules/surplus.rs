//! What was paid above what was owed, and goes back: that ends nothing. Whatever is told
//! first, the same is left.

use billing_domain::fact::{Fact, PaymentPart, RefundSnapshot, RefundState};
use billing_domain::ids::InvoiceId;
use billing_domain::money::Currency;
use billing_domain::subscription::Status;

use crate::common::{World, at, terms, usd};

/// What the page of the invoice goes by, at its provider.
const PAGE: &str = "page";

/// Renewed on 1 February for 10.00, by one transaction, and paid again by another.
fn paid_twice(extra: i64) -> (World, InvoiceId) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    pays(&mut world, invoice, &[("tx-a", 1_000)]);
    if extra > 0 {
        pays(&mut world, invoice, &[("tx-a", 1_000), ("tx-b", extra)]);
    }
    world.go("2026-02-02");
    (world, invoice)
}

fn pays(world: &mut World, invoice: InvoiceId, parts: &[(&str, i64)]) {
    let whole = parts.iter().map(|(_, cents)| cents).sum();
    let parts = parts.iter().map(|(id, cents)| PaymentPart {
        id: (*id).to_owned(),
        amount: usd(*cents),
        at: at("2026-02-01"),
        vouched: false,
    });
    let fact = Fact::InvoicePaid {
        invoice,
        payment: PAGE.to_owned(),
        amount: usd(whole),
        conversion: None,
        parts: parts.collect(),
    };
    world.tell(fact);
}

fn refund(id: &str, cents: i64, of: &[&str], state: RefundState) -> Fact {
    Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: id.to_owned(),
        of: of.iter().map(|name| (*name).to_owned()).collect(),
        amount: usd(cents),
        state,
    })
}

fn done(id: &str, cents: i64, of: &[&str]) -> Fact {
    refund(id, cents, of, RefundState::Done)
}

fn balance(world: &World) -> i64 {
    world.account.customer.balance(Currency::USD).amount
}

/// As BTCPay names what a person gives back there: the page, and all that came to it.
const OF_ALL: [&str; 3] = [PAGE, "tx-a", "tx-b"];

#[test]
fn what_came_besides_goes_back_and_ends_nothing() {
    for extra in [300, 1_000, 2_500] {
        let (mut world, invoice) = paid_twice(extra);
        assert_eq!(balance(&world), extra);
        world.tell(done("po-1", extra, &OF_ALL));
        assert_eq!(world.status(), Status::Active, "{extra}");
        assert!(world.gives_access("2026-02-10"), "{extra}");
        assert_eq!(balance(&world), 0, "{extra}");
        assert_eq!(
            world.account.invoice(invoice).unwrap().returned_since(),
            None
        );
        // And then what it was paid by.
        world.tell(done("po-2", 1_000, &OF_ALL));
        assert!(!world.gives_access("2026-02-10"), "{extra}");
        assert_eq!(balance(&world), 0, "{extra}");
    }
}

#[test]
fn all_of_it_goes_back_at_once_or_in_any_parts() {
    for parts in [
        &[1_300][..],
        &[300, 1_000],
        &[1_000, 300],
        &[650, 650],
        &[1, 1_299],
    ] {
        let (mut world, _) = paid_twice(300);
        let (last, first) = parts.split_last().unwrap();
        for (number, cents) in first.iter().enumerate() {
            world.tell(done(&format!("po-{number}"), *cents, &OF_ALL));
            assert!(world.gives_access("2026-02-10"), "{parts:?}");
        }
        world.tell(done("po-last", *last, &OF_ALL));
        assert!(!world.gives_access("2026-02-10"), "{parts:?}");
        assert_eq!(balance(&world), 0, "{parts:?}");
    }
}

#[test]
fn what_is_given_back_of_the_payment_itself_is_none_of_what_came_besides() {
    // As a refund that was ordered here names it.
    let (mut world, _) = paid_twice(300);
    world.tell(done("po-1", 1_000, &[PAGE]));
    assert!(!world.gives_access("2026-02-10"));
    assert_eq!(balance(&world), 300);
    // And what names one transaction is of that one.
    let (mut world, _) = paid_twice(300);
    world.tell(done("po-1", 300, &["tx-b"]));
    assert!(world.gives_access("2026-02-10"));
    assert_eq!(balance(&world), 0);
}

#[test]
fn whichever_is_told_first_the_same_goes_back_of_the_same() {
    let told = [
        done("po-1", 200, &OF_ALL),
        done("po-2", 300, &["tx-b"]),
        done("po-3", 500, &[PAGE]),
    ];
    let mut kept = Vec::new();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let (mut world, invoice) = paid_twice(300);
        for place in order {
            world.tell(told[place].clone());
            world.tell(told[place].clone());
        }
        assert_eq!(balance(&world), 0, "{order:?}");
        assert!(world.gives_access("2026-02-10"), "{order:?}");
        let invoice = world.account.invoice(invoice).unwrap();
        kept.push((invoice.returned.clone(), invoice.payments.clone()));
    }
    assert!(kept.iter().all(|one| *one == kept[0]), "{kept:?}");
}

#[test]
fn what_failed_to_go_back_is_the_customer_s_again() {
    let (mut world, _) = paid_twice(300);
    world.tell(done("po-1", 300, &OF_ALL));
    assert_eq!(balance(&world), 0);
    world.go("2026-02-03");
    world.tell(refund("po-1", 300, &OF_ALL, RefundState::Failed));
    assert_eq!(balance(&world), 300);
}
