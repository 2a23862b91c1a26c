//! The small process that removes a private server, however this command ends.
//!
//! A destructor covers a return and a panic, not a signal. The guardian waits on a pipe that the
//! kernel closes in every case; see `guardian.sh`.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::failure::{Failure, Outcome};

const SCRIPT: &str = include_str!("guardian.sh");

/// Dropping it stops the server in its directory and removes the directory.
#[derive(Debug)]
pub(super) struct Guardian {
    process: Child,
    /// `None` only while dropping.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Watches over `directory`, where a server may come to live under `data`.
    pub(super) fn over(directory: &Path) -> Outcome<Self> {
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(directory)
            .current_dir("/")
            // Out of the terminal's reach: Ctrl-C goes to a whole process group.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Failure::doing("start the guardian of PostgreSQL"))?;
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }

    /// Has the process `pid` ended too, should this command end before `release`.
    pub(super) fn watch(&mut self, pid: u32) -> Outcome<()> {
        self.tell(&format!("{pid}\n"))
    }

    /// Takes `watch` back: that process has ended by itself.
    pub(super) fn release(&mut self) -> Outcome<()> {
        self.tell("\n")
    }

    fn tell(&mut self, line: &str) -> Outcome<()> {
        self.pipe
            .as_mut()
            .map_or(Ok(()), |pipe| pipe.write_all(line.as_bytes()))
            .map_err(Failure::doing("reach the guardian of PostgreSQL"))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Err(error) = self.process.wait() {
            eprintln!("xtask: failed to wait for the guardian of PostgreSQL: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_directory_goes_with_the_guardian_also_in_a_panic() {
        let scratch = Scratch::new();
        scratch.write("server/data/file", "");
        let directory = scratch.path().join("server");
        let panicked = std::panic::catch_unwind(|| {
            let _guardian = Guardian::over(&directory).unwrap();
            panic!("in the middle of the work");
        });
        assert!(panicked.is_err());
        assert!(!directory.exists());
    }

    #[test]
    fn the_server_of_the_directory_and_a_watched_process_end_with_the_guardian() {
        let scratch = Scratch::new();
        let mut server = Command::new("sleep").arg("600").spawn().unwrap();
        let mut watched = Command::new("sleep").arg("600").spawn().unwrap();
        // The server is reaped by a thread: a zombie would still answer the guardian's `kill -0`.
        let pid = server.id();
        let server = std::thread::spawn(move || server.wait().unwrap());
        scratch.write("server/data/postmaster.pid", &format!("{pid}\n/data\n"));
        let mut guardian = Guardian::over(&scratch.path().join("server")).unwrap();
        guardian.watch(watched.id()).unwrap();
        drop(guardian);
        assert!(!server.join().unwrap().success());
        assert!(!watched.wait().unwrap().success());
    }

    #[test]
    fn a_released_process_is_left_alone() {
        let scratch = Scratch::new();
        let mut freed = Command::new("sleep").arg("600").spawn().unwrap();
        let mut guardian = Guardian::over(&scratch.path().join("server")).unwrap();
        guardian.watch(freed.id()).unwrap();
        guardian.release().unwrap();
        drop(guardian);
        assert!(freed.try_wait().unwrap().is_none());
        freed.kill().unwrap();
        freed.wait().unwrap();
    }
}
