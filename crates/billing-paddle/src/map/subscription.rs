//! A subscription as a snapshot. The table of statuses is here.

use billing_domain::fact::{Fact, Link, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_domain::time::{Period, Timestamp, to_micros};
use tracing::warn;

use super::Teller;
use super::proof::Proof;
use crate::correlation::{is_foreign, link};
use crate::wire::{Span, Subscription};

/// Why a subscription is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untold {
    /// It is another deployment's.
    Foreign,
    /// A status that Paddle did not have when this was written: what we hold stays.
    UnknownStatus,
    /// It has no items.
    Empty,
}

/// How a subscription stands: status, period, and when it ended.
struct Standing {
    status: Status,
    period: Option<Period>,
    ended_at: Option<Timestamp>,
}

impl Teller {
    /// Whether its status proves itself, without its transactions.
    pub(crate) fn is_plain(subscription: &Subscription) -> bool {
        matches!(subscription.status.as_str(), "trialing" | "past_due")
    }

    /// What ties it to a customer.
    pub(crate) fn subscription_link(&self, subscription: &Subscription) -> Link {
        let refs = [
            (RefKind::Subscription, Some(subscription.id.clone())),
            (RefKind::Customer, subscription.customer_id.clone()),
        ];
        let prices = subscription
            .items
            .iter()
            .filter_map(|item| item.price_ref());
        let prices = prices.map(str::to_owned).collect();
        let custom = subscription.custom_data.as_ref();
        link(&self.account, custom, refs, prices)
    }

    /// The snapshot, in the light of what its transactions prove. Its instant is the
    /// latest of all that it is made of.
    pub(crate) fn subscription(
        &self,
        subscription: &Subscription,
        proof: &Proof,
    ) -> Result<Observed, Untold> {
        if is_foreign(subscription.custom_data.as_ref(), &self.operator) {
            return Err(Untold::Foreign);
        }
        if self.is_forged(subscription) {
            warn!(
                subscription = subscription.id,
                "a note at Paddle on a change that is to come was not written by this deployment, or under keys that it has no more: it is not believed, and the subscription is told as it stands"
            );
        }
        let held = self.present(subscription).ok_or(Untold::Empty)?;
        let standing = standing(subscription, proof).ok_or(Untold::UnknownStatus)?;
        // Its trial may be over at Paddle, and not paid for what follows.
        let in_trial = standing.status == Status::Trialing;
        let trial_end = trial_end(subscription)
            .or_else(|| standing.period.filter(|_| in_trial).map(|trial| trial.end));
        let to_come = subscription.scheduled_change.as_ref();
        let cancel_at = to_come
            .filter(|change| change.action == "cancel")
            .and_then(|change| change.effective_at);
        let at = proof
            .at
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .max(subscription.at());
        Ok(Observed {
            fact: Fact::SubscriptionSeen(SubscriptionSnapshot {
                reference: subscription.id.clone(),
                customer_ref: subscription.customer_id.clone(),
                status: standing.status,
                price_ref: held.price,
                quantity: held.quantity,
                period: standing.period,
                trial_end,
                // Before, it is tried.
                first_charged_at: subscription.first_billed_at.map(to_micros),
                cancel_at: cancel_at.map(to_micros),
                ended_at: standing.ended_at,
                paid_through: None,
                // Paddle has no change of the price that waits: our record holds it, and it
                // is ordered when its time has come (`deferred.rs`). What Paddle calls a
                // scheduled change is an end or a pause.
                upcoming: Upcoming::NotTold,
            }),
            at,
            link: self.subscription_link(subscription),
        })
    }

    /// That it is to be read.
    pub(crate) fn subscription_hint(&self, subscription: &Subscription) -> Observed {
        Observed {
            fact: Fact::Hinted {
                object: self.object(RefKind::Subscription, &subscription.id),
            },
            at: subscription.at(),
            link: self.subscription_link(subscription),
        }
    }
}

fn trial_end(subscription: &Subscription) -> Option<Timestamp> {
    let dates = subscription.plan_item().and_then(|item| item.trial_dates);
    match dates {
        Some(Span { ends_at, .. }) => Some(to_micros(ends_at)),
        None if subscription.status == "trialing" => subscription.period().map(|it| it.end),
        None => None,
    }
}

/// Paddle's word in ours. `None`: a word that is not known.
fn standing(subscription: &Subscription, proof: &Proof) -> Option<Standing> {
    let current = subscription.period();
    let plain = |status| Standing {
        status,
        period: current,
        ended_at: None,
    };
    let ended_at = subscription.canceled_at.map(to_micros);
    Some(match subscription.status.as_str() {
        "trialing" => plain(Status::Trialing),
        "past_due" => plain(Status::PastDue),
        "active" => active(subscription, proof),
        // Paused by a person, or by Paddle when nobody paid: that one is to be paid
        // for before it goes on.
        "paused" if proof.overdue => Standing {
            period: current.or_else(|| after(proof.paid)),
            ..plain(Status::Lapsed)
        },
        "paused" => Standing {
            period: paid_period(current, proof),
            ..plain(Status::Paused)
        },
        // Ended because nobody paid, or because somebody asked for it.
        "canceled" => Standing {
            status: if proof.overdue {
                Status::Expired
            } else {
                Status::Canceled
            },
            period: paid_period(current, proof),
            ended_at,
        },
        _ => return None,
    })
}

/// Active counts as far as it is paid: not for a new period whose money is not
/// there yet.
fn active(subscription: &Subscription, proof: &Proof) -> Standing {
    let current = subscription.period();
    let told = |status, period| Standing {
        status,
        period,
        ended_at: None,
    };
    // Brought in from elsewhere, with the time that was paid for there.
    let imported = subscription.import_meta.is_some() && proof.at.is_none();
    if proof.current_paid || imported {
        return told(Status::Active, current);
    }
    match proof.paid {
        // A trial is over when what follows it is paid, or is not.
        Some(trial) if proof.paid_by_trial => told(Status::Trialing, Some(trial)),
        Some(paid) => told(Status::Active, Some(paid)),
        None => told(Status::Incomplete, current),
    }
}

/// The period to tell of what is paused or over: its own where that is paid, else
/// the last one that was.
fn paid_period(current: Option<Period>, proof: &Proof) -> Option<Period> {
    current.filter(|_| proof.current_paid).or(proof.paid)
}

/// The unpaid time after a paid period, of which only the beginning is known.
fn after(paid: Option<Period>) -> Option<Period> {
    paid.map(|paid| Period {
        start: paid.end,
        end: paid.end,
    })
}
