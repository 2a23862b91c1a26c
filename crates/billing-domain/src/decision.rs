//! What a decision says: new values, effects to perform, journal to keep, and
//! what was set aside. Nothing is left to choose when it is carried out.

use std::collections::BTreeMap;

use crate::customer::Account;
use crate::effect::{Effect, EffectKey, Order};
use crate::fact::{Fact, Link, Observed};
use crate::ids::{EffectId, IdSeq, InvoiceId, JournalId, ParkedId, SubscriptionId, UsagePeriodId};
use crate::journal::{Event, JournalEntry, sequence};
use crate::parked::{ParkReason, Parked};
use crate::provider::ProviderRef;
use crate::time::{Timestamp, shifted};
use crate::usage::{Beside, Figures};
use jiff::SignedDuration;

/// Everything that a decision says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The customer as it is from now on.
    pub account: Account,
    /// What is to be done in the world.
    pub effects: Vec<Effect>,
    /// What happened.
    pub journal: Vec<JournalEntry>,
    /// What was set aside.
    pub parked: Vec<Parked>,
    /// What was set aside before, and has been solved since.
    pub solved: Vec<ParkedId>,
    /// What is to be read when a person has something of that looked at again.
    pub unread: Vec<Unread>,
}

/// Something set aside that reading an object anew may settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What was set aside.
    pub parked: ParkedId,
    /// The hint to read the object, as old as what was told of it.
    pub hint: Observed,
}

impl Decision {
    /// Numbers what happened, in the journal as where it is told. `revision` is how often the
    /// customer has been changed once this is committed.
    #[must_use]
    pub fn numbered(mut self, revision: u64) -> Self {
        let told = self.effects.iter_mut().filter_map(|held| {
            if let Order::Notify { entries } = &mut held.order {
                Some(entries)
            } else {
                None
            }
        });
        for entries in told.chain(std::iter::once(&mut self.journal)) {
            for (index, entry) in entries.iter_mut().enumerate() {
                entry.sequence = Some(sequence(revision, index));
            }
        }
        self
    }
}

/// A decision in the making: the account, what came of it so far, and `now`.
///
/// Decisions about one customer follow one another on one draft, so that each
/// sees what those before it decided.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The customer as decided so far.
    pub account: Account,
    now: Timestamp,
    ids: IdSeq,
    actor: Option<String>,
    reason: Option<String>,
    effects: Vec<Effect>,
    journal: Vec<JournalEntry>,
    parked: Vec<Parked>,
    solved: Vec<ParkedId>,
    unread: Vec<Unread>,
    /// What was used in periods that nothing is added to any more.
    sealed: BTreeMap<UsagePeriodId, Figures>,
    /// What was used so far in periods that are open.
    used: BTreeMap<UsagePeriodId, Figures>,
    /// What others hold for the customer.
    beside: Beside,
    /// Whether it is only imagined: nothing is ordered, noted or set aside.
    imagined: bool,
}

impl Draft {
    /// Begins at `now` with the account as loaded; ids are drawn from `ids`.
    /// `actor` is who asked for it; `None`: the engine by itself.
    #[must_use]
    pub const fn new(account: Account, ids: IdSeq, now: Timestamp, actor: Option<String>) -> Self {
        Self {
            account,
            now,
            ids,
            actor,
            reason: None,
            effects: Vec::new(),
            journal: Vec::new(),
            parked: Vec::new(),
            solved: Vec::new(),
            unread: Vec::new(),
            sealed: BTreeMap::new(),
            used: BTreeMap::new(),
            beside: Beside {
                subscriptions: Vec::new(),
                grants: Vec::new(),
            },
            imagined: false,
        }
    }

    /// Notes with everything that somebody asked for, before and after this, why they did.
    /// `None`: nobody said.
    #[must_use]
    pub fn because(mut self, reason: Option<&str>) -> Self {
        self.reason = reason.map(str::to_owned);
        for entry in self.journal.iter_mut().filter(|held| held.actor.is_some()) {
            entry.reason.clone_from(&self.reason);
        }
        self
    }

    /// Begins to imagine, from `now` on, what the same decisions would make of an
    /// account. Nothing is ordered, noted or set aside, and nobody is to keep it.
    pub(crate) const fn imagined(account: Account, ids: IdSeq, now: Timestamp) -> Self {
        let mut draft = Self::new(account, ids, now, None);
        draft.imagined = true;
        draft
    }

    /// The imagined clock goes on to `now`, and never back.
    pub(crate) fn imagine_at(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// The instant of the decision.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// What was used in a period, to which nothing is added any more.
    pub fn know_sealed(&mut self, period: UsagePeriodId, figures: Figures) {
        self.sealed.insert(period, figures);
    }

    /// What was used so far in a period that is open, as it was read for this decision.
    pub fn know_used(&mut self, period: UsagePeriodId, figures: Figures) {
        self.used.insert(period, figures);
    }

    /// What others hold for the customer, as it was read.
    pub fn know_beside(&mut self, beside: Beside) {
        self.beside = beside;
    }

    /// What others hold for the customer.
    pub(crate) const fn beside(&self) -> &Beside {
        &self.beside
    }

    /// What was used in a period that is sealed. `None`: it is not known to be.
    pub(crate) fn sealed(&self, period: UsagePeriodId) -> Option<&Figures> {
        self.sealed.get(&period)
    }

    /// What was used so far in each period that is open, as far as it was read.
    pub(crate) const fn used(&self) -> &BTreeMap<UsagePeriodId, Figures> {
        &self.used
    }

    /// Whether nobody is to keep it.
    pub(crate) const fn is_imagined(&self) -> bool {
        self.imagined
    }

    /// A new id of any kind.
    pub fn id<T: crate::ids::Id>(&mut self) -> T {
        self.ids.draw()
    }

    /// Orders something under a key, at once.
    pub fn order(&mut self, key: EffectKey, order: Order) -> EffectId {
        let id = self.id();
        self.order_as(id, key, order);
        id
    }

    /// Whether this very decision has asked for this already.
    pub(crate) fn has_asked(&self, verb: &str, subscription: SubscriptionId) -> bool {
        let begins = format!("{verb}:{subscription}:");
        let mut keys = self.effects.iter().map(|effect| effect.key.as_str());
        keys.any(|key| key.starts_with(&begins))
    }

    /// Orders something of a subscription that its provider runs, at once: asked for
    /// again, it is another order.
    pub fn ask(&mut self, verb: &str, subscription: SubscriptionId, order: Order) -> EffectId {
        let id = self.id();
        let key = EffectKey::subscription(verb, subscription, id);
        self.order_as(id, key, order);
        id
    }

    /// As [`Self::ask`], `wait` later.
    pub fn ask_later(
        &mut self,
        verb: &str,
        subscription: SubscriptionId,
        order: Order,
        wait: SignedDuration,
    ) -> EffectId {
        let id = self.ask(verb, subscription, order);
        if let Some(effect) = self.effects.last_mut().filter(|held| held.id == id) {
            effect.due_at = shifted(self.now, wait);
        }
        id
    }

    fn order_as(&mut self, id: EffectId, key: EffectKey, order: Order) {
        if !self.imagined {
            self.effects.push(Effect {
                id,
                key,
                order,
                due_at: self.now,
            });
        }
    }

    /// Notes that something happened; the entry's details are filled in by `detail`.
    pub fn note(&mut self, event: Event, detail: impl FnOnce(&mut JournalEntry)) {
        if self.imagined {
            return;
        }
        let mut entry = JournalEntry {
            id: self.id::<JournalId>(),
            customer: self.account.customer.id,
            event,
            at: self.now,
            actor: self.actor.clone(),
            reason: self.actor.as_ref().and(self.reason.clone()),
            subscription: None,
            invoice: None,
            checkout: None,
            grant: None,
            change: None,
            license: None,
            money: None,
            renewal: None,
            plan_before: None,
            note: None,
            sequence: None,
        };
        detail(&mut entry);
        self.journal.push(entry);
    }

    /// Whether this decision has noted that it happened to a subscription.
    pub(crate) fn noted(&self, event: Event, subscription: SubscriptionId) -> bool {
        let mut noted = self.journal.iter();
        noted.any(|entry| entry.event == event && entry.subscription == Some(subscription))
    }

    /// Adds to what was just noted of the settlement of `invoice`, if it was.
    pub(crate) fn remark_settled(&mut self, invoice: InvoiceId, remark: &str) {
        let mut newest = self.journal.iter_mut().rev();
        let settled = newest
            .find(|entry| entry.event == Event::InvoiceSettled && entry.invoice == Some(invoice));
        if let Some(entry) = settled {
            entry.note = Some(remark.to_owned());
        }
    }

    /// Sets something aside for a person, and notes it; gives its name. `None`: it is
    /// only imagined.
    pub fn park(&mut self, reason: ParkReason, evidence: String) -> Option<ParkedId> {
        if self.imagined {
            return None;
        }
        let parked = Parked {
            id: self.id::<ParkedId>(),
            reason,
            customer: Some(self.account.customer.id),
            inbox: None,
            effect: None,
            evidence,
            at: self.now,
        };
        let id = parked.id;
        self.parked.push(parked);
        self.note(Event::EventParked, |entry| {
            entry.note = Some(reason.as_str().to_owned());
        });
        Some(id)
    }

    /// Nobody has to look any more at what was set aside under this name.
    pub fn solve(&mut self, parked: ParkedId) {
        if !self.imagined {
            self.solved.push(parked);
        }
    }

    /// Sets an effect aside that was refused or given up, so that it can be retried; gives
    /// its name. `None`: it is only imagined.
    pub fn park_effect(
        &mut self,
        reason: ParkReason,
        effect: EffectId,
        evidence: String,
    ) -> Option<ParkedId> {
        let name = self.park(reason, evidence)?;
        if let Some(parked) = self.parked.last_mut() {
            parked.effect = Some(effect);
        }
        Some(name)
    }

    /// Sets aside what was told of an object at `told_at`, so that the object can be
    /// read anew: by then what was not known may be.
    pub fn park_unread(
        &mut self,
        reason: ParkReason,
        object: ProviderRef,
        told_at: Timestamp,
        evidence: String,
    ) {
        self.park(reason, evidence);
        let Some(parked) = self.parked.last().filter(|_| !self.imagined) else {
            return;
        };
        let link = Link {
            customer: Some(self.account.customer.id),
            refs: vec![object.clone()],
            ..Link::default()
        };
        let hint = Observed {
            fact: Fact::Hinted { object },
            at: told_at,
            link,
        };
        self.unread.push(Unread {
            parked: parked.id,
            hint,
        });
    }

    /// Ends the draft. With `listeners`, what happened is ordered to be told.
    #[must_use]
    pub fn finish(self, listeners: bool) -> Decision {
        self.telling(|_| listeners)
    }

    /// As [`Self::finish`], where nobody is to hear of what happened. That a dearer price
    /// comes is told all the same: a notice that nobody got is none.
    #[must_use]
    pub fn finish_untold(self, listeners: bool) -> Decision {
        self.telling(|entry| listeners && entry.event == Event::PriceChangeUpcoming)
    }

    fn telling(mut self, tells: impl Fn(&JournalEntry) -> bool) -> Decision {
        let told = self.journal.iter().filter(|entry| tells(entry));
        let entries: Vec<JournalEntry> = told.cloned().collect();
        if !entries.is_empty() {
            let id = self.id();
            let order = Order::Notify { entries };
            self.effects.push(Effect {
                id,
                key: EffectKey::notify(id),
                order,
                due_at: self.now,
            });
        }
        Decision {
            account: self.account,
            effects: self.effects,
            journal: self.journal,
            parked: self.parked,
            solved: self.solved,
            unread: self.unread,
        }
    }
}
