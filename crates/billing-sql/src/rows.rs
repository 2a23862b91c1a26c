//! Values to and from their stored JSON form. What cannot be read is an error
//! that names table and row.

use billing_ports::store::StoreError;
use sea_orm::prelude::Json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// The stored form of a value.
pub(crate) fn stored<T: Serialize>(value: &T) -> Result<Json, Fault> {
    serde_json::to_value(value)
        .map_err(|error| Fault::Store(StoreError::Failed(format!("unwritable value: {error}"))))
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
