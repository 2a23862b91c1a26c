//! Perform: the only place that orders anything of a provider. Its answer is a new fact,
//! received and decided in the same commit that settles the effect.

use std::convert::Infallible;

use billing_domain::effect::{Effect, Order};
use billing_domain::fact::{About, Fact, Link, Observed};
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Claimed, Fence, OutboxItem, OutboxMark, Release};
use billing_ports::{Answer, Delivery, PaymentProvider, PerformError, Reading, Refusal};
use bytes::Bytes;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::billing::Parts;
use crate::error::EngineError;
use crate::limits::by;
use crate::ring::answered::{answered, unheard};
use crate::ring::doors::Entry;
use crate::ring::inbox::also_of;
use crate::ring::retry::{next_try, next_try_at_the_door, wait_after};
use crate::ring::wanted::LOOK_HOLDS;
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

/// Who hears what the world said.
#[derive(Debug, Clone, Copy)]
enum For {
    /// Whoever ordered it, and waits.
    Caller,
    /// Nobody any more.
    Nobody,
}

/// What the world said.
enum Heard {
    Facts(Vec<Observed>),
    /// No answer; worth trying again.
    Nothing(String),
    /// No answer until somebody mends our key or settings.
    Shut(String),
    /// Not asked: the same was refused so a moment ago, to another.
    Unasked,
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
        // Looked at before a place is taken: those are for calls.
        if !self.is_wanted(item).await? {
            return self.forgo(item).await;
        }
        let looked = Instant::now();
        let waiting = self.places.acquire();
        let place = match tokio::time::timeout(self.limits.place_timeout(), waiting).await {
            Ok(place) => place,
            Err(_elapsed) => return self.give_back(item).await,
        };
        if looked.elapsed() > LOOK_HOLDS && !self.is_wanted(item).await? {
            return self.forgo(item).await;
        }
        let heard = self.ask_at_door(item, &account).await;
        // What follows is our own work.
        drop(place);
        let (performed, _code) = self.concluded(item, &account, heard, For::Nobody).await?;
        Ok(performed)
    }

    /// Asks the provider, unless it has just refused the same of others for our key.
    async fn ask_at_door(&self, item: &OutboxItem, account: &ProviderAccount) -> Heard {
        let wait = self.limits.place_timeout();
        let order = &item.effect.order;
        let entry = self.doors.enter(account, order, self.now(), wait).await;
        if matches!(entry, Entry::Shut) {
            return Heard::Unasked;
        }
        let heard = self.call(item, account, self.limits.calls_until()).await;
        let is_refused = match &heard {
            Heard::Facts(_) => Some(false),
            Heard::Shut(_) => Some(true),
            Heard::Nothing(_) | Heard::Unasked | Heard::Hopeless(_) => None,
        };
        entry.heard(is_refused, self.now()).await;
        heard
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
        self.concluded(&item, &account, heard, For::Caller).await
    }

    /// Settles an effect with what the world said; the code where that was no.
    async fn concluded(
        &self,
        item: &OutboxItem,
        account: &ProviderAccount,
        heard: Heard,
        whom: For,
    ) -> Result<(Performed, Option<String>), EngineError> {
        let facts = match heard {
            Heard::Facts(facts) => facts,
            Heard::Nothing(failure) => {
                tracing::warn!(effect = %item.effect.id, key = %item.effect.key, failure, "no answer");
                if let Some(wait) = next_try(item, self.now()) {
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
            Heard::Unasked => {
                tracing::info!(effect = %item.effect.id, key = %item.effect.key, %account,
                    "not asked, since the provider does not take our key or settings");
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
        let performed = match self.settle(item, account, facts, whom).await {
            // What keeps being refused is no answer that can be kept: asked again
            // later under the same key, and in the end a person is.
            Err(EngineError::Contended) => match next_try(item, self.now()) {
                Some(wait) => self.later(item, wait).await,
                None => {
                    self.settle(item, account, vec![self.given_up(item)], whom)
                        .await
                }
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
        whom: For,
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
        let mut also = also_of(facts.iter());
        // Whatever it is told by, it is of this one.
        if let About::Invoice(invoice) = item.effect.order.about() {
            also.invoices.push(invoice);
        }
        let mut deciding = settling(item).with(also);
        deciding.replies = vec![(id, delivery)];
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                answered(draft, item, &facts, catalog);
                if matches!(whom, For::Nobody) {
                    unheard(draft, item);
                }
                Ok::<_, Infallible>(())
            })
            .await;
        performed(decided.map(|_decided| ()))
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

    pub(super) async fn later(
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

    pub(super) async fn release(
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
