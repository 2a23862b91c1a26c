//! The world behind a lock, as the rig serves it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billing_domain::time::Timestamp;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::super::rig::{Answer, Books, FakeClock, FaultKind, Incoming, Outbox, Provider, Webhook};
use super::acts::act;
use super::books::books;
use super::pages;
use super::post::Parcel;
use super::refusal::Refusal;
use super::render;
use super::routes::Call;
use super::sign::{SIGNATURE_HEADER, signature};
use super::things::Attempt;
use super::world::World;

/// A fake store that is being served.
pub(super) struct Till {
    world: Arc<Mutex<World>>,
    clock: FakeClock,
    outbox: Outbox,
    key: String,
    base: Url,
    /// Held by whoever delivers.
    pub(super) sending: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Till {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Till")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Till {
    pub(super) fn new(
        world: Arc<Mutex<World>>,
        clock: FakeClock,
        outbox: Outbox,
        key: String,
        base: Url,
    ) -> Self {
        Self {
            world,
            clock,
            outbox,
            key,
            base,
            sending: tokio::sync::Mutex::default(),
        }
    }

    /// Does something to the world at the instant of the clock, and sends what
    /// it led to.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let mut world = lock(&self.world);
        let done = change(&mut world, self.clock.now());
        self.hand_over(&mut world);
        done
    }

    /// The deliveries that wait.
    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Loses every delivery of a kind that waits to be taken, as if nobody had
    /// answered: how many there were.
    pub(super) fn lose(&self, kind: &str) -> usize {
        let at = self.clock.now();
        let mut lost = Vec::new();
        self.outbox.rearrange(|waiting| {
            lost = waiting
                .iter()
                .filter(|one| one.kind == kind)
                .map(|one| one.id.clone())
                .collect();
            waiting.retain(|one| one.kind != kind);
        });
        self.with(|world, _now| {
            for one in &mut world.deliveries {
                if lost.contains(&one.id) {
                    one.attempt = Some(Attempt { at, status: None });
                }
            }
        });
        lost.len()
    }

    /// The server restarts: whatever waits to be told is forgotten, how much it was.
    pub(super) fn restart(&self) -> usize {
        let gone = self.outbox.drain();
        self.with(|world, _now| {
            for one in &mut world.deliveries {
                one.lost = one.lost || gone.contains(&one.id);
            }
            world.forget().saturating_add(gone.len())
        })
    }

    /// The next thing to send. `None`: nothing can be sent now.
    pub(super) fn parcel(&self) -> Option<Parcel> {
        let target = self.outbox.target()?;
        let waiting = self.outbox.drain();
        self.with(|world, now| {
            for id in &waiting {
                world.queue(id);
            }
            world.parcel(&target, now)
        })
    }

    /// Writes down how a sending ended. `None`: no answer came.
    pub(super) fn ended(&self, parcel: &Parcel, status: Option<u16>) {
        self.with(|world, now| world.ended(parcel, Attempt { at: now, status }));
    }

    /// Hands new deliveries to the outbox.
    fn hand_over(&self, world: &mut World) {
        for id in std::mem::take(&mut world.outbox) {
            if let Some(one) = world.delivery(&id) {
                self.outbox.push(Webhook {
                    id: one.id.clone(),
                    kind: one.kind.clone(),
                    at: one.at,
                    body: Bytes::from(render::body(one)),
                });
            }
        }
    }

    fn reply(&self, request: &Incoming) -> Answer {
        let body = if request.body.is_empty() {
            json!({})
        } else {
            match serde_json::from_slice(&request.body) {
                Ok(body) => body,
                Err(_no_json) => {
                    return refused(&Refusal::field("", "The body is not valid JSON"));
                }
            }
        };
        let segments = request.segments();
        let ["api", "v1", segments @ ..] = segments.as_slice() else {
            return refused(&Refusal::new(404, "generic-error", "There is nothing here"));
        };
        let query = url::form_urlencoded::parse(request.query.as_bytes());
        let query = query.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let replied = self.with(|world, now| {
            world.call(&Call {
                method: &request.method,
                segments,
                query: query.collect(),
                body,
                base: &self.base,
                now,
                waiting: self.waiting(world),
            })
        });
        match replied {
            Err(refusal) => refused(&refusal),
            Ok(reply) => {
                if request.method == "POST" && matches!(segments, ["stores", _, "webhooks"]) {
                    self.aim(&reply);
                }
                if reply.is_null() {
                    return Answer {
                        status: StatusCode::OK,
                        headers: Vec::new(),
                        body: Bytes::new(),
                    };
                }
                Answer::json(StatusCode::OK, &reply)
            }
        }
    }

    fn waiting(&self, world: &World) -> Vec<String> {
        let mut waiting = world.queued();
        waiting.extend(self.outbox.ids());
        waiting
    }

    /// A webhook that was made: what is told goes out from now on.
    fn aim(&self, hook: &Value) {
        let url = hook["url"].as_str().and_then(|url| Url::parse(url).ok());
        self.outbox.set_target(url);
    }
}

impl Provider for Till {
    fn authorized(&self, request: &Incoming) -> bool {
        let open = ["/api/v1/health", "/api/v1/pull-payments/"];
        let open = open.iter().any(|path| request.path.starts_with(path));
        let header = request.header("authorization");
        let token = header.and_then(|header| header.strip_prefix("token "));
        open || token == Some(self.key.as_str())
    }

    fn unauthorized(&self, _request: &Incoming) -> Answer {
        let message = "Authentication is required for accessing this endpoint";
        refused(&Refusal::new(401, "unauthenticated", message))
    }

    fn answer(&self, request: &Incoming) -> Answer {
        let date = jiff::fmt::rfc2822::DateTimePrinter::new();
        let date = date.timestamp_to_rfc9110_string(&self.clock.now());
        let answer = self.reply(request);
        answer.with_header("date", date.unwrap_or_default())
    }

    fn refusal(&self, _request: &Incoming, kind: &FaultKind) -> Answer {
        match kind {
            FaultKind::RateLimited { retry_after } => {
                // A proxy in front says so: BTCPay itself has no such limit.
                let answer = refused(&Refusal::new(429, "generic-error", "Too many requests"));
                match retry_after {
                    Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                    None => answer,
                }
            }
            FaultKind::Conflict => refused(&Refusal::new(409, "generic-error", "Conflict")),
            FaultKind::ServerError
            | FaultKind::Slow { .. }
            | FaultKind::HtmlBadGateway
            | FaultKind::CutBody
            | FaultKind::LostAnswer
            | FaultKind::Fixed { .. } => {
                refused(&Refusal::new(500, "generic-error", "Internal error"))
            }
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let world = lock(&self.world);
        world.next_turn().into_iter().chain(world.next_ring()).min()
    }

    fn run_due(&self) {
        self.with(|world, now| {
            world.turn(now);
            world.ring(now);
        });
        self.outbox.wake();
    }

    fn act(&self, name: &str, body: &Value) -> Result<Value, String> {
        if name == "restart" {
            return Ok(json!({"lost": self.restart()}));
        }
        self.with(|world, now| act(world, name, body, now))
            .map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))
    }

    fn page(&self, request: &Incoming) -> Option<Answer> {
        pages::page(self, request)
    }

    fn books(&self) -> Books {
        books(&lock(&self.world))
    }
}

/// Signs a held delivery with the secret of the webhook that it names.
pub(super) fn headers(
    world: &Mutex<World>,
    secrets: &[String],
    body: &[u8],
) -> Vec<(String, String)> {
    let named: Option<Value> = serde_json::from_slice(body).ok();
    let named = named.as_ref().and_then(|body| body["webhookId"].as_str());
    let world = lock(world);
    let hook = named.and_then(|id| world.hooks.get(id));
    // The fake's own webhook signs with what the outbox was given.
    let made = hook.filter(|hook| hook.url.is_some());
    let secret = made.map(|hook| &hook.secret).or(secrets.first());
    let Some(secret) = secret else {
        return Vec::new();
    };
    vec![(SIGNATURE_HEADER.to_owned(), signature(secret, body))]
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &refusal.body())
}
