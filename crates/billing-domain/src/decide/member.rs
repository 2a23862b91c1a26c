//! Acting under another's plan, and no longer.

use crate::decision::Draft;
use crate::ids::CustomerId;
use crate::journal::Event;
use crate::usage::{Acted, MAX_ACTED};

/// Lets this customer act under the plan of `owner` from now on; `None`: under its own
/// again. `false`: it does so already, and nothing changes. Whether there is such an owner
/// is the caller's to know.
pub fn act_under(draft: &mut Draft, owner: Option<CustomerId>) -> bool {
    let now = draft.now();
    let customer = &mut draft.account.customer;
    let before = customer.member_of;
    if before == owner {
        return false;
    }
    customer.member_of = owner;
    let acted = &mut customer.usage.acted;
    acted.push(Acted {
        under: before,
        until: now,
    });
    let oldest = acted.len().saturating_sub(MAX_ACTED);
    acted.drain(..oldest);
    let named = owner.or(before).map(|id| id.to_string());
    let event = if owner.is_some() {
        Event::CustomerJoined
    } else {
        Event::CustomerLeft
    };
    draft.note(event, |entry| entry.note = named);
    true
}
