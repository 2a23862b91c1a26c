//! A mailer that remembers what it sent, and fails when told to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use billing_ports::{Mail, MailError, Mailer};

/// A mailer that remembers what it sent. Its clones share one memory.
#[derive(Debug, Clone, Default)]
pub struct RecordingMailer {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    sent: Vec<Mail>,
    calls: u32,
    failures_to_come: u32,
}

impl RecordingMailer {
    /// A mailer that sent nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails the next `count` calls; nothing of them is sent.
    pub fn fail_next(&self, count: u32) {
        self.lock().failures_to_come = count;
    }

    /// Every mail once, in the order of sending.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        self.lock().sent.clone()
    }

    /// How often it was asked to send, failures and repetitions included.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.lock().calls
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for RecordingMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut inner = self.lock();
        inner.calls = inner.calls.saturating_add(1);
        if let Some(left) = inner.failures_to_come.checked_sub(1) {
            inner.failures_to_come = left;
            return Err(MailError::NotTaken("told to fail".to_owned()));
        }
        if !inner.sent.iter().any(|sent| sent.id == mail.id) {
            inner.sent.push(mail.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_id_is_sent_once_and_failures_are_no_mail() {
        let mail = Mail {
            id: "bss_1".to_owned(),
            to: "ana@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "Good day.\n".to_owned(),
            html: None,
        };
        let mailer = RecordingMailer::new();
        mailer.fail_next(1);
        assert!(mailer.send(&mail).await.is_err());
        assert_eq!(mailer.sent(), []);
        mailer.send(&mail).await.unwrap();
        mailer.clone().send(&mail).await.unwrap();
        assert_eq!(mailer.sent(), [mail]);
        assert_eq!(mailer.calls(), 3);
    }
}
