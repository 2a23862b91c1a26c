//! What a mail server's refusal is of: whom the mail goes to, what is in it, or us, whatever
//! mail it is. Plain functions of the reply's codes (RFC 5321, RFC 3463); its words may name
//! anybody, and are told nobody.

use std::error::Error as _;

use billing_ports::MailError;
use lettre::transport::smtp::Error;

/// Codes by which a server says that it does not know, or believe, who we are.
const STRANGERS: [u16; 4] = [530, 534, 535, 538];

/// Codes that are of a mailbox where a recipient was named: none such, elsewhere, full, not
/// allowed, a domain that takes no mail.
const OF_A_MAILBOX: [u16; 5] = [550, 551, 552, 553, 556];

/// The code that is of size where a letter was shown.
const TOO_LARGE: u16 = 552;

/// How far a session had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Setting up TLS, here.
    Tls,
    /// Connecting, and being greeted.
    Greeting,
    /// Beginning TLS.
    StartTls,
    /// Saying who we are.
    Login,
    /// Naming who sends.
    Sender,
    /// Naming whom it goes to.
    Recipient,
    /// Announcing the letter.
    Data,
    /// The letter.
    Letter,
}

impl Stage {
    const fn words(self) -> &'static str {
        match self {
            Self::Tls => "use TLS",
            Self::Greeting => "connect",
            Self::StartTls => "begin TLS",
            Self::Login => "log in",
            Self::Sender | Self::Recipient | Self::Data | Self::Letter => "hand it over",
        }
    }
}

/// What a refusal is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Recipient,
    Letter,
    Us,
}

/// What becomes of a mail after `error`.
pub(super) fn refusal(stage: Stage, error: &Error) -> MailError {
    let why = failure(stage.words(), error);
    let code = error.status().map(u16::from);
    let of = match code.filter(|_| error.is_permanent()) {
        Some(code) => Some(judged(stage, code, enhanced(error))),
        // It lacks what we were told to use.
        None => error.is_client().then_some(Of::Us),
    };
    match of {
        Some(Of::Recipient) => {
            MailError::Refused("the server takes nothing for whom it goes to, now or later")
        }
        Some(Of::Letter) => MailError::Refused("the server takes no letter like it"),
        Some(Of::Us) => MailError::Unwelcome(why),
        None => MailError::NotTaken(why),
    }
}

/// What a reply for good is of, by its code and, where it has one, its enhanced code without
/// its class. In doubt it is of us: that is tried again, and looked at by a person.
fn judged(stage: Stage, code: u16, enhanced: Option<(u16, u16)>) -> Of {
    let named = matches!(stage, Stage::Recipient | Stage::Data | Stage::Letter);
    if !named || STRANGERS.contains(&code) {
        return Of::Us;
    }
    match enhanced {
        // The sender's own address.
        Some((1, 7 | 8)) => Of::Us,
        // Too large, for it or for its mailbox; or of a kind that is not carried.
        Some((2 | 3, 3 | 4) | (6, _)) => Of::Letter,
        // The mailbox, and the way to it.
        Some((1 | 2 | 4, _)) => Of::Recipient,
        // The server itself, how we speak, and what it lets us do.
        Some((3 | 5 | 7, _)) => Of::Us,
        _ if stage == Stage::Recipient && OF_A_MAILBOX.contains(&code) => Of::Recipient,
        _ if stage == Stage::Letter && code == TOO_LARGE => Of::Letter,
        _ => Of::Us,
    }
}

/// The last two numbers of an enhanced code such as `5.7.1`, with which the reply begins.
/// `None`: it has none.
fn enhanced(error: &Error) -> Option<(u16, u16)> {
    let text = error.source()?.to_string();
    let first = text.split_ascii_whitespace().next()?;
    let mut parts = first.split('.').map(str::parse);
    match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
        (Ok(5_u16), Ok(subject), Ok(detail), None) => Some((subject, detail)),
        _ => None,
    }
}

/// What failed, by its kind: the words of a server may name anybody.
fn failure(what: &str, error: &Error) -> String {
    let why = if let Some(code) = error.status() {
        format!("the server answered {code}")
    } else if error.is_timeout() {
        "the server is not reached in time".to_owned()
    } else if error.is_response() {
        "the server broke off, or speaks no SMTP".to_owned()
    } else if error.is_client() {
        "the server does not offer it".to_owned()
    } else {
        network(error)
    };
    format!("failed to {what}: {why}")
}

/// What the network said: of this machine, and no secret.
fn network(error: &Error) -> String {
    let under = error.source().map(ToString::to_string);
    under.unwrap_or_else(|| "the network failed".to_owned())
}
