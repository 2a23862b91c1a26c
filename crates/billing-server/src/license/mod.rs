//! Licenses on the server: which keys sign them, and where those are kept.
//!
//! What a license says is the engine's business, how it is signed the license
//! crate's. Deliberately keeps no key in the database, and writes none to a log:
//! they are in one file, which its owner alone may read.

mod file;
mod signer;
mod start;

pub(crate) use file::look;
pub use signer::TokenSigner;
pub(crate) use signer::kid_of;
pub(crate) use start::{UNNAMED, is_lost, key_file, licensed, signer};
