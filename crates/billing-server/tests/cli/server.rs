//! A running server, watched through what it prints.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::http::{Answer, ask, get, submit};
use crate::rig::{Folder, PROGRAM};
use crate::untold::Untold;

/// How long a line may take before the test fails rather than hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Times that a thing that comes by itself is looked for: each look is a
/// request of about a millisecond, and what is looked for takes a second at most.
const MAX_LOOKS: usize = 30_000;

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    log: Option<JoinHandle<String>>,
    /// Everything that it printed so far.
    printed: String,
    /// Where it is, as it says itself.
    pub(crate) url: String,
    /// The operator key. Empty until it is told.
    pub(crate) key: String,
    /// What it was given to keep, or to prove itself by.
    untold: Untold,
}

/// What a server that has ended had printed.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) log: String,
}

impl Server {
    /// Starts where none was before: waits for its address and its key.
    pub(crate) fn first(folder: &Folder) -> Self {
        Self::first_with(folder, &[])
    }

    /// As [`Server::first`], with these variables.
    pub(crate) fn first_with(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        let mut server = Self::again(folder, variables);
        let line = server.line_with("export BILLING_KEY=");
        line.split_once('=').unwrap().1.clone_into(&mut server.key);
        server
    }

    /// Starts and waits for its address; the key is not told again.
    pub(crate) fn again(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        let mut command = folder.command(PROGRAM);
        command
            .arg("serve")
            .env("BILLING_LISTEN", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let untold = Untold::of(&command);
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            // Ends with the output, or when the test has what it wants.
            out.lines()
                .map_while(Result::ok)
                .try_for_each(|line| send.send(line))
        });
        let mut err = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            err.read_to_string(&mut log).unwrap();
            log
        });
        let mut server = Self {
            child,
            lines,
            log: Some(log),
            printed: String::new(),
            url: String::new(),
            key: String::new(),
            untold,
        };
        let line = server.line_with("listening at ");
        line.rsplit(' ').next().unwrap().clone_into(&mut server.url);
        server
    }

    /// Waits for a line with these words.
    #[track_caller]
    pub(crate) fn line_with(&mut self, words: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                drop(self.child.kill());
                let log = self.log.take().unwrap().join().unwrap();
                panic!("no line with {words:?}\n{}\n{log}", self.printed);
            };
            self.printed.push_str(&line);
            self.printed.push('\n');
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Asks it to end, as a service manager does, and waits for that.
    pub(crate) fn stop(mut self) -> Ended {
        let id = self.child.id().to_string();
        let told = std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status();
        assert!(told.unwrap().success());
        let log = self.heard_out();
        Ended {
            code: self.child.wait().unwrap().code(),
            out: std::mem::take(&mut self.printed),
            log,
        }
    }

    /// Its log, once it has ended. Nothing that it was given is in what it printed, and
    /// of the key nothing but the one line that tells it to whoever starts it.
    #[track_caller]
    fn heard_out(&mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.printed.push_str(&line);
            self.printed.push('\n');
        }
        let log = self.log.take().unwrap().join().unwrap();
        self.untold.check("what a server prints", &self.printed);
        self.untold.check("a server's log", &log);
        if !self.key.is_empty() {
            let told = |text: &str| text.matches(self.key.as_str()).count();
            assert_eq!(told(&log), 0, "a server's log tells its key: {log}");
            let printed = &self.printed;
            assert!(
                told(printed) <= 1,
                "a server tells its key again: {printed}"
            );
        }
        log
    }

    /// Opens a page or a public route.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.answered(get(&format!("{}{path}", self.url)))
    }

    /// Sends a form.
    #[track_caller]
    pub(crate) fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.answered(submit(&format!("{}{path}", self.url), fields))
    }

    /// What it answers tells nothing that it was given either.
    #[track_caller]
    fn answered(&self, answer: Answer) -> Answer {
        self.untold.check("an answer", &answer.head);
        self.untold.check("an answer", &answer.body);
        answer
    }

    /// Asks with the operator key; `body` null is none.
    #[track_caller]
    pub(crate) fn operator(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let key = &self.key;
        let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
        let url = format!("{}{path}", self.url);
        let answer = self.answered(ask(method, &url, &headers, &text));
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json()
    }

    /// Asks with the operator key.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.operator("GET", path, &Value::Null)
    }

    /// Looks until there is something to be had.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        for _ in 0..MAX_LOOKS {
            if let Some(found) = look(self) {
                return found;
            }
            std::thread::yield_now();
        }
        panic!("{what} did not come");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if self.log.is_some() && !std::thread::panicking() {
            self.heard_out();
        }
    }
}
