//! The published OpenAPI document is the one that the server prints.

use super::Finding;
use super::sources::Sources;
use crate::failure::Outcome;
use crate::openapi::DOCUMENT;

/// Compares the document with what `print` returns; not called when there is no document.
pub(crate) fn check(sources: &Sources, print: impl FnOnce() -> Outcome<String>) -> Vec<Finding> {
    const ADVICE: &str = "run `cargo xtask openapi`";
    let Some(document) = sources.get(DOCUMENT) else {
        return vec![format!("{DOCUMENT}: missing: {ADVICE}")];
    };
    match print() {
        Ok(printed) if printed == document => Vec::new(),
        Ok(_) => vec![format!("{DOCUMENT}: not what the server prints: {ADVICE}")],
        Err(failure) => vec![format!("{DOCUMENT}: cannot be compared: {failure}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn only_the_very_document_passes() {
        let none = Sources::default();
        assert!(check(&none, || Ok("{}".into()))[0].contains("missing"));
        let some = Sources::from([(DOCUMENT, "{}\n")]);
        assert!(check(&some, || Ok("{ }\n".into()))[0].contains("not what the server prints"));
        assert!(check(&some, || Err(Failure::new("no build")))[0].contains("no build"));
        assert!(check(&some, || Ok("{}\n".into())).is_empty());
    }
}
