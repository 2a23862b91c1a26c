//! What may be changed when. Changes nothing.

use billing_domain::time::{Period, Timestamp, shifted, shifted_back};
use jiff::SignedDuration;
use serde_json::Value;

use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::things::{Subscription, SubscriptionStatus};

use super::{Mode, Plan};

/// Paddle's own lock before a renewal.
const RENEWAL_LOCK: SignedDuration = SignedDuration::from_mins(30);
/// Paddle's own limits of charges for changes, per subscription.
const CHARGES_PER_HOUR: usize = 20;
const CHARGES_PER_DAY: usize = 100;

/// Counts a charge for a change against the limits.
pub(in crate::fakes::paddle) fn count_charge(
    after: &mut Subscription,
    now: Timestamp,
) -> Result<(), Refusal> {
    let since = |hours| shifted_back(now, SignedDuration::from_hours(hours));
    let (hour, day) = (since(1), since(24));
    after.charges.retain(|charge| *charge > day);
    let last_hour = after.charges.iter().filter(|charge| **charge > hour);
    if last_hour.count() >= CHARGES_PER_HOUR || after.charges.len() >= CHARGES_PER_DAY {
        let detail = "too many charges for this subscription";
        return Err(Refusal::new(429, "too_many_requests", detail));
    }
    after.charges.push(now);
    Ok(())
}

/// Within half an hour of a renewal nothing may be changed.
pub(in crate::fakes::paddle) fn locked(
    subscription: &Subscription,
    now: Timestamp,
) -> Result<(), Refusal> {
    let soon = subscription.next_billed_at().is_some_and(|next| {
        shifted(now, RENEWAL_LOCK) >= next && subscription.status != SubscriptionStatus::PastDue
    });
    if soon {
        let detail = "subscription is locked, as it renews within 30 minutes";
        return Err(Refusal::conflict("subscription_locked_renewal", detail));
    }
    Ok(())
}

pub(in crate::fakes::paddle) fn declined_payment() -> Refusal {
    Refusal::bad("subscription_payment_declined", "the payment was declined")
}

pub(super) fn required(mode: Option<Mode>) -> Result<Mode, Refusal> {
    let code = "subscription_items_update_missing_proration_billing_mode";
    mode.ok_or_else(|| Refusal::bad(code, "proration_billing_mode is required"))
}

/// What a paused subscription may be told.
pub(super) fn paused_rules(
    before: &Subscription,
    body: &Value,
    items: bool,
    mode: Option<Mode>,
) -> Result<(), Refusal> {
    if before.status != SubscriptionStatus::Paused {
        return Ok(());
    }
    if body.get("next_billed_at").is_some() || body.get("discount").is_some() {
        let code = "subscription_only_update_items_on_paused_subscription";
        return Err(Refusal::bad(code, "only items can change while paused"));
    }
    if items && mode.is_some_and(|mode| mode != Mode::Nothing) {
        let code = "subscription_incorrect_proration_on_paused_subscription";
        return Err(Refusal::bad(
            code,
            "a paused subscription takes do_not_bill only",
        ));
    }
    Ok(())
}

/// Which ways of billing go with a scheduled change and a new billing cycle.
pub(super) fn allowed(after: &Subscription, mode: Mode, resets: bool) -> Result<(), Refusal> {
    if after.scheduled.is_some() && mode.is_next() {
        let code = "subscription_invalid_billing_mode_for_scheduled_change";
        return Err(Refusal::bad(code, "there is no next billing period"));
    }
    if resets && mode.is_next() {
        let message = "a new billing cycle cannot be billed at the next one";
        return Err(Refusal::field("proration_billing_mode", message));
    }
    Ok(())
}

/// Moves the next billing date; the fake does so without money only.
pub(super) fn move_date(
    before: &Subscription,
    plan: &mut Plan,
    next: Timestamp,
    mode: Mode,
    now: Timestamp,
) -> Result<(), Refusal> {
    if next < shifted(now, RENEWAL_LOCK) {
        let detail = "next_billed_at is less than 30 minutes from now";
        let code = "subscription_next_billed_at_too_soon";
        return Err(Refusal::conflict(code, detail));
    }
    if mode != Mode::Nothing && before.status == SubscriptionStatus::Active {
        let detail = "the fake moves dates with do_not_bill only";
        return Err(Refusal::new(501, "not_implemented", detail));
    }
    if let Some(period) = plan.after.period {
        plan.after.period = Some(Period {
            end: next,
            ..period
        });
        if before.status == SubscriptionStatus::Trialing {
            plan.after.trial = plan.after.period;
        }
        plan.after.anchor = next;
        plan.after.turns = 0;
    }
    Ok(())
}
