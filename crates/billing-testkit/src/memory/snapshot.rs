//! Everything that a memory store holds, for assertions.

use billing_domain::customer::Account;
use billing_domain::effect::Effect;
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::journal::JournalEntry;
use billing_domain::parked::Parked;
use billing_domain::time::Timestamp;
use billing_ports::delivery::Delivery;
use billing_ports::store::Revision;

use super::State;
use super::books::Shelf;

/// Everything that a memory store holds, as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Every customer with everything, open and closed, by id.
    pub accounts: Vec<HeldAccount>,
    /// What happened, by customer, oldest first.
    pub journal: Vec<JournalEntry>,
    /// Every delivery, settled ones included, by id.
    pub inbox: Vec<HeldDelivery>,
    /// Every effect that has not been swept away, by id.
    pub outbox: Vec<HeldEffect>,
    /// What waits for a person, by id.
    pub parked: Vec<Parked>,
}

/// A customer, as held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAccount {
    /// The customer with everything, open and closed.
    pub account: Account,
    /// How often it has been changed.
    pub revision: Revision,
    /// When something next falls due. `None`: nothing ever does.
    pub wake_at: Option<Timestamp>,
}

/// A row of the inbox, as held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDelivery {
    /// The row's id.
    pub id: InboxId,
    /// What arrived; its body is empty once it has been swept.
    pub delivery: Delivery,
    /// The customer that it was linked to by hand.
    pub linked: Option<CustomerId>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// How often it has been released, counted.
    pub attempts: u16,
    /// How far it has come.
    pub state: RowState,
}

/// A row of the outbox, as held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEffect {
    /// Whose effect.
    pub customer: CustomerId,
    /// What is to be done, or was.
    pub effect: Effect,
    /// How often it has been tried without an answer.
    pub attempts: u16,
    /// How far it has come.
    pub state: RowState,
}

/// How far a row of a queue has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// To be claimed, or claimed.
    Waiting,
    /// Set aside for a person.
    Parked,
    /// Given up; a person may have it tried again.
    Dead,
    /// Settled.
    Done,
    /// A row of the inbox of which a person decided that nothing is to be done.
    Discarded,
}

impl Snapshot {
    /// Whether nothing is left to be worked off: no row of either queue waits.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let waits = |state| state == RowState::Waiting;
        !self.inbox.iter().any(|row| waits(row.state))
            && !self.outbox.iter().any(|row| waits(row.state))
    }

    /// The customer with this id.
    #[must_use]
    pub fn account(&self, id: CustomerId) -> Option<&HeldAccount> {
        let mut accounts = self.accounts.iter();
        accounts.find(|held| held.account.customer.id == id)
    }

    pub(super) fn of(state: &State) -> Self {
        let (books, mail) = (&state.books, &state.mail);
        let shelves = books.shelves.iter();
        Self {
            accounts: shelves
                .map(|(id, shelf)| HeldAccount {
                    account: account_of(shelf),
                    revision: shelf.revision,
                    wake_at: books.due.due(*id),
                })
                .collect(),
            journal: books.journal.values().cloned().collect(),
            inbox: mail
                .inbox
                .iter()
                .map(|(id, row)| HeldDelivery {
                    id: *id,
                    delivery: row.delivery.clone(),
                    linked: row.linked,
                    received_at: row.received_at,
                    attempts: mail.inbox_queue.attempts(*id),
                    state: row.state,
                })
                .collect(),
            outbox: mail
                .outbox
                .iter()
                .map(|(id, row)| HeldEffect {
                    customer: row.customer,
                    effect: row.effect.clone(),
                    attempts: mail.outbox_queue.attempts(*id),
                    state: row.state,
                })
                .collect(),
            parked: mail.parked.values().cloned().collect(),
        }
    }
}

fn account_of(shelf: &Shelf) -> Account {
    Account {
        customer: shelf.customer.clone(),
        subscriptions: shelf.subscriptions.values().cloned().collect(),
        grants: shelf.grants.values().cloned().collect(),
        checkouts: shelf.checkouts.values().cloned().collect(),
        invoices: shelf.invoices.values().cloned().collect(),
        changes: shelf.changes.values().cloned().collect(),
        licenses: shelf.licenses.values().cloned().collect(),
    }
}
