//! Letters to customers, about what happened and with links that they asked for: which there are, what each says in which
//! language, and when one is written. `kind` names them, `template` fills them in, `templates`
//! has those that are shipped and those of a folder, `writer` writes, `rise` looks after a price
//! that is to come.
//!
//! Knows not how mail is sent, nor when it is tried again.

mod kind;
mod language;
#[cfg(test)]
mod leads;
mod links;
mod rise;
mod sample;
mod template;
mod templates;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;

pub use kind::Letter;
pub use language::Language;
pub(crate) use links::{Lasts, LinkLetters, Linked};
pub use template::TemplateProblem;
pub use templates::{Templates, TemplatesError};
pub(crate) use writer::Letters;

/// Which letters are written, and how.
#[derive(Debug, Clone)]
pub struct LetterOptions {
    /// Which ones.
    pub wanted: BTreeSet<Letter>,
    /// The language of whoever says none, or one that is not known here.
    pub language: Language,
    /// What they say.
    pub templates: Templates,
    /// Where customers look after what they bought, an address of the host's. `None`: at the
    /// pages of this server.
    pub home: Option<String>,
}

impl Default for LetterOptions {
    /// Reminders of renewals alone, in English, as they are shipped.
    fn default() -> Self {
        Self {
            wanted: Letter::REMINDERS.into_iter().collect(),
            language: Language::English,
            templates: Templates::shipped(),
            home: None,
        }
    }
}
