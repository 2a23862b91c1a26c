//! Claims: a guest's purchase is held for the owner of a mailbox, who confirms
//! it and becomes an account, or has one that it is attached to.
//!
//! Each decides on one customer. What is to be decided on another one is
//! ordered, so that it happens whoever dies in between.

use crate::checkout::CheckoutState;
use crate::claim::{Claim, ClaimState, plausible};
use crate::decision::Draft;
use crate::effect::{EffectKey, Order};
use crate::ids::{CheckoutId, CustomerId, EffectId};
use crate::journal::Event;

/// Makes the claim of a guest whose checkout is complete, once. `told` is the
/// address that the provider collected; without one, what the guest typed when
/// the checkout was opened counts.
pub(super) fn make_claim(draft: &mut Draft, checkout: CheckoutId, told: Option<&str>) {
    let customer = &draft.account.customer;
    if !customer.guest || customer.claim.is_some() {
        return;
    }
    let bought = draft.account.checkout(checkout);
    if !bought.is_some_and(|held| matches!(held.state, CheckoutState::Completed { .. })) {
        return;
    }
    let typed = customer.email.as_deref();
    let Some(email) = told.and_then(plausible).or(typed.and_then(plausible)) else {
        return;
    };
    let email = email.to_owned();
    draft.account.customer.claim = Some(Claim {
        email,
        made_at: draft.now(),
        state: ClaimState::Open,
    });
    // The journal is kept for ever, and names nobody's mailbox.
    draft.note(Event::ClaimMade, |entry| entry.checkout = Some(checkout));
    let key = EffectKey::claim_mail(draft.account.customer.id);
    draft.order(key, Order::MailClaim);
}

/// The mailbox's owner confirms: the guest is an account from now on, with the
/// claim's address on file. `false`: there is no claim that is open.
#[must_use]
pub fn confirm_claim(draft: &mut Draft) -> bool {
    let at = draft.now();
    let Some(claim) = &mut draft.account.customer.claim else {
        return false;
    };
    if claim.state != ClaimState::Open {
        return false;
    }
    claim.state = ClaimState::Confirmed { at };
    draft.account.customer.email = Some(claim.email.clone());
    draft.note(Event::ClaimConfirmed, |_| ());
    true
}

/// What comes of reserving a guest for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is reserved; these effects tell the account.
    Now(Vec<EffectId>),
    /// It had been, for this account.
    Before(CustomerId),
    /// There is nothing to reserve.
    Not,
}

/// The mailbox's owner confirms, and has the account `to`: the guest, with the
/// guests that were attached to it before, is reserved for it. That the account
/// is told so is ordered.
#[must_use]
pub fn attach_claim(draft: &mut Draft, to: CustomerId) -> Reserved {
    let (at, guest) = (draft.now(), draft.account.customer.id);
    let Some(claim) = draft
        .account
        .customer
        .claim
        .as_mut()
        .filter(|_| to != guest)
    else {
        return Reserved::Not;
    };
    if let Some(before) = claim.attached_to() {
        return Reserved::Before(before);
    }
    claim.state = ClaimState::Attached { to, at };
    draft.account.customer.email = Some(claim.email.clone());
    draft.note(Event::ClaimAttached, |entry| {
        entry.note = Some(to.to_string());
    });
    let held = draft.account.customer.claims.clone();
    let told = std::iter::once(guest).chain(held);
    Reserved::Now(told.map(|guest| tell(draft, guest, to)).collect())
}

/// The account holds what the guest holds, from now on. May be repeated. An
/// account that is attached to another one meanwhile passes it on.
pub fn take_claim(draft: &mut Draft, guest: CustomerId) {
    let customer = &mut draft.account.customer;
    if customer.id == guest || customer.claims.contains(&guest) {
        return;
    }
    customer.claims.push(guest);
    let further = customer.claim.as_ref().and_then(Claim::attached_to);
    draft.note(Event::ClaimTaken, |entry| {
        entry.note = Some(guest.to_string());
    });
    if let Some(to) = further {
        tell(draft, guest, to);
    }
}

fn tell(draft: &mut Draft, guest: CustomerId, to: CustomerId) -> EffectId {
    draft.order(
        EffectKey::claim(guest, to),
        Order::AttachClaim { guest, to },
    )
}
