//! What a guest buys is held for the owner of a mailbox, and for nobody else.

use billing_domain::claim::{Claim, ClaimState};
use billing_domain::decide::{
    Begun, NewCustomer, Reserved, attach_claim, confirm_claim, create_customer, take_claim,
};
use billing_domain::effect::Order;
use billing_domain::fact::{CheckoutPayment, Fact};
use billing_domain::ids::{CustomerId, IdSeq};
use billing_domain::journal::Event;

use crate::common::{World, at, terms, usd};

/// A guest, who typed this address or none.
fn guest(typed: Option<&str>) -> World {
    let mut world = World::new();
    let new = NewCustomer {
        email: typed.map(str::to_owned),
        guest: true,
        ..NewCustomer::default()
    };
    let ids = IdSeq::new(world.now, 1);
    let draft = create_customer(new, &world.catalog.catalog, ids, world.now, None);
    world.account = draft.finish(false).account;
    world
}

fn paid() -> CheckoutPayment {
    CheckoutPayment::Paid {
        payment: "pay-0".to_owned(),
        amount: usd(1_000),
        conversion: None,
        parts: Vec::new(),
    }
}

/// The provider tells that the checkout is complete, and this address.
fn tell(world: &mut World, begun: &Begun, payment: CheckoutPayment, email: Option<&str>) {
    world.tell(Fact::CheckoutCompleted {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        payment,
        customer_ref: Some("c-1".to_owned()),
        email: email.map(str::to_owned),
        sold: None,
    });
}

fn claim(world: &World) -> Option<(&str, ClaimState)> {
    let claim = world.account.customer.claim.as_ref();
    claim.map(|claim| (claim.email.as_str(), claim.state))
}

fn mails(world: &World) -> usize {
    let is_mail = |order: &&Order| matches!(order, Order::MailClaim);
    world.orders.iter().filter(is_mail).count()
}

fn bought(email: &str) -> World {
    let mut world = guest(None);
    let begun = world.begin(terms("pro-monthly"), false);
    tell(&mut world, &begun, paid(), Some(email));
    world.forget();
    world
}

#[test]
fn the_collected_address_counts_and_then_the_typed_one() {
    for (typed, told, wanted) in [
        (None, Some("ana@x.test"), Some("ana@x.test")),
        (Some("eve@x.test"), Some("ana@x.test"), Some("ana@x.test")),
        (Some("eve@x.test"), None, Some("eve@x.test")),
        (Some("eve@x.test"), Some("no address"), Some("eve@x.test")),
        (None, Some("ana@x.test\nBcc: all@x.test"), None),
        (None, None, None),
    ] {
        let mut world = guest(typed);
        let begun = world.begin(terms("pro-monthly"), false);
        tell(&mut world, &begun, paid(), told);
        let wanted = wanted.map(|email| (email, ClaimState::Open));
        assert_eq!(claim(&world), wanted, "{typed:?} {told:?}");
        assert_eq!(mails(&world), usize::from(wanted.is_some()));
        assert_eq!(world.events.contains(&Event::ClaimMade), wanted.is_some());
        // What was typed is on file as before, and is nobody's mailbox.
        assert_eq!(world.account.customer.email.as_deref(), typed);
        let customer = &world.account.customer;
        assert!(!customer.is_of_mailbox());
        let found_by = wanted.map(|(email, _)| format!("claim {email}"));
        assert_eq!(customer.mailbox(), found_by);
        assert_eq!(world.sub().id, world.account.subscriptions[0].id);
    }
}

#[test]
fn nothing_is_claimed_before_it_is_paid_nor_twice() {
    let mut world = guest(None);
    let begun = world.begin(terms("pro-monthly"), false);
    assert_eq!(claim(&world), None);
    tell(
        &mut world,
        &begun,
        CheckoutPayment::Unpaid,
        Some("a@x.test"),
    );
    assert_eq!(claim(&world), None);
    tell(&mut world, &begun, paid(), Some("a@x.test"));
    tell(&mut world, &begun, paid(), Some("eve@x.test"));
    assert_eq!(claim(&world), Some(("a@x.test", ClaimState::Open)));
    assert_eq!(mails(&world), 1);
}

#[test]
fn an_address_that_is_told_late_is_claimed_then() {
    let mut world = guest(None);
    let begun = world.begin(terms("pro-monthly"), false);
    tell(&mut world, &begun, paid(), None);
    assert_eq!(claim(&world), None);
    tell(&mut world, &begun, paid(), Some("a@x.test"));
    assert_eq!(claim(&world), Some(("a@x.test", ClaimState::Open)));
}

#[test]
fn a_customer_of_the_host_s_has_no_claim() {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    tell(&mut world, &begun, paid(), Some("a@x.test"));
    assert_eq!((claim(&world), mails(&world)), (None, 0));
    assert!(!world.decide(confirm_claim));
    let other = world.drawn();
    assert_eq!(
        world.decide(|draft| attach_claim(draft, other)),
        Reserved::Not
    );
}

#[test]
fn confirmed_it_is_an_account_with_the_address_on_file() {
    let mut world = bought("Ana@x.test");
    world.go("2026-01-02");
    assert!(world.decide(confirm_claim));
    let confirmed = ClaimState::Confirmed {
        at: at("2026-01-02"),
    };
    assert_eq!(claim(&world), Some(("Ana@x.test", confirmed)));
    let customer = &world.account.customer;
    assert_eq!(customer.email.as_deref(), Some("Ana@x.test"));
    assert_eq!(customer.mailbox().as_deref(), Some("ana@x.test"));
    assert!(customer.is_of_mailbox());
    assert_eq!(world.events, [Event::ClaimConfirmed]);
    assert!(!world.decide(confirm_claim), "once");
}

#[test]
fn attached_it_is_reserved_once_and_the_account_is_told() {
    for confirmed in [false, true] {
        let mut world = bought("ana@x.test");
        if confirmed {
            assert!(world.decide(confirm_claim));
            world.forget();
        }
        let (to, other): (CustomerId, CustomerId) = (world.drawn(), world.drawn());
        let id = world.account.customer.id;
        let earlier: CustomerId = world.drawn();
        world.account.customer.claims = vec![earlier];
        let reserved = world.decide(|draft| attach_claim(draft, to));
        assert!(matches!(&reserved, Reserved::Now(told) if told.len() == 2));
        let order = |guest| Order::AttachClaim { guest, to };
        assert_eq!(world.orders, [order(id), order(earlier)]);
        assert_eq!(world.events, [Event::ClaimAttached]);
        let customer = &world.account.customer;
        assert_eq!(
            customer.claim.as_ref().and_then(Claim::attached_to),
            Some(to)
        );
        assert_eq!(
            (customer.mailbox(), customer.is_of_mailbox()),
            (None, false)
        );
        // Nothing of it moves.
        assert_eq!(world.account.subscriptions.len(), 1);
        for another in [to, other] {
            let again = world.decide(|draft| attach_claim(draft, another));
            assert_eq!(again, Reserved::Before(to));
        }
        assert!(!world.decide(confirm_claim));
        assert_eq!(world.orders.len(), 2);
        let own = world.decide(|draft| attach_claim(draft, id));
        assert_eq!(own, Reserved::Not, "nobody is attached to itself");
    }
}

#[test]
fn an_account_takes_a_guest_once_and_passes_it_on_where_it_is_attached_itself() {
    let mut world = World::new();
    let (id, guest): (CustomerId, CustomerId) = (world.account.customer.id, world.drawn());
    world.decide(|draft| {
        take_claim(draft, guest);
        take_claim(draft, guest);
        take_claim(draft, id);
    });
    assert_eq!(world.account.customer.claims, [guest]);
    assert_eq!(world.events, [Event::ClaimTaken]);
    assert_eq!(world.orders, []);

    let mut world = bought("ana@x.test");
    let to = world.drawn();
    let _reserved = world.decide(|draft| attach_claim(draft, to));
    world.forget();
    world.decide(|draft| take_claim(draft, guest));
    assert_eq!(world.orders, [Order::AttachClaim { guest, to }]);
}
