//! Objects of a provider, as they stood at an instant: refunds, disputes, subscriptions.

use serde::{Deserialize, Serialize};

use crate::digest::digest64;
use crate::effect::EffectKey;
use crate::ids::ChangeId;
use crate::money::Money;
use crate::time::{Period, Timestamp};

/// Money that goes back to a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundSnapshot {
    /// The provider's id of the refund.
    pub refund: String,
    /// The provider's ids of what it pays back, strongest first: an invoice, a
    /// payment, a checkout. The link names them too, each with its kind: that is
    /// what a customer and a closed invoice are found by.
    pub of: Vec<String>,
    /// How much goes back, in the currency that was collected.
    pub amount: Money,
    /// How far it has come.
    pub state: RefundState,
    /// The key of our order that it was made for, as its provider gives it back. `None`:
    /// somebody made it over there, or the provider says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<EffectKey>,
}

/// How far a refund has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Asked for.
    Pending,
    /// The money is on its way, and will not come back.
    Done,
    /// It was rejected, or it failed.
    Failed,
}

/// A payment that a buyer's bank contests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeSnapshot {
    /// The provider's id of the dispute.
    pub dispute: String,
    /// The provider's ids of what is contested, strongest first: an invoice, a
    /// payment, a checkout. The link names them too, as it does for a refund.
    pub of: Vec<String>,
    /// How much is contested, in the currency that was collected.
    pub amount: Money,
    /// How it stands.
    pub state: DisputeState,
    /// Whether it is only a bank's warning of what may come, told beside the dispute
    /// itself: what becomes of the warning is no word of money that was taken since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// Not decided yet.
    Open,
    /// The money stays.
    Won,
    /// The money is gone, as if it had been refunded.
    Lost,
}

/// A provider's subscription, as it stood at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionSnapshot {
    /// The provider's id.
    pub reference: String,
    /// The provider's id of its customer.
    pub customer_ref: Option<String>,
    /// How it stands, in our words.
    pub status: crate::subscription::Status,
    /// The provider's name of the price.
    pub price_ref: String,
    /// Pieces.
    pub quantity: u32,
    /// The period that the provider counts as current.
    pub period: Option<Period>,
    /// When the trial ends, if it has one.
    pub trial_end: Option<Timestamp>,
    /// When the first period that it charges begins: with it, or at the end of the trial
    /// that it began with. It is said with every word of it, whatever came before.
    /// `None`: it is not said, or not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_charged_at: Option<Timestamp>,
    /// When it will be canceled, if that is scheduled.
    pub cancel_at: Option<Timestamp>,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// Until when it is paid, where status and period do not say so: past due over
    /// something else than its period. `None`: as they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_through: Option<Timestamp>,
    /// What the provider holds to come with its next period.
    #[serde(default, skip_serializing_if = "Upcoming::is_not_told")]
    pub upcoming: Upcoming,
}

/// What a provider holds to come with a subscription's next period, so that it renews
/// as something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "upcoming", rename_all = "snake_case")]
pub enum Upcoming {
    /// It is not said: by a webhook, which does not know, or by a provider that keeps
    /// nothing of the kind.
    #[default]
    NotTold,
    /// It was asked, and holds nothing: it renews as it is.
    Nothing,
    /// It renews at this price.
    Price {
        /// The provider's name of the price.
        price_ref: String,
        /// Pieces.
        quantity: u32,
        /// The change of ours that it was made for. `None`: terms of ours that change by
        /// themselves, or somebody at the provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeId>,
    },
}

impl Upcoming {
    /// Whether nothing is said.
    #[must_use]
    pub const fn is_not_told(&self) -> bool {
        matches!(self, Self::NotTold)
    }
}

impl SubscriptionSnapshot {
    /// A digest of how it stands. What is to come is no part of it: a webhook of the same
    /// instant does not tell it, and says the same of all the rest.
    pub(crate) fn digest(&self) -> u64 {
        digest64(&Self {
            upcoming: Upcoming::NotTold,
            ..self.clone()
        })
    }
}
