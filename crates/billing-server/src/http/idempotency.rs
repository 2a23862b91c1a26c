//! `Idempotency-Key`: the same request again gets the same answer, and happens once.
//!
//! An answer is kept sealed. One that tells of no outcome (no credential, too
//! often, our own failure) is not kept, so that the request can be repeated.

use std::sync::Arc;
use std::time::Duration;

use billing_domain::time::shifted;
use billing_ports::store::{Remembered, SecretHash, Store};
use jiff::SignedDuration;
use poem::http::{HeaderValue, Method, StatusCode};
use poem::{Endpoint, Request, Response, Result};
use ring::digest::{Context, SHA256};

use crate::auth::Caller;
use crate::http::guard::{BILLING, WEBHOOKS};
use crate::http::seal;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::state::AppState;

/// The header.
const KEY: &str = "idempotency-key";

/// Longest key: what others in the field take.
const MAX_KEY_CHARS: usize = 255;

/// Shortest key of a guest. Guests share one space of keys, so a key must be one
/// that nobody else guesses or happens to use: whoever has it is told the answer.
const MIN_GUEST_KEY_CHARS: usize = 16;

/// How long a request under way keeps its key, should this process die: longer
/// than a call to a provider may take.
const RESERVED_FOR: SignedDuration = SignedDuration::from_mins(2);

/// How long forgetting a request may take: it is one write, and a refusal that a
/// store in trouble delays already is not to be delayed much more.
const FORGOTTEN_WITHIN: Duration = Duration::from_millis(500);

/// Put into a response whose body holds a secret that is not kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotKept;

/// Put into a response that is made anew whenever it is asked for, since making
/// it changes nothing and it may be another a moment later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anew;

/// Put into a request with a key: a hash of who asks, the key, and what is asked for. What is
/// done once for it stays so where its answer is not kept: this process can die in between.
#[derive(Debug, Clone)]
pub(crate) struct Named(pub(crate) String);

/// Passes a request on once, and repeats its answer.
pub(crate) async fn repeat<E: Endpoint<Output = Response> + 'static>(
    state: AppState,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let path = request.uri().path();
    let applies = *request.method() == Method::POST
        && path.starts_with(BILLING)
        && !path.starts_with(WEBHOOKS);
    let Some(key) = request.headers().get(KEY).filter(|_| applies) else {
        return next.call(request).await;
    };
    let caller = Caller::of(&request);
    let least = match caller {
        Caller::Public => MIN_GUEST_KEY_CHARS,
        Caller::Key(_) | Caller::Session(_) => 1,
    };
    let visible = |key: &&str| {
        (least..=MAX_KEY_CHARS).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    let Some(key) = key.to_str().ok().filter(visible).map(str::to_owned) else {
        let message = format!("must be {least} to {MAX_KEY_CHARS} visible characters");
        return Err(Problem::field("Idempotency-Key", message).into());
    };
    let body = request.take_body().into_bytes().await?;
    let this = This {
        caller: caller.name(),
        digest: digest(&request, &body),
        key,
    };
    request.set_body(body);
    request.set_data(this.named());
    let store = state.store()?;
    match this.remember(&state, store.as_ref()).await? {
        Remembered::Fresh => {}
        Remembered::Busy => {
            let detail = "a request with this key is still in work; try again in a moment";
            return Err(conflict("idempotency_conflict", detail).into());
        }
        Remembered::Mismatch => {
            let detail = "this key was used with another request";
            return Err(conflict("idempotency_conflict", detail).into());
        }
        Remembered::Answered { status, body } => return Ok(this.again(status, body.as_deref())?),
    }
    let store = Arc::clone(store);
    // On its own: a caller that hangs up and asks again finds the answer, not half the work.
    let work = tokio::spawn(async move {
        let response = next.call(request).await?;
        this.keep(&state, store.as_ref(), response).await
    });
    work.await.map_err(|_panicked| Problem::internal())?
}

fn conflict(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, detail)
}

/// A request under a key.
struct This {
    caller: String,
    key: String,
    digest: SecretHash,
}

impl This {
    fn named(&self) -> Named {
        let mut context = Context::new(&SHA256);
        for part in [&self.caller, &self.key] {
            context.update(part.as_bytes());
            context.update(b"\n");
        }
        context.update(&self.digest);
        Named(hex::encode(context.finish()))
    }

    async fn remember(&self, state: &AppState, store: &dyn Store) -> Result<Remembered, Problem> {
        let clock = state.clock()?;
        let now = clock.now();
        let name = seal::stored_name(&self.key);
        let until = shifted(now, RESERVED_FOR);
        Ok(store
            .remember(&self.caller, &name, self.digest, now, until)
            .await?)
    }

    /// The answer of before.
    fn again(&self, status: u16, body: Option<&[u8]>) -> Result<Response, Problem> {
        let Some(stored) = body else {
            let detail = "this was done; its answer held a secret that is not kept";
            return Err(conflict("already_issued", detail));
        };
        let body = seal::open(&self.key, &self.digest, stored).ok_or_else(Problem::internal)?;
        let status = StatusCode::from_u16(status).map_err(|_damaged| Problem::internal())?;
        let content_type = if status.is_success() {
            "application/json; charset=utf-8"
        } else {
            PROBLEM_JSON
        };
        let mut response = Response::builder().status(status);
        if !body.is_empty() {
            response = response.content_type(content_type);
        }
        let mut response = response.body(body);
        response
            .headers_mut()
            .insert("idempotent-replayed", HeaderValue::from_static("true"));
        Ok(response)
    }

    /// Keeps the answer, or forgets the request.
    async fn keep(
        &self,
        state: &AppState,
        store: &dyn Store,
        mut response: Response,
    ) -> Result<Response> {
        let status = response.status();
        let name = seal::stored_name(&self.key);
        let forgotten = response.data::<Anew>().is_some()
            || status.is_server_error()
            || matches!(
                status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
            );
        let kept = if forgotten {
            let forgetting = store.forget(&self.caller, &name);
            // Where the store is gone, the request has waited for it already.
            match tokio::time::timeout(FORGOTTEN_WITHIN, forgetting).await {
                Ok(forgot) => forgot,
                Err(_elapsed) => {
                    tracing::error!("idempotency key not forgotten; it is free in two minutes");
                    return Ok(response);
                }
            }
        } else {
            let body = response.take_body().into_bytes().await?;
            let sealed = match response.data::<NotKept>() {
                Some(NotKept) => None,
                None => seal::seal(&self.key, &self.digest, &body, state.ids.as_ref()),
            };
            response.set_body(body);
            let (caller, status) = (&self.caller, status.as_u16());
            store.answer(caller, &name, status, sealed).await
        };
        if let Err(error) = kept {
            // The work is done; asking again meets "in work" until the reservation ends.
            tracing::error!(%error, "answer not kept for its idempotency key");
        }
        Ok(response)
    }
}

/// What makes two requests the same.
fn digest(request: &Request, body: &[u8]) -> SecretHash {
    let mut context = Context::new(&SHA256);
    let uri = request.uri();
    for part in [
        request.method().as_str(),
        uri.path(),
        uri.query().unwrap_or(""),
    ] {
        context.update(part.as_bytes());
        context.update(b"\n");
    }
    context.update(body);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
