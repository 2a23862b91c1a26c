//! What a program is given to prove itself by, or to keep for others, is in nothing
//! that it prints, whatever a test is about.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use crate::rig::Folder;
use crate::server::Server;

/// How the names of variables end that hold secrets.
const NAMES: [&str; 7] = [
    "BILLING_KEY",
    "_API_KEY",
    "_SECRET_KEY",
    "_SECRET",
    "_SECRETS",
    "_NOTE_KEYS",
    "_PASSWORD",
];

/// Shorter ones could stand in a line by chance.
const SHORTEST: usize = 10;

/// The secrets of one program.
#[derive(Debug, Default)]
pub(crate) struct Untold(Vec<String>);

impl Untold {
    /// What a program is given in its environment.
    pub(crate) fn of(command: &Command) -> Self {
        let is_secret = |name: &str| NAMES.iter().any(|end| name.ends_with(end));
        let given = command.get_envs().filter_map(|(name, value)| {
            let name = name.to_str().filter(|name| is_secret(name))?;
            let value = value.and_then(OsStr::to_str)?;
            Some((name, value))
        });
        // A list of them has commas between.
        let each = given.flat_map(|(_, value)| value.split(','));
        let long = each.filter(|secret| secret.len() >= SHORTEST);
        Self(long.map(str::to_owned).collect())
    }

    /// Refuses what tells one of them.
    #[track_caller]
    pub(crate) fn check(&self, place: &str, text: &str) {
        let told = self.0.iter().find(|secret| text.contains(*secret));
        assert_eq!(told, None, "{place} tells a secret: {text}");
    }
}

/// What a program prints anyway stands for a secret that it should not have.
#[test]
fn x_08_a_program_that_prints_what_it_was_given_is_found() {
    let folder = Folder::new("untold");
    let printed = [("BILLING_KEY", "Usage: billing")];
    let ran = || folder.billing_with(&printed, &["--help"]);
    assert!(catch_unwind(AssertUnwindSafe(ran)).is_err());

    let printed = [("BILLING_SANDBOX_WEBHOOK_SECRET", "Billing is listening")];
    let server = Server::first_with(&folder, &printed);
    let ended = || server.stop();
    assert!(catch_unwind(AssertUnwindSafe(ended)).is_err());
    let server = Server::again(&folder, &printed);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(server))).is_err());
}
