//! Every move of a plan, printed as it comes: however many there are, one at a time
//! is held.

use serde_json::Value;

use crate::cli::out::Out;
use crate::cli::told::{amount, text};

/// The columns of a move, each with its width: what is as wide always, or nearly
/// so. Nobody knows the widest amount before the last.
const COLUMNS: [(&str, usize); 6] = [
    ("subscription", 36),
    ("customer", 36),
    ("moves at", 27),
    ("from", 14),
    ("to", 14),
    ("notice", 0),
];

/// Prints the moves, and after them the plan.
pub(super) struct Moves {
    out: Out,
    /// Whether anything was printed.
    begun: bool,
    /// A move that is not printed yet, since what follows it is not known.
    waits: Option<String>,
}

impl Moves {
    pub(super) const fn new(out: Out) -> Self {
        Self {
            out,
            begun: false,
            waits: None,
        }
    }

    /// Prints one move.
    pub(super) fn tell(&mut self, told: &Value) {
        if self.out.is_json() {
            self.begin("{\"moving\": [");
            if let Some(before) = self.waits.replace(told.to_string()) {
                self.out.line(&format!("{before},"));
            }
            return;
        }
        self.begin(&row(&COLUMNS.map(|(name, _)| name.to_owned())));
        let notice = told.get("notice").and_then(Value::as_bool);
        self.out.line(&row(&[
            text(told, "subscription").to_owned(),
            text(told, "customer").to_owned(),
            text(told, "at").to_owned(),
            amount(told, "from_amount"),
            amount(told, "to_amount"),
            if notice == Some(true) { "yes" } else { "no" }.to_owned(),
        ]));
    }

    /// All were told. For a program: the rest of `plan`, which closes what was begun.
    pub(super) fn end(mut self, plan: &Value) {
        if !self.out.is_json() {
            if self.begun {
                self.out.line("");
            }
            return;
        }
        self.begin("{\"moving\": [");
        if let Some(last) = self.waits.take() {
            self.out.line(&last);
        }
        self.out.line("],");
        let mut rest = plan.clone();
        if let Some(rest) = rest.as_object_mut() {
            rest.remove("moving");
            rest.insert("more".to_owned(), Value::Bool(false));
        }
        let rest = format!("{rest:#}");
        self.out.line(rest.trim_start_matches(['{', '\n']));
    }

    fn begin(&mut self, line: &str) {
        if !self.begun {
            self.out.line(line);
            self.begun = true;
        }
    }
}

fn row(cells: &[String; COLUMNS.len()]) -> String {
    let cells = cells.iter().zip(COLUMNS);
    let padded = cells.map(|(cell, (_, width))| format!("{cell:width$}"));
    let line = padded.collect::<Vec<_>>().join("  ");
    line.trim_end().to_owned()
}
