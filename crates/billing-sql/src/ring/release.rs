//! Giving a claimed row back, or settling it without a decision. One statement
//! each, which changes no row when the claim has passed on.

use async_trait::async_trait;
use billing_ports::store::{Claimed, InboxMark, OutboxMark, Release};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{CaseStatement, Expr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter};

use super::commit::{settle_inbox, settle_outbox};
use crate::database::{Operation, Shape};
use crate::entity::{customer, inbox, outbox, state};
use crate::fault::Fault;
use crate::time::column;

#[derive(Debug, Clone, Copy)]
pub(super) struct GiveBack(pub(super) Release);
#[derive(Debug, Clone, Copy)]
pub(super) struct SettleEffect(pub(super) OutboxMark, pub(super) DateTimeUtc);
#[derive(Debug, Clone, Copy)]
pub(super) struct SettleInbox(pub(super) InboxMark);

#[async_trait]
impl Operation for GiveBack {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let Release {
            row,
            fence,
            retry_at,
            counts,
        } = self.0;
        let (retry_at, tries) = (column(retry_at), i32::from(counts));
        let done = match row {
            Claimed::Customer(id) => {
                let later = CaseStatement::new()
                    .case(
                        Expr::col(customer::Column::WakeAt).lt(retry_at),
                        Some(retry_at),
                    )
                    .finally(Expr::col(customer::Column::WakeAt));
                let update = customer::Entity::update_many()
                    .col_expr(customer::Column::ReadyAt, later.into())
                    .col_expr(customer::Column::BusyUntil, Some(retry_at).into())
                    .col_expr(customer::Column::Held, false.into())
                    .filter(customer::Column::Id.eq(id.uuid()))
                    .filter(customer::Column::Fence.eq(fence.0))
                    .filter(customer::Column::Held.eq(true));
                update.exec(on).await?
            }
            Claimed::Inbox(id) => {
                let tries = Expr::col(inbox::Column::Attempts).add(tries);
                let update = inbox::Entity::update_many()
                    .col_expr(inbox::Column::ReadyAt, retry_at.into())
                    .col_expr(inbox::Column::Held, false.into())
                    .col_expr(inbox::Column::Attempts, tries)
                    .filter(inbox::Column::Id.eq(id.uuid()))
                    .filter(inbox::Column::Fence.eq(fence.0))
                    .filter(inbox::Column::State.eq(state::NEW))
                    .filter(inbox::Column::Held.eq(true));
                update.exec(on).await?
            }
            Claimed::Outbox(id) => {
                let tries = Expr::col(outbox::Column::Attempts).add(tries);
                let update = outbox::Entity::update_many()
                    .col_expr(outbox::Column::ReadyAt, retry_at.into())
                    .col_expr(outbox::Column::Held, false.into())
                    .col_expr(outbox::Column::Attempts, tries)
                    .filter(outbox::Column::Id.eq(id.uuid()))
                    .filter(outbox::Column::Fence.eq(fence.0))
                    .filter(outbox::Column::State.eq(state::PENDING))
                    .filter(outbox::Column::Held.eq(true));
                update.exec(on).await?
            }
        };
        Ok(done.rows_affected == 1)
    }
}

#[async_trait]
impl Operation for SettleEffect {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let Self(mark, at) = *self;
        let word = if mark.dead { state::DEAD } else { state::DONE };
        let held = std::iter::once((mark.id.uuid(), mark.fence.0));
        let done = on.execute(&settle_outbox(held, word, at)).await?;
        Ok(done.rows_affected() == 1)
    }
}

#[async_trait]
impl Operation for SettleInbox {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let mark = self.0;
        let word = if mark.parked {
            state::PARKED
        } else {
            state::DONE
        };
        let held = std::iter::once((mark.id.uuid(), mark.fence.0));
        let done = on.execute(&settle_inbox(held, word)).await?;
        Ok(done.rows_affected() == 1)
    }
}
