//! What has been kept long enough goes; what is pending never does.

use async_trait::async_trait;
use billing_ports::store::Sweep;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::database::{Operation, Shape};
use crate::entity::{
    idempotency, inbox, operator_session, outbox, parked, quote, session, usage_event, usage_name,
    usage_period,
};
use crate::fault::Fault;
use crate::time::column;

#[derive(Debug, Clone, Copy)]
pub(super) struct Remove(pub(super) Sweep);

#[async_trait]
impl Operation for Remove {
    type Output = u64;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let swept = [
            self.bodies(on).await?,
            self.effects(on).await?,
            self.requests(on).await?,
            self.sessions(on).await?,
            self.operator_sessions(on).await?,
            self.quotes(on).await?,
            self.used(on).await?,
        ];
        Ok(swept.into_iter().fold(0, u64::saturating_add))
    }
}

impl Remove {
    fn limit(&self) -> u64 {
        u64::from(self.0.limit)
    }

    async fn bodies<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let old = inbox::Entity::find()
            .select_only()
            .column(inbox::Column::Id)
            .filter(Expr::cust(
                "body is not null and state in ('done', 'discarded')",
            ))
            .filter(inbox::Column::ReceivedAt.lt(column(self.0.inbox_bodies_before)))
            .limit(self.limit())
            .into_query();
        let emptied = inbox::Entity::update_many()
            .col_expr(inbox::Column::Body, Option::<Vec<u8>>::None.into())
            .filter(inbox::Column::Id.in_subquery(old));
        Ok(emptied.exec(on).await?.rows_affected)
    }

    async fn effects<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        // What a person may still have tried again is pending.
        let waiting = Query::select()
            .expr(Expr::cust("1"))
            .from(parked::Entity)
            .and_where(
                Expr::col((parked::Entity, parked::Column::EffectId))
                    .eq(Expr::col((outbox::Entity, outbox::Column::Id))),
            )
            .and_where(parked::Column::ResolvedAt.is_null())
            .take();
        let old = outbox::Entity::find()
            .select_only()
            .column(outbox::Column::Id)
            .filter(Expr::cust("state in ('done', 'discarded')"))
            .filter(outbox::Column::SettledAt.lt(column(self.0.rows_before)))
            .filter(Expr::exists(waiting).not())
            .limit(self.limit())
            .into_query();
        let removed = outbox::Entity::delete_many().filter(outbox::Column::Id.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }

    async fn requests<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let before = column(self.0.rows_before);
        let over = Condition::any()
            .add(idempotency::Column::Status.is_not_null())
            .add(idempotency::Column::ReservedUntil.lt(before));
        let old = idempotency::Entity::find()
            .select_only()
            .column(idempotency::Column::Caller)
            .column(idempotency::Column::Key)
            .filter(idempotency::Column::CreatedAt.lt(before))
            .filter(over)
            .limit(self.limit())
            .into_query();
        let key = Expr::tuple([
            Expr::col(idempotency::Column::Caller),
            Expr::col(idempotency::Column::Key),
        ]);
        let removed = idempotency::Entity::delete_many().filter(key.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }

    async fn sessions<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let before = column(self.0.rows_before);
        // A link that was never opened is over when it no longer opens.
        let unopened = Condition::all()
            .add(session::Column::TokenHash.is_null())
            .add(session::Column::LinkExpiresAt.lt(before));
        let old = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .filter(
                Condition::any()
                    .add(session::Column::ExpiresAt.lt(before))
                    .add(unopened),
            )
            .limit(self.limit())
            .into_query();
        let removed = session::Entity::delete_many().filter(session::Column::Id.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }

    async fn operator_sessions<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let old = operator_session::Entity::find()
            .select_only()
            .column(operator_session::Column::Id)
            .filter(operator_session::Column::ExpiresAt.lt(column(self.0.rows_before)))
            .limit(self.limit())
            .into_query();
        let removed = operator_session::Entity::delete_many()
            .filter(operator_session::Column::Id.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }

    async fn quotes<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let old = quote::Entity::find()
            .select_only()
            .column(quote::Column::Id)
            .filter(quote::Column::ExpiresAt.lt(column(self.0.rows_before)))
            .limit(self.limit())
            .into_query();
        let removed = quote::Entity::delete_many().filter(quote::Column::Id.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }

    /// What told events of sealed periods apart. A period of which nothing is left is not
    /// looked at again: the work is as much as there is to sweep, however many there were.
    async fn used<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        let old: Vec<Uuid> = usage_period::Entity::find()
            .select_only()
            .column(usage_period::Column::Id)
            .filter(usage_period::Column::SealedAt.lt(column(self.0.rows_before)))
            .filter(usage_period::Column::SweptAt.is_null())
            .order_by_asc(usage_period::Column::SealedAt)
            .limit(self.limit())
            .into_tuple()
            .all(on)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let events = self.events(on, &old).await?;
        let names = self.names(on, &old).await?;
        let removed = events.saturating_add(names);
        if events >= self.limit() || names >= self.limit() {
            return Ok(removed);
        }
        let swept = usage_period::Entity::update_many()
            .col_expr(
                usage_period::Column::SweptAt,
                Some(column(self.0.rows_before)).into(),
            )
            .filter(usage_period::Column::Id.is_in(old))
            .exec(on)
            .await?;
        Ok(removed.saturating_add(swept.rows_affected))
    }

    async fn events<C: ConnectionTrait>(&self, on: &C, of: &[Uuid]) -> Result<u64, Fault> {
        let old = usage_event::Entity::find()
            .select_only()
            .column(usage_event::Column::CustomerId)
            .column(usage_event::Column::EventId)
            .filter(usage_event::Column::PeriodId.is_in(of.iter().copied()))
            .limit(self.limit())
            .into_query();
        let key = Expr::tuple([
            Expr::col(usage_event::Column::CustomerId),
            Expr::col(usage_event::Column::EventId),
        ]);
        let removed = usage_event::Entity::delete_many().filter(key.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }

    async fn names<C: ConnectionTrait>(&self, on: &C, of: &[Uuid]) -> Result<u64, Fault> {
        let old = usage_name::Entity::find()
            .select_only()
            .column(usage_name::Column::PeriodId)
            .column(usage_name::Column::Feature)
            .column(usage_name::Column::Name)
            .filter(usage_name::Column::PeriodId.is_in(of.iter().copied()))
            .limit(self.limit())
            .into_query();
        let key = Expr::tuple([
            Expr::col(usage_name::Column::PeriodId),
            Expr::col(usage_name::Column::Feature),
            Expr::col(usage_name::Column::Name),
        ]);
        let removed = usage_name::Entity::delete_many().filter(key.in_subquery(old));
        Ok(removed.exec(on).await?.rows_affected)
    }
}
