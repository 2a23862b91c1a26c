//! The contract of a payment provider: one function per law, each quoting the
//! MUST it proves.
//!
//! A provider crate implements [`ProviderRig`] in its tests, over a fake of the
//! provider's side that counts what it was made to create, and stamps:
//!
//! ```ignore
//! billing_testkit::provider_contract!(MyRig::start());
//! ```
//!
//! The expression is awaited once per behavior. It needs `tokio` (with `macros`
//! and `rt-multi-thread`) among the crate's dev-dependencies. Nothing here
//! sleeps or reads a clock.

pub mod cancel;
pub mod change;
pub mod perform;
pub mod refund;
pub mod webhook;

use async_trait::async_trait;
use billing_domain::effect::{ChangeSubscription, Order, PromiseRefund};
use billing_domain::money::Money;
use billing_domain::provider::ProviderRef;
use billing_domain::time::Timestamp;
use billing_ports::{PaymentProvider, WebhookDecoder, WebhookRequest};
use jiff::SignedDuration;

/// A provider to be tested, with a hand on its far side.
#[async_trait]
pub trait ProviderRig: Send + Sync {
    /// The adapter that performs and reads.
    fn provider(&self) -> &dyn PaymentProvider;

    /// The adapter that verifies and reads webhooks, of the same account.
    fn decoder(&self) -> &dyn WebhookDecoder;

    /// The instant at which the far side stands: what it answers carries it,
    /// and what it signs is signed around it.
    fn now(&self) -> Timestamp;

    /// An order that the far side carries out by making one object.
    fn accepted_order(&self) -> Order;

    /// An order that the far side refuses, and will refuse again.
    fn refused_order(&self) -> Order;

    /// How many objects the far side has been made to create so far.
    async fn objects_made(&self) -> usize;

    /// Lets the far side act on the next call and loses its answer on the way.
    async fn lose_next_answer(&self);

    /// An object that the far side does not have.
    fn unknown_object(&self) -> ProviderRef;

    /// A genuine webhook of a kind that tells a fact, signed at `at`. Each call
    /// gives another event.
    fn webhook(&self, at: Timestamp) -> WebhookRequest;

    /// A genuine webhook, signed at `at` with the other of two configured
    /// secrets: the one that is being rotated out.
    fn webhook_under_other_secret(&self, at: Timestamp) -> WebhookRequest;

    /// A genuine webhook of a kind that billing does not know.
    fn webhook_of_unknown_kind(&self, at: Timestamp) -> WebhookRequest;

    /// A genuine webhook that cannot be read: signed, and not what it should be.
    fn unreadable_webhook(&self, at: Timestamp) -> WebhookRequest;

    /// The lower-case name of the header that carries the signature.
    fn signature_header(&self) -> &str;

    /// How far from its arrival a webhook may have been signed, either way.
    /// `None`: this provider's signatures carry no time.
    fn tolerance(&self) -> Option<SignedDuration>;

    /// A hand on the subscriptions that the far side runs. `None` where the
    /// provider does not run them, or does not prorate their changes.
    fn changes(&self) -> Option<&dyn ChangeRig> {
        None
    }

    /// A hand on what the far side sends back. `None` where the provider sends nothing
    /// by an order of ours.
    fn refunds(&self) -> Option<&dyn RefundRig> {
        None
    }
}

/// Payments on the far side of a provider that sends money back, to be refunded.
#[async_trait]
pub trait RefundRig: Send + Sync {
    /// A refund of less than half of a payment of which nothing went back, as is known
    /// here.
    fn refundable(&self) -> PromiseRefund;

    /// How many refunds the far side has taken on so far.
    async fn sent(&self) -> usize;

    /// Lets the far side take the next refund on, and loses its answer on the way.
    async fn lose_next_refund(&self);

    /// Lets the far side carry out every refund that it has taken on.
    async fn carries_out(&self);
}

/// Subscriptions on the far side of a provider that runs the schedule and
/// prorates, to be changed.
#[async_trait]
pub trait ChangeRig: Send + Sync {
    /// A change at once to another price, of a subscription that is paid for:
    /// prorated at an instant that the far side accepts, not quoted yet, and
    /// dearer than nothing.
    fn charged_change(&self) -> ChangeSubscription;

    /// As [`ChangeRig::charged_change`], of a subscription whose payment the far
    /// side will not get.
    fn refused_change(&self) -> ChangeSubscription;

    /// Everything that the far side has been paid so far, in order.
    async fn paid(&self) -> Vec<Money>;

    /// Lets the far side begin the next period of every subscription.
    async fn pass_period(&self);
}

/// Stamps one named test per behavior of a provider. See
/// [`provider_contract`](mod@crate::provider_contract).
#[macro_export]
macro_rules! provider_contract {
    ($make:expr) => {
        $crate::stamp_provider_behaviors! { $make;
            perform (await) {
                the_same_key_gives_the_same_object
                a_lost_answer_is_asked_for_again_under_the_same_key
                a_refusal_is_an_answer
                an_answer_carries_instant_and_link
                what_was_made_can_be_read
                an_unknown_object_reads_as_nothing
            }
            change (await) {
                a_preview_changes_nothing_and_is_what_is_charged
                the_same_change_is_made_once
                a_stale_quote_is_refused
                a_refused_change_changes_nothing
                what_comes_with_the_next_period_comes_then
                what_comes_too_late_is_refused
                what_was_to_come_can_be_taken_back
            }
            cancel (await) {
                a_cancellation_taken_back_is_none
                a_cancellation_after_one_that_was_taken_back_stands
                where_nothing_ends_nothing_is_taken_back
                an_undo_whose_answer_is_lost_is_done_all_the_same
                what_has_ended_is_not_taken_back
                what_is_paused_ends_as_its_capabilities_say
            }
            refund (await) {
                a_refund_carries_the_key_of_its_order
                the_same_refund_is_sent_once
                nothing_is_sent_beside_what_nobody_had_heard_of
            }
            webhook () {
                a_genuine_webhook_tells_its_facts
                every_configured_secret_is_accepted
                what_was_tampered_with_is_refused
                a_webhook_too_old_or_too_early_is_refused
                a_genuine_webhook_of_unknown_kind_is_accepted
                a_genuine_webhook_that_cannot_be_read_is_accepted
            }
        }
    };
}

/// Stamps the behaviors named, by module; `await` where they wait for an answer.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_provider_behaviors {
    ($make:expr; $($module:ident $waits:tt { $($behavior:ident)* })*) => {
        $($crate::stamp_provider_module! { $make; $module; $waits; $($behavior)* })*
    };
}

/// Stamps the behaviors of one module.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_provider_module {
    ($make:expr; $module:ident; $waits:tt; $($behavior:ident)*) => {
        $($crate::stamp_provider_behavior! { $make; $module; $waits; $behavior })*
    };
}

/// Stamps one behavior.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_provider_behavior {
    ($make:expr; $module:ident; ($($waits:tt)?); $behavior:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $behavior() {
            let rig = $make.await;
            $crate::provider_contract::$module::$behavior(&rig)$(.$waits)?;
        }
    };
}
