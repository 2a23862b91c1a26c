//! What Greenfield says when it says no. Knows no state.

use serde_json::{Value, json};

/// A request that BTCPay declined, with nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the HTTP answer.
    pub status: u16,
    /// BTCPay's code: `invoice-not-found`. Its answer to a 422 bears none.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Fields that did not pass, each with what is wrong with it: those of a 422.
    pub fields: Vec<(String, String)>,
    /// The permission that the key lacks. `None`: that is not what was wrong.
    pub missing: Option<&'static str>,
}

impl Refusal {
    /// 400 with a code.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 400 without a code of its own: rates, nodes, wallets.
    pub(super) fn generic(message: impl Into<String>) -> Self {
        Self::bad("generic-error", message)
    }

    /// 404: no invoice of the store has that id.
    pub(super) fn no_invoice() -> Self {
        Self::new(404, "invoice-not-found", "The invoice was not found")
    }

    /// 422: a field did not pass.
    pub(super) fn field(path: &str, message: &str) -> Self {
        Self {
            fields: vec![(path.to_owned(), message.to_owned())],
            ..Self::new(422, "validation", message)
        }
    }

    /// 403: the key lacks a permission.
    pub(super) fn lacks(permission: &'static str) -> Self {
        let message = format!(
            "Insufficient API Permissions. Please use an API key with permission: {permission}."
        );
        Self {
            missing: Some(permission),
            ..Self::new(403, "missing-permission", message)
        }
    }

    /// Any status.
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            fields: Vec::new(),
            missing: None,
        }
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        if self.status == 422 {
            let fields = self.fields.iter();
            return fields
                .map(|(path, message)| json!({"path": path, "message": message}))
                .collect();
        }
        let mut body = json!({"code": self.code, "message": self.message});
        if let Some(permission) = self.missing {
            body["missingPermission"] = Value::from(permission);
        }
        body
    }
}
