//! Values as rows, written new or over the row with the same id.

use std::collections::BTreeSet;

use billing_domain::change::Change;
use billing_domain::checkout::Checkout;
use billing_domain::grant::Grant;
use billing_domain::ids::{ChangeId, CustomerId, EffectId, InboxId, SubscriptionId};
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::license::License;
use billing_domain::parked::Parked;
use billing_domain::subscription::Subscription;
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel, Iterable, QueryTrait};

use super::parts::Parts;
use crate::entity::{
    change, checkout, grant, invoice, license, parked, purpose, state, subscription,
};
use crate::fault::Fault;
use crate::rows::stored;
use crate::time::column;

/// Each value once: of several with one id, the last.
fn latest<T, K: Ord>(held: &[T], id: impl Fn(&T) -> K) -> Vec<&T> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<&T> = held
        .iter()
        .rev()
        .filter(|held| seen.insert(id(held)))
        .collect();
    kept.reverse();
    kept
}

/// Every column but the id is written over.
macro_rules! upsert {
    ($parts:expr, $entity:ident, $rows:expr) => {{
        let rows: Vec<$entity::Model> = $rows;
        if !rows.is_empty() {
            let columns = $entity::Column::iter().filter(|c| !matches!(c, $entity::Column::Id));
            let over = OnConflict::column($entity::Column::Id)
                .update_columns(columns)
                .to_owned();
            let count = rows.len();
            let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
            let insert = $entity::Entity::insert_many::<$entity::ActiveModel, _>(rows);
            $parts.surely(count, insert.on_conflict(over).into_query());
        }
    }};
}

pub(super) fn subscriptions(
    parts: &mut Parts,
    owner: CustomerId,
    held: &[Subscription],
) -> Result<(), Fault> {
    let rows = latest(held, |held| held.id).into_iter().map(|held| {
        Ok(subscription::Model {
            id: held.id.uuid(),
            customer_id: owner.uuid(),
            status: held.status().as_str().to_owned(),
            plan: held.terms.plan.as_str().to_owned(),
            price: held.terms.price.as_ref().map(|key| key.as_str().to_owned()),
            paid_through: held.times.paid_through.map(column),
            due_at: held.times.due_at.map(column),
            next_attempt_at: held.times.next_attempt_at.map(column),
            grace_ends_at: held.times.grace_ends_at.map(column),
            body: stored(held)?,
        })
    });
    upsert!(parts, subscription, rows.collect::<Result<_, Fault>>()?);
    Ok(())
}

pub(super) fn grants(parts: &mut Parts, owner: CustomerId, held: &[Grant]) -> Result<(), Fault> {
    let rows = latest(held, |held| held.id).into_iter().map(|held| {
        Ok(grant::Model {
            id: held.id.uuid(),
            customer_id: owner.uuid(),
            plan: held.plan.as_str().to_owned(),
            starts_at: column(held.starts_at),
            ends_at: held.ends_at.map(column),
            body: stored(held)?,
        })
    });
    upsert!(parts, grant, rows.collect::<Result<_, Fault>>()?);
    Ok(())
}

pub(super) fn checkouts(
    parts: &mut Parts,
    owner: CustomerId,
    held: &[Checkout],
) -> Result<(), Fault> {
    let rows = latest(held, |held| held.id).into_iter().map(|held| {
        Ok(checkout::Model {
            id: held.id.uuid(),
            customer_id: owner.uuid(),
            invoice_id: held.invoice.uuid(),
            open: held.is_open(),
            body: stored(held)?,
        })
    });
    upsert!(parts, checkout, rows.collect::<Result<_, Fault>>()?);
    Ok(())
}

pub(super) fn invoices(
    parts: &mut Parts,
    owner: CustomerId,
    held: &[Invoice],
) -> Result<(), Fault> {
    let mut held = latest(held, |held| held.id);
    // What is closed makes room for what is opened in its place.
    held.sort_by_key(|held| held.is_open());
    let rows = held.into_iter().map(|held| {
        Ok(invoice::Model {
            id: held.id.uuid(),
            customer_id: owner.uuid(),
            subscription_id: held.subscription.map(SubscriptionId::uuid),
            purpose: match held.purpose {
                Purpose::Purchase => "purchase",
                Purpose::Renewal => purpose::RENEWAL,
                Purpose::OneTime => "one_time",
                Purpose::Change => "change",
                Purpose::Usage => "usage",
            }
            .to_owned(),
            cycle: held.cycle.map(i64::from),
            state: match held.state {
                InvoiceState::Open => state::OPEN,
                InvoiceState::Settled { .. } => state::SETTLED,
                InvoiceState::Void { .. } => state::VOID,
            }
            .to_owned(),
            account: held.provider.as_ref().map(ToString::to_string),
            reference: held.reference.clone(),
            subscription_ref: held.subscription_ref.clone(),
            change_id: held.change.map(ChangeId::uuid),
            body: stored(held)?,
        })
    });
    upsert!(parts, invoice, rows.collect::<Result<_, Fault>>()?);
    Ok(())
}

pub(super) fn changes(parts: &mut Parts, owner: CustomerId, held: &[Change]) -> Result<(), Fault> {
    let rows = latest(held, |held| held.id).into_iter().map(|held| {
        Ok(change::Model {
            id: held.id.uuid(),
            customer_id: owner.uuid(),
            subscription_id: held.quote.subscription.uuid(),
            quote_id: held.quote.id.uuid(),
            state: held.state.as_str().to_owned(),
            effective_at: column(held.quote.effective_at),
            body: stored(held)?,
        })
    });
    upsert!(parts, change, rows.collect::<Result<_, Fault>>()?);
    Ok(())
}

pub(super) fn licenses(
    parts: &mut Parts,
    owner: CustomerId,
    held: &[License],
) -> Result<(), Fault> {
    let rows = latest(held, |held| held.id).into_iter().map(|held| {
        Ok(license::Model {
            id: held.id.uuid(),
            customer_id: owner.uuid(),
            subscription_id: held.subscription.uuid(),
            body: stored(held)?,
        })
    });
    upsert!(parts, license, rows.collect::<Result<_, Fault>>()?);
    Ok(())
}

pub(super) fn parked(entry: &Parked) -> Result<parked::Model, Fault> {
    Ok(parked::Model {
        id: entry.id.uuid(),
        reason: entry.reason.as_str().to_owned(),
        customer_id: entry.customer.map(CustomerId::uuid),
        inbox_id: entry.inbox.map(InboxId::uuid),
        effect_id: entry.effect.map(EffectId::uuid),
        body: stored(entry)?,
        at: column(entry.at),
        resolved_at: None,
        resolution: None,
    })
}
