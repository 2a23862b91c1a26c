//! Canceling, pausing, resuming and reading. Each reads first, and does what is
//! not done yet.

use billing_domain::effect::TOO_LATE;
use billing_domain::fact::Observed;
use billing_domain::money::Money;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::deferred::Deferred;
use crate::provider::Paddle;
use crate::wire::Subscription;

/// How long somebody may be at work on what is lifted: a few calls of at most half a
/// minute each, and clocks that differ by a minute.
const LIFTED_FOR: SignedDuration = SignedDuration::from_mins(10);

/// Refused because something else is scheduled.
const STANDS: &str = "subscription_locked_pending_changes";

/// Refused for as long as a period is about to end.
const LOCKED: &str = "subscription_locked_renewal";

/// For whom what is paid for is put back while a period is begun anew.
const RESUMPTION: &str = "resumption";

impl Paddle {
    /// The subscription, or the refusal that there is none.
    pub(crate) async fn existing(&self, id: &str) -> Result<Subscription, CallError> {
        let found = self.subscription(id).await?;
        found.ok_or_else(|| refused("subscription_not_found", "Paddle has no such subscription"))
    }

    pub(super) async fn cancel(&self, id: &str, at_once: bool) -> Result<Vec<Observed>, CallError> {
        let held = self.existing(id).await?;
        let to_come = scheduled(&held) == Some("cancel");
        if held.status == "canceled" || (to_come && !at_once) {
            return self.told(&held).await;
        }
        // A paused one has no period to wait for the end of.
        let from = if at_once || held.status == "paused" {
            "immediately"
        } else {
            "next_billing_period"
        };
        let body = json!({ "effective_from": from });
        self.act_instead(&held, "cancel", body).await
    }

    /// Takes the end of a subscription back. One that does not end is told.
    pub(super) async fn uncancel(&self, id: &str) -> Result<Vec<Observed>, CallError> {
        let held = self.existing(id).await?;
        if held.status == "canceled" {
            return Err(refused(TOO_LATE, "the subscription has ended"));
        }
        if scheduled(&held) != Some("cancel") {
            return self.told(&held).await;
        }
        match self.keep(id).await {
            Ok(kept) => self.told(&kept).await,
            // The lock before a period's end: once it passes, the subscription has ended.
            Err(CallError::Passing(locked)) if locked.code == LOCKED => {
                Err(CallError::Refused(locked))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn pause(&self, id: &str) -> Result<Vec<Observed>, CallError> {
        let held = self.existing(id).await?;
        if held.status == "paused" {
            return self.told(&held).await;
        }
        let body = json!({ "effective_from": "immediately" });
        self.act_instead(&held, "pause", body).await
    }

    pub(super) async fn resume(
        &self,
        id: &str,
        quoted: Option<Money>,
    ) -> Result<Vec<Observed>, CallError> {
        let held = self.existing(id).await?;
        match held.status.as_str() {
            "paused" => {
                if let Some(quoted) = quoted {
                    self.still_costs(id, quoted).await?;
                }
                self.go_on(held).await
            }
            _ if scheduled(&held) == Some("pause") => {
                let kept = self.keep(id).await?;
                self.told(&kept).await
            }
            "canceled" => Err(refused(
                "subscription_is_canceled_action_invalid",
                "a canceled subscription cannot be resumed",
            )),
            _ => self.told(&held).await,
        }
    }

    /// Begins another period, which Paddle bills at once: with what is to be billed in
    /// place. Where that was put there for it, it is taken away again if nothing came
    /// of it; the note that says so is over with the new period.
    async fn go_on(&self, held: Subscription) -> Result<Vec<Observed>, CallError> {
        let _alone = self.at_work.alone(&held.id).await;
        let held = self.existing(&held.id).await?;
        let body = json!({
            "effective_from": "immediately",
            "on_resume": "start_new_billing_period",
        });
        match self.teller.note(&held) {
            Some(note) if note.waits_for_its_day(self.clock.now()) => {
                self.lift(&held, &note, RESUMPTION).await?;
                let resumed = self.act(&held.id, "resume", body).await;
                if resumed.as_ref().is_err_and(CallError::had_no_effect) {
                    self.lower(&held.id, Some(RESUMPTION)).await?;
                }
                resumed
            }
            // A lost process left it lifted.
            Some(note) if note.lifted => {
                self.lower(&held.id, None).await?;
                self.act(&held.id, "resume", body).await
            }
            _ => self.act(&held.id, "resume", body).await,
        }
    }

    /// Reads it because somebody doubts, and puts back what a lost process left
    /// lifted.
    pub(crate) async fn reread(&self, id: &str) -> Result<Vec<Observed>, CallError> {
        let Some(held) = self.subscription(id).await? else {
            return Ok(Vec::new());
        };
        let held = self.put_right(held).await?;
        self.told(&held).await
    }

    /// What a lost process left lifted, and is to be put in place again. `None`: nothing,
    /// or whoever lifted it may still be at it.
    pub(crate) fn left_lifted(&self, held: &Subscription) -> Option<Deferred> {
        let is_left = self.clock.now().duration_since(held.at()) >= LIFTED_FOR;
        // What has ended, stands still or is about to has no use for it.
        let goes_on = held.status == "active" && scheduled(held).is_none();
        self.teller
            .note(held)
            .filter(|note| note.lifted && is_left && goes_on)
    }

    /// Puts in place again what a lost process left lifted.
    pub(crate) async fn put_right(&self, held: Subscription) -> Result<Subscription, CallError> {
        if self.left_lifted(&held).is_none() {
            return Ok(held);
        }
        let _alone = self.at_work.alone(&held.id).await;
        match self.lower(&held.id, None).await {
            Ok(lowered) => Ok(lowered),
            // How it stands is told all the same.
            Err(failure) => {
                tracing::error!(
                    subscription = held.id,
                    error = &failure as &dyn std::error::Error,
                    "a change that is to come is not in place at Paddle: it is put there when the subscription is next read"
                );
                Ok(held)
            }
        }
    }

    /// Acts in place of what is scheduled: while that stands, Paddle accepts nothing
    /// else. What leads to the same is taken back only where it is in the way, so
    /// that a lost call leaves it standing.
    async fn act_instead(
        &self,
        held: &Subscription,
        what: &str,
        body: Value,
    ) -> Result<Vec<Observed>, CallError> {
        let stands = scheduled(held);
        if stands.is_some_and(|stands| stands != what) {
            self.keep(&held.id).await?;
        }
        match self.act(&held.id, what, body.clone()).await {
            Err(CallError::Refused(error)) if stands == Some(what) && error.code == STANDS => {
                self.keep(&held.id).await?;
                self.act(&held.id, what, body).await
            }
            outcome => outcome,
        }
    }

    async fn keep(&self, id: &str) -> Result<Subscription, CallError> {
        let body = json!({ "scheduled_change": null });
        self.client.patch(&["subscriptions", id], &body).await
    }

    async fn act(&self, id: &str, what: &str, body: Value) -> Result<Vec<Observed>, CallError> {
        let path = ["subscriptions", id, what];
        let now: Subscription = self.client.post(&path, &body).await?;
        self.told(&now).await
    }
}

fn scheduled(held: &Subscription) -> Option<&str> {
    let change = held.scheduled_change.as_ref()?;
    Some(change.action.as_str())
}
