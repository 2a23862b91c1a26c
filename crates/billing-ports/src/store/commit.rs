//! The one write of the ring: everything that a decision changes, or nothing.

use billing_domain::change::Change;
use billing_domain::checkout::Checkout;
use billing_domain::customer::{Account, Customer};
use billing_domain::effect::Effect;
use billing_domain::grant::Grant;
use billing_domain::ids::{
    ChangeId, CheckoutId, CustomerId, EffectId, InboxId, InvoiceId, ParkedId, QuoteId,
};
use billing_domain::invoice::Invoice;
use billing_domain::journal::JournalEntry;
use billing_domain::license::License;
use billing_domain::parked::Parked;
use billing_domain::provider::ProviderRef;
use billing_domain::subscription::Subscription;
use billing_domain::time::Timestamp;

use crate::delivery::Delivery;
use crate::store::queues::Fence;

/// How often a customer has been changed. The first commit makes revision 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub i64);

impl Revision {
    /// Of a customer that is not stored yet.
    pub const NONE: Self = Self(0);

    /// How often it has been changed after one commit more.
    #[must_use]
    pub fn next(self) -> u64 {
        u64::try_from(self.0.saturating_add(1)).unwrap_or(0)
    }
}

/// A customer as it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The customer and all that is decided with it.
    pub account: Account,
    /// The revision to commit against.
    pub revision: Revision,
}

/// Closed things to load besides the open ones, because a fact is about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Also {
    /// Checkouts, each with its invoice.
    pub checkouts: Vec<CheckoutId>,
    /// Invoices, each with the change it pays for.
    pub invoices: Vec<InvoiceId>,
    /// Changes.
    pub changes: Vec<ChangeId>,
    /// The changes that these quotes became.
    pub quotes: Vec<QuoteId>,
    /// Invoices by the provider's object: an invoice, a payment of one, the checkout
    /// that one was paid through, which is loaded with it, or a subscription that one
    /// was made for while it is tied to none of ours. A store may load more of this
    /// customer's than was asked for, and never less.
    pub invoice_refs: Vec<ProviderRef>,
    /// The newest changes that were applied, [`LAST_CHANGES`] at most.
    pub last_changes: bool,
}

/// How many applied changes [`Also::last_changes`] asks for. A provider tells of
/// what it charged within days; nobody changes more often than this meanwhile,
/// and this many are one page of rows.
pub const LAST_CHANGES: usize = 8;

/// One decision, to be written in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Whose decision.
    pub customer: CustomerId,
    /// The revision it was decided on. `None`: the customer is new.
    pub expected: Option<Revision>,
    /// Proof that the customer is claimed, when it was; the commit ends the claim.
    pub claim: Option<Fence>,
    /// Values that differ from those loaded.
    pub changes: Changes,
    /// The next instant at which something falls due. `None`: never.
    pub wake_at: Option<Timestamp>,
    /// What happened.
    pub journal: Vec<JournalEntry>,
    /// What is to be done.
    pub effects: Vec<NewEffect>,
    /// What was set aside.
    pub parked: Vec<Parked>,
    /// What was set aside before, and waits for nobody any more.
    pub solved: Vec<ParkedId>,
    /// Inbox rows that this decision settles.
    pub inbox: Vec<InboxMark>,
    /// Outbox rows that this decision settles.
    pub outbox: Vec<OutboxMark>,
    /// Answers to our own calls, received and decided in one step: stored as done.
    pub replies: Vec<NewReply>,
    /// The instant of the decision.
    pub at: Timestamp,
}

/// Values that differ from those loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The customer itself.
    pub customer: Option<Customer>,
    /// New and changed subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// New and changed grants.
    pub grants: Vec<Grant>,
    /// New and changed checkouts.
    pub checkouts: Vec<Checkout>,
    /// New and changed invoices.
    pub invoices: Vec<Invoice>,
    /// New and changed changes. One quote becomes one change: a second is refused.
    pub changes: Vec<Change>,
    /// New and changed licenses.
    pub licenses: Vec<License>,
    /// Provider objects that are this customer's from now on. Those of a kind that
    /// is not exclusive may be another's already, and then are shared.
    pub refs: Vec<ProviderRef>,
}

/// An effect to be performed after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// What is to be done.
    pub effect: Effect,
    /// Until when the committing caller performs it by itself; then anybody's.
    /// `None`: anybody's at once. A leased effect's first fence is `Fence(1)`.
    pub leased_until: Option<Timestamp>,
}

/// What becomes of a claimed inbox row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxMark {
    /// Which row.
    pub id: InboxId,
    /// Proof of the claim.
    pub fence: Fence,
    /// Set aside (with an entry in [`Commit::parked`]) rather than done.
    pub parked: bool,
}

/// What becomes of a claimed outbox row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxMark {
    /// Which row.
    pub id: EffectId,
    /// Proof of the claim.
    pub fence: Fence,
    /// Given up rather than done; an operator may have it tried again.
    pub dead: bool,
}

/// An answer to a call of ours, received and decided in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReply {
    /// The row's id.
    pub id: InboxId,
    /// What was answered.
    pub delivery: Delivery,
}

impl Changes {
    /// What differs between the values loaded and those decided.
    ///
    /// `before` is `None` for a new customer.
    #[must_use]
    pub fn between(before: Option<&Account>, after: &Account) -> Self {
        let customer = match before {
            Some(before) if before.customer == after.customer => None,
            _ => Some(after.customer.clone()),
        };
        let known = before.map(Account::provider_refs).unwrap_or_default();
        Self {
            customer,
            subscriptions: changed(before.map(|b| &b.subscriptions), &after.subscriptions),
            grants: changed(before.map(|b| &b.grants), &after.grants),
            checkouts: changed(before.map(|b| &b.checkouts), &after.checkouts),
            invoices: changed(before.map(|b| &b.invoices), &after.invoices),
            changes: changed(before.map(|b| &b.changes), &after.changes),
            licenses: changed(before.map(|b| &b.licenses), &after.licenses),
            refs: after
                .provider_refs()
                .into_iter()
                .filter(|held| !known.contains(held))
                .collect(),
        }
    }
}

fn changed<T: Clone + PartialEq>(before: Option<&Vec<T>>, after: &[T]) -> Vec<T> {
    after
        .iter()
        .filter(|value| !before.is_some_and(|b| b.contains(value)))
        .cloned()
        .collect()
}
