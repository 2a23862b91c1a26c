//! A folder that mail is written to instead of being sent: for development,
//! and for a program of one's own that sends what it finds there.
//!
//! Knows nothing of what is in a letter. It is not removed here either.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use billing_ports::{Clock, Mail, MailError, Mailer};

use super::letter::{Encoding, letter};
use super::sender::Sender;
use crate::lock::private;

/// How long writing a letter may take: a disk that needs longer is in trouble.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// Writes each mail as a file of its own, `{id}.eml`, which its owner alone may
/// read. A file that is there is whole: it is written under another name and
/// then renamed. A mail whose file is there is not written again.
#[derive(Clone)]
pub struct FileOutbox {
    folder: Arc<Path>,
    clock: Arc<dyn Clock>,
    /// Makes the names of files in the making differ.
    drafts: Arc<AtomicU64>,
}

impl std::fmt::Debug for FileOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileOutbox")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl FileOutbox {
    /// Mail in `folder`, which is made where there is none, for its owner
    /// alone; letters are dated by `clock`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or is none.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        private_folder(&mut builder);
        match builder.create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        Ok(Self {
            folder: Arc::from(folder),
            clock,
            drafts: Arc::default(),
        })
    }

    /// The file of a mail, and the name under which it is written.
    fn places(&self, id: &str) -> (PathBuf, PathBuf) {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = format!(".{id}.{}-{number}.tmp", std::process::id());
        let file = self.folder.join(format!("{id}.eml"));
        (file, self.folder.join(draft))
    }
}

#[async_trait]
impl Mailer for FileOutbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let text = letter(
            mail,
            &Sender::nobody(),
            Encoding::EightBit,
            self.clock.now(),
        )?;
        let (file, draft) = self.places(&mail.id);
        let writing = tokio::task::spawn_blocking(move || keep(&file, &draft, text.as_bytes()));
        let why = match tokio::time::timeout(WRITTEN_WITHIN, writing).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_panicked)) => "writing panicked".to_owned(),
            Err(_elapsed) => "the disk takes too long".to_owned(),
        };
        Err(MailError::NotTaken(why))
    }
}

/// Writes `text` to `draft` and renames that to `file`, unless `file` is there.
fn keep(file: &Path, draft: &Path, text: &[u8]) -> io::Result<()> {
    if file.try_exists()? {
        return Ok(());
    }
    let written = write(draft, text).and_then(|()| std::fs::rename(draft, file));
    if written.is_err() {
        // What matters is why it was not written.
        drop(std::fs::remove_file(draft));
    }
    written
}

fn write(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    private(&mut options);
    let mut file = options.open(draft)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(unix)]
fn private_folder(builder: &mut DirBuilder) {
    use std::os::unix::fs::DirBuilderExt as _;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn private_folder(_builder: &mut DirBuilder) {}

#[cfg(test)]
mod tests {
    use billing_testkit::ManualClock;
    use jiff::SignedDuration;

    use super::*;

    /// A place of its own, gone at the end of the test.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let name = format!("billing-mail-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn folder(&self) -> PathBuf {
            self.0.join("mail")
        }

        /// The names in the folder, sorted.
        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.folder()).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::fs::remove_dir_all(&self.0).unwrap();
            }
        }
    }

    fn clock() -> ManualClock {
        ManualClock::new("2026-03-01T12:00:00Z".parse().unwrap())
    }

    fn mail(id: &str, text: &str) -> Mail {
        Mail {
            id: id.to_owned(),
            to: "ana@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: text.to_owned(),
            html: None,
        }
    }

    #[tokio::test]
    async fn a_mail_is_one_whole_file_and_a_repetition_changes_nothing() {
        let place = Place::new("once");
        let clock = clock();
        let outbox = FileOutbox::open(&place.folder(), Arc::new(clock.clone())).unwrap();
        outbox.send(&mail("bss_1", "first\n")).await.unwrap();
        let read = || std::fs::read_to_string(place.folder().join("bss_1.eml")).unwrap();
        let first = read();
        assert!(first.ends_with("\r\n\r\nfirst\r\n"), "{first}");
        clock.advance(SignedDuration::from_mins(1));
        outbox.send(&mail("bss_1", "second\n")).await.unwrap();
        // Nor after a start of another program on the same folder.
        let again = FileOutbox::open(&place.folder(), Arc::new(clock)).unwrap();
        again.send(&mail("bss_1", "third\n")).await.unwrap();
        assert_eq!(read(), first);
        again.send(&mail("bss_2", "other\n")).await.unwrap();
        assert_eq!(place.names(), ["bss_1.eml", "bss_2.eml"]);
    }

    #[tokio::test]
    async fn the_same_mail_at_once_is_one_file() {
        let place = Place::new("at-once");
        let outbox = FileOutbox::open(&place.folder(), Arc::new(clock())).unwrap();
        let mail = mail("bss_1", "text\n");
        let sends = (0..20).map(|_| outbox.send(&mail));
        for sent in futures_util::future::join_all(sends).await {
            sent.unwrap();
        }
        assert_eq!(place.names(), ["bss_1.eml"]);
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn folder_and_files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = Place::new("modes");
        let outbox = FileOutbox::open(&place.folder(), Arc::new(clock())).unwrap();
        outbox.send(&mail("bss_1", "text\n")).await.unwrap();
        let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(place.folder()), 0o700);
        assert_eq!(mode(place.folder().join("bss_1.eml")), 0o600);
    }

    #[tokio::test]
    async fn what_is_refused_or_fails_leaves_nothing() {
        let place = Place::new("refused");
        let outbox = FileOutbox::open(&place.folder(), Arc::new(clock())).unwrap();
        let to = "ana@example.com\r\nBcc: eve@evil.example".to_owned();
        let injected = Mail {
            to,
            ..mail("bss_1", "text\n")
        };
        let refused = outbox.send(&injected).await;
        assert_eq!(refused, Err(MailError::Refused("its address is none")));
        assert_eq!(place.names(), Vec::<String>::new());

        std::fs::remove_dir(place.folder()).unwrap();
        let failed = outbox.send(&mail("bss_1", "text\n")).await;
        assert!(matches!(failed, Err(MailError::NotTaken(_))), "{failed:?}");
        std::fs::create_dir(place.folder()).unwrap();
        outbox.send(&mail("bss_1", "text\n")).await.unwrap();
        assert_eq!(place.names(), ["bss_1.eml"]);
    }

    #[test]
    fn a_folder_is_a_folder_whose_own_folder_is_there() {
        let place = Place::new("folder");
        let open = |path: PathBuf| FileOutbox::open(&path, Arc::new(clock()));
        std::fs::write(place.0.join("file"), "").unwrap();
        assert!(open(place.0.join("file")).is_err());
        assert!(open(place.0.join("gone/mail")).is_err());
        open(place.folder()).unwrap();
        open(place.folder()).unwrap();
    }
}
