//! What a parked, unlinked inbox row waits for: a checkout, a customer or a
//! provider's object becoming known. Knows the texts, and the parts that wake.

use billing_domain::fact::{Link, Observed};
use billing_domain::ids::{CheckoutId, CustomerId};
use billing_domain::parked::ParkReason;
use billing_domain::provider::ProviderRef;
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::{OnConflict, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::parts::Parts;
use crate::entity::{inbox, inbox_link, parked, state};
use crate::fault::Fault;
use crate::rows;

/// The reasons of what waits for its customer to become known.
const AWAITING: [ParkReason; 2] = [ParkReason::Unlinked, ParkReason::SharedCustomer];

pub(crate) fn customer(id: CustomerId) -> String {
    id.to_string()
}

pub(crate) fn checkout(id: CheckoutId) -> String {
    id.to_string()
}

pub(crate) fn provider(held: &ProviderRef) -> String {
    format!("{}/{}:{}", held.account, held.kind.as_str(), held.id)
}

fn of(link: &Link) -> impl Iterator<Item = String> {
    let checkout = link.checkout.map(checkout);
    let customer = link.customer.map(customer);
    let refs = link.refs.iter().map(provider);
    checkout.into_iter().chain(customer).chain(refs)
}

/// What the row with this id names; nothing when it is unreadable or not there.
pub(crate) async fn named_by<C: ConnectionTrait>(
    on: &C,
    row: Uuid,
) -> Result<Vec<inbox_link::ActiveModel>, Fault> {
    let facts = inbox::Entity::find_by_id(row)
        .select_only()
        .column(inbox::Column::Facts)
        .into_tuple::<Option<sea_orm::prelude::Json>>()
        .one(on)
        .await?;
    let Some(Some(facts)) = facts else {
        return Ok(Vec::new());
    };
    let facts: Vec<Observed> = rows::read(facts, "inbox", row)?;
    let mut links: Vec<String> = facts.iter().flat_map(|fact| of(&fact.link)).collect();
    links.sort();
    links.dedup();
    Ok(links
        .into_iter()
        .map(|link| inbox_link::ActiveModel {
            link: sea_orm::Set(link),
            inbox_id: sea_orm::Set(row),
        })
        .collect())
}

/// Adds the part that lets rows wait for `links`.
pub(crate) fn wait(parts: &mut Parts, links: Vec<inbox_link::ActiveModel>) {
    if !links.is_empty() {
        parts.any(
            inbox_link::Entity::insert_many(links)
                .on_conflict(
                    OnConflict::columns([inbox_link::Column::Link, inbox_link::Column::InboxId])
                        .do_nothing()
                        .to_owned(),
                )
                .into_query(),
        );
    }
}

/// Adds the parts that put back the rows that waited for any of `links`.
pub(crate) fn wake(parts: &mut Parts, links: &[String], now: DateTimeUtc) {
    if links.is_empty() {
        return;
    }
    let waiting = || -> SelectStatement {
        Query::select()
            .column(inbox_link::Column::InboxId)
            .from(inbox_link::Entity)
            .and_where(inbox_link::Column::Link.is_in(links))
            .take()
    };
    parts.any(
        inbox::Entity::update_many()
            .col_expr(inbox::Column::State, state::NEW.into())
            .col_expr(inbox::Column::ReadyAt, now.into())
            .col_expr(inbox::Column::Held, false.into())
            .col_expr(inbox::Column::Attempts, 0.into())
            .filter(inbox::Column::Id.in_subquery(waiting()))
            .filter(inbox::Column::State.eq(state::PARKED))
            .into_query(),
    );
    parts.any(
        parked::Entity::update_many()
            .col_expr(parked::Column::ResolvedAt, Some(now).into())
            .col_expr(parked::Column::Resolution, "known".into())
            .filter(parked::Column::InboxId.in_subquery(waiting()))
            .filter(parked::Column::ResolvedAt.is_null())
            .filter(parked::Column::Reason.is_in(AWAITING.map(ParkReason::as_str)))
            .into_query(),
    );
    parts.any(
        inbox_link::Entity::delete_many()
            .filter(inbox_link::Column::InboxId.in_subquery(waiting()))
            .into_query(),
    );
}
