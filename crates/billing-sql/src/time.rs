//! Instants between the rules (jiff) and the columns (chrono): UTC, cut to the
//! microsecond, which is what both databases keep. Knows nothing else.

use billing_domain::time::Timestamp;
use billing_ports::store::StoreError;
use sea_orm::prelude::DateTimeUtc;

/// The column's form of an instant.
pub(crate) fn column(instant: Timestamp) -> DateTimeUtc {
    DateTimeUtc::from_timestamp_micros(instant.as_microsecond())
        // jiff's calendar is the smaller one: every instant of it has a chrono form.
        .unwrap_or(DateTimeUtc::MAX_UTC)
}

/// The instant in a column of `table`.
pub(crate) fn instant(
    column: DateTimeUtc,
    table: &'static str,
    row: impl std::fmt::Display,
) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(column.timestamp_micros()).map_err(|error| StoreError::Corrupt {
        table,
        row: format!("{row}"),
        why: error.to_string(),
    })
}
