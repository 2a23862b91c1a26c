//! No secret in a log and none of the fixed ones in an answer, wherever a test
//! starts a server or a provider. Lines are looked at as they are written; whoever
//! ends asserts that none told anything.
//!
//! It is told the secrets that a test is made of, and learns those that answers
//! hand out. It deliberately knows no route and no provider.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use serde_json::Value;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

/// Shorter ones could stand in a line by chance.
const SHORTEST: usize = 10;

/// The newest bytes of log that are kept: what a new secret is looked for in, since
/// whoever makes it could have logged it. A request logs a few kilobytes.
const KEPT_BYTES: usize = 256 * 1024;

/// Every level that somebody who looks for a mistake turns on. Of the libraries that
/// carry bytes, `TRACE` is the bytes.
const LEVELS: &str = "debug,billing=trace,billing_engine=trace,billing_server=trace,\
    billing_http=trace,billing_stripe=trace,billing_paddle=trace,billing_btcpay=trace";

/// The fields of answers that hand out a secret.
const FIELDS: [&str; 4] = ["token", "secret", "checkout_secret", "license_key"];

static SEEN: Mutex<State> = Mutex::new(State::empty());

/// What was heard, by whichever test of this process.
struct State {
    secrets: BTreeSet<String>,
    /// The newest lines.
    kept: VecDeque<String>,
    kept_bytes: usize,
    /// Lines that tell a secret.
    found: Vec<String>,
}

fn state() -> MutexGuard<'static, State> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    const fn empty() -> Self {
        Self {
            secrets: BTreeSet::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            found: Vec::new(),
        }
    }

    fn line(&mut self, line: String) {
        if self.secrets.iter().any(|it| line.contains(it.as_str())) {
            self.found.push(line.clone());
        }
        self.kept_bytes += line.len();
        self.kept.push_back(line);
        while self.kept_bytes > KEPT_BYTES {
            let Some(old) = self.kept.pop_front() else {
                break;
            };
            self.kept_bytes -= old.len();
        }
    }

    fn learn(&mut self, secret: &str) {
        if secret.len() < SHORTEST || self.secrets.contains(secret) {
            return;
        }
        let told = self.kept.iter().filter(|line| line.contains(secret));
        self.found.extend(told.cloned());
        self.secrets.insert(secret.to_owned());
    }
}

/// Where lines go: one write each.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        state().line(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Watches over a process's log from now on, until it is dropped; then asserts.
#[derive(Debug)]
pub struct Canary {
    /// What no answer may tell.
    fixed: Vec<String>,
}

impl Canary {
    /// Watches over these, which no answer may tell either.
    ///
    /// # Panics
    ///
    /// Where one is so short that it could stand in a line by chance.
    #[must_use]
    #[track_caller]
    pub fn over<'a>(fixed: impl IntoIterator<Item = &'a str>) -> Self {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            let lines = tracing_subscriber::registry().with(Self::ear());
            // A test that listens by itself has set its own before.
            let _taken = tracing::subscriber::set_global_default(lines);
        });
        let fixed: Vec<String> = fixed.into_iter().map(str::to_owned).collect();
        let mut state = state();
        for secret in &fixed {
            assert!(
                secret.len() >= SHORTEST,
                "{secret} is too short to look for"
            );
            state.learn(secret);
        }
        drop(state);
        Self { fixed }
    }

    /// What it hears by, for a process that has a subscriber of its own.
    #[must_use]
    pub fn ear<S>() -> impl Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(|| Lines)
            .with_filter(EnvFilter::new(LEVELS))
    }

    /// Somebody proves who it is by this, or signs with it.
    pub fn used(credential: &str) {
        state().learn(credential);
    }

    /// An answer: it tells none of the fixed ones, and what it hands out is for its
    /// reader alone.
    ///
    /// # Panics
    ///
    /// Where it tells one.
    #[track_caller]
    pub fn answered(&self, text: &str) {
        let told = self
            .fixed
            .iter()
            .find(|secret| text.contains(secret.as_str()));
        assert_eq!(told, None, "an answer tells a secret: {text}");
        if let Ok(answer) = serde_json::from_str(text) {
            handed(&answer);
        }
    }
}

/// Learns what an answer hands out.
fn handed(answer: &Value) {
    match answer {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(text) = value.as_str()
                    && FIELDS.contains(&name.as_str())
                {
                    Canary::used(text);
                }
                handed(value);
            }
        }
        Value::Array(rows) => rows.iter().for_each(handed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let found = std::mem::take(&mut state().found);
        assert!(found.is_empty(), "the log tells a secret: {found:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "whsec_of_this_test";

    #[test]
    fn x_08_a_canary_hears_what_was_logged_before_it_was_told() {
        let mut state = State::empty();
        state.line("made bs_a_session_of_ana".to_owned());
        state.line("asked for /v1/me".to_owned());
        state.learn("bs_a_session_of_ana");
        assert_eq!(state.found, ["made bs_a_session_of_ana"]);
        state.line("who has bs_a_session_of_ana?".to_owned());
        assert_eq!(state.found.len(), 2);
        for _line in 0..3 {
            state.line("x".repeat(KEPT_BYTES / 2));
        }
        assert!(state.kept_bytes <= KEPT_BYTES && state.kept.len() == 2);
    }

    #[test]
    fn x_08_a_canary_listens_and_reads_answers() {
        let canary = Canary::over([TOLD]);
        tracing::debug!(target: "billing", "a canary listens");
        let heard = |line: &String| line.contains("a canary listens");
        assert!(state().kept.iter().any(heard));
        let rows = serde_json::json!({ "data": [{ "token": "bs_handed_out_by_an_answer" }] });
        canary.answered(&rows.to_string());
        assert!(state().secrets.contains("bs_handed_out_by_an_answer"));
        let told = std::panic::catch_unwind(|| canary.answered(&format!("who is {TOLD}?")));
        assert!(told.is_err(), "an answer tells it");
    }
}
