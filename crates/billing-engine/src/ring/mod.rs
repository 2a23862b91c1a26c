//! The ring: receive, decide, commit, perform.
//!
//! Only `commit` writes, only `perform` calls the world, the world answers only
//! through `receive`, and no transaction is held across a call.

mod answered;
mod doors;
mod due;
mod failure;
mod group;
mod hints;
mod inbox;
mod intake;
mod listed;
mod perform;
mod reconcile;
mod retry;
mod told;
mod wanted;
mod whose;
mod work;

use billing_domain::catalog::CatalogRevision;
use billing_domain::customer::Account;
use billing_domain::decide::{follow_usage, keep_promises};
use billing_domain::effect::Effect;
use billing_domain::fact::Fact;
use billing_domain::ids::{CustomerId, InboxId, UsagePeriodId};
use billing_domain::time::{Timestamp, shifted};
use billing_domain::usage::Figures;
use billing_domain::{Decision, Draft, Unread};
use billing_ports::store::{
    Also, Changes, Commit, CommitError, Fence, InboxMark, NewEffect, NewReply, OutboxMark,
    StoreError,
};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;

pub(crate) use doors::Doors;
pub(crate) use group::READ;
pub(crate) use inbox::also_of;
pub use intake::IntakeError;
pub(crate) use listed::Sweeps;
pub use listed::{
    Adopted, Adoptee, Adopting, Adoption, Difference, LostEvent, Reread, RereadError,
};
pub(crate) use perform::Performed;
pub(crate) use reconcile::LastRead;
pub use reconcile::Reconciled;
pub(crate) use whose::Whose;
pub use work::WorkDone;

use crate::billing::Parts;
use crate::error::EngineError;
use crate::limits::{DUE_RETRY, MAX_OVERTAKEN};

/// One decision about one customer, and what it settles.
#[derive(Debug, Clone)]
pub(crate) struct Deciding {
    customer: CustomerId,
    also: Also,
    actor: Option<String>,
    claim: Option<Fence>,
    lease_effects_until: Option<Timestamp>,
    inbox: Vec<InboxMark>,
    outbox: Vec<OutboxMark>,
    replies: Vec<(InboxId, Delivery)>,
    /// Listeners are not told of it.
    untold: bool,
    /// What was used so far is read with the customer.
    with_use: bool,
}

impl Deciding {
    pub(crate) fn about(customer: CustomerId) -> Self {
        Self {
            customer,
            also: Also::default(),
            actor: None,
            claim: None,
            lease_effects_until: None,
            inbox: Vec::new(),
            outbox: Vec::new(),
            replies: Vec::new(),
            untold: false,
            with_use: false,
        }
    }

    /// Who asked for it.
    pub(crate) fn by(mut self, actor: Option<&str>) -> Self {
        self.actor = actor.map(str::to_owned);
        self
    }

    /// Loads these closed things too.
    pub(crate) fn with(mut self, also: Also) -> Self {
        self.also = also;
        self
    }

    /// Listeners are not told of it.
    pub(crate) const fn untold(mut self) -> Self {
        self.untold = true;
        self
    }

    /// What was used so far in the periods that are open is read too, each time that the
    /// customer is: what is decided is held against it.
    pub(crate) const fn with_use(mut self) -> Self {
        self.with_use = true;
        self
    }

    /// The customer is claimed; the commit ends the claim.
    pub(crate) const fn claimed(mut self, claim: Fence) -> Self {
        self.claim = Some(claim);
        self
    }

    /// The effects are performed by the caller, until this instant.
    pub(crate) const fn leasing_until(mut self, instant: Timestamp) -> Self {
        self.lease_effects_until = Some(instant);
        self
    }

    /// This was read to decide, and is received with what is decided.
    pub(crate) fn replying(mut self, id: InboxId, delivery: Delivery) -> Self {
        self.replies.push((id, delivery));
        self
    }

    fn settles_anything(&self) -> bool {
        self.claim.is_some()
            || !self.inbox.is_empty()
            || !self.outbox.is_empty()
            || !self.replies.is_empty()
    }
}

/// A decision that was committed.
pub(crate) struct Decided<T> {
    /// What the decision said besides.
    pub(crate) said: T,
    /// The effects, as committed.
    pub(crate) effects: Vec<Effect>,
}

/// Why a decision about a claimed thing was not committed.
pub(crate) enum DecideError<E> {
    /// The decision itself refused.
    Refused(E),
    /// The customer does not exist.
    NoCustomer,
    /// The claim has passed to another worker, or the reply is known: nothing is left to do.
    Overtaken,
    /// The engine failed.
    Engine(EngineError),
}

impl<E> From<StoreError> for DecideError<E> {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Parts {
    /// Loads a customer, decides, commits; decides anew when another's commit
    /// came first.
    pub(crate) async fn decide<T, E: From<EngineError>>(
        &self,
        deciding: &Deciding,
        decision: impl Fn(&mut Draft, &CatalogRevision) -> Result<T, E>,
    ) -> Result<Decided<T>, E> {
        self.try_decide(deciding, decision)
            .await
            .map_err(|error| match error {
                DecideError::Refused(refusal) => refusal,
                DecideError::Engine(error) => error.into(),
                DecideError::NoCustomer | DecideError::Overtaken => EngineError::Contended.into(),
            })
    }

    /// As [`Self::decide`], for what workers do: tells being overtaken from failing.
    pub(crate) async fn try_decide<T, E>(
        &self,
        deciding: &Deciding,
        decision: impl Fn(&mut Draft, &CatalogRevision) -> Result<T, E>,
    ) -> Result<Decided<T>, DecideError<E>> {
        for _ in 0..MAX_OVERTAKEN {
            let now = self.now();
            let catalog = self.catalog(now).await.map_err(DecideError::Engine)?;
            let loaded = self.store.load(deciding.customer, &deciding.also).await?;
            let loaded = loaded.ok_or(DecideError::NoCustomer)?;
            let before = loaded.account.clone();
            let sealed = self.sealed_usage(&before, now).await;
            let beside = self.beside(&before, &catalog.catalog).await;
            let used = self.used_so_far(deciding, &before).await;
            let draft = Draft::new(loaded.account, self.ids(now), now, deciding.actor.clone());
            let mut draft = draft.because(self.reason());
            draft.know_beside(beside.map_err(DecideError::Engine)?);
            for (period, figures) in sealed.map_err(DecideError::Engine)? {
                draft.know_sealed(period, figures);
            }
            for (period, figures) in used.map_err(DecideError::Engine)? {
                draft.know_used(period, figures);
            }
            let said = decision(&mut draft, &catalog).map_err(DecideError::Refused)?;
            // Whatever was decided, the next wake is judged by the catalog in force.
            keep_promises(&mut draft, &catalog);
            follow_usage(&mut draft, &catalog);
            let decision = if deciding.untold {
                draft.finish_untold(self.has_listeners())
            } else {
                draft.finish(self.has_listeners())
            };
            let decision = decision.numbered(loaded.revision.next());
            let effects = decision.effects.clone();
            if decision_is_empty(&before, &decision) && !deciding.settles_anything() {
                return Ok(Decided { said, effects });
            }
            let unread = decision.unread.clone();
            let mut commit = commit_of(deciding, &before, decision, now);
            self.keep_hints(&mut commit, unread);
            commit.expected = Some(loaded.revision);
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.forget(deciding.customer);
                    self.wake.notify_one();
                    return Ok(Decided { said, effects });
                }
                Err(CommitError::Conflict | CommitError::Taken { .. }) => {}
                Err(CommitError::ClaimLost) => return Err(DecideError::Overtaken),
                Err(CommitError::Store(error)) => {
                    // It may have been written all the same.
                    self.forget(deciding.customer);
                    return Err(error.into());
                }
            }
        }
        Err(DecideError::Engine(EngineError::Contended))
    }
}

impl Parts {
    /// What would be decided: as [`Self::decide`], and nothing of it is kept.
    pub(crate) async fn imagine<T, E: From<EngineError>>(
        &self,
        deciding: &Deciding,
        decision: impl Fn(&mut Draft, &CatalogRevision) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let loaded = self.store.load(deciding.customer, &deciding.also).await;
        let loaded = loaded.map_err(EngineError::from)?;
        let loaded = loaded.ok_or(EngineError::Contended)?;
        let mut draft = Draft::new(loaded.account, self.ids(now), now, deciding.actor.clone());
        decision(&mut draft, &catalog)
    }

    /// What was used so far in the periods that are open, where it is to be known.
    async fn used_so_far(
        &self,
        deciding: &Deciding,
        account: &Account,
    ) -> Result<Vec<(UsagePeriodId, Figures)>, EngineError> {
        let mut used = Vec::new();
        if deciding.with_use {
            for held in &account.customer.usage.periods {
                used.push((held.id, self.store.usage_figures(held.id).await?));
            }
        }
        Ok(used)
    }

    /// Keeps the hints of what was set aside as received and settled, so that
    /// replaying one reads its object.
    fn keep_hints(&self, commit: &mut Commit, unread: Vec<Unread>) {
        if unread.is_empty() {
            return;
        }
        let mut ids = self.ids(commit.at);
        for Unread { parked, hint } in unread {
            let row = commit.parked.iter_mut().find(|held| held.id == parked);
            let (Some(row), Fact::Hinted { object }) = (row, &hint.fact) else {
                continue;
            };
            let id: InboxId = ids.draw();
            row.inbox = Some(id);
            let delivery = Delivery {
                account: object.account.clone(),
                event_id: format!("parked:{parked}"),
                kind: format!("parked.{}", object.kind.as_str()),
                reading: Reading::Facts(vec![hint]),
                body: Bytes::new(),
            };
            commit.replies.push(NewReply { id, delivery });
        }
    }

    /// Whatever was held of a customer is wrong from now on.
    fn forget(&self, customer: CustomerId) {
        self.asked.forget(customer);
        self.gates.forget(customer);
        self.recent.forget(customer);
    }
}

fn decision_is_empty(before: &Account, decision: &Decision) -> bool {
    *before == decision.account
        && decision.effects.is_empty()
        && decision.journal.is_empty()
        && decision.parked.is_empty()
        && decision.solved.is_empty()
}

fn commit_of(deciding: &Deciding, before: &Account, decision: Decision, now: Timestamp) -> Commit {
    // What stays due after it was decided waits a little: no loop turns in place.
    let wake_at = decision.account.wake_at();
    let stuck = deciding.claim.is_some() && wake_at.is_some_and(|at| at <= now);
    let wake_at = if stuck {
        Some(shifted(now, DUE_RETRY))
    } else {
        wake_at
    };
    // An effect is dead when it waits for a person; else nothing holds its row any more.
    let parked = &decision.parked;
    let dead = |mark: &OutboxMark| parked.iter().any(|held| held.effect == Some(mark.id));
    let outbox = deciding.outbox.iter().map(|mark| OutboxMark {
        dead: dead(mark),
        ..*mark
    });
    Commit {
        customer: deciding.customer,
        expected: None,
        claim: deciding.claim,
        outbox: outbox.collect(),
        changes: Changes::between(Some(before), &decision.account),
        wake_at,
        journal: decision.journal,
        effects: new_effects(decision.effects, deciding.lease_effects_until),
        parked: decision.parked,
        solved: decision.solved,
        inbox: deciding.inbox.clone(),
        replies: deciding
            .replies
            .iter()
            .map(|(id, delivery)| NewReply {
                id: *id,
                delivery: delivery.clone(),
            })
            .collect(),
        at: now,
    }
}

/// Effects as a commit takes them. Only a provider's are leased to the caller.
pub(crate) fn new_effects(effects: Vec<Effect>, leased_until: Option<Timestamp>) -> Vec<NewEffect> {
    effects
        .into_iter()
        .map(|effect| {
            let leased_until = leased_until.filter(|_| effect.order.provider().is_some());
            NewEffect {
                effect,
                leased_until,
            }
        })
        .collect()
}
