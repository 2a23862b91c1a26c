//! The customer, and everything that is decided together with it.
//!
//! One customer with its subscriptions, grants, open checkouts and open
//! invoices is the unit of consistency: loaded, decided and committed under one
//! revision. Knows nothing of how that is stored.

use serde::{Deserialize, Serialize};

use crate::change::{Change, ChangeState};
use crate::checkout::Checkout;
use crate::claim::{Claim, ClaimState, mailbox_of, plausible, unconfirmed_at};
use crate::grant::Grant;
use crate::ids::{ChangeId, CheckoutId, CustomerId, InvoiceId, NegotiatedId, SubscriptionId};
use crate::invoice::Invoice;
use crate::license::License;
use crate::money::{Currency, Money};
use crate::negotiated::Negotiated;
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
use crate::subscription::Subscription;
use crate::time::Timestamp;
use crate::usage::CustomerUsage;

/// Who holds plans and pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Our id.
    pub id: CustomerId,
    /// The host application's name for this customer (user id, DID, hub id).
    /// `None` for a guest. Unique.
    pub external_ref: Option<String>,
    /// Where mail goes. Never identifies a customer. Of a guest it is what was
    /// typed, until the mailbox's owner confirms it.
    pub email: Option<String>,
    /// The language that it is written to in, as in `de` or `pt-BR`. `None`: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Its name at GitHub, for whom plans come with an invitation. `None`: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    /// The customer under whose plan this one acts. `None` acts for itself.
    pub member_of: Option<CustomerId>,
    /// When the customer joined the host application; decides plankowner grants.
    pub joined_at: Timestamp,
    /// This customer at each provider it has met.
    pub at_providers: Vec<AtProvider>,
    /// What the customer has to its credit, one amount per currency; below zero
    /// a debt that the next invoice charges. Where a provider runs the schedule,
    /// the balance lives there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub balances: Vec<Money>,
    /// Terms negotiated with this customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub negotiated: Vec<Negotiated>,
    /// Whether a checkout made it that named nobody: who is behind it, nobody knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// What a guest's checkout holds for the owner of a mailbox. `None`: nothing
    /// was bought, no address was collected, or it is no guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Guests whose mailbox turned out to be this customer's: what they hold, it
    /// holds too. Nothing moves between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<CustomerId>,
    /// What it uses that is metered, and the most that it will spend on it.
    #[serde(default, skip_serializing_if = "CustomerUsage::is_untouched")]
    pub usage: CustomerUsage,
}

impl Customer {
    /// What the customer has to its credit in `currency`.
    #[must_use]
    pub fn balance(&self, currency: Currency) -> Money {
        self.balances
            .iter()
            .find(|held| held.currency == currency)
            .copied()
            .unwrap_or(Money::zero(currency))
    }

    /// The name by which a mailbox leads to it: [`mailbox_of`] the address on
    /// file, or [`unconfirmed_at`] the one that a guest's claim names. `None`:
    /// none does; what a guest has typed is nobody's, and what is attached is its
    /// account's.
    #[must_use]
    pub fn mailbox(&self) -> Option<String> {
        if self.is_of_mailbox() {
            return self.email.as_deref().map(mailbox_of);
        }
        let claim = self.claim.as_ref()?;
        (claim.state == ClaimState::Open).then(|| unconfirmed_at(&claim.email))
    }

    /// Whether it is the account of whoever owns the mailbox on file: named by
    /// the host, which vouches for the address, or confirmed by its owner.
    #[must_use]
    pub fn is_of_mailbox(&self) -> bool {
        if let Some(claim) = &self.claim {
            return matches!(claim.state, ClaimState::Confirmed { .. });
        }
        let email = self.email.as_deref().and_then(plausible);
        !self.guest && self.external_ref.is_some() && email.is_some()
    }

    /// The negotiated terms with this id.
    #[must_use]
    pub fn negotiated(&self, id: NegotiatedId) -> Option<&Negotiated> {
        self.negotiated.iter().find(|held| held.id == id)
    }
}

/// A customer's identity at one provider account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtProvider {
    /// The provider account.
    pub account: ProviderAccount,
    /// The provider's id for the customer.
    pub reference: String,
    /// When a checkout last told it; one that tells another, later, replaces it.
    /// `None`: no checkout has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
}

/// The aggregate: one customer and all that is decided with it.
///
/// Holds every subscription and grant, the checkouts and invoices that are
/// still open, and those closed ones that a fact at hand is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The customer.
    pub customer: Customer,
    /// All subscriptions, oldest first.
    pub subscriptions: Vec<Subscription>,
    /// All grants, oldest first.
    pub grants: Vec<Grant>,
    /// Open checkouts, and those asked for.
    pub checkouts: Vec<Checkout>,
    /// Open invoices, and those asked for.
    pub invoices: Vec<Invoice>,
    /// Changes that are to come, and those asked for.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// All licenses, oldest first.
    #[serde(default)]
    pub licenses: Vec<License>,
}

impl Account {
    /// A customer who holds nothing yet.
    #[must_use]
    pub const fn new(customer: Customer) -> Self {
        Self {
            customer,
            subscriptions: Vec::new(),
            grants: Vec::new(),
            checkouts: Vec::new(),
            invoices: Vec::new(),
            changes: Vec::new(),
            licenses: Vec::new(),
        }
    }

    /// The subscription with this id.
    #[must_use]
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions
            .iter()
            .find(|subscription| subscription.id == id)
    }

    /// The invoice with this id, when it is among those loaded.
    #[must_use]
    pub fn invoice(&self, id: InvoiceId) -> Option<&Invoice> {
        self.invoices.iter().find(|invoice| invoice.id == id)
    }

    /// The checkout with this id, when it is among those loaded.
    #[must_use]
    pub fn checkout(&self, id: CheckoutId) -> Option<&Checkout> {
        self.checkouts.iter().find(|checkout| checkout.id == id)
    }

    /// The change with this id, when it is among those loaded.
    #[must_use]
    pub fn change(&self, id: ChangeId) -> Option<&Change> {
        self.changes.iter().find(|change| change.id == id)
    }

    /// The change of a subscription that awaits its payment; there is at most one.
    #[must_use]
    pub fn awaiting_change(&self, subscription: SubscriptionId) -> Option<&Change> {
        self.changes.iter().find(|change| {
            change.quote.subscription == subscription
                && change.state == ChangeState::AwaitingPayment
        })
    }

    /// The license that shows a subscription, if it has one.
    #[must_use]
    pub fn license_of(&self, subscription: SubscriptionId) -> Option<&License> {
        self.licenses
            .iter()
            .find(|license| license.subscription == subscription)
    }

    /// Puts `change` in the place of the one with its id, or at the end.
    pub fn put_change(&mut self, change: Change) {
        put(&mut self.changes, change, |held| held.id);
    }

    /// Puts `license` in the place of the one with its id, or at the end.
    pub fn put_license(&mut self, license: License) {
        put(&mut self.licenses, license, |held| held.id);
    }

    /// Puts `subscription` in the place of the one with its id, or at the end.
    pub fn put_subscription(&mut self, subscription: Subscription) {
        put(&mut self.subscriptions, subscription, |held| held.id);
    }

    /// Puts `grant` in the place of the one with its id, or at the end.
    pub fn put_grant(&mut self, grant: Grant) {
        put(&mut self.grants, grant, |held| held.id);
    }

    /// Puts `checkout` in the place of the one with its id, or at the end.
    pub fn put_checkout(&mut self, checkout: Checkout) {
        put(&mut self.checkouts, checkout, |held| held.id);
    }

    /// Puts `invoice` in the place of the one with its id, or at the end.
    pub fn put_invoice(&mut self, invoice: Invoice) {
        put(&mut self.invoices, invoice, |held| held.id);
    }

    /// The provider's id for this customer at `account`, if it has one.
    #[must_use]
    pub fn reference_at(&self, account: &ProviderAccount) -> Option<&str> {
        self.customer
            .at_providers
            .iter()
            .find(|held| held.account == *account)
            .map(|held| held.reference.as_str())
    }

    /// Every provider object known to belong to this customer, as far as loaded.
    #[must_use]
    pub fn provider_refs(&self) -> Vec<ProviderRef> {
        let customers = self.customer.at_providers.iter().map(|held| ProviderRef {
            account: held.account.clone(),
            kind: RefKind::Customer,
            id: held.reference.clone(),
        });
        let subscriptions = self
            .subscriptions
            .iter()
            .filter_map(Subscription::provider_ref);
        let checkouts = self.checkouts.iter().filter_map(Checkout::provider_ref);
        let invoices = self.invoices.iter().filter_map(Invoice::provider_ref);
        let payments = self
            .invoices
            .iter()
            .filter(|invoice| !self.is_kept_here(invoice))
            .flat_map(Invoice::payment_refs);
        customers
            .chain(subscriptions)
            .chain(checkouts)
            .chain(invoices)
            .chain(payments)
            .collect()
    }

    /// Whether nobody else keeps books of what is owed: there, invoices and
    /// checkouts go by our own names, and one transfer may pay for several customers.
    fn is_kept_here(&self, invoice: &Invoice) -> bool {
        let named = invoice.reference.as_deref() == Some(invoice.id.to_string().as_str());
        let bought = invoice.checkout.and_then(|id| self.checkout(id));
        let bought = bought
            .is_some_and(|checkout| checkout.reference() == Some(checkout.id.to_string().as_str()));
        named || bought
    }

    /// The next instant at which something of this customer's falls due, with
    /// nobody having to ask. `None`: nothing ever does.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let subscriptions = self.subscriptions.iter().filter_map(|subscription| {
            let open = self.open_invoice(subscription.id);
            subscription.wake_at(open)
        });
        let checkouts = self.checkouts.iter().filter_map(Checkout::wake_at);
        let changes = self.changes.iter().filter_map(Change::wake_at);
        let grants = self.grants.iter().filter_map(Grant::wake_at);
        subscriptions
            .chain(checkouts)
            .chain(changes)
            .chain(grants)
            .chain(self.customer.usage.wake_at())
            .min()
    }

    /// The open invoice of a subscription; there is at most one per purpose, and
    /// renewals are the purpose meant here.
    #[must_use]
    pub fn open_invoice(&self, subscription: SubscriptionId) -> Option<&Invoice> {
        self.invoices.iter().find(|invoice| {
            invoice.subscription == Some(subscription) && invoice.is_open() && invoice.is_renewal()
        })
    }
}

fn put<T, K: PartialEq>(list: &mut Vec<T>, value: T, key: impl Fn(&T) -> K) {
    match list.iter_mut().find(|held| key(held) == key(&value)) {
        Some(place) => *place = value,
        None => list.push(value),
    }
}
