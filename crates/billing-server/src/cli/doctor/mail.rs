//! Mail: whether its folder or its server is as it should be. Sends none.

use std::path::Path;

use super::has_folder;
use super::seen::{Seen, bad, good, warning};
use crate::config::{MailConfig, SmtpConfig};

/// Looks at what becomes of mail.
pub(super) async fn look(mail: Option<&MailConfig>) -> Seen {
    match mail {
        Some(MailConfig::Folder(path)) => folder(path),
        Some(MailConfig::Smtp(told)) => server(told).await,
        None => {
            let text = "no mailer: links to a customer's billing are not sent; \
                        BILLING_MAIL_SMTP_HOST names a server that sends them, \
                        BILLING_MAIL_FOLDER a folder that they are written to";
            warning("mail", text.to_owned())
        }
    }
}

#[cfg(feature = "smtp")]
async fn server(told: &SmtpConfig) -> Seen {
    let SmtpConfig { host, port, .. } = told;
    match crate::mail::Smtp::look(told).await {
        Ok(()) if told.login.is_some() => {
            let text = format!(
                "{host}:{port} knows us, and sends as {}",
                told.from.address()
            );
            good("mail", text)
        }
        Ok(()) => {
            let text = format!(
                "{host}:{port} answers, without a user and a password; it sends as {}, if to \
                 anybody",
                told.from.address()
            );
            good("mail", text)
        }
        Err(why) => bad(
            "mail",
            format!("{host}:{port}: {why}; see BILLING_MAIL_SMTP_HOST"),
        ),
    }
}

/// It was refused where it was configured.
#[cfg(not(feature = "smtp"))]
#[expect(clippy::unused_async, reason = "the same door as where it is built in")]
async fn server(told: &SmtpConfig) -> Seen {
    let host = &told.host;
    bad(
        "mail",
        format!("{host}: this program was built without SMTP"),
    )
}

fn folder(folder: &Path) -> Seen {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(data) if !data.is_dir() => bad("mail", format!("{shown} is no folder")),
        Ok(data) if is_open(&data) => {
            let text =
                format!("{shown} is open to others, and links are secrets; chmod 700 {shown}");
            warning("mail", text)
        }
        Ok(_own) => good("mail", format!("written to {shown}, not sent")),
        Err(_absent) if has_folder(folder) => {
            let text = format!("written to {shown}, which the server makes when it starts");
            good("mail", text)
        }
        Err(error) => bad("mail", format!("{shown}: {error}")),
    }
}

#[cfg(unix)]
fn is_open(data: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    data.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open(_data: &std::fs::Metadata) -> bool {
    false
}
