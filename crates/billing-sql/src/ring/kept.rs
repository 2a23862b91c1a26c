//! The inbox as it is kept: walked in the order of receipt, without the bytes.
//! Knows nothing of what a row means.

use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::provider::ProviderAccount;
use billing_ports::store::{KeptDelivery, KeptState, StoreError};
use sea_orm::prelude::{DateTimeUtc, Json, Uuid};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::receive;
use crate::entity::{inbox, state};
use crate::fault::Fault;
use crate::rows;
use crate::time::instant;

/// The columns that are read: all but the bytes, and those that only claims need.
const COLUMNS: [inbox::Column; 10] = [
    inbox::Column::Id,
    inbox::Column::Account,
    inbox::Column::EventId,
    inbox::Column::Kind,
    inbox::Column::Facts,
    inbox::Column::Unreadable,
    inbox::Column::SentAt,
    inbox::Column::State,
    inbox::Column::Linked,
    inbox::Column::ReceivedAt,
];

/// A row, column by column.
type Row = (
    Uuid,
    String,
    String,
    String,
    Option<Json>,
    Option<String>,
    Option<DateTimeUtc>,
    String,
    Option<Uuid>,
    DateTimeUtc,
);

pub(crate) async fn walk<C: ConnectionTrait>(
    on: &C,
    after: Option<InboxId>,
    limit: u16,
) -> Result<Vec<KeptDelivery>, Fault> {
    let after = after.map(|id| inbox::Column::Id.gt(id.uuid()));
    let found: Vec<Row> = inbox::Entity::find()
        .select_only()
        .columns(COLUMNS)
        .filter(Condition::all().add_option(after))
        .order_by_asc(inbox::Column::Id)
        .limit(u64::from(limit))
        .into_tuple()
        .all(on)
        .await?;
    let rows = found.into_iter().map(kept);
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether an event is among them, by its provider's name for it.
pub(crate) async fn has<C: ConnectionTrait>(
    on: &C,
    account: &ProviderAccount,
    event_id: &str,
) -> Result<bool, Fault> {
    let found: Option<Uuid> = inbox::Entity::find()
        .select_only()
        .column(inbox::Column::Id)
        .filter(inbox::Column::Account.eq(account.to_string()))
        .filter(inbox::Column::EventId.eq(rows::text(event_id)))
        .into_tuple()
        .one(on)
        .await?;
    Ok(found.is_some())
}

fn kept(row: Row) -> Result<KeptDelivery, StoreError> {
    let (id, account, event_id, kind, facts, unreadable, sent_at, word, linked, received_at) = row;
    let state = match word.as_str() {
        state::NEW => KeptState::Waiting,
        state::PARKED => KeptState::Parked,
        state::DONE => KeptState::Decided,
        state::DISCARDED => KeptState::Discarded,
        _ => return Err(rows::corrupt("inbox", id, "an unknown state")),
    };
    let received = instant(received_at, "inbox", id)?;
    let model = inbox::Model {
        id,
        account,
        event_id,
        kind,
        facts,
        unreadable,
        sent_at,
        body: None,
        state: word,
        linked,
        received_at,
        ready_at: received_at,
        held: false,
        fence: 0,
        attempts: 0,
    };
    Ok(KeptDelivery {
        id: InboxId::from(id),
        delivery: receive::delivery(model)?,
        linked: linked.map(CustomerId::from),
        received_at: received,
        state,
    })
}
