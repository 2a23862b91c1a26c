//! Where this repository is.

use std::path::{Path, PathBuf};

/// The root of the workspace, whatever directory the command was started in.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
