//! Mail handed to a server that sends it on, by SMTP (RFC 5321, 6409).
//!
//! Each mail has a session of its own: mail is rare here, and a connection that is
//! kept is one more that may have died. What the server says is not repeated, since
//! it may name whom the mail goes to: of a refusal, its code alone is told. Knows
//! nothing of what is in a letter, and tries nothing twice.

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use billing_ports::{Clock, Mail, MailError, Mailer};
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret as _;

use super::letter::{Encoding, letter};
use crate::config::{SmtpConfig, SmtpTls};

/// How long a mail may take, from the name of the server to its word that it has the
/// mail. Servers that look a sender up take some seconds; who takes longer is asked
/// again later.
const SENT_WITHIN: Duration = Duration::from_secs(30);

/// How long connecting may take, to each address that the server has.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);

/// How long parting may take. The mail is there by then, and nobody waits.
const PARTED_WITHIN: Duration = Duration::from_secs(5);

/// How a password is told: all that servers take beside tokens.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Codes of a refusal that is not the mail's fault: nobody has told the server who we
/// are, or it has not believed it.
const STRANGERS: [u16; 4] = [530, 534, 535, 538];

/// Hands mail to an SMTP server.
///
/// The same mail sent again bears the same `Message-ID`, by which servers and readers
/// know it again; SMTP itself promises nothing where an answer is lost.
#[derive(Clone)]
pub struct Smtp {
    told: Arc<SmtpConfig>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Smtp {
    /// Shows neither the user nor the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.told.host)
            .field("port", &self.told.port)
            .finish_non_exhaustive()
    }
}

impl Smtp {
    /// Mail by the server that `told` names; letters are dated by `clock`.
    #[must_use]
    pub fn new(told: SmtpConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            told: Arc::new(told),
            clock,
        }
    }

    /// Whether the server is there, is who it says, and knows us; sends nothing.
    ///
    /// # Errors
    ///
    /// What went wrong, fit for a person, without a secret.
    pub(crate) async fn look(told: &SmtpConfig) -> Result<(), String> {
        match tokio::time::timeout(SENT_WITHIN, session(told)).await {
            Ok(begun) => {
                part(begun?);
                Ok(())
            }
            Err(_elapsed) => Err(too_slow()),
        }
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let from = &self.told.from;
        let text = letter(mail, from, Encoding::Plain, self.clock.now())?;
        let envelope = envelope(from.address(), &mail.to)?;
        let sent = async {
            let mut session = session(&self.told).await.map_err(MailError::NotTaken)?;
            let sent = session.send(&envelope, text.as_bytes()).await;
            sent.map_err(|error| refusal(&error))?;
            Ok(session)
        };
        match tokio::time::timeout(SENT_WITHIN, sent).await {
            Ok(sent) => {
                part(sent?);
                Ok(())
            }
            Err(_elapsed) => Err(MailError::NotTaken(too_slow())),
        }
    }
}

fn envelope(from: &str, to: &str) -> Result<Envelope, MailError> {
    let none = |_no_address| MailError::Refused("its address is none");
    let from = from.parse().map_err(none)?;
    let to = to.parse().map_err(none)?;
    Envelope::new(Some(from), vec![to]).map_err(|_nobody| MailError::Refused("its address is none"))
}

/// A session that is private, if it has to be, and in which we are known. What goes
/// wrong before a mail is named is not that mail's fault.
async fn session(told: &SmtpConfig) -> Result<AsyncSmtpConnection, String> {
    // Who greets by the domain that mail is from is who may send for it.
    let name = ClientId::Domain(told.from.domain().to_owned());
    let server = (told.host.as_str(), told.port);
    let tls = || {
        let tls = TlsParameters::builder(told.host.clone());
        let tls = tls.certificate_store(CertificateStore::WebpkiRoots);
        tls.build_rustls()
            .map_err(|error| failure("use TLS", &error))
    };
    let from_the_start = match told.tls {
        SmtpTls::Implicit => Some(tls()?),
        SmtpTls::StartTls | SmtpTls::None => None,
    };
    let connecting = Some(CONNECTED_WITHIN);
    let begun =
        AsyncSmtpConnection::connect_tokio1(server, connecting, &name, from_the_start, None).await;
    let mut session = begun.map_err(|error| failure("connect", &error))?;
    if told.tls == SmtpTls::StartTls {
        let secured = session.starttls(tls()?, &name).await;
        secured.map_err(|error| failure("begin TLS", &error))?;
    }
    if let Some(login) = &told.login {
        let password = login.password.expose_secret().to_owned();
        let credentials = Credentials::new(login.user.clone(), password);
        let known = session.auth(&MECHANISMS, &credentials).await;
        known.map_err(|error| failure("log in", &error))?;
    }
    Ok(session)
}

/// Says goodbye while nobody waits.
fn part(mut session: AsyncSmtpConnection) {
    tokio::spawn(async move {
        // The mail is there, or there was none: what comes of this concerns nobody.
        drop(tokio::time::timeout(PARTED_WITHIN, session.abort()).await);
    });
}

/// What becomes of a mail that the server was shown.
fn refusal(error: &Error) -> MailError {
    let code = error.status().map(u16::from);
    if error.is_permanent() && code.is_none_or(|code| !STRANGERS.contains(&code)) {
        return MailError::Refused("the server will not take it, now or later");
    }
    if error.is_client() {
        return MailError::Refused("the server takes no address with letters like these");
    }
    MailError::NotTaken(failure("hand it over", error))
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
    use std::error::Error as _;
    let under = error.source().map(ToString::to_string);
    under.unwrap_or_else(|| "the network failed".to_owned())
}

fn too_slow() -> String {
    format!("the server takes longer than {} s", SENT_WITHIN.as_secs())
}
