//! Saying what a resumption would charge, by our own books. Changes nothing.

use billing_domain::effect::{Order, Preview, Resuming, Resumption};
use billing_domain::line::{Line, LineKind};
use billing_domain::money::Money;
use billing_domain::time::{Period, Timestamp};
use billing_ports::{PerformError, Refusal};

use super::{Phase, Subscription, World, stamp};

impl World {
    /// What resuming would charge now.
    pub(crate) fn preview_resume(
        &self,
        ask: &Resuming,
        now: Timestamp,
    ) -> Result<Result<Resumption, Refusal>, PerformError> {
        self.check(&Order::ResumeSubscription {
            provider: ask.provider.clone(),
            reference: ask.reference.clone(),
            change: None,
            quoted: None,
        })?;
        Ok(self.resumption(&ask.reference, now))
    }

    /// Refuses what would charge something else by now than was quoted.
    pub(super) fn still_costs(
        &self,
        reference: &str,
        quoted: Option<Money>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let paused = self
            .get::<Subscription>(reference)
            .is_some_and(|held| matches!(held.phase, Phase::Paused));
        // What goes on already was resumed under this key, or by another hand.
        let Some(quoted) = quoted.filter(|_| paused) else {
            return Ok(());
        };
        let owed = self.resumption(reference, now)?.charge.owed;
        if owed == quoted {
            return Ok(());
        }
        Err(refusal(
            "quote_stale",
            format!("{owed} would be charged, not {quoted}"),
        ))
    }

    fn resumption(&self, reference: &str, now: Timestamp) -> Result<Resumption, Refusal> {
        let Some(held) = self.get::<Subscription>(reference) else {
            return Err(refusal(
                "no_such_subscription",
                "there is no subscription with this id".to_owned(),
            ));
        };
        if held.is_over() {
            let message = "the subscription has ended".to_owned();
            return Err(refusal("subscription_canceled", message));
        }
        let (costs, interval) = match &held.to_come {
            Some(to_come) => (to_come.amount, to_come.interval),
            None => (held.amount, held.interval),
        };
        if held.period.end > now || !matches!(held.phase, Phase::Paused) {
            return Ok(resumption(
                Vec::new(),
                Money::zero(costs.currency),
                held.period.end,
            ));
        }
        let period = Period::at(stamp(None, now), interval, 0)
            .map_err(|error| refusal("outside_calendar", error.to_string()))?;
        let drawn = self
            .credit(&held.customer, costs.currency)
            .min(costs.amount);
        let owed = Money::new(costs.amount.saturating_sub(drawn), costs.currency);
        let mut lines = vec![Line::whole(LineKind::Plan, None, held.quantity, costs)];
        if drawn > 0 {
            let drawn = Money::new(drawn.saturating_neg(), costs.currency);
            lines.push(Line::whole(LineKind::Balance, None, 1, drawn));
        }
        Ok(resumption(lines, owed, period.end))
    }
}

fn resumption(lines: Vec<Line>, owed: Money, ends_at: Timestamp) -> Resumption {
    Resumption {
        charge: Preview {
            lines,
            owed,
            pinned: true,
        },
        ends_at: Some(ends_at),
    }
}

fn refusal(code: &str, message: String) -> Refusal {
    Refusal {
        code: code.to_owned(),
        message,
    }
}
