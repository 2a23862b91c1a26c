//! Reads the plan file: YAML in, a checked catalog or every error with its place out.
//!
//! Amounts are read from the text itself, never through a float. Deliberately
//! knows nothing of where the file lies, of revisions, and of who holds what;
//! the rules of catalogs are the domain's.

mod error;
mod read;
mod sample;
mod tree;
pub mod values;

pub use self::error::{MistakeCode, PlanFileError, PlanFileErrors};
pub use self::read::{KNOWN_PROVIDERS, read_plan_file};
pub use self::sample::{SAMPLE, sample_catalog};
pub use self::tree::{MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES};
