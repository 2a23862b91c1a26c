//! `GET` and `POST /sandbox/clock`: looking at the sandbox's clock and moving it.

use billing_domain::time::{Timestamp, to_micros};
use billing_engine::Billing;
use billing_ports::store::Scope;
use jiff::Span;
use jiff::tz::TimeZone;
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response};
use serde_json::json;

use super::{Move, Sandbox};
use crate::AppState;
use crate::auth::{Caller, authenticate};
use crate::problem::Problem;

/// Bytes of a body: a length of time or an instant, with room for blanks.
const MAX_BODY: usize = 1_024;

impl Move {
    /// Where that leads from `now`. `None`: it cannot be read.
    pub(super) fn target(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Advance(text) => {
                let span: Span = text.trim().parse().ok()?;
                let there = now.to_zoned(TimeZone::UTC).checked_add(span).ok()?;
                Some(to_micros(there.timestamp()))
            }
            Self::Set(text) => {
                let text = text.trim();
                let instant = text.parse::<Timestamp>().ok().or_else(|| {
                    let date: jiff::civil::Date = text.parse().ok()?;
                    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
                });
                instant.map(to_micros)
            }
        }
    }
}

/// The route.
pub(super) struct ClockRoute {
    pub(super) state: AppState,
    pub(super) sandbox: Sandbox,
}

impl Endpoint for ClockRoute {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let answer = match *request.method() {
            Method::GET => Ok(()),
            Method::POST => self.turn(request).await,
            _ => Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the clock is read with GET and moved with POST",
            )),
        };
        Ok(match answer {
            Ok(()) => self.shown(),
            Err(problem) => problem.into_response(),
        })
    }
}

impl ClockRoute {
    fn shown(&self) -> Response {
        let body = json!({ "now": self.sandbox.clock().now().to_string() });
        Response::builder()
            .content_type("application/json")
            .header("cache-control", "no-store")
            .body(body.to_string())
    }

    async fn turn(&self, mut request: Request) -> Result<(), Problem> {
        let allowed = match authenticate(&self.state, request.headers()).await? {
            Caller::Key(key) => key.scope >= Scope::Admin,
            Caller::Public | Caller::Session(_) => return Err(Problem::unauthorized()),
        };
        if !allowed {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                "moving the clock needs a key with the scope admin",
            ));
        }
        let unreadable = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                r#"expected {"advance": "31d"} or {"set": "2026-12-24T00:00:00Z"}"#,
            )
        };
        let body = request.take_body().into_bytes_limit(MAX_BODY).await;
        let body = body.map_err(|_too_large_or_lost| unreadable())?;
        let wanted: Move = serde_json::from_slice(&body).map_err(|_unreadable| unreadable())?;
        let target = self.sandbox.target(&wanted).ok_or_else(unreadable)?;
        self.sandbox.move_to(target).await.map_err(|words| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", words)
        })?;
        wake(&self.state.billing);
        Ok(())
    }
}

/// The pump looks at the clock by itself, several times a second.
fn wake(billing: &Billing) {
    billing.wake();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_calendar_and_instants_are_read() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let target = |wanted: &Move| wanted.target(now).map(|to| to.to_string());
        for (text, to) in [
            ("31d", "2026-03-03T12:00:00Z"),
            ("1 month", "2026-02-28T12:00:00Z"),
            ("1y", "2027-01-31T12:00:00Z"),
            ("90m", "2026-01-31T13:30:00Z"),
        ] {
            assert_eq!(
                target(&Move::Advance(text.into())).as_deref(),
                Some(to),
                "{text}"
            );
        }
        for text in ["", "soon", "31"] {
            assert_eq!(target(&Move::Advance(text.into())), None, "{text}");
        }
        let set = |text: &str| target(&Move::Set(text.into()));
        assert_eq!(set("2026-12-24").as_deref(), Some("2026-12-24T00:00:00Z"));
        assert_eq!(
            set("2026-12-24T10:00:00+01:00").as_deref(),
            Some("2026-12-24T09:00:00Z")
        );
        assert_eq!(set("tomorrow"), None);
    }
}
