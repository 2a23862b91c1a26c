//! What is wrong with a plan file, with line and column, as people read it.
//!
//! Deliberately knows nothing of how mistakes are found.

use std::fmt;

use billing_domain::catalog::{IssueCode, Path};

/// Errors shown of one file. A file with more has one cause, and nobody reads on.
const MAX_SHOWN: usize = 500;

/// Characters of a source line that are shown; wider lines do not fit a terminal.
const MAX_SHOWN_LINE: usize = 160;

/// What kind of mistake an error is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MistakeCode {
    /// Not UTF-8.
    NotUtf8,
    /// More bytes than a plan file may have.
    TooLarge,
    /// Nested deeper than a plan file may be.
    TooDeep,
    /// More values than a plan file may have.
    TooMany,
    /// Not YAML.
    Syntax,
    /// More than one document in the file.
    SecondDocument,
    /// A tag, an anchor or an alias.
    Unsupported,
    /// A key that stands twice in one place.
    DuplicateKey,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be here.
    Missing,
    /// A list, a mapping, a text or nothing where another of them belongs.
    WrongShape,
    /// A text that cannot be read as what belongs here.
    BadValue,
    /// The file can be read and breaks a rule of catalogs.
    Rule(IssueCode),
}

impl MistakeCode {
    /// The stable name, as in `unknown_key`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::TooMany => "too_many",
            Self::Syntax => "syntax",
            Self::SecondDocument => "second_document",
            Self::Unsupported => "unsupported",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownKey => "unknown_key",
            Self::Missing => "missing",
            Self::WrongShape => "wrong_shape",
            Self::BadValue => "bad_value",
            Self::Rule(code) => code.name(),
        }
    }
}

impl fmt::Display for MistakeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place in the file; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Mark {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// A mistake before it has met its source line.
#[derive(Debug, Clone)]
pub(crate) struct Mistake {
    pub(crate) mark: Mark,
    pub(crate) path: Path,
    pub(crate) code: MistakeCode,
    pub(crate) found: String,
    pub(crate) expected: String,
}

/// One error of a plan file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFileError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The place in the catalog, as in `plans.bosun.grace`.
    pub path: Path,
    /// What kind of mistake.
    pub code: MistakeCode,
    /// What was found there.
    pub found: String,
    /// What would be right.
    pub expected: String,
    /// The line of the file, cut where it is too wide to show.
    pub source_line: String,
}

impl fmt::Display for PlanFileError {
    /// `12:9: plans.bosun.grace: found …, expected …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.parts().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}

impl std::error::Error for PlanFileError {}

/// Every error of a plan file, in the order of its lines; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFileErrors {
    /// The file, as named by the caller.
    pub file: String,
    /// The errors.
    pub errors: Vec<PlanFileError>,
}

impl PlanFileErrors {
    pub(crate) fn new(file: &str, text: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| mistake.mark);
        // YAML breaks lines at a bare carriage return too.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<&str> = text.lines().collect();
        let errors = mistakes.into_iter().map(|mistake| PlanFileError {
            line: mistake.mark.line,
            column: mistake.mark.column,
            path: mistake.path,
            code: mistake.code,
            found: mistake.found,
            expected: mistake.expected,
            source_line: mistake
                .mark
                .line
                .checked_sub(1)
                .and_then(|line| lines.get(line))
                .map(|line| line.chars().take(MAX_SHOWN_LINE).collect())
                .unwrap_or_default(),
        });
        Self {
            file: file.to_owned(),
            errors: errors.collect(),
        }
    }
}

impl fmt::Display for PlanFileErrors {
    /// Each error with its file, its source line and a caret under the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.errors.iter().take(MAX_SHOWN).enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{error}", self.file)?;
            caret(f, error)?;
        }
        match self.errors.len().checked_sub(MAX_SHOWN) {
            Some(more) if more > 0 => write!(f, "\nand {more} more errors"),
            Some(_) | None => Ok(()),
        }
    }
}

fn caret(f: &mut fmt::Formatter<'_>, error: &PlanFileError) -> fmt::Result {
    let before = error.column.saturating_sub(1);
    if error.source_line.trim().is_empty() || before > MAX_SHOWN_LINE {
        return Ok(());
    }
    let printable = |c: char| if c.is_control() && c != '\t' { ' ' } else { c };
    let line: String = error.source_line.chars().map(printable).collect();
    // Tabs stay tabs, so that the caret stands under its place on any terminal.
    let pad: String = line
        .chars()
        .chain(std::iter::repeat(' '))
        .take(before)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    write!(f, "\n{:>5} | {line}\n      | {pad}^", error.line)
}

impl std::error::Error for PlanFileErrors {}
