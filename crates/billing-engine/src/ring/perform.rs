//! Perform: the only place that calls the world. Its answer is a new fact,
//! received and decided in the same commit that settles the effect.

use std::convert::Infallible;

use billing_domain::decide::{Verdict, apply_fact};
use billing_domain::effect::Order;
use billing_domain::fact::{About, Fact, Link, Observed};
use billing_domain::ids::InboxId;
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
        let (facts, dead) = match self.call(item, &account).await {
            Heard::Facts(facts) => (facts, false),
            Heard::Nothing(failure) => {
                tracing::warn!(effect = %item.effect.id, key = %item.effect.key, failure, "no answer");
                if let Some(wait) = next_try(item) {
                    return self.later(item, wait).await;
                }
                (vec![self.given_up(item)], true)
            }
            Heard::Hopeless(failure) => {
                tracing::error!(effect = %item.effect.id, key = %item.effect.key, failure, "effect given up");
                (vec![self.given_up(item)], true)
            }
        };
        self.settle(item, account, facts, dead).await
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
                    message = refusal.message, "provider refused");
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
        account: ProviderAccount,
        facts: Vec<Observed>,
        dead: bool,
    ) -> Result<Performed, EngineError> {
        let effect = &item.effect;
        let mark = OutboxMark {
            id: effect.id,
            fence: item.fence,
            dead,
        };
        if facts.is_empty() {
            let settled = self.store.settle_effect(mark, self.now()).await?;
            return Ok(if settled {
                Performed::Decided
            } else {
                Performed::Overtaken
            });
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
        deciding.outbox = vec![mark];
        deciding.replies = vec![(id, delivery)];
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                for fact in &facts {
                    if apply_fact(draft, &account, fact, catalog) == Verdict::Unlinked {
                        tracing::error!(effect = %effect.id, "the answer is about nothing known");
                    }
                }
                Ok::<_, Infallible>(())
            })
            .await;
        match decided {
            Ok(_) => Ok(Performed::Decided),
            Err(DecideError::Overtaken | DecideError::NoCustomer) => Ok(Performed::Overtaken),
            Err(DecideError::Refused(never)) => match never {},
            Err(DecideError::Engine(error)) => Err(error),
        }
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
        let dead = match told {
            Ok(()) => false,
            Err(failure) => {
                tracing::warn!(effect = %item.effect.id, failure, "notification failed");
                if let Some(wait) = next_try(item) {
                    return self.later(item, wait).await;
                }
                true
            }
        };
        let mark = OutboxMark {
            id: item.effect.id,
            fence: item.fence,
            dead,
        };
        let settled = self.store.settle_effect(mark, self.now()).await?;
        Ok(if settled {
            Performed::Decided
        } else {
            Performed::Overtaken
        })
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

/// How long to wait before the next try. `None`: that was the last. Nobody
/// waits for a checkout's page any more after the first.
fn next_try(item: &OutboxItem) -> Option<jiff::SignedDuration> {
    if matches!(item.effect.order.about(), About::Checkout(_))
        && matches!(item.effect.order, Order::OpenCheckout(_))
    {
        return None;
    }
    RETRY_AFTER.get(usize::from(item.attempts)).copied()
}
