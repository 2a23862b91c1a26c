//! Changing, canceling, pausing and resuming a subscription, and asking what a
//! change would cost.

use billing_domain::effect::ChangeSubscription;
use billing_domain::time::Timestamp;
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails,
    CreatePreviewInvoiceSubscriptionDetailsBillingCycleAnchor,
    CreatePreviewInvoiceSubscriptionDetailsBillingCycleAnchorType,
    CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior,
    CreatePreviewInvoiceSubscriptionDetailsResumeAt,
};
use stripe_billing::subscription::{
    CancelSubscription, PauseSubscription, PauseSubscriptionInvoicingBehavior,
    PauseSubscriptionType, ResumeSubscription, ResumeSubscriptionPaymentBehavior,
    UpdateSubscription, UpdateSubscriptionBillingCycleAnchor,
    UpdateSubscriptionBillingCycleAnchorType, UpdateSubscriptionItems,
    UpdateSubscriptionPauseCollection, UpdateSubscriptionPauseCollectionBehavior,
    UpdateSubscriptionPaymentBehavior, UpdateSubscriptionProrationBehavior,
};

use super::read::LATEST_INVOICE;
use crate::call::Call;

/// Changes the item at once, and charges the difference now, computed for an
/// instant.
///
/// A payment that fails fails the call, and nothing is changed
/// (`error_if_incomplete`): an answer is then either the change or a refusal. The
/// other way (`pending_if_incomplete`) leaves a change waiting at Stripe for most
/// of a day that our record would have to wait for as well.
pub(crate) fn change_now(
    change: &ChangeSubscription,
    item: &str,
    at: Timestamp,
    key: &str,
) -> Call {
    let request = changed(change, item)
        .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
        .proration_date(at.as_second())
        .payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete);
    without_discount(Call::of(&request), change).under(key.to_owned())
}

/// Changes the item at once, and no money moves.
pub(crate) fn change_unbilled(change: &ChangeSubscription, item: &str, key: &str) -> Call {
    let request =
        changed(change, item).proration_behavior(UpdateSubscriptionProrationBehavior::None);
    without_discount(Call::of(&request), change).under(key.to_owned())
}

/// Takes off what is discounted, where that ends with the change: by the update and by
/// the preview of it alike.
fn without_discount(call: Call, change: &ChangeSubscription) -> Call {
    if change.ends_discount {
        call.with("discounts", "")
    } else {
        call
    }
}

/// The item is named by its id: without, Stripe would add a second one.
fn changed(change: &ChangeSubscription, item: &str) -> UpdateSubscription {
    let mut changed = UpdateSubscriptionItems::new();
    changed.id = Some(item.to_owned());
    changed.price = Some(change.price_ref.clone());
    changed.quantity = Some(u64::from(change.quantity));
    updated(&change.reference).items(vec![changed])
}

fn updated(reference: &str) -> UpdateSubscription {
    UpdateSubscription::new(reference).expand(vec![LATEST_INVOICE.to_owned()])
}

/// Asks what [`change_now`] would charge. Without a key: an answer kept from before
/// would be none to what is asked now.
pub(crate) fn preview(change: &ChangeSubscription, item: &str, at: Timestamp) -> Call {
    let mut changed = CreatePreviewInvoiceSubscriptionDetailsItems::new();
    changed.id = Some(item.to_owned());
    changed.price = Some(change.price_ref.clone());
    changed.quantity = Some(u64::from(change.quantity));
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.items = Some(vec![changed]);
    details.proration_behavior =
        Some(CreatePreviewInvoiceSubscriptionDetailsProrationBehavior::AlwaysInvoice);
    details.proration_date = Some(at.as_second());
    let request = CreatePreviewInvoice::new()
        .subscription(change.reference.as_str())
        .subscription_details(details);
    without_discount(Call::of(&request), change)
}

/// Asks what [`resume`] would charge.
pub(crate) fn preview_resume(reference: &str) -> Call {
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.resume_at = Some(CreatePreviewInvoiceSubscriptionDetailsResumeAt::Now);
    let request = CreatePreviewInvoice::new()
        .subscription(reference)
        .subscription_details(details);
    Call::of(&request)
}

/// Asks what [`resume_anew`] would charge.
pub(crate) fn preview_resume_anew(reference: &str) -> Call {
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.billing_cycle_anchor = Some(
        CreatePreviewInvoiceSubscriptionDetailsBillingCycleAnchor::new(
            CreatePreviewInvoiceSubscriptionDetailsBillingCycleAnchorType::Now,
        ),
    );
    details.proration_behavior =
        Some(CreatePreviewInvoiceSubscriptionDetailsProrationBehavior::None);
    let request = CreatePreviewInvoice::new()
        .subscription(reference)
        .subscription_details(details);
    Call::of(&request)
}

/// Ends it now. What is open of proration is dropped. Takes no key: it ends once.
pub(crate) fn cancel_now(reference: &str) -> Call {
    Call::of(&CancelSubscription::new(reference))
}

/// Ends it with its period.
pub(crate) fn cancel_at_end(reference: &str, key: &str) -> Call {
    let request = updated(reference).cancel_at_period_end(true);
    Call::of(&request).under(key.to_owned())
}

/// Goes on when its period ends.
pub(crate) fn keep_beyond_period(reference: &str, key: &str) -> Call {
    let request = updated(reference).cancel_at_period_end(false);
    Call::of(&request).under(key.to_owned())
}

/// Goes on beyond the date that was set for its end.
pub(crate) fn keep_beyond_date(reference: &str, key: &str) -> Call {
    Call::of(&updated(reference))
        .with("cancel_at", "")
        .under(key.to_owned())
}

/// Voids its invoices from now on.
pub(crate) fn pause_collection(reference: &str, key: &str) -> Call {
    let behavior = UpdateSubscriptionPauseCollectionBehavior::Void;
    let request =
        updated(reference).pause_collection(UpdateSubscriptionPauseCollection::new(behavior));
    Call::of(&request).under(key.to_owned())
}

/// Collects its invoices again.
pub(crate) fn resume_collection(reference: &str, key: &str) -> Call {
    Call::of(&updated(reference))
        .with("pause_collection", "")
        .under(key.to_owned())
}

/// Collects its invoices again, and begins a period now, which is paid before
/// anything is changed.
pub(crate) fn resume_anew(reference: &str, key: &str) -> Call {
    let request = updated(reference)
        .billing_cycle_anchor(UpdateSubscriptionBillingCycleAnchor::new(
            UpdateSubscriptionBillingCycleAnchorType::Now,
        ))
        .proration_behavior(UpdateSubscriptionProrationBehavior::None)
        .payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete);
    Call::of(&request)
        .with("pause_collection", "")
        .under(key.to_owned())
}

/// Pauses it as a whole; what is pending waits for the next invoice.
pub(crate) fn pause(reference: &str, key: &str) -> Call {
    let request = PauseSubscription::new(reference)
        .type_(PauseSubscriptionType::Subscription)
        .invoicing_behavior(PauseSubscriptionInvoicingBehavior::PendingInvoiceItem)
        .expand(vec![LATEST_INVOICE.to_owned()]);
    Call::of(&request).under(key.to_owned())
}

/// Resumes it as a whole; it is active again once it is paid for.
pub(crate) fn resume(reference: &str, key: &str) -> Call {
    let request = ResumeSubscription::new(reference)
        .payment_behavior(ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess)
        .expand(vec![LATEST_INVOICE.to_owned()]);
    Call::of(&request).under(key.to_owned())
}
