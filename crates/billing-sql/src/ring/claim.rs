//! Claims: one statement that takes what is ready, longest first, past rows
//! that another worker is taking at this moment.

use async_trait::async_trait;
use billing_domain::effect::Effect;
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Claiming, DueCustomer, Fence, InboxItem, OutboxItem, StoreError};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{
    Alias, CommonTableExpression, Expr, LockBehavior, LockType, Query, WithClause,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::receive;
use crate::database::{Operation, Shape};
use crate::entity::{customer, inbox, outbox, state};
use crate::fault::Fault;
use crate::rows;
use crate::time::{column, instant};

#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimDue(pub(super) Claiming);
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimInbox(pub(super) Claiming);
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimOutbox(pub(super) Claiming);

fn until(ask: Claiming) -> DateTimeUtc {
    column(shifted(ask.now, ask.lease))
}

/// Claims of one entity: the columns have the same names everywhere.
macro_rules! claim {
    ($entity:ident, $ask:expr, $on:expr, $only:expr, $extra:expr) => {{
        let (ask, until) = ($ask, until($ask));
        let ready = $entity::Entity::find()
            .select_only()
            .column($entity::Column::Id)
            .filter($entity::Column::ReadyAt.lte(column(ask.now)))
            .filter($only)
            .order_by_asc($entity::Column::ReadyAt)
            .order_by_asc($entity::Column::Id)
            .limit(u64::from(ask.limit))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_query();
        let picked = Alias::new("picked");
        let update = $entity::Entity::update_many()
            .col_expr(
                $entity::Column::Fence,
                Expr::col($entity::Column::Fence).add(1_i64),
            )
            .col_expr($entity::Column::Held, true.into())
            .col_expr($entity::Column::ReadyAt, until.into())
            .filter(
                $entity::Column::Id
                    .in_subquery(Query::select().column("id").from(picked.clone()).take()),
            );
        let mut update = $extra(update, until).into_query();
        update.returning_all();
        // Picked apart from the update, so that it is evaluated exactly once.
        let mut with = WithClause::new();
        let mut once = CommonTableExpression::new();
        once.table_name(picked).query(ready);
        with.cte(once);
        let rows = $on.query_all(&with.query(update)).await?;
        rows.iter()
            .map(|row| $entity::Model::from_query_result(row, ""))
            .collect::<Result<Vec<_>, _>>()?
    }};
}

#[async_trait]
impl Operation for ClaimDue {
    type Output = Vec<DueCustomer>;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Self::Output, Fault> {
        let only = customer::Column::ReadyAt.is_not_null();
        let busy = |update: sea_orm::UpdateMany<customer::Entity>, until: DateTimeUtc| {
            update.col_expr(customer::Column::BusyUntil, Some(until).into())
        };
        let mut rows = claim!(customer, self.0, on, only, busy);
        rows.sort_by_key(|row| (row.wake_at, row.id));
        let due = rows.into_iter().map(|row| {
            let due_at = row.wake_at.map(|at| instant(at, "customers", row.id));
            Ok(DueCustomer {
                customer: CustomerId::from(row.id),
                due_at: due_at.transpose()?.unwrap_or(self.0.now),
                fence: Fence(row.fence),
            })
        });
        due.collect()
    }
}

#[async_trait]
impl Operation for ClaimInbox {
    type Output = Vec<InboxItem>;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Self::Output, Fault> {
        let only = literally(state::NEW);
        let mut rows = claim!(inbox, self.0, on, only, |update, _| update);
        rows.sort_by_key(|row| (row.received_at, row.id));
        readable(rows.into_iter().map(inbox_item))
    }
}

fn inbox_item(row: inbox::Model) -> Result<InboxItem, StoreError> {
    Ok(InboxItem {
        id: InboxId::from(row.id),
        linked: row.linked.map(CustomerId::from),
        received_at: instant(row.received_at, "inbox", row.id)?,
        attempts: rows::count(row.attempts),
        fence: Fence(row.fence),
        delivery: receive::delivery(row)?,
    })
}

#[async_trait]
impl Operation for ClaimOutbox {
    type Output = Vec<OutboxItem>;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Self::Output, Fault> {
        let only = literally(state::PENDING);
        let rows = claim!(outbox, self.0, on, only, |update, _| update);
        let mut items = readable(rows.into_iter().map(outbox_item))?;
        items.sort_by_key(|item: &OutboxItem| (item.effect.due_at, item.effect.id));
        Ok(items)
    }
}

fn outbox_item(row: outbox::Model) -> Result<OutboxItem, StoreError> {
    Ok(OutboxItem {
        customer: CustomerId::from(row.customer_id),
        effect: rows::read::<Effect>(row.body, "outbox", row.id)?,
        attempts: rows::count(row.attempts),
        fence: Fence(row.fence),
    })
}

/// A state written out, so that the partial index is seen to fit.
fn literally(word: &'static str) -> Expr {
    Expr::cust(format!("state = '{word}'"))
}

/// What can be read of what was claimed. A row that cannot is reported, stays
/// claimed until its lease runs out, and holds nobody else up; alone, it is the error.
fn readable<T>(rows: impl Iterator<Item = Result<T, StoreError>>) -> Result<Vec<T>, Fault> {
    let (mut items, mut unreadable) = (Vec::new(), None);
    for row in rows {
        match row {
            Ok(item) => items.push(item),
            Err(error) => {
                tracing::error!(%error, "claimed a row that cannot be read");
                unreadable = Some(error);
            }
        }
    }
    match unreadable {
        Some(error) if items.is_empty() => Err(error.into()),
        _ => Ok(items),
    }
}

/// The earliest of instants in a row of `table`.
pub(super) fn earliest(
    at: Option<DateTimeUtc>,
    table: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    at.map(|at| instant(at, table, "(earliest)")).transpose()
}
