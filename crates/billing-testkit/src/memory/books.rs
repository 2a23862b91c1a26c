//! Customers with all they hold, and the indexes that lead to them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use billing_domain::change::Change;
use billing_domain::checkout::Checkout;
use billing_domain::customer::{Account, Customer};
use billing_domain::grant::Grant;
use billing_domain::ids::{
    ChangeId, CheckoutId, CustomerId, GrantId, InvoiceId, JournalId, LicenseId, SubscriptionId,
};
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::journal::JournalEntry;
use billing_domain::license::License;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Subscription;
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, Changes, LAST_CHANGES, Loaded, Locator, Revision, Taken};

use super::queue::Queue;

/// One customer's shelf.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) revision: Revision,
    pub(super) customer: Customer,
    pub(super) subscriptions: BTreeMap<SubscriptionId, Subscription>,
    pub(super) grants: BTreeMap<GrantId, Grant>,
    pub(super) checkouts: BTreeMap<CheckoutId, Checkout>,
    pub(super) invoices: BTreeMap<InvoiceId, Invoice>,
    pub(super) changes: BTreeMap<ChangeId, Change>,
    pub(super) licenses: BTreeMap<LicenseId, License>,
}

/// A place that one invoice at a time may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The open invoice of a subscription and purpose.
    Open(SubscriptionId, u8),
    /// The settled renewal of a cycle.
    Credit(SubscriptionId, u32),
}

/// All customers.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) shelves: BTreeMap<CustomerId, Shelf>,
    pub(super) journal: BTreeMap<(CustomerId, JournalId), JournalEntry>,
    pub(super) due: Queue<CustomerId>,
    pub(super) invoices: BTreeMap<InvoiceId, CustomerId>,
    pub(super) subscriptions: BTreeMap<SubscriptionId, CustomerId>,
    pub(super) changes: BTreeMap<ChangeId, CustomerId>,
    pub(super) licenses: BTreeMap<LicenseId, CustomerId>,
    /// The latest instant that any commit has named.
    pub(super) latest: Option<Timestamp>,
    external_refs: BTreeMap<String, CustomerId>,
    checkouts: BTreeMap<CheckoutId, CustomerId>,
    refs: BTreeMap<ProviderRef, CustomerId>,
    /// Those that several have named.
    shared: BTreeSet<ProviderRef>,
    places: BTreeMap<Place, InvoiceId>,
}

impl Shelf {
    /// What is open, and what is asked for.
    pub(super) fn load(&self, also: &Also) -> Loaded {
        let asked = self.checkouts.values();
        let asked = asked.filter(|held| also.checkouts.contains(&held.id));
        let named = self.checkouts.values();
        let named = named.filter(|held| is_named(also, held));
        let theirs: BTreeSet<InvoiceId> = asked.chain(named).map(|held| held.invoice).collect();
        let asked = |invoice: &Invoice| {
            theirs.contains(&invoice.id)
                || also.invoices.contains(&invoice.id)
                || also
                    .invoice_refs
                    .iter()
                    .any(|held| is_invoice(held, invoice))
        };
        let checkouts = self.checkouts.values();
        let invoices = self.invoices.values();
        let paid_for = invoices.clone().filter(|held| asked(held));
        let paid_for: BTreeSet<ChangeId> = paid_for.filter_map(|held| held.change).collect();
        let applied = self.changes.values().rev();
        let last: BTreeSet<ChangeId> = applied
            .filter(|held| also.last_changes && held.applied_at().is_some())
            .take(LAST_CHANGES)
            .map(|held| held.id)
            .collect();
        let changes = self.changes.values().filter(|held| {
            held.state.is_open()
                || last.contains(&held.id)
                || paid_for.contains(&held.id)
                || also.changes.contains(&held.id)
                || also.quotes.contains(&held.quote.id)
        });
        Loaded {
            account: Account {
                customer: self.customer.clone(),
                subscriptions: self.subscriptions.values().cloned().collect(),
                grants: self.grants.values().cloned().collect(),
                checkouts: checkouts
                    .filter(|held| {
                        held.is_open() || also.checkouts.contains(&held.id) || is_named(also, held)
                    })
                    .cloned()
                    .collect(),
                invoices: invoices
                    .filter(|held| held.is_open() || asked(held))
                    .cloned()
                    .collect(),
                changes: changes.cloned().collect(),
                licenses: self.licenses.values().cloned().collect(),
            },
            revision: self.revision,
        }
    }
}

impl Books {
    pub(super) fn find(&self, by: &Locator) -> Option<CustomerId> {
        match by {
            Locator::Customer(id) => self.shelves.contains_key(id).then_some(*id),
            Locator::ExternalRef(name) => self.external_refs.get(name).copied(),
            Locator::Checkout(id) => self.checkouts.get(id).copied(),
            Locator::Subscription(id) => self.subscriptions.get(id).copied(),
            Locator::Invoice(id) => self.invoices.get(id).copied(),
            Locator::Change(id) => self.changes.get(id).copied(),
            Locator::License(id) => self.licenses.get(id).copied(),
            Locator::Provider(held) if self.is_shared(held) => None,
            Locator::Provider(held) => self.refs.get(held).copied(),
        }
    }

    /// Whether several have named it.
    pub(super) fn is_shared(&self, object: &ProviderRef) -> bool {
        self.shared.contains(object)
    }

    /// Whether every unique name in these changes is free for `owner`.
    pub(super) fn check(&self, owner: CustomerId, changes: &Changes) -> Result<(), Taken> {
        let another = |held: Option<&CustomerId>| held.is_some_and(|held| *held != owner);
        let name = changes.customer.as_ref();
        let name = name.and_then(|customer| customer.external_ref.as_ref());
        if name.is_some_and(|name| another(self.external_refs.get(name))) {
            return Err(Taken::ExternalRef);
        }
        let mut exclusive = changes.refs.iter().filter(|held| held.kind.is_exclusive());
        if exclusive.any(|held| another(self.refs.get(held))) {
            return Err(Taken::ProviderRef);
        }
        self.check_places(&changes.invoices)
    }

    fn check_places(&self, invoices: &[Invoice]) -> Result<(), Taken> {
        let mut wanted = BTreeMap::new();
        for invoice in invoices {
            let Some(place) = place(invoice) else {
                continue;
            };
            let rival = wanted.insert(place, invoice.id);
            // Whoever is written in the same commit says itself what it wants.
            let holder = self.places.get(&place).filter(|holder| {
                **holder != invoice.id && !invoices.iter().any(|other| other.id == **holder)
            });
            if rival.is_some_and(|rival| rival != invoice.id) || holder.is_some() {
                return Err(Taken::Invoice);
            }
        }
        Ok(())
    }

    /// Whether one quote would become two changes, or one subscription be shown
    /// by two licenses.
    pub(super) fn is_doubled(&self, owner: CustomerId, changes: &Changes) -> bool {
        let mine = self.shelves.get(&owner);
        let quotes = mine.into_iter().flat_map(|shelf| shelf.changes.values());
        let quotes = quotes.chain(&changes.changes);
        let licenses = mine.into_iter().flat_map(|shelf| shelf.licenses.values());
        let licenses = licenses.chain(&changes.licenses);
        doubled(quotes.map(|held| (held.quote.id, held.id)))
            || doubled(licenses.map(|held| (held.subscription, held.id)))
    }

    /// Writes changes that have been checked; gives the new revision.
    pub(super) fn write(&mut self, owner: CustomerId, changes: Changes) -> Option<Revision> {
        self.index(owner, &changes);
        if let Some(customer) = changes.customer {
            self.write_customer(owner, customer);
        }
        let mine = self.shelves.get_mut(&owner)?;
        mine.revision = Revision(mine.revision.0.saturating_add(1));
        let subscriptions = changes.subscriptions.into_iter();
        mine.subscriptions
            .extend(subscriptions.map(|held| (held.id, held)));
        mine.grants
            .extend(changes.grants.into_iter().map(|held| (held.id, held)));
        mine.checkouts
            .extend(changes.checkouts.into_iter().map(|held| (held.id, held)));
        mine.changes
            .extend(changes.changes.into_iter().map(|held| (held.id, held)));
        mine.licenses
            .extend(changes.licenses.into_iter().map(|held| (held.id, held)));
        for invoice in &changes.invoices {
            let before = mine.invoices.get(&invoice.id).and_then(place);
            if let Some(before) = before {
                self.places.remove(&before);
            }
        }
        for invoice in changes.invoices {
            if let Some(place) = place(&invoice) {
                self.places.insert(place, invoice.id);
            }
            mine.invoices.insert(invoice.id, invoice);
        }
        Some(mine.revision)
    }

    fn index(&mut self, owner: CustomerId, changes: &Changes) {
        let subscriptions = changes.subscriptions.iter();
        self.subscriptions
            .extend(subscriptions.map(|held| (held.id, owner)));
        self.checkouts
            .extend(changes.checkouts.iter().map(|held| (held.id, owner)));
        self.invoices
            .extend(changes.invoices.iter().map(|held| (held.id, owner)));
        self.changes
            .extend(changes.changes.iter().map(|held| (held.id, owner)));
        self.licenses
            .extend(changes.licenses.iter().map(|held| (held.id, owner)));
        for held in &changes.refs {
            // What is exclusive was free, or the owner's.
            let first = *self.refs.entry(held.clone()).or_insert(owner);
            if first != owner {
                self.shared.insert(held.clone());
            }
        }
    }

    fn write_customer(&mut self, owner: CustomerId, customer: Customer) {
        if let Some(held) = self.shelves.get_mut(&owner) {
            if let Some(name) = &held.customer.external_ref {
                self.external_refs.remove(name);
            }
            held.customer.clone_from(&customer);
        } else {
            let empty = Shelf {
                revision: Revision(0),
                customer: customer.clone(),
                subscriptions: BTreeMap::new(),
                grants: BTreeMap::new(),
                checkouts: BTreeMap::new(),
                invoices: BTreeMap::new(),
                changes: BTreeMap::new(),
                licenses: BTreeMap::new(),
            };
            self.shelves.insert(owner, empty);
        }
        if let Some(name) = customer.external_ref {
            self.external_refs.insert(name, owner);
        }
    }
}

/// Whether two things go by one name.
fn doubled<N: Ord, K: Eq>(held: impl Iterator<Item = (N, K)>) -> bool {
    let mut named = BTreeMap::new();
    for (name, id) in held {
        match named.entry(name) {
            Entry::Vacant(free) => drop(free.insert(id)),
            Entry::Occupied(taken) if *taken.get() != id => return true,
            Entry::Occupied(_) => {}
        }
    }
    false
}

fn is_invoice(reference: &ProviderRef, invoice: &Invoice) -> bool {
    let named = match reference.kind {
        RefKind::Invoice => invoice.reference.as_ref() == Some(&reference.id),
        RefKind::Payment => invoice.has_payment(&reference.id),
        RefKind::Subscription => {
            invoice.subscription.is_none()
                && invoice.subscription_ref.as_ref() == Some(&reference.id)
        }
        RefKind::Customer | RefKind::Checkout => false,
    };
    named && invoice.provider.as_ref() == Some(&reference.account)
}

/// Whether a checkout is asked for by the provider's id of it.
fn is_named(also: &Also, checkout: &Checkout) -> bool {
    also.invoice_refs.iter().any(|held| {
        held.kind == RefKind::Checkout
            && checkout.provider.as_ref() == Some(&held.account)
            && checkout.reference() == Some(held.id.as_str())
    })
}

/// A provider's own invoices have no cycle and name no change, and as many are
/// open as it made.
fn place(invoice: &Invoice) -> Option<Place> {
    let subscription = invoice.subscription?;
    let purpose = match invoice.purpose {
        Purpose::Purchase => 0,
        Purpose::Renewal => 1,
        Purpose::OneTime => 2,
        Purpose::Change => 3,
        Purpose::Usage => 4,
    };
    let is_change = invoice.purpose == Purpose::Change && invoice.change.is_some();
    match (invoice.state, invoice.cycle) {
        (InvoiceState::Open, cycle) if cycle.is_some() || is_change => {
            Some(Place::Open(subscription, purpose))
        }
        (InvoiceState::Settled { .. }, Some(cycle)) if invoice.is_renewal() => {
            Some(Place::Credit(subscription, cycle))
        }
        (InvoiceState::Open | InvoiceState::Settled { .. } | InvoiceState::Void { .. }, _) => None,
    }
}
