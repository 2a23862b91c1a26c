//! Receivers of events: made, listed, changed, removed. What is on its way to them is
//! written in `outgoing`.

use async_trait::async_trait;
use billing_domain::ids::{DeliveryId, EndpointId};
use billing_domain::journal::Event;
use billing_domain::time::Timestamp;
use billing_ports::store::{
    Attempted, ClaimedDelivery, Claiming, DeliveryFilter, Disabled, DisabledWhy, Endpoint,
    EndpointSecret, Endpoints, EventDelivery, MAX_ENDPOINTS, Page, PageAsk, StoreError,
};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::endpoint::{Column, Entity, Model};
use crate::fault::Fault;
use crate::outgoing;
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

const TABLE: &str = "webhook_endpoints";

#[async_trait]
impl<D: Database> Endpoints for SqlStore<D> {
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        let add = Add(row(endpoint)?);
        Ok(self.record(add, None, |added| *added).await?)
    }

    async fn list_endpoints(&self) -> Result<Vec<Endpoint>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = Entity::find().order_by_desc(Column::Id).all(on).await?;
            let endpoints = found.into_iter().map(endpoint);
            Ok(endpoints.collect::<Result<_, StoreError>>()?)
        };
        Ok(self.read(read).await?)
    }

    async fn get_endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = Entity::find_by_id(id.uuid()).one(on).await?;
            Ok(found.map(endpoint).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn rotate_secret(
        &self,
        id: EndpointId,
        secret: EndpointSecret,
        old_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let rotate = Rotate {
            id: id.uuid(),
            secret: secret.0.to_vec(),
            old_until: column(old_until),
        };
        Ok(self.record(rotate, None, |rotated| *rotated).await?)
    }

    async fn switch_endpoint(
        &self,
        id: EndpointId,
        disabled: Option<Disabled>,
    ) -> Result<bool, StoreError> {
        let switch = Switch(id.uuid(), disabled);
        Ok(self.record(switch, None, |switched| *switched).await?)
    }

    async fn remove_endpoint(&self, id: EndpointId) -> Result<bool, StoreError> {
        let remove = Remove(id.uuid());
        Ok(self.record(remove, None, |removed| *removed).await?)
    }

    async fn add_deliveries(&self, deliveries: &[EventDelivery]) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let rows = deliveries.iter().map(outgoing::row).collect();
        Ok(self.write(outgoing::Add(rows)).await?)
    }

    async fn endpoints_due(&self, now: Timestamp) -> Result<Vec<EndpointId>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| outgoing::due(on, column(now))).await?)
    }

    async fn claim_deliveries(
        &self,
        endpoint: EndpointId,
        ask: Claiming,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        Ok(self.write(outgoing::Claim(endpoint.uuid(), ask)).await?)
    }

    async fn record_attempt(&self, attempted: &Attempted) -> Result<bool, StoreError> {
        match self.write(outgoing::Record(attempted.clone())).await {
            Ok(()) => Ok(true),
            Err(fault) if fault.is_unmet() => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageAsk,
    ) -> Result<Page<EventDelivery>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| outgoing::list(on, filter, page)).await?)
    }

    async fn get_delivery(&self, id: DeliveryId) -> Result<Option<EventDelivery>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| outgoing::get(on, id.uuid())).await?)
    }

    async fn revive_delivery(&self, id: DeliveryId, now: Timestamp) -> Result<bool, StoreError> {
        let revive = outgoing::Revive(id.uuid(), column(now));
        Ok(self.record(revive, None, |revived| *revived).await?)
    }

    async fn sweep_deliveries(&self, before: DeliveryId, limit: u16) -> Result<u64, StoreError> {
        Ok(self.write(outgoing::Sweep(before.uuid(), limit)).await?)
    }
}

fn row(endpoint: &Endpoint) -> Result<Model, Fault> {
    let (old_secret, old_until) = endpoint.old_secret.unzip();
    Ok(Model {
        id: endpoint.id.uuid(),
        url: rows::text(&endpoint.url),
        events: rows::stored(&endpoint.events)?,
        secret: endpoint.secret.0.to_vec(),
        old_secret: old_secret.map(|secret| secret.0.to_vec()),
        old_until: old_until.map(column),
        failing_since: endpoint.failing_since.map(column),
        disabled_at: endpoint.disabled.map(|held| column(held.at)),
        disabled_why: endpoint.disabled.map(|held| held.why.as_str().to_owned()),
        created_at: column(endpoint.created_at),
    })
}

fn endpoint(row: Model) -> Result<Endpoint, StoreError> {
    let id = row.id;
    let at = |column: DateTimeUtc| instant(column, TABLE, id);
    let old_secret = match (row.old_secret, row.old_until) {
        (Some(secret), Some(until)) => Some((read_secret(&secret, id)?, at(until)?)),
        _ => None,
    };
    let disabled = match (row.disabled_at, row.disabled_why) {
        (Some(since), Some(why)) => Some(Disabled {
            at: at(since)?,
            why: DisabledWhy::from_word(&why)
                .ok_or_else(|| rows::corrupt(TABLE, id, "an unknown reason"))?,
        }),
        _ => None,
    };
    Ok(Endpoint {
        id: EndpointId::from(id),
        events: rows::read::<Vec<Event>>(row.events, TABLE, id)?,
        secret: read_secret(&row.secret, id)?,
        old_secret,
        failing_since: row.failing_since.map(at).transpose()?,
        disabled,
        created_at: at(row.created_at)?,
        url: row.url,
    })
}

fn read_secret(bytes: &[u8], row: Uuid) -> Result<EndpointSecret, StoreError> {
    let secret = bytes.try_into().map(EndpointSecret);
    secret.map_err(|_length| rows::corrupt(TABLE, row, "a secret of another length"))
}

#[derive(Debug, Clone)]
struct Add(Model);

#[async_trait]
impl Operation for Add {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        // Of many at the same time, a few too many may be made: the bound is for people.
        if Entity::find().count(on).await? >= MAX_ENDPOINTS {
            return Ok(false);
        }
        Entity::insert(self.0.clone().into_active_model())
            .exec_without_returning(on)
            .await?;
        Ok(true)
    }
}

#[derive(Clone)]
struct Rotate {
    id: Uuid,
    secret: Vec<u8>,
    old_until: DateTimeUtc,
}

#[async_trait]
impl Operation for Rotate {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let rotated = Entity::update_many()
            // Every value on the right is that of before.
            .col_expr(Column::OldSecret, Expr::col(Column::Secret))
            .col_expr(Column::Secret, self.secret.clone().into())
            .col_expr(Column::OldUntil, Some(self.old_until).into())
            .filter(Column::Id.eq(self.id))
            .exec(on)
            .await?;
        Ok(rotated.rows_affected == 1)
    }
}

#[derive(Debug, Clone, Copy)]
struct Switch(Uuid, Option<Disabled>);

#[async_trait]
impl Operation for Switch {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let (at, why) = self
            .1
            .map(|held| (column(held.at), held.why.as_str()))
            .unzip();
        let mut update = Entity::update_many()
            .col_expr(Column::DisabledAt, at.into())
            .col_expr(Column::DisabledWhy, why.into());
        if self.1.is_none() {
            let never: Option<DateTimeUtc> = None;
            update = update.col_expr(Column::FailingSince, never.into());
        }
        let switched = update.filter(Column::Id.eq(self.0)).exec(on).await?;
        Ok(switched.rows_affected == 1)
    }
}

#[derive(Debug, Clone, Copy)]
struct Remove(Uuid);

#[async_trait]
impl Operation for Remove {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let removed = Entity::delete_by_id(self.0).exec(on).await?;
        Ok(removed.rows_affected == 1)
    }
}
