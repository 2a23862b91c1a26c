//! The one write of the ring. Which rows, in which order, is said here; how
//! they are run is the parts' business. Decides nothing.

use async_trait::async_trait;
use billing_domain::provider::ProviderRef;
use billing_ports::store::{Commit, Revision};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{CaseStatement, Expr, OnConflict, SimpleExpr, UpdateStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryTrait,
};

use super::parts::Parts;
use super::{links, write};
use crate::database::{Operation, Shape};
use crate::entity::{customer, inbox, inbox_link, journal, outbox, parked, provider_ref, state};
use crate::fault::Fault;
use crate::time::column;

/// Writes a decision.
#[derive(Debug)]
pub(super) struct Write(pub(super) std::sync::Arc<Commit>);

/// The word for what nobody has to look at any more, by a later decision.
const SOLVED: &str = "solved";

#[async_trait]
impl Operation for Write {
    type Output = Revision;

    fn shape(&self, merges: bool) -> Shape {
        // Merged, all parts are one statement; what is read before never changes.
        if merges {
            Shape::Statement
        } else {
            Shape::Transaction
        }
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Revision, Fault> {
        let commit = &*self.0;
        let mut waits = Vec::new();
        for entry in &commit.parked {
            if let (true, Some(row)) = (entry.reason.awaits_its_customer(), entry.inbox) {
                waits.extend(links::named_by(on, row.uuid()).await?);
            }
        }
        parts(commit, waits)?.run(on).await?;
        Ok(revision(commit))
    }
}

fn revision(commit: &Commit) -> Revision {
    Revision(commit.expected.map_or(1, |held| held.0.saturating_add(1)))
}

fn parts(commit: &Commit, waits: Vec<inbox_link::ActiveModel>) -> Result<Parts, Fault> {
    let mut parts = Parts::default();
    let (owner, at) = (commit.customer, column(commit.at));
    head(&mut parts, commit)?;
    write::subscriptions(&mut parts, owner, &commit.changes.subscriptions)?;
    write::grants(&mut parts, owner, &commit.changes.grants)?;
    write::checkouts(&mut parts, owner, &commit.changes.checkouts)?;
    write::invoices(&mut parts, owner, &commit.changes.invoices)?;
    write::changes(&mut parts, owner, &commit.changes.changes)?;
    write::licenses(&mut parts, owner, &commit.changes.licenses)?;
    refs(&mut parts, commit);
    journal(&mut parts, commit)?;
    // What waited is woken before this commit's own rows are set aside, so that
    // no row wakes itself.
    links::wake(&mut parts, &news(commit), at);
    marks(&mut parts, commit, at);
    effects(&mut parts, commit)?;
    set_aside(&mut parts, commit)?;
    links::wait(&mut parts, waits);
    replies(&mut parts, commit, at)?;
    Ok(parts)
}

/// The customer's own row: made, or moved to its next revision.
fn head(parts: &mut Parts, commit: &Commit) -> Result<(), Fault> {
    let wake_at = commit.wake_at.map(column);
    let Some(expected) = commit.expected else {
        let customer = commit.changes.customer.as_ref().ok_or(Fault::Unmet)?;
        let row = customer::Model {
            id: commit.customer.uuid(),
            external_ref: customer.external_ref.clone(),
            email: customer.email.clone(),
            mailbox: customer.mailbox(),
            joined_at: column(customer.joined_at),
            body: crate::rows::stored(customer)?,
            revision: revision(commit).0,
            wake_at,
            busy_until: None,
            ready_at: wake_at,
            held: false,
            fence: 0,
        };
        parts.exactly(
            1,
            customer::Entity::insert(row.into_active_model()).into_query(),
        );
        return Ok(());
    };
    let mut update = customer::Entity::update_many()
        .col_expr(customer::Column::Revision, revision(commit).0.into())
        .col_expr(customer::Column::WakeAt, wake_at.into())
        .filter(customer::Column::Id.eq(commit.customer.uuid()))
        .filter(customer::Column::Revision.eq(expected.0));
    update = match commit.claim {
        Some(fence) => update
            .col_expr(
                customer::Column::BusyUntil,
                Option::<DateTimeUtc>::None.into(),
            )
            .col_expr(customer::Column::ReadyAt, wake_at.into())
            .col_expr(customer::Column::Held, false.into())
            .filter(customer::Column::Fence.eq(fence.0))
            .filter(customer::Column::Held.eq(true)),
        None => update.col_expr(customer::Column::ReadyAt, later(wake_at)),
    };
    if let Some(customer) = &commit.changes.customer {
        update = update
            .col_expr(
                customer::Column::ExternalRef,
                customer.external_ref.clone().into(),
            )
            .col_expr(customer::Column::Email, customer.email.clone().into())
            .col_expr(customer::Column::Mailbox, customer.mailbox().into())
            .col_expr(
                customer::Column::JoinedAt,
                column(customer.joined_at).into(),
            )
            .col_expr(
                customer::Column::Body,
                crate::rows::stored(customer)?.into(),
            );
    }
    parts.exactly(1, update.into_query());
    Ok(())
}

/// The later of `wake_at` and what the row is busy until. `None`: never.
fn later(wake_at: Option<DateTimeUtc>) -> SimpleExpr {
    let Some(wake_at) = wake_at else {
        return Option::<DateTimeUtc>::None.into();
    };
    CaseStatement::new()
        .case(
            Expr::col(customer::Column::BusyUntil).gt(wake_at),
            Expr::col(customer::Column::BusyUntil),
        )
        .finally(wake_at)
        .into()
}

fn refs(parts: &mut Parts, commit: &Commit) {
    let mut held = commit.changes.refs.clone();
    held.sort();
    held.dedup();
    let (exclusive, shared): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|held| held.kind.is_exclusive());
    let row = |held: ProviderRef| provider_ref::ActiveModel {
        account: sea_orm::Set(held.account.to_string()),
        kind: sea_orm::Set(held.kind.as_str().to_owned()),
        reference: sea_orm::Set(held.id),
        customer_id: sea_orm::Set(commit.customer.uuid()),
        shared: sea_orm::Set(None),
    };
    let known = || {
        OnConflict::columns([
            provider_ref::Column::Account,
            provider_ref::Column::Kind,
            provider_ref::Column::Reference,
        ])
    };
    if !shared.is_empty() {
        // Another's is that one's alone no more.
        let mut conflict = known();
        conflict
            .value(provider_ref::Column::Shared, true)
            .action_and_where(
                Expr::col((provider_ref::Entity, provider_ref::Column::CustomerId))
                    .ne(commit.customer.uuid()),
            );
        let insert = provider_ref::Entity::insert_many(shared.into_iter().map(row));
        parts.any(insert.on_conflict(conflict).into_query());
    }
    if exclusive.is_empty() {
        return;
    }
    let count = exclusive.len();
    // Writing one's own again changes a row; another's is left alone and missed in the count.
    let mut conflict = known();
    conflict
        .update_column(provider_ref::Column::CustomerId)
        .action_and_where(
            Expr::col((provider_ref::Entity, provider_ref::Column::CustomerId))
                .eq(commit.customer.uuid()),
        );
    parts.exactly(
        count,
        provider_ref::Entity::insert_many(exclusive.into_iter().map(row))
            .on_conflict(conflict)
            .into_query(),
    );
}

fn journal(parts: &mut Parts, commit: &Commit) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(commit.journal.len());
    for entry in &commit.journal {
        let row = journal::Model {
            id: entry.id.uuid(),
            customer_id: entry.customer.uuid(),
            event: entry.event.as_str().to_owned(),
            at: column(entry.at),
            body: crate::rows::stored(entry)?,
        };
        rows.push(row.into_active_model());
    }
    if !rows.is_empty() {
        parts.surely(rows.len(), journal::Entity::insert_many(rows).into_query());
    }
    Ok(())
}

/// What these changes may make known.
fn news(commit: &Commit) -> Vec<String> {
    let owner = commit
        .expected
        .is_none()
        .then(|| links::customer(commit.customer));
    let checkouts = commit.changes.checkouts.iter();
    let checkouts = checkouts.map(|held| links::checkout(held.id));
    let refs = commit.changes.refs.iter().map(links::provider);
    owner.into_iter().chain(checkouts).chain(refs).collect()
}

fn marks(parts: &mut Parts, commit: &Commit, at: DateTimeUtc) {
    for (parked, word) in [(false, state::DONE), (true, state::PARKED)] {
        let marks: Vec<_> = commit
            .inbox
            .iter()
            .filter(|mark| mark.parked == parked)
            .collect();
        if !marks.is_empty() {
            let held = marks.iter().map(|mark| (mark.id.uuid(), mark.fence.0));
            parts.exactly(marks.len(), settle_inbox(held, word));
        }
    }
    for (dead, word) in [(false, state::DONE), (true, state::DEAD)] {
        let marks: Vec<_> = commit
            .outbox
            .iter()
            .filter(|mark| mark.dead == dead)
            .collect();
        if !marks.is_empty() {
            let held = marks.iter().map(|mark| (mark.id.uuid(), mark.fence.0));
            parts.exactly(marks.len(), settle_outbox(held, word, at));
        }
    }
}

/// Settles claimed inbox rows, of those whose fence is the present one.
pub(super) fn settle_inbox(
    held: impl Iterator<Item = (sea_orm::prelude::Uuid, i64)>,
    word: &'static str,
) -> UpdateStatement {
    let rows = held.fold(Condition::any(), |any, (id, fence)| {
        any.add(inbox::Column::Id.eq(id).and(inbox::Column::Fence.eq(fence)))
    });
    inbox::Entity::update_many()
        .col_expr(inbox::Column::State, word.into())
        .col_expr(inbox::Column::Held, false.into())
        .filter(rows)
        .filter(inbox::Column::State.eq(state::NEW))
        .filter(inbox::Column::Held.eq(true))
        .into_query()
}

/// Settles claimed outbox rows, of those whose fence is the present one.
pub(super) fn settle_outbox(
    held: impl Iterator<Item = (sea_orm::prelude::Uuid, i64)>,
    word: &'static str,
    at: DateTimeUtc,
) -> UpdateStatement {
    let rows = held.fold(Condition::any(), |any, (id, fence)| {
        any.add(
            outbox::Column::Id
                .eq(id)
                .and(outbox::Column::Fence.eq(fence)),
        )
    });
    outbox::Entity::update_many()
        .col_expr(outbox::Column::State, word.into())
        .col_expr(outbox::Column::Held, false.into())
        .col_expr(outbox::Column::SettledAt, Some(at).into())
        .filter(rows)
        .filter(outbox::Column::State.eq(state::PENDING))
        .filter(outbox::Column::Held.eq(true))
        .into_query()
}

fn effects(parts: &mut Parts, commit: &Commit) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(commit.effects.len());
    for new in &commit.effects {
        let due_at = column(new.effect.due_at);
        let leased = new.leased_until.map(column);
        let row = outbox::Model {
            id: new.effect.id.uuid(),
            customer_id: commit.customer.uuid(),
            key: new.effect.key.as_str().to_owned(),
            kind: new.effect.order.kind().to_owned(),
            body: crate::rows::stored(&new.effect)?,
            state: state::PENDING.to_owned(),
            ready_at: leased.map_or(due_at, |until| Ord::max(until, due_at)),
            held: leased.is_some(),
            fence: i64::from(leased.is_some()),
            attempts: 0,
            settled_at: None,
        };
        rows.push(row.into_active_model());
    }
    if !rows.is_empty() {
        parts.surely(rows.len(), outbox::Entity::insert_many(rows).into_query());
    }
    Ok(())
}

fn set_aside(parts: &mut Parts, commit: &Commit) -> Result<(), Fault> {
    let rows: Vec<_> = commit
        .parked
        .iter()
        .map(|entry| write::parked(entry).map(IntoActiveModel::into_active_model))
        .collect::<Result<_, _>>()?;
    if !rows.is_empty() {
        parts.surely(rows.len(), parked::Entity::insert_many(rows).into_query());
    }
    if !commit.solved.is_empty() {
        let solved = commit.solved.iter().map(|parked| parked.uuid());
        parts.any(
            parked::Entity::update_many()
                .col_expr(parked::Column::ResolvedAt, Some(column(commit.at)).into())
                .col_expr(parked::Column::Resolution, SOLVED.into())
                .filter(parked::Column::Id.is_in(solved))
                .filter(parked::Column::ResolvedAt.is_null())
                .into_query(),
        );
    }
    Ok(())
}

fn replies(parts: &mut Parts, commit: &Commit, at: DateTimeUtc) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(commit.replies.len());
    for reply in &commit.replies {
        let mut row = super::receive::row(reply.id, &reply.delivery, at)?;
        state::DONE.clone_into(&mut row.state);
        rows.push(row.into_active_model());
    }
    if !rows.is_empty() {
        parts.surely(rows.len(), inbox::Entity::insert_many(rows).into_query());
    }
    Ok(())
}
