//! Why a commit was refused: looked up afterwards, since a refusal is rare and
//! the commit itself is to be one statement. Writes nothing.

use billing_domain::ids::CustomerId;
use billing_ports::store::{Commit, CommitError, Revision, Taken};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::entity::{customer, inbox, outbox, provider_ref, state};
use crate::fault::Fault;

/// Why a commit was refused, once nothing of it was written. What has changed
/// again meanwhile counts as a conflict: load and decide again.
pub(super) async fn refusal<C: ConnectionTrait>(
    on: &C,
    commit: &Commit,
    taken: Option<Taken>,
) -> Result<CommitError, Fault> {
    let id = commit.customer.uuid();
    let head = customer::Entity::find_by_id(id).one(on).await?;
    let revision = head.as_ref().map(|head| Revision(head.revision));
    if revision != commit.expected {
        return Ok(CommitError::Conflict);
    }
    let holds = match (&head, commit.claim) {
        (Some(head), Some(fence)) => head.held && head.fence == fence.0,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    if !holds || !marks_hold(on, commit).await? {
        return Ok(CommitError::ClaimLost);
    }
    if let Some(what) = taken {
        return Ok(CommitError::Taken { what });
    }
    if another_holds_ref(on, commit.customer, commit).await? {
        let what = Taken::ProviderRef;
        return Ok(CommitError::Taken { what });
    }
    Ok(CommitError::Conflict)
}

async fn marks_hold<C: ConnectionTrait>(on: &C, commit: &Commit) -> Result<bool, Fault> {
    for mark in &commit.inbox {
        let row = inbox::Entity::find_by_id(mark.id.uuid()).one(on).await?;
        let holds =
            |row: inbox::Model| row.held && row.fence == mark.fence.0 && row.state == state::NEW;
        if !row.is_some_and(holds) {
            return Ok(false);
        }
    }
    for mark in &commit.outbox {
        let row = outbox::Entity::find_by_id(mark.id.uuid()).one(on).await?;
        let holds = |row: outbox::Model| {
            row.held && row.fence == mark.fence.0 && row.state == state::PENDING
        };
        if !row.is_some_and(holds) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn another_holds_ref<C: ConnectionTrait>(
    on: &C,
    owner: CustomerId,
    commit: &Commit,
) -> Result<bool, Fault> {
    let refs = commit.changes.refs.iter();
    for held in refs.filter(|held| held.kind.is_exclusive()) {
        let key = (
            held.account.to_string(),
            held.kind.as_str().to_owned(),
            held.id.clone(),
        );
        let row = provider_ref::Entity::find_by_id(key).one(on).await?;
        if row.is_some_and(|row| row.customer_id != owner.uuid()) {
            return Ok(true);
        }
    }
    Ok(false)
}
