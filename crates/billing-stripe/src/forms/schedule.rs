//! Changing a subscription with its next period, by a schedule of two phases: as it
//! is until then, and as it will be.

use std::collections::HashMap;

use billing_domain::effect::ChangeSubscription;
use billing_domain::ids::ChangeId;
use billing_domain::time::Interval;
use stripe_billing::subscription_schedule::{
    CreateSubscriptionSchedule, ReleaseSubscriptionSchedule, UpdateSubscriptionSchedule,
    UpdateSubscriptionSchedulePhases, UpdateSubscriptionSchedulePhasesDiscounts,
    UpdateSubscriptionSchedulePhasesDuration, UpdateSubscriptionSchedulePhasesDurationInterval,
    UpdateSubscriptionSchedulePhasesEndDate, UpdateSubscriptionSchedulePhasesItems,
    UpdateSubscriptionSchedulePhasesProrationBehavior, UpdateSubscriptionSchedulePhasesStartDate,
    UpdateSubscriptionSchedulePhasesTrialEnd, UpdateSubscriptionScheduleProrationBehavior,
};
use stripe_shared::SubscriptionScheduleEndBehavior;

use super::unit;
use crate::call::Call;
use crate::facts::CHANGE_KEY;

/// What the subscription is until its period ends.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    /// Since when its present phase runs, in seconds.
    pub(crate) start: i64,
    /// Until when, in seconds.
    pub(crate) end: i64,
    /// Its items: price and pieces.
    pub(crate) items: Vec<(String, u64)>,
    /// The discounts on it, which the phases would otherwise end.
    pub(crate) discounts: Vec<String>,
    /// When its trial ends, where it is in one.
    pub(crate) trial_end: Option<i64>,
}

/// Makes a schedule of a subscription as it is.
pub(crate) fn create(reference: &str, key: &str) -> Call {
    let request = CreateSubscriptionSchedule::new().from_subscription(reference);
    Call::of(&request).under(format!("{key}:schedule"))
}

/// Says what comes after the present phase. The schedule ends there, and the
/// subscription goes on by itself.
pub(crate) fn two_phases(
    schedule: &str,
    present: &Present,
    change: &ChangeSubscription,
    interval: Interval,
    key: &str,
) -> Call {
    let none = UpdateSubscriptionSchedulePhasesProrationBehavior::None;
    let items = present.items.iter().map(|(price, quantity)| {
        let mut item = UpdateSubscriptionSchedulePhasesItems::new();
        item.price = Some(price.clone());
        item.quantity = Some(*quantity);
        item
    });
    let mut now = UpdateSubscriptionSchedulePhases::new(items.collect::<Vec<_>>());
    now.start_date = Some(UpdateSubscriptionSchedulePhasesStartDate::Timestamp(
        present.start,
    ));
    now.end_date = Some(UpdateSubscriptionSchedulePhasesEndDate::Timestamp(
        present.end,
    ));
    now.trial_end = present
        .trial_end
        .map(UpdateSubscriptionSchedulePhasesTrialEnd::Timestamp);
    now.proration_behavior = Some(none.clone());
    now.discounts = discounts(present);

    let mut item = UpdateSubscriptionSchedulePhasesItems::new();
    item.price = Some(change.price_ref.clone());
    item.quantity = Some(u64::from(change.quantity));
    let mut then = UpdateSubscriptionSchedulePhases::new(vec![item]);
    then.duration = Some(duration(interval));
    then.proration_behavior = Some(none);
    then.discounts = discounts(present).filter(|_| !change.ends_discount);

    let request = UpdateSubscriptionSchedule::new(schedule)
        .end_behavior(SubscriptionScheduleEndBehavior::Release)
        .proration_behavior(UpdateSubscriptionScheduleProrationBehavior::None)
        .metadata(noted(change.change))
        .phases(vec![now, then]);
    let mut call = Call::of(&request);
    if change.ends_discount {
        call = call.with("phases[1][discounts]", "");
    }
    // The period is part of the key: in the next one, other phases are right.
    call.under(format!("{key}:phases:{}", present.end))
}

/// Lets the subscription go on as it is.
pub(crate) fn release(schedule: &str, key: &str) -> Call {
    let request = ReleaseSubscriptionSchedule::new(schedule);
    Call::of(&request).under(format!("{key}:release:{schedule}"))
}

/// What tells this change from another that is to come later. Without one, what an
/// earlier one has noted is taken off.
fn noted(change: Option<ChangeId>) -> HashMap<String, String> {
    let noted = change.map(|change| change.to_string()).unwrap_or_default();
    HashMap::from([(CHANGE_KEY.to_owned(), noted)])
}

fn discounts(present: &Present) -> Option<Vec<UpdateSubscriptionSchedulePhasesDiscounts>> {
    let discounts = present.discounts.iter().map(|id| {
        let mut discount = UpdateSubscriptionSchedulePhasesDiscounts::new();
        discount.discount = Some(id.clone());
        discount
    });
    Some(discounts.collect()).filter(|discounts: &Vec<_>| !discounts.is_empty())
}

/// One interval of the new price: long enough to begin, and then it is released.
fn duration(interval: Interval) -> UpdateSubscriptionSchedulePhasesDuration {
    let of = UpdateSubscriptionSchedulePhasesDurationInterval::Unknown(unit(interval).to_owned());
    let mut duration = UpdateSubscriptionSchedulePhasesDuration::new(of);
    duration.interval_count = Some(u64::from(interval.count()));
    duration
}
