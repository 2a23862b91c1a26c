//! Licenses on the server: which keys sign them, and where those are kept.
//!
//! What a license says is the engine's business, how it is signed the license
//! crate's. Deliberately keeps no key in the database, and writes none to a log:
//! they are in one file, which its owner alone may read.

mod file;
mod read_keys;
mod ring;
mod signer;
mod start;
mod text;
mod watched;

pub(crate) use file::{KeyFileError, change, look};
pub(crate) use read_keys::ReadKeys;
pub(crate) use ring::Listed;
pub use signer::TokenSigner;
pub(crate) use start::{ANOTHER_ALGORITHM, UNNAMED, is_lost, key_file, licensed, prepare, signer};
