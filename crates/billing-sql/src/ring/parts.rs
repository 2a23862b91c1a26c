//! A commit as parts: one statement each, with the number of rows it must change.
//!
//! PostgreSQL runs them as one statement, data-modifying subqueries under a
//! guard: one round trip instead of one per part, and rows are locked for no
//! longer than that. SQLite, which is not across a network, runs them in turn.

use std::fmt::Write as _;

use sea_orm::sea_query::{
    CommonTableExpression, DeleteStatement, Expr, InsertStatement, Query, UpdateStatement,
    WithQuery,
};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::fault::Fault;

/// A statement of a part.
#[derive(Debug, Clone)]
pub(crate) enum Writing {
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

/// What a transaction is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    parts: Vec<(Writing, Option<usize>)>,
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
    /// Adds a statement that must change exactly `rows` rows, or all is taken back.
    pub(crate) fn exactly(&mut self, rows: usize, statement: impl Into<Writing>) {
        self.parts.push((statement.into(), Some(rows)));
    }

    /// Adds a statement that may change any number of rows.
    pub(crate) fn any(&mut self, statement: impl Into<Writing>) {
        self.parts.push((statement.into(), None));
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
        for (writing, expected) in self.parts {
            let done = match writing {
                Writing::Insert(statement) => on.execute(&statement).await?,
                Writing::Update(statement) => on.execute(&statement).await?,
                Writing::Delete(statement) => on.execute(&statement).await?,
            };
            let changed = usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
            if expected.is_some_and(|expected| expected != changed) {
                return Err(Fault::Unmet);
            }
        }
        Ok(())
    }

    async fn run_merged<C: ConnectionTrait>(self, on: &C) -> Result<(), Fault> {
        // Put together in place: `WithClause::query` copies all of it.
        let mut with = WithQuery::new();
        let mut guard = String::from("1 / (case when true");
        for (number, (writing, expected)) in self.parts.into_iter().enumerate() {
            let name = format!("part{number}");
            if let Some(expected) = expected {
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
