//! What an upgraded store must hold of the books that an earlier version wrote. The
//! books themselves, and how they come into a store, are each store's own.

use billing_domain::change::ChangeState;
use billing_domain::customer::Account;
use billing_domain::subscription::Status;
use billing_ports::Store;
use billing_ports::store::{Also, InvoiceFilter, Locator, PageAsk};

/// The first version whose books have plans that change.
const CHANGES_SINCE: u32 = 2;

/// Reads everything that the books of `version` hold.
pub async fn books_are_whole(store: &dyn Store, version: u32) {
    purchases_are_whole(store).await;
    if version >= CHANGES_SINCE {
        changes_are_whole(store).await;
    }
}

/// What the books of every version hold: Ana, who bought, was renewed and has
/// canceled for later; Ben, who was given a plan and stands at a checkout.
async fn purchases_are_whole(store: &dyn Store) {
    let ana = account(store, "ana").await;
    let held = &ana.subscriptions[0];
    assert_eq!(
        held.terms.price.as_ref().expect("it has one").as_str(),
        "personal-monthly"
    );
    assert_eq!(held.status(), Status::Active);
    assert_eq!(
        held.cancellation.expect("it has one").ends_at,
        held.times.paid_through.expect("it has one")
    );
    let of_ana = InvoiceFilter {
        customer: Some(ana.customer.id),
        ..InvoiceFilter::default()
    };
    let invoices = store
        .list_invoices(of_ana, page())
        .await
        .expect("the store answers")
        .rows;
    let cycles: Vec<_> = invoices.iter().map(|(_, held)| held.cycle).collect();
    assert_eq!(cycles, [Some(1), Some(0)]);
    assert!(invoices.iter().all(|(_, held)| held.payments[0].credited));

    let ben = account(store, "ben").await;
    assert_eq!(ben.grants[0].plan.as_str(), "team");
    assert!(ben.checkouts[0].is_open());
    let journal = store
        .list_journal(ben.customer.id, page())
        .await
        .expect("the store answers");
    assert_eq!(journal.rows.len(), 3);
    let current = store
        .current_catalog()
        .await
        .expect("the store answers")
        .expect("it has one");
    assert_eq!(current.catalog.plans().len(), 4);
    assert_eq!(
        store.list_keys(10).await.expect("the store answers").len(),
        1
    );
    assert!(
        store
            .next_work()
            .await
            .expect("the store answers")
            .due
            .is_some()
    );
}

/// What the books of version 2 hold besides: Ana's change to come, with its
/// quote and her license; a code that was used; a price migration under way.
async fn changes_are_whole(store: &dyn Store) {
    let ana = account(store, "ana").await;
    let change = &ana.changes[0];
    assert_eq!(change.state, ChangeState::Scheduled);
    assert_eq!(change.quote.subscription, ana.subscriptions[0].id);
    let quote = store.get_quote(change.quote.id).await;
    assert_eq!(quote, Ok(Some(change.quote.clone())));
    assert_eq!(ana.licenses[0].subscription, ana.subscriptions[0].id);
    let codes = store
        .list_codes(page(), change.accepted_at)
        .await
        .expect("the store answers");
    assert_eq!(codes.rows.len(), 1);
    let spring = &codes.rows[0];
    assert_eq!((spring.used, spring.reserved), (1, 1));
    let found = store.find_code("SPRING").await;
    assert_eq!(found, Ok(Some(spring.code.clone())));
    let migrations = store
        .list_migrations(page())
        .await
        .expect("the store answers");
    assert_eq!(migrations.rows[0].done, 1);
}

async fn account(store: &dyn Store, who: &str) -> Account {
    let found = store.find(&Locator::ExternalRef(who.to_owned())).await;
    let id = found.expect("the store answers").expect(who);
    let loaded = store
        .load(id, &Also::default())
        .await
        .expect("the store answers");
    loaded.expect(who).account
}

const fn page() -> PageAsk {
    PageAsk {
        after: None,
        limit: 100,
    }
}
