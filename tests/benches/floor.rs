//! The simplest things that do the same work, written by hand as a host without
//! a billing engine would: no queue, no decision, no problem details.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use billing::system::SystemIds;
use billing_ports::IdSource;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Endpoint, EndpointExt, Request, Response, Result, Route, get};
use ring::digest::{SHA256, digest};
use ring::hmac;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use serde::Deserialize;
use tokio::time::Instant;
use tracing::Instrument;

/// Subscriptions that webhooks are about: enough that no two wait for one row.
const SUBSCRIPTIONS: usize = 10_000;

/// Takes a webhook: verifies it, and does what it says in one transaction of
/// three statements.
pub(crate) struct Hook {
    key: hmac::Key,
    header: &'static str,
    database: DatabaseConnection,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: Created,
}

/// When it happened: one provider says it in words, another in seconds.
#[derive(Deserialize)]
#[serde(untagged)]
enum Created {
    Words(String),
    Seconds(i64),
}

impl Created {
    fn text(&self) -> String {
        match self {
            Self::Words(words) => words.clone(),
            Self::Seconds(seconds) => seconds.to_string(),
        }
    }
}

impl Hook {
    /// One for the sandbox's webhooks, with its tables made.
    pub(crate) async fn new(secret: &str, database: DatabaseConnection) -> Self {
        Self::signed(secret, "sandbox-signature", database).await
    }

    /// One for webhooks whose signature is in `header`, with its tables made.
    pub(crate) async fn signed(
        secret: &str,
        header: &'static str,
        database: DatabaseConnection,
    ) -> Self {
        let series = if database.get_database_backend() == DbBackend::Postgres {
            format!("select generate_series(0, {SUBSCRIPTIONS} - 1) as n")
        } else {
            format!(
                "select 0 as n union all select n + 1 from series where n < {SUBSCRIPTIONS} - 1"
            )
        };
        let statements = [
            "create table events (id text primary key, kind text not null, body text not null)",
            "create table subs (id bigint primary key, status text not null, paid text not null)",
            &format!(
                "with recursive series(n) as ({series}) \
                 insert into subs select n, 'active', '' from series"
            ),
        ];
        for statement in statements {
            database.execute_unprepared(statement).await.unwrap();
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Self {
            key,
            header,
            database,
        }
    }

    async fn take(&self, event: &Event, body: &str) -> std::result::Result<(), sea_orm::DbErr> {
        let backend = self.database.get_database_backend();
        let statement =
            |sql, values: Vec<sea_orm::Value>| Statement::from_sql_and_values(backend, sql, values);
        let about = i64::try_from(
            digest(&SHA256, event.id.as_bytes())
                .as_ref()
                .iter()
                .fold(0_usize, |sum, byte| {
                    (sum * 256 + usize::from(*byte)) % SUBSCRIPTIONS
                }),
        );
        let about = about.unwrap_or(0);
        let mode = (backend == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions {
            sqlite_transaction_mode: mode,
            ..TransactionOptions::default()
        };
        let transaction = self.database.begin_with_options(options).await?;
        let insert = statement(
            "insert into events (id, kind, body) values ($1, $2, $3) on conflict do nothing",
            vec![
                event.id.as_str().into(),
                event.kind.as_str().into(),
                body.into(),
            ],
        );
        if transaction.execute_raw(insert).await?.rows_affected() == 1 {
            let select = statement(
                "select status, paid from subs where id = $1",
                vec![about.into()],
            );
            let held = transaction.query_one_raw(select).await?;
            let status: String = held.unwrap().try_get("", "status")?;
            let update = statement(
                "update subs set status = $2, paid = $3 where id = $1",
                vec![about.into(), status.into(), event.created.text().into()],
            );
            transaction.execute_raw(update).await?;
        }
        transaction.commit().await
    }

    fn is_genuine(&self, header: Option<&str>, body: &[u8]) -> bool {
        let parts = header.and_then(|header| header.strip_prefix("t=")?.split_once(",v1="));
        let Some((time, tag)) = parts else {
            return false;
        };
        let digits: Option<Vec<u8>> = tag
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let signed = [time.as_bytes(), b".", body].concat();
        digits.is_some_and(|tag| hmac::verify(&self.key, &signed, &tag).is_ok())
    }
}

impl Endpoint for Hook {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let body = request.take_body().into_bytes().await?;
        if !self.is_genuine(request.header(self.header), &body) {
            return Ok(StatusCode::UNAUTHORIZED.into());
        }
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let Ok(event) = serde_json::from_str::<Event>(text) else {
            return Ok(StatusCode::BAD_REQUEST.into());
        };
        match self.take(&event, text).await {
            Ok(()) => Ok(Response::builder()
                .content_type("application/json")
                .body(TAKEN)),
            Err(_failed) => Ok(StatusCode::SERVICE_UNAVAILABLE.into()),
        }
    }
}

const TAKEN: &str = r#"{"received":true}"#;

/// Keys that work, by the hash of their secret.
type Keys = Arc<RwLock<HashMap<Vec<u8>, Arc<str>>>>;

/// Answers a constant, behind what guards and observes the gate's route: one id,
/// one log line and two metrics for a request, its body read within bounds, and
/// the caller known by the hash of a bearer token.
pub(crate) fn constant(token: &str) -> BoxEndpoint<'static, Response> {
    let answer = poem::endpoint::make_sync(|_| {
        Response::builder()
            .content_type("application/json; charset=utf-8")
            .body(r#"{"allowed":true}"#)
    });
    guarded(
        token,
        Route::new().at("/v1/customers/:customer/check/:feature", get(answer)),
    )
}

/// `routes` behind what guards and observes ours.
pub(crate) fn guarded(token: &str, routes: Route) -> BoxEndpoint<'static, Response> {
    let known = digest(&SHA256, token.as_bytes()).as_ref().to_vec();
    let keys: Keys = Arc::new(RwLock::new(HashMap::from([(known, "key".into())])));
    watched(routes.around(move |next, request| admit(Arc::clone(&keys), next, request)))
}

/// `routes` behind what reads and observes ours, open to everybody.
pub(crate) fn watched<E>(routes: E) -> BoxEndpoint<'static, Response>
where
    E: Endpoint<Output = Response> + 'static,
{
    routes
        .around(read)
        .around(observe)
        .map_to_response()
        .boxed()
}

async fn admit<E: Endpoint<Output = Response>>(
    keys: Keys,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let token = request.header(header::AUTHORIZATION.as_str());
    let token = token
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let hash = digest(&SHA256, token.as_bytes());
    let name = keys.read().unwrap().get(hash.as_ref()).cloned();
    let Some(name) = name else {
        return Ok(StatusCode::UNAUTHORIZED.into());
    };
    request.extensions_mut().insert(name);
    next.call(request).await
}

async fn read<E: Endpoint<Output = Response>>(
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let reading = request.take_body().into_bytes_limit(1024 * 1024);
    let Ok(Ok(bytes)) = tokio::time::timeout(Duration::from_secs(15), reading).await else {
        return Ok(StatusCode::BAD_REQUEST.into());
    };
    request.set_body(Body::from_bytes(bytes));
    next.call(request).await
}

async fn observe<E: Endpoint<Output = Response>>(
    next: Arc<E>,
    request: Request,
) -> Result<Response> {
    let began = Instant::now();
    let id = format!("req_{:016x}", SystemIds.seed());
    let method = request.method().clone();
    let span = tracing::info_span!("request", request_id = id);
    let mut response = next.call(request).instrument(span).await?;
    let status = response.status().as_u16();
    let took = began.elapsed();
    tracing::info!(request_id = id, %method, status, "request");
    let labels = [
        ("method", method.as_str().to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("bench_requests_total", &labels).increment(1);
    metrics::histogram!("bench_request_seconds").record(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    Ok(response)
}
