//! Sending letters that somebody durable asks for, and asks for again where they were not
//! taken: they wait for their turn, have places of their own, and are tried once each time.
//!
//! Knows not what asks, and keeps no letter.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use billing_ports::{Mail, MailError, Mailer, NotifyError};
use tokio::sync::Semaphore;

/// Letters handed over at the same time. Few, since nobody waits for them: mail servers
/// refuse who opens many sessions at once, and with eight a burst of some thousand is gone
/// within minutes.
const AT_ONCE: usize = 8;

/// How long a letter waits for its turn before whoever asks is told to come again. With
/// what a mail server may take that is less than an effect has in all.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Ids of letters that were handed over and are remembered: whoever asks again, since
/// something beside the letter failed, does so within hours, and a busy shop writes fewer
/// letters in those.
const REMEMBERED: usize = 4_096;

/// The places, and what was handed over.
pub(crate) struct Queue {
    places: Semaphore,
    handed: Mutex<VecDeque<String>>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            handed: Mutex::default(),
        }
    }

    /// Hands `mail` over when its turn comes, unless this process has done so before. What
    /// can never be sent is given up with a line in the log.
    ///
    /// # Errors
    ///
    /// [`NotifyError::NoRoom`] when its turn did not come, [`NotifyError::Failed`] when the
    /// mail was not taken.
    pub(crate) async fn send(&self, mailer: &dyn Mailer, mail: &Mail) -> Result<(), NotifyError> {
        let turn = tokio::time::timeout(TURN_WITHIN, self.places.acquire()).await;
        let Ok(_place) = turn else {
            return Err(NotifyError::NoRoom(
                "other letters are handed over".to_owned(),
            ));
        };
        if self.has_handed(&mail.id) {
            return Ok(());
        }
        match mailer.send(mail).await {
            Ok(()) => {
                tracing::info!(mail = mail.id, "mail sent");
                self.remember(&mail.id);
                Ok(())
            }
            Err(error @ MailError::NotTaken(_)) => Err(NotifyError::Failed(error.to_string())),
            Err(error @ MailError::Refused(_)) => {
                tracing::error!(mail = mail.id, %error, "mail given up");
                Ok(())
            }
        }
    }

    fn has_handed(&self, id: &str) -> bool {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        handed.iter().any(|held| held == id)
    }

    fn remember(&self, id: &str) {
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        if handed.len() >= REMEMBERED {
            handed.pop_front();
        }
        handed.push_back(id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use billing_testkit::RecordingMailer;

    use super::*;

    fn mail(number: usize) -> Mail {
        Mail {
            id: format!("jrn_{number}"),
            to: "ana@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "text\n".to_owned(),
        }
    }

    /// A mailer that takes its time, and counts how many it sends at once.
    struct Slow {
        takes: Duration,
        sent: RecordingMailer,
        under_way: Semaphore,
    }

    impl Slow {
        fn new(seconds: u64) -> Arc<Self> {
            Arc::new(Self {
                takes: Duration::from_secs(seconds),
                sent: RecordingMailer::new(),
                under_way: Semaphore::new(AT_ONCE),
            })
        }
    }

    #[async_trait]
    impl Mailer for Slow {
        async fn send(&self, mail: &Mail) -> Result<(), MailError> {
            let _counted = self.under_way.try_acquire().expect("too many at once");
            tokio::time::sleep(self.takes).await;
            self.sent.send(mail).await
        }
    }

    /// Hands over so many letters side by side; what became of them.
    async fn burst(queue: &Queue, mailer: &Slow, count: usize) -> (usize, usize) {
        let sending = (0..count).map(async |number| queue.send(mailer, &mail(number)).await);
        let told = futures_util::future::join_all(sending).await;
        let full = |told: &&Result<(), NotifyError>| matches!(told, Err(NotifyError::NoRoom(_)));
        let sent = told.iter().filter(|told| told.is_ok()).count();
        (sent, told.iter().filter(full).count())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_for_its_turn() {
        let (queue, mailer) = (Queue::new(), Slow::new(1));
        assert_eq!(burst(&queue, &mailer, 80).await, (80, 0));
        assert_eq!(mailer.sent.sent().len(), 80);
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_server_that_hangs_others_are_told_to_come_again_and_do() {
        let (queue, mailer) = (Queue::new(), Slow::new(30));
        let began = tokio::time::Instant::now();
        assert_eq!(burst(&queue, &mailer, 20).await, (8, 12));
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        assert_eq!(burst(&queue, &mailer, 16).await, (16, 0));
        assert_eq!(burst(&queue, &mailer, 20).await, (20, 0));
        assert_eq!(mailer.sent.calls(), 20, "each is handed over once");
    }

    #[tokio::test]
    async fn what_is_not_taken_is_asked_for_again_and_what_never_can_be_is_not() {
        let (queue, mailer) = (Queue::new(), RecordingMailer::new());
        mailer.fail_next(1);
        let failed = queue.send(&mailer, &mail(1)).await;
        assert!(matches!(failed, Err(NotifyError::Failed(_))), "{failed:?}");
        queue.send(&mailer, &mail(1)).await.unwrap();
        assert_eq!(mailer.sent().len(), 1);
        queue.send(&Never, &mail(2)).await.unwrap();
    }

    /// A mailer that can send nothing.
    struct Never;

    #[async_trait]
    impl Mailer for Never {
        async fn send(&self, _mail: &Mail) -> Result<(), MailError> {
            Err(MailError::Refused("its address is none"))
        }
    }

    #[tokio::test]
    async fn only_so_many_are_remembered() {
        let (queue, mailer) = (Queue::new(), RecordingMailer::new());
        for number in 0..=REMEMBERED {
            queue.send(&mailer, &mail(number)).await.unwrap();
        }
        assert!(!queue.has_handed("jrn_0"));
        assert!(queue.has_handed("jrn_1"));
    }
}
