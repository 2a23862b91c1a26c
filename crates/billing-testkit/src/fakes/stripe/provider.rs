//! The fake as the rig sees it: keys, versions, replays, acts by name, pages.

use std::sync::Mutex;

use billing_domain::time::Timestamp;
use http::StatusCode;
use serde_json::{Value, json};

use super::api;
use super::by_name::{Act, carry_out};
use super::due;
use super::idempotency::Keys;
use super::old;
use super::options::Version;
use super::page;
use super::params::Params;
use super::refusal::Refusal;
use super::world::World;
use crate::fakes::rig::{Answer, Books, FakeClock, FaultKind, Incoming, Provider, lock};

/// The fake behind its server.
pub(super) struct Stripe {
    key: String,
    clock: FakeClock,
    pub(super) state: Mutex<State>,
}

/// What the server and the caller's hands share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    keys: Keys,
    requests: u64,
}

impl std::fmt::Debug for Stripe {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl Stripe {
    pub(super) fn new(key: String, clock: FakeClock, world: World) -> Self {
        Self {
            key,
            clock,
            state: Mutex::new(State {
                world,
                keys: Keys::default(),
                requests: 0,
            }),
        }
    }

    /// The headers that every answer has.
    fn dressed(&self, answer: Answer, request: &Incoming, id: String) -> Answer {
        let date = jiff::fmt::rfc2822::DateTimePrinter::new();
        let date = date.timestamp_to_rfc9110_string(&self.clock.now());
        let answer = match super::idempotency::key(request) {
            Some(key) => answer
                .with_header("idempotency-key", key)
                .with_header("original-request", &id),
            None => answer,
        };
        answer
            .with_header("request-id", id)
            .with_header("date", date.unwrap_or_default())
    }

    fn refused(&self, refusal: &Refusal, request: &Incoming) -> Answer {
        let id = self.request_id();
        self.dressed(refusal.answer(), request, id)
    }

    fn request_id(&self) -> String {
        let mut state = lock(&self.state);
        state.requests = state.requests.saturating_add(1);
        format!("req_Fake{:010}", state.requests)
    }

    fn done(&self, request: &Incoming, id: &str) -> Result<Value, Refusal> {
        let version = match request.header("stripe-version") {
            None => Version::Pinned,
            Some(name) => Version::named(name).ok_or_else(|| {
                Refusal::invalid(
                    "Stripe-Version",
                    format!("Invalid Stripe API version: {name}"),
                )
            })?,
        };
        let segments = request.segments();
        let Some(("v1", path)) = segments.split_first().map(|(first, rest)| (*first, rest)) else {
            return Err(Refusal::path(&request.method, &request.path));
        };
        let form = request.header("content-type").unwrap_or_default();
        if !request.body.is_empty() && !form.starts_with("application/x-www-form-urlencoded") {
            let why = "Invalid request: the body must be form-encoded.";
            return Err(Refusal::state(why));
        }
        let encoded = if request.method == "POST" || request.query.is_empty() {
            request.body.to_vec()
        } else {
            request.query.as_bytes().to_vec()
        };
        let params = Params::parse(&encoded);
        let mut state = lock(&self.state);
        let key = super::idempotency::key(request).map(str::to_owned);
        state.world.cause = Some((id.to_owned(), key));
        let value = api::answer(&mut state.world, &request.method, path, params);
        state.world.cause = None;
        Ok(old::rendered(value?, version))
    }
}

impl Provider for Stripe {
    fn authorized(&self, request: &Incoming) -> bool {
        request.bearer() == Some(self.key.as_str())
    }

    fn unauthorized(&self, request: &Incoming) -> Answer {
        self.refused(&Refusal::key(), request)
    }

    fn enter(&self, request: &Incoming) -> Option<Answer> {
        let answer = {
            let mut state = lock(&self.state);
            let now = state.world.now();
            state.keys.enter(request, now)
        }?;
        let id = self.request_id();
        let held = |name: &str| answer.headers.iter().any(|(header, _)| header == name);
        if held("request-id") {
            // A replay tells which request it repeats.
            return Some(replayed(answer, &id));
        }
        Some(self.dressed(answer, request, id))
    }

    fn answer(&self, request: &Incoming) -> Answer {
        let id = self.request_id();
        let answer = match self.done(request, &id) {
            Ok(value) => Answer::json(StatusCode::OK, &value),
            Err(refusal) => {
                if !refusal.begun {
                    lock(&self.state).keys.not_begun(request);
                }
                refusal.answer()
            }
        };
        self.dressed(answer, request, id)
    }

    fn leave(&self, request: &Incoming, answer: Option<&Answer>) {
        lock(&self.state).keys.leave(request, answer);
    }

    fn refusal(&self, request: &Incoming, kind: &FaultKind) -> Answer {
        match kind {
            FaultKind::RateLimited { retry_after } => {
                let answer = self.refused(&Refusal::rate(), request);
                match retry_after {
                    Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                    None => answer,
                }
            }
            FaultKind::Conflict => self.refused(&Refusal::key_in_use(), request),
            FaultKind::ServerError
            | FaultKind::Slow { .. }
            | FaultKind::HtmlBadGateway
            | FaultKind::CutBody
            | FaultKind::LostAnswer
            | FaultKind::Fixed { .. } => self.refused(&Refusal::server(), request),
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let at = due::next(&lock(&self.state).world)?;
        Some(super::world::instant(at))
    }

    fn run_due(&self) {
        due::step(&mut lock(&self.state).world);
    }

    fn act(&self, name: &str, body: &Value) -> Result<Value, String> {
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("act".to_owned(), json!(name));
        }
        let act: Act = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let mut state = lock(&self.state);
        carry_out(&mut state.world, act).map_err(|error| error.to_string())
    }

    fn page(&self, request: &Incoming) -> Option<Answer> {
        page::answer(&mut lock(&self.state).world, request)
    }

    fn books(&self) -> Books {
        lock(&self.state).world.counted()
    }
}

/// A replay has a request id of its own and the headers of the first answer otherwise.
fn replayed(mut answer: Answer, id: &str) -> Answer {
    for (name, value) in &mut answer.headers {
        if name == "request-id" {
            id.clone_into(value);
        }
    }
    answer
}
