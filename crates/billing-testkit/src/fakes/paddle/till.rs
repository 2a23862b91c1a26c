//! The world behind a lock, as the rig serves it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use billing_domain::time::Timestamp;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::super::rig::{Answer, Books, FakeClock, FaultKind, Incoming, Outbox, Provider, Webhook};
use super::account::books;
use super::acts::act;
use super::refusal::Refusal;
use super::routes::{Call, Reply};
use super::things::NotificationStatus;
use super::world::World;
use super::{pages, render};

/// A fake account that is being served.
pub(super) struct Till {
    world: Mutex<World>,
    clock: FakeClock,
    outbox: Outbox,
    key: String,
    base: Url,
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
        world: World,
        clock: FakeClock,
        outbox: Outbox,
        key: String,
        base: Url,
    ) -> Self {
        Self {
            world: Mutex::new(world),
            clock,
            outbox,
            key,
            base,
        }
    }

    /// Does something to the world at the instant of the clock, and sends what
    /// it led to.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let mut world = self.lock();
        let done = change(&mut world, self.clock.now());
        self.send(&mut world);
        done
    }

    /// Loses every notification of a kind that waits, as if each attempt had
    /// failed: how many there were.
    pub(super) fn lose(&self, kind: &str) -> usize {
        let mut world = self.lock();
        self.settle(&mut world);
        let mut lost = Vec::new();
        self.outbox.rearrange(|waiting| {
            waiting.retain(|one| {
                let keep = one.kind != kind;
                if !keep {
                    lost.push(one.body.clone());
                }
                keep
            });
        });
        for body in &lost {
            mark(
                &mut world,
                body,
                NotificationStatus::Failed,
                self.clock.now(),
            );
        }
        lost.len()
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands new notifications to the outbox.
    fn send(&self, world: &mut World) {
        for id in std::mem::take(&mut world.outbox) {
            if let Some(notification) = world.notifications.get(&id) {
                self.outbox.push(Webhook {
                    id: notification.event.id.clone(),
                    kind: notification.event.kind.clone(),
                    at: notification.event.at,
                    body: Bytes::from(render::payload(notification).to_string()),
                });
            }
        }
    }

    /// A destination that was made: what is sent goes there from now on, and is
    /// signed with its secret, too.
    fn aim(&self, destination: &Value) {
        let url = destination["destination"].as_str();
        let url = url.and_then(|url| Url::parse(url).ok());
        let world = self.lock();
        let all = world.destinations.values();
        let secrets = all.filter(|one| one.active).map(|one| one.secret.clone());
        self.outbox.set_secrets(secrets.collect());
        self.outbox.set_target(url);
    }

    /// Learns from the outbox what became of notifications.
    fn settle(&self, world: &mut World) {
        let open = world.notifications.values();
        let open = open.filter(|one| one.status == NotificationStatus::NotAttempted);
        let open: Vec<Bytes> = open
            .map(|one| Bytes::from(render::payload(one).to_string()))
            .collect();
        if open.is_empty() {
            return;
        }
        let mut waiting = Vec::new();
        self.outbox
            .rearrange(|all| waiting = all.iter().map(|one| one.body.clone()).collect());
        let failed = self.outbox.failed();
        for body in open.iter().filter(|body| !waiting.contains(body)) {
            let gone = failed.iter().any(|one| one.body == *body);
            let status = if gone {
                NotificationStatus::Failed
            } else {
                NotificationStatus::Delivered
            };
            mark(world, body, status, self.clock.now());
        }
    }

    fn refused(&self, refusal: &Refusal) -> Answer {
        let answer = envelope(refusal.status, &refusal.body(&request_id(self.clock.now())));
        if refusal.status == 429 {
            // A minute: the window that the limit is counted in.
            return answer.with_header("retry-after", "60");
        }
        answer
    }
}

impl Provider for Till {
    fn authorized(&self, request: &Incoming) -> bool {
        request.bearer() == Some(self.key.as_str())
    }

    fn unauthorized(&self, request: &Incoming) -> Answer {
        let refusal = match request.header("authorization") {
            None => Refusal::new(401, "authentication_missing", "Authentication is missing"),
            Some(_) => Refusal::new(403, "invalid_token", "The API key is not valid"),
        };
        self.refused(&refusal)
    }

    fn answer(&self, request: &Incoming) -> Answer {
        let body = if request.body.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            match serde_json::from_slice(&request.body) {
                Ok(body) => body,
                Err(_no_json) => {
                    let detail = "Request is not valid JSON";
                    return self.refused(&Refusal::bad("invalid_json", detail));
                }
            }
        };
        let replied = self.with(|world, now| {
            if request.path.starts_with("/notifications") {
                self.settle(world);
            }
            let query = url::form_urlencoded::parse(request.query.as_bytes());
            let query = query.map(|(name, value)| (name.into_owned(), value.into_owned()));
            world.call(&Call {
                method: &request.method,
                path: &request.path,
                segments: request.segments(),
                query: query.collect(),
                body,
                base: &self.base,
                now,
            })
        });
        match replied {
            Err(refusal) => self.refused(&refusal),
            Ok(Reply { status: 204, .. }) => Answer {
                status: StatusCode::NO_CONTENT,
                headers: Vec::new(),
                body: Bytes::new(),
            },
            Ok(reply) => {
                if request.method == "POST" && request.path == "/notification-settings" {
                    self.aim(&reply.data);
                }
                let mut meta = json!({"request_id": request_id(self.clock.now())});
                if let Some(pagination) = reply.pagination {
                    meta["pagination"] = pagination;
                }
                envelope(reply.status, &json!({"data": reply.data, "meta": meta}))
            }
        }
    }

    fn refusal(&self, _request: &Incoming, kind: &FaultKind) -> Answer {
        let of = |refusal: Refusal| {
            let request_id = request_id(self.clock.now());
            envelope(refusal.status, &refusal.body(&request_id))
        };
        match kind {
            FaultKind::RateLimited { retry_after } => {
                let detail = "IP address exceeded the allowed rate limit";
                let answer = of(Refusal::new(429, "too_many_requests", detail));
                match retry_after {
                    Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                    None => answer,
                }
            }
            FaultKind::Conflict => {
                let detail = "there were concurrent requests to modify the same entity";
                of(Refusal::conflict("concurrent_modification", detail))
            }
            FaultKind::ServerError
            | FaultKind::Slow { .. }
            | FaultKind::HtmlBadGateway
            | FaultKind::CutBody
            | FaultKind::LostAnswer
            | FaultKind::Fixed { .. } => of(Refusal::internal("internal error")),
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.lock().next_due()
    }

    fn run_due(&self) {
        self.with(|world, now| {
            world.run_one(now);
        });
    }

    fn act(&self, name: &str, body: &Value) -> Result<Value, String> {
        self.with(|world, now| act(world, name, body, now))
            .map_err(|refusal| format!("{}: {}", refusal.code, refusal.detail))
    }

    fn page(&self, request: &Incoming) -> Option<Answer> {
        pages::page(self, request)
    }

    fn books(&self) -> Books {
        books(&self.lock())
    }
}

fn envelope(status: u16, body: &Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, body)
}

fn mark(world: &mut World, body: &Bytes, status: NotificationStatus, now: Timestamp) {
    let same = |one: &&mut super::things::Notification| {
        one.status == NotificationStatus::NotAttempted
            && render::payload(one).to_string().as_bytes() == body.as_ref()
    };
    if let Some(found) = world.notifications.values_mut().find(same) {
        found.status = status;
        found.attempts = found.attempts.saturating_add(1);
        found.last_attempt_at = Some(now);
        found.delivered_at = (status == NotificationStatus::Delivered).then_some(now);
    }
}

/// Not secret, and of no use but in logs.
fn request_id(now: Timestamp) -> String {
    format!(
        "00000000-0000-4000-8000-{:012x}",
        now.as_microsecond().unsigned_abs() & 0xffff_ffff_ffff
    )
}
