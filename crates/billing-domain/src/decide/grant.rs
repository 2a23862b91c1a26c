//! Granting a plan, and taking a grant back.

use crate::catalog::PlanKey;
use crate::decision::Draft;
use crate::grant::{Grant, GrantReason};
use crate::ids::GrantId;
use crate::journal::Event;
use crate::time::Timestamp;

/// Grants `plan` from now until `ends_at` (`None`: for ever).
pub fn add_grant(
    draft: &mut Draft,
    plan: PlanKey,
    reason: GrantReason,
    ends_at: Option<Timestamp>,
) -> GrantId {
    let id: GrantId = draft.id();
    let starts_at = draft.now();
    draft.note(Event::GrantAdded, |entry| {
        entry.grant = Some(id);
        entry.note = Some(plan.to_string());
    });
    draft.account.put_grant(Grant {
        id,
        plan,
        reason,
        starts_at,
        ends_at,
    });
    id
}

/// Ends a grant now. `false`: there is no such grant that is still live, and
/// nothing changes.
pub fn end_grant(draft: &mut Draft, id: GrantId) -> bool {
    let now = draft.now();
    let live = |grant: &&mut Grant| grant.id == id && grant.ends_at.is_none_or(|end| now < end);
    let Some(grant) = draft.account.grants.iter_mut().find(live) else {
        return false;
    };
    grant.ends_at = Some(now.max(grant.starts_at));
    let plan = grant.plan.to_string();
    draft.note(Event::GrantRemoved, |entry| {
        entry.grant = Some(id);
        entry.note = Some(plan);
    });
    true
}
