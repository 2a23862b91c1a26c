//! Short words for columns and indexes, as both databases understand them.
//! Released migrations depend on what these mean: add words, never change one.

use sea_orm::sea_query::{
    ColumnDef, ColumnType, ConditionalStatement, Expr, Index, IndexCreateStatement, Table,
    TableAlterStatement, TableCreateStatement,
};

/// The kind of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Id,
    Text,
    Instant,
    Json,
    Bytes,
    Long,
    Int,
    Bool,
}

/// A table of columns that must be there, and columns that may be null.
pub(super) fn table(
    name: &'static str,
    key: &[&'static str],
    required: &[(&'static str, Kind)],
    optional: &[(&'static str, Kind)],
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for (column, kind) in required {
        table.col(ColumnDef::new_with_type(*column, column_type(*kind)).not_null());
    }
    for (column, kind) in optional {
        table.col(ColumnDef::new_with_type(*column, column_type(*kind)).null());
    }
    let mut primary = Index::create();
    for column in key {
        primary.col(*column);
    }
    table.primary_key(&mut primary);
    table
}

/// A further column of a table that is there, which may be null.
pub(super) fn column(table: &'static str, name: &'static str, kind: Kind) -> TableAlterStatement {
    let mut column = ColumnDef::new_with_type(name, column_type(kind));
    let mut alter = Table::alter();
    alter.table(table).add_column(column.null());
    alter
}

/// An index over `columns` of those rows for which `only` holds (all, when empty).
pub(super) fn index(
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
    only: &'static str,
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.table(table).name(name);
    for column in columns {
        index.col(*column);
    }
    if !only.is_empty() {
        index.and_where(Expr::cust(only));
    }
    index
}

/// Such an index, in which no value stands twice.
pub(super) fn unique(
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
    only: &'static str,
) -> IndexCreateStatement {
    let mut index = index(table, name, columns, only);
    index.unique();
    index
}

const fn column_type(kind: Kind) -> ColumnType {
    match kind {
        Kind::Id => ColumnType::Uuid,
        Kind::Text => ColumnType::Text,
        Kind::Instant => ColumnType::TimestampWithTimeZone,
        Kind::Json => ColumnType::JsonBinary,
        Kind::Bytes => ColumnType::Blob,
        Kind::Long => ColumnType::BigInteger,
        Kind::Int => ColumnType::Integer,
        Kind::Bool => ColumnType::Boolean,
    }
}
