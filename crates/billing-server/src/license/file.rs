//! The file of the license keys.
//!
//! Its owner alone may read it; one that others can read is refused, since what
//! it holds may be known already. It is replaced as a whole, so that whoever reads
//! it meanwhile has the old keys or the new. Knows nothing of what is signed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use billing_domain::time::Timestamp;
use billing_license::Algorithm;
use billing_ports::IdSource;
use secrecy::zeroize::Zeroizing;

use super::ring::{KeyRing, RingError};
use super::text;

/// Longest file, in bytes. Ours has 500; with the most old keys of the longest kind
/// 7 000. More is something else.
pub(super) const MAX_BYTES: usize = 8 * 1024;

/// What is put behind the name while the file is replaced.
const NEW: &str = ".new";

/// What is put behind the name while the file is made. Not the same, since nobody is
/// stopped by what a start left that was killed.
const MADE: &str = ".made";

/// Why the keys cannot be had from their file, or not be changed. Never tells what
/// is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    /// It cannot be opened, read or written.
    #[error("use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("{} is open to others (mode {mode:o})", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not such a file, or was cut off.
    #[error("{} holds no license keys", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// It is not there, or empty.
    #[error("{} is not there", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else changes it, or was killed at it.
    #[error("{} is there", path.display())]
    Busy {
        /// What is written in its place.
        path: PathBuf,
    },
    /// The keys stay as they are.
    #[error(transparent)]
    Ring(#[from] RingError),
}

impl KeyFileError {
    /// What helps.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Io { path, .. } => format!(
                "The license keys are kept in {}, which the server's user must be able to read, \
                 and to make where it is not there. Another place is named with \
                 BILLING_LICENSE_KEY_FILE.",
                path.display()
            ),
            Self::OpenToOthers { path, .. } => format!(
                "Whoever read it can make licenses. If nobody did: chmod 600 {}",
                path.display()
            ),
            Self::Form { path } => format!(
                "Put its copy back. To begin anew, which ends every license key and token handed \
                 out, empty it: install -m 600 /dev/null {}",
                path.display()
            ),
            Self::Missing { .. } => "The first start of a server makes it.".to_owned(),
            Self::Busy { path } => format!(
                "Somebody changes the keys at this moment. If nobody does: rm {}",
                path.display()
            ),
            Self::Ring(error) => error.hint().to_owned(),
        }
    }
}

/// Reads the keys. `None`: there is no file, or an empty one.
///
/// # Errors
///
/// [`KeyFileError`] when there is one that cannot be used.
pub(crate) fn look(path: &Path) -> Result<Option<KeyRing>, KeyFileError> {
    let failed = |source| io_error(path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Of the file that is read, whatever its name stands for a moment later.
    if let Some(mode) = open_to_others(&file.metadata().map_err(failed)?) {
        let path = path.to_owned();
        return Err(KeyFileError::OpenToOthers { path, mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    let longest = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    file.take(longest).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let ring = str::from_utf8(&bytes).ok().and_then(text::read);
    let form = || KeyFileError::Form {
        path: path.to_owned(),
    };
    ring.map(Some).ok_or_else(form)
}

/// The keys at `path`; where nothing or an empty file is, drawn and written there. Of
/// several processes that do so at once one draws them, and all have hers.
///
/// # Errors
///
/// [`KeyFileError`] when they cannot be written, and are of no use.
pub(crate) fn make(
    path: &Path,
    algorithm: Algorithm,
    ids: &dyn IdSource,
    now: Timestamp,
) -> Result<KeyRing, KeyFileError> {
    let failed = |source| io_error(path, source);
    let mut options = OpenOptions::new();
    // What is there is not touched, only held.
    options.create(true).append(true);
    private(&mut options);
    let held = options.open(path).map_err(failed)?;
    // Held for as long as one file is written, and let go with the process however it ends.
    held.lock().map_err(failed)?;
    if let Some(ring) = look(path)? {
        return Ok(ring);
    }
    let ring = KeyRing::draw(algorithm, ids, now)?;
    put(path, &held, &ring).map_err(failed)?;
    Ok(ring)
}

/// Puts a file with `ring` in the place of the empty one that is `held`.
fn put(path: &Path, held: &File, ring: &KeyRing) -> io::Result<()> {
    let made = beside(path, MADE);
    match std::fs::remove_file(&made) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    private(&mut options);
    let mut file = options.open(&made)?;
    give_to_owner_of(&file, &held.metadata()?)?;
    fill(&mut file, ring)?;
    std::fs::rename(&made, path)?;
    sync_folder(path)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Changes the keys at `path`, one change at a time.
///
/// # Errors
///
/// [`KeyFileError`], and the file is as it was.
pub(crate) fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut KeyRing) -> Result<T, RingError>,
) -> Result<T, KeyFileError> {
    let new = beside(path, NEW);
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    private(&mut options);
    let mut file = match options.open(&new) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyFileError::Busy { path: new });
        }
        Err(error) => return Err(io_error(path, error)),
    };
    let changed = replaced(path, &new, &mut file, change);
    if changed.is_err() {
        // What matters is why it was not changed; what is left names itself next time.
        drop(std::fs::remove_file(&new));
    }
    changed
}

fn replaced<T>(
    path: &Path,
    new: &Path,
    file: &mut File,
    change: impl FnOnce(&mut KeyRing) -> Result<T, RingError>,
) -> Result<T, KeyFileError> {
    let failed = |source| io_error(path, source);
    let missing = || KeyFileError::Missing {
        path: path.to_owned(),
    };
    let mut ring = look(path)?.ok_or_else(missing)?;
    let said = change(&mut ring)?;
    let before = std::fs::metadata(path).map_err(failed)?;
    // Whoever changes it need not be the server's user, who must read it.
    give_to_owner_of(file, &before).map_err(failed)?;
    fill(file, &ring).map_err(failed)?;
    std::fs::rename(new, path).map_err(failed)?;
    sync_folder(path).map_err(failed)?;
    Ok(said)
}

fn fill(file: &mut File, ring: &KeyRing) -> io::Result<()> {
    file.write_all(text::written(ring).as_bytes())?;
    // A license must not outlive its key, as in a power cut.
    file.sync_all()
}

fn io_error(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        path: path.to_owned(),
        source,
    }
}

/// The permissions, where they let others than the owner in.
#[cfg(unix)]
fn open_to_others(data: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = data.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_data: &Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn give_to_owner_of(file: &File, data: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (data.uid(), data.gid()) {
        return Ok(());
    }
    fchown(file, Some(data.uid()), Some(data.gid()))
}

#[cfg(not(unix))]
fn give_to_owner_of(_file: &File, _data: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Makes the new name outlive a power cut.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use billing_testkit::{SeededIds, fixtures};

    use super::*;

    fn make(path: &Path, ids: &SeededIds) -> Result<KeyRing, KeyFileError> {
        super::make(path, Algorithm::EdDsa, ids, fixtures::start())
    }

    /// A path of its own, with nothing there, gone at the end.
    struct At(PathBuf);

    impl At {
        fn new(name: &str) -> Self {
            let name = format!("billing-{name}-{}.license-key", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for At {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).unwrap();
        }
    }

    fn kid(keys: Option<KeyRing>) -> String {
        keys.unwrap().kid().to_owned()
    }

    #[test]
    fn what_is_made_is_read_back_and_nobody_else_s() {
        let at = At::new("made");
        assert!(look(&at.0).unwrap().is_none());
        let made = make(&at.0, &SeededIds::new(1)).unwrap();
        let read = look(&at.0).unwrap().unwrap();
        assert_eq!(made.list(), read.list());
        assert_eq!(made.secret, read.secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let permissions = std::fs::metadata(&at.0).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn the_two_keys_differ_and_neither_is_shown() {
        let at = At::new("shown");
        let made = make(&at.0, &SeededIds::new(1)).unwrap();
        assert_ne!(*made.signing.secret, made.secret.to_vec());
        assert_eq!(format!("{made:?}"), "KeyRing(..)");
    }

    #[cfg(unix)]
    #[test]
    fn one_that_others_may_read_or_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let at = At::new("open");
        make(&at.0, &SeededIds::new(1)).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o777] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&at.0, permissions).unwrap();
            let error = look(&at.0).unwrap_err();
            assert!(
                error.to_string().contains(&format!("(mode {mode:o})")),
                "{error}"
            );
            assert!(error.hint().contains("chmod 600 "), "{}", error.hint());
        }
        let permissions = std::fs::Permissions::from_mode(0o400);
        std::fs::set_permissions(&at.0, permissions).unwrap();
        assert!(look(&at.0).unwrap().is_some());
    }

    #[test]
    fn one_that_is_something_else_is_refused_without_a_word_of_it() {
        let at = At::new("form");
        make(&at.0, &SeededIds::new(1)).unwrap();
        let good = std::fs::read_to_string(&at.0).unwrap();
        let signing_line = good
            .lines()
            .find(|line| line.starts_with("signing"))
            .unwrap();
        for wrong in [
            good[..good.len() - 60].to_owned(),
            good.replace("EdDSA", "HS256"),
            // The key that signs verifies as an old one besides.
            format!(
                "{good}{}\n",
                signing_line.replace("signing_key", "next_key")
            ),
            good.replace("key_secret", "other"),
            format!("{good}{signing_line}\n"),
            format!("{good}more = 1\n"),
            good.replace(signing_line, ""),
            good.replace(" = ", " "),
            "canary7f".to_owned(),
        ] {
            std::fs::write(&at.0, &wrong).unwrap();
            let error = look(&at.0).unwrap_err();
            assert!(matches!(error, KeyFileError::Form { .. }), "{wrong}");
            let told = format!("{error} {error:?} {}", error.hint());
            assert!(!told.contains("canary7f"), "{told}");
        }
        std::fs::write(&at.0, [0xff, 0xfe]).unwrap();
        assert!(look(&at.0).is_err());
    }

    #[test]
    fn an_empty_one_is_filled() {
        let at = At::new("empty");
        make(&at.0, &SeededIds::new(1)).unwrap();
        let before = kid(look(&at.0).unwrap());
        File::options()
            .write(true)
            .truncate(true)
            .open(&at.0)
            .unwrap();
        assert!(look(&at.0).unwrap().is_none());
        make(&at.0, &SeededIds::new(2)).unwrap();
        assert_ne!(kid(look(&at.0).unwrap()), before);
    }

    #[test]
    fn of_many_first_starts_one_makes_the_keys_and_all_use_them() {
        /// Starts at once; enough that some are always in each other's way.
        const STARTS: u64 = 16;
        let at = At::new("race");
        // Where nothing is, and where an empty file is.
        for round in 0..2 {
            let barrier = std::sync::Barrier::new(STARTS.try_into().unwrap());
            let start = |seed| {
                let ids = SeededIds::new(seed);
                barrier.wait();
                // As a start does: whoever looks meanwhile sees nothing, or all of it.
                let held = look(&at.0).unwrap();
                held.unwrap_or_else(|| make(&at.0, &ids).unwrap())
            };
            let start = &start;
            let rings: Vec<KeyRing> = std::thread::scope(|scope| {
                let seeds = round * STARTS..(round + 1) * STARTS;
                let started: Vec<_> = seeds.map(|seed| scope.spawn(move || start(seed))).collect();
                started.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let kept = look(&at.0).unwrap().unwrap();
            for ring in rings {
                assert_eq!((ring.list(), &ring.secret), (kept.list(), &kept.secret));
            }
            std::fs::write(&at.0, "").unwrap();
        }
    }

    #[test]
    fn what_a_start_left_that_was_killed_is_in_nobody_s_way() {
        let at = At::new("killed");
        let left = PathBuf::from(format!("{}.made", at.0.display()));
        std::fs::write(&left, "half of a f").unwrap();
        let made = make(&at.0, &SeededIds::new(1)).unwrap();
        assert_eq!(kid(look(&at.0).unwrap()), made.kid());
        assert!(!left.exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let permissions = std::fs::metadata(&at.0).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn keys_are_changed_as_a_whole_and_one_change_at_a_time() {
        let at = At::new("changed");
        make(&at.0, &SeededIds::new(1)).unwrap();
        let first = kid(look(&at.0).unwrap());
        let ids = SeededIds::new(2);
        for algorithm in Algorithm::ALL {
            let rotate = |ring: &mut KeyRing| ring.rotate(*algorithm, &ids, fixtures::start());
            let signs = change(&at.0, rotate).unwrap();
            assert_eq!(kid(look(&at.0).unwrap()), signs);
        }
        let prepare = |ring: &mut KeyRing| ring.prepare(Algorithm::EdDsa, &ids, fixtures::start());
        change(&at.0, prepare).unwrap();
        let before = look(&at.0).unwrap().unwrap().list();
        assert_eq!(before.len(), 2 + Algorithm::ALL.len());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let permissions = std::fs::metadata(&at.0).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600);
        }
        // Refused, and as it was.
        let refused = change(&at.0, |ring| ring.retire("none")).unwrap_err();
        assert!(refused.to_string().contains("there is no key"), "{refused}");
        // Somebody else is at it.
        let beside = PathBuf::from(format!("{}.new", at.0.display()));
        std::fs::write(&beside, "").unwrap();
        let busy = change(&at.0, |ring| ring.retire(&first)).unwrap_err();
        assert!(matches!(busy, KeyFileError::Busy { .. }), "{busy}");
        assert!(busy.hint().contains("rm "), "{}", busy.hint());
        std::fs::remove_file(&beside).unwrap();
        assert_eq!(look(&at.0).unwrap().unwrap().list(), before);
        change(&at.0, |ring| ring.retire(&first)).unwrap();
        let left = look(&at.0).unwrap().unwrap().list();
        assert!(left.iter().all(|key| key.kid != first));
        assert!(!beside.exists());
    }

    #[test]
    fn the_most_keys_of_the_longest_kind_fit() {
        let at = At::new("most");
        make(&at.0, &SeededIds::new(1)).unwrap();
        let ids = SeededIds::new(2);
        let longest = *Algorithm::ALL.last().unwrap();
        change(&at.0, |ring| {
            for _ in 0..super::super::ring::MAX_OLD {
                ring.rotate(longest, &ids, fixtures::start())?;
            }
            ring.prepare(longest, &ids, fixtures::start())
        })
        .unwrap();
        let keys = look(&at.0).unwrap().unwrap().list();
        assert_eq!(keys.len(), super::super::ring::MAX_OLD + 2);
    }
}
