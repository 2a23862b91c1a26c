//! Every test that the list of scenarios names is there.
//!
//! A test is named, in backticks, in a table's column headed `tests`, or anywhere as a
//! path in lower case such as `renewal::a_price_is_locked`. The last part of it must be a
//! function, or an argument of a macro, in some file with tests. Whether that test proves the
//! scenario is for a reader to judge.

use std::collections::BTreeSet;

use super::Finding;
use super::sources::{Sources, is_test};

const SCENARIOS: &str = "docs/scenarios.md";
/// What a column of tests is headed, in capitals or not.
const HEADINGS: [&str; 2] = ["test", "tests"];

/// Finds names that no file with tests holds, rows without a test, and a list without any.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    let Some(text) = sources.get(SCENARIOS) else {
        return vec![format!("{SCENARIOS}: missing")];
    };
    let words = words(sources);
    let mut count = 0_u32;
    let mut findings = Vec::new();
    let mut column = None;
    for (number, line) in (1..).zip(text.lines()) {
        let cells = cells(line);
        if cells.is_empty() {
            column = None;
        } else if let Some(heading) = cells
            .iter()
            .position(|cell| HEADINGS.iter().any(|name| cell.eq_ignore_ascii_case(name)))
        {
            column = Some(heading);
            continue;
        }
        let cell = column.and_then(|column| cells.get(column)).copied();
        let rule = cells
            .iter()
            .all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')));
        if cell.is_some_and(|cell| quoted(cell).next().is_none()) && !rule {
            findings.push(format!("{SCENARIOS}:{number}: names no test"));
        }
        let paths = quoted(line).filter(|word| is_path(word));
        let names: BTreeSet<&str> = quoted(cell.unwrap_or("")).chain(paths).collect();
        for name in names {
            count = count.saturating_add(1);
            let last = name.rsplit("::").next().unwrap_or(name);
            if !words.contains(last) {
                findings.push(format!("{SCENARIOS}:{number}: there is no test {name}"));
            }
        }
    }
    if count == 0 {
        findings.push(format!("{SCENARIOS}: names no test at all"));
    }
    findings
}

/// The cells of a table's row; none when `line` is no row.
fn cells(line: &str) -> Vec<&str> {
    let row = line
        .trim()
        .strip_prefix('|')
        .and_then(|row| row.strip_suffix('|'));
    row.map(|row| row.split('|').map(str::trim).collect())
        .unwrap_or_default()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether `word` is a path of modules and a function: `a::b_c`, not `Type::new` or `std::fs`.
fn is_path(word: &str) -> bool {
    let part = |part: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !part.is_empty() && part.chars().all(fits)
    };
    word.contains("::") && word.split("::").all(part) && !word.starts_with("std::")
}

/// Every identifier in the code, not the comments, of files that hold tests.
fn words(sources: &Sources) -> BTreeSet<&str> {
    sources
        .rust()
        .filter(|(path, text)| {
            is_test(path)
                || path.starts_with("crates/billing-testkit/")
                || text.contains("#[test]")
                || text.contains("#[tokio::test")
        })
        .flat_map(|(_, text)| text.lines())
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: (&str, &str) = (
        "tests/stories/renewal.rs",
        "// a_comment_only\n#[test]\nfn a_price_is_locked() {}\nsuite!(memory, an_exact_amount);\n",
    );

    fn findings(scenarios: &str) -> Vec<Finding> {
        check(&Sources::from([TESTS, (SCENARIOS, scenarios)]))
    }

    #[test]
    fn a_test_that_is_there_may_be_named() {
        let table =
            "| Id | Tests |\n|----|:---|\n| K-1 | `a_price_is_locked`, `x::an_exact_amount` |\n";
        assert!(findings(table).is_empty());
        assert!(findings("See `renewal::a_price_is_locked`.").is_empty());
    }

    #[test]
    fn a_column_of_tests_is_one_however_it_is_written() {
        for heading in ["test", "tests", "Test", "Tests"] {
            let table = format!("| id | {heading} |\n|---|---|\n| K-1 | `no_such_test` |\n");
            let expected = ["docs/scenarios.md:3: there is no test no_such_test"];
            assert_eq!(findings(&table), expected, "{heading}");
        }
    }

    #[test]
    fn a_name_without_a_test_is_found_with_its_line() {
        let table = "| Id | Tests |\n|---|---|\n| K-1 | `a_comment_only` |\n";
        assert_eq!(
            findings(table),
            ["docs/scenarios.md:3: there is no test a_comment_only"]
        );
        let path = "`renewal::a_price_is_locked`\n\nand `renewal::a_price`";
        assert_eq!(
            findings(path),
            ["docs/scenarios.md:3: there is no test renewal::a_price"]
        );
    }

    #[test]
    fn a_row_without_a_test_is_found() {
        let table = "| Id | Tests |\n|---|---|\n| K-1 | later |\n| K-2 | `a_price_is_locked` |\n";
        assert_eq!(findings(table), ["docs/scenarios.md:3: names no test"]);
    }

    #[test]
    fn the_list_must_be_there_and_name_a_test() {
        assert!(check(&Sources::default())[0].contains("missing"));
        let prose = findings("`invoice_open` and `Billing::disabled` are no tests");
        assert_eq!(prose, ["docs/scenarios.md: names no test at all"]);
    }

    #[test]
    fn a_function_outside_files_with_tests_is_no_test() {
        let code = ("crates/a/src/lib.rs", "fn a_rule() {}");
        let sources = Sources::from([code, (SCENARIOS, "`a::a_rule`")]);
        assert_eq!(
            check(&sources),
            ["docs/scenarios.md:1: there is no test a::a_rule"]
        );
    }
}
