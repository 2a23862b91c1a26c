//! What arrives: stored once per (provider account, event id), for ever.
//! Knows nothing of what it means.

use async_trait::async_trait;
use billing_domain::fact::Observed;
use billing_domain::ids::InboxId;
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::store::StoreError;
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, QueryTrait};

use crate::database::{Deliveries, Operation, Shape};
use crate::entity::{inbox, state};
use crate::fault::Fault;
use crate::rows;
use crate::time::{column, instant};

/// Stores the deliveries that are not known; gives the ids of those stored.
#[derive(Debug, Clone)]
pub struct InsertDeliveries(pub Deliveries);

#[async_trait]
impl Operation for InsertDeliveries {
    type Output = Vec<Uuid>;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Vec<Uuid>, Fault> {
        let deliveries = self
            .0
            .iter()
            .cloned()
            .map(IntoActiveModel::into_active_model);
        let mut insert = inbox::Entity::insert_many::<inbox::ActiveModel, _>(deliveries)
            .on_conflict(
                OnConflict::columns([inbox::Column::Account, inbox::Column::EventId])
                    .do_nothing()
                    .to_owned(),
            )
            .into_query();
        insert.returning(Query::returning().column(inbox::Column::Id));
        let stored = on.query_all(&insert).await?;
        let ids = stored.iter().map(|row| row.try_get("", "id"));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// A delivery as a row that waits since `at`.
pub(crate) fn row(
    id: InboxId,
    delivery: &Delivery,
    at: DateTimeUtc,
) -> Result<inbox::Model, Fault> {
    let (facts, unreadable, sent_at) = match &delivery.reading {
        Reading::Facts(facts) => (Some(rows::stored(facts)?), None, None),
        Reading::Unreadable { why, at } => (None, Some(rows::text(why)), at.map(column)),
    };
    Ok(inbox::Model {
        id: id.uuid(),
        account: delivery.account.to_string(),
        event_id: rows::text(&delivery.event_id),
        kind: rows::text(&delivery.kind),
        facts,
        unreadable,
        sent_at,
        body: (!delivery.body.is_empty()).then(|| delivery.body.to_vec()),
        state: state::NEW.to_owned(),
        linked: None,
        received_at: at,
        ready_at: at,
        held: false,
        fence: 0,
        attempts: 0,
    })
}

/// The delivery in a row.
pub(super) fn delivery(row: inbox::Model) -> Result<Delivery, StoreError> {
    let reading = match (row.facts, row.unreadable) {
        (Some(facts), None) => Reading::Facts(rows::read::<Vec<Observed>>(facts, "inbox", row.id)?),
        (None, Some(why)) => Reading::Unreadable {
            why,
            at: row
                .sent_at
                .map(|at| instant(at, "inbox", row.id))
                .transpose()?,
        },
        (Some(_), Some(_)) | (None, None) => {
            return Err(rows::corrupt("inbox", row.id, "neither facts nor a reason"));
        }
    };
    Ok(Delivery {
        account: rows::parsed(&row.account, "inbox", row.id)?,
        event_id: row.event_id,
        kind: row.kind,
        reading,
        body: row.body.unwrap_or_default().into(),
    })
}
