//! What a provider is told that it bills is what buyers read: product and plan by their names.

use billing_domain::effect::Order;
use billing_domain::fact::Fact;

use crate::common::{World, terms};
use crate::shop::half_way;

/// What the invoices are called that were ordered, oldest first.
fn billed(world: &World) -> Vec<&str> {
    let mut billed = Vec::new();
    for order in &world.orders {
        if let Order::CreateInvoice(order) = order {
            billed.push(order.description.as_str());
        }
    }
    billed
}

#[test]
fn a_renewal_and_the_page_that_is_made_anew_for_it() {
    let mut world = World::bought(terms("pro-monthly"));
    world.forget();
    world.tick("2026-02-01");
    assert_eq!(billed(&world), ["Acme, Pro"]);
    let invoice = world.link();
    world.go("2026-02-04");
    world.tell(Fact::InvoiceClosed {
        invoice,
        reference: format!("at-provider-{invoice}"),
        read_at: None,
    });
    assert_eq!(billed(&world), ["Acme, Pro", "Acme, Pro"]);
}

#[test]
fn a_change_and_the_renewals_after_it() {
    let mut world = half_way("basic-monthly");
    world.forget();
    let change = world.change("plus-monthly");
    assert_eq!(billed(&world), ["Acme, Plus"]);
    world.pay_change(change);
    world.forget();
    world.renew("2026-05-01");
    assert_eq!(billed(&world), ["Acme, Plus"]);
}

#[test]
fn a_plan_that_there_is_no_more_goes_by_its_key() {
    let catalog = crate::common::catalog().catalog;
    assert_eq!(catalog.billed_as("team"), "Acme, Team");
    assert_eq!(catalog.billed_as("gone"), "Acme, gone");
}
