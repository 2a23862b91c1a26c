//! What becomes of mail: how it is told. Opens nothing and asks nobody.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::built::Built;
use super::keys::keys_of;
use super::providers::built_without;
use super::reader::Reader;
use super::values::{path, whole};
use crate::mail::Sender;

/// Longest name of a host that there is.
const MAX_HOST: usize = 253;

/// Longest user and password: what fits the one line that both are told in.
const MAX_LOGIN: usize = 255;

/// The port where a server takes mail to send on, in the clear at first (RFC 6409).
const SUBMISSION: u16 = 587;

/// The port where it takes it private from the start (RFC 8314).
const SUBMISSIONS: u16 = 465;

/// What becomes of mail.
#[derive(Debug, Clone)]
pub enum MailConfig {
    /// It is written to this folder, and not sent.
    Folder(PathBuf),
    /// It is handed to a server that sends it on.
    Smtp(SmtpConfig),
}

/// A server that sends mail on.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Its name, which its certificate has to bear, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what is said to it is kept private.
    pub tls: SmtpTls,
    /// Who we are there. `None`: it takes mail from anybody, as one's own does.
    pub login: Option<SmtpLogin>,
    /// Who sends.
    pub from: Sender,
}

/// Who we are at a server that sends mail on. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct SmtpLogin {
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// How what is said to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// By TLS that begins after the greeting; without it nothing is sent.
    StartTls,
    /// By TLS from the start.
    Implicit,
    /// Not at all: for a server on this machine.
    None,
}

/// A server wins over a folder.
pub(super) fn mail(reader: &mut Reader<'_>, built: Built) -> Option<MailConfig> {
    let smtp = smtp(reader, built);
    let folder = reader.value("mail.folder", "the path of a folder", path);
    smtp.map(MailConfig::Smtp)
        .or_else(|| folder.map(MailConfig::Folder))
}

fn smtp(reader: &mut Reader<'_>, built: Built) -> Option<SmtpConfig> {
    if !built.smtp {
        built_without(reader, "mail.smtp", "smtp");
        return None;
    }
    if !keys_of("mail.smtp").any(|key| reader.says(key)) {
        return None;
    }
    let expected = "the name of a mail server, such as smtp.example.com";
    reader.require("mail.smtp.host", expected);
    let host = reader.value("mail.smtp.host", expected, host);
    let port = reader.value("mail.smtp.port", "a port, such as 587", |text| {
        whole(text).filter(|port| *port > 0)
    });
    let tls = tls(reader, host.as_deref());
    let user = reader.value("mail.smtp.user", "the user at the mail server", |text| {
        let fits = (1..=MAX_LOGIN).contains(&text.len());
        (fits && !text.contains(char::is_control)).then(|| text.to_owned())
    });
    let expected = "the password of the user at the mail server";
    if reader.says("mail.smtp.user") {
        reader.require("mail.smtp.password", expected);
    }
    let password = reader.hidden_value("mail.smtp.password", expected, |text| {
        let fits = (1..=MAX_LOGIN).contains(&text.len());
        (fits && !text.contains(char::is_control)).then(|| SecretString::from(text.to_owned()))
    });
    if password.is_some() {
        reader.require("mail.smtp.user", "the user whose password is told");
    }
    let expected = "who sends, such as billing@example.com or Acme <billing@example.com>";
    reader.require("mail.smtp.from", expected);
    let from = reader.value("mail.smtp.from", expected, |text| text.parse().ok());
    let tls = tls.unwrap_or(SmtpTls::StartTls);
    let usual = match tls {
        SmtpTls::Implicit => SUBMISSIONS,
        SmtpTls::StartTls | SmtpTls::None => SUBMISSION,
    };
    let login = user.zip(password);
    Some(SmtpConfig {
        host: host?,
        port: port.unwrap_or(usual),
        tls,
        login: login.map(|(user, password)| SmtpLogin { user, password }),
        from: from?,
    })
}

/// Letters carry links that are secrets, and nothing is said in the clear beyond this
/// machine.
fn tls(reader: &mut Reader<'_>, host: Option<&str>) -> Option<SmtpTls> {
    let here = host.is_some_and(is_here);
    let expected = "starttls or implicit; none only for a server on this machine, by its \
                    address such as 127.0.0.1 or as localhost";
    reader.value("mail.smtp.tls", expected, |text| match text {
        "starttls" => Some(SmtpTls::StartTls),
        "implicit" => Some(SmtpTls::Implicit),
        "none" => here.then_some(SmtpTls::None),
        _ => None,
    })
}

fn is_here(host: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

fn host(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let labels = |text: &str| {
        let mut labels = text.split('.');
        labels.all(|label| !label.is_empty() && label.chars().all(plain))
    };
    let fits = text.len() <= MAX_HOST && (labels(text) || text.parse::<IpAddr>().is_ok());
    fits.then(|| text.to_owned())
}
