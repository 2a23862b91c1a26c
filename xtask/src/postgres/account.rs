//! The account PostgreSQL runs under: it refuses root, so root lends it another.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process;

/// Accounts that root may lend, the first that exists. The package of a distribution brings
/// `postgres`; every Unix has `nobody`.
const LENT: [&str; 2] = ["postgres", "nobody"];

/// Who runs PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// Whoever runs this command.
    Own,
    /// Another account, because this command runs as root.
    Lent { uid: u32, gid: u32 },
}

impl Account {
    /// The account to use on this machine.
    pub(super) fn choose() -> Outcome<Self> {
        if process::read(Command::new("id").arg("-u"))?.trim() != "0" {
            return Ok(Self::Own);
        }
        let accounts =
            fs::read_to_string("/etc/passwd").map_err(Failure::doing("read /etc/passwd"))?;
        LENT.iter()
            .find_map(|name| find(&accounts, name))
            .ok_or_else(|| {
                Failure::new(
                    "root cannot run PostgreSQL, and there is no account postgres or nobody",
                )
            })
    }

    /// A command that runs as this account, in `directory` (root's own may be closed to it).
    pub(super) fn command(self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory);
        if let Self::Lent { uid, gid } = self {
            // Setting the user as root also drops root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes this account the owner of `path`.
    pub(super) fn give(self, path: &Path) -> Outcome<()> {
        match self {
            Self::Own => Ok(()),
            Self::Lent { uid, gid } => chown(path, Some(uid), Some(gid))
                .map_err(Failure::doing(format!("hand over {}", path.display()))),
        }
    }
}

/// The account `name` in the text of a passwd file; `None` when it has no such line.
fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account::Lent { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/bin/false\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let nobody = Account::Lent {
            uid: 65534,
            gid: 65533,
        };
        assert_eq!(find(PASSWD, "nobody"), Some(nobody));
        assert_eq!(find(PASSWD, "no"), None);
        assert_eq!(find(PASSWD, "postgres"), None);
    }
}
