//! Pages of the portal and of the dashboard, as a browser asks for them, where there are many
//! customers. Each page is asked for by itself; the slowest one counts. A plan of a migration is
//! none of them: it reads everybody who holds the price, and has a bound and a row of its own.

use std::sync::Arc;
use std::time::Duration;

use billing::system::{SystemClock, SystemIds};
use billing::{Billing, Limits};
use billing_domain::ids::IdSeq;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{
    InvoiceFilter, OperatorKey, OperatorSession, PageAsk, Scope, Session, Store,
};
use billing_ports::{Clock, IdSource};
use billing_server::{ApiOptions, AppState, RateOptions, page_routes};
use bytes::Bytes;
use jiff::SignedDuration;
use ring::digest::{SHA256, digest};
use sea_orm::{ConnectionTrait as _, DatabaseConnection};

use crate::Size;
use crate::fill::{Due, copied, copied_story, one};
use crate::load::{FEW_CONNECTIONS, request, took};
use crate::provider::{PaidAtOnce, Silent};
use crate::serve::Server;
use crate::stores::{Folder, connect, sqlite};
use crate::table::{Row, Verdict, median, none};

/// Within how many milliseconds half of the answers are wanted.
const WANTED: u64 = 30;

/// Customers, each with a subscription, a paid invoice and what has happened to it.
const CUSTOMERS: usize = 100_000;

/// Customers that ask for their pages in turn.
const VISITORS: u16 = 200;

/// On SQLite.
pub(crate) async fn on_sqlite(size: Size) -> Vec<Row> {
    let folder = Folder::fresh();
    let store: Arc<dyn Store> = Arc::new(sqlite(&folder, "pages.db").await);
    let rows = connect(&folder.url("pages.db"), 1).await;
    let customers = size.pick(CUSTOMERS, CUSTOMERS / 10);
    let now = SystemClock.now();
    let billing = sold(Arc::clone(&store), &rows, customers, now).await;
    rows.close().await.unwrap();
    let cookies = Cookies::of(store.as_ref(), now).await;
    let options = ApiOptions {
        rates: RateOptions {
            public_posts_per_minute: 0,
            ..RateOptions::default()
        },
        ..ApiOptions::default()
    };
    let state = AppState::new(billing, Arc::new(SystemIds), options);
    let ours = Server::start(page_routes(&state)).await;

    let count = size.pick(400, 80);
    let mut measured = Vec::new();
    for (side, pages) in [("portal", cookies.portal()), ("dashboard", cookies.desk())] {
        let mut slowest = (0, "");
        for (name, asks) in &pages {
            // What is counted once in five minutes is counted now.
            took(ours.address, vec![asks.first().unwrap().clone()], 1).await;
            let asked = asks.iter().cycle().take(count).cloned().collect();
            let answers = took(ours.address, asked, FEW_CONNECTIONS).await;
            let half = median(answers.into_iter().map(micros));
            println!("  {name}: {half} µs");
            slowest = slowest.max((half, name));
        }
        let (half, name) = slowest;
        measured.push(Row {
            what: format!(
                "pages of the {side}, {customers} customers, SQLite (FULL), {FEW_CONNECTIONS} \
                 connections: half of the answers of the slowest, {name}"
            ),
            measured: format!("{half} µs"),
            floor: none(),
            ratio: none(),
            wanted: format!("≤ {} µs", WANTED * 1_000),
            verdict: Verdict::of(half <= WANTED * 1_000),
        });
    }
    measured
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}

/// An engine on a store in which many have paid for the month that runs.
async fn sold(
    store: Arc<dyn Store>,
    rows: &DatabaseConnection,
    customers: usize,
    now: Timestamp,
) -> Billing {
    let due_at = shifted(now, SignedDuration::from_hours(-24));
    let first = one(store.as_ref(), due_at).await;
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let billing = Billing::builder(Arc::clone(&store), Arc::new(SystemClock), ids)
        .provider(Arc::new(PaidAtOnce::new(now)))
        .notifier(Arc::new(Silent))
        .limits(Limits::default())
        .build()
        .unwrap();
    billing.work_until_idle().await.unwrap();
    let due = Due {
        first: due_at,
        apart: 0,
    };
    copied(rows, &first, customers, due).await;
    copied_story(rows, &first, customers).await;
    rows.execute_unprepared("analyze").await.unwrap();
    billing
}

/// Who asks: sessions that work, and what their pages are called.
struct Cookies {
    operator: String,
    /// A customer's cookie, a subscription and an invoice of that customer.
    visitors: Vec<(String, String, String)>,
    customers: Vec<String>,
}

impl Cookies {
    async fn of(store: &dyn Store, now: Timestamp) -> Self {
        let mut ids = IdSeq::new(now, 3);
        let hash = |token: &str| {
            digest(&SHA256, token.as_bytes())
                .as_ref()
                .try_into()
                .unwrap()
        };
        let expires_at = shifted(now, SignedDuration::from_hours(1));
        let key = OperatorKey {
            id: ids.draw(),
            name: "bench".to_owned(),
            scope: Scope::Read,
            created_at: now,
            revoked_at: None,
            expires_at: None,
        };
        let session = OperatorSession {
            id: ids.draw(),
            key: key.id,
            expires_at,
        };
        store.add_key(key, hash("bk_of_the_bench")).await.unwrap();
        let operator = format!("bo_{:064x}", 1);
        store
            .add_operator_session(session, hash(&operator))
            .await
            .unwrap();
        let price = "personal-monthly".parse().unwrap();
        let holders = store.list_holders(&price, None, VISITORS).await.unwrap();
        let (mut visitors, mut customers) = (Vec::new(), Vec::new());
        for (number, held) in holders.into_iter().enumerate() {
            let token = format!("bs_{number:064x}");
            let session = Session {
                id: ids.draw(),
                customer: held.customer,
                expires_at,
            };
            store.add_session(session, hash(&token)).await.unwrap();
            let of = InvoiceFilter {
                customer: Some(held.customer),
                ..InvoiceFilter::default()
            };
            let one = PageAsk {
                after: None,
                limit: 1,
            };
            let paid = store.list_invoices(of, one).await.unwrap();
            let (_, invoice) = paid.rows.first().unwrap();
            let invoice = invoice.id.to_string();
            customers.push(held.customer.to_string());
            visitors.push((token, held.id.to_string(), invoice));
        }
        Self {
            operator,
            visitors,
            customers,
        }
    }

    fn portal(&self) -> Vec<(&'static str, Vec<Bytes>)> {
        let each = |path: &dyn Fn(&str, &str) -> String| -> Vec<Bytes> {
            let visitors = self.visitors.iter();
            let asks = visitors.map(|(token, subscription, invoice)| {
                page(&path(subscription, invoice), "billing_session", token)
            });
            asks.collect()
        };
        vec![
            ("/portal", each(&|_, _| "/portal".to_owned())),
            (
                "a subscription",
                each(&|of, _| format!("/portal/subscriptions/{of}")),
            ),
            (
                "/portal/invoices",
                each(&|_, _| "/portal/invoices".to_owned()),
            ),
            (
                "an invoice",
                each(&|_, of| format!("/portal/invoices/{of}")),
            ),
            (
                "/portal/licenses",
                each(&|_, _| "/portal/licenses".to_owned()),
            ),
        ]
    }

    fn desk(&self) -> Vec<(&'static str, Vec<Bytes>)> {
        let ask = |path: &str| page(path, "billing_admin", &self.operator);
        let mut pages: Vec<_> = [
            "/admin",
            "/admin/churn",
            "/admin/customers",
            "/admin/subscriptions",
            "/admin/subscriptions?status=past_due",
            "/admin/invoices",
            "/admin/invoices?open=yes",
            "/admin/parked",
            "/admin/deliveries",
            "/admin/prices",
            "/admin/migrations",
        ]
        .into_iter()
        .map(|path| (path, vec![ask(path)]))
        .collect();
        let customers = self.customers.iter();
        let stories = customers.map(|id| ask(&format!("/admin/customers/{id}")));
        pages.push(("a customer's story", stories.collect()));
        pages
    }
}

fn page(path: &str, cookie: &str, token: &str) -> Bytes {
    let cookie = format!("{cookie}={token}");
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html")];
    request(&format!("GET {path}"), &headers, &[])
}
