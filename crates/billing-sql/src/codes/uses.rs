//! One use of a code: reserved, then counted or given back.

use async_trait::async_trait;
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect, QueryTrait,
};

use crate::database::{Operation, Shape};
use crate::entity::discount_use::{Column, Entity, Model};
use crate::entity::{discount_code, state};
use crate::fault::Fault;

#[derive(Debug, Clone, Copy)]
pub(super) struct Reserve {
    pub(super) code: Uuid,
    pub(super) checkout: Uuid,
    pub(super) until: DateTimeUtc,
    pub(super) now: DateTimeUtc,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Settle {
    pub(super) code: Uuid,
    pub(super) checkout: Uuid,
    pub(super) used: bool,
}

/// Uses that count at `now`: those for good, and reservations that are not over.
pub(super) fn counting(now: DateTimeUtc) -> Condition {
    Condition::any()
        .add(Column::State.eq(state::USED))
        .add(Column::ReservedUntil.gt(now))
}

#[async_trait]
impl Operation for Reserve {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        // Locked first: what is read afterwards nobody else is changing, but for
        // settlements, which take no use that was free.
        let allowed = discount_code::Entity::find_by_id(self.code)
            .select_only()
            .column(discount_code::Column::MaxUses)
            .lock_exclusive()
            .into_tuple::<Option<i64>>()
            .one(on)
            .await?;
        let Some(allowed) = allowed else {
            return Ok(false);
        };
        let counting = Entity::find()
            .filter(Column::CodeId.eq(self.code))
            .filter(counting(self.now));
        let own = counting
            .clone()
            .filter(Column::CheckoutId.eq(self.checkout));
        if own.one(on).await?.is_some() {
            return Ok(true);
        }
        if let Some(allowed) = allowed {
            let taken = counting.count(on).await?;
            if u64::try_from(allowed).is_ok_and(|allowed| taken >= allowed) {
                return Ok(false);
            }
        }
        let row = Model {
            code_id: self.code,
            checkout_id: self.checkout,
            state: state::RESERVED.to_owned(),
            reserved_until: Some(self.until),
        };
        // One whose time is over is reserved anew.
        let mut again = key();
        again.update_column(Column::ReservedUntil);
        write(on, row, again).await?;
        Ok(true)
    }
}

#[async_trait]
impl Operation for Settle {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        if self.used {
            let row = Model {
                code_id: self.code,
                checkout_id: self.checkout,
                state: state::USED.to_owned(),
                reserved_until: None,
            };
            let mut over = key();
            over.update_columns([Column::State, Column::ReservedUntil]);
            return write(on, row, over).await;
        }
        Entity::delete_many()
            .filter(Column::CodeId.eq(self.code))
            .filter(Column::CheckoutId.eq(self.checkout))
            .filter(Column::State.eq(state::RESERVED))
            .exec(on)
            .await?;
        Ok(())
    }
}

fn key() -> OnConflict {
    OnConflict::columns([Column::CodeId, Column::CheckoutId])
}

async fn write<C: ConnectionTrait>(on: &C, row: Model, over: OnConflict) -> Result<(), Fault> {
    let insert = Entity::insert(row.into_active_model())
        .on_conflict(over)
        .into_query();
    on.execute(&insert).await?;
    Ok(())
}
