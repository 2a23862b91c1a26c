//! BTCPay's refusals, and what they mean to whoever performs an order. Knows nothing
//! of which order it was.

use billing_ports::{Answer, PerformError, Refusal};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// What BTCPay says where it has no name for a failure: no rate from its source, a
/// Lightning node that does not answer. It passes.
const NAMELESS: &str = "generic_error";

/// The code of a refusal that lists what is wrong with the fields.
const INVALID: &str = "validation_failed";

/// What BTCPay says of what is not there: an invoice, or a promise to pay back.
const MISSING: [&str; 2] = ["invoice_not_found", "pullpayment_not_found"];

/// Longest text of BTCPay's that is kept; theirs are a sentence or two, and an error
/// must not be a way to fill logs.
const DETAIL_MAX_CHARS: usize = 500;

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// It had no effect, and may have one later.
    #[error("{0}")]
    NotSent(String),
    /// Nobody knows whether it had an effect.
    #[error("{0}")]
    Unknown(String),
    /// Key, permission or store is wrong.
    #[error("{0}")]
    Misconfigured(String),
    /// BTCPay said no.
    #[error("{0}")]
    Refused(ApiError),
}

/// What BTCPay said when it said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {code}: {detail}")]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    /// Whether BTCPay has named it. `false`: `code` is made of the status.
    pub(crate) named: bool,
    pub(crate) code: String,
    pub(crate) detail: String,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    /// The permission that the key lacks.
    #[serde(default, rename = "missingPermission")]
    missing: Option<String>,
}

#[derive(Deserialize)]
struct OnField {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl ApiError {
    /// What a body says; what cannot be read still has its status.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        let status = status.as_u16();
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let (code, detail) = match body {
            Some(list @ Value::Array(_)) => (Some(INVALID.to_owned()), on_fields(list)),
            Some(said @ Value::Object(_)) => told(said),
            _ => (None, None),
        };
        let detail = detail.unwrap_or_else(|| "no readable error".to_owned());
        Self {
            status,
            named: code.is_some(),
            code: code.unwrap_or_else(|| format!("http_{status}")),
            detail: detail.chars().take(DETAIL_MAX_CHARS).collect(),
        }
    }

    /// Whether BTCPay itself says that there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == 404 && MISSING.contains(&self.code.as_str())
    }

    /// Whether BTCPay refuses the key itself, whatever was asked under it. One that is
    /// taken and lacks a permission has the status beside this one.
    pub(crate) fn refuses_key(&self) -> bool {
        self.status == 401 && self.named
    }

    /// What the caller may conclude from it.
    pub(crate) fn judged(self) -> CallError {
        match self.status {
            401 | 403 if self.named => CallError::Misconfigured(self.to_string()),
            // Whoever knows no code of BTCPay's is not BTCPay, knows of no invoice, and
            // judges no key.
            401 | 403 | 404 if !self.named => CallError::Unknown(self.to_string()),
            // Turned away before anything was looked at.
            429 => CallError::NotSent(self.to_string()),
            // BTCPay sends its API nowhere else: a page in front of it does, and it passes.
            300..=399 | 408 | 500.. => CallError::Unknown(self.to_string()),
            400 if self.code == NAMELESS => CallError::Unknown(self.to_string()),
            _ => CallError::Refused(self),
        }
    }
}

fn told(said: Value) -> (Option<String>, Option<String>) {
    let Ok(said) = serde_json::from_value::<Said>(said) else {
        return (None, None);
    };
    let code = said.code.as_deref().and_then(stable);
    let mut detail = said.message;
    if let Some(missing) = said.missing {
        let named = format!("the key lacks the permission {missing}");
        detail = Some(detail.map_or(named.clone(), |detail| format!("{detail}; {named}")));
    }
    (code, detail)
}

fn on_fields(list: Value) -> Option<String> {
    let fields: Vec<OnField> = serde_json::from_value(list).ok()?;
    let said = fields.into_iter().map(|field| {
        let (path, message) = (field.path, field.message);
        format!(
            "{}: {}",
            path.unwrap_or_default(),
            message.unwrap_or_default()
        )
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// A code in lower-case letters, digits and `_`. `None`: it is none.
fn stable(code: &str) -> Option<String> {
    let code = code.replace('-', "_");
    let ok = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!code.is_empty() && code.bytes().all(ok)).then_some(code)
}

impl CallError {
    /// Whether there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(error) if error.is_not_found())
    }

    /// As the answer to an order.
    pub(crate) fn answer(self) -> Result<Answer, PerformError> {
        match self {
            Self::Refused(error) => Ok(Answer::Refused(Refusal {
                code: error.code.clone(),
                message: error.to_string(),
            })),
            Self::NotSent(why) => Err(PerformError::NotSent(why)),
            Self::Unknown(why) => Err(PerformError::Unknown(why)),
            Self::Misconfigured(why) => Err(PerformError::Misconfigured(why)),
        }
    }

    /// As the error of a read, where a refusal means that we asked wrongly.
    pub(crate) fn of_read(self) -> PerformError {
        match self.answer() {
            Ok(Answer::Refused(refusal)) => PerformError::Misconfigured(refusal.message),
            Ok(Answer::Done(_)) => PerformError::Unknown("no answer".to_owned()),
            Err(error) => error,
        }
    }
}

/// A refusal of our own, made before BTCPay was asked to act.
pub(crate) fn refused(code: &str, message: impl Into<String>) -> CallError {
    CallError::Refused(ApiError {
        status: 400,
        named: true,
        code: code.to_owned(),
        detail: message.into(),
    })
}
