//! Reading form-encoded parameters: `items[0][price]=price_1`.
//!
//! Whoever reads takes what it knows; what is left over at the end is refused.
//! Knows no endpoint.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// The most metadata keys that one object may have.
const METADATA_KEYS_MAX: usize = 50;
/// The longest metadata key, in characters.
const METADATA_KEY_MAX: usize = 40;
/// The longest metadata value, in characters.
const METADATA_VALUE_MAX: usize = 500;
/// The most indexed fields of one list: more is a loop of the caller's.
const LIST_MAX: usize = 500;

/// What a field is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set<T> {
    /// It was not mentioned.
    Keep,
    /// It was sent empty.
    Unset,
    /// It is to be this.
    To(T),
}

/// The parameters of a request that were not taken yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads a query or a form body; `a[]` counts on from 0.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            let mut name = name.into_owned();
            while let Some((before, behind)) = name.split_once("[]") {
                let next = counted.entry(before.to_owned()).or_default();
                name = format!("{before}[{next}]{behind}");
                *next = next.saturating_add(1);
            }
            fields.insert(name, value.into_owned());
        }
        Self(fields)
    }

    /// Whether there is anything of this name, or beneath it.
    pub(super) fn has(&self, name: &str) -> bool {
        let beneath = format!("{name}[");
        self.0
            .keys()
            .any(|held| held == name || held.starts_with(&beneath))
    }

    /// Takes a value. `Some("")` is the provider's way to say "unset".
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a value that is there and not empty.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).filter(|value| !value.is_empty())
    }

    /// Takes a value that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Takes a whole number.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.parse();
        let number = number.map_err(|_none| {
            Refusal::invalid(name, format!("Invalid integer: {text}"))
                .coded("parameter_invalid_integer")
        })?;
        Ok(Some(number))
    }

    /// Takes a whole number that is not below zero and fits 32 bits.
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u32>, Refusal> {
        let number = self.integer(name)?;
        let count = number.map(u32::try_from).transpose();
        count.map_err(|_negative| Refusal::invalid(name, "Invalid non-negative integer"))
    }

    /// Takes `true` or `false`.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::invalid(name, format!("Invalid boolean: {other}"))),
        }
    }

    /// Takes one of the words that are allowed.
    pub(super) fn word(
        &mut self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let found = allowed.iter().find(|word| **word == text);
        let list = allowed.join(", or ");
        let why = || Refusal::invalid(name, format!("Invalid {name}: must be one of {list}"));
        found.map(|word| Some(*word)).ok_or_else(why)
    }

    /// The names of the elements of a list: `items[0]`, `items[1]`.
    pub(super) fn elements(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let opening = format!("{name}[");
        let mut numbers: Vec<u32> = Vec::new();
        for held in self.0.keys() {
            let Some(rest) = held.strip_prefix(&opening) else {
                continue;
            };
            let Some((number, _)) = rest.split_once(']') else {
                return Err(Refusal::unknown(held));
            };
            let number: u32 = number
                .parse()
                .map_err(|_no_list| Refusal::invalid(name, "Invalid array"))?;
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        if numbers.len() > LIST_MAX {
            return Err(Refusal::invalid(name, "Array too long"));
        }
        numbers.sort_unstable();
        Ok(numbers
            .into_iter()
            .map(|number| format!("{name}[{number}]"))
            .collect())
    }

    /// Takes a list of plain values.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let elements = self.elements(name)?;
        Ok(elements
            .iter()
            .filter_map(|element| self.take(element))
            .collect())
    }

    /// Takes `metadata[…]`-like values; an empty value unsets a key. `None`: not mentioned.
    pub(super) fn metadata(
        &mut self,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        if self.take(name).is_some_and(|value| value.is_empty()) {
            return Ok(Some(BTreeMap::new()));
        }
        let opening = format!("{name}[");
        let names: Vec<String> = self
            .0
            .keys()
            .filter(|held| held.starts_with(&opening))
            .cloned()
            .collect();
        let mut found = BTreeMap::new();
        for held in &names {
            let key = held.strip_prefix(&opening);
            let key = key.and_then(|rest| rest.strip_suffix(']'));
            let (Some(key), Some(value)) = (key, self.take(held)) else {
                return Err(Refusal::invalid(held, "Invalid metadata"));
            };
            if key.chars().count() > METADATA_KEY_MAX {
                return Err(Refusal::invalid(
                    name,
                    "Metadata keys have 40 characters at most",
                ));
            }
            if value.chars().count() > METADATA_VALUE_MAX {
                return Err(Refusal::invalid(
                    name,
                    "Metadata values have 500 characters at most",
                ));
            }
            found.insert(key.to_owned(), value);
        }
        if found.len() > METADATA_KEYS_MAX {
            return Err(Refusal::invalid(name, "Metadata has 50 keys at most"));
        }
        Ok((!names.is_empty()).then_some(found))
    }

    /// Refuses whatever was not taken: the endpoint does not know it.
    pub(super) fn finish(&self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(left) => Err(Refusal::unknown(left)),
        }
    }

    /// The names that were not taken, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Lays new metadata over what is held: an empty value takes a key away.
pub(super) fn merge(held: &mut BTreeMap<String, String>, given: Option<BTreeMap<String, String>>) {
    let Some(given) = given else { return };
    if given.is_empty() {
        held.clear();
    }
    for (key, value) in given {
        if value.is_empty() {
            held.remove(&key);
        } else {
            held.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_fields_are_read_and_leftovers_refused() {
        let body = b"items[0][price]=a&items[1][price]=b&expand[]=x&expand[]=y&metadata[k]=v&odd=1";
        let mut params = Params::parse(body);
        assert_eq!(params.elements("items").unwrap(), ["items[0]", "items[1]"]);
        assert_eq!(params.take("items[0][price]").as_deref(), Some("a"));
        assert_eq!(params.take("items[1][price]").as_deref(), Some("b"));
        assert_eq!(params.list("expand").unwrap(), ["x", "y"]);
        assert_eq!(params.metadata("metadata").unwrap().unwrap()["k"], "v");
        assert_eq!(params.finish().unwrap_err().param.as_deref(), Some("odd"));
    }

    #[test]
    fn metadata_has_limits() {
        let long = "v".repeat(METADATA_VALUE_MAX + 1);
        let mut params = Params::parse(format!("metadata[k]={long}").as_bytes());
        assert!(params.metadata("metadata").is_err());
    }
}
