//! What Paddle says when it says no. Knows no state.

use serde_json::{Value, json};

/// A request that Paddle declined, with nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the HTTP answer.
    pub status: u16,
    /// Paddle's stable code: `subscription_locked_renewal`.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// Fields that did not pass, each with what is wrong with it.
    pub fields: Vec<(String, String)>,
}

impl Refusal {
    /// 400 with a code.
    pub(super) fn bad(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(400, code, detail)
    }

    /// 409 with a code.
    pub(super) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 404: nothing has that id.
    pub(super) fn not_found(id: &str) -> Self {
        Self::new(404, "not_found", format!("Entity {id} not found"))
    }

    /// 400: a field did not pass.
    pub(super) fn field(field: &str, message: &str) -> Self {
        Self {
            fields: vec![(field.to_owned(), message.to_owned())],
            ..Self::new(400, "bad_request", "Invalid request")
        }
    }

    /// 500: the fake could not work it out. Tests that see it are to be looked at.
    pub(super) fn internal(detail: &str) -> Self {
        Self::new(500, "internal_error", detail)
    }

    /// Any status.
    pub(super) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// The body of the answer.
    pub(super) fn body(&self, request_id: &str) -> Value {
        let kind = if self.status >= 500 {
            "api_error"
        } else {
            "request_error"
        };
        let area = match self.code.split('_').next() {
            Some("subscription") => "subscriptions",
            Some("transaction") => "transactions",
            Some("customer") => "customers",
            Some("adjustment") => "adjustments",
            Some("notification") => "notifications",
            _ => "shared",
        };
        let mut error = json!({
            "type": kind,
            "code": self.code,
            "detail": self.detail,
            "documentation_url":
                format!("https://developer.paddle.com/errors/{area}/{}", self.code),
        });
        if !self.fields.is_empty() {
            let fields = self.fields.iter();
            error["errors"] = fields
                .map(|(field, message)| json!({"field": field, "message": message}))
                .collect();
        }
        json!({"error": error, "meta": {"request_id": request_id}})
    }
}
