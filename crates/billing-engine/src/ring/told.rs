//! Effects that call no provider: listeners are told, and mail is handed over.

use std::convert::Infallible;

use billing_domain::effect::Order;
use billing_domain::parked::ParkReason;
use billing_domain::time::shifted;
use billing_ports::NotifyError;
use billing_ports::store::OutboxItem;
use futures_util::future::join_all;

use crate::billing::Parts;
use crate::error::EngineError;
use crate::limits::{NO_ROOM_RETRY, by};
use crate::ring::perform::{Performed, performed, settling};
use crate::ring::retry::next_try;

impl Parts {
    pub(super) async fn notify(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
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
        match (failure, next_try(item, self.now())) {
            (NotifyError::NoRoom(_), _) => {
                let retry_at = shifted(self.now(), NO_ROOM_RETRY);
                self.release(item, retry_at, false).await
            }
            (NotifyError::Failed(_), Some(wait)) => self.later(item, wait).await,
            (NotifyError::Failed(_), None) => self.park_untold(item, evidence).await,
        }
    }

    /// Has a claim mailed; sets it aside when nobody takes the mail.
    pub(super) async fn mail(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        let Some(failure) = self.mail_claim(item.customer).await? else {
            return self.settle_untold(item).await;
        };
        self.again(item, &failure, "every attempt to mail a claim failed")
            .await
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
}
