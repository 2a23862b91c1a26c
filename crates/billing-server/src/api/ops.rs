//! For machines that watch, and people that read: health, metrics, the document.

use std::sync::LazyLock;

use billing_ports::store::{PageAsk, STORE_TIMEOUT, StoreError};
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Endpoint, Response, handler};

use crate::problem::Problem;
use crate::state::AppState;

/// The page of the document runs its own bundle and asks nobody else.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; \
     style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How far what waits is counted: whether anything does is the alarm.
const COUNTED: PageAsk = PageAsk {
    after: None,
    limit: 100,
};

/// The process runs.
#[handler]
pub(crate) fn healthz() -> &'static str {
    "ok\n"
}

/// The process can serve: its store answers.
#[handler]
pub(crate) async fn readyz(state: Data<&AppState>) -> poem::Result<&'static str> {
    let Some(store) = state.billing.store() else {
        return Ok("ok\n");
    };
    match tokio::time::timeout(STORE_TIMEOUT, store.ping()).await {
        Ok(Ok(())) => Ok("ok\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::unavailable().into())
        }
        Err(_elapsed) => {
            tracing::warn!("not ready: the store does not answer");
            Err(Problem::unavailable().into())
        }
    }
}

/// What was counted, as text for Prometheus.
#[handler]
pub(crate) async fn metrics(Data(state): Data<&AppState>) -> poem::Result<Response> {
    let handle = state.metrics.as_ref().ok_or_else(Problem::not_found)?;
    handle.run_upkeep();
    let waiting = waiting(state).await;
    Ok(Response::builder()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(handle.render() + &refused_keys(state) + &unwelcome(state) + &waiting))
}

/// Which providers do not take our key, as they stand now: nothing was counted of it, and
/// what was counted would not end by itself.
fn refused_keys(state: &AppState) -> String {
    const NAME: &str = "billing_provider_key_refused";
    let providers = state.billing.refused_keys();
    let providers = providers.map(|(account, refused)| (account.to_string(), refused));
    let github = state.invitations.iter();
    let github = github.map(|held| (held.account(), held.refuses_key()));
    let rows = providers.chain(github).map(|(account, refused)| {
        let refused = u8::from(refused);
        format!("{NAME}{{account=\"{account}\"}} {refused}\n")
    });
    let rows: Vec<String> = rows.collect();
    let what = "Whether the provider refuses our key, as it last said.";
    format!(
        "# HELP {NAME} {what}\n# TYPE {NAME} gauge\n{}",
        rows.concat()
    )
}

/// Which ways take nothing of ours, whomever it goes to: mail, invitations.
fn unwelcome(state: &AppState) -> String {
    const NAME: &str = "billing_unwelcome";
    let mail = state.post.welcome().into_iter();
    let invited = state.invitations.iter().map(|held| held.welcome());
    let rows = mail.chain(invited).map(|held| {
        let refused = u8::from(held.is_refused());
        format!("{NAME}{{way=\"{}\"}} {refused}\n", held.way().as_str())
    });
    let rows: Vec<String> = rows.collect();
    let what = "Whether nothing of ours is taken there until somebody mends it, as was last heard.";
    format!(
        "# HELP {NAME} {what}\n# TYPE {NAME} gauge\n{}",
        rows.concat()
    )
}

/// What waits for a person: what is parked, whoever it belongs to, and receivers to whom nothing
/// is sent any more. Left out where the store does not say.
async fn waiting(state: &AppState) -> String {
    let Some(store) = state.billing.store() else {
        return String::new();
    };
    let counted = async {
        let parked = store.list_parked(None, COUNTED).await?.rows.len();
        let receivers = store.list_endpoints().await?;
        let given_up = receivers.iter().filter(|held| held.was_given_up());
        Ok::<_, StoreError>((parked, given_up.count()))
    };
    let (parked, receivers) = match tokio::time::timeout(STORE_TIMEOUT, counted).await {
        Ok(Ok(counted)) => counted,
        Ok(Err(error)) => {
            tracing::warn!(%error, "what waits is not counted");
            return String::new();
        }
        Err(_elapsed) => {
            tracing::warn!("what waits is not counted: the store does not answer");
            return String::new();
        }
    };
    let most = COUNTED.limit;
    format!(
        "# HELP billing_parked What waits for a person, counted to {most}.\n\
         # TYPE billing_parked gauge\nbilling_parked {parked}\n\
         # HELP billing_receivers_disabled Receivers of events that failed until nothing is \
         sent to them.\n\
         # TYPE billing_receivers_disabled gauge\nbilling_receivers_disabled {receivers}\n"
    )
}

/// The OpenAPI document.
pub(crate) fn document(
    json: &'static LazyLock<String>,
) -> impl Endpoint<Output = Response> + 'static {
    poem::endpoint::make_sync(move |_request| {
        Response::builder()
            .status(StatusCode::OK)
            .content_type("application/json; charset=utf-8")
            .body(json.as_str())
    })
}

/// The document as a page.
pub(crate) fn docs(html: &'static LazyLock<String>) -> impl Endpoint<Output = Response> + 'static {
    poem::endpoint::make_sync(move |_request| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, DOCS_POLICY)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .body(html.as_str())
    })
}
