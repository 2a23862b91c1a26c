//! The file of the license keys: the seed of the key that signs tokens, and the
//! secret that seals license keys, a line each.
//!
//! Its owner alone may read it; one that others can read is refused, since what
//! it holds may be known already. Knows nothing of what is signed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use billing_ports::IdSource;
use secrecy::zeroize::Zeroizing;

/// Longest file, in bytes. Ours has 400; more is something else.
const MAX_BYTES: u64 = 4096;

/// The lines' names.
const SEED: &str = "signing_seed";
const SECRET: &str = "key_secret";

/// What stands above the lines.
const HEAD: &str = "\
# The keys of the licenses that this installation gives. Whoever has this file can make
# licenses; without it, every license key and token handed out is void. Keep it secret, and
# keep a copy of it apart from the backups of the database.
";

/// The keys.
pub(crate) struct LicenseKeys {
    /// What the key that signs tokens grows from.
    pub(crate) seed: Zeroizing<[u8; 32]>,
    /// What seals license keys.
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for LicenseKeys {
    /// Shows nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LicenseKeys(..)")
    }
}

/// Why the keys cannot be had from their file. Never tells what is in it.
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
        }
    }
}

/// Reads the keys. `None`: there is no file, or an empty one.
///
/// # Errors
///
/// [`KeyFileError`] when there is one that cannot be used.
pub(crate) fn look(path: &Path) -> Result<Option<LicenseKeys>, KeyFileError> {
    let failed = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
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
    let mut text = Zeroizing::new(Vec::with_capacity(HEAD.len()));
    file.take(MAX_BYTES)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.is_empty() {
        return Ok(None);
    }
    let keys = str::from_utf8(&text).ok().and_then(read);
    let form = || KeyFileError::Form {
        path: path.to_owned(),
    };
    keys.map(Some).ok_or_else(form)
}

/// Draws keys and writes them to `path`, where nothing or an empty file is.
///
/// # Errors
///
/// [`KeyFileError::Io`] when they cannot be written, and are of no use.
pub(crate) fn make(path: &Path, ids: &dyn IdSource) -> Result<LicenseKeys, KeyFileError> {
    let keys = LicenseKeys {
        seed: Zeroizing::new(ids.secret()),
        secret: Zeroizing::new(ids.secret()),
    };
    write(path, &keys).map_err(|source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(keys)
}

fn write(path: &Path, keys: &LicenseKeys) -> io::Result<()> {
    let seed = Zeroizing::new(hex::encode(keys.seed.as_ref()));
    let secret = Zeroizing::new(hex::encode(keys.secret.as_ref()));
    let mut options = OpenOptions::new();
    // Never over keys: what is there is empty.
    options.create(true).append(true);
    private(&mut options);
    let mut file = options.open(path)?;
    for part in [
        HEAD,
        SEED,
        " = ",
        seed.as_str(),
        "\n",
        SECRET,
        " = ",
        secret.as_str(),
        "\n",
    ] {
        file.write_all(part.as_bytes())?;
    }
    // A license must not outlive its key, as in a power cut.
    file.sync_all()
}

fn read(text: &str) -> Option<LicenseKeys> {
    let (mut seed, mut secret) = (None, None);
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        let held = match name.trim() {
            SEED => &mut seed,
            SECRET => &mut secret,
            _ => return None,
        };
        if held.replace(bytes(value.trim())?).is_some() {
            return None;
        }
    }
    Some(LicenseKeys {
        seed: seed?,
        secret: secret?,
    })
}

/// 64 hexadecimal digits.
fn bytes(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, bytes.as_mut()).ok()?;
    Some(bytes)
}

/// The permissions, where they let others than the owner in.
#[cfg(unix)]
fn open_to_others(data: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = data.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_data: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_options: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use billing_testkit::SeededIds;

    use super::*;

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

    fn seed(keys: Option<LicenseKeys>) -> [u8; 32] {
        *keys.unwrap().seed
    }

    #[test]
    fn what_is_made_is_read_back_and_nobody_else_s() {
        let at = At::new("made");
        assert!(look(&at.0).unwrap().is_none());
        let made = make(&at.0, &SeededIds::new(1)).unwrap();
        let read = look(&at.0).unwrap().unwrap();
        assert_eq!((made.seed, made.secret), (read.seed, read.secret));
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
        assert_ne!(*made.seed, *made.secret);
        assert_eq!(format!("{made:?}"), "LicenseKeys(..)");
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
        let seed_line = good.lines().find(|line| line.starts_with(SEED)).unwrap();
        for wrong in [
            good.trim_end()
                .strip_suffix('0')
                .unwrap_or(&good[..good.len() - 2])
                .to_owned(),
            good.replace(SECRET, "other"),
            format!("{good}{seed_line}\n"),
            format!("{good}more = 1\n"),
            good.replace(seed_line, ""),
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
        let before = seed(look(&at.0).unwrap());
        File::options()
            .write(true)
            .truncate(true)
            .open(&at.0)
            .unwrap();
        assert!(look(&at.0).unwrap().is_none());
        make(&at.0, &SeededIds::new(2)).unwrap();
        assert_ne!(seed(look(&at.0).unwrap()), before);
    }
}
