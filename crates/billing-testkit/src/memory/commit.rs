//! `commit`: everything is checked first, then everything is written.

use std::collections::BTreeSet;

use billing_domain::ids::CustomerId;
use billing_ports::store::{Changes, Commit, CommitError, Locator, Resolution, Revision, Taken};

use super::State;
use super::mail::Awaited;
use super::snapshot::RowState;

impl State {
    pub(super) fn commit(&mut self, commit: Commit) -> Result<Revision, CommitError> {
        self.check(&commit)?;
        let owner = commit.customer;
        let news = self.news(owner, &commit.changes);
        let revision = self
            .books
            .write(owner, commit.changes)
            .ok_or(CommitError::Conflict)?;
        if commit.claim.is_some() {
            self.books.due.end_claim(owner);
        }
        self.books.due.set_due(owner, commit.wake_at);
        self.books.latest = self.books.latest.max(Some(commit.at));
        let journal = commit.journal.into_iter();
        self.books
            .journal
            .extend(journal.map(|entry| ((entry.customer, entry.id), entry)));
        for effect in commit.effects {
            self.mail.order(owner, effect);
        }
        for mark in commit.inbox {
            let parked = mark.parked;
            let state = if parked {
                RowState::Parked
            } else {
                RowState::Done
            };
            self.mail.settle_inbox(mark.id, state);
        }
        for mark in commit.outbox {
            let state = if mark.dead {
                RowState::Dead
            } else {
                RowState::Done
            };
            self.mail.settle_outbox(mark.id, state, commit.at);
        }
        for reply in commit.replies {
            self.mail.store(reply.id, reply.delivery, commit.at, true);
        }
        // What waited is woken before this commit's own rows are set aside, so
        // that no row wakes itself.
        for awaited in news {
            self.mail.made_known(&awaited, commit.at);
        }
        for parked in commit.parked {
            self.mail.park(parked);
        }
        for solved in commit.solved {
            self.mail.resolve(solved, Resolution::Discard, commit.at);
        }
        Ok(revision)
    }

    fn check(&self, commit: &Commit) -> Result<(), CommitError> {
        let held = self.books.shelves.get(&commit.customer);
        let revision = held.map(|shelf| shelf.revision);
        let makes_itself = revision.is_some() || commit.changes.customer.is_some();
        if revision != commit.expected || !makes_itself {
            return Err(CommitError::Conflict);
        }
        self.check_claims(commit)?;
        let taken = |what| CommitError::Taken { what };
        self.books
            .check(commit.customer, &commit.changes)
            .map_err(taken)?;
        let keys: BTreeSet<_> = commit.effects.iter().map(|new| &new.effect.key).collect();
        let doubled = keys.len() != commit.effects.len();
        if doubled || keys.into_iter().any(|key| self.mail.knows_key(key)) {
            return Err(taken(Taken::EffectKey));
        }
        let replies = commit.replies.iter().map(|reply| &reply.delivery);
        let known = replies
            .clone()
            .any(|delivery| self.mail.knows_event(delivery));
        let events: BTreeSet<_> = replies
            .map(|delivery| (&delivery.account, &delivery.event_id))
            .collect();
        if known || events.len() != commit.replies.len() {
            return Err(taken(Taken::Delivery));
        }
        // Names of one customer's own things: whoever loads again finds them.
        if self.books.is_doubled(commit.customer, &commit.changes) {
            return Err(CommitError::Conflict);
        }
        Ok(())
    }

    fn check_claims(&self, commit: &Commit) -> Result<(), CommitError> {
        let customer = commit
            .claim
            .is_none_or(|fence| self.books.due.holds(commit.customer, fence));
        let inbox = commit
            .inbox
            .iter()
            .all(|mark| self.mail.inbox_queue.holds(mark.id, mark.fence));
        let outbox = commit
            .outbox
            .iter()
            .all(|mark| self.mail.outbox_queue.holds(mark.id, mark.fence));
        if customer && inbox && outbox {
            Ok(())
        } else {
            Err(CommitError::ClaimLost)
        }
    }

    /// What these changes make known that was not known before.
    fn news(&self, owner: CustomerId, changes: &Changes) -> Vec<Awaited> {
        let unknown = |by: &Locator| self.books.find(by).is_none();
        let mut news = Vec::new();
        if unknown(&Locator::Customer(owner)) {
            news.push(Awaited::Customer(owner));
        }
        for checkout in &changes.checkouts {
            if unknown(&Locator::Checkout(checkout.id)) {
                news.push(Awaited::Checkout(checkout.id));
            }
        }
        for held in &changes.refs {
            if unknown(&Locator::Provider(held.clone())) {
                news.push(Awaited::Provider(held.clone()));
            }
        }
        news
    }
}
