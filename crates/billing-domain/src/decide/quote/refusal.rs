//! Why a change cannot be quoted, each with its stable code.

use crate::catalog::ChangeKind;
use crate::money::MoneyError;
use crate::proration::ProrationError;
use crate::subscription::Status;

/// Why a change cannot be quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteRefusal {
    /// The customer has no such subscription.
    #[error("no such subscription")]
    NoSubscription,
    /// Only what is active, or in its trial, can be changed.
    #[error("the subscription is {}", .0.as_str())]
    NotActive(Status),
    /// A period is due and not paid.
    #[error("an invoice is open, and has to be paid first")]
    InvoiceOpen,
    /// Money for the invoice of the next period is on its way, and it would be voided.
    #[error("money for the next period is on its way; ask again once it is there")]
    MoneyOnItsWay,
    /// What was paid for its time went back, all of it or, where the change moves
    /// money, a part: there is nothing to change until a further period is paid.
    #[error("what was paid for this period went back")]
    PaymentReturned,
    /// The catalog has no such plan or price.
    #[error("no such plan or price")]
    UnknownTarget,
    /// The target is no longer sold.
    #[error("the plan or price is no longer sold")]
    Retired,
    /// A plan without a rank can be bought and canceled, not changed to or from.
    #[error("a plan without a rank cannot be changed to or from")]
    Unranked,
    /// That is what is held.
    #[error("that is what is held already")]
    NothingChanges,
    /// The plan is not sold in that quantity.
    #[error("the plan is not sold in this quantity")]
    Quantity,
    /// The plan goes up and the quantity down: two changes, not one.
    #[error("a higher plan with a smaller quantity is two changes")]
    MixedChange,
    /// The target is priced in another currency.
    #[error("the target is priced in another currency")]
    CurrencyDiffers,
    /// The policy forbids it.
    #[error("a change of this kind is not allowed: {}", .0.name())]
    Forbidden(ChangeKind),
    /// What is free, or bought once, becomes recurring by buying it.
    #[error("that is bought, not changed to")]
    IsPurchase,
    /// The customer is granted that very plan.
    #[error("the plan is granted already")]
    AlreadyGranted,
    /// It is canceled to its period's end, which this change would move.
    #[error("the subscription is canceled to its period's end; take that back first")]
    CancellationPending,
    /// The change that is scheduled is paid for, and takes effect first.
    #[error("the change to come is paid for already; change again once it is in effect")]
    ChangePaid,
    /// The operator asked to collect, and nothing is owed.
    #[error("nothing is owed, so nothing can be collected; apply it without collecting")]
    NothingToCollect,
    /// It was bought once: nothing of it recurs that could be stopped.
    #[error("nothing of it recurs")]
    NothingRecurs,
    /// The provider that runs its schedule cannot pause it.
    #[error("its provider cannot pause it")]
    PauseUnsupported,
    /// A provider that runs the schedule begins another period with it, and charges
    /// for that by itself: without money it cannot be had there.
    #[error(
        "its provider begins another period with it; collect for it, or wait for the end of the period"
    )]
    ChargedThere,
    /// It was paid at a provider that makes all its invoices itself: none of ours, as
    /// of the difference to something else that is bought once, can be paid there.
    #[error("its provider takes no payment of a difference; buy the target instead")]
    DifferenceNotTaken,
    /// The provider does not sell the target.
    #[error("the provider does not sell the target")]
    NotSoldThere,
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl QuoteRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSubscription => "not_found",
            Self::NotActive(_) => "illegal_transition",
            Self::InvoiceOpen | Self::MoneyOnItsWay => "invoice_open",
            Self::PaymentReturned => "payment_returned",
            Self::UnknownTarget => "unknown_target",
            Self::Retired => "target_retired",
            Self::Unranked => "unranked_target",
            Self::NothingChanges => "nothing_changes",
            Self::Quantity => "quantity_out_of_bounds",
            Self::MixedChange => "mixed_change",
            Self::CurrencyDiffers => "currency_mismatch",
            Self::Forbidden(ChangeKind::Downgrade) => "downgrade_forbidden",
            Self::Forbidden(_) => "change_forbidden",
            Self::IsPurchase => "is_purchase",
            Self::AlreadyGranted => "already_granted",
            Self::CancellationPending => "cancellation_pending",
            Self::ChangePaid => "change_paid",
            Self::NothingToCollect => "nothing_to_collect",
            Self::NothingRecurs => "nothing_recurs",
            Self::PauseUnsupported => "pause_unsupported",
            Self::ChargedThere => "charged_by_provider",
            Self::DifferenceNotTaken => "difference_not_taken",
            Self::NotSoldThere => "not_sold_there",
            Self::Money(_) => "amount_out_of_range",
        }
    }
}

impl From<ProrationError> for QuoteRefusal {
    /// Paid periods are well formed, so what cannot be prorated does not fit.
    fn from(error: ProrationError) -> Self {
        match error {
            ProrationError::Money(error) => Self::Money(error),
            ProrationError::Nothing
            | ProrationError::Amount
            | ProrationError::EmptyPeriod
            | ProrationError::ChangeOutsidePeriod
            | ProrationError::PartOutsidePeriod => Self::Money(MoneyError::OutOfRange),
        }
    }
}
