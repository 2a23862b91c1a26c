//! The project speaks of itself alone: no paths of the machine that somebody wrote it on.

use super::Finding;
use super::sources::Sources;

/// Put together here, so that this very file is clean.
const FORBIDDEN: [&str; 2] = [concat!("/wo", "rk/"), concat!("../sha", "red")];

/// Finds every line with a forbidden text.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources.all() {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = FORBIDDEN.iter().find(|word| line.contains(**word)) {
                findings.push(format!("{path}:{number}: contains {word:?}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_machine_is_found_with_its_line() {
        let text = format!("fine\nsee /home{}main\n", FORBIDDEN[0]);
        let sources = Sources::from([("docs/guide.md", text.as_str()), ("a.rs", "the work/life")]);
        let findings = check(&sources);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("docs/guide.md:2:"));
    }
}
