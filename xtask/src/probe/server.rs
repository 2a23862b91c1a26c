//! A server of its own: on a free port of loopback, with books in a folder that is removed, and
//! the sandbox. Dropping it ends it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// Its settings, and no others: it refuses what it does not know.
const SETTINGS: [(&str, &str); 11] = [
    ("BILLING_LISTEN", "127.0.0.1:0"),
    ("BILLING_LOG", "warn"),
    ("BILLING_PLANS", PLANS_FILE),
    ("BILLING_LICENSE_AUDIENCE", "probe"),
    // Beside PostgreSQL nothing of these is taken for granted.
    ("BILLING_LICENSE_KEY_FILE", "license-keys"),
    ("BILLING_SANDBOX_ENABLED", "true"),
    (
        "BILLING_SANDBOX_WEBHOOK_SECRET",
        "what-signs-for-the-probe-alone",
    ),
    // Receivers on this machine: nothing leaves it.
    ("BILLING_WEBHOOKS_ALLOW_PRIVATE", "true"),
    // One address asks for everybody.
    ("BILLING_LIMITS_POSTS_PER_MINUTE", "0"),
    ("BILLING_LIMITS_FAILURES_PER_MINUTE", "0"),
    ("BILLING_LIMITS_LINKS_PER_HOUR", "0"),
];

/// What it sells, and the name of the file.
const PLANS: &str = include_str!("plans.yaml");
const PLANS_FILE: &str = "plans.yaml";

/// What is never in the log, whatever was asked.
const UNSOUND: [&str; 2] = ["ERROR", "panicked"];

/// Lines of the log that are shown.
const SHOWN: usize = 20;

/// A server at work.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    /// Where it is, as in `http://127.0.0.1:41234`.
    pub(crate) url: String,
    /// An operator's key that may do everything.
    pub(crate) key: String,
}

impl Server {
    /// Starts `program` in `folder` with a sandbox in `mode`, and waits until it says where it is.
    /// Its books are in the database at `url`, or in a file if there is none.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        mode: &str,
        url: Option<&str>,
    ) -> Outcome<Self> {
        let plans = fs::write(folder.join(PLANS_FILE), PLANS);
        plans.map_err(Failure::doing("write the plans"))?;
        let log = folder.join("log");
        let written = File::create(&log).map_err(Failure::doing("make a log"))?;
        let child = Command::new(program)
            .args(["serve", "--json"])
            .env_clear()
            .envs(SETTINGS)
            .env("BILLING_SANDBOX_MODE", mode)
            .envs(url.map(|url| ("BILLING_DATABASE_URL", url)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(written)
            .spawn()
            .map_err(Failure::doing("start the server"))?;
        // From here on it is ended, whatever becomes of the rest.
        let mut server = Self {
            child,
            log,
            url: String::new(),
            key: String::new(),
        };
        let mut line = String::new();
        if let Some(output) = server.child.stdout.take() {
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(Failure::doing("read what the server says"))?;
        }
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let said = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        (server.url, server.key) = (said("url"), said("key"));
        if server.url.is_empty() || server.key.is_empty() {
            if line.is_empty() {
                // It said nothing: it ends, and its log says why.
                drop(server.child.wait());
            }
            server.is_sound()?;
            return Err(Failure::new("the server does not say where it is"));
        }
        Ok(server)
    }

    /// Fails where it has ended, or has logged what it never should.
    pub(crate) fn is_sound(&mut self) -> Outcome<()> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let ended = self.child.try_wait();
        if let Some(status) = ended.map_err(Failure::doing("look after the server"))? {
            let last: Vec<&str> = log.lines().rev().take(SHOWN).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            let last = last.join("\n");
            return Err(Failure::new(format!("the server ended, {status}\n{last}")));
        }
        let unsound = log.lines().filter(|line| unsound(line)).take(SHOWN);
        let unsound: Vec<&str> = unsound.collect();
        if unsound.is_empty() {
            return Ok(());
        }
        let unsound = unsound.join("\n");
        Err(Failure::new(format!("the server logged\n{unsound}")))
    }
}

fn unsound(line: &str) -> bool {
    UNSOUND.iter().any(|word| line.contains(word))
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
