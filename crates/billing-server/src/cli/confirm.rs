//! Asking on the terminal before something is done.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::failure::Failure;

/// Asks; `question` is a word or two, and `yes` does the same without asking.
pub(super) fn confirmed(question: &str, yes: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        let failure = Failure::usage("nobody is there to be asked");
        return Err(failure.with_hint(yes));
    }
    let failed = |error: io::Error| Failure::new("ask", &error);
    let mut prompt = io::stderr().lock();
    write!(prompt, "{question} [y/N] ").map_err(failed)?;
    prompt.flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
