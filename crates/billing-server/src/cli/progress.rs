//! How far long work is: a bar on a terminal, a line now and then elsewhere,
//! nothing where a program reads. On standard error.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::out::Out;

/// Lines that tell of one piece of work at most: a tenth of it each.
const LINES: u64 = 10;

/// How often what counts nothing moves: slow enough to be calm.
const TICK: Duration = Duration::from_millis(200);

/// The progress of one piece of work.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    out: Out,
    /// Tenths that were told. `None`: none yet.
    told: Option<u64>,
}

impl Progress {
    /// Of work that is counted.
    pub(super) fn new(out: Out) -> Self {
        Self::with(out, "{bar:40} {human_pos} of {human_len}, {eta} left")
    }

    /// Of work whose end nobody knows; `words` say what is done.
    pub(super) fn uncounted(out: Out, words: &'static str) -> Self {
        let progress = Self::with(out, "{spinner} {msg}, {elapsed}");
        if let Some(bar) = &progress.bar {
            bar.set_message(words);
            bar.enable_steady_tick(TICK);
        }
        progress
    }

    fn with(out: Out, template: &str) -> Self {
        let draws = io::stderr().is_terminal() && !out.is_json();
        let bar = draws.then(|| {
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_misspelled| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        Self {
            bar,
            out,
            told: None,
        }
    }

    /// So many of so many are done.
    pub(super) fn tell(&mut self, done: u64, planned: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(planned);
            bar.set_position(done);
            return;
        }
        let tenths = done.saturating_mul(LINES).checked_div(planned);
        let tenths = tenths.unwrap_or(LINES);
        if self.out.is_json() || self.told.is_some_and(|told| told >= tenths) {
            return;
        }
        self.told = Some(tenths);
        self.out.remark(&format!("{done} of {planned}"));
    }

    /// Prints a line to standard output while the bar stands.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.out.line(text)),
            None => self.out.line(text),
        }
    }

    /// The work is over, and its bar is gone.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
