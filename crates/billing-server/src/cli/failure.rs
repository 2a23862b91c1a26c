//! Why a command failed, as people read it, and its exit code.

use std::error::Error;

use billing_catalog::PlanFileErrors;

use crate::config::ConfigError;
use crate::lock::LockError;
use crate::wiring::WiringError;

/// The exit code of what was read, understood and refused.
pub(crate) const REFUSED: u8 = 3;

/// The exit code where a provider, or a receiver, did not answer for everything: that nothing
/// differs is not known then.
pub(crate) const UNANSWERED: u8 = 5;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    /// What helps. Empty: nothing is known.
    hint: String,
    /// Its stable name, for programs. `None`: it has none.
    name: Option<&'static str>,
    kind: Kind,
}

/// Which exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
    Refused,
    Server,
}

impl Failure {
    /// Failed to do `what`, because of `error` and what caused it.
    pub(crate) fn new(what: &str, error: &dyn Error) -> Self {
        Self::of(Kind::Failed, format!("failed to {what}: {}", chain(error)))
    }

    /// Failed, in these words.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::of(Kind::Failed, message.into())
    }

    /// Asked wrongly.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::of(Kind::Usage, message.into())
    }

    /// Read, understood and refused.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::of(Kind::Refused, message.into())
    }

    /// A server has the books, or says no.
    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::of(Kind::Server, message.into())
    }

    fn of(kind: Kind, message: String) -> Self {
        Self {
            message,
            hint: String::new(),
            name: None,
            kind,
        }
    }

    /// What helps.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Under a stable name, for programs.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    pub(crate) const fn name(&self) -> Option<&'static str> {
        self.name
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }

    pub(crate) const fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Refused => REFUSED,
            Kind::Server => 4,
        }
    }
}

/// An error and what caused it, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(format!("failed to {error}"))
    }
}

impl From<PlanFileErrors> for Failure {
    fn from(errors: PlanFileErrors) -> Self {
        Self::refused(errors.to_string())
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::InUse { .. } => Self::server(error.to_string()),
            LockError::Io { .. } => Self::failed(format!("failed to {}", chain(&error))),
        }
    }
}

impl From<WiringError> for Failure {
    fn from(error: WiringError) -> Self {
        match error {
            WiringError::Lock(error) => error.into(),
            error @ (WiringError::File { .. }
            | WiringError::Mail { .. }
            | WiringError::Store(_)
            | WiringError::Sandbox(_)
            | WiringError::Provider { .. }
            | WiringError::Events(_)
            | WiringError::Engine(_)) => Self::failed(format!("failed to {}", chain(&error))),
        }
    }
}
