//! Reads values by key from the environment and the file, and notes every mistake.
//!
//! Knows no key in particular.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use billing_domain::catalog::nearest;
use config::{Config as Sources, File, FileFormat};
use secrecy::SecretString;
use serde_json::Value;

use super::environment::{Environment, PREFIX, variable_of};
use super::keys::KEYS;
use super::problem::{ConfigError, Problem};

/// Characters of a wrong value that are shown: enough to recognize it.
const MAX_SHOWN: usize = 80;

/// A value and where it was said.
#[derive(Clone)]
struct Said {
    text: String,
    place: String,
}

/// Reads values by key and notes mistakes.
pub(super) struct Reader<'a> {
    environment: &'a Environment,
    /// Where values of the file come from, for people. Empty: there is no file.
    file_name: String,
    file: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: Option<(&Path, &str)>, environment: &'a Environment) -> Self {
        let mut reader = Self {
            environment,
            file_name: String::new(),
            file: BTreeMap::new(),
            problems: Vec::new(),
        };
        if let Some((path, text)) = file {
            reader.file_name = path.display().to_string();
            reader.read_file(text);
        }
        reader.refuse_unknown();
        reader
    }

    fn read_file(&mut self, text: &str) {
        let parsed = Sources::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .build()
            .and_then(Sources::try_deserialize::<Value>);
        match parsed {
            Ok(value) => self.flatten("", &value),
            Err(error) => self.problems.push(Problem {
                place: self.file_name.clone(),
                found: without_content(&error.to_string()),
                expected: "TOML".to_owned(),
            }),
        }
    }

    fn flatten(&mut self, prefix: &str, value: &Value) {
        let text = match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let key = match prefix {
                        "" => name.clone(),
                        prefix => format!("{prefix}.{name}"),
                    };
                    self.flatten(&key, value);
                }
                return;
            }
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Null => {
                self.problems.push(Problem {
                    place: self.place(prefix),
                    found: "a list".to_owned(),
                    expected: "one value".to_owned(),
                });
                return;
            }
        };
        self.file.insert(prefix.to_owned(), text);
    }

    fn refuse_unknown(&mut self) {
        let known: BTreeSet<String> = KEYS.iter().map(|key| variable_of(key)).collect();
        for key in self.file.keys() {
            if !KEYS.contains(&key.as_str()) {
                let place = self.place(key);
                let near = nearest(key, KEYS).map(str::to_owned);
                self.problems.push(unknown(place, "key", near));
            }
        }
        for variable in self.environment.configuring() {
            if !known.contains(variable) {
                let place = variable.to_owned();
                // Words are compared as they are written in a file: in lower case.
                let bare = variable.trim_start_matches(PREFIX).to_lowercase();
                let keys: Vec<String> = KEYS.iter().map(|key| key.replace('.', "_")).collect();
                let near = nearest(&bare, keys.iter().map(String::as_str)).map(variable_of);
                self.problems.push(unknown(place, "variable", near));
            }
        }
    }

    fn place(&self, key: &str) -> String {
        format!("{key} in {}", self.file_name)
    }

    fn said(&self, key: &str) -> Option<Said> {
        let variable = variable_of(key);
        if let Some(text) = self.environment.get(&variable) {
            let text = text.to_owned();
            return Some(Said {
                text,
                place: variable,
            });
        }
        let text = self.file.get(key)?.clone();
        let place = self.place(key);
        Some(Said { text, place })
    }

    /// Whether anybody says anything about `key`.
    pub(super) fn says(&self, key: &str) -> bool {
        self.said(key).is_some()
    }

    /// The value of `key` as `parse` understands it. `None`: nobody says
    /// anything about it, or what is said is wrong and noted.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let show = |text: &str| format!("{:?}", text.chars().take(MAX_SHOWN).collect::<String>());
        self.shown_value(key, expected, parse, show)
    }

    /// As [`Reader::value`], and never shows what it found.
    pub(super) fn hidden_value<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let show = |text: &str| format!("a value of {} characters", text.chars().count());
        self.shown_value(key, expected, parse, show)
    }

    fn shown_value<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        show: impl FnOnce(&str) -> String,
    ) -> Option<T> {
        let said = self.said(key)?;
        let value = parse(&said.text);
        if value.is_none() {
            self.problems.push(Problem {
                place: said.place,
                found: show(&said.text),
                expected: expected.to_owned(),
            });
        }
        value
    }

    /// Notes that `key` must be said, unless it is.
    pub(super) fn require(&mut self, key: &str, expected: &str) {
        if !self.says(key) {
            self.problems.push(Problem {
                place: variable_of(key),
                found: "nothing".to_owned(),
                expected: expected.to_owned(),
            });
        }
    }

    /// A secret that must be there.
    pub(super) fn required_secret(&mut self, key: &str, min_chars: usize) -> Option<SecretString> {
        let expected = format!(
            "at least {min_chars} characters that nobody guesses, as `openssl rand -hex 32` prints"
        );
        self.require(key, &expected);
        let long_enough = |text: &str| text.chars().count() >= min_chars;
        self.hidden_value(key, &expected, |text| {
            long_enough(text).then(|| SecretString::from(text.to_owned()))
        })
    }

    /// Whether there was a file.
    pub(super) fn has_file(&self) -> bool {
        !self.file_name.is_empty()
    }

    /// The mistakes, if there were any.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(ConfigError {
            problems: self.problems,
        })
    }
}

/// What a parser says, without the lines that it quotes: a secret may stand there.
fn without_content(said: &str) -> String {
    let quotes = |line: &&str| {
        let bare = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        !bare.starts_with('|')
    };
    let kept: Vec<&str> = said.lines().filter(quotes).map(str::trim).collect();
    kept.join(" ").trim().to_owned()
}

/// `near`: what was probably meant.
fn unknown(place: String, kind: &str, near: Option<String>) -> Problem {
    let expected = match near {
        Some(near) => format!("a known {kind}; did you mean {near}?"),
        None => format!("a known {kind}"),
    };
    Problem {
        place,
        found: format!("an unknown {kind}"),
        expected,
    }
}
