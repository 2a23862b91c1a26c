//! What the doctor saw, and how it is told.

use billing_ports::FindingLevel;
use serde_json::json;

use crate::cli::Context;
use crate::cli::out::Color;

/// One thing that was looked at.
pub(super) struct Seen {
    pub(super) what: &'static str,
    pub(super) level: FindingLevel,
    pub(super) text: String,
}

/// Tells everything that was seen.
pub(super) fn show(context: &Context, seen: &[Seen]) {
    let out = context.out;
    if out.is_json() {
        let findings: Vec<_> = seen
            .iter()
            .map(|seen| json!({ "what": seen.what, "level": word(seen.level), "text": seen.text }))
            .collect();
        let healthy = seen.iter().all(|seen| seen.level != FindingLevel::Bad);
        return out.value(&json!({ "healthy": healthy, "findings": findings }));
    }
    for seen in seen {
        let (color, mark) = match seen.level {
            FindingLevel::Good => (Color::Green, "good   "),
            FindingLevel::Warning => (Color::Yellow, "warning"),
            FindingLevel::Bad => (Color::Red, "bad    "),
        };
        let mark = out.paint(color, mark);
        out.line(&format!("{mark}  {:13}  {}", seen.what, seen.text));
    }
}

const fn word(level: FindingLevel) -> &'static str {
    match level {
        FindingLevel::Good => "good",
        FindingLevel::Warning => "warning",
        FindingLevel::Bad => "bad",
    }
}

pub(super) const fn good(what: &'static str, text: String) -> Seen {
    let level = FindingLevel::Good;
    Seen { what, level, text }
}

pub(super) const fn warning(what: &'static str, text: String) -> Seen {
    let level = FindingLevel::Warning;
    Seen { what, level, text }
}

pub(super) const fn bad(what: &'static str, text: String) -> Seen {
    let level = FindingLevel::Bad;
    Seen { what, level, text }
}
