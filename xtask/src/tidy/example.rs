//! Examples in the README are files that compile and run as tests.
//!
//! Between `<!-- example:NAME -->` and `<!-- /example -->` stands one fenced Rust block, equal to
//! `crates/billing/examples/NAME.rs`, or, if that file marks one, to what stands between its
//! lines `// region: readme` and `// endregion: readme`, without their indentation.

use super::Finding;
use super::sources::Sources;

const README: &str = "README.md";
const OPEN: &str = "<!-- example:";
const CLOSE: &str = "<!-- /example -->";

/// Finds examples of the README that differ from their file, and a README without any.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    let Some(readme) = sources.get(README) else {
        return vec![format!("{README}: missing")];
    };
    let mut sections = readme.split(OPEN).skip(1).peekable();
    if sections.peek().is_none() {
        return vec![format!(
            "{README}: shows no example; mark one with `{OPEN}NAME -->`"
        )];
    }
    sections
        .filter_map(|section| compare(section, sources).err())
        .collect()
}

/// Judges one section, which begins right after the opening mark.
fn compare(section: &str, sources: &Sources) -> Result<(), Finding> {
    let (name, rest) = section
        .split_once(" -->")
        .ok_or_else(|| format!("{README}: an example's opening mark has no end"))?;
    let body = rest
        .split_once(CLOSE)
        .ok_or_else(|| format!("{README}: example {name}: no `{CLOSE}`"))?
        .0;
    let shown =
        fenced(body).ok_or_else(|| format!("{README}: example {name}: no fenced Rust block"))?;
    let path = format!("crates/billing/examples/{name}.rs");
    let file = sources
        .get(&path)
        .ok_or_else(|| format!("{README}: example {name}: {path} is missing"))?;
    if shown.trim_end() == region(file).trim_end() {
        Ok(())
    } else {
        Err(format!(
            "{README}: example {name} differs from {path}: copy it anew"
        ))
    }
}

/// The text of the first fenced Rust block.
fn fenced(body: &str) -> Option<&str> {
    let (_, block) = body.split_once("```rust")?;
    let (_, code) = block.split_once('\n')?;
    let (code, _) = code.split_once("\n```")?;
    Some(code)
}

/// The marked part of a file, or all of it.
fn region(file: &str) -> String {
    let marked: Vec<&str> = file
        .lines()
        .skip_while(|line| line.trim() != "// region: readme")
        .skip(1)
        .take_while(|line| line.trim() != "// endregion: readme")
        .collect();
    if marked.is_empty() {
        return file.to_owned();
    }
    let filled = marked.iter().filter(|line| !line.trim().is_empty());
    let indentation = |line: &&&str| line.chars().take_while(|c| *c == ' ').count();
    let common = filled.map(|line| indentation(&line)).min().unwrap_or(0);
    let lines = marked.iter().map(|line| line.get(common..).unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "crates/billing/examples/embed.rs";

    fn readme(code: &str) -> String {
        format!("# Billing\n<!-- example:embed -->\n```rust\n{code}\n```\n<!-- /example -->\n")
    }

    #[test]
    fn an_example_equals_its_file() {
        let readme = readme("fn main() {}");
        let equal = Sources::from([(README, &*readme), (FILE, "fn main() {}\n")]);
        assert!(check(&equal).is_empty());
        let changed = Sources::from([(README, &*readme), (FILE, "fn main() { run() }\n")]);
        assert!(check(&changed)[0].contains("differs"));
        let gone = Sources::from([(README, &*readme)]);
        assert!(check(&gone)[0].contains("is missing"));
    }

    #[test]
    fn an_example_equals_the_marked_region_of_its_file() {
        let file = "//! Head.\nfn main() {\n    // region: readme\n    if open {\n\n        go();\n    }\n    // endregion: readme\n}\n";
        let readme = readme("if open {\n\n    go();\n}");
        assert!(check(&Sources::from([(README, &*readme), (FILE, file)])).is_empty());
    }

    #[test]
    fn a_readme_must_be_there_and_show_a_closed_example() {
        assert!(check(&Sources::default())[0].contains("missing"));
        assert!(check(&Sources::from([(README, "# Billing")]))[0].contains("shows no example"));
        let open = Sources::from([(README, "<!-- example:embed -->\n```rust\n```")]);
        assert!(check(&open)[0].contains("no `<!-- /example -->`"));
        let bare = Sources::from([(README, "<!-- example:embed -->\n<!-- /example -->")]);
        assert!(check(&bare)[0].contains("no fenced Rust block"));
    }
}
