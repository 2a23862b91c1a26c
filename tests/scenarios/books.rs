//! Every row of a store, to be compared with what it was.

use std::path::PathBuf;
use std::sync::Arc;

use billing::sqlite::{SqliteOptions, SqliteStore};
use billing_ports::IdSource;
use billing_ports::store::Store;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

use crate::rig::{StoreKind, fresh_postgres};

/// A store whose rows can be read beside it.
pub(super) struct Books {
    pub(super) store: Arc<dyn Store>,
    rows: DatabaseConnection,
    /// Where its file lies, if it has one.
    beside: Option<PathBuf>,
}

impl Drop for Books {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            drop(std::fs::remove_dir_all(beside));
        }
    }
}

impl Books {
    pub(super) async fn fresh(kind: StoreKind) -> Self {
        let mut beside = None;
        let (url, store): (_, Arc<dyn Store>) = match kind {
            StoreKind::Memory => unreachable!("on stores that keep their rows"),
            StoreKind::Postgres => {
                let (url, store) = fresh_postgres().await;
                (url, Arc::new(store))
            }
            StoreKind::Sqlite => {
                let name = format!("billing-books-{}", billing::system::SystemIds.seed());
                let dir = beside.insert(std::env::temp_dir().join(name));
                std::fs::create_dir(&dir).unwrap();
                let path = dir.join("books.db");
                let store = SqliteStore::open(&path, SqliteOptions::default()).await;
                let store = store.unwrap();
                store.migrate().await.unwrap();
                (format!("sqlite://{}", path.display()), Arc::new(store))
            }
        };
        let rows = Database::connect(&url).await.unwrap();
        Self {
            store,
            rows,
            beside,
        }
    }

    /// Every row of every table, in the order of their texts.
    pub(super) async fn dump(&self) -> Vec<(String, Vec<String>)> {
        let postgres = self.rows.get_database_backend() == DbBackend::Postgres;
        let tables = if postgres {
            "select table_name::text from information_schema.tables \
             where table_schema = 'public' order by 1"
        } else {
            "select name from sqlite_master where type = 'table' order by 1"
        };
        let mut dump = Vec::new();
        for table in self.texts(tables).await {
            let rows = if postgres {
                format!("select to_jsonb(r)::text from \"{table}\" r order by 1")
            } else {
                let columns = format!("select name from pragma_table_info('{table}')");
                let columns = self.texts(&columns).await;
                let quoted = columns.iter().map(|name| format!("quote(\"{name}\")"));
                let row = quoted.collect::<Vec<_>>().join(" || ',' || ");
                format!("select {row} from \"{table}\" order by 1")
            };
            dump.push((table, self.texts(&rows).await));
        }
        dump
    }

    /// Runs a statement beside the store, as an operator's mishap does.
    pub(super) async fn run(&self, sql: &str) {
        self.rows.execute_unprepared(sql).await.unwrap();
    }

    /// How many rows a table has.
    pub(super) async fn count(&self, table: &str) -> usize {
        let rows = self.texts(&format!("select 'row' from {table}")).await;
        rows.len()
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.rows.get_database_backend(), sql);
        let rows = self.rows.query_all_raw(statement).await.unwrap();
        let texts = rows.iter().map(|row| row.try_get_by_index(0).unwrap());
        texts.collect()
    }
}

/// The tables whose rows differ, each with how many rows it has more.
pub(super) fn differing(
    before: &[(String, Vec<String>)],
    after: &[(String, Vec<String>)],
) -> Vec<(String, usize)> {
    let pairs = before.iter().zip(after);
    let changed = pairs.filter(|(one, other)| one != other);
    changed
        .map(|((table, one), (_, other))| {
            assert!(
                one.iter().all(|row| other.contains(row)),
                "{table} was edited"
            );
            (table.clone(), other.len() - one.len())
        })
        .collect()
}
