//! What there is to ask for, and how the tool is told: dictionaries of real values, from which
//! it draws more often than it makes values up.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shop::text;
use crate::failure::Outcome;

/// Which values are drawn where, and those that are the same in every shop.
const SETTINGS: &str = include_str!("settings.toml");

/// The security schemes of operators.
const BY_KEY: [&str; 3] = ["read_key", "write_key", "admin_key"];

/// The security scheme of customers.
const BY_SESSION: &str = "billing_session";

/// What was learned while the shop was filled.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What a customer asks with.
    pub(crate) session: String,
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Known {
    /// Keeps one more value of this kind. Fails where it is no text.
    pub(crate) fn learn(&mut self, kind: &'static str, value: &Value) -> Outcome<()> {
        let value = text(value)?;
        self.values.entry(kind).or_default().push(value);
        Ok(())
    }

    /// All values of this kind.
    pub(crate) fn all(&self, kind: &str) -> Vec<String> {
        self.values.get(kind).cloned().unwrap_or_default()
    }

    /// The tool's settings, where operators ask with `key`. `None`: nobody has a credential.
    pub(crate) fn settings(&self, key: Option<&str>) -> String {
        let learned = self.values.iter().map(|(kind, values)| {
            let values = Value::from(values.as_slice());
            format!("[dictionaries.{kind}]\nvalues = {values}\n")
        });
        let asks = key.into_iter().flat_map(|key| {
            let by_key = BY_KEY.map(|scheme| (scheme, key));
            let by_session = (BY_SESSION, self.session.as_str());
            by_key.into_iter().chain([by_session])
        });
        let asks = asks.map(|(scheme, secret)| {
            let secret = Value::from(secret);
            format!("[auth.openapi.{scheme}]\nbearer = {secret}\n")
        });
        // A text as JSON has it, and a list of them, is one as TOML has it.
        let settings = std::iter::once(SETTINGS.to_owned());
        settings.chain(learned).chain(asks).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Known {
        let mut known = Known {
            session: "bs_1".to_owned(),
            ..Known::default()
        };
        for id in ["inv_1", "inv_2"] {
            known.learn("invoice", &json!(id)).unwrap();
        }
        known
    }

    #[test]
    fn what_was_learned_is_told_beside_what_is_drawn_where() {
        let settings = known().settings(Some("bk_1"));
        for expected in [
            "[auth.openapi.admin_key]\nbearer = \"bk_1\"\n",
            "[auth.openapi.billing_session]\nbearer = \"bs_1\"\n",
            "[dictionaries.invoice]\nvalues = [\"inv_1\",\"inv_2\"]\n",
            "\"path.id\" = { dictionary = \"invoice\", probability = 0.8 }",
        ] {
            assert!(settings.contains(expected), "{expected}\n{settings}");
        }
    }

    #[test]
    fn a_round_without_credentials_has_none() {
        let settings = known().settings(None);
        assert!(!settings.contains("[auth") && settings.contains("inv_1"));
    }

    #[test]
    fn what_is_no_text_is_not_learned() {
        assert!(Known::default().learn("invoice", &Value::Null).is_err());
    }
}
