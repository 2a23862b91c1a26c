//! The page where a buyer pays.

use billing_domain::effect::OpenCheckout;
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomerCreation, CreateCheckoutSessionDiscounts,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionPaymentIntentData,
    CreateCheckoutSessionPaymentMethodCollection, CreateCheckoutSessionSubscriptionData,
    CreateCheckoutSessionSubscriptionDataTrialSettings,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehavior,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehaviorMissingPaymentMethod as Missing,
    ExpireCheckoutSession,
};
use stripe_shared::CheckoutSessionMode;

use super::words;
use crate::call::Call;
use crate::failure::Failure;
use crate::options::{MissingMethod, TrialStyle};

/// A page of Stripe's stays open at least this long.
pub(crate) const SHORTEST_PAGE: SignedDuration = SignedDuration::from_mins(30);

/// And at most this long; that is what it does unless told otherwise.
pub(crate) const LONGEST_PAGE: SignedDuration = SignedDuration::from_hours(24);

/// How far from those bounds we stay: the call travels, and clocks differ.
const PAGE_MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// A trial that ends at an instant must last this long at least; a shorter one is
/// counted in days.
const SHORTEST_TRIAL_END: SignedDuration = SignedDuration::from_hours(48);

/// How far from that bound we stay.
const TRIAL_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Seconds of a day of a trial.
const DAY_SECONDS: i64 = 86_400;

/// What a page is made with, besides the order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made<'a> {
    /// Stripe's id of the customer. `None`: the page asks who buys.
    pub(crate) customer: Option<&'a str>,
    /// Stripe's id of the coupon.
    pub(crate) coupon: Option<&'a str>,
    pub(crate) operator: &'a str,
    pub(crate) trial: TrialStyle,
    pub(crate) now: Timestamp,
}

/// Makes the page, under the order's own key.
pub(crate) fn open(order: &OpenCheckout, made: Made<'_>, key: &str) -> Result<Call, Failure> {
    let price = order.price_ref.as_deref().ok_or_else(|| {
        Failure::refused(
            "price_missing",
            "the price has no reference at Stripe, which keeps the prices of what it charges",
        )
    })?;
    let mut item = CreateCheckoutSessionLineItems::new();
    item.price = Some(price.to_owned());
    item.quantity = Some(u64::from(order.quantity));
    let metadata = words(order, made.operator);
    let mut request = CreateCheckoutSession::new()
        .line_items(vec![item])
        .success_url(order.success_url.as_str())
        .cancel_url(order.cancel_url.as_str())
        .client_reference_id(order.checkout.to_string())
        .metadata(metadata.clone());
    if order.recurring.is_some() {
        let mut data = CreateCheckoutSessionSubscriptionData::new();
        data.metadata = Some(metadata);
        request = request.mode(CheckoutSessionMode::Subscription);
        if let Some(end) = order.trial_end {
            trial(&mut data, end, made)?;
            if let TrialStyle::MethodLater(_) = made.trial {
                request = request.payment_method_collection(
                    CreateCheckoutSessionPaymentMethodCollection::IfRequired,
                );
            }
        }
        request = request.subscription_data(data);
    } else {
        let mut data = CreateCheckoutSessionPaymentIntentData::new();
        data.metadata = Some(metadata);
        request = request
            .mode(CheckoutSessionMode::Payment)
            .payment_intent_data(data);
    }
    if let Some(customer) = made.customer {
        request = request.customer(customer);
    } else if order.recurring.is_none() {
        // A subscription always makes one, and must not be told to.
        request = request.customer_creation(CreateCheckoutSessionCustomerCreation::Always);
    }
    if let Some(coupon) = made.coupon {
        let mut discount = CreateCheckoutSessionDiscounts::new();
        discount.coupon = Some(coupon.to_owned());
        request = request.discounts(vec![discount]);
    }
    if let Some(seconds) = closes_at(order.expires_at, made.now)? {
        request = request.expires_at(seconds);
    }
    Ok(Call::of(&request).under(key.to_owned()))
}

/// Closes a page.
pub(crate) fn expire(reference: &str, key: &str) -> Call {
    Call::of(&ExpireCheckoutSession::new(reference)).under(key.to_owned())
}

/// When the page closes, held within what Stripe takes. `None`: as late as it can,
/// which is what it does unless told otherwise.
fn closes_at(wanted: Timestamp, now: Timestamp) -> Result<Option<i64>, Failure> {
    if wanted <= now {
        let why = "the checkout was over before its page could be made";
        return Err(Failure::refused("checkout_expired", why));
    }
    let latest = shifted(now, LONGEST_PAGE.saturating_sub(PAGE_MARGIN));
    if wanted > latest {
        return Ok(None);
    }
    let earliest = shifted(now, SHORTEST_PAGE.saturating_add(PAGE_MARGIN));
    Ok(Some(wanted.max(earliest).as_second()))
}

fn trial(
    data: &mut CreateCheckoutSessionSubscriptionData,
    end: Timestamp,
    made: Made<'_>,
) -> Result<(), Failure> {
    let earliest = shifted(made.now, SHORTEST_TRIAL_END.saturating_add(TRIAL_MARGIN));
    if end >= earliest {
        data.trial_end = Some(end.as_second());
    } else {
        let seconds = end.duration_since(made.now).as_secs();
        data.trial_period_days = Some(days(seconds).ok_or_else(|| {
            Failure::refused("trial_over", "the trial was over before it could begin")
        })?);
    }
    if let TrialStyle::MethodLater(missing) = made.trial {
        let missing = match missing {
            MissingMethod::Cancel => Missing::Cancel,
            MissingMethod::CreateInvoice => Missing::CreateInvoice,
            MissingMethod::Pause => Missing::Pause,
        };
        data.trial_settings = Some(CreateCheckoutSessionSubscriptionDataTrialSettings::new(
            CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehavior::new(missing),
        ));
    }
    Ok(())
}

/// Whole days that cover so many seconds. `None`: there is nothing to cover.
fn days(seconds: i64) -> Option<u32> {
    let whole = seconds.checked_add(DAY_SECONDS)?.checked_sub(1)?;
    let days = u32::try_from(whole.checked_div(DAY_SECONDS)?).ok()?;
    (days > 0).then_some(days)
}
