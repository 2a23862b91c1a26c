//! What the doctor sees of the license keys. Reads their file, and makes none.

use billing_domain::catalog::Catalog;
use billing_ports::Store;

use super::seen::{Seen, bad, good, warning};
use crate::config::Config;
use crate::license::{ANOTHER_ALGORITHM, UNNAMED, is_lost, key_file, licensed, look};

const WHAT: &str = "license keys";

/// The file of the keys. `None`: none is named, and nothing is known against that.
pub(super) fn file(config: &Config) -> Option<Seen> {
    let path = key_file(config).filter(|_| config.enabled)?;
    let shown = path.display();
    Some(match look(&path) {
        Ok(Some(keys)) if keys.algorithm() != config.license.algorithm => {
            let (kid, signs) = (keys.kid(), keys.algorithm());
            let text = format!("{shown}, whose key {kid} signs with {signs}: {ANOTHER_ALGORITHM}");
            warning(WHAT, text)
        }
        Ok(Some(keys)) => {
            let kid = keys.kid();
            good(WHAT, format!("{shown} is its owner's alone; key {kid}"))
        }
        Ok(None) => {
            let text = format!("{shown} is not there; the server makes it when it starts");
            warning(WHAT, text)
        }
        Err(error) => bad(WHAT, format!("{error}. {}", error.hint())),
    })
}

/// What the books say against the file, or against there being none. `None`: nothing.
pub(super) async fn books(config: &Config, store: &dyn Store, catalog: &Catalog) -> Option<Seen> {
    let Some(path) = key_file(config) else {
        let plan = licensed(catalog)?;
        let text = format!("the plan {plan:?} gives a license, and no file is named. {UNNAMED}");
        return Some(bad(WHAT, text));
    };
    match is_lost(&path, store).await {
        Ok(false) => None,
        Ok(true) => {
            let shown = path.display();
            let text =
                format!("{shown} is gone, and licenses were signed with it; put its copy back");
            Some(bad(WHAT, text))
        }
        Err(error) => Some(bad(WHAT, error.to_string())),
    }
}
