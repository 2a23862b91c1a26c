//! A commit as parts: one statement each, with the number of rows it must change.
//!
//! PostgreSQL runs them as one statement, data-modifying subqueries under a
//! guard: one round trip instead of one per part, and rows are locked for no
//! longer than that. SQLite runs them one after another, and is handed as many at once
//! as say how many rows they change: it works on a thread of its own, and to be called
//! there and back costs more than most of them.

use std::fmt::Write as _;

use sea_orm::sea_query::{
    CommonTableExpression, DeleteStatement, Expr, InsertStatement, Query, SqliteQueryBuilder,
    UpdateStatement, Value, Values, WithQuery,
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::fault::Fault;

/// A statement of a part.
#[derive(Debug, Clone)]
pub(crate) enum Writing {
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

impl Writing {
    fn in_sqlite(&self) -> (String, Values) {
        match self {
            Self::Insert(statement) => statement.build(SqliteQueryBuilder),
            Self::Update(statement) => statement.build(SqliteQueryBuilder),
            Self::Delete(statement) => statement.build(SqliteQueryBuilder),
        }
    }
}

/// How many rows a part changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changes {
    /// So many or fewer: if fewer, all is taken back.
    Exactly(usize),
    /// So many, whatever is there.
    Surely(usize),
    Any,
}

/// What a transaction is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    parts: Vec<(Writing, Changes)>,
}

impl From<InsertStatement> for Writing {
    fn from(statement: InsertStatement) -> Self {
        Self::Insert(statement)
    }
}

impl From<UpdateStatement> for Writing {
    fn from(statement: UpdateStatement) -> Self {
        Self::Update(statement)
    }
}

impl From<DeleteStatement> for Writing {
    fn from(statement: DeleteStatement) -> Self {
        Self::Delete(statement)
    }
}

impl Parts {
    /// Adds a statement that must change exactly `rows` rows, or all is taken back. It
    /// can change no more of them.
    pub(crate) fn exactly(&mut self, rows: usize, statement: impl Into<Writing>) {
        self.parts.push((statement.into(), Changes::Exactly(rows)));
    }

    /// Adds a statement that changes `rows` rows if it does not fail.
    pub(crate) fn surely(&mut self, rows: usize, statement: impl Into<Writing>) {
        self.parts.push((statement.into(), Changes::Surely(rows)));
    }

    /// Adds a statement that may change any number of rows.
    pub(crate) fn any(&mut self, statement: impl Into<Writing>) {
        self.parts.push((statement.into(), Changes::Any));
    }

    /// Runs all parts; [`Fault::is_unmet`] when one changed another number of rows.
    pub(crate) async fn run<C: ConnectionTrait>(self, on: &C) -> Result<(), Fault> {
        if on.get_database_backend() == DbBackend::Postgres {
            self.run_merged(on).await
        } else {
            self.run_in_turn(on).await
        }
    }

    async fn run_in_turn<C: ConnectionTrait>(self, on: &C) -> Result<(), Fault> {
        let (mut counted, mut uncounted) = (Together::default(), Together::default());
        for (writing, changes) in self.parts {
            match changes {
                Changes::Exactly(rows) | Changes::Surely(rows) => {
                    std::mem::take(&mut uncounted).run(on).await?;
                    counted.add(&writing, rows);
                }
                Changes::Any => {
                    std::mem::take(&mut counted).run_counted(on).await?;
                    uncounted.add(&writing, 0);
                }
            }
        }
        counted.run_counted(on).await?;
        uncounted.run(on).await?;
        Ok(())
    }

    async fn run_merged<C: ConnectionTrait>(self, on: &C) -> Result<(), Fault> {
        // Put together in place: `WithClause::query` copies all of it.
        let mut with = WithQuery::new();
        let mut guard = String::from("1 / (case when true");
        for (number, (writing, changes)) in self.parts.into_iter().enumerate() {
            let name = format!("part{number}");
            if let Changes::Exactly(expected) = changes {
                // Writing to a String cannot fail.
                write!(guard, " and (select count(*) from {name}) = {expected}")
                    .map_err(|_infallible| Fault::Unmet)?;
            }
            with.cte(subquery(name, writing));
        }
        guard.push_str(" then 1 else 0 end)");
        let select = Query::select().expr(Expr::cust(guard)).take();
        on.execute(with.query(select)).await?;
        Ok(())
    }
}

/// Statements that SQLite is handed at once.
#[derive(Debug, Default)]
struct Together {
    sql: String,
    values: Vec<Value>,
    rows: usize,
}

impl Together {
    fn add(&mut self, writing: &Writing, rows: usize) {
        let (sql, Values(values)) = writing.in_sqlite();
        if !self.sql.is_empty() {
            self.sql.push_str("; ");
        }
        self.sql.push_str(&sql);
        self.values.extend(values);
        self.rows = self.rows.saturating_add(rows);
    }

    /// Runs them, and sees to it that each changed as many rows as it says: none can change
    /// more, so that as many in all are as many each.
    async fn run_counted<C: ConnectionTrait>(self, on: &C) -> Result<(), Fault> {
        let rows = self.rows;
        if self.run(on).await? == rows {
            Ok(())
        } else {
            Err(Fault::Unmet)
        }
    }

    /// Runs them; how many rows were changed.
    async fn run<C: ConnectionTrait>(self, on: &C) -> Result<usize, Fault> {
        if self.sql.is_empty() {
            return Ok(0);
        }
        let all = Statement::from_sql_and_values(DbBackend::Sqlite, self.sql, self.values);
        let done = on.execute_raw(all).await?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }
}

/// A part as a subquery that gives a row per row changed.
fn subquery(name: String, writing: Writing) -> CommonTableExpression {
    let mut part = CommonTableExpression::new();
    part.table_name(name);
    let rows = Query::returning().exprs([Expr::cust("1")]);
    match writing {
        Writing::Insert(mut statement) => part.query(statement.returning(rows).take()),
        Writing::Update(mut statement) => part.query(statement.returning(rows).take()),
        Writing::Delete(mut statement) => part.query(statement.returning(rows).take()),
    };
    part
}
