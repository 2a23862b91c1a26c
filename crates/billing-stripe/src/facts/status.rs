//! Stripe's words for how things stand, in ours. A word that nobody knew when this
//! was written has no translation: nothing is guessed from it.

use billing_domain::fact::{DisputeState, RefundState};
use billing_domain::subscription::Status;

use crate::options::PauseStyle;

/// How a subscription stands. `None`: Stripe has a word for it that is not known.
pub(crate) fn subscription(
    status: &str,
    reason: Option<&str>,
    collection_paused: bool,
    style: PauseStyle,
) -> Option<Status> {
    Some(match status {
        "incomplete" => Status::Incomplete,
        "incomplete_expired" => Status::Expired,
        // Paused by us; paused otherwise, it is still paid for until told otherwise.
        "active" if collection_paused && style == PauseStyle::Collection => Status::Paused,
        "trialing" => Status::Trialing,
        "active" => Status::Active,
        "past_due" => Status::PastDue,
        // Recoverable: paying the open invoice makes it active again.
        "unpaid" => Status::Lapsed,
        "canceled" if reason == Some("payment_failed") => Status::Expired,
        "canceled" => Status::Canceled,
        "paused" => Status::Paused,
        _ => return None,
    })
}

/// Whether a refund did not come about.
pub(crate) fn has_failed(status: Option<&str>) -> bool {
    refund(status) == RefundState::Failed
}

/// How far a refund has come.
pub(super) fn refund(status: Option<&str>) -> RefundState {
    match status {
        Some("succeeded") => RefundState::Done,
        Some("failed" | "canceled") => RefundState::Failed,
        // `pending`, `requires_action`, and what may come after them.
        _ => RefundState::Pending,
    }
}

/// How a dispute stands.
pub(super) fn dispute(status: Option<&str>) -> DisputeState {
    match status {
        Some("lost") => DisputeState::Lost,
        // An inquiry that was closed took no money, nor did one that was prevented.
        Some("won" | "warning_closed" | "prevented") => DisputeState::Won,
        _ => DisputeState::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_a_subscription() {
        let style = PauseStyle::Subscription;
        for (status, reason, ours) in [
            ("incomplete", None, Some(Status::Incomplete)),
            ("incomplete_expired", None, Some(Status::Expired)),
            ("trialing", None, Some(Status::Trialing)),
            ("active", None, Some(Status::Active)),
            ("past_due", None, Some(Status::PastDue)),
            ("unpaid", None, Some(Status::Lapsed)),
            ("canceled", None, Some(Status::Canceled)),
            (
                "canceled",
                Some("cancellation_requested"),
                Some(Status::Canceled),
            ),
            ("canceled", Some("payment_disputed"), Some(Status::Canceled)),
            (
                "canceled",
                Some("canceled_by_retention_policy"),
                Some(Status::Canceled),
            ),
            ("canceled", Some("payment_failed"), Some(Status::Expired)),
            ("paused", None, Some(Status::Paused)),
            ("hibernating", None, None),
            ("", None, None),
        ] {
            let told = subscription(status, reason, false, style);
            assert_eq!(told, ours, "{status} {reason:?}");
        }
    }

    #[test]
    fn a_paused_collection_is_a_pause_where_we_pause_so() {
        for (status, style, ours) in [
            ("active", PauseStyle::Collection, Status::Paused),
            ("active", PauseStyle::Subscription, Status::Active),
            ("past_due", PauseStyle::Collection, Status::PastDue),
            ("canceled", PauseStyle::Collection, Status::Canceled),
            ("trialing", PauseStyle::Collection, Status::Trialing),
        ] {
            let told = subscription(status, None, true, style);
            assert_eq!(told, Some(ours), "{status} {style:?}");
        }
    }

    #[test]
    fn refunds_and_disputes() {
        for (status, ours) in [
            ("pending", RefundState::Pending),
            ("requires_action", RefundState::Pending),
            ("succeeded", RefundState::Done),
            ("failed", RefundState::Failed),
            ("canceled", RefundState::Failed),
            ("teleported", RefundState::Pending),
        ] {
            assert_eq!(refund(Some(status)), ours, "{status}");
        }
        for (status, ours) in [
            ("warning_needs_response", DisputeState::Open),
            ("warning_under_review", DisputeState::Open),
            ("warning_closed", DisputeState::Won),
            ("needs_response", DisputeState::Open),
            ("under_review", DisputeState::Open),
            ("won", DisputeState::Won),
            ("lost", DisputeState::Lost),
            ("prevented", DisputeState::Won),
        ] {
            assert_eq!(dispute(Some(status)), ours, "{status}");
        }
    }
}
