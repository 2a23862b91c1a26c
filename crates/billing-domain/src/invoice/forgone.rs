//! How a subscription stood when the cycle of an invoice was given up with it. Knows
//! nothing of what becomes of either.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::subscription::{Scheduled, State};
use crate::time::Timestamp;

/// How a subscription stood when a cancellation gave up the cycle that was owed: what had
/// been paid for it before, and is heard of later, is held against this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgone {
    /// When the cancellation was asked for.
    pub requested_at: Timestamp,
    /// The subscription's state until then.
    pub state: State,
    /// When the cycle was due. `None`: no link to pay it by existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it was to lapse unpaid. `None`: as for `due_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ends_at: Option<Timestamp>,
    /// The terms that were to come. `None`: none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Scheduled>,
    /// The change that they were to come by. `None`: they were to come by themselves, or
    /// none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}
