//! Reading the fields of a mapping: known, required, of the right shape.

use std::str::FromStr;

use billing_domain::catalog::{KeyError, Path, nearest};

use super::Reader;
use crate::error::{Mark, MistakeCode};
use crate::tree::{Entry, Map, Node, Value};
use crate::values::{self, Reading, did_you_mean};

/// Characters of a text that a message shows; more does not fit its line.
const SHOWN: usize = 60;

/// A mapping that is being read.
pub(super) struct Fields<'a> {
    /// Its place in the catalog.
    pub(super) at: Path,
    /// Its place in the file: its key.
    pub(super) mark: Mark,
    map: &'a Map,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Entry> {
        self.map.get(name)
    }

    /// The entries whose key is none of `known`.
    pub(super) fn others(&self, known: &[&str]) -> Vec<&'a Entry> {
        let (entries, _) = self.map.partition();
        entries
            .into_iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
            .collect()
    }
}

impl Reader {
    pub(super) fn report(
        &mut self,
        mark: Mark,
        path: Path,
        code: MistakeCode,
        found: String,
        expected: impl Into<String>,
    ) {
        self.mistakes.push(crate::error::Mistake {
            mark,
            path,
            code,
            found,
            expected: expected.into(),
        });
    }

    /// The mapping at `node` whose keys are among `known`.
    pub(super) fn fields<'a>(
        &mut self,
        node: &'a Node,
        mark: Mark,
        at: &Path,
        known: &[&str],
    ) -> Option<Fields<'a>> {
        let map = self.map(node, at)?;
        let fields = Fields {
            at: at.clone(),
            mark,
            map,
        };
        for entry in fields.others(known) {
            self.unknown_key(entry, at, known);
        }
        Some(fields)
    }

    /// The mapping at `node`, repeated keys reported.
    pub(super) fn map<'a>(&mut self, node: &'a Node, at: &Path) -> Option<&'a Map> {
        let Value::Map(map) = &node.value else {
            self.wrong_shape(node, at, "a mapping of keys to values");
            return None;
        };
        let (_, repeated) = map.partition();
        for entry in repeated {
            self.report(
                entry.key_mark,
                at.child(shown(&entry.key)),
                MistakeCode::DuplicateKey,
                format!("`{}` a second time", shown(&entry.key)),
                "each key once",
            );
        }
        Some(map)
    }

    pub(super) fn unknown_key(&mut self, entry: &Entry, at: &Path, known: &[&str]) {
        let expected = match nearest(&entry.key, known.iter().copied()) {
            Some(meant) => did_you_mean("a known key", Some(meant)),
            None => format!("one of {}", known.join(", ")),
        };
        self.report(
            entry.key_mark,
            at.child(shown(&entry.key)),
            MistakeCode::UnknownKey,
            format!("the unknown key `{}`", shown(&entry.key)),
            expected,
        );
    }

    /// The entries of a mapping from keys to things; a key that is none is
    /// reported and `None`, so that the thing is still read.
    pub(super) fn keyed<'a, K: FromStr<Err = KeyError>>(
        &mut self,
        node: &'a Node,
        at: &Path,
    ) -> Vec<(Option<K>, &'a Entry)> {
        let Some(map) = self.map(node, at) else {
            return Vec::new();
        };
        let (entries, _) = map.partition();
        entries
            .into_iter()
            .map(|entry| {
                let key = match entry.key.parse() {
                    Ok(key) => Some(key),
                    Err(error) => {
                        self.bad_key(entry.key_mark, at.clone(), &entry.key, error);
                        None
                    }
                };
                (key, entry)
            })
            .collect()
    }

    fn bad_key(&mut self, mark: Mark, at: Path, key: &str, error: KeyError) {
        let code = MistakeCode::Rule(billing_domain::catalog::IssueCode::BadKey);
        let found = format!("the key `{}`", shown(key));
        self.report(mark, at, code, found, error.to_string());
    }

    pub(super) fn missing(&mut self, fields: &Fields<'_>, name: &str) {
        let at = fields.at.child(name);
        self.broken.push(at.clone());
        self.report(
            fields.mark,
            at,
            MistakeCode::Missing,
            format!("no `{name}`"),
            format!("`{name}`, which is required"),
        );
    }

    pub(super) fn wrong_shape(&mut self, node: &Node, at: &Path, expected: &str) {
        self.broken.push(at.clone());
        let found = match &node.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Text { text, plain } if is_nothing(text, *plain) => "nothing".to_owned(),
            Value::Text { text, .. } => format!("`{}`", shown(text)),
            Value::Broken => return,
        };
        self.report(
            node.mark,
            at.clone(),
            MistakeCode::WrongShape,
            found,
            expected,
        );
    }

    /// The text of a node.
    pub(super) fn text<'a>(
        &mut self,
        node: &'a Node,
        at: &Path,
        expected: &str,
    ) -> Option<&'a str> {
        match &node.value {
            Value::Text { text, plain } if !is_nothing(text, *plain) => Some(text),
            Value::Text { .. } | Value::List(_) | Value::Map(_) | Value::Broken => {
                self.wrong_shape(node, at, expected);
                None
            }
        }
    }

    /// A text read as something.
    pub(super) fn read<T>(
        &mut self,
        node: &Node,
        at: &Path,
        read: impl FnOnce(&str) -> Reading<T>,
    ) -> Option<T> {
        let (text, plain) = match &node.value {
            Value::Text { text, plain } => (text.as_str(), *plain),
            Value::List(_) | Value::Map(_) | Value::Broken => ("", true),
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(expected) if is_nothing(text, plain) => {
                self.wrong_shape(node, at, &expected);
                None
            }
            Err(expected) => {
                self.broken.push(at.clone());
                self.report(
                    node.mark,
                    at.clone(),
                    MistakeCode::BadValue,
                    format!("`{}`", shown(text)),
                    expected,
                );
                None
            }
        }
    }

    /// A field read as something; `None` when it is absent or cannot be read.
    pub(super) fn optional<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        read: impl FnOnce(&str) -> Reading<T>,
    ) -> Option<T> {
        let entry = fields.get(name)?;
        self.read(&entry.node, &fields.at.child(name), read)
    }

    /// As [`Self::optional`], and its absence is a mistake.
    pub(super) fn required<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        read: impl FnOnce(&str) -> Reading<T>,
    ) -> Option<T> {
        if fields.get(name).is_none() {
            self.missing(fields, name);
        }
        self.optional(fields, name, read)
    }

    pub(super) fn optional_text(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        let entry = fields.get(name)?;
        let at = fields.at.child(name);
        self.text(&entry.node, &at, "a text").map(str::to_owned)
    }

    pub(super) fn required_text(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        if fields.get(name).is_none() {
            self.missing(fields, name);
        }
        self.optional_text(fields, name)
    }

    /// A key that names something.
    pub(super) fn optional_key<K: FromStr<Err = KeyError>>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
    ) -> Option<K> {
        self.optional(fields, name, |text| {
            text.parse().map_err(|error: KeyError| error.to_string())
        })
    }

    pub(super) fn optional_duration(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
    ) -> Option<jiff::SignedDuration> {
        self.optional(fields, name, values::duration)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, entry: &Entry, at: &Path) -> Option<Vec<String>> {
        let Value::List(items) = &entry.node.value else {
            self.wrong_shape(&entry.node, at, "a list of texts, as in [one, two]");
            return None;
        };
        let texts = items.iter().enumerate().map(|(place, item)| {
            let text = self.text(item, &at.child(place.to_string()), "a text");
            text.map(str::to_owned)
        });
        // Every item is read, so that every mistake is reported.
        let texts: Vec<Option<String>> = texts.collect();
        texts.into_iter().collect()
    }
}

/// Whether a text is how YAML writes nothing.
fn is_nothing(text: &str, plain: bool) -> bool {
    plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A text as a message shows it.
pub(super) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut.escape_debug().to_string()
}
