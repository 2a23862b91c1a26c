//! One customer with a claimed row in every queue, and the commits that settle them.

use billing_ports::Store;
use billing_ports::store::{
    Commit, DueCustomer, InboxItem, InboxMark, Loaded, NewEffect, OutboxItem, OutboxMark, Revision,
};

use super::support::{
    claim_inbox, claim_outbox, everything, newcomer, receive_and_claim, reload, second,
};
use crate::fixtures::{Maker, next_commit};

/// One claimed row of every queue, all of one customer.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    pub(super) due: DueCustomer,
    pub(super) inbox: InboxItem,
    pub(super) outbox: OutboxItem,
}

impl Claims {
    pub(super) fn with_due(self, other: &Self) -> Self {
        Self {
            due: other.due,
            ..self
        }
    }

    pub(super) fn with_inbox(self, other: &Self) -> Self {
        Self {
            inbox: other.inbox.clone(),
            ..self
        }
    }

    pub(super) fn with_outbox(self, other: &Self) -> Self {
        Self {
            outbox: other.outbox.clone(),
            ..self
        }
    }

    pub(super) const fn inbox_mark(&self, parked: bool) -> InboxMark {
        InboxMark {
            id: self.inbox.id,
            fence: self.inbox.fence,
            parked,
        }
    }

    pub(super) const fn outbox_mark(&self, dead: bool) -> OutboxMark {
        OutboxMark {
            id: self.outbox.effect.id,
            fence: self.outbox.fence,
            dead,
        }
    }

    pub(super) fn settling(&self, held: &Loaded, dead: bool) -> Commit {
        Commit {
            claim: Some(self.due.fence),
            inbox: vec![self.inbox_mark(false)],
            outbox: vec![self.outbox_mark(dead)],
            ..next_commit(held, &held.account, second(61))
        }
    }

    pub(super) fn settling_only_due(&self, held: &Loaded) -> Commit {
        Commit {
            inbox: Vec::new(),
            outbox: Vec::new(),
            ..self.settling(held, false)
        }
    }

    pub(super) fn settling_only_inbox(&self, held: &Loaded) -> Commit {
        Commit {
            claim: None,
            outbox: Vec::new(),
            ..self.settling(held, false)
        }
    }

    pub(super) fn settling_only_outbox(&self, held: &Loaded) -> Commit {
        Commit {
            claim: None,
            inbox: Vec::new(),
            ..self.settling(held, false)
        }
    }
}

/// A customer with one row in every queue, each claimed at `now`. The customer
/// has revision 2.
pub(super) async fn all_claimed(store: &dyn Store, make: &mut Maker, now: i64) -> (Loaded, Claims) {
    let held = newcomer(store, make).await;
    let mut commit = next_commit(&held, &held.account, second(0));
    commit.wake_at = Some(second(0));
    commit.effects.push(NewEffect {
        effect: make.effect(),
        leased_until: None,
    });
    store.commit(commit).await.expect("the revision is present");
    let delivery = make.delivery();
    let inbox = receive_and_claim(store, make, delivery).await;
    let loaded = reload(store, &held.account).await;
    assert_eq!(loaded.revision, Revision(2));
    let mut claims = claim_rest(store, now).await;
    let due = claims.0.pop().expect("the customer is due");
    let outbox = claims.1.pop().expect("the effect is due");
    (loaded, Claims { due, inbox, outbox })
}

/// Everything again, by another worker, after the leases have run out.
pub(super) async fn claim_again(store: &dyn Store, now: i64) -> Claims {
    let (mut due, mut outbox) = claim_rest(store, now).await;
    let mut inbox = claim_inbox(store, second(now)).await;
    Claims {
        due: due.pop().expect("the customer is due"),
        inbox: inbox.pop().expect("the row waits"),
        outbox: outbox.pop().expect("the effect is due"),
    }
}

async fn claim_rest(store: &dyn Store, now: i64) -> (Vec<DueCustomer>, Vec<OutboxItem>) {
    let due = store.claim_due(everything(second(now))).await;
    (
        due.expect("it answers"),
        claim_outbox(store, second(now)).await,
    )
}
