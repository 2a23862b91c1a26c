//! The built-in provider in this server: the only place that asks whether the
//! program was built with it (cargo feature `sandbox`).
//!
//! `present` and `absent` have the same doors. Where the sandbox is absent its
//! type has no value, so what else the server does with it is never done.
//! Knows no configuration file, and not what the sandbox does by itself.

#[cfg(not(feature = "sandbox"))]
mod absent;
#[cfg(feature = "sandbox")]
mod present;

use serde::Deserialize;

#[cfg(not(feature = "sandbox"))]
pub(crate) use self::absent::{FIRST_START, HOW_TO_HAVE, Sandbox, SandboxError};
#[cfg(feature = "sandbox")]
pub(crate) use self::present::{FIRST_START, HOW_TO_HAVE, Sandbox, SandboxError};

/// Where the sandbox's clock is to go: exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Move {
    /// By a length of calendar time, such as `31d` or `1 month`.
    Advance(String),
    /// To an instant, such as `2026-12-24T00:00:00Z`.
    Set(String),
}
