//! The books on disk: one SQLite file, one row per object.
//!
//! Objects are stored whole, as JSON; the world is loaded at open and written
//! through afterwards. Knows nothing of what an object means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, Schema, Set, TransactionTrait,
};

use crate::options::Mode;
use crate::world::{
    Call, Checkout, Counters, Customer, Event, Invoice, Kept, Kind, Payment, Subscription, World,
};

/// The shape of the rows, the first word of the file's mark. A file with another
/// mark is refused, not guessed at.
const FORMAT: &str = "1";

/// How long to wait for another process to let the file go: a restart's overlap,
/// and not so long that a person wonders.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Rows in one statement: three values each, well below SQLite's limit of 32 766.
const ROWS_PER_STATEMENT: usize = 500;

/// Why the books could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The database said so.
    #[error("use the sandbox's books")]
    Database(#[from] DbErr),
    /// A row cannot be read.
    #[error("read {kind} {id} in the sandbox's books")]
    Row {
        /// The kind of object.
        kind: String,
        /// Its id.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An object cannot be written down.
    #[error("write an object into the sandbox's books")]
    Write(#[source] serde_json::Error),
    /// The file was written by another version, for another account, or in another mode.
    #[error("read sandbox books marked {found:?} where {expected:?} is expected")]
    Mark {
        /// The mark that was found: format, account, who runs the schedule.
        found: String,
        /// The mark that was expected.
        expected: String,
    },
}

mod object {
    //! The one table.

    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sandbox_object")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: String,
        #[sea_orm(column_type = "Text")]
        pub(crate) body: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a row is now: its kind, its id, and its body. `None`: it is gone.
pub(crate) struct Row {
    kind: &'static str,
    id: String,
    body: Option<String>,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Store {
    connection: DatabaseConnection,
    path: PathBuf,
}

impl Store {
    /// Opens the file, making it if there is none.
    pub(crate) async fn open(path: &Path) -> Result<Self, BooksError> {
        let file = path.to_owned();
        let mut options = ConnectOptions::new("sqlite::memory:");
        options
            // One writer, one reader, one connection: the world itself is the cache.
            .max_connections(1)
            .min_connections(1)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .in_memory(false)
                    .shared_cache(false)
                    .filename(&file)
                    .create_if_missing(true)
                    .busy_timeout(BUSY_TIMEOUT)
                    // Two processes would each believe in their own world.
                    .pragma("locking_mode", "EXCLUSIVE")
                    .pragma("journal_mode", "WAL")
                    // A power cut may cost the last moments of play money, never the file.
                    .pragma("synchronous", "NORMAL")
            });
        let connection = Database::connect(options).await?;
        let mut table =
            Schema::new(connection.get_database_backend()).create_table_from_entity(object::Entity);
        connection.execute(table.if_not_exists()).await?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Runs a statement, so that a test can break the file.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap();
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts everything in the books into `world`; answers how far the clock was ahead.
    pub(crate) async fn load(&self, world: &mut World) -> Result<i64, BooksError> {
        let rows = object::Entity::find().all(&self.connection).await?;
        let mut ahead = 0;
        let mark = mark(world);
        for row in &rows {
            match row.kind.as_str() {
                "mark" if row.body != mark => {
                    return Err(BooksError::Mark {
                        found: row.body.clone(),
                        expected: mark,
                    });
                }
                "clock" => ahead = parse(row)?,
                "counters" => world.counters = parse::<Counters>(row)?,
                "customer" => world.restore(parse::<Customer>(row)?),
                "checkout" => world.restore(parse::<Checkout>(row)?),
                "subscription" => world.restore(parse::<Subscription>(row)?),
                "invoice" => world.restore(parse::<Invoice>(row)?),
                "payment" => world.restore(parse::<Payment>(row)?),
                "call" => world.restore(parse::<Call>(row)?),
                "event" => world.restore(parse::<Event>(row)?),
                _ => {}
            }
        }
        if rows.is_empty() {
            self.save(vec![Row {
                kind: "mark",
                id: String::new(),
                body: Some(mark),
            }])
            .await?;
        }
        Ok(ahead)
    }

    /// Writes rows in one transaction.
    pub(crate) async fn save(&self, rows: Vec<Row>) -> Result<(), BooksError> {
        let transaction = self.connection.begin().await?;
        let mut kept = Vec::new();
        for row in rows {
            if let Some(body) = row.body {
                kept.push(object::ActiveModel {
                    kind: Set(row.kind.to_owned()),
                    id: Set(row.id),
                    body: Set(body),
                });
            } else {
                object::Entity::delete_many()
                    .filter(object::Column::Kind.eq(row.kind))
                    .filter(object::Column::Id.eq(row.id))
                    .exec(&transaction)
                    .await?;
            }
        }
        for batch in kept.chunks(ROWS_PER_STATEMENT) {
            object::Entity::insert_many(batch.iter().cloned())
                .on_conflict(
                    OnConflict::columns([object::Column::Kind, object::Column::Id])
                        .update_column(object::Column::Body)
                        .to_owned(),
                )
                .exec_without_returning(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// The rows for what was changed, and for the clock.
pub(crate) fn rows(
    world: &World,
    changed: &BTreeSet<(Kind, String)>,
    ahead_micros: i64,
) -> Result<Vec<Row>, BooksError> {
    let mut rows = vec![Row {
        kind: "clock",
        id: String::new(),
        body: Some(write(&ahead_micros)?),
    }];
    for (kind, id) in changed {
        let (kind, body) = match kind {
            Kind::Counters => ("counters", Some(write(&world.counters)?)),
            Kind::Customer => ("customer", body::<Customer>(world, id)?),
            Kind::Checkout => ("checkout", body::<Checkout>(world, id)?),
            Kind::Subscription => ("subscription", body::<Subscription>(world, id)?),
            Kind::Invoice => ("invoice", body::<Invoice>(world, id)?),
            Kind::Payment => ("payment", body::<Payment>(world, id)?),
            Kind::Call => ("call", body::<Call>(world, id)?),
            Kind::Event => ("event", body::<Event>(world, id)?),
        };
        rows.push(Row {
            kind,
            id: id.clone(),
            body,
        });
    }
    Ok(rows)
}

/// What a file must be marked with to be this world's.
fn mark(world: &World) -> String {
    let schedule = match world.rules.mode {
        Mode::OwnSchedule => "own-schedule",
        Mode::EngineSchedule { .. } => "engine-schedule",
    };
    format!("{FORMAT} {} {schedule}", world.rules.account)
}

fn body<T: Kept>(world: &World, id: &str) -> Result<Option<String>, BooksError> {
    T::shelf(world).get(id).map(write).transpose()
}

fn write<T: serde::Serialize>(object: &T) -> Result<String, BooksError> {
    serde_json::to_string(object).map_err(BooksError::Write)
}

fn parse<T: serde::de::DeserializeOwned>(row: &object::Model) -> Result<T, BooksError> {
    serde_json::from_str(&row.body).map_err(|source| BooksError::Row {
        kind: row.kind.clone(),
        id: row.id.clone(),
        source,
    })
}
