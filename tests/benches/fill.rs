//! Many subscribers in a store: one is written through the store, and the
//! database copies its rows, ids and all.

use billing_domain::catalog::{Catalog, CatalogDraft};
use billing_domain::customer::Account;
use billing_domain::ids::{CustomerId, SubscriptionId};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::store::Store;
use billing_testkit::catalogs;
use billing_testkit::fixtures::{creation, due_subscriber};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::provider::account;

/// Rows copied by one statement: large enough that statements cost nothing,
/// small enough that none takes long.
const CHUNK: usize = 50_000;

/// When the subscribers are due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// The first of them.
    pub(crate) first: Timestamp,
    /// Seconds from each to the next.
    pub(crate) apart: u32,
}

/// Puts the catalog and `count` subscribers into an empty store; gives the
/// first, whom its host calls `customer-0`.
pub(crate) async fn fill(
    store: &dyn Store,
    rows: &DatabaseConnection,
    count: usize,
    due: Due,
) -> CustomerId {
    fill_at(store, rows, count, due, &account()).await
}

/// The same for subscribers who pay at `provider`.
pub(crate) async fn fill_at(
    store: &dyn Store,
    rows: &DatabaseConnection,
    count: usize,
    due: Due,
    provider: &ProviderAccount,
) -> CustomerId {
    let first = one_at(store, due.first, provider).await;
    copied(rows, &first, count, due).await;
    if rows.get_database_backend() == DbBackend::Postgres {
        // As the server does by itself after a while; what is measured later
        // must not pay for it.
        for statement in ["vacuum analyze", "checkpoint"] {
            rows.execute_unprepared(statement).await.unwrap();
        }
    }
    first.customer.id
}

/// Copies the one subscriber of a store, so that there are `count`.
pub(crate) async fn copied(rows: &DatabaseConnection, first: &Account, count: usize, due: Due) {
    let subscription = first.subscriptions.first().unwrap().id;
    let mut done = 1;
    while done < count {
        let until = count.min(done + CHUNK);
        for statement in copies(
            rows.get_database_backend(),
            (done, until),
            first,
            subscription,
            due,
        ) {
            rows.execute_unprepared(&statement).await.unwrap();
        }
        done = until;
    }
}

/// What is sold, by every provider.
pub(crate) fn catalog() -> Catalog {
    let mut draft = CatalogDraft::from(catalogs::storage());
    let prices = draft.plans.iter_mut().flat_map(|plan| &mut plan.prices);
    prices.for_each(|price| price.provider_refs.clear());
    draft.validate().unwrap()
}

/// Puts the catalog and one subscriber into an empty store.
pub(crate) async fn one(store: &dyn Store, due_at: Timestamp) -> Account {
    one_at(store, due_at, &account()).await
}

async fn one_at(store: &dyn Store, due_at: Timestamp, provider: &ProviderAccount) -> Account {
    store
        .apply_catalog(&catalog(), 0, due_at)
        .await
        .unwrap()
        .unwrap();
    let mut account = due_subscriber(0, due_at);
    for held in &mut account.subscriptions {
        held.provider = Some(provider.clone());
    }
    store.commit(creation(&account, due_at)).await.unwrap();
    account
}

/// The statements that copy the first subscriber to numbers `from` up to `until`.
fn copies(
    backend: DbBackend,
    (from, until): (usize, usize),
    first: &Account,
    subscription: SubscriptionId,
    due: Due,
) -> [String; 2] {
    let words = if backend == DbBackend::Postgres {
        POSTGRES
    } else {
        SQLITE
    };
    let last = until - 1;
    let customer = first.customer.id.uuid().simple().to_string();
    let subscription = subscription.uuid().simple().to_string();
    let [series, id, wake] = [words.series, words.id, words.wake].map(|word| {
        word.replace("FROM", &from.to_string())
            .replace("LAST", &last.to_string())
            .replace("APART", &due.apart.to_string())
    });
    let uuid = |text: &str| words.uuid.replace("TEXT", text);
    let body = |text: &str| words.body.replace("TEXT", text);
    let (of, held) = (uuid(&format!("'{customer}'")), uuid("cus"));
    let ids = format!(
        "{series}, ids as (select n, {} as cus, {} as sub from series)",
        id.replace("KIND", "7000"),
        id.replace("KIND", "7001"),
    );
    let customers = body(&format!(
        "replace(replace(cast(t.body as text), '{customer}', cus), '\"customer-0\"', '\"customer-' || n || '\"')"
    ));
    let subscriptions = body(&format!(
        "replace(replace(cast(t.body as text), '{customer}', cus), '{subscription}', sub)"
    ));
    let (copied, wakes) = (uuid("sub"), wake.replace("AT", "t.wake_at"));
    [
        format!(
            "{ids} insert into customers (id, external_ref, email, joined_at, body, revision, \
             wake_at, busy_until, ready_at, held, fence) \
             select {held}, 'customer-' || n, t.email, t.joined_at, {customers}, 1, \
             {wakes}, null, {wakes}, t.held, 0 from ids, customers t where t.id = {of}"
        ),
        format!(
            "{ids} insert into subscriptions (id, customer_id, status, plan, price, \
             paid_through, due_at, next_attempt_at, grace_ends_at, body) \
             select {copied}, {held}, t.status, t.plan, t.price, t.paid_through, t.due_at, \
             t.next_attempt_at, t.grace_ends_at, {subscriptions} \
             from ids, subscriptions t where t.customer_id = {of}"
        ),
    ]
}

/// Copies what the renewal of the first of so many subscribers left behind, its invoices and
/// its journal, to all others, in SQLite.
pub(crate) async fn copied_story(rows: &DatabaseConnection, first: &Account, count: usize) {
    let customer = first.customer.id.uuid().simple().to_string();
    let subscription = first.subscriptions.first().unwrap().id;
    let subscription = subscription.uuid().simple().to_string();
    let one = |table: &str| {
        let of =
            format!("select lower(hex(id)) as id from {table} where customer_id = x'{customer}'");
        let statement = Statement::from_string(DbBackend::Sqlite, of);
        async move {
            let found = rows.query_all_raw(statement).await.unwrap();
            let ids = found.iter().map(|row| row.try_get("", "id").unwrap());
            ids.collect::<Vec<String>>()
        }
    };
    let [invoice] = one("invoices").await.try_into().unwrap();
    let ids = |kind: usize| SQLITE.id.replace("KIND", &format!("{:04x}", 0x7000 + kind));
    let series = SQLITE.series.replace("FROM", "1");
    let series = series.replace("LAST", &(count - 1).to_string());
    let body = [
        (&customer, "cus"),
        (&subscription, "sub"),
        (&invoice, "inv"),
    ]
    .iter()
    .fold("cast(t.body as text)".to_owned(), |text, (from, to)| {
        format!("replace({text}, '{from}', {to})")
    });
    let mut copies = vec![(
        "invoices (id, customer_id, subscription_id, purpose, cycle, state, account, reference, body)",
        "unhex(inv), unhex(cus), unhex(sub), t.purpose, t.cycle, t.state, t.account, t.reference || n",
        format!("invoices t where t.id = x'{invoice}'"),
        body.clone(),
    )];
    let entries = one("journal").await;
    for entry in &entries {
        copies.push((
            "journal (id, customer_id, event, at, body)",
            "unhex(own), unhex(cus), t.event, t.at",
            format!("journal t where t.id = x'{entry}'"),
            format!("replace({body}, '{entry}', own)"),
        ));
    }
    for (place, (into, columns, from, body)) in copies.into_iter().enumerate() {
        let (cus, sub, inv, own) = (ids(0), ids(1), ids(2), ids(3 + place));
        let statement = format!(
            "{series}, ids as (select n, {cus} as cus, {sub} as sub, {inv} as inv, {own} as own \
             from series) insert into {into} select {columns}, {body} from ids, {from}"
        );
        rows.execute_unprepared(&statement).await.unwrap();
    }
}

/// How a database says what the copies are made of.
struct Words {
    series: &'static str,
    id: &'static str,
    uuid: &'static str,
    body: &'static str,
    wake: &'static str,
}

const POSTGRES: Words = Words {
    series: "with series as (select generate_series(FROM::bigint, LAST::bigint) as n)",
    id: "lpad(to_hex(1767225600000 + n), 12, '0') || 'KIND8' || lpad(to_hex(n * 2654435761), 15, '0')",
    uuid: "(TEXT)::uuid",
    body: "(TEXT)::jsonb",
    wake: "AT + n * APART * interval '1 second'",
};

const SQLITE: Words = Words {
    series: "with recursive series(n) as (select FROM union all select n + 1 from series where n < LAST)",
    id: "printf('%012x', 1767225600000 + n) || 'KIND8' || printf('%015x', n * 2654435761)",
    uuid: "unhex(TEXT)",
    body: "TEXT",
    wake: "strftime('%Y-%m-%dT%H:%M:%S', AT, (n * APART) || ' seconds') || '+00:00'",
};
