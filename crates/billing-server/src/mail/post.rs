//! Sending mail while nobody waits for it: tried again for some minutes, by
//! this process alone. A process that ends forgets what it was still trying.

use std::sync::Arc;
use std::time::Duration;

use billing_notify::{Way, Welcome};
use billing_ports::{Mail, MailError, Mailer};
use tokio::sync::Semaphore;

/// Letters at hand at once. More means that mail is not taken for long, and
/// then further ones would only wait in memory.
const MAX_AT_HAND: u32 = 64;

/// How long a mail that was not taken waits before it is sent again: some eight
/// minutes together, which a link of a quarter of an hour outlives.
const AGAIN_AFTER: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(5),
];

/// What letters are sent with, and room for those at hand.
#[derive(Clone)]
pub(crate) struct Post {
    /// `None`: no mail is sent.
    mailer: Option<Arc<dyn Mailer>>,
    room: Arc<Semaphore>,
    welcome: Welcome,
}

impl Post {
    pub(crate) fn new(mailer: Option<Arc<dyn Mailer>>) -> Self {
        let room = usize::try_from(MAX_AT_HAND).unwrap_or(usize::MAX);
        Self {
            mailer,
            room: Arc::new(Semaphore::new(room)),
            welcome: Welcome::at(Way::Mail),
        }
    }

    /// Whether mail of ours is taken, as was last heard. `None`: none is sent.
    pub(crate) fn welcome(&self) -> Option<&Welcome> {
        self.mailer.as_ref().map(|_sends| &self.welcome)
    }

    /// Hands `mail` over, once.
    ///
    /// # Errors
    ///
    /// What the mailer says; where there is none, that it is not taken.
    pub(crate) async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let Some(mailer) = &self.mailer else {
            return Err(MailError::NotTaken("no mail is sent".to_owned()));
        };
        let sent = mailer.send(mail).await;
        match &sent {
            Ok(()) => {
                tracing::info!(mail = mail.id, "mail sent");
                self.welcome.taken();
            }
            Err(MailError::Unwelcome(why)) => self.welcome.refused(why),
            // Says nothing of us.
            Err(MailError::Refused(_) | MailError::NotTaken(_)) => {}
        }
        sent
    }

    /// Sends `mail`, again and again for some minutes where it is not taken. Gives up with a
    /// line in the log.
    pub(crate) async fn deliver(&self, mail: &Mail) {
        let mut waits = AGAIN_AFTER.iter();
        while let Err(error) = self.send(mail).await {
            match (&error, waits.next()) {
                (MailError::NotTaken(_) | MailError::Unwelcome(_), Some(wait)) => {
                    tracing::warn!(mail = mail.id, %error, "mail not sent; it is tried again");
                    tokio::time::sleep(*wait).await;
                }
                _ => return tracing::error!(mail = mail.id, %error, "mail given up"),
            }
        }
    }

    /// What mail is sent with. `None`: none is sent.
    pub(crate) fn mailer(&self) -> Option<&Arc<dyn Mailer>> {
        self.mailer.as_ref()
    }

    /// Does `work` on its own. `false`: too much is at hand, and it is not done.
    pub(crate) fn later(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return false;
        };
        tokio::spawn(async move {
            work.await;
            drop(place);
        });
        true
    }

    /// Waits until nothing is at hand.
    pub(crate) async fn settled(&self) {
        // It is never closed, so that the places are given at last.
        drop(self.room.acquire_many(MAX_AT_HAND).await);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use billing_testkit::RecordingMailer;

    use super::*;

    fn mail() -> Mail {
        Mail {
            id: "bss_1".to_owned(),
            to: "ana@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "text\n".to_owned(),
            html: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mail_that_is_not_taken_is_sent_again_and_given_up_at_last() {
        let mailer = RecordingMailer::new();
        mailer.fail_next(5);
        Post::new(Some(Arc::new(mailer.clone())))
            .deliver(&mail())
            .await;
        assert_eq!(mailer.sent().len(), 1);
        let began = tokio::time::Instant::now();
        let mailer = RecordingMailer::new();
        mailer.fail_next(100);
        Post::new(Some(Arc::new(mailer.clone())))
            .deliver(&mail())
            .await;
        assert_eq!((mailer.sent().len(), mailer.calls()), (0, 6));
        assert_eq!(began.elapsed(), Duration::from_secs(1 + 5 + 30 + 120 + 300));
    }

    /// Takes nothing of ours until it is told to.
    struct Strict(AtomicBool);

    #[async_trait]
    impl Mailer for Strict {
        async fn send(&self, mail: &Mail) -> Result<(), MailError> {
            if mail.to.starts_with("nobody@") {
                return Err(MailError::Refused("nobody is called so"));
            }
            if self.0.load(Ordering::Relaxed) {
                return Ok(());
            }
            Err(MailError::Unwelcome("the server answered 535".to_owned()))
        }
    }

    #[tokio::test]
    async fn that_nothing_of_ours_is_taken_is_known_until_something_is() {
        let strict = Arc::new(Strict(AtomicBool::new(false)));
        let post = Post::new(Some(Arc::clone(&strict) as _));
        let refuses = || post.welcome().unwrap().is_refused();
        assert!(!refuses(), "nobody was asked");
        post.send(&mail()).await.unwrap_err();
        assert!(refuses());
        let to = "nobody@example.com".to_owned();
        post.send(&Mail { to, ..mail() }).await.unwrap_err();
        assert!(refuses(), "that says nothing of us");
        strict.0.store(true, Ordering::Relaxed);
        post.send(&mail()).await.unwrap();
        assert!(!refuses());
        assert!(Post::new(None).welcome().is_none());
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_and_then_for_none() {
        let post = Post::new(None);
        let (open, gate) = tokio::sync::watch::channel(false);
        let work = || {
            let mut gate = gate.clone();
            async move {
                gate.wait_for(|open| *open).await.unwrap();
            }
        };
        for _ in 0..MAX_AT_HAND {
            assert!(post.later(work()));
        }
        assert!(!post.later(work()));
        open.send(true).unwrap();
        post.settled().await;
        assert!(post.later(work()));
        post.settled().await;
    }
}
