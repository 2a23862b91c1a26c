//! Templates of letters: reads them as the server does, and tries each out.

use std::path::Path;

use super::seen::{Seen, bad, good};
use crate::letters::Templates;

/// What is looked at.
const WHAT: &str = "templates";

/// Looks at the folder of templates, if there is one.
pub(super) fn look(folder: Option<&Path>) -> Vec<Seen> {
    let Some(folder) = folder else {
        return Vec::new();
    };
    let (own, wrong) = match Templates::read(folder) {
        Ok(templates) => (templates.own(), templates.try_out()),
        Err(error) => (0, error.problems),
    };
    let shown = folder.display();
    if wrong.is_empty() {
        let text = format!("{own} in {shown}, each tried out with sample values");
        return vec![good(WHAT, text)];
    }
    let tell = |problem| bad(WHAT, format!("{shown}: {problem}"));
    wrong.into_iter().map(tell).collect()
}
