//! Stripe's refusals: status, type, code and words.

use http::StatusCode;
use serde_json::json;

use crate::fakes::rig::Answer;

/// A refusal, as its body is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) decline_code: Option<&'static str>,
    pub(super) param: Option<String>,
    pub(super) message: String,
    /// Whether the work had begun: only then an idempotency key remembers it.
    pub(super) begun: bool,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            decline_code: None,
            param: None,
            message: message.into(),
            begun: false,
        }
    }

    /// 400: the state of things forbids it.
    pub(super) fn state(message: impl Into<String>) -> Self {
        Self {
            begun: true,
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
        }
    }

    /// 400: a parameter that this endpoint does not know.
    pub(super) fn unknown(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self {
            param: Some(param.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
        }
        .coded("parameter_unknown")
    }

    /// 400: a parameter that must be there.
    pub(super) fn missing(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self {
            param: Some(param.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
        }
        .coded("parameter_missing")
    }

    /// 400: a parameter whose value does not do.
    pub(super) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
        }
    }

    /// 404, or 400 where the id came as a parameter.
    pub(super) fn no_such(kind: &str, id: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        Self {
            param: Some("id".to_owned()),
            begun: true,
            ..Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
        }
        .coded("resource_missing")
    }

    /// The same for an id that came as a parameter.
    pub(super) fn of_param(self, param: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            param: Some(param.to_owned()),
            ..self
        }
    }

    /// 402: the card said no.
    pub(super) fn card(code: &'static str, decline_code: Option<&'static str>) -> Self {
        let message = match code {
            "authentication_required" | "subscription_payment_intent_requires_action" => {
                "This payment requires additional user action before it can be completed."
            }
            _ => "Your card was declined.",
        };
        Self {
            decline_code,
            begun: true,
            ..Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", message)
        }
        .coded(code)
    }

    /// 401.
    pub(super) fn key() -> Self {
        let message = "Invalid API Key provided";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    /// 404 for a path that is none.
    pub(super) fn path(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    /// 400: the key was used for something else.
    pub(super) fn key_reused() -> Self {
        let message = "Keys for idempotent requests can only be used with the same \
            parameters they were first used with.";
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    /// 409: the key is in use.
    pub(super) fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this idempotency key.";
        Self::new(StatusCode::CONFLICT, "idempotency_error", message)
            .coded("idempotency_key_in_use")
    }

    /// 429.
    pub(super) fn rate() -> Self {
        let message = "Too many requests hit the API too quickly.";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "invalid_request_error",
            message,
        )
        .coded("rate_limit")
    }

    /// 500.
    pub(super) fn server() -> Self {
        let message = "An unknown error occurred.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", message)
    }

    /// The same under a code.
    pub(super) fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The answer.
    pub(super) fn answer(&self) -> Answer {
        let mut error = json!({ "type": self.kind, "message": self.message });
        let texts = [
            ("code", self.code),
            ("decline_code", self.decline_code),
            ("param", self.param.as_deref()),
        ];
        if let Some(fields) = error.as_object_mut() {
            for (name, text) in texts {
                if let Some(text) = text {
                    fields.insert(name.to_owned(), json!(text));
                }
            }
            if let Some(code) = self.code {
                let url = format!(
                    "https://stripe.com/docs/error-codes/{}",
                    code.replace('_', "-")
                );
                fields.insert("doc_url".to_owned(), json!(url));
            }
        }
        Answer::json(self.status, &json!({ "error": error }))
    }
}
