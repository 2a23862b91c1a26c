//! The fakes as programs, as a person starts them.
#![cfg(feature = "fakes")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

const PROGRAMS: [&str; 3] = [
    env!("CARGO_BIN_EXE_fake-stripe"),
    env!("CARGO_BIN_EXE_fake-paddle"),
    env!("CARGO_BIN_EXE_fake-btcpay"),
];

/// A program that serves. Dropping it ends it.
struct Serving {
    child: Child,
    /// Host and port.
    at: String,
    /// What it prints is read as long as it serves: one that nobody reads ends.
    _out: BufReader<ChildStdout>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Serving {
    fn start(program: &str, words: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["--port", "0"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let (_, at) = line.trim_end().split_once("http://").unwrap();
        let at = at.trim_end_matches('/').to_owned();
        Self {
            child,
            at,
            _out: out,
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        let (at, length) = (&self.at, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn help(program: &str) -> String {
    let ran = Command::new(program).arg("--help").output().unwrap();
    assert!(ran.status.success(), "{program}");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_clock_that_is_told_where_to_stand_stands_there() {
    for program in PROGRAMS {
        let still = Serving::start(program, &["--start", "2026-03-01T00:00:00Z"]);
        for _look in 0..2 {
            let answer = still.ask("GET", "/_clock", "");
            assert!(answer.contains("\"2026-03-01T00:00:00Z\""), "{answer}");
        }
        let day = r#"{"advance_seconds": 86400}"#;
        let moved = still.ask("POST", "/_clock", day);
        assert!(moved.contains("\"2026-03-02T00:00:00Z\""), "{moved}");
    }
}

#[test]
fn help_names_what_there_is_and_nothing_else() {
    for program in PROGRAMS {
        let help = help(program);
        let serving = Serving::start(program, &[]);
        for place in ["/_books", "/_requests", "/_clock", "/_faults", "/_webhooks"] {
            assert!(help.contains(&format!("GET  {place}")), "{help}");
            let answer = serving.ask("GET", place, "");
            assert!(answer.starts_with("HTTP/1.1 200"), "{place}: {answer}");
        }
        // An act is its name and, in braces, what it wants: `pay {invoice, sats?}`.
        let (_, acts) = help.split_once("POST /_act/…").unwrap();
        let (acts, _) = acts.split_once("\n\n").unwrap();
        let words = acts.split_whitespace().collect::<Vec<_>>();
        let pairs = words.windows(2).filter(|pair| pair[1].starts_with('{'));
        let names: Vec<&str> = pairs.map(|pair| pair[0]).collect();
        assert!(names.len() >= 7, "{names:?}");
        for name in names {
            let answer = serving.ask("POST", &format!("/_act/{name}"), "{}");
            assert!(!is_unknown(&answer), "{name}: {answer}");
        }
        let answer = serving.ask("POST", "/_act/dance", "{}");
        assert!(is_unknown(&answer), "{answer}");
    }
}

/// Whether a fake says that it knows no such act.
fn is_unknown(answer: &str) -> bool {
    ["unknown act", "unknown_act", "unknown variant"]
        .iter()
        .any(|words| answer.contains(words))
}
