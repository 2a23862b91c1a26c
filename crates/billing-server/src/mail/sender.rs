//! Who sends: an address, with a name where there is one. Knows no server.

use std::str::FromStr;

use super::letter::{is_address, words};

/// Longest name in bytes: with the address it fits a line.
const MAX_NAME: usize = 200;

/// An address of nobody's, for letters that are not sent.
const NOBODY: &str = "billing@billing.invalid";

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// What people are shown beside the address. `None`: the address alone.
    name: Option<String>,
    /// The address, of plain characters.
    address: String,
}

/// A text that names no sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no address, and no name with one")]
pub struct NoSender;

impl Sender {
    /// Nobody.
    pub(crate) fn nobody() -> Self {
        Self {
            name: None,
            address: NOBODY.to_owned(),
        }
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What is behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        let parts = self.address.split_once('@');
        parts.map_or("", |(_, domain)| domain)
    }

    /// As the header of a letter says it.
    pub(super) fn header(&self) -> String {
        let Some(name) = &self.name else {
            return self.address.clone();
        };
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
        let name = if name.bytes().all(bare) {
            name.clone()
        } else {
            words(name)
        };
        format!("{name} <{}>", self.address)
    }
}

impl FromStr for Sender {
    type Err = NoSender;

    /// `billing@example.com`, or `Acme Billing <billing@example.com>`.
    fn from_str(text: &str) -> Result<Self, NoSender> {
        let (name, address) = match text.strip_suffix('>') {
            None => (None, text),
            Some(rest) => {
                let (name, address) = rest.split_once('<').ok_or(NoSender)?;
                (Some(name.trim()), address)
            }
        };
        let is_name = |name: &str| {
            let marks = |c: char| c.is_control() || "<>\"".contains(c);
            (1..=MAX_NAME).contains(&name.len()) && !name.contains(marks)
        };
        if !is_address(address) || !address.is_ascii() || !name.is_none_or(is_name) {
            return Err(NoSender);
        }
        Ok(Self {
            name: name.map(str::to_owned),
            address: address.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_a_name_or_without() {
        for (text, header) in [
            ("billing@example.com", "billing@example.com"),
            (
                "Acme Billing <b@example.com>",
                "Acme Billing <b@example.com>",
            ),
            (
                "Acme, Inc. <b@example.com>",
                "=?utf-8?Q?Acme=2C_Inc=2E?= <b@example.com>",
            ),
            (
                "Grün <b@example.com>",
                "=?utf-8?Q?Gr=C3=BCn?= <b@example.com>",
            ),
        ] {
            let sender: Sender = text.parse().unwrap();
            assert_eq!(sender.header(), header);
            assert_eq!(sender.domain(), "example.com");
        }
    }

    #[test]
    fn what_would_be_another_header_or_address_is_none() {
        for bad in [
            "",
            "Acme",
            "<b@example.com>",
            "Acme <b@example.com> x",
            "Acme <b@example.com>, <c@example.com>",
            "Acme <b@example.com\r\nBcc: eve@evil.example>",
            "Acme\r\nBcc: eve@evil.example <b@example.com>",
            "\"Acme\" <b@example.com>",
            "b@example.com,c@example.com",
            "b@bücher.example",
            &format!("{} <b@example.com>", "x".repeat(201)),
        ] {
            assert_eq!(bad.parse::<Sender>(), Err(NoSender), "{bad:?}");
        }
    }
}
