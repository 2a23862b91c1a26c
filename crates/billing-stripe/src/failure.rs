//! How a call fails, told apart by what may be concluded.

use billing_http::{HttpError, Response};
use billing_ports::{Answer, PerformError, Refusal};
use http::StatusCode;

use crate::client::SHOULD_RETRY;
use crate::wire::{ApiError, ErrorBody};

/// Longest message of Stripe's that is passed on, in characters. Theirs have one or
/// two sentences; it ends up in records that people read.
const MESSAGE_MAX_CHARS: usize = 500;

/// Why a call gave no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Stripe says no, and will say no again.
    Refused(Refusal),
    /// There is no such object.
    Missing(Refusal),
    /// The key was used before, for a call with other parameters: that call was made.
    KeyTaken(String),
    /// Nobody knows, or nobody was asked.
    Failed(PerformError),
}

impl Failure {
    /// The failure as the answer to an order.
    pub(crate) fn answer(self) -> Result<Answer, PerformError> {
        self.refusal().map(Answer::Refused)
    }

    /// The refusal that it is.
    pub(crate) fn refusal(self) -> Result<Refusal, PerformError> {
        match self {
            Self::Refused(refusal) | Self::Missing(refusal) => Ok(refusal),
            Self::KeyTaken(why) => Err(PerformError::Unknown(why)),
            Self::Failed(error) => Err(error),
        }
    }

    /// The failure of a call that only reads.
    pub(crate) fn of_reading(self) -> PerformError {
        match self {
            Self::Refused(refusal) | Self::Missing(refusal) => PerformError::Misconfigured(
                format!("a read was refused: {} ({})", refusal.code, refusal.message),
            ),
            Self::KeyTaken(why) => PerformError::Unknown(why),
            Self::Failed(error) => error,
        }
    }

    /// Refused by ourselves, under a code of our own.
    pub(crate) fn refused(code: &str, message: &str) -> Self {
        Self::Refused(Refusal {
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// An answer that says what it cannot say.
    pub(crate) fn unreadable(what: &str) -> Self {
        Self::Failed(PerformError::Unknown(format!("{what} cannot be read")))
    }

    pub(crate) const fn is_unknown(&self) -> bool {
        matches!(
            self,
            Self::KeyTaken(_) | Self::Failed(PerformError::Unknown(_))
        )
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let text = chain(&error);
        Self::Failed(match error {
            HttpError::NotSent { .. } => PerformError::NotSent(text),
            HttpError::Unknown { .. } => PerformError::Unknown(text),
            HttpError::Invalid { .. } => PerformError::Misconfigured(text),
        })
    }
}

/// What an answer that is no success means.
pub(crate) fn classify(response: &Response) -> Failure {
    let status = response.status.as_u16();
    let body: Option<ErrorBody> = serde_json::from_slice(&response.body).ok();
    let error = body.and_then(|body| body.error);
    let code = error.as_ref().map_or("no_error_body", |it| it.code());
    let named = format!(
        "status {status}, {code}{}",
        request(response.request_id.as_deref())
    );
    if response.status == StatusCode::TOO_MANY_REQUESTS && !response.earlier_unknown {
        // Turned away before anything was looked at, as every attempt before it was.
        return Failure::Failed(PerformError::NotSent(named));
    }
    let retry = response.headers.get(SHOULD_RETRY);
    if retry.is_some_and(|value| value == "true") {
        return Failure::Failed(PerformError::Unknown(named));
    }
    let final_word = retry.is_some_and(|value| value == "false");
    match (status, error) {
        // Their words are left out: they show a part of the key.
        (401 | 403, _) => Failure::Failed(PerformError::Misconfigured(named)),
        (400 | 402 | 404, Some(error)) if error.is_about_key() => Failure::KeyTaken(named),
        (400 | 402 | 404, Some(error)) => {
            let refusal = Refusal {
                code: stable(error.code()),
                message: words(&error, response.request_id.as_deref()),
            };
            if status == 404 {
                Failure::Missing(refusal)
            } else {
                Failure::Refused(refusal)
            }
        }
        // By Stripe's own word the same call will never come to anything else.
        (402..=499, Some(error)) if final_word && !error.is_about_key() => {
            Failure::Refused(Refusal {
                code: stable(error.code()),
                message: words(&error, response.request_id.as_deref()),
            })
        }
        // Conflicts, failures over there, and whatever no answer of Stripe's looks
        // like: asked again under the same key.
        _ => Failure::Failed(PerformError::Unknown(named)),
    }
}

/// Stripe's words, with the bank's reason and the name of the request.
fn words(error: &ApiError, request_id: Option<&str>) -> String {
    let text = error.message.as_deref().unwrap_or("no reason given");
    let words: String = text.chars().take(MESSAGE_MAX_CHARS).collect();
    let noted = |note: &Option<String>| match note {
        Some(note) => format!(" [{}]", stable(note)),
        None => String::new(),
    };
    let (reason, param) = (noted(&error.decline_code), noted(&error.param));
    format!("{words}{reason}{param}{}", request(request_id))
}

fn request(id: Option<&str>) -> String {
    id.map(|id| format!(" (request {id})")).unwrap_or_default()
}

/// A code of lower-case letters, digits and underscores, whatever was sent.
fn stable(code: &str) -> String {
    let keep = |symbol: char| match symbol {
        'a'..='z' | '0'..='9' | '_' => symbol,
        'A'..='Z' => symbol.to_ascii_lowercase(),
        _ => '_',
    };
    code.chars().take(64).map(keep).collect()
}

/// An error with everything beneath it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_turned_away_says_nothing_of_an_attempt_before() {
        for earlier_unknown in [false, true] {
            let response = Response {
                status: StatusCode::TOO_MANY_REQUESTS,
                headers: http::HeaderMap::new(),
                body: bytes::Bytes::new(),
                attempts: 2,
                earlier_unknown,
                request_id: None,
            };
            let failure = classify(&response);
            assert_eq!(failure.is_unknown(), earlier_unknown, "{failure:?}");
        }
    }
}
