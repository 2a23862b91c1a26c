//! A folder of its own, and the program in it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::untold::Untold;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_billing");

/// A folder, gone at the end of the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty folder; `name` is the test's.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("cli-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).unwrap();
    }

    /// The names of the files in it, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A command in this folder and an environment of its own: nothing of the
    /// surroundings is told to it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.0);
        command
    }

    /// Runs `billing` with these arguments.
    pub(crate) fn billing(&self, arguments: &[&str]) -> Ran {
        self.billing_with(&[], arguments)
    }

    /// Runs `billing` with these variables and arguments.
    pub(crate) fn billing_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(PROGRAM);
        command.envs(variables.iter().copied()).args(arguments);
        Ran::of(command, "")
    }

    /// Runs `billing` until it has done a tenth, and kills it; gives how far it said it was.
    pub(crate) fn killed(&self, variables: &[(&str, &str)], arguments: &[&str]) -> usize {
        let mut child = self
            .command(PROGRAM)
            .envs(variables.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let done = lines.map(Result::unwrap).find_map(|line| {
            let done: usize = line.split_once(" of ")?.0.parse().ok()?;
            (done > 0).then_some(done)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        done.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Runs it to its end; it tells none of the secrets that it is given.
    #[track_caller]
    pub(crate) fn of(mut command: Command, input: &str) -> Self {
        let untold = Untold::of(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let ran = Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        untold.check("what is printed", &ran.out);
        untold.check("what is complained of", &ran.err);
        ran
    }

    /// What it printed, after checking the exit code.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Checks that it succeeded and gives what it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Checks that standard error tells each of these.
    #[track_caller]
    pub(crate) fn complains(&self, of: &[&str]) -> &Self {
        for words in of {
            assert!(self.err.contains(words), "no {words:?} in {self}");
        }
        self
    }

    /// Checks that standard output tells each of these.
    #[track_caller]
    pub(crate) fn tells(&self, of: &[&str]) -> &Self {
        for words in of {
            assert!(self.out.contains(words), "no {words:?} in {self}");
        }
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        writeln!(text, "exit code {}", self.code)?;
        writeln!(text, "--- stdout\n{}\n--- stderr\n{}", self.out, self.err)?;
        f.write_str(&text)
    }
}
