//! Every behavior that is written is stamped: a law that no test runs is no law.

#![expect(
    clippy::unwrap_used,
    reason = "a file that is not there fails the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of the public behaviors in the files of a folder under `src`.
fn written(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(folder);
    let mut names = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let starts = text.lines().filter_map(|line| {
            let line = line.strip_prefix("pub ")?;
            line.strip_prefix("async ")
                .unwrap_or(line)
                .strip_prefix("fn ")
        });
        names.extend(starts.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    names
}

/// The names in the list of a stamping macro.
fn stamped(file: &str, opening: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = fs::read_to_string(path).unwrap();
    let list = text.split_once(opening).unwrap().1;
    let list = list.split_once("    };\n").unwrap().0;
    let words = list.lines().map(str::trim);
    words
        .filter(|word| !word.is_empty() && !word.ends_with('{') && *word != "}")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_store_behavior_is_stamped() {
    let stamped = stamped("contract.rs", "$crate::stamp_behaviors! { $make;\n");
    assert!(stamped.len() > 50);
    assert_eq!(written("contract"), stamped);
}

#[test]
fn every_provider_behavior_is_stamped() {
    let opening = "$crate::stamp_provider_behaviors! { $make;\n";
    let stamped = stamped("provider_contract.rs", opening);
    assert!(stamped.len() > 5);
    assert_eq!(written("provider_contract"), stamped);
}
