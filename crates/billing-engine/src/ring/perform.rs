//! Perform: the only place that calls the world. Its answer is a new fact,
//! received and decided in the same commit that settles the effect.

use std::convert::Infallible;

use billing_domain::Draft;
use billing_domain::catalog::CatalogRevision;
use billing_domain::decide::{
    CancelAnswer, Untold, Verdict, apply_fact, cancellation_answered, outrank, promise_untold,
    uncancel_overtaken, uncanceled,
};
use billing_domain::effect::{Effect, Order};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::parked::ParkReason;
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Claimed, Fence, OutboxItem, OutboxMark, Release, StoreError};
use billing_ports::{
    Answer, Delivery, NotifyError, PaymentProvider, PerformError, Reading, Refusal,
};
use bytes::Bytes;
use futures_util::future::join_all;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::billing::Parts;
use crate::error::EngineError;
use crate::limits::{MAX_REFUSED, NO_ROOM_RETRY, REFUSED_RETRY, RETRY_AFTER, by};
use crate::ring::inbox::also_of;
use crate::ring::{DecideError, Deciding};

/// What became of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Performed {
    /// Its answer is decided.
    Decided,
    /// It got no answer, and is tried again later.
    Later,
    /// Another worker has it.
    Overtaken,
}

/// What the world said.
enum Heard {
    Facts(Vec<Observed>),
    /// No answer; worth trying again.
    Nothing(String),
    /// No answer until somebody mends our key or settings.
    Shut(String),
    /// No answer, and none to be had without a person.
    Hopeless(String),
}

impl Parts {
    /// Performs one claimed effect. Failures are logged; the effect waits.
    pub(crate) async fn perform_claimed(&self, item: OutboxItem) {
        let Err(error) = self.perform_one(&item).await else {
            return;
        };
        tracing::warn!(effect = %item.effect.id, %error, "effect not settled");
        let Some(wait) = wait_after(&error, item.attempts) else {
            // The claim runs out by itself, and the call is repeated under its key.
            return;
        };
        if let Err(error) = self.later(&item, wait).await {
            tracing::warn!(effect = %item.effect.id, %error, "claim not given back");
        }
    }

    /// Until when what is committed now is leased to its caller.
    pub(crate) fn lease_ends(&self) -> Timestamp {
        shifted(self.now(), self.limits.lease)
    }

    /// Performs a provider's effect that the commit which ordered it leased to this
    /// call: at once, since a person waits for it, and no longer than `until`, as all
    /// that was leased with it.
    pub(crate) async fn perform_leased(
        &self,
        customer: CustomerId,
        effect: Effect,
        until: Option<Instant>,
    ) -> Result<Performed, EngineError> {
        let (performed, _code) = self.ask_leased(customer, effect, until).await?;
        Ok(performed)
    }

    async fn perform_one(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        if let Order::Notify { .. } = item.effect.order {
            return self.notify(item).await;
        }
        if let Order::SettleCode {
            code,
            checkout,
            used,
        } = item.effect.order
        {
            self.store.settle_code(code, checkout, used).await?;
            return self.settle_untold(item).await;
        }
        if let Order::MailClaim = item.effect.order {
            return self.mail(item).await;
        }
        if let Order::AttachClaim { guest, to } = item.effect.order {
            self.take(to, guest, None).await?;
            return self.settle_untold(item).await;
        }
        let Some(account) = item.effect.order.provider().cloned() else {
            return Ok(Performed::Overtaken);
        };
        let waiting = self.places.acquire();
        let place = match tokio::time::timeout(self.limits.place_timeout(), waiting).await {
            Ok(place) => place,
            Err(_elapsed) => return self.give_back(item).await,
        };
        if !self.is_wanted(item).await? {
            tracing::info!(effect = %item.effect.id, key = %item.effect.key, "no longer wanted");
            return self.forgo(item).await;
        }
        let heard = self.call(item, &account, self.limits.calls_until()).await;
        // What follows is our own work.
        drop(place);
        let (performed, _code) = self.concluded(item, &account, heard).await?;
        Ok(performed)
    }

    /// As [`Self::perform_leased`], and says by what code the provider refused. `None`: it
    /// did not.
    pub(crate) async fn ask_leased(
        &self,
        customer: CustomerId,
        effect: Effect,
        until: Option<Instant>,
    ) -> Result<(Performed, Option<String>), EngineError> {
        let Some(account) = effect.order.provider().cloned() else {
            return Ok((Performed::Overtaken, None));
        };
        if until.is_some_and(|until| until <= Instant::now()) {
            // The worker does it once its lease has run out.
            return Ok((Performed::Later, None));
        }
        let item = OutboxItem {
            customer,
            effect,
            attempts: 0,
            fence: Fence(1),
        };
        let heard = self.call(&item, &account, until).await;
        self.concluded(&item, &account, heard).await
    }

    /// Settles an effect with what the world said; the code where that was no.
    async fn concluded(
        &self,
        item: &OutboxItem,
        account: &ProviderAccount,
        heard: Heard,
    ) -> Result<(Performed, Option<String>), EngineError> {
        let facts = match heard {
            Heard::Facts(facts) => facts,
            Heard::Nothing(failure) => {
                tracing::warn!(effect = %item.effect.id, key = %item.effect.key, failure, "no answer");
                if let Some(wait) = next_try(item) {
                    return Ok((self.later(item, wait).await?, None));
                }
                vec![self.given_up(item)]
            }
            Heard::Shut(failure) => {
                tracing::error!(effect = %item.effect.id, key = %item.effect.key, %account, failure,
                    "the provider does not take our key or settings; what is ordered waits");
                if let Some(wait) = next_try_at_the_door(item) {
                    return Ok((self.later(item, wait).await?, None));
                }
                vec![self.given_up(item)]
            }
            Heard::Hopeless(failure) => {
                tracing::error!(effect = %item.effect.id, key = %item.effect.key, failure, "effect given up");
                vec![self.given_up(item)]
            }
        };
        let code = facts.iter().find_map(|told| {
            if let Fact::Refused { code, .. } = &told.fact {
                Some(code.clone())
            } else {
                None
            }
        });
        let performed = match self.settle(item, account, facts).await {
            // What keeps being refused is no answer that can be kept: asked again
            // later under the same key, and in the end a person is.
            Err(EngineError::Contended) => match next_try(item) {
                Some(wait) => self.later(item, wait).await,
                None => self.settle(item, account, vec![self.given_up(item)]).await,
            },
            settled => settled,
        };
        performed.map(|performed| (performed, code))
    }

    /// Asks the provider; the call, and what has to be read after it, end by `until`.
    async fn call(
        &self,
        item: &OutboxItem,
        account: &ProviderAccount,
        until: Option<Instant>,
    ) -> Heard {
        let Some(provider) = self.providers.get(account) else {
            return Heard::Hopeless(format!("provider account {account} is not configured"));
        };
        let effect = &item.effect;
        let call = provider.perform(effect.id, &effect.key, &effect.order);
        match by(until, call).await {
            Some(Ok(Answer::Done(facts))) => Heard::Facts(facts),
            Some(Ok(Answer::Refused(refusal))) => {
                tracing::warn!(effect = %effect.id, key = %effect.key, code = refusal.code,
                    words = refusal.message, "provider refused");
                self.refused(effect, provider.as_ref(), refusal, until)
                    .await
            }
            Some(Err(error @ (PerformError::NotSent(_) | PerformError::Unknown(_)))) => {
                Heard::Nothing(error.to_string())
            }
            Some(Err(error @ PerformError::Misconfigured(_))) => Heard::Shut(error.to_string()),
            Some(Err(error @ PerformError::Unsupported(_))) => Heard::Hopeless(error.to_string()),
            None => Heard::Nothing("the provider did not answer in time".to_owned()),
        }
    }

    /// What a refusal means. What cannot be taken back may have been paid, though
    /// nobody told: so it is looked at.
    async fn refused(
        &self,
        effect: &Effect,
        provider: &dyn PaymentProvider,
        refusal: Refusal,
        until: Option<Instant>,
    ) -> Heard {
        if let Some(object) = taken_back(&effect.order) {
            let read = match by(until, provider.read(&object)).await {
                Some(read) => read.map_err(|error| error.to_string()),
                None => Err("the provider did not answer in time".to_owned()),
            };
            match read {
                Ok(facts) if facts.iter().any(says_it_is_over) => return Heard::Facts(facts),
                Ok(_not_paid) => {}
                Err(failure) => return Heard::Nothing(failure),
            }
        }
        let fact = Fact::Refused {
            effect: effect.id,
            about: effect.order.about(),
            code: refusal.code,
        };
        Heard::Facts(vec![self.observed(fact)])
    }

    /// Decides the answer and settles the effect, in one commit.
    async fn settle(
        &self,
        item: &OutboxItem,
        account: &ProviderAccount,
        facts: Vec<Observed>,
    ) -> Result<Performed, EngineError> {
        if facts.is_empty() {
            return self.settle_untold(item).await;
        }
        let now = self.now();
        let id: InboxId = self.ids(now).draw();
        let kind = item.effect.order.kind();
        let delivery = Delivery {
            account: account.clone(),
            // One answer for each claim: a repeated call after a lost commit is another.
            event_id: format!("reply:{}:{}", item.effect.key, item.fence.0),
            kind: format!("reply.{kind}"),
            reading: Reading::Facts(facts.clone()),
            body: Bytes::new(),
        };
        let mut deciding = settling(item).with(also_of(facts.iter()));
        deciding.replies = vec![(id, delivery)];
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                answered(draft, item, &facts, catalog);
                Ok::<_, Infallible>(())
            })
            .await;
        performed(decided.map(|_decided| ()))
    }

    async fn notify(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let Order::Notify { entries } = &item.effect.order else {
            return Ok(Performed::Overtaken);
        };
        let until = self.limits.calls_until();
        // Nobody, where nobody listens any more. Side by side, so that none takes the time
        // of another.
        let listeners = self.notifier.iter().chain(self.also_told.get());
        let telling = listeners.map(async |notifier| {
            let late = "the notifier did not answer in time";
            let told = by(until, notifier.notify(item.effect.id, entries)).await;
            told.unwrap_or_else(|| Err(NotifyError::Failed(late.to_owned())))
        });
        // Where one fails all are told again, under the same id.
        let mut untold: Vec<_> = join_all(telling)
            .await
            .into_iter()
            .filter_map(Result::err)
            .collect();
        // What was tried and failed counts before what there was no room for.
        untold.sort_by_key(|error| matches!(error, NotifyError::NoRoom(_)));
        let Some(failure) = untold.into_iter().next() else {
            return self.settle_untold(item).await;
        };
        self.again(item, &failure, "every attempt to tell listeners failed")
            .await
    }

    /// Gives back what was not told; sets it aside as `evidence` says where it was tried
    /// for the last time. That there was no room is no try.
    async fn again(
        &self,
        item: &OutboxItem,
        failure: &NotifyError,
        evidence: &str,
    ) -> Result<Performed, EngineError> {
        tracing::warn!(effect = %item.effect.id, %failure, "not told");
        match (failure, next_try(item)) {
            (NotifyError::NoRoom(_), _) => {
                let retry_at = shifted(self.now(), NO_ROOM_RETRY);
                self.release(item, retry_at, false).await
            }
            (NotifyError::Failed(_), Some(wait)) => self.later(item, wait).await,
            (NotifyError::Failed(_), None) => self.park_untold(item, evidence).await,
        }
    }

    /// Has a claim mailed; sets it aside when nobody takes the mail.
    async fn mail(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let Some(failure) = self.mail_claim(item.customer).await? else {
            return self.settle_untold(item).await;
        };
        self.again(item, &failure, "every attempt to mail a claim failed")
            .await
    }

    /// Settles an effect that there is nothing to decide about.
    pub(super) async fn settle_untold(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let settled = self.store.settle_effect(mark_of(item), self.now()).await?;
        Ok(if settled {
            Performed::Decided
        } else {
            Performed::Overtaken
        })
    }

    /// Sets aside what nobody took. Listeners are not told of that: a notification
    /// would go round for ever.
    async fn park_untold(
        &self,
        item: &OutboxItem,
        evidence: &str,
    ) -> Result<Performed, EngineError> {
        let effect = item.effect.id;
        let mut deciding = settling(item);
        deciding.untold = true;
        let decided = self
            .try_decide(&deciding, |draft, _| {
                let evidence = evidence.to_owned();
                draft.park_effect(ParkReason::AttemptsExhausted, effect, evidence);
                Ok::<_, Infallible>(())
            })
            .await;
        performed(decided.map(|_decided| ()))
    }

    async fn later(
        &self,
        item: &OutboxItem,
        wait: SignedDuration,
    ) -> Result<Performed, EngineError> {
        let retry_at = shifted(self.now(), wait);
        self.release(item, retry_at, true).await
    }

    /// Gives an effect back that was not tried: all calls that are under way take
    /// their time.
    async fn give_back(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        tracing::warn!(effect = %item.effect.id, key = %item.effect.key, "no place became free");
        self.release(item, self.now(), false).await
    }

    async fn release(
        &self,
        item: &OutboxItem,
        retry_at: Timestamp,
        counts: bool,
    ) -> Result<Performed, EngineError> {
        let release = Release {
            row: Claimed::Outbox(item.effect.id),
            fence: item.fence,
            retry_at,
            counts,
        };
        let released = self.store.release(release).await?;
        Ok(if released {
            Performed::Later
        } else {
            Performed::Overtaken
        })
    }

    fn given_up(&self, item: &OutboxItem) -> Observed {
        let about = item.effect.order.about();
        self.observed(Fact::GivenUp {
            effect: item.effect.id,
            about,
        })
    }

    /// A fact of our own making: what the world did not do has no instant over there.
    fn observed(&self, fact: Fact) -> Observed {
        let at: Timestamp = self.now();
        Observed {
            fact,
            at,
            link: Link::default(),
        }
    }
}

/// Applies what was answered. What was asked for is believed over what was told
/// at its instant; what another call tells besides, and contradicts that, is
/// asked for.
fn answered(draft: &mut Draft, item: &OutboxItem, facts: &[Observed], catalog: &CatalogRevision) {
    let Some(account) = item.effect.order.provider() else {
        return;
    };
    let reads = matches!(item.effect.order, Order::ReadSubscription { .. });
    if let Order::UndoCancellation { subscription, .. } = &item.effect.order {
        uncancel_overtaken(draft, *subscription);
    }
    let mut doubtful: Vec<ProviderRef> = Vec::new();
    for fact in facts {
        if reads {
            outrank(draft, account, fact);
        }
        match apply_fact(draft, account, fact, catalog) {
            Verdict::Decided => {}
            Verdict::Read(object) if doubtful.contains(&object) => {}
            Verdict::Read(object) => doubtful.push(object),
            Verdict::Unlinked => {
                tracing::error!(effect = %item.effect.id, "the answer is about nothing known");
            }
        }
    }
    let came_to_nothing =
        |fact: &Observed| matches!(fact.fact, Fact::Refused { .. } | Fact::GivenUp { .. });
    let acted = !facts.iter().any(came_to_nothing);
    concluded_at_provider(draft, &item.effect.order, acted, !doubtful.is_empty());
    for object in doubtful {
        ask_for(draft, object);
    }
}

/// What the answer to an order means besides the facts that it tells. `acted`: the provider
/// has done what it was asked; `doubtful`: something that it said is to be read anew.
fn concluded_at_provider(draft: &mut Draft, order: &Order, acted: bool, doubtful: bool) {
    if let Order::CancelSubscription { reference, .. } = order {
        let answer = match (acted, doubtful) {
            (false, _) => CancelAnswer::Nothing,
            // What is read next is believed.
            (true, true) => CancelAnswer::Doubtful,
            (true, false) => CancelAnswer::Done,
        };
        cancellation_answered(draft, reference, answer);
    }
    if let (true, Order::UndoCancellation { subscription, .. }) = (acted, order) {
        uncanceled(draft, *subscription);
    }
    let of_a_price = untold(order).filter(|_| !acted);
    if let Some((reference, what)) = of_a_price {
        promise_untold(draft, reference, what);
    }
}

/// What an order says of the price of the next period, which no change of a buyer's brings.
/// `None`: nothing.
fn untold(order: &Order) -> Option<(&str, Untold)> {
    if let Order::ChangeSubscription(order) = order {
        let by_itself = order.change.is_none();
        return by_itself.then_some((order.reference.as_str(), Untold::Price));
    }
    if let Order::UndoChange {
        reference,
        change: None,
        ..
    } = order
    {
        return Some((reference, Untold::TakenBack));
    }
    None
}

/// What an order takes back that a buyer might have paid. `None`: nothing, or
/// nobody knows its name.
fn taken_back(order: &Order) -> Option<ProviderRef> {
    let (account, kind, id) = match order {
        Order::VoidInvoice {
            provider,
            reference: Some(reference),
            ..
        } => (provider, RefKind::Invoice, reference),
        Order::ExpireCheckout {
            provider,
            reference,
            ..
        } => (provider, RefKind::Checkout, reference),
        Order::VoidInvoice {
            reference: None, ..
        }
        | Order::OpenCheckout(_)
        | Order::PromiseRefund(_)
        | Order::CreateInvoice(_)
        | Order::ChangeSubscription(_)
        | Order::UndoChange { .. }
        | Order::SettleCode { .. }
        | Order::CancelSubscription { .. }
        | Order::UndoCancellation { .. }
        | Order::PauseSubscription { .. }
        | Order::ResumeSubscription { .. }
        | Order::ReadSubscription { .. }
        | Order::MailClaim
        | Order::AttachClaim { .. }
        | Order::Notify { .. } => return None,
    };
    Some(ProviderRef {
        account: account.clone(),
        kind,
        id: id.clone(),
    })
}

/// Whether nobody is to take it back any more: it was paid, or its page is closed already.
const fn says_it_is_over(seen: &Observed) -> bool {
    matches!(
        seen.fact,
        Fact::InvoicePaid { .. } | Fact::CheckoutCompleted { .. } | Fact::CheckoutEnded { .. }
    )
}

/// Orders a subscription to be read.
fn ask_for(draft: &mut Draft, object: ProviderRef) {
    let known = draft.account.subscriptions.iter().find(|held| {
        held.reference() == Some(object.id.as_str())
            && held.provider.as_ref() == Some(&object.account)
    });
    let Some(id) = known.map(|held| held.id) else {
        return;
    };
    let order = Order::ReadSubscription {
        provider: object.account,
        reference: object.id,
    };
    draft.ask("read", id, order);
}

/// The mark of a claimed effect; the commit says whether it is dead.
const fn mark_of(item: &OutboxItem) -> OutboxMark {
    OutboxMark {
        id: item.effect.id,
        fence: item.fence,
        dead: false,
    }
}

/// A decision that settles a claimed effect.
pub(super) fn settling(item: &OutboxItem) -> Deciding {
    let mut deciding = Deciding::about(item.customer);
    deciding.outbox = vec![mark_of(item)];
    deciding
}

pub(super) fn performed(
    decided: Result<(), DecideError<Infallible>>,
) -> Result<Performed, EngineError> {
    match decided {
        Ok(()) => Ok(Performed::Decided),
        Err(DecideError::Overtaken | DecideError::NoCustomer) => Ok(Performed::Overtaken),
        Err(DecideError::Refused(never)) => match never {},
        Err(DecideError::Engine(error)) => Err(error),
    }
}

/// How long an effect waits whose answer could not be kept. `None`: as long as
/// its claim, since a store that is gone comes back. Anything else is a defect
/// that keeps the customer from being decided, and from being parked as well:
/// so the provider is asked again ever more seldom, and never given up.
fn wait_after(error: &EngineError, attempts: u16) -> Option<SignedDuration> {
    if matches!(error, EngineError::Store(StoreError::Unavailable(_))) {
        return None;
    }
    let [.., longest] = RETRY_AFTER;
    let wait = RETRY_AFTER.get(usize::from(attempts)).copied();
    Some(wait.unwrap_or(longest))
}

/// How long to wait before the next try. `None`: that was the last. Nobody
/// waits for a checkout's page any more after the first. What has waited longer for
/// somebody to mend our key goes on at the pace of that.
fn next_try(item: &OutboxItem) -> Option<SignedDuration> {
    if is_of_the_moment(&item.effect.order) {
        return None;
    }
    let tried = usize::from(item.attempts);
    if tried > RETRY_AFTER.len() {
        return next_try_at_the_door(item);
    }
    RETRY_AFTER.get(tried).copied()
}

/// The same for a call whose key or settings the provider does not take: soon, should it
/// be a slip, and then each hour.
fn next_try_at_the_door(item: &OutboxItem) -> Option<SignedDuration> {
    let tried = item.attempts.saturating_add(1);
    if is_of_the_moment(&item.effect.order) || tried >= MAX_REFUSED {
        return None;
    }
    let soon = RETRY_AFTER.get(usize::from(item.attempts));
    let soon = soon.copied().unwrap_or(REFUSED_RETRY);
    Some(soon.min(REFUSED_RETRY))
}

/// Whether it is good for nothing once its caller has gone.
const fn is_of_the_moment(order: &Order) -> bool {
    matches!(order, Order::OpenCheckout(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_failing_is_asked_for_ever_more_seldom() {
        let gone = EngineError::Store(StoreError::Unavailable("gone".to_owned()));
        let broken = EngineError::Store(StoreError::Corrupt {
            table: "customers",
            row: "1".to_owned(),
            why: "no such currency".to_owned(),
        });
        assert_eq!(wait_after(&gone, 9), None);
        for error in [broken, EngineError::Contended] {
            let waits: Vec<_> = (0..8)
                .filter_map(|tries| wait_after(&error, tries))
                .collect();
            assert_eq!(waits[..5], RETRY_AFTER);
            assert_eq!(waits[5..], [RETRY_AFTER[4]; 3]);
        }
    }
}
