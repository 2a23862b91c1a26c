//! Metered use: events counted once, and the figures they add up to.
//!
//! The rows of its periods are locked while a batch is written, so that batches of one
//! customer follow one another, and none is added to what is being sealed.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use billing_domain::entitlement::FeatureKey;
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::time::Timestamp;
use billing_domain::usage::{Figures, Meter};
use billing_ports::store::{StoreError, UsageBatch, UsageEvent, UsageRecorded, Usages};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::{usage_event, usage_figure, usage_name, usage_period};
use crate::fault::Fault;
use crate::rows;
use crate::store::SqlStore;
use crate::time::column;

#[async_trait]
impl<D: Database> Usages for SqlStore<D> {
    async fn record_usage(&self, batch: &UsageBatch) -> Result<UsageRecorded, StoreError> {
        if batch.events.is_empty() {
            return Ok(UsageRecorded::default());
        }
        Ok(self.write(Record(batch.clone())).await?)
    }

    async fn usage_figures(&self, period: UsagePeriodId) -> Result<Figures, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| figures(on, period.uuid())).await?)
    }

    async fn seal_usage(
        &self,
        customer: CustomerId,
        period: UsagePeriodId,
        now: Timestamp,
    ) -> Result<Figures, StoreError> {
        let seal = Seal {
            customer: customer.uuid(),
            period: period.uuid(),
            now: column(now),
        };
        Ok(self.write(seal).await?)
    }
}

async fn figures<C: ConnectionTrait>(on: &C, period: Uuid) -> Result<Figures, Fault> {
    let rows = usage_figure::Entity::find()
        .filter(usage_figure::Column::PeriodId.eq(period))
        .all(on)
        .await?;
    let read = rows.into_iter().map(|row| {
        let feature: FeatureKey = rows::parsed(&row.feature, "usage_figures", period)?;
        let quantity = u64::try_from(row.quantity)
            .map_err(|error| rows::corrupt("usage_figures", period, error))?;
        Ok((feature, quantity))
    });
    Ok(read.collect::<Result<_, StoreError>>()?)
}

#[derive(Debug, Clone)]
struct Record(UsageBatch);

#[async_trait]
impl Operation for Record {
    type Output = UsageRecorded;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<UsageRecorded, Fault> {
        let sealed = self.lock(on).await?;
        let mut recorded = UsageRecorded::default();
        let mut open = Vec::new();
        for event in &self.0.events {
            if sealed.contains(&event.period.uuid()) {
                recorded.sealed.insert(event.period);
            } else {
                open.push(event);
            }
        }
        recorded.counted = self.insert_events(on, &open).await?;
        let fresh: Vec<&UsageEvent> = open
            .iter()
            .copied()
            .filter(|event| recorded.counted.contains(&event.id))
            .collect();
        let new_names = insert_names(on, &fresh).await?;
        let periods: BTreeSet<UsagePeriodId> = open.iter().map(|event| event.period).collect();
        for period in periods {
            let mut now = figures(on, period.uuid()).await?;
            let before = now.clone();
            let own = fresh.iter().filter(|event| event.period == period);
            for event in own.filter(|event| event.meter != Meter::Unique) {
                let figure = now.entry(event.feature.clone()).or_default();
                *figure = event.meter.add(*figure, event.value);
            }
            for ((_, feature), names) in new_names.iter().filter(|held| held.0.0 == period) {
                let figure = now.entry(feature.clone()).or_default();
                *figure = Meter::Unique.add(*figure, *names);
            }
            if now != before {
                write_figures(on, period.uuid(), &now).await?;
            }
            recorded.figures.insert(period, now);
        }
        Ok(recorded)
    }
}

impl Record {
    /// Locks the rows of the periods, made where there are none; gives which are sealed.
    async fn lock<C: ConnectionTrait>(&self, on: &C) -> Result<BTreeSet<Uuid>, Fault> {
        let ids: BTreeSet<Uuid> = self
            .0
            .events
            .iter()
            .map(|held| held.period.uuid())
            .collect();
        let rows = ids.iter().map(|id| {
            usage_period::Model {
                id: *id,
                customer_id: self.0.customer.uuid(),
                sealed_at: None,
                swept_at: None,
            }
            .into_active_model()
        });
        let insert = usage_period::Entity::insert_many::<usage_period::ActiveModel, _>(rows)
            .on_conflict(
                OnConflict::column(usage_period::Column::Id)
                    .do_nothing()
                    .to_owned(),
            )
            .into_query();
        on.execute(&insert).await?;
        let held = usage_period::Entity::find()
            .filter(usage_period::Column::Id.is_in(ids))
            .order_by_asc(usage_period::Column::Id)
            .lock_exclusive()
            .all(on)
            .await?;
        let sealed = held.into_iter().filter(|row| row.sealed_at.is_some());
        Ok(sealed.map(|row| row.id).collect())
    }

    /// Keeps the ids; gives those that were not known.
    async fn insert_events<C: ConnectionTrait>(
        &self,
        on: &C,
        events: &[&UsageEvent],
    ) -> Result<BTreeSet<String>, Fault> {
        if events.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut sorted = events.to_vec();
        sorted.sort_by(|one, other| one.id.cmp(&other.id));
        let rows = sorted.into_iter().map(|event| {
            usage_event::Model {
                customer_id: self.0.reported_of.uuid(),
                event_id: rows::text(&event.id),
                period_id: event.period.uuid(),
            }
            .into_active_model()
        });
        let mut insert = usage_event::Entity::insert_many::<usage_event::ActiveModel, _>(rows)
            .on_conflict(
                OnConflict::columns([
                    usage_event::Column::CustomerId,
                    usage_event::Column::EventId,
                ])
                .do_nothing()
                .to_owned(),
            )
            .into_query();
        insert.returning(Query::returning().column(usage_event::Column::EventId));
        let stored = on.query_all(&insert).await?;
        let ids = stored.iter().map(|row| row.try_get("", "event_id"));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// Keeps the names that are counted; gives how many of each were not known.
async fn insert_names<C: ConnectionTrait>(
    on: &C,
    events: &[&UsageEvent],
) -> Result<BTreeMap<(UsagePeriodId, FeatureKey), u64>, Fault> {
    let mut names: BTreeMap<(UsagePeriodId, FeatureKey), BTreeSet<String>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.meter == Meter::Unique) {
        let held = names.entry((event.period, event.feature.clone()));
        held.or_default()
            .extend(event.name.as_deref().map(rows::text));
    }
    let mut fresh = BTreeMap::new();
    for (key, names) in names {
        let rows = names.into_iter().map(|name| {
            usage_name::Model {
                period_id: key.0.uuid(),
                feature: key.1.to_string(),
                name,
            }
            .into_active_model()
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            continue;
        }
        let insert = usage_name::Entity::insert_many::<usage_name::ActiveModel, _>(rows)
            .on_conflict(
                OnConflict::columns([
                    usage_name::Column::PeriodId,
                    usage_name::Column::Feature,
                    usage_name::Column::Name,
                ])
                .do_nothing()
                .to_owned(),
            )
            .into_query();
        let stored = on.execute(&insert).await?;
        fresh.insert(key, stored.rows_affected());
    }
    Ok(fresh)
}

async fn write_figures<C: ConnectionTrait>(
    on: &C,
    period: Uuid,
    figures: &Figures,
) -> Result<(), Fault> {
    let rows = figures.iter().map(|(feature, quantity)| {
        usage_figure::Model {
            period_id: period,
            feature: feature.to_string(),
            // A figure that is full stays so.
            quantity: i64::try_from(*quantity).unwrap_or(i64::MAX),
        }
        .into_active_model()
    });
    let mut over = OnConflict::columns([
        usage_figure::Column::PeriodId,
        usage_figure::Column::Feature,
    ]);
    over.update_column(usage_figure::Column::Quantity);
    let insert = usage_figure::Entity::insert_many::<usage_figure::ActiveModel, _>(rows)
        .on_conflict(over)
        .into_query();
    on.execute(&insert).await?;
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Seal {
    customer: Uuid,
    period: Uuid,
    now: DateTimeUtc,
}

#[async_trait]
impl Operation for Seal {
    type Output = Figures;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Figures, Fault> {
        let row = usage_period::Model {
            id: self.period,
            customer_id: self.customer,
            sealed_at: Some(self.now),
            swept_at: None,
        };
        // One in which nothing was reported is sealed too: what comes late finds it so.
        let insert = usage_period::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(usage_period::Column::Id)
                    .do_nothing()
                    .to_owned(),
            )
            .into_query();
        on.execute(&insert).await?;
        usage_period::Entity::update_many()
            .col_expr(usage_period::Column::SealedAt, Some(self.now).into())
            .filter(usage_period::Column::Id.eq(self.period))
            .filter(usage_period::Column::SealedAt.is_null())
            .exec(on)
            .await?;
        figures(on, self.period).await
    }
}
