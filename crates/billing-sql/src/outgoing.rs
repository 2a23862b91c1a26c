//! Events on their way to receivers: added once, claimed, recorded, listed.
//!
//! One receiver's rows are claimed by themselves, so that a long row of one is never in the
//! way of another's.

use async_trait::async_trait;
use billing_domain::ids::{CustomerId, DeliveryId, EndpointId};
use billing_domain::journal::Event;
use billing_domain::time::shifted;
use billing_ports::store::{
    Attempted, ClaimedDelivery, Claiming, DeliveryFilter, DeliveryState, DisabledWhy,
    EventDelivery, Fence, Health, LastTry, NextTry, Page, PageAsk, StoreError,
};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::{
    Alias, CommonTableExpression, Expr, LockBehavior, LockType, OnConflict, Query, WithClause,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::database::{Operation, Shape};
use crate::entity::endpoint;
use crate::entity::event_delivery::{Column, Entity, Model};
use crate::fault::Fault;
use crate::rows;
use crate::time::{column, instant};

const TABLE: &str = "webhook_deliveries";

/// Written out, so that the partial index is seen to fit.
const PENDING: &str = "state = 'pending'";

/// Rows that one statement adds: with thirteen columns each, a fifth of what SQLite binds at most,
/// and a tenth of what PostgreSQL does.
const ADDED_AT_ONCE: usize = 500;

/// The same of any state.
fn literally(state: DeliveryState) -> Expr {
    Expr::cust(format!("state = '{}'", state.as_str()))
}

pub(crate) fn row(delivery: &EventDelivery) -> Model {
    let last = delivery.last.clone();
    Model {
        id: delivery.id.uuid(),
        endpoint_id: delivery.endpoint.uuid(),
        customer_id: delivery.customer.uuid(),
        event: delivery.event.as_str().to_owned(),
        body: rows::text(&delivery.body),
        state: delivery.state.as_str().to_owned(),
        ready_at: column(delivery.next_at),
        fence: 0,
        attempts: i32::from(delivery.attempts),
        created_at: column(delivery.created_at),
        tried_at: last.as_ref().map(|tried| column(tried.at)),
        status: last.as_ref().and_then(|tried| tried.status.map(i32::from)),
        problem: last.and_then(|tried| tried.problem),
    }
}

fn delivery(row: Model) -> Result<EventDelivery, StoreError> {
    let id = row.id;
    let at = |column: DateTimeUtc| instant(column, TABLE, id);
    let unknown = |what: &str| rows::corrupt(TABLE, id, format!("an unknown {what}"));
    let last = match row.tried_at {
        None => None,
        Some(tried_at) => Some(LastTry {
            at: at(tried_at)?,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            problem: row.problem,
        }),
    };
    Ok(EventDelivery {
        id: DeliveryId::from(id),
        endpoint: EndpointId::from(row.endpoint_id),
        customer: CustomerId::from(row.customer_id),
        event: Event::from_name(&row.event).ok_or_else(|| unknown("event"))?,
        state: DeliveryState::from_word(&row.state).ok_or_else(|| unknown("state"))?,
        attempts: rows::count(row.attempts),
        next_at: at(row.ready_at)?,
        created_at: at(row.created_at)?,
        last,
        body: row.body,
    })
}

/// Receivers that are enabled and have something due.
pub(crate) async fn due<C: ConnectionTrait>(
    on: &C,
    now: DateTimeUtc,
) -> Result<Vec<EndpointId>, Fault> {
    let waiting = Query::select()
        .expr(Expr::cust("1"))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::EndpointId))
                .eq(Expr::col((endpoint::Entity, endpoint::Column::Id))),
        )
        .and_where(Expr::cust(PENDING))
        .and_where(Expr::col((Entity, Column::ReadyAt)).lte(now))
        .take();
    let found = endpoint::Entity::find()
        .select_only()
        .column(endpoint::Column::Id)
        .filter(endpoint::Column::DisabledAt.is_null())
        .filter(Expr::exists(waiting))
        .order_by_asc(endpoint::Column::Id)
        .into_tuple::<Uuid>()
        .all(on)
        .await?;
    Ok(found.into_iter().map(EndpointId::from).collect())
}

pub(crate) async fn get<C: ConnectionTrait>(
    on: &C,
    id: Uuid,
) -> Result<Option<EventDelivery>, Fault> {
    let found = Entity::find_by_id(id).one(on).await?;
    Ok(found.map(delivery).transpose()?)
}

pub(crate) async fn list<C: ConnectionTrait>(
    on: &C,
    filter: DeliveryFilter,
    page: PageAsk,
) -> Result<Page<EventDelivery>, Fault> {
    let only = Condition::all()
        .add_option(filter.endpoint.map(|id| Column::EndpointId.eq(id.uuid())))
        .add_option(filter.state.map(literally))
        .add_option(page.after.map(|id| Column::Id.lt(id)));
    let mut found = Entity::find()
        .filter(only)
        .order_by_desc(Column::Id)
        // One beyond the page, to learn whether more follow.
        .limit(u64::from(page.limit).saturating_add(1))
        .all(on)
        .await?;
    let more = found.len() > usize::from(page.limit);
    found.truncate(usize::from(page.limit));
    let rows = found.into_iter().map(delivery);
    let rows = rows.collect::<Result<_, StoreError>>()?;
    Ok(Page { rows, more })
}

#[derive(Debug, Clone)]
pub(crate) struct Add(pub(crate) Vec<Model>);

#[async_trait]
impl Operation for Add {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        if self.0.len() <= ADDED_AT_ONCE {
            Shape::Statement
        } else {
            Shape::Transaction
        }
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        for rows in self.0.chunks(ADDED_AT_ONCE) {
            let rows = rows.iter().cloned();
            let rows = rows.map(IntoActiveModel::into_active_model);
            let known = OnConflict::column(Column::Id).do_nothing().to_owned();
            let insert = Entity::insert_many(rows).on_conflict(known).into_query();
            on.execute(&insert).await?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim(pub(crate) Uuid, pub(crate) Claiming);

#[async_trait]
impl Operation for Claim {
    type Output = Vec<ClaimedDelivery>;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Self::Output, Fault> {
        let Self(endpoint, ask) = *self;
        let ready = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::EndpointId.eq(endpoint))
            .filter(Expr::cust(PENDING))
            .filter(Column::ReadyAt.lte(column(ask.now)))
            .order_by_asc(Column::ReadyAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(ask.limit))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_query();
        let picked = Alias::new("picked");
        let mut update = Entity::update_many()
            .col_expr(Column::Fence, Expr::col(Column::Fence).add(1_i64))
            .col_expr(Column::ReadyAt, column(shifted(ask.now, ask.lease)).into())
            .filter(
                Column::Id.in_subquery(Query::select().column("id").from(picked.clone()).take()),
            )
            .into_query();
        update.returning_all();
        // Picked apart from the update, so that it is evaluated exactly once.
        let mut with = WithClause::new();
        let mut once = CommonTableExpression::new();
        once.table_name(picked).query(ready);
        with.cte(once);
        let rows = on.query_all(&with.query(update)).await?;
        let claimed = rows.iter().map(|row| {
            let row = Model::from_query_result(row, "")?;
            Ok(ClaimedDelivery {
                fence: Fence(row.fence),
                delivery: delivery(row)?,
            })
        });
        let mut claimed = claimed.collect::<Result<Vec<_>, Fault>>()?;
        claimed.sort_by_key(|held| held.delivery.id);
        Ok(claimed)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Record(pub(crate) Attempted);

#[async_trait]
impl Operation for Record {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        if self.0.health == Health::Same {
            Shape::Statement
        } else {
            Shape::Transaction
        }
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let Attempted {
            id,
            fence,
            tried,
            next,
            ..
        } = &self.0;
        let state = match next {
            NextTry::Taken => DeliveryState::Delivered,
            NextTry::At(_) => DeliveryState::Pending,
            NextTry::GivenUp => DeliveryState::Dead,
        };
        let mut update = Entity::update_many()
            .col_expr(Column::State, state.as_str().into())
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i32))
            .col_expr(Column::TriedAt, Some(column(tried.at)).into())
            .col_expr(Column::Status, tried.status.map(i32::from).into())
            .col_expr(
                Column::Problem,
                tried.problem.as_deref().map(rows::text).into(),
            );
        if let NextTry::At(at) = next {
            update = update.col_expr(Column::ReadyAt, column(*at).into());
        }
        let recorded = update
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Fence.eq(fence.0))
            .filter(Expr::cust(PENDING))
            .exec(on)
            .await?;
        if recorded.rows_affected != 1 {
            return Err(Fault::Unmet);
        }
        self.tell_health(on).await
    }
}

impl Record {
    async fn tell_health<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        use endpoint::Column;
        let update = endpoint::Entity::update_many().filter(Column::Id.eq(self.0.endpoint.uuid()));
        let update = match self.0.health {
            Health::Same => return Ok(()),
            Health::Well => {
                let never: Option<DateTimeUtc> = None;
                // Nothing to write, as a rule.
                let failing = update.filter(Column::FailingSince.is_not_null());
                failing.col_expr(Column::FailingSince, never.into())
            }
            Health::FailingSince(at) => update
                .col_expr(Column::FailingSince, Some(column(at)).into())
                .filter(Column::FailingSince.is_null()),
            Health::Failed { since, at } => update
                .col_expr(Column::DisabledAt, Some(column(at)).into())
                .col_expr(
                    Column::DisabledWhy,
                    Some(DisabledWhy::Failing.as_str()).into(),
                )
                .filter(Column::FailingSince.eq(column(since)))
                .filter(Column::DisabledAt.is_null()),
            Health::Disabled(disabled) => update
                .col_expr(Column::DisabledAt, Some(column(disabled.at)).into())
                .col_expr(Column::DisabledWhy, Some(disabled.why.as_str()).into())
                .filter(Column::DisabledAt.is_null()),
        };
        update.exec(on).await?;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Revive(pub(crate) Uuid, pub(crate) DateTimeUtc);

#[async_trait]
impl Operation for Revive {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let revived = Entity::update_many()
            .col_expr(Column::State, DeliveryState::Pending.as_str().into())
            .col_expr(Column::Attempts, 0_i32.into())
            .col_expr(Column::ReadyAt, self.1.into())
            .filter(Column::Id.eq(self.0))
            .filter(Column::State.eq(DeliveryState::Dead.as_str()))
            .exec(on)
            .await?;
        Ok(revived.rows_affected == 1)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sweep(pub(crate) Uuid, pub(crate) u16);

#[async_trait]
impl Operation for Sweep {
    type Output = u64;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let old = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.lt(self.0))
            .limit(u64::from(self.1))
            .into_query();
        let removed = Entity::delete_many().filter(Column::Id.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }
}
