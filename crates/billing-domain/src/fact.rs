//! Facts: what happened, in our words, past tense.
//!
//! Adapters translate a provider's events, and its answers to our calls, into
//! these. A snapshot is believed by the provider's own instant, never by the
//! order of arrival and never by our clock.

mod ours;
mod seen;

use serde::{Deserialize, Serialize};

use crate::ids::{ChangeId, CheckoutId, CustomerId, EffectId, InvoiceId, SubscriptionId};
use crate::invoice::{Conversion, Purpose, Tried};
use crate::money::Money;
use crate::provider::ProviderRef;
use crate::time::{Period, Timestamp};

pub use seen::{
    DisputeSnapshot, DisputeState, RefundSnapshot, RefundState, SubscriptionSnapshot, Upcoming,
};

/// A fact with its instant and with what ties it to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What happened.
    pub fact: Fact,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// What ties it to a customer.
    pub link: Link,
}

/// What ties a fact to a customer: our own ids as they come back from the
/// provider first, then the provider's objects. Never an e-mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The checkout id carried through the provider.
    pub checkout: Option<CheckoutId>,
    /// The customer id carried through the provider.
    pub customer: Option<CustomerId>,
    /// The provider's objects that the fact is about, strongest first.
    pub refs: Vec<ProviderRef>,
    /// The provider's names of the prices it mentions: what tells a sale of ours
    /// from somebody else's in the same account, where nothing else does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<String>,
    /// Whether it carries a correlation of ours that cannot be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub garbled: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The provider made a page to pay at.
    CheckoutOpened {
        /// Our checkout.
        checkout: CheckoutId,
        /// The provider's id.
        reference: String,
        /// The page.
        url: String,
        /// When the provider closes it.
        expires_at: Timestamp,
        /// How the price is collected in another currency, as it was ordered. `None`: as
        /// it stands, or nobody who could be believed says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversion: Option<Conversion>,
        /// The provider's id of the customer, if it made or knew one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer_ref: Option<String>,
    },
    /// The buyer finished a checkout.
    CheckoutCompleted {
        /// Our checkout.
        checkout: CheckoutId,
        /// The provider's id.
        reference: String,
        /// What the provider says of the money.
        payment: CheckoutPayment,
        /// The provider's id of the customer, if it made or knew one.
        customer_ref: Option<String>,
        /// The address that the provider collected. Nobody is found by it: a mail
        /// goes there, and whoever reads it claims what a guest bought.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// What was sold there, where the provider keeps the prices itself. `None`: what
        /// was ordered, as far as what was paid bears that out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sold: Option<Sold>,
    },
    /// A checkout ended without being paid.
    CheckoutEnded {
        /// Our checkout.
        checkout: CheckoutId,
        /// The provider's id.
        reference: String,
        /// `true`: given up or refused. `false`: out of time.
        canceled: bool,
    },
    /// The provider's subscription, as it stood at an instant.
    SubscriptionSeen(SubscriptionSnapshot),
    /// The provider made the invoice that we asked for.
    InvoiceOpened {
        /// Our invoice.
        invoice: InvoiceId,
        /// The provider's id.
        reference: String,
        /// Where the buyer pays. `None`: nowhere in particular (by transfer).
        pay_url: Option<String>,
        /// How the amount is collected in another currency. `None`: as it stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversion: Option<Conversion>,
    },
    /// An invoice of ours was paid.
    InvoicePaid {
        /// Our invoice.
        invoice: InvoiceId,
        /// The provider's id of the payment.
        payment: String,
        /// What was paid, in the currency that was collected.
        amount: Money,
        /// How the invoice was collected in another currency, by a word that can be
        /// believed. `None`: as it stood, or as it was ordered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversion: Option<Conversion>,
        /// What it is made of, where the provider may tell of a part by itself, or of
        /// more parts later. Empty: it is one by its own name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<PaymentPart>,
    },
    /// A payment for an invoice of ours was refused.
    PaymentFailed {
        /// Our invoice.
        invoice: InvoiceId,
        /// The provider's word for the reason.
        reason: String,
    },
    /// An invoice of ours was not collected, and nobody can pay it at the provider: nothing
    /// is left of it there.
    ChargeFailed {
        /// Our invoice.
        invoice: InvoiceId,
        /// A stable code for the reason.
        reason: String,
    },
    /// Money for an invoice of ours is on its way, and may yet not come: a
    /// transaction without confirmations. So it stood when it was looked at.
    PaymentPending {
        /// Our invoice.
        invoice: InvoiceId,
        /// When the provider stops waiting for it.
        until: Timestamp,
        /// When it was seen, as far as it is enough. `None`: the provider does not say,
        /// and it counts as seen when it is heard of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Timestamp>,
    },
    /// Nobody can pay an invoice of ours any more where the provider had made it.
    InvoiceClosed {
        /// Our invoice.
        invoice: InvoiceId,
        /// The provider's id of what has closed.
        reference: String,
        /// When it was looked at, which may be long after it closed. `None`: it is not
        /// said, and nothing that is known is newer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read_at: Option<Timestamp>,
    },
    /// A payment that the provider had told of did not hold.
    PaymentReversed {
        /// The provider's id of the payment.
        payment: String,
        /// Our invoice that it was for. `None`: it is not said, and known by the payment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<InvoiceId>,
    },
    /// A payment that the provider had said did not hold, holds after all.
    PaymentUpheld {
        /// The provider's id of the payment.
        payment: String,
        /// Our invoice that it was for. `None`: it is not said, and known by the payment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<InvoiceId>,
    },
    /// Money is there, and a person at the provider says that nothing is paid by it.
    PaymentDenied {
        /// The invoice or checkout that it came for.
        of: About,
        /// The provider's id of the payment.
        payment: String,
        /// How much.
        amount: Money,
    },
    /// Money was seen, and the provider has stopped waiting for it to be final. Nothing
    /// is paid by it, unless it becomes final after all.
    PaymentUnconfirmed {
        /// The invoice or checkout that it came for.
        of: About,
        /// The provider's id of the page that it came to.
        page: String,
        /// How much.
        amount: Money,
    },
    /// An object of ours stands at its provider in a way that is not understood here.
    Unclear {
        /// What it is for. `None`: nobody says, and it is known by its name, if at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<About>,
        /// The object.
        object: ProviderRef,
        /// What is not understood.
        what: Unclear,
    },
    /// The provider's own invoice, as it stood at an instant.
    ProviderInvoiceSeen {
        /// The provider's id.
        reference: String,
        /// The provider's id of the subscription it belongs to.
        subscription_ref: Option<String>,
        /// What was charged, net, as the provider states it.
        amount: Money,
        /// The time it pays for.
        period: Option<Period>,
        /// How it stands.
        state: ProviderInvoiceState,
        /// What it is for, where the provider says so. `None`: a further cycle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
        /// What was taken from the payer, with tax: what a refund or a dispute of it
        /// is a part of. `None`: as much as `amount`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        collected: Option<Money>,
        /// When the provider made it. `None`: it does not say, and the earliest instant
        /// at which it was told of counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opened_at: Option<Timestamp>,
        /// How often the provider has tried to collect it. `None`: it does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tried: Option<Tried>,
    },
    /// Something happened to an object, and it has to be read to know what.
    Hinted {
        /// The object.
        object: ProviderRef,
    },
    /// A refund, as it stood at an instant.
    RefundSeen(RefundSnapshot),
    /// A dispute of a payment, as it stood at an instant.
    DisputeSeen(DisputeSnapshot),
    /// The provider did what an effect asked, with nothing else to tell.
    Done {
        /// The effect.
        effect: EffectId,
    },
    /// The provider refused what an effect asked.
    Refused {
        /// The effect.
        effect: EffectId,
        /// The invoice or checkout that the effect was for.
        about: About,
        /// A stable code for the reason.
        code: String,
    },
    /// An effect was given up after its last attempt: nobody knows the outcome.
    GivenUp {
        /// The effect.
        effect: EffectId,
        /// The invoice or checkout that the effect was for.
        about: About,
    },
    /// Genuine, and in words that are not known: for a person.
    Unreadable {
        /// What it is of.
        object: ProviderRef,
        /// Why it could not be told. Says nothing of its content.
        why: String,
    },
    /// Genuine, and of no interest to billing.
    Irrelevant,
}

/// A transaction that a payment is made of. Told as a payment of its own, before or
/// after, it is the same money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentPart {
    /// The provider's id of it.
    pub id: String,
    /// What came by it, in the currency that was collected.
    pub amount: Money,
    /// When it came.
    pub at: Timestamp,
    /// Whether it counts by the word of a person at the provider, and not by what the
    /// provider goes by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vouched: bool,
}

/// What is not understood of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclear {
    /// It is owed or held here, and the provider knows no such object.
    Missing,
    /// Its status: the provider's word for it.
    Status(String),
    /// What it is to renew as, which nobody here has asked for.
    Upcoming {
        /// What these books say of it.
        ours: String,
        /// What the provider says.
        theirs: String,
    },
}

/// What an effect was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A checkout.
    Checkout(CheckoutId),
    /// An invoice.
    Invoice(InvoiceId),
    /// A change at the provider.
    Change(ChangeId),
    /// The cancellation of a subscription, which is to be taken back.
    Cancellation(SubscriptionId),
    /// Something else.
    Other,
}

/// What the provider says of a finished checkout's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "money", rename_all = "snake_case")]
pub enum CheckoutPayment {
    /// The money is there.
    Paid {
        /// The provider's id of the payment.
        payment: String,
        /// What was paid, in the currency that was collected.
        amount: Money,
        /// How the price was collected in another currency, by a word that can be
        /// believed. `None`: as it stood, or as it was ordered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversion: Option<Conversion>,
        /// What it is made of, as for an invoice.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<PaymentPart>,
    },
    /// Nothing was owed today (a trial).
    NotRequired,
    /// Not there yet; grants nothing.
    Unpaid,
}

/// What a provider sold at a checkout: whoever pays may have put something else on the
/// page than was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sold {
    /// Price by price. Empty: the provider does not say, and nobody but us can change it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<SoldItem>,
    /// What that is listed at, all pieces together: before tax that is put on top, and
    /// before what is taken off. `None`: in a currency that is not known.
    pub listed: Option<Money>,
    /// Whether nothing recurs: neither a subscription nor an invoice of the provider's
    /// tells of it.
    pub once: bool,
    /// Whether nobody but who pays says that the page is of this checkout: it is believed
    /// of the page that was made for it, and of no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_payer: bool,
}

/// Pieces of a price that were sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldItem {
    /// The provider's name of the price.
    pub price_ref: String,
    /// Pieces.
    pub quantity: u32,
}

/// How a provider's own invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderInvoiceState {
    /// Owed.
    Open,
    /// Owed, and an attempt to collect it failed.
    Failed,
    /// Paid.
    Paid,
    /// No longer owed.
    Void,
}
