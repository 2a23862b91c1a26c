//! Paddle's refusals, and what they mean to whoever performs an order. Knows
//! nothing of which order it was.

use billing_ports::{Answer, PerformError, Refusal};
use http::StatusCode;
use serde::Deserialize;

/// Locks that pass by themselves: within 30 minutes of a renewal, while another
/// call is at work, or while the transaction to be credited is still processed.
/// Nothing happened, and asking later succeeds. A change that is scheduled is none
/// of them: it stands until somebody takes it back.
const PASSING: [&str; 3] = [
    "subscription_locked_renewal",
    "subscription_locked_processing",
    "subscription_credit_creation_against_processing_transaction",
];

/// What is said of a key that is none, or is none any more: under the status of one that
/// lacks a permission, whose code is another.
const NO_KEY: [&str; 3] = [
    "invalid_token",
    "authentication_missing",
    "authentication_malformed",
];

/// Longest text of Paddle's that is kept; theirs are a sentence or two, and an
/// error must not be a way to fill logs.
const DETAIL_MAX_CHARS: usize = 500;

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// It had no effect, and may have one later.
    #[error("{0}")]
    NotSent(String),
    /// Paddle said no for as long as something else is under way.
    #[error("{0}")]
    Passing(ApiError),
    /// Nobody knows whether it had an effect.
    #[error("{0}")]
    Unknown(String),
    /// Key or permission is wrong.
    #[error("{0}")]
    Misconfigured(String),
    /// Paddle said no.
    #[error("{0}")]
    Refused(ApiError),
}

/// What Paddle said when it said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {code}: {detail}{}", named(request_id.as_deref()))]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) request_id: Option<String>,
}

fn named(request_id: Option<&str>) -> String {
    request_id.map_or_else(String::new, |id| format!(" (request {id})"))
}

#[derive(Deserialize)]
struct Body {
    error: Said,
}

/// As much of a body as names its request.
#[derive(Deserialize)]
struct Named {
    meta: Meta,
}

/// Longest name of a request that is kept; Paddle's have 36 bytes.
const REQUEST_MAX_CHARS: usize = 128;

/// How a body names its request. `None`: it does not, or is no JSON.
pub(crate) fn request_in(body: &[u8]) -> Option<String> {
    let named: Named = serde_json::from_slice(body).ok()?;
    let plain = |id: &String| {
        id.len() <= REQUEST_MAX_CHARS && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    named.meta.request_id.filter(plain)
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Option<Vec<OnField>>,
}

#[derive(Deserialize)]
struct OnField {
    #[serde(default)]
    field: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    request_id: Option<String>,
}

impl ApiError {
    /// What a body says; what cannot be read still has its status.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        let status = status.as_u16();
        let request_id = request_in(body);
        let Ok(body) = serde_json::from_slice::<Body>(body) else {
            return Self {
                status,
                code: format!("http_{status}"),
                detail: "no readable error".to_owned(),
                request_id,
            };
        };
        let mut detail = body.error.detail;
        for on in body.error.errors.unwrap_or_default() {
            detail.push_str("; ");
            detail.push_str(&on.field);
            detail.push_str(": ");
            detail.push_str(&on.message);
        }
        Self {
            status,
            code: stable(&body.error.code).unwrap_or_else(|| format!("http_{status}")),
            detail: detail.chars().take(DETAIL_MAX_CHARS).collect(),
            request_id,
        }
    }

    /// The same, under the name of the request that came beside the body, where the
    /// body has none.
    pub(crate) fn or_named(self, request_id: Option<String>) -> Self {
        Self {
            request_id: self.request_id.or(request_id),
            ..self
        }
    }

    /// Whether it refuses the key itself, whatever was asked under it.
    pub(crate) fn refuses_key(&self) -> bool {
        self.status == 401 || NO_KEY.contains(&self.code.as_str())
    }

    /// What the caller may conclude from it.
    pub(crate) fn judged(self) -> CallError {
        match self.status {
            401 | 403 => CallError::Misconfigured(self.to_string()),
            // Turned away before anything was looked at.
            429 => CallError::NotSent(self.to_string()),
            408 | 500.. => CallError::Unknown(self.to_string()),
            _ if PASSING.contains(&self.code.as_str()) => CallError::Passing(self),
            300..=399 => CallError::Misconfigured(self.to_string()),
            _ => CallError::Refused(self),
        }
    }
}

/// A code in lower-case letters, digits and `_`. `None`: it is none.
fn stable(code: &str) -> Option<String> {
    let ok = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!code.is_empty() && code.bytes().all(ok)).then(|| code.to_owned())
}

impl CallError {
    /// Whether there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(error) if error.status == 404)
    }

    /// Whether nothing has changed for certain.
    pub(crate) const fn had_no_effect(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Passing(_) | Self::Refused(_))
    }

    /// Whether it is a refusal, with what code.
    pub(crate) fn refusal(self) -> Result<Refusal, PerformError> {
        match self {
            Self::Refused(error) => Ok(Refusal {
                code: error.code.clone(),
                message: error.to_string(),
            }),
            Self::NotSent(why) => Err(PerformError::NotSent(why)),
            Self::Passing(error) => Err(PerformError::NotSent(error.to_string())),
            Self::Unknown(why) => Err(PerformError::Unknown(why)),
            Self::Misconfigured(why) => Err(PerformError::Misconfigured(why)),
        }
    }

    /// As the answer to an order.
    pub(crate) fn answer(self) -> Result<Answer, PerformError> {
        self.refusal().map(Answer::Refused)
    }

    /// As the error of a read, where a refusal means that we asked wrongly.
    pub(crate) fn of_read(self) -> PerformError {
        match self.refusal() {
            Ok(refusal) => PerformError::Misconfigured(refusal.message),
            Err(error) => error,
        }
    }
}

/// A refusal of our own, made before Paddle was asked to act.
pub(crate) fn refused(code: &str, message: impl Into<String>) -> CallError {
    CallError::Refused(ApiError {
        status: 400,
        code: code.to_owned(),
        detail: message.into(),
        request_id: None,
    })
}
