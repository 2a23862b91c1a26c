//! Where tests and benchmarks run: beside a private PostgreSQL and a browser, or told to do without.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::browser::{self, DRIVER_VARIABLE};
use crate::failure::{Failure, Outcome};
use crate::postgres::{Durability, Postgres, URL_VARIABLE};
use crate::process;
use crate::tally::Tally;

/// What a variable says when tests on PostgreSQL, or in a browser, are to be skipped on purpose.
/// Without the variable they fail: a machine without either must not look like one where all is well.
const SKIP: &str = "skip";

/// Dropping it stops the server.
#[derive(Debug)]
pub(crate) struct Rig {
    server: Option<Postgres>,
    /// The driver's program. A rig for what opens no page has none.
    driver: Option<PathBuf>,
}

impl Rig {
    /// With a fresh server; fails when none can be had.
    pub(crate) fn with_postgres(durability: Durability) -> Outcome<Self> {
        let server = Postgres::start(durability)?;
        Ok(Self {
            server: Some(server),
            driver: None,
        })
    }

    /// Without one, and says so.
    pub(crate) fn without_postgres() -> Self {
        eprintln!("xtask: SKIPPING every test on PostgreSQL, as asked by --no-postgres");
        Self {
            server: None,
            driver: None,
        }
    }

    /// With a browser as well; fails when none can be had.
    pub(crate) fn with_browser(self) -> Outcome<Self> {
        let driver = browser::driver()?;
        Ok(Self {
            driver: Some(driver),
            ..self
        })
    }

    /// Runs `command` to success. Its own output is all that is said when it fails.
    pub(crate) fn run(&mut self, command: &mut Command) -> Outcome<()> {
        self.end(command, None).and_then(judge)
    }

    /// As `run`, adding to `tally` the results that cargo's test harness prints.
    pub(crate) fn count(&mut self, command: &mut Command, tally: &mut Tally) -> Outcome<()> {
        command.stdout(Stdio::piped());
        self.end(command, Some(tally)).and_then(judge)
    }

    fn end(&mut self, command: &mut Command, tally: Option<&mut Tally>) -> Outcome<ExitStatus> {
        command.env(
            URL_VARIABLE,
            self.server.as_ref().map_or(SKIP, Postgres::url),
        );
        let skip = Path::new(SKIP);
        command.env(DRIVER_VARIABLE, self.driver.as_deref().unwrap_or(skip));
        let line = process::line(command);
        let mut child = command
            .spawn()
            .map_err(Failure::doing(format!("start {line}")))?;
        let watched = self
            .server
            .as_mut()
            .map_or(Ok(()), |server| server.watch(child.id()));
        let echoed = match (child.stdout.take(), tally) {
            (Some(output), Some(tally)) => echo(output, tally, io::stdout()),
            _ => Ok(()),
        };
        // Waited for in any case: a child must not outlive its server.
        let status = child
            .wait()
            .map_err(Failure::doing(format!("wait for {line}")));
        self.server.as_mut().map_or(Ok(()), Postgres::release)?;
        watched.and(echoed).and(status)
    }
}

fn judge(status: ExitStatus) -> Outcome<()> {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::told())
    }
}

/// Passes `output` on, line by line, counting what it tells.
fn echo(output: impl Read, tally: &mut Tally, mut terminal: impl Write) -> Outcome<()> {
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(Failure::doing("read the tests' output"))?;
        tally.add(&String::from_utf8_lossy(&line));
        terminal
            .write_all(&line)
            .and_then(|()| terminal.write_all(b"\n"))
            .map_err(Failure::doing("pass on the tests' output"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn without_either_the_tests_are_told_to_skip() {
        let mut rig = Rig::without_postgres();
        rig.run(&mut shell("test \"$BILLING_TEST_POSTGRES\" = skip"))
            .unwrap();
        rig.run(&mut shell("test \"$BILLING_TEST_CHROMEDRIVER\" = skip"))
            .unwrap();
    }

    #[test]
    fn a_failed_run_fails_and_leaves_the_last_word_to_the_runner() {
        let mut rig = Rig::without_postgres();
        let failure = rig.run(&mut shell("exit 100")).unwrap_err();
        assert_eq!(failure.to_string(), "");
    }

    #[test]
    fn what_is_counted_is_passed_on_whole() {
        let output = b"running 6 tests\ntest result: FAILED. 2 passed; 1 failed; 3 ignored\n";
        let (mut tally, mut terminal) = (Tally::default(), Vec::new());
        echo(output.as_slice(), &mut tally, &mut terminal).unwrap();
        assert_eq!(terminal, output);
        assert_eq!(tally.to_string(), "2 passed, 1 failed, 3 skipped");
    }

    #[test]
    fn a_counted_run_fails_with_its_command() {
        let mut tally = Tally::default();
        assert!(
            Rig::without_postgres()
                .count(&mut shell("exit 1"), &mut tally)
                .is_err()
        );
    }
}
