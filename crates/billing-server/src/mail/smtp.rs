//! Mail handed to a server that sends it on, by SMTP (RFC 5321, 6409).
//!
//! Each mail has a session of its own: mail is rare here, and a connection that is
//! kept is one more that may have died. What the server says is not repeated, since
//! it may name whom the mail goes to: of a refusal, its code alone is told. Knows
//! nothing of what is in a letter, and tries nothing twice.

#[cfg(test)]
mod fake;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use billing_ports::{Clock, Mail, MailError, Mailer};
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use secrecy::ExposeSecret as _;

use self::refusal::{Stage, refusal};
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
            Ok(Ok(session)) => {
                part(session);
                Ok(())
            }
            Ok(Err(MailError::NotTaken(why) | MailError::Unwelcome(why))) => Err(why),
            Ok(Err(MailError::Refused(why))) => Err(why.to_owned()),
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
            let mut session = session(&self.told).await?;
            hand_over(&mut session, &envelope, text.as_bytes()).await?;
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

/// Hands a mail over word by word, so that a refusal says what it is of. The letter is of plain
/// characters, whatever the server takes.
async fn hand_over(
    session: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    letter: &[u8],
) -> Result<(), MailError> {
    let failed = |stage| move |error| refusal(stage, &error);
    let knows_all_letters = session
        .server_info()
        .supports_feature(Extension::SmtpUtfEight);
    let mut parameters = Vec::new();
    let mut addresses = envelope.from().into_iter().chain(envelope.to());
    if !addresses.all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
        if !knows_all_letters {
            return Err(MailError::Refused(
                "the server takes no address with letters like these",
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let from = commands::Mail::new(envelope.from().cloned(), parameters);
    let taken = session.command(from).await;
    taken.map_err(failed(Stage::Sender))?;
    for to in envelope.to() {
        let to = commands::Rcpt::new(to.clone(), Vec::new());
        let taken = session.command(to).await;
        taken.map_err(failed(Stage::Recipient))?;
    }
    let taken = session.command(commands::Data).await;
    taken.map_err(failed(Stage::Data))?;
    let taken = session.message(letter).await;
    taken.map_err(failed(Stage::Letter)).map(drop)
}

/// A session that is private, if it has to be, and in which we are known. What goes
/// wrong before a mail is named is not that mail's fault.
async fn session(told: &SmtpConfig) -> Result<AsyncSmtpConnection, MailError> {
    // Who greets by the domain that mail is from is who may send for it.
    let name = ClientId::Domain(told.from.domain().to_owned());
    let server = (told.host.as_str(), told.port);
    let tls = || {
        let tls = TlsParameters::builder(told.host.clone());
        let tls = tls.certificate_store(CertificateStore::WebpkiRoots);
        tls.build_rustls()
            .map_err(|error| refusal(Stage::Tls, &error))
    };
    let from_the_start = match told.tls {
        SmtpTls::Implicit => Some(tls()?),
        SmtpTls::StartTls | SmtpTls::None => None,
    };
    let connecting = Some(CONNECTED_WITHIN);
    let begun =
        AsyncSmtpConnection::connect_tokio1(server, connecting, &name, from_the_start, None).await;
    let mut session = begun.map_err(|error| refusal(Stage::Greeting, &error))?;
    if told.tls == SmtpTls::StartTls {
        let secured = session.starttls(tls()?, &name).await;
        secured.map_err(|error| refusal(Stage::StartTls, &error))?;
    }
    if let Some(login) = &told.login {
        let password = login.password.expose_secret().to_owned();
        let credentials = Credentials::new(login.user.clone(), password);
        let known = session.auth(&MECHANISMS, &credentials).await;
        known.map_err(|error| refusal(Stage::Login, &error))?;
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

fn too_slow() -> String {
    format!("the server takes longer than {} s", SENT_WITHIN.as_secs())
}
