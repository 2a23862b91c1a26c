//! What a server says to the program that starts it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::rig::{Folder, PROGRAM};

#[test]
fn json_is_one_line_with_the_address_and_once_the_key() {
    let folder = Folder::new("serve-json");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut child = folder
            .command(PROGRAM)
            .args(["serve", "--json"])
            .env("BILLING_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(said["enabled"], true);
        assert!(
            said["url"]
                .as_str()
                .unwrap()
                .starts_with("http://127.0.0.1:")
        );
        keys.push(said["key"].clone());
    }
    assert!(keys[0].as_str().unwrap().starts_with("bk_"));
    assert_eq!(keys[1], Value::Null);
}
