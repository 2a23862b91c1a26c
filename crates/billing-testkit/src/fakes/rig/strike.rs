//! A request at work, and the ordered fault that strikes it before or after.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::StatusCode;
use poem::{Body, Response};

use super::Provider;
use super::fault::{FaultKind, SLOW_MAX_MILLIS, Stage};
use super::serve::Parts;
use super::wire::{Answer, Incoming};

/// What a request comes to.
pub(super) enum Outcome {
    Whole(Answer),
    Cut(Answer),
    Lost,
}

/// Does the work of a request, with the fault that strikes it.
pub(super) async fn work(
    parts: &Parts,
    request: &Incoming,
    struck: Option<(Stage, FaultKind)>,
) -> Outcome {
    let provider = parts.provider.as_ref();
    // What comes before the provider's own door: limits and proxies.
    if let Some((Stage::Before, kind)) = &struck
        && let Some(outcome) = instead(provider, request, kind)
    {
        return outcome;
    }
    if let Some(answer) = provider.enter(request) {
        return match struck {
            Some((_, kind)) => after(provider, request, &kind, answer),
            None => Outcome::Whole(answer),
        };
    }
    let entered = Entered(provider, request, false);
    if let Some((Stage::Before, FaultKind::Slow { millis })) = &struck {
        slow(*millis).await;
    }
    let answer = provider.answer(request);
    if let Some((Stage::After, FaultKind::ServerError)) = &struck {
        // A server error within the work is what the provider remembers.
        let error = provider.refusal(request, &FaultKind::ServerError);
        entered.leave(&error);
        return Outcome::Whole(error);
    }
    if let Some((Stage::After, FaultKind::Slow { millis })) = &struck {
        slow(*millis).await;
    }
    entered.leave(&answer);
    match struck {
        Some((_, kind)) => after(provider, request, &kind, answer),
        None => Outcome::Whole(answer),
    }
}

/// A request that is being worked on; one that its caller gave up leaves, too.
struct Entered<'a>(&'a dyn Provider, &'a Incoming, bool);

impl Entered<'_> {
    fn leave(mut self, answer: &Answer) {
        self.2 = true;
        self.0.leave(self.1, Some(answer));
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.2 {
            self.0.leave(self.1, None);
        }
    }
}

/// What comes in the place of the work. `None`: the work is done.
fn instead(provider: &dyn Provider, request: &Incoming, kind: &FaultKind) -> Option<Outcome> {
    Some(match kind {
        FaultKind::Slow { .. } => return None,
        FaultKind::CutBody => {
            let answer = provider.refusal(request, &FaultKind::ServerError);
            Outcome::Cut(answer)
        }
        FaultKind::LostAnswer => Outcome::Lost,
        FaultKind::HtmlBadGateway => Outcome::Whole(gateway()),
        FaultKind::Fixed { status, body } => Outcome::Whole(fixed(*status, body)),
        FaultKind::RateLimited { .. } | FaultKind::Conflict | FaultKind::ServerError => {
            Outcome::Whole(provider.refusal(request, kind))
        }
    })
}

/// What becomes of the true answer.
fn after(provider: &dyn Provider, request: &Incoming, kind: &FaultKind, answer: Answer) -> Outcome {
    match kind {
        FaultKind::Slow { .. } => Outcome::Whole(answer),
        FaultKind::CutBody => Outcome::Cut(answer),
        FaultKind::LostAnswer => Outcome::Lost,
        FaultKind::HtmlBadGateway => Outcome::Whole(gateway()),
        FaultKind::Fixed { status, body } => Outcome::Whole(fixed(*status, body)),
        FaultKind::RateLimited { .. } | FaultKind::Conflict | FaultKind::ServerError => {
            Outcome::Whole(provider.refusal(request, kind))
        }
    }
}

async fn slow(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis.min(SLOW_MAX_MILLIS))).await;
}

fn gateway() -> Answer {
    let page = "<html><head><title>502 Bad Gateway</title></head>\
        <body><center><h1>502 Bad Gateway</h1></center></body></html>";
    Answer::html(StatusCode::BAD_GATEWAY, page)
}

fn fixed(status: u16, body: &serde_json::Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, body)
}

/// A whole answer.
pub(super) fn response(answer: &Answer) -> Response {
    let body = Body::from(answer.body.clone());
    head(answer).body(body)
}

fn head(answer: &Answer) -> poem::ResponseBuilder {
    let headers = answer.headers.iter();
    headers.fold(
        Response::builder().status(answer.status),
        |head, (name, value)| head.header(name.as_str(), value.as_str()),
    )
}

/// An answer that promises its whole body and ends after half of it.
pub(super) fn cut(answer: &Answer) -> Response {
    let (half, _rest) = answer.body.split_at(answer.body.len().div_euclid(2));
    let half = Bytes::copy_from_slice(half);
    let first = futures_util::stream::once(async move { Ok::<_, io::Error>(half) });
    let then = futures_util::stream::once(async {
        // Lets the half out before the connection is closed.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut by an ordered fault"))
    });
    head(answer)
        .header("content-length", answer.body.len().to_string())
        .body(Body::from_bytes_stream(first.chain(then)))
}
