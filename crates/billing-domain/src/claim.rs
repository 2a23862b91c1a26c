//! Claims: what a guest bought belongs to whoever reads the mailbox that the
//! provider collected.
//!
//! An address that was typed is a wish. It gives nobody anything until a link
//! that was mailed there is opened. Knows no mail and no link.

use serde::{Deserialize, Serialize};

use crate::ids::CustomerId;
use crate::time::Timestamp;

/// Longest address in bytes: what SMTP can carry.
const MAX_ADDRESS: usize = 254;

/// A guest's claim: the address that was collected, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The address, as it was typed. It never becomes another one.
    pub email: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// How far it has come.
    pub state: ClaimState,
}

/// How far a claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ClaimState {
    /// Nobody has opened the link.
    Open,
    /// The mailbox's owner did, and had no account: the guest is one from now on.
    Confirmed {
        /// When.
        at: Timestamp,
    },
    /// The mailbox's owner did, and has an account that holds it from now on.
    Attached {
        /// Whose account.
        to: CustomerId,
        /// When.
        at: Timestamp,
    },
}

impl Claim {
    /// The account that holds what is claimed. `None`: the guest itself.
    #[must_use]
    pub const fn attached_to(&self) -> Option<CustomerId> {
        match self.state {
            ClaimState::Attached { to, .. } => Some(to),
            ClaimState::Open | ClaimState::Confirmed { .. } => None,
        }
    }
}

/// The name of the mailbox behind an address: two addresses of one name are one
/// mailbox. Only ASCII letters lose their case: elsewhere two that look alike
/// would become one.
#[must_use]
pub fn mailbox_of(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// What stands before the name of a mailbox that nobody has confirmed: a word that
/// no address begins with, since none has a blank in it.
const UNCONFIRMED: &str = "claim ";

/// The name under which what waits for a mailbox's owner is found: not that of the
/// mailbox, so that however much waits, an account is found among it.
#[must_use]
pub fn unconfirmed_at(email: &str) -> String {
    format!("{UNCONFIRMED}{}", mailbox_of(email))
}

/// An address that mail could go to, out of what a provider told. `None`: it is none.
#[must_use]
pub fn plausible(email: &str) -> Option<&str> {
    let email = email.trim();
    let (local, domain) = email.rsplit_once('@')?;
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    let plausible = !local.is_empty()
        && !domain.is_empty()
        && email.len() <= MAX_ADDRESS
        && !email.contains(is_odd);
    plausible.then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_one_whatever_the_case_of_its_ascii_letters() {
        assert_eq!(mailbox_of("Ana@Example.COM"), "ana@example.com");
        // The sign for kelvin is no k, and a dotless i is no i.
        assert_ne!(mailbox_of("\u{212a}ai@x.test"), mailbox_of("kai@x.test"));
        assert_ne!(mailbox_of("m\u{131}a@x.test"), mailbox_of("mia@x.test"));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for (told, meant) in [
            (" ana@x.test ", Some("ana@x.test")),
            ("a@b@x.test", Some("a@b@x.test")),
            ("ana", None),
            ("@x.test", None),
            ("ana@", None),
            ("an a@x.test", None),
            ("ana@x.test\r\nBcc: eve@x.test", None),
            ("ana@x\0.test", None),
            ("", None),
        ] {
            assert_eq!(plausible(told), meant, "{told:?}");
        }
        let long = format!("{}@x.test", "a".repeat(MAX_ADDRESS));
        assert_eq!(plausible(&long), None);
    }
}
