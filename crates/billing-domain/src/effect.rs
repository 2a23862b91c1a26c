//! Effects: orders to the world, performed after commit, under a key.
//!
//! The key is made from stable ids and saved before the call, so that a lost
//! answer is asked for again under the same key. Knows nothing of how a
//! provider is called.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::discount::Reduction;
use crate::fact::About;
use crate::ids::{
    ChangeId, CheckoutId, CustomerId, DiscountCodeId, EffectId, InvoiceId, SubscriptionId,
    UsagePeriodId,
};
use crate::journal::JournalEntry;
use crate::line::Line;
use crate::money::Money;
use crate::provider::ProviderAccount;
use crate::time::{Interval, Timestamp};

/// An order to the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Our id; what is notified carries it, so that a receiver can tell a repetition.
    pub id: EffectId,
    /// What makes a repetition the same call. Unique.
    pub key: EffectKey,
    /// What is to be done.
    pub order: Order,
    /// Not before this instant.
    pub due_at: Timestamp,
}

/// What makes a repetition of a call the same call: `renewal:{subscription}:{cycle}:{try}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(String);

impl EffectKey {
    /// Opening a checkout's page.
    #[must_use]
    pub fn checkout(checkout: CheckoutId) -> Self {
        Self(format!("checkout:{checkout}"))
    }

    /// Closing a checkout's page.
    #[must_use]
    pub fn expire_checkout(checkout: CheckoutId) -> Self {
        Self(format!("expire:{checkout}"))
    }

    /// A cycle's invoice; a re-quote is a new try of the same cycle.
    #[must_use]
    pub fn renewal(subscription: SubscriptionId, cycle: u32, attempt: u32) -> Self {
        Self(format!("renewal:{subscription}:{cycle}:{attempt}"))
    }

    /// A change's invoice.
    #[must_use]
    pub fn change(change: ChangeId) -> Self {
        Self(format!("change:{change}"))
    }

    /// A period's use.
    #[must_use]
    pub fn usage(period: UsagePeriodId) -> Self {
        Self(format!("usage:{period}"))
    }

    /// Sending or promising money back: so many promises were made of this invoice, this included.
    #[must_use]
    pub fn refund(invoice: InvoiceId, number: u32) -> Self {
        Self(format!("refund:{invoice}:{number}"))
    }

    /// Taking a change back that the provider knows of.
    #[must_use]
    pub fn undo(change: ChangeId) -> Self {
        Self(format!("undo:{change}"))
    }

    /// Counting, or giving back, the use of a discount code.
    #[must_use]
    pub fn code(checkout: CheckoutId, used: bool) -> Self {
        let verb = if used { "claim" } else { "release" };
        Self(format!("code:{verb}:{checkout}"))
    }

    /// Voiding one try of an invoice.
    #[must_use]
    pub fn void(invoice: InvoiceId, attempt: u32) -> Self {
        Self(format!("void:{invoice}:{attempt}"))
    }

    /// Voiding one try of an invoice that was made only after it had been voided.
    #[must_use]
    pub fn void_again(invoice: InvoiceId, attempt: u32) -> Self {
        Self(format!("void:{invoice}:{attempt}:again"))
    }

    /// A request about a provider-run subscription. Each is another, also where the same
    /// is asked for twice at one instant; a repetition of one is the same.
    #[must_use]
    pub fn subscription(verb: &str, subscription: SubscriptionId, effect: EffectId) -> Self {
        Self(format!("{verb}:{subscription}:{effect}"))
    }

    /// Mailing a guest's claim to its mailbox.
    #[must_use]
    pub fn claim_mail(guest: CustomerId) -> Self {
        Self(format!("claim-mail:{guest}"))
    }

    /// Telling an account that it holds what a guest holds.
    #[must_use]
    pub fn claim(guest: CustomerId, to: CustomerId) -> Self {
        Self(format!("claim:{guest}:{to}"))
    }

    /// Telling the notifier.
    #[must_use]
    pub fn notify(effect: EffectId) -> Self {
        Self(format!("notify:{effect}"))
    }

    /// The text, as stored and as sent in an `Idempotency-Key`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key read back from a store.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is to be done in the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Make a page where a buyer pays.
    OpenCheckout(OpenCheckout),
    /// Close such a page.
    ExpireCheckout {
        /// The provider account.
        provider: ProviderAccount,
        /// Our checkout.
        checkout: CheckoutId,
        /// The provider's id.
        reference: String,
    },
    /// Make an invoice for a cycle that we run, and collect it where a payment
    /// method is on file.
    CreateInvoice(CreateInvoice),
    /// Take an invoice back.
    VoidInvoice {
        /// The provider account.
        provider: ProviderAccount,
        /// Our invoice.
        invoice: InvoiceId,
        /// The provider's id. `None` when its creation was never answered: look by our id.
        reference: Option<String>,
    },
    /// Send money back to a buyer, or make a link by which it is claimed.
    PromiseRefund(PromiseRefund),
    /// Change a subscription that the provider runs.
    ChangeSubscription(ChangeSubscription),
    /// Take a change back that was to come at the period's end.
    UndoChange {
        /// The provider account.
        provider: ProviderAccount,
        /// The provider's id of the subscription.
        reference: String,
        /// The change that is taken back, so that an undo which comes late leaves a
        /// newer one alone. `None`: whatever is to come; terms that were to change
        /// by themselves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeId>,
    },
    /// Count the reserved use of a discount code, or give it back.
    SettleCode {
        /// The code.
        code: DiscountCodeId,
        /// The checkout it was reserved for.
        checkout: CheckoutId,
        /// `true`: it was used. `false`: it is free again.
        used: bool,
    },
    /// Cancel a subscription that the provider runs.
    CancelSubscription {
        /// The provider account.
        provider: ProviderAccount,
        /// The provider's id.
        reference: String,
        /// `false`: at the period's end.
        at_once: bool,
    },
    /// Take a cancellation at the period's end back, before it has come to be. One that
    /// is not there is as good as taken back; what is over is refused.
    UndoCancellation {
        /// The provider account.
        provider: ProviderAccount,
        /// The provider's id.
        reference: String,
        /// Our subscription.
        subscription: SubscriptionId,
    },
    /// Pause a subscription that the provider runs.
    PauseSubscription {
        /// The provider account.
        provider: ProviderAccount,
        /// The provider's id.
        reference: String,
        /// The change that waits for it. `None`: none was quoted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeId>,
    },
    /// Resume a subscription that the provider runs.
    ResumeSubscription {
        /// The provider account.
        provider: ProviderAccount,
        /// The provider's id.
        reference: String,
        /// The change that waits for it. `None`: none was quoted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeId>,
        /// What the provider said that it will charge: where it would charge
        /// something else by now, it is not resumed. `None`: whatever it charges.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted: Option<Money>,
    },
    /// Read a provider-run subscription, because its facts are late or contradict each other.
    ReadSubscription {
        /// The provider account.
        provider: ProviderAccount,
        /// The provider's id.
        reference: String,
    },
    /// Mail the customer's claim to its mailbox.
    MailClaim,
    /// Let an account hold what a guest holds.
    AttachClaim {
        /// The guest.
        guest: CustomerId,
        /// The account.
        to: CustomerId,
    },
    /// Tell whoever listens.
    Notify {
        /// What happened, in order.
        entries: Vec<JournalEntry>,
    },
}

/// Everything a provider needs to make a page where a buyer pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCheckout {
    /// The provider account.
    pub provider: ProviderAccount,
    /// Our checkout: the correlation to carry through.
    pub checkout: CheckoutId,
    /// Our customer: carried through as well.
    pub customer: CustomerId,
    /// The host application's name for our customer: carried through as well.
    /// `None`: it has given none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<String>,
    /// The provider's id of the customer, if it knows one.
    pub customer_ref: Option<String>,
    /// To prefill. `None`: the provider asks for it.
    pub email: Option<String>,
    /// What the buyer reads: "Acme Storage, Team".
    pub description: String,
    /// What is owed per period, or once. Today, unless there is a trial.
    pub amount: Money,
    /// Pieces, already counted into `amount`.
    pub quantity: u32,
    /// The provider's name of the price, where it keeps prices itself.
    pub price_ref: Option<String>,
    /// What is taken off, where the provider runs the schedule and so has to know
    /// it; taken off `amount` already. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<OrderedDiscount>,
    /// How often the provider charges, when it runs the schedule. `None`: once.
    pub recurring: Option<Interval>,
    /// When the trial ends. `None`: charged today.
    pub trial_end: Option<Timestamp>,
    /// Where the buyer returns after paying.
    pub success_url: String,
    /// Where the buyer returns without paying.
    pub cancel_url: String,
    /// When the page closes.
    pub expires_at: Timestamp,
}

/// A discount as a provider is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedDiscount {
    /// How it was agreed.
    pub reduction: Reduction,
    /// What that takes off the first cycle, all pieces together.
    pub off: Money,
    /// How many cycles it holds for, the first included. `None`: all of them.
    pub cycles: Option<u32>,
}

/// Everything a provider needs to invoice a cycle that we run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateInvoice {
    /// The provider account.
    pub provider: ProviderAccount,
    /// Our invoice: the correlation to carry through.
    pub invoice: InvoiceId,
    /// Our customer.
    pub customer: CustomerId,
    /// The provider's id of the customer, if it knows one.
    pub customer_ref: Option<String>,
    /// The subscription it belongs to.
    pub subscription: SubscriptionId,
    /// The provider's id of that subscription, by whose payment method it is collected.
    /// `None`: we run its schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_ref: Option<String>,
    /// Which cycle it pays for. `None`: a change within one, or what was used.
    pub cycle: Option<u32>,
    /// What the buyer reads.
    pub description: String,
    /// What is owed.
    pub amount: Money,
}

/// Everything a provider needs to send money back, or to promise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseRefund {
    /// The provider account.
    pub provider: ProviderAccount,
    /// Our invoice.
    pub invoice: InvoiceId,
    /// The provider's name of the payment.
    pub reference: String,
    /// How much, in the currency that was collected.
    pub amount: Money,
    /// What was paid: all promises together come to no more.
    pub paid: Money,
    /// What of that was known here to be refunded, or on its way to be; what a bank took
    /// back is none of it. `None`: it was ordered by a version that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Money>,
    /// Why, in words that the buyer reads. `None`: none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PromiseRefund {
    /// Whether more was refunded, or is about to be, than was known when this was ordered:
    /// `refunds` are those of its payment that stand at the provider. `false`: it is not
    /// said what was known.
    #[must_use]
    pub fn is_more_gone(&self, refunds: impl IntoIterator<Item = Money>) -> bool {
        let Some(known) = self.before else {
            return false;
        };
        let gone = refunds.into_iter().fold(0_i128, |all, one| {
            all.saturating_add(i128::from(one.amount))
        });
        gone > i128::from(known.amount)
    }
}

/// Everything a provider needs to change a subscription that it runs, or to say
/// beforehand what that would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSubscription {
    /// The provider account.
    pub provider: ProviderAccount,
    /// The provider's id of the subscription.
    pub reference: String,
    /// Our change: the correlation to carry through. `None`: a preview, or terms
    /// that change by themselves.
    pub change: Option<ChangeId>,
    /// What the buyer reads.
    pub description: String,
    /// The provider's name of the new price.
    pub price_ref: String,
    /// What one period costs, all pieces together.
    pub amount: Money,
    /// Pieces.
    pub quantity: u32,
    /// How often it is charged from then on. `None`: once.
    pub interval: Option<Interval>,
    /// When it takes effect.
    pub when: ChangeWhen,
    /// Whether the discount that was ordered with the sale ends with it. `false`: it
    /// goes on as it is, where there is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_discount: bool,
}

/// How a provider's adapter refuses what was to come with a period that has begun.
pub const TOO_LATE: &str = "too_late";

/// When a provider changes a subscription, and what it charges for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "snake_case")]
pub enum ChangeWhen {
    /// At once; what is owed is computed for this instant and charged now.
    Prorated {
        /// The instant.
        at: Timestamp,
        /// What was quoted. `None`: nothing yet, this is the preview.
        quoted: Option<Money>,
    },
    /// At once, and no money moves.
    Unbilled,
    /// With the next period.
    NextPeriod {
        /// When that begins: where it has begun already, the change comes too late,
        /// and is refused. `None`: whenever it begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
}

/// What a provider says a change would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// What it is made of; sums to `owed` less what the provider credits.
    pub lines: Vec<Line>,
    /// What would be charged now; never below zero.
    pub owed: Money,
    /// Whether the change, made later, is charged as computed for the instant of
    /// this preview. `false`: as computed when it is made, so that it comes to a
    /// little less, or a rounding more.
    #[serde(default = "pinned")]
    pub pinned: bool,
}

/// Everything a provider needs to say beforehand what resuming a subscription that
/// it runs would charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resuming {
    /// The provider account.
    pub provider: ProviderAccount,
    /// The provider's id of the subscription.
    pub reference: String,
    /// What one period costs by our books, all pieces together.
    pub amount: Money,
    /// How often it is charged. `None`: once.
    pub interval: Option<Interval>,
    /// The instant it is asked for.
    pub at: Timestamp,
}

/// What a provider says that resuming would charge, and what that pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumption {
    /// What would be charged now.
    pub charge: Preview,
    /// The end of the period in which it goes on: then it charges again. `None`:
    /// the provider does not say.
    pub ends_at: Option<Timestamp>,
}

/// What was stored before a preview said it came of providers that pin.
pub(crate) const fn pinned() -> bool {
    true
}

impl Order {
    /// The provider account that performs it. `None`: no provider does, but the
    /// notifier, the store, or the engine itself.
    #[must_use]
    pub const fn provider(&self) -> Option<&ProviderAccount> {
        match self {
            Self::OpenCheckout(order) => Some(&order.provider),
            Self::CreateInvoice(order) => Some(&order.provider),
            Self::PromiseRefund(order) => Some(&order.provider),
            Self::ChangeSubscription(order) => Some(&order.provider),
            Self::ExpireCheckout { provider, .. }
            | Self::VoidInvoice { provider, .. }
            | Self::UndoChange { provider, .. }
            | Self::CancelSubscription { provider, .. }
            | Self::UndoCancellation { provider, .. }
            | Self::PauseSubscription { provider, .. }
            | Self::ResumeSubscription { provider, .. }
            | Self::ReadSubscription { provider, .. } => Some(provider),
            Self::SettleCode { .. }
            | Self::MailClaim
            | Self::AttachClaim { .. }
            | Self::Notify { .. } => None,
        }
    }

    /// What it is for.
    #[must_use]
    pub const fn about(&self) -> About {
        match self {
            Self::OpenCheckout(order) => About::Checkout(order.checkout),
            Self::ExpireCheckout { checkout, .. } => About::Checkout(*checkout),
            Self::CreateInvoice(order) => About::Invoice(order.invoice),
            Self::VoidInvoice { invoice, .. } => About::Invoice(*invoice),
            Self::PromiseRefund(order) => About::Invoice(order.invoice),
            Self::ChangeSubscription(order) => match order.change {
                Some(change) => About::Change(change),
                None => About::Other,
            },
            Self::PauseSubscription { change, .. } | Self::ResumeSubscription { change, .. } => {
                match change {
                    Some(change) => About::Change(*change),
                    None => About::Other,
                }
            }
            Self::UndoCancellation { subscription, .. } => About::Cancellation(*subscription),
            Self::UndoChange { .. }
            | Self::SettleCode { .. }
            | Self::CancelSubscription { .. }
            | Self::ReadSubscription { .. }
            | Self::MailClaim
            | Self::AttachClaim { .. }
            | Self::Notify { .. } => About::Other,
        }
    }

    /// The word for its kind, for logs and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OpenCheckout(_) => "open_checkout",
            Self::ExpireCheckout { .. } => "expire_checkout",
            Self::CreateInvoice(_) => "create_invoice",
            Self::VoidInvoice { .. } => "void_invoice",
            Self::PromiseRefund(_) => "promise_refund",
            Self::ChangeSubscription(_) => "change_subscription",
            Self::UndoChange { .. } => "undo_change",
            Self::SettleCode { .. } => "settle_code",
            Self::CancelSubscription { .. } => "cancel_subscription",
            Self::UndoCancellation { .. } => "undo_cancellation",
            Self::PauseSubscription { .. } => "pause_subscription",
            Self::ResumeSubscription { .. } => "resume_subscription",
            Self::ReadSubscription { .. } => "read_subscription",
            Self::MailClaim => "mail_claim",
            Self::AttachClaim { .. } => "attach_claim",
            Self::Notify { .. } => "notify",
        }
    }
}
