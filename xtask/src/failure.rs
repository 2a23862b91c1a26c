//! The one error of these commands: a sentence for the person who ran one.
//!
//! Nothing here is matched upon: a command either did its work or says why not.

use std::fmt;

/// Why a command stopped, ready to be read.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What every command returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure in these words.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// A failure that the program it comes from has told already: nothing is added to it.
    pub(crate) fn told() -> Self {
        Self(String::new())
    }

    /// Whether there is anything left to tell.
    pub(crate) fn is_told(&self) -> bool {
        self.0.is_empty()
    }

    /// For `map_err`: `failed to {doing}: {cause}`.
    pub(crate) fn doing<E: fmt::Display>(doing: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |cause| Self(format!("failed to {doing}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
