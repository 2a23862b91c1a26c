//! `billing clock`: the sandbox's clock.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Context;
use super::failure::Failure;
use super::target::{ServerArg, Target};
use crate::sandbox::{HOW_TO_HAVE, Move};

/// Look at the sandbox's clock, and move it ahead.
#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Show the time
    #[command(after_help = "Examples:\n  billing clock show")]
    Show {
        #[command(flatten)]
        server: ServerArg,
    },
    /// Move it ahead; what falls due by then happens
    #[command(
        after_help = "Examples:\n  billing clock advance 31d\n  billing clock advance '1 month'\n  billing clock advance 12h"
    )]
    Advance {
        /// How far: days (31d), weeks (2w), months (1 month), years (1y), hours (12h)
        by: String,
        #[command(flatten)]
        server: ServerArg,
    },
    /// Move it ahead to an instant
    #[command(
        after_help = "Examples:\n  billing clock set 2026-12-24\n  billing clock set 2026-12-24T09:00:00Z"
    )]
    Set {
        /// A date, or an instant with its offset
        to: String,
        #[command(flatten)]
        server: ServerArg,
    },
}

impl Clock {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let (server, wanted) = match self {
            Self::Show { server } => (server, None),
            Self::Advance { by, server } => (server, Some(Move::Advance(by))),
            Self::Set { to, server } => (server, Some(Move::Set(to))),
        };
        let now = match server.target(context).await? {
            Target::Server(remote) => {
                let said = match &wanted {
                    None => remote.get("/sandbox/clock").await?,
                    Some(wanted) => remote.post("/sandbox/clock", &body(wanted)).await?,
                };
                let now = said.get("now").and_then(Value::as_str).map(str::to_owned);
                now.ok_or_else(|| Failure::server("the server has no sandbox"))?
            }
            Target::Books(parts) => {
                let sandbox = parts.sandbox.as_ref().ok_or_else(no_sandbox)?;
                let now = match &wanted {
                    None => sandbox.clock().now(),
                    Some(wanted) => {
                        let to = sandbox.target(wanted).ok_or_else(|| unreadable(wanted))?;
                        sandbox.move_to(to).await.map_err(Failure::failed)?
                    }
                };
                now.to_string()
            }
        };
        Ok(show(context, &now))
    }
}

fn body(wanted: &Move) -> Value {
    match wanted {
        Move::Advance(by) => json!({ "advance": by }),
        Move::Set(to) => json!({ "set": to }),
    }
}

fn show(context: &Context, now: &str) -> ExitCode {
    if context.out.is_json() {
        context.out.value(&json!({ "now": now }));
    } else {
        context.out.line(now);
    }
    ExitCode::SUCCESS
}

fn no_sandbox() -> Failure {
    Failure::failed("the sandbox is off, and no other clock can be moved").with_hint(HOW_TO_HAVE)
}

fn unreadable(wanted: &Move) -> Failure {
    let (found, expected) = match wanted {
        Move::Advance(text) => (text, "a length of time such as 31d, 12h or '1 month'"),
        Move::Set(text) => (text, "a date or an instant such as 2026-12-24T09:00:00Z"),
    };
    Failure::usage(format!("found {found:?}, expected {expected}"))
}
