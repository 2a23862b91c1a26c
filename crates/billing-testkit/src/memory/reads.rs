//! Lists and pages, ordered by id, newest first.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use billing_domain::change::Change;
use billing_domain::customer::Customer;
use billing_domain::ids::{
    ChangeId, CustomerId, Id, InboxId, InvoiceId, JournalId, ParkedId, SubscriptionId,
};
use billing_domain::invoice::Invoice;
use billing_domain::journal::JournalEntry;
use billing_domain::license::License;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::Subscription;
use billing_ports::delivery::Delivery;
use billing_ports::store::{
    ChangeFilter, EventFilter, Holding, InvoiceFilter, KeptDelivery, KeptState, Page, PageAsk,
    ReadModels, StoreError, SubscriptionFilter,
};
use uuid::Uuid;

use super::books::Books;
use super::mail::InboxRow;
use super::migrations::beyond;
use super::snapshot::RowState;
use super::{Call, MemoryStore};

#[async_trait]
impl ReadModels for MemoryStore {
    async fn list_customers(&self, page: PageAsk) -> Result<Page<Customer>, StoreError> {
        self.call(Call::Read, |state| {
            let shelves = newest_first(&state.books.shelves, page);
            Ok(cut(shelves.map(|(_, shelf)| &shelf.customer), page).map(Clone::clone))
        })
    }

    async fn list_subscriptions(
        &self,
        filter: SubscriptionFilter,
        page: PageAsk,
    ) -> Result<Page<Subscription>, StoreError> {
        self.call(Call::Read, |state| {
            let books = &state.books;
            let rows = newest_first(&books.subscriptions, page);
            let rows =
                rows.filter_map(|(id, owner)| books.shelves.get(owner)?.subscriptions.get(id));
            let rows = rows.filter(|held| {
                filter
                    .customer
                    .is_none_or(|customer| held.customer == customer)
                    && filter.status.is_none_or(|status| held.status() == status)
                    && filter
                        .plan
                        .as_ref()
                        .is_none_or(|plan| held.terms.plan == *plan)
                    && filter
                        .price
                        .as_ref()
                        .is_none_or(|price| held.terms.price.as_ref() == Some(price))
            });
            Ok(cut(rows, page).map(Clone::clone))
        })
    }

    async fn subscriptions_of(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<Subscription>, StoreError> {
        self.call(Call::Read, |state| {
            let ids: BTreeSet<SubscriptionId> = ids.iter().copied().collect();
            let books = &state.books;
            let found = ids.into_iter().filter_map(|id| {
                let theirs = books.shelves.get(books.subscriptions.get(&id)?)?;
                theirs.subscriptions.get(&id).cloned()
            });
            Ok(found.collect())
        })
    }

    async fn renewals_of(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<(SubscriptionId, Invoice)>, StoreError> {
        self.call(Call::Read, |state| {
            let ids: BTreeSet<SubscriptionId> = ids.iter().copied().collect();
            let books = &state.books;
            let found = ids.into_iter().filter_map(|id| {
                let theirs = books.shelves.get(books.subscriptions.get(&id)?)?;
                let owed = theirs.invoices.values().rev().find(|invoice| {
                    invoice.subscription == Some(id) && invoice.is_open() && invoice.is_renewal()
                });
                Some((id, owed.cloned()?))
            });
            Ok(found.collect())
        })
    }

    async fn list_invoices(
        &self,
        filter: InvoiceFilter,
        page: PageAsk,
    ) -> Result<Page<(CustomerId, Invoice)>, StoreError> {
        self.call(Call::Read, |state| {
            let books = &state.books;
            let rows = newest_first(&books.invoices, page);
            let rows = rows.filter_map(|(id, _)| invoice(books, *id));
            let rows = rows.filter(|(owner, held)| {
                filter.customer.is_none_or(|customer| *owner == customer)
                    && filter.open.is_none_or(|open| held.is_open() == open)
                    && filter.renewal.is_none_or(|one| held.is_renewal() == one)
                    && filter
                        .subscription
                        .is_none_or(|id| held.subscription == Some(id))
            });
            Ok(cut(rows, page).map(|(owner, held)| (owner, held.clone())))
        })
    }

    async fn get_invoice(
        &self,
        id: InvoiceId,
    ) -> Result<Option<(CustomerId, Invoice)>, StoreError> {
        self.call(Call::Read, |state| {
            let found = invoice(&state.books, id);
            Ok(found.map(|(owner, held)| (owner, held.clone())))
        })
    }

    async fn list_changes(
        &self,
        filter: ChangeFilter,
        page: PageAsk,
    ) -> Result<Page<Change>, StoreError> {
        self.call(Call::Read, |state| {
            let books = &state.books;
            let rows = newest_first(&books.changes, page);
            let rows = rows.filter_map(|(id, _)| change(books, *id));
            let rows = rows.filter(|held| {
                filter.customer.is_none_or(|id| held.customer == id)
                    && filter.open.is_none_or(|open| held.state.is_open() == open)
                    && filter
                        .subscription
                        .is_none_or(|id| held.quote.subscription == id)
            });
            Ok(cut(rows, page).map(Clone::clone))
        })
    }

    async fn get_change(&self, id: ChangeId) -> Result<Option<Change>, StoreError> {
        self.call(Call::Read, |state| Ok(change(&state.books, id).cloned()))
    }

    async fn list_licenses(
        &self,
        customer: Option<CustomerId>,
        page: PageAsk,
    ) -> Result<Page<(CustomerId, License)>, StoreError> {
        self.call(Call::Read, |state| {
            let books = &state.books;
            let rows = newest_first(&books.licenses, page);
            let rows = rows.filter(|(_, owner)| customer.is_none_or(|id| **owner == id));
            let rows = rows.filter_map(|(id, owner)| {
                let held = books.shelves.get(owner)?.licenses.get(id)?;
                Some((*owner, held))
            });
            Ok(cut(rows, page).map(|(owner, held)| (owner, held.clone())))
        })
    }

    async fn list_parked(
        &self,
        reason: Option<ParkReason>,
        page: PageAsk,
    ) -> Result<Page<Parked>, StoreError> {
        self.call(Call::Read, |state| {
            let rows = newest_first(&state.mail.parked, page).map(|(_, parked)| parked);
            let rows = rows.filter(|held| reason.is_none_or(|reason| held.reason == reason));
            Ok(cut(rows, page).map(Clone::clone))
        })
    }

    async fn get_parked(&self, id: ParkedId) -> Result<Option<Parked>, StoreError> {
        self.call(Call::Read, |state| Ok(state.mail.parked.get(&id).cloned()))
    }

    async fn list_journal(
        &self,
        customer: CustomerId,
        page: PageAsk,
    ) -> Result<Page<JournalEntry>, StoreError> {
        self.call(Call::Read, |state| {
            let first = (customer, JournalId::from(Uuid::nil()));
            let end = page.after.map_or_else(
                || Bound::Included((customer, JournalId::from(Uuid::max()))),
                |after| Bound::Excluded((customer, JournalId::from(after))),
            );
            let entries = state.books.journal.range((Bound::Included(first), end));
            Ok(cut(entries.rev().map(|(_, entry)| entry), page).map(Clone::clone))
        })
    }

    async fn list_events(
        &self,
        filter: EventFilter,
        page: PageAsk,
    ) -> Result<Page<JournalEntry>, StoreError> {
        self.call(Call::Read, |state| {
            let all = state.books.journal.iter();
            let all: BTreeMap<JournalId, &JournalEntry> =
                all.map(|((_, id), entry)| (*id, entry)).collect();
            let rows = newest_first(&all, page).map(|(_, entry)| *entry);
            let rows = rows.filter(|held| {
                filter.customer.is_none_or(|id| held.customer == id)
                    && filter.event.is_none_or(|event| held.event == event)
            });
            Ok(cut(rows, page).map(Clone::clone))
        })
    }

    async fn walk_inbox(
        &self,
        after: Option<InboxId>,
        limit: u16,
    ) -> Result<Vec<KeptDelivery>, StoreError> {
        self.call(Call::Read, |state| {
            let rows = state.mail.inbox.range(beyond(after));
            let rows = rows.take(usize::from(limit));
            Ok(rows.map(|(id, row)| kept(*id, row)).collect())
        })
    }

    async fn has_received(
        &self,
        account: &ProviderAccount,
        event_id: &str,
    ) -> Result<bool, StoreError> {
        self.call(Call::Read, |state| Ok(state.mail.knows(account, event_id)))
    }

    async fn holdings(&self) -> Result<Vec<Holding>, StoreError> {
        self.call(Call::Read, |state| Ok(holdings(&state.books)))
    }
}

/// A page of what `rows` gives, and whether there is more.
pub(super) struct Cut<T> {
    rows: Vec<T>,
    more: bool,
}

impl<T> Cut<T> {
    pub(super) fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(change).collect(),
            more: self.more,
        }
    }
}

pub(super) fn cut<T>(mut rows: impl Iterator<Item = T>, page: PageAsk) -> Cut<T> {
    let taken = rows.by_ref().take(usize::from(page.limit)).collect();
    Cut {
        rows: taken,
        more: rows.next().is_some(),
    }
}

pub(super) fn newest_first<K: Id + Ord, V>(
    rows: &BTreeMap<K, V>,
    page: PageAsk,
) -> impl Iterator<Item = (&K, &V)> {
    let end = page
        .after
        .map_or(Bound::Unbounded, |after| Bound::Excluded(K::from(after)));
    rows.range((Bound::Unbounded, end)).rev()
}

fn invoice(books: &Books, id: InvoiceId) -> Option<(CustomerId, &Invoice)> {
    let owner = books.invoices.get(&id)?;
    let held = books.shelves.get(owner)?.invoices.get(&id)?;
    Some((*owner, held))
}

fn change(books: &Books, id: ChangeId) -> Option<&Change> {
    let owner = books.changes.get(&id)?;
    books.shelves.get(owner)?.changes.get(&id)
}

fn holdings(books: &Books) -> Vec<Holding> {
    let mut held: BTreeMap<_, u64> = BTreeMap::new();
    let mut count = |plan, price| {
        let holders = held.entry((plan, price)).or_default();
        *holders = holders.saturating_add(1);
    };
    for shelf in books.shelves.values() {
        for subscription in shelf.subscriptions.values().filter(|held| !held.is_over()) {
            let terms = &subscription.terms;
            count(terms.plan.clone(), terms.price.clone());
        }
        // There is no clock here: a grant is over when its end lies before the
        // latest instant that any commit has named.
        let live = shelf.grants.values().filter(|grant| {
            grant
                .ends_at
                .is_none_or(|end| books.latest.is_none_or(|now| now < end))
        });
        let plans: BTreeSet<_> = live.map(|grant| &grant.plan).collect();
        for plan in plans {
            count(plan.clone(), None);
        }
    }
    held.into_iter()
        .map(|((plan, price), holders)| Holding {
            plan,
            price,
            holders,
        })
        .collect()
}

fn kept(id: InboxId, row: &InboxRow) -> KeptDelivery {
    KeptDelivery {
        id,
        delivery: Delivery {
            body: bytes::Bytes::new(),
            ..row.delivery.clone()
        },
        linked: row.linked,
        received_at: row.received_at,
        state: match row.state {
            RowState::Waiting => KeptState::Waiting,
            RowState::Parked => KeptState::Parked,
            // Only effects are given up.
            RowState::Done | RowState::Dead => KeptState::Decided,
            RowState::Discarded => KeptState::Discarded,
        },
    }
}
