//! Sending mail to people.

use std::fmt;

use async_trait::async_trait;

/// One mail to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// What it is known by: the same mail sent again has the same id, another
    /// mail never has. ASCII letters, digits, `_` and `-`, at most 64 of them.
    pub id: String,
    /// The one address that it goes to, without a name: `ana@example.com`.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// The text, plain, its lines ended by `\n`. May hold secrets such as links
    /// that open a session.
    pub text: String,
    /// The same as HTML, for readers that show it. `None`: there is the text alone.
    pub html: Option<String>,
}

impl fmt::Debug for Mail {
    /// Shows neither text nor HTML, which may hold secrets, nor whom it goes to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not sent. Names neither its text nor whom it goes to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It was not taken, or it is not known whether it was: sent again later,
    /// under the same id.
    #[error("mail not taken: {0}")]
    NotTaken(String),
    /// It can never be sent as it is, such as to an address that is none; not
    /// sent again.
    #[error("mail refused: {0}")]
    Refused(&'static str),
    /// No mail of ours is taken, whosever it is, until somebody mends what is wrong: a
    /// password, the sender's address, what the server lets us do. Sent again later, at
    /// leisure, under the same id; and an alarm.
    #[error("no mail of ours is taken: {0}")]
    Unwelcome(String),
}

/// Sends mail.
///
/// - `send` MUST be idempotent under the mail's id: the same id again is the
///   same mail, and is delivered once.
/// - What would write another header or name a second recipient MUST be
///   refused, in the address as in the subject.
/// - It MUST bound every call in time.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over for delivery.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_output_tells_no_link_and_no_address() {
        let mail = Mail {
            id: "bss_1".to_owned(),
            to: "ana@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "https://app.example.com/?link=bl_secret".to_owned(),
            html: Some("<a href=\"https://app.example.com/?link=bl_secret\">".to_owned()),
        };
        let shown = format!("{mail:?}");
        assert!(
            shown.contains("bss_1") && shown.contains("Hello"),
            "{shown}"
        );
        assert!(
            !shown.contains("bl_secret") && !shown.contains("ana@"),
            "{shown}"
        );
    }
}
