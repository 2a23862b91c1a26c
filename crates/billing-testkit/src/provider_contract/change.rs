//! `preview` and the orders of a change: what was asked is what is charged.
//!
//! Laws of providers that run the schedule and prorate. Of any other, each
//! behavior holds that it says so, and that a preview is beyond it.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order, Preview, TOO_LATE};
use billing_domain::fact::{Fact, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::invoice::Purpose;
use billing_domain::line;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Interval;
use billing_ports::{Answer, PerformError, Previewed, Refusal};

use super::perform::{done, effect, perform};
use super::{ChangeRig, ProviderRig};
use crate::fixtures::Maker;

/// "Says what a change of a subscription that it runs would cost, and changes
/// nothing"; quoted at that, it charges exactly that, and tells it.
pub async fn a_preview_changes_nothing_and_is_what_is_charged(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let change = far.charged_change();
    let (paid, before) = (far.paid().await, told(rig, &change).await);
    let preview = previewed(rig, &change).await;
    let again = previewed(rig, &change).await;
    assert_eq!(preview, again, "one instant, one price");
    assert!(preview.owed.amount > 0, "{preview:?}");
    let sum = line::sum(&preview.lines, preview.owed.currency);
    assert_eq!(sum, Ok(preview.owed), "the lines sum to it: {preview:?}");
    assert_eq!(far.paid().await, paid, "a preview charges nothing");
    assert_eq!(
        told(rig, &change).await,
        before,
        "nor does it change anything"
    );

    let facts = done(perform(rig, &effect(order(&quoted(&change, preview.owed)))).await);
    let mut charged = paid;
    charged.push(preview.owed);
    assert_eq!(
        far.paid().await,
        charged,
        "what was asked is what is charged"
    );
    assert_eq!(invoiced(&facts), [preview.owed], "{facts:?}");
    let now = snapshot(&facts, &change);
    assert_eq!(now.price_ref, change.price_ref);
    assert_eq!(now.quantity, change.quantity);
}

/// "The same key and order again" change it once, and charge it once.
pub async fn the_same_change_is_made_once(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let change = far.charged_change();
    let paid = far.paid().await.len();
    let effect = effect(order(&change));
    rig.lose_next_answer().await;
    match perform(rig, &effect).await {
        // An adapter may have asked again by itself, under the same key.
        Ok(Answer::Done(_)) | Err(PerformError::Unknown(_)) => {}
        other => panic!("a lost answer is unknown, not {other:?}"),
    }
    let first = done(perform(rig, &effect).await);
    let again = done(perform(rig, &effect).await);
    assert_eq!(snapshot(&first, &change), snapshot(&again, &change));
    assert_eq!(invoiced(&first), invoiced(&again));
    assert_eq!(far.paid().await.len(), paid + 1, "never a second charge");
}

/// What costs another amount than was quoted is refused, and nothing is changed.
pub async fn a_stale_quote_is_refused(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let change = far.charged_change();
    let owed = previewed(rig, &change).await.owed;
    // Far from what any provider tolerates.
    let doubled = owed.checked_mul(2).expect("a test's amounts are small");
    let code = unchanged_by(rig, far, &quoted(&change, doubled)).await;
    assert_eq!(code, "quote_stale");
}

/// A change whose money is not got is refused, and nothing is changed.
pub async fn a_refused_change_changes_nothing(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let code = unchanged_by(rig, far, &far.refused_change()).await;
    assert!(!code.is_empty());
}

/// What changes with the next period moves no money before, and holds then.
pub async fn what_comes_with_the_next_period_comes_then(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let change = next_period(far.charged_change());
    let (paid, before) = (far.paid().await, told(rig, &change).await);
    let effect = effect(order(&change));
    done(perform(rig, &effect).await);
    done(perform(rig, &effect).await);
    assert_eq!(far.paid().await, paid, "nothing is charged for it");
    let waits = told(rig, &change).await;
    assert_eq!(waits.price_ref, before.price_ref, "not before its time");
    far.pass_period().await;
    let now = told(rig, &change).await;
    assert_eq!(now.price_ref, change.price_ref);
    assert!(now.period.map(|period| period.start) > before.period.map(|period| period.start));
}

/// What was to come with a period that has begun is refused, and nothing is changed:
/// with the next one it was not agreed.
pub async fn what_comes_too_late_is_refused(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let change = far.charged_change();
    let began = told(rig, &change).await.period.map(|period| period.start);
    let late = ChangeSubscription {
        when: ChangeWhen::NextPeriod { at: began },
        ..change
    };
    assert!(began.is_some());
    assert_eq!(unchanged_by(rig, far, &late).await, TOO_LATE);
}

/// "Take a change back that was to come at the period's end": it never comes.
pub async fn what_was_to_come_can_be_taken_back(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let change = next_period(far.charged_change());
    let before = told(rig, &change).await;
    done(perform(rig, &effect(order(&change))).await);
    // Another seed, and so another key than that of the change.
    let undo = Maker::new(2).ordered(Order::UndoChange {
        provider: change.provider.clone(),
        reference: change.reference.clone(),
        change: change.change,
    });
    done(perform(rig, &undo).await);
    done(perform(rig, &undo).await);
    far.pass_period().await;
    let now = told(rig, &change).await;
    assert_eq!(now.price_ref, before.price_ref);
    assert!(now.period.map(|period| period.start) > before.period.map(|period| period.start));
}

/// The hand on the far side, where the provider says that it prorates what it
/// runs. Otherwise it must not, and says that it cannot tell a price.
pub(super) async fn changes(rig: &impl ProviderRig) -> Option<&dyn ChangeRig> {
    let can = rig.provider().capabilities();
    let far = rig.changes();
    assert_eq!(
        can.prorates && can.owns_schedule,
        far.is_some(),
        "a provider that prorates what it runs is held to it, and no other"
    );
    if far.is_none() {
        let asked = rig.provider().preview(&some_change(rig)).await;
        let unsupported = matches!(asked, Err(PerformError::Unsupported(_)));
        assert!(unsupported, "{asked:?}");
    }
    far
}

fn some_change(rig: &impl ProviderRig) -> ChangeSubscription {
    ChangeSubscription {
        provider: rig.provider().account().clone(),
        reference: "sub_1".to_owned(),
        change: None,
        description: "Team".to_owned(),
        price_ref: "price_1".to_owned(),
        amount: Money::new(2_000, Currency::USD),
        quantity: 1,
        interval: Some(Interval::MONTH),
        when: ChangeWhen::Prorated {
            at: rig.now(),
            quoted: None,
        },
        ends_discount: false,
    }
}

/// The code with which the change is refused, twice; nothing came of it.
async fn unchanged_by(
    rig: &impl ProviderRig,
    far: &dyn ChangeRig,
    change: &ChangeSubscription,
) -> String {
    let (paid, before) = (far.paid().await, told(rig, change).await);
    let effect = effect(order(change));
    let first = refused(perform(rig, &effect).await);
    let again = refused(perform(rig, &effect).await);
    assert_eq!(first.code, again.code, "it refuses again");
    assert_eq!(far.paid().await, paid, "nothing was charged");
    assert_eq!(told(rig, change).await, before, "nothing was changed");
    first.code
}

fn refused(answer: Result<Answer, PerformError>) -> Refusal {
    match answer {
        Ok(Answer::Refused(refusal)) => refusal,
        other => panic!("a refusal is an answer, not {other:?}"),
    }
}

async fn previewed(rig: &impl ProviderRig, change: &ChangeSubscription) -> Preview {
    match rig.provider().preview(change).await {
        Ok(Previewed::Costs(preview)) => preview,
        other => panic!("it can be priced, not {other:?}"),
    }
}

fn order(change: &ChangeSubscription) -> Order {
    Order::ChangeSubscription(change.clone())
}

fn quoted(change: &ChangeSubscription, owed: Money) -> ChangeSubscription {
    match change.when {
        ChangeWhen::Prorated { at, .. } => ChangeSubscription {
            when: ChangeWhen::Prorated {
                at,
                quoted: Some(owed),
            },
            ..change.clone()
        },
        ChangeWhen::Unbilled | ChangeWhen::NextPeriod { .. } => {
            panic!("a charged change is prorated: {change:?}")
        }
    }
}

fn next_period(change: ChangeSubscription) -> ChangeSubscription {
    ChangeSubscription {
        when: ChangeWhen::NextPeriod { at: None },
        ..change
    }
}

/// The subscription as it stands now.
pub(super) async fn told(
    rig: &impl ProviderRig,
    change: &ChangeSubscription,
) -> SubscriptionSnapshot {
    let object = ProviderRef {
        account: change.provider.clone(),
        kind: RefKind::Subscription,
        id: change.reference.clone(),
    };
    let read = rig.provider().read(&object).await;
    snapshot(&read.expect("the provider answers"), change)
}

pub(super) fn snapshot(facts: &[Observed], change: &ChangeSubscription) -> SubscriptionSnapshot {
    for observed in facts {
        if let Fact::SubscriptionSeen(seen) = &observed.fact
            && seen.reference == change.reference
        {
            return SubscriptionSnapshot {
                upcoming: Upcoming::NotTold,
                ..seen.clone()
            };
        }
    }
    panic!("the subscription is told: {facts:?}")
}

/// The amounts of the invoices for a change.
fn invoiced(facts: &[Observed]) -> Vec<Money> {
    let mut amounts = Vec::new();
    for observed in facts {
        if let Fact::ProviderInvoiceSeen {
            amount,
            purpose: Some(Purpose::Change),
            ..
        } = &observed.fact
        {
            amounts.push(*amount);
        }
    }
    amounts
}
