//! Printing: plain lines for people, JSON for programs, colors on a terminal alone.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::{Value, json};

use super::failure::Failure;

/// Where commands print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
    color: bool,
    error_color: bool,
}

/// A color of the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Color {
    Green,
    Yellow,
    Red,
    Bold,
}

impl Color {
    const fn code(self) -> &'static str {
        match self {
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
            Self::Bold => "1",
        }
    }
}

impl Out {
    pub(crate) fn new(json: bool, no_color: bool) -> Self {
        Self {
            json,
            color: io::stdout().is_terminal() && !no_color,
            error_color: io::stderr().is_terminal() && !no_color,
        }
    }

    /// Whether a program reads.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// `text` in a color, where there are colors.
    pub(crate) fn paint(self, color: Color, text: &str) -> String {
        paint(self.color, color, text)
    }

    /// Prints a line to standard output.
    #[expect(clippy::unused_self, reason = "all printing goes by way of one value")]
    pub(crate) fn line(self, text: &str) {
        // A reader who has gone away (`| head`) wants no more; that is no failure.
        let _gone = writeln!(io::stdout().lock(), "{text}");
    }

    /// Prints a value, for programs.
    pub(crate) fn value(self, value: &Value) {
        self.line(&format!("{value:#}"));
    }

    /// Prints a remark to standard error.
    #[expect(clippy::unused_self, reason = "all printing goes by way of one value")]
    pub(crate) fn remark(self, text: &str) {
        let _gone = writeln!(io::stderr().lock(), "{text}");
    }

    /// Prints a failure to standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let mut told = json!({ "error": failure.message(), "hint": failure.hint() });
            if let (Some(name), Some(told)) = (failure.name(), told.as_object_mut()) {
                told.insert("code".to_owned(), name.into());
            }
            return self.remark(&format!("{told:#}"));
        }
        let error = paint(self.error_color, Color::Red, "error:");
        self.remark(&format!("{error} {}", failure.message()));
        if !failure.hint().is_empty() {
            self.remark(&format!("\n{}", failure.hint()));
        }
    }

    /// Prints rows under each other, each column as wide as its widest cell.
    pub(crate) fn table(self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let cells = row.iter().zip(&widths);
            let padded = cells.map(|(cell, width)| format!("{cell:width$}"));
            let line = padded.collect::<Vec<_>>().join("  ");
            self.line(line.trim_end());
        }
    }
}

fn paint(wanted: bool, color: Color, text: &str) -> String {
    if wanted {
        format!("\u{1b}[{}m{text}\u{1b}[0m", color.code())
    } else {
        text.to_owned()
    }
}
