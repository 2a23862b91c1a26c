//! `billing migrate`: once, and again.

use crate::rig::Folder;

#[test]
fn the_schema_is_made_once_and_found_the_second_time() {
    let folder = Folder::new("migrate");
    let first = folder.billing(&["migrate", "--json"]);
    let first = first.exits(0).json();
    assert_eq!(first["from"], 0);
    assert_eq!(first["migrated"], true);
    let version = first["to"].as_u64().unwrap();
    assert!(version > 0);

    let second = folder.billing(&["migrate"]);
    let words = format!("The schema is up to date, at version {version}.\n");
    assert_eq!(second.exits(0).out, words);
    let third = folder.billing(&["migrate", "--json"]).json();
    assert_eq!(third["from"], third["to"]);
    assert_eq!(third["migrated"], false);
}

#[test]
#[cfg(unix)]
fn the_books_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("modes");
    folder.billing(&["migrate"]).exits(0);
    for file in folder.files() {
        let mode = folder.path(&file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = Folder::new("no-database");
    let text = "these are my notes, not a database, and long enough for a header of one";
    folder.write("billing.db", text);
    folder
        .billing(&["migrate"])
        .exits(1)
        .complains(&["failed to open the database"]);
    assert_eq!(
        std::fs::read_to_string(folder.path("billing.db")).unwrap(),
        text
    );
}
