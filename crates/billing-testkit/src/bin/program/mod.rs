//! What the programs that serve a fake have in common: a clock, the words that they
//! print, the help about what there is beside a provider's API, and their end.
//!
//! It deliberately knows no provider.

use std::future::Future;
use std::io::{self, Write as _};

use clap::Args;
use jiff::Timestamp;

/// The clock of a fake.
#[derive(Debug, Args)]
pub(crate) struct ClockArgs {
    /// Where the clock stands until it is moved. Without it the clock runs on from now.
    #[arg(long)]
    start: Option<Timestamp>,
}

impl ClockArgs {
    /// Where it begins.
    pub(crate) fn start(&self) -> Timestamp {
        self.start.unwrap_or_else(now)
    }

    /// Whether it runs on by itself.
    pub(crate) const fn runs(&self) -> bool {
        self.start.is_none()
    }
}

/// The one reading of the wall clock: a running fake signs for servers that live by it.
#[expect(
    clippy::disallowed_methods,
    reason = "the entry point of a program reads the time"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Help about what there is beside the API, with a provider's own `acts`.
pub(crate) fn beside(acts: &str) -> String {
    format!("{RIG}\n{acts}")
}

/// What every fake has.
const RIG: &str = r#"Beside the API there is, without a key:

  GET  /_books     how often and how much everybody was charged
  GET  /_requests  the requests so far
  GET  /_clock     the time; POST {"advance_seconds": 86400} or
                   {"advance_to": "2026-03-01T00:00:00Z"} moves it on
  GET  /_faults    the faults that are ordered; POST orders one:
                   {"method": "POST", "path_prefix": "/v1/customers",
                    "times": 1, "skip": 0, "stage": "before" or "after",
                    "kind": {"rate_limited": {"retry_after": 2}}, "conflict",
                    "server_error", {"slow": {"millis": 500}},
                    "html_bad_gateway", "cut_body", "lost_answer" or
                    {"fixed": {"status": 424, "body": {}}}};
                   DELETE forgets them
  GET  /_webhooks  the events that wait; POST {"url": "http://…"} delivers
                   them there with retries, {"url": null} holds them"#;

/// Tells a person something: where it listens, above all.
pub(crate) fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Serves until somebody stops it.
pub(crate) async fn until_stopped(keep_up: impl Future<Output = ()>) -> io::Result<()> {
    tokio::select! {
        () = keep_up => Ok(()),
        stopped = tokio::signal::ctrl_c() => stopped,
    }
}
