//! Values to and from their stored JSON form. What cannot be read is an error
//! that names table and row.

use billing_ports::store::StoreError;
use sea_orm::prelude::Json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// The character that PostgreSQL has no place for, in texts as in JSON.
const NUL: char = '\0';

/// What stands for it in every database alike: Unicode's sign for what cannot be shown.
const REPLACED: &str = "\u{fffd}";

/// The stored form of a value.
pub(crate) fn stored<T: Serialize>(value: &T) -> Result<Json, Fault> {
    let mut json = serde_json::to_value(value)
        .map_err(|error| Fault::Store(StoreError::Failed(format!("unwritable value: {error}"))))?;
    replace_nul(&mut json);
    Ok(json)
}

/// How JSON writes that character.
const NUL_ESCAPED: &str = "\\u0000";

/// The stored form of a value, as text: as [`stored`], and several times faster.
pub(crate) fn stored_text<T: Serialize>(value: &T) -> Result<String, Fault> {
    let unwritable = |error| Fault::Store(StoreError::Failed(format!("unwritable value: {error}")));
    let text = serde_json::to_string(value).map_err(unwritable)?;
    if text.contains(NUL_ESCAPED) {
        // Or a backslash and what only looks like it: told apart in the value.
        return Ok(stored(value)?.to_string());
    }
    Ok(text)
}

/// The stored form of somebody else's words.
pub(crate) fn text(words: &str) -> String {
    words.replace(NUL, REPLACED)
}

/// The depth is that of our own types: nothing of theirs is nested in it.
fn replace_nul(json: &mut Json) {
    match json {
        Json::String(words) if words.contains(NUL) => *words = text(words),
        Json::Array(items) => items.iter_mut().for_each(replace_nul),
        Json::Object(fields) => fields.values_mut().for_each(replace_nul),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The value in a row of `table`.
pub(crate) fn read<T: DeserializeOwned>(
    body: Json,
    table: &'static str,
    row: impl std::fmt::Display,
) -> Result<T, StoreError> {
    serde_json::from_value(body).map_err(|error| corrupt(table, row, error))
}

/// The text in a column of `table`, as what it stands for.
pub(crate) fn parsed<T: std::str::FromStr>(
    text: &str,
    table: &'static str,
    row: impl std::fmt::Display,
) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| corrupt(table, row, error))
}

/// A row of `table` that cannot be read.
pub(crate) fn corrupt(
    table: &'static str,
    row: impl std::fmt::Display,
    why: impl std::fmt::Display,
) -> StoreError {
    StoreError::Corrupt {
        table,
        row: format!("{row}"),
        why: why.to_string(),
    }
}

/// A count in a column, as far as it fits.
pub(crate) fn count(number: i32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text_or_as_a_value_the_stored_form_is_the_same() {
        for words in ["plain", "nul \0 here", r"\u0000", "\\\0", "é \" \n"] {
            let value = serde_json::json!({ "words": [words], "more": { "number": 1 } });
            let text = stored_text(&value).unwrap();
            let back: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(back, stored(&value).unwrap(), "{words:?}");
            assert!(!back["words"][0].as_str().unwrap().contains(NUL));
        }
    }
}
