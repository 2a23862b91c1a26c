//! The door to a payment provider.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order, Preview, Resuming, Resumption};
use billing_domain::fact::Observed;
use billing_domain::ids::{CustomerId, EffectId};
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;

use crate::delivery::Delivery;

/// What a provider answered. A refusal is an answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It did what was asked; these are the facts that it told.
    Done(Vec<Observed>),
    /// It refuses, and will refuse again.
    Refused(Refusal),
}

/// What a provider said a change would cost. A refusal is an answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previewed {
    /// This much.
    Costs(Preview),
    /// It would refuse the change.
    Refused(Refusal),
}

/// What a provider said that resuming would cost. A refusal is an answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumePreviewed {
    /// This much, and then again at the end of what that pays for.
    Costs(Resumption),
    /// It would refuse.
    Refused(Refusal),
}

/// A provider's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code: `card_declined`, `no_such_price`.
    pub code: String,
    /// The provider's words, for an operator. Holds no secret.
    pub message: String,
}

/// What a provider knows of a customer of its own. Of what is `None`, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buyer {
    /// Where mail goes.
    pub email: Option<String>,
    /// The language that it is written to in.
    pub lang: Option<String>,
    /// Since when it is known there.
    pub since: Option<Timestamp>,
    /// What others have noted there, by its name.
    pub metadata: BTreeMap<String, String>,
}

/// A customer as a provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBuyer {
    /// The provider's id of it.
    pub reference: String,
    /// Our customer, as we have noted it there. `None`: nothing is noted.
    pub customer: Option<CustomerId>,
    /// What is known of it there.
    pub buyer: Buyer,
}

/// What a customer wants of the provider's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalAsk {
    /// Our customer. What the provider shows must be this one's alone.
    pub customer: CustomerId,
    /// The provider's id of the customer.
    pub customer_ref: String,
    /// The provider's id of the subscription it is about. `None`: everything.
    pub subscription_ref: Option<String>,
    /// What for.
    pub purpose: PortalPurpose,
    /// Where the customer returns, where the provider can.
    pub return_url: String,
}

/// What a customer opens a provider's page for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortalPurpose {
    /// To look around.
    Overview,
    /// To give another payment method.
    PaymentMethod,
}

/// What a provider answered to somebody who wants its pages.
#[derive(Clone, PartialEq, Eq)]
pub enum PortalAnswer {
    /// The page. It lets whoever holds it in.
    Page {
        /// Its address.
        url: String,
    },
    /// It refuses.
    Refused(Refusal),
}

impl std::fmt::Debug for PortalAnswer {
    /// Leaves the address out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Page { .. } => f.debug_struct("Page").finish_non_exhaustive(),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
        }
    }
}

/// How a refund comes about that an operator orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refunds {
    /// In the provider's own dashboard, and noticed here.
    Elsewhere,
    /// It sends nothing back by itself, and makes links by which buyers claim what was
    /// promised.
    ByLink,
    /// It sends the money. What it tells of such a refund MUST carry the key of the order.
    Sent,
}

/// A link by which a buyer gets back what was promised.
#[derive(Clone, PartialEq, Eq)]
pub struct RefundLink {
    /// Its address. Whoever holds it can claim the money.
    pub url: String,
}

impl std::fmt::Debug for RefundLink {
    /// Leaves the address out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefundLink").finish_non_exhaustive()
    }
}

/// What a provider answered to being asked to tell of an event again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// It is sending it.
    Sending {
        /// The id under which it is sent this time; the event keeps its own. `None`:
        /// the same.
        under: Option<String>,
    },
    /// It knows of none with this id.
    NoSuch,
    /// It refuses.
    Refused(Refusal),
}

/// How a promise stands that money can be claimed of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundPromised {
    /// It can be claimed, by this link.
    Open(RefundLink),
    /// It was closed over there: nothing more can be claimed of it.
    Closed {
        /// What was ever claimed of the payment, as it stands: whoever promises the rest
        /// has to know.
        returned: Vec<Observed>,
    },
    /// There is none, as far as the provider tells.
    Missing,
}

/// A page of what a provider lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What is on it.
    pub rows: Vec<T>,
    /// What leads to the next page. `None`: this was the last.
    pub next: Option<String>,
}

/// An object as it stands at a provider, read without a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// What it tells. Empty: there is no such object.
    pub facts: Vec<Observed>,
    /// What a call that was cut off has left there, and [`PaymentProvider::read`] would
    /// put right. `None`: nothing.
    pub left: Option<LeftOver>,
}

/// What a call of ours that was cut off has left at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    /// What is to be there, for an operator.
    pub wanted: String,
    /// What is there.
    pub stands: String,
}

/// Why a provider gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerformError {
    /// Nothing happened over there: nothing left this process, or it was turned away
    /// before it was looked at. Retried freely within the back-off.
    #[error("provider did not act: {0}")]
    NotSent(String),
    /// It is not known whether the provider acted: retried under the same key only.
    #[error("provider's answer lost: {0}")]
    Unknown(String),
    /// We are configured wrongly (a bad key, the wrong mode); retried each hour for three
    /// days, since somebody has to mend it, then shown to a person.
    #[error("provider misconfigured: {0}")]
    Misconfigured(String),
    /// This provider cannot do that; shown to a person, not retried.
    #[error("not supported by this provider: {0}")]
    Unsupported(&'static str),
}

/// How serious a finding of the doctor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingLevel {
    /// As it should be.
    Good,
    /// It works, and somebody should look.
    Warning,
    /// It does not work.
    Bad,
}

/// One thing that the doctor looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How serious it is.
    pub level: FindingLevel,
    /// What was looked at, and what was found.
    pub text: String,
}

/// One account at one payment provider.
///
/// - `perform` MUST be idempotent under its key: the same key and order again
///   give the same object, never a second one. A provider without idempotency
///   keys MUST be searched before anything is created.
/// - A refusal MUST be an [`Answer::Refused`]; an `Err` means that the outcome is open.
/// - Every fact MUST carry the provider's own instant.
/// - It MUST bound every call in time.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Which account this is.
    fn account(&self) -> &ProviderAccount;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether it refuses our key, by the last answer that said anything of it: nothing
    /// can be asked of it then. That the key may not do one thing, or see one object, is no
    /// such answer. `false` where nobody was asked yet, or there is no key. Asks nobody.
    fn refuses_key(&self) -> bool {
        false
    }

    /// Does what is ordered.
    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError>;

    /// Reads an object as it stands now. Empty: there is no such object. May put right
    /// what a call of ours that was cut off has left there.
    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError>;

    /// Reads the same for whoever only compares. MUST write nothing at the provider;
    /// what [`Self::read`] would put right is said instead.
    async fn inspect(&self, object: &ProviderRef) -> Result<Inspected, PerformError> {
        let facts = self.read(object).await?;
        Ok(Inspected { facts, left: None })
    }

    /// Whether it takes this off where it runs the schedule: off as many cycles as are
    /// told, and off no other. What it says it takes, it MUST NOT refuse when it is
    /// ordered. Asks nobody.
    fn takes_discount(&self, sale: &DiscountedSale) -> bool {
        // It charges what its own prices say.
        let _: &DiscountedSale = sale;
        false
    }

    /// Says what a change of a subscription that it runs would cost, and changes
    /// nothing.
    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        let _nothing_to_ask = change;
        Err(PerformError::Unsupported("previewing a change"))
    }

    /// Says the same where nobody has chosen the change: it is one of a list. MUST
    /// write nothing at the provider, not even for a moment; what could not be said
    /// so is refused.
    async fn estimate(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        self.preview(change).await
    }

    /// Says what resuming a paused subscription that it runs would charge now, and
    /// changes nothing.
    async fn preview_resume(&self, ask: &Resuming) -> Result<ResumePreviewed, PerformError> {
        let _nothing_to_ask = ask;
        Err(PerformError::Unsupported("previewing a resumption"))
    }

    /// Makes a page of the provider's where a customer manages what was bought. Its
    /// address lets whoever holds it in: never stored, never logged.
    async fn portal(&self, ask: &PortalAsk) -> Result<PortalAnswer, PerformError> {
        let _nobody_to_ask = ask;
        Err(PerformError::Unsupported("a customer portal"))
    }

    /// How a refund comes about that an operator orders.
    fn refunds(&self) -> Refunds {
        Refunds::Elsewhere
    }

    /// What was promised under this key of a payment. The address of its link lets
    /// whoever holds it have the money: never stored, never logged.
    async fn refund_link(
        &self,
        key: &EffectKey,
        payment: &str,
    ) -> Result<RefundPromised, PerformError> {
        let _nothing_to_read = (key, payment);
        Err(PerformError::Unsupported("refunds by a link"))
    }

    /// What it knows of a customer of its own, by its name there. `None`: there is none.
    /// MUST write nothing at the provider.
    async fn buyer(&self, reference: &str) -> Result<Option<Buyer>, PerformError> {
        let _nobody_to_ask_about = reference;
        Err(PerformError::Unsupported("reading a customer"))
    }

    /// The customers that the account has, a page at a time, whether they bought anything or
    /// not; deleted ones and those of other deployments left out. `after` is the page before's
    /// `next`; `None`: from the beginning, which is also where a page leads that is gone.
    async fn list_buyers(
        &self,
        after: Option<String>,
    ) -> Result<Listed<ListedBuyer>, PerformError> {
        let _nobody_to_list = after;
        Err(PerformError::Unsupported("listing customers"))
    }

    /// The subscriptions that the account has, ended ones included, a page at a
    /// time. `after` is the page before's `next`; `None`: from the beginning.
    async fn list_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        let _nothing_to_list = after;
        Err(PerformError::Unsupported("listing subscriptions"))
    }

    /// Whether it keeps every invoice that it made: what is open here and not found there
    /// contradicts the books, and is for a person.
    fn keeps_invoices(&self) -> bool {
        false
    }

    /// Whether [`Self::list_events`] lists how objects stand, and not what happened: what
    /// has come back to how it stood before is listed as it was then.
    fn lists_states(&self) -> bool {
        false
    }

    /// The events since an instant, oldest first where the provider can, a page at
    /// a time: each the delivery that its webhook is, under the same event id.
    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        let _nothing_to_list = (since, after);
        Err(PerformError::Unsupported("listing events"))
    }

    /// Has a webhook sent once more, by the id that the provider gave to its sending.
    async fn resend(&self, notification: &str) -> Result<Resent, PerformError> {
        let _nothing_to_send = notification;
        Err(PerformError::Unsupported("sending a webhook again"))
    }

    /// Looks at keys, mode, webhooks and prices.
    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding>;
}
