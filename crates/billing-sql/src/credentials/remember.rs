//! Idempotency records: a key is one caller's at a time, and its answer is kept.

use async_trait::async_trait;
use billing_ports::store::Remembered;
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryTrait,
};

use crate::database::{Operation, Shape};
use crate::entity::idempotency::{Column, Entity, Model};
use crate::fault::Fault;
use crate::rows;

#[derive(Debug, Clone)]
pub(super) struct Remember(pub(super) Model);
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) caller: String,
    pub(super) key: String,
    pub(super) status: u16,
    pub(super) body: Option<Vec<u8>>,
}
#[derive(Debug, Clone)]
pub(super) struct Forget {
    pub(super) caller: String,
    pub(super) key: String,
}

#[async_trait]
impl Operation for Remember {
    type Output = Remembered;

    fn shape(&self, _merges: bool) -> Shape {
        // Only the first statement writes; what the second reads is told, not kept.
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Remembered, Fault> {
        let asked = &self.0;
        let held = |column| Expr::col((Entity, column));
        // A reservation that ran out unanswered is taken over, by the same request only.
        let mut conflict = OnConflict::columns([Column::Caller, Column::Key]);
        conflict
            .update_columns([Column::ReservedUntil, Column::CreatedAt])
            .action_and_where(held(Column::Request).eq(asked.request.clone()))
            .action_and_where(held(Column::Status).is_null())
            .action_and_where(held(Column::ReservedUntil).lte(asked.created_at));
        let mut reserve = Entity::insert(asked.clone().into_active_model())
            .on_conflict(conflict)
            .into_query();
        reserve.returning(Query::returning().column(Column::Key));
        if on.query_one(&reserve).await?.is_some() {
            return Ok(Remembered::Fresh);
        }
        let key = (asked.caller.clone(), asked.key.clone());
        let Some(held) = Entity::find_by_id(key).one(on).await? else {
            // Forgotten between the two statements: whoever held it is just done.
            return Ok(Remembered::Busy);
        };
        if held.request != asked.request {
            return Ok(Remembered::Mismatch);
        }
        let Some(status) = held.status else {
            return Ok(Remembered::Busy);
        };
        let row = format!("{}/{}", held.caller, held.key);
        let status = u16::try_from(status);
        let status = status.map_err(|error| rows::corrupt("idempotency", row, error))?;
        Ok(Remembered::Answered {
            status,
            body: held.body,
        })
    }
}

#[async_trait]
impl Operation for Answer {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let answered = Entity::update_many()
            .col_expr(Column::Status, Some(i32::from(self.status)).into())
            .col_expr(Column::Body, self.body.clone().into())
            .filter(Column::Caller.eq(self.caller.clone()))
            .filter(Column::Key.eq(self.key.clone()))
            .exec(on)
            .await?;
        Ok(answered.rows_affected == 1)
    }
}

#[async_trait]
impl Operation for Forget {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        Entity::delete_many()
            .filter(Column::Caller.eq(self.caller.clone()))
            .filter(Column::Key.eq(self.key.clone()))
            .filter(Column::Status.is_null())
            .exec(on)
            .await?;
        Ok(())
    }
}
