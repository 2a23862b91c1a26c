//! Perform: the only place that calls the world. Its answer is a new fact,
//! received and decided in the same commit that settles the effect.

use std::convert::Infallible;

use billing_domain::decide::{Verdict, apply_fact};
use billing_domain::effect::Order;
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::InboxId;
use billing_domain::parked::ParkReason;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Claimed, OutboxItem, OutboxMark, Release};
use billing_ports::{Answer, Delivery, PerformError, Reading};
use bytes::Bytes;

use crate::billing::Parts;
use crate::error::EngineError;
use crate::limits::RETRY_AFTER;
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
    /// No answer, and none to be had without a person.
    Hopeless(String),
}

impl Parts {
    /// Performs one claimed effect. Failures are logged; the effect waits.
    pub(crate) async fn perform_claimed(&self, item: OutboxItem) {
        if let Err(error) = self.perform_one(&item).await {
            // The claim runs out by itself, and the call is repeated under its key.
            tracing::warn!(effect = %item.effect.id, %error, "effect not settled");
        }
    }

    pub(crate) async fn perform_one(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        if let Order::Notify { .. } = item.effect.order {
            return self.notify(item).await;
        }
        let Some(account) = item.effect.order.provider().cloned() else {
            return Ok(Performed::Overtaken);
        };
        let facts = match self.call(item, &account).await {
            Heard::Facts(facts) => facts,
            Heard::Nothing(failure) => {
                tracing::warn!(effect = %item.effect.id, key = %item.effect.key, failure, "no answer");
                if let Some(wait) = next_try(item) {
                    return self.later(item, wait).await;
                }
                vec![self.given_up(item)]
            }
            Heard::Hopeless(failure) => {
                tracing::error!(effect = %item.effect.id, key = %item.effect.key, failure, "effect given up");
                vec![self.given_up(item)]
            }
        };
        match self.settle(item, &account, facts).await {
            // What keeps being refused is no answer that can be kept: asked again
            // later under the same key, and in the end a person is.
            Err(EngineError::Contended) => match next_try(item) {
                Some(wait) => self.later(item, wait).await,
                None => self.settle(item, &account, vec![self.given_up(item)]).await,
            },
            settled => settled,
        }
    }

    async fn call(&self, item: &OutboxItem, account: &ProviderAccount) -> Heard {
        let Some(provider) = self.providers.get(account) else {
            return Heard::Hopeless(format!("provider account {account} is not configured"));
        };
        let effect = &item.effect;
        let call = provider.perform(effect.id, &effect.key, &effect.order);
        match tokio::time::timeout(self.limits.call_timeout, call).await {
            Ok(Ok(Answer::Done(facts))) => Heard::Facts(facts),
            Ok(Ok(Answer::Refused(refusal))) => {
                tracing::warn!(effect = %effect.id, key = %effect.key, code = refusal.code,
                    words = refusal.message, "provider refused");
                let about = effect.order.about();
                let fact = Fact::Refused {
                    effect: effect.id,
                    about,
                    code: refusal.code,
                };
                Heard::Facts(vec![self.observed(fact)])
            }
            Ok(Err(error @ (PerformError::NotSent(_) | PerformError::Unknown(_)))) => {
                Heard::Nothing(error.to_string())
            }
            Ok(Err(error @ (PerformError::Misconfigured(_) | PerformError::Unsupported(_)))) => {
                Heard::Hopeless(error.to_string())
            }
            Err(_elapsed) => Heard::Nothing("the provider did not answer in time".to_owned()),
        }
    }

    /// Decides the answer and settles the effect, in one commit.
    async fn settle(
        &self,
        item: &OutboxItem,
        account: &ProviderAccount,
        facts: Vec<Observed>,
    ) -> Result<Performed, EngineError> {
        let effect = &item.effect;
        if facts.is_empty() {
            return self.settle_untold(item).await;
        }
        let now = self.now();
        let id: InboxId = self.ids(now).draw();
        let kind = effect.order.kind();
        let delivery = Delivery {
            account: account.clone(),
            // One answer for each claim: a repeated call after a lost commit is another.
            event_id: format!("reply:{}:{}", effect.key, item.fence.0),
            kind: format!("reply.{kind}"),
            reading: Reading::Facts(facts.clone()),
            body: Bytes::new(),
        };
        let mut deciding = Deciding::about(item.customer).with(also_of(facts.iter()));
        deciding.outbox = vec![mark_of(item)];
        deciding.replies = vec![(id, delivery)];
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                for fact in &facts {
                    if apply_fact(draft, account, fact, catalog) == Verdict::Unlinked {
                        tracing::error!(effect = %effect.id, "the answer is about nothing known");
                    }
                }
                Ok::<_, Infallible>(())
            })
            .await;
        performed(decided.map(|_decided| ()))
    }

    async fn notify(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let Order::Notify { entries } = &item.effect.order else {
            return Ok(Performed::Overtaken);
        };
        let told = match &self.notifier {
            Some(notifier) => {
                let telling = notifier.notify(item.effect.id, entries);
                match tokio::time::timeout(self.limits.call_timeout, telling).await {
                    Ok(told) => told.map_err(|error| error.to_string()),
                    Err(_elapsed) => Err("the notifier did not answer in time".to_owned()),
                }
            }
            // Nobody listens any more.
            None => Ok(()),
        };
        let Err(failure) = told else {
            return self.settle_untold(item).await;
        };
        tracing::warn!(effect = %item.effect.id, failure, "notification failed");
        match next_try(item) {
            Some(wait) => self.later(item, wait).await,
            None => self.park_untold(item).await,
        }
    }

    /// Settles an effect that there is nothing to decide about.
    async fn settle_untold(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let settled = self.store.settle_effect(mark_of(item), self.now()).await?;
        Ok(if settled {
            Performed::Decided
        } else {
            Performed::Overtaken
        })
    }

    /// Sets a notification aside that nobody took. Listeners are not told of
    /// that: it would go round for ever.
    async fn park_untold(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let effect = item.effect.id;
        let mut deciding = Deciding::about(item.customer);
        deciding.outbox = vec![mark_of(item)];
        deciding.untold = true;
        let decided = self
            .try_decide(&deciding, |draft, _| {
                let evidence = "every attempt to tell listeners failed".to_owned();
                draft.park_effect(ParkReason::AttemptsExhausted, effect, evidence);
                Ok::<_, Infallible>(())
            })
            .await;
        performed(decided.map(|_decided| ()))
    }

    async fn later(
        &self,
        item: &OutboxItem,
        wait: jiff::SignedDuration,
    ) -> Result<Performed, EngineError> {
        let release = Release {
            row: Claimed::Outbox(item.effect.id),
            fence: item.fence,
            retry_at: shifted(self.now(), wait),
            counts: true,
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

/// The mark of a claimed effect; the commit says whether it is dead.
const fn mark_of(item: &OutboxItem) -> OutboxMark {
    OutboxMark {
        id: item.effect.id,
        fence: item.fence,
        dead: false,
    }
}

fn performed(decided: Result<(), DecideError<Infallible>>) -> Result<Performed, EngineError> {
    match decided {
        Ok(()) => Ok(Performed::Decided),
        Err(DecideError::Overtaken | DecideError::NoCustomer) => Ok(Performed::Overtaken),
        Err(DecideError::Refused(never)) => match never {},
        Err(DecideError::Engine(error)) => Err(error),
    }
}

/// How long to wait before the next try. `None`: that was the last. Nobody
/// waits for a checkout's page any more after the first.
fn next_try(item: &OutboxItem) -> Option<jiff::SignedDuration> {
    if matches!(item.effect.order, Order::OpenCheckout(_)) {
        return None;
    }
    RETRY_AFTER.get(usize::from(item.attempts)).copied()
}
