//! Mail: what a letter looks like, the folder that letters are written to, the
//! server that they are handed to, and sending them while nobody waits.
//!
//! Knows no customer and no link: what is in a letter is its writer's.

mod file;
mod letter;
mod post;
mod sender;
#[cfg(feature = "smtp")]
mod smtp;

pub use file::FileOutbox;
pub(crate) use letter::MAX_LINE;
pub(crate) use post::Post;
pub use sender::{NoSender, Sender};
#[cfg(feature = "smtp")]
pub use smtp::Smtp;
