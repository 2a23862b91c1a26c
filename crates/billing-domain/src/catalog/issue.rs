//! What is wrong with a catalog, and where.
//!
//! Deliberately knows nothing of files: a reader turns a [`Path`] into a line
//! and a column.

use std::fmt;

/// Where in a catalog something stands, as in `plans.bosun.prices.bosun-monthly.amount`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    parts: Vec<String>,
}

impl Path {
    /// The catalog itself.
    #[must_use]
    pub const fn root() -> Self {
        Self { parts: Vec::new() }
    }

    /// The place of these names, outermost first. Places in lists are numbers from 0.
    pub fn of<T: Into<String>>(parts: impl IntoIterator<Item = T>) -> Self {
        Self {
            parts: parts.into_iter().map(Into::into).collect(),
        }
    }

    /// The place `name` within this one.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut parts = self.parts.clone();
        parts.push(name.into());
        Self { parts }
    }

    /// The names, outermost first.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Whether this place is `other` or lies within it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.parts.starts_with(&other.parts)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

/// What kind of mistake an issue is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IssueCode {
    /// A key is not spelled as one.
    BadKey,
    /// A text is empty, too long or has control characters.
    BadText,
    /// More plans, prices, features or entries than a catalog may have.
    TooMany,
    /// A key is used twice.
    Duplicate,
    /// A feature that is not declared.
    UndeclaredFeature,
    /// An entitlement or quantity does not fit the feature's kind.
    WrongKind,
    /// A plan that does not exist.
    UnknownPlan,
    /// A price that does not exist.
    UnknownPrice,
    /// A lock that contradicts the rules of locks.
    BadLock,
    /// Locks that follow each other in a circle.
    LockCircle,
    /// A provider's reference that cannot be right.
    BadReference,
    /// A number, amount or duration outside its bounds.
    OutOfRange,
    /// Two statements that exclude each other.
    Contradiction,
    /// An origin that is not scheme, host and port.
    BadOrigin,
    /// An address that does not begin with an allowed origin.
    BadUrl,
}

impl IssueCode {
    /// The stable name, as in `undeclared_feature`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadKey => "bad_key",
            Self::BadText => "bad_text",
            Self::TooMany => "too_many",
            Self::Duplicate => "duplicate",
            Self::UndeclaredFeature => "undeclared_feature",
            Self::WrongKind => "wrong_kind",
            Self::UnknownPlan => "unknown_plan",
            Self::UnknownPrice => "unknown_price",
            Self::BadLock => "bad_lock",
            Self::LockCircle => "lock_circle",
            Self::BadReference => "bad_reference",
            Self::OutOfRange => "out_of_range",
            Self::Contradiction => "contradiction",
            Self::BadOrigin => "bad_origin",
            Self::BadUrl => "bad_url",
        }
    }
}

impl fmt::Display for IssueCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One mistake in a catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: found {found}, expected {expected}")]
pub struct CatalogIssue {
    /// Where it stands.
    pub at: Path,
    /// What kind of mistake.
    pub code: IssueCode,
    /// What was found there.
    pub found: String,
    /// What would be right.
    pub expected: String,
    /// Other places that were compared to find it.
    pub related: Vec<Path>,
}

/// A catalog that breaks the rules: every mistake, in the order found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogIssues(pub Vec<CatalogIssue>);

impl fmt::Display for CatalogIssues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, issue) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            issue.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for CatalogIssues {}
