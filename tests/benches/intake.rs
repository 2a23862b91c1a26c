//! Webhooks taken a second: our route, against a handler that does what a
//! webhook says in one transaction of three statements.

use std::sync::Arc;

use billing::Billing;
use billing::sandbox::SandboxDecoder;
use billing::system::{SystemClock, SystemIds};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::IdSeq;
use billing_domain::money::{Currency, Money};
use billing_ports::store::Store;
use billing_ports::{Clock, IdSource};
use billing_server::{ApiOptions, AppState, api_routes};
use bytes::Bytes;
use poem::{Route, post};
use ring::hmac;
use secrecy::SecretString;

use crate::Size;
use crate::floor::Hook;
use crate::load::{CONNECTIONS, request, side_by_side};
use crate::provider::{PaidAtOnce, account};
use crate::serve::Server;
use crate::stores::{Folder, NO_SERVER, connect, postgres, server, sqlite};
use crate::table::{Pair, Row};

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "a secret of the benchmarks";

/// Connections of the floor's pool: as many as our store has by default.
pub(crate) const FLOOR_CONNECTIONS: u32 = 16;

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = format!("webhook intake, PostgreSQL, {CONNECTIONS} connections");
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let (_, store) = postgres(&server).await;
    let (url, _other) = postgres(&server).await;
    let floor = Hook::new(SECRET, connect(&url, FLOOR_CONNECTIONS).await).await;
    let rounds = compare(Arc::new(store), floor, size.pick(4_000, 500), size).await;
    vec![Row::rates(what, &rounds, 70)]
}

/// On SQLite, which reaches the disk before it answers.
pub(crate) async fn on_sqlite(size: Size) -> Vec<Row> {
    let what = format!("webhook intake, SQLite (FULL), {CONNECTIONS} connections");
    let folder = Folder::fresh();
    let store = sqlite(&folder, "ours.db").await;
    // One connection: writers of SQLite wait for each other in any case.
    let floor = Hook::new(SECRET, connect(&folder.url("floor.db"), 1).await).await;
    let rounds = compare(Arc::new(store), floor, size.pick(4_000, 500), size).await;
    vec![Row::rates(what, &rounds, 100)]
}

async fn compare(store: Arc<dyn Store>, floor: Hook, count: usize, size: Size) -> Vec<Pair> {
    let secrets = [SecretString::from(SECRET)];
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let billing = Billing::builder(store, Arc::new(SystemClock), Arc::clone(&ids))
        .provider(Arc::new(PaidAtOnce::new(SystemClock.now())))
        .webhooks(Arc::new(SandboxDecoder::new(account(), &secrets).unwrap()))
        .build()
        .unwrap();
    let ours = Server::start(api_routes(AppState::new(
        billing,
        ids,
        ApiOptions::default(),
    )))
    .await;
    let floor = Server::start(Route::new().at(PATH, post(floor))).await;
    let addresses = [ours.address, floor.address];
    side_by_side(addresses, size, count, webhooks, webhooks).await
}

/// Where webhooks go.
pub(crate) const PATH: &str = "/v1/webhooks/sandbox";

/// Webhooks that nobody has seen, signed.
pub(crate) fn webhooks(count: usize) -> Vec<Bytes> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let at = SystemClock.now();
    let seconds = at.as_second();
    let batch = SystemIds.seed();
    let mut ids = IdSeq::new(at, batch);
    (0..count)
        .map(|number| {
            let fact = Fact::InvoicePaid {
                invoice: ids.draw(),
                payment: format!("pay_{batch:x}_{number}"),
                amount: Money::new(500, Currency::USD),
                conversion: None,
                parts: Vec::new(),
            };
            let link = Link {
                customer: Some(ids.draw()),
                ..Link::default()
            };
            let body = serde_json::json!({
                "id": format!("evt_{batch:x}_{number}"),
                "type": "invoice.paid",
                "created": at.to_string(),
                "facts": [Observed { fact, at, link }],
            });
            let body = body.to_string();
            let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
            let tag = tag
                .as_ref()
                .iter()
                .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            let headers = [
                ("content-type", "application/json"),
                ("sandbox-signature", &format!("t={seconds},v1={tag}")),
            ];
            request(&format!("POST {PATH}"), &headers, body.as_bytes())
        })
        .collect()
}
