//! The environment, read once. The only place of this program that reads it.

use std::collections::BTreeMap;

use secrecy::SecretString;

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "BILLING_";

/// Variables of ours that are no configuration of the server: the operator key
/// that commands use, and the two that the command line reads by itself.
const NOT_CONFIGURATION: [&str; 3] = ["BILLING_KEY", "BILLING_SERVER", "BILLING_CONFIG"];

/// The variables that concern us, as they stood when the program began.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Whether colors are unwelcome (`NO_COLOR`).
    no_color: bool,
}

impl std::fmt::Debug for Environment {
    /// Shows names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // `vars_os`, since `vars` ends the program at a value that is no text.
        let all = std::env::vars_os().map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        });
        Self::of(all)
    }

    /// An environment of these variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            if name == "NO_COLOR" {
                environment.no_color = !value.is_empty();
            } else if name.starts_with(PREFIX) && !value.is_empty() {
                environment.variables.insert(name, value);
            }
        }
        environment
    }

    /// The operator key for commands that ask a running server. `None`: none is set.
    #[must_use]
    pub fn operator_key(&self) -> Option<SecretString> {
        self.variables
            .get("BILLING_KEY")
            .map(|key| SecretString::from(key.clone()))
    }

    /// Whether colors are unwelcome.
    #[must_use]
    pub const fn no_color(&self) -> bool {
        self.no_color
    }

    pub(super) fn get(&self, variable: &str) -> Option<&str> {
        self.variables.get(variable).map(String::as_str)
    }

    /// The variables that configure the server, or mean to.
    pub(super) fn configuring(&self) -> impl Iterator<Item = &str> {
        self.variables
            .keys()
            .map(String::as_str)
            .filter(|name| !NOT_CONFIGURATION.contains(name) && !is_service_link(name))
    }
}

/// The variable of a key: `worker.poll` is `BILLING_WORKER_POLL`.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Kubernetes sets such variables by itself for a service of the name `billing…`.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name == "BILLING_PORT"
        || name.contains("_PORT_")
        || name.ends_with("_PORT")
}
