//! Upgrades: books that any earlier version wrote are brought up to date whole.

use billing_domain::change::ChangeState;
use billing_domain::customer::Account;
use billing_domain::subscription::Status;
use billing_ports::Store;
use billing_ports::store::{Also, InvoiceFilter, Locator, PageAsk};
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{Connection, query_scalar, raw_sql};

use crate::support;

/// One file of books for each version, the first for version 1.
const WRITTEN: [&str; 2] = [
    include_str!("schemas/0001.sql"),
    include_str!("schemas/0002.sql"),
];

#[tokio::test(flavor = "multi_thread")]
async fn books_of_every_version_are_brought_up_to_date() {
    let Some(newest) = support::database().await else {
        return;
    };
    let store = support::connect(&newest).await;
    store.migrate().await.unwrap();
    let version = store.schema_version().await.unwrap();
    let wanted = schema(&newest).await;
    assert!(
        WRITTEN.len() + 1 >= usize::try_from(version).unwrap(),
        "every version but the one in the making has its books here"
    );
    for (written, index) in WRITTEN.into_iter().zip(1..) {
        let url = support::database().await.unwrap();
        let mut database = PgConnection::connect(&url).await.unwrap();
        raw_sql(written).execute(&mut database).await.unwrap();
        database.close().await.unwrap();

        let store = support::connect(&url).await;
        assert_eq!(store.schema_version().await, Ok(index));
        store.migrate().await.unwrap();
        assert_eq!(store.schema_version().await, Ok(version));
        assert_eq!(schema(&url).await, wanted, "from version {index}");
        books_are_whole(&store).await;
        if index >= 2 {
            changes_are_whole(&store).await;
        }
    }
}

/// Every column and index, in words.
async fn schema(url: &str) -> Vec<String> {
    let all = "select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) \
               from information_schema.columns where table_schema = 'public' \
               union all select indexdef from pg_indexes where schemaname = 'public' order by 1";
    let mut database = PgConnection::connect(url).await.unwrap();
    query_scalar(all).fetch_all(&mut database).await.unwrap()
}

/// What the books of every version hold: Ana, who bought, was renewed and has
/// canceled for later; Ben, who was given a plan and stands at a checkout.
pub(crate) async fn books_are_whole(store: &dyn Store) {
    let ana = account(store, "ana").await;
    let held = &ana.subscriptions[0];
    assert_eq!(
        held.terms.price.as_ref().unwrap().as_str(),
        "personal-monthly"
    );
    assert_eq!(held.status(), Status::Active);
    assert_eq!(
        held.cancellation.unwrap().ends_at,
        held.times.paid_through.unwrap()
    );
    let of_ana = InvoiceFilter {
        customer: Some(ana.customer.id),
        ..InvoiceFilter::default()
    };
    let invoices = store.list_invoices(of_ana, page()).await.unwrap().rows;
    let cycles: Vec<_> = invoices.iter().map(|(_, held)| held.cycle).collect();
    assert_eq!(cycles, [Some(1), Some(0)]);
    assert!(invoices.iter().all(|(_, held)| held.payments[0].credited));

    let ben = account(store, "ben").await;
    assert_eq!(ben.grants[0].plan.as_str(), "team");
    assert!(ben.checkouts[0].is_open());
    let journal = store.list_journal(ben.customer.id, page()).await.unwrap();
    assert_eq!(journal.rows.len(), 3);
    let current = store.current_catalog().await.unwrap().unwrap();
    assert_eq!(current.catalog.plans().len(), 4);
    assert_eq!(store.list_keys(10).await.unwrap().len(), 1);
    assert!(store.next_work().await.unwrap().due.is_some());
}

/// What the books of version 2 hold besides: Ana's change to come, with its
/// quote and her license; a code that was used; a price migration under way.
pub(crate) async fn changes_are_whole(store: &dyn Store) {
    let ana = account(store, "ana").await;
    let change = &ana.changes[0];
    assert_eq!(change.state, ChangeState::Scheduled);
    assert_eq!(change.quote.subscription, ana.subscriptions[0].id);
    let quote = store.get_quote(change.quote.id).await;
    assert_eq!(quote, Ok(Some(change.quote.clone())));
    assert_eq!(ana.licenses[0].subscription, ana.subscriptions[0].id);
    let codes = store.list_codes(page(), change.accepted_at).await.unwrap();
    let [spring] = &codes.rows[..] else {
        panic!("one code");
    };
    assert_eq!((spring.used, spring.reserved), (1, 1));
    let found = store.find_code("SPRING").await;
    assert_eq!(found, Ok(Some(spring.code.clone())));
    let migrations = store.list_migrations(page()).await.unwrap();
    assert_eq!(migrations.rows[0].done, 1);
}

async fn account(store: &dyn Store, who: &str) -> Account {
    let found = store.find(&Locator::ExternalRef(who.to_owned())).await;
    let id = found.unwrap().expect(who);
    let loaded = store.load(id, &Also::default()).await.unwrap();
    loaded.expect(who).account
}

const fn page() -> PageAsk {
    PageAsk {
        after: None,
        limit: 100,
    }
}
