//! Granting a plan, taking a grant back, and telling that one ends.

use crate::catalog::PlanKey;
use crate::decision::Draft;
use crate::grant::{EndTold, Grant, GrantReason};
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
    put_grant(draft, id, plan, reason, ends_at);
    id
}

/// The same, of a grant that has its id.
pub(super) fn put_grant(
    draft: &mut Draft,
    id: GrantId,
    plan: PlanKey,
    reason: GrantReason,
    ends_at: Option<Timestamp>,
) {
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
        told: EndTold::Nothing,
    });
}

/// Tells that a grant is over, or that a trial soon will be, once each. Who slept through
/// the notice is not told afterward that the end is near.
pub(crate) fn grants_end(draft: &mut Draft) {
    let now = draft.now();
    let due = |grant: &&Grant| grant.wake_at().is_some_and(|at| at <= now);
    let due: Vec<Grant> = draft.account.grants.iter().filter(due).cloned().collect();
    for mut grant in due {
        let over = grant.ends_at.is_some_and(|end| end <= now);
        let (told, event, note) = if over {
            (
                EndTold::Over,
                Event::GrantRemoved,
                Some(grant.plan.to_string()),
            )
        } else {
            let ends_at = grant.ends_at.map(|end| end.to_string());
            (EndTold::Near, Event::GrantTrialEnding, ends_at)
        };
        grant.told = told;
        draft.note(event, |entry| {
            entry.grant = Some(grant.id);
            entry.note = note;
        });
        draft.account.put_grant(grant);
    }
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
    grant.told = EndTold::Over;
    let plan = grant.plan.to_string();
    draft.note(Event::GrantRemoved, |entry| {
        entry.grant = Some(id);
        entry.note = Some(plan);
    });
    true
}
