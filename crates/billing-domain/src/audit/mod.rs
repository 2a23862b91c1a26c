//! The audit: what must hold of one customer's whole history, whatever has
//! happened, checked over the rows as they are. Repairs nothing. What a provider's
//! books say is compared apart from that, in `drift`, and what comes of all that
//! providers told in `replay`.

mod drift;
mod money;
mod replay;
mod returns;
mod standing;
mod told;

use std::fmt::Display;

use crate::customer::Account;
use crate::invoice::Invoice;
use crate::journal::JournalEntry;
use crate::time::Timestamp;

pub use drift::{Drift, DriftCode, Remedy, Side, drift, open_objects};
pub use replay::{Mismatch, MismatchCode, Replay, Stored, Told, Unjudged, is_replayed, replay};

/// One customer's rows: all of them.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    /// The customer with everything it holds, every change included. The invoices
    /// in it are not looked at.
    pub account: &'a Account,
    /// Every invoice, in any order.
    pub invoices: &'a [Invoice],
    /// The whole journal, in any order.
    pub journal: &'a [JournalEntry],
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub code: FindingCode,
    /// The row concerned, by its id.
    pub row: String,
    /// What was found, in words.
    pub words: String,
}

/// What does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingCode {
    /// More was given back for a subscription than was paid for it.
    CreditsExceedPayments,
    /// The rates of a paid period do not follow each other within it.
    SegmentsDisordered,
    /// What was charged for a paid period is below nothing, or above every rate.
    ChargedOutOfRange,
    /// What was charged for a paid period is not what its time is worth.
    PeriodDoesNotAddUp,
    /// Two invoices of one cycle are settled.
    CycleSettledTwice,
    /// Two invoices of one purpose are open.
    TwoOpenInvoices,
    /// The lines of an invoice do not sum to its amount.
    LinesDoNotSum,
    /// The journal's entries do not sum to the balance.
    BalanceDiffers,
    /// An invoice is settled, and no payment was credited for it.
    SettledUnpaid,
    /// A payment was credited for an invoice that is not settled.
    CreditedUnsettled,
    /// Two payments were credited for one invoice.
    CreditedTwice,
    /// An invoice is settled, and the journal does not tell it.
    SettledUntold,
    /// The journal tells that an invoice was settled, and it is not.
    ToldUnsettled,
    /// The journal tells twice that an invoice was settled.
    ToldTwice,
    /// More went back for an invoice than was paid for it, and nobody was told.
    ReturnsExceedPayments,
    /// Money went back, and the journal does not tell it.
    ReturnUntold,
    /// All that was paid for some time went back, and the time is given.
    ReturnedGivesAccess,
    /// Paid time is withheld, and its payment did not go back.
    WithheldUnreturned,
    /// A subscription waits for a change that is not scheduled.
    ScheduleWithoutChange,
    /// A change is scheduled that its subscription does not wait for.
    ChangeWithoutSchedule,
    /// Two changes of one subscription await their payment.
    TwoChangesAwaiting,
    /// Paid time is gone, and nothing in the journal says why.
    PaidTimeLost,
    /// Access ended before what is paid, and nothing in the journal says why.
    AccessCutShort,
    /// A status that its times contradict.
    StatusAtOdds,
}

impl FindingCode {
    /// Every code, in the order of the checks.
    pub const ALL: [Self; 24] = [
        Self::CreditsExceedPayments,
        Self::SegmentsDisordered,
        Self::ChargedOutOfRange,
        Self::PeriodDoesNotAddUp,
        Self::CycleSettledTwice,
        Self::TwoOpenInvoices,
        Self::LinesDoNotSum,
        Self::BalanceDiffers,
        Self::SettledUnpaid,
        Self::CreditedUnsettled,
        Self::CreditedTwice,
        Self::SettledUntold,
        Self::ToldUnsettled,
        Self::ToldTwice,
        Self::ReturnsExceedPayments,
        Self::ReturnUntold,
        Self::ReturnedGivesAccess,
        Self::WithheldUnreturned,
        Self::ScheduleWithoutChange,
        Self::ChangeWithoutSchedule,
        Self::TwoChangesAwaiting,
        Self::PaidTimeLost,
        Self::AccessCutShort,
        Self::StatusAtOdds,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreditsExceedPayments => "credits_exceed_payments",
            Self::SegmentsDisordered => "segments_disordered",
            Self::ChargedOutOfRange => "charged_out_of_range",
            Self::PeriodDoesNotAddUp => "period_does_not_add_up",
            Self::CycleSettledTwice => "cycle_settled_twice",
            Self::TwoOpenInvoices => "two_open_invoices",
            Self::LinesDoNotSum => "lines_do_not_sum",
            Self::BalanceDiffers => "balance_differs",
            Self::SettledUnpaid => "settled_unpaid",
            Self::CreditedUnsettled => "credited_unsettled",
            Self::CreditedTwice => "credited_twice",
            Self::SettledUntold => "settled_untold",
            Self::ToldUnsettled => "told_unsettled",
            Self::ToldTwice => "told_twice",
            Self::ReturnsExceedPayments => "returns_exceed_payments",
            Self::ReturnUntold => "return_untold",
            Self::ReturnedGivesAccess => "returned_gives_access",
            Self::WithheldUnreturned => "withheld_unreturned",
            Self::ScheduleWithoutChange => "schedule_without_change",
            Self::ChangeWithoutSchedule => "change_without_schedule",
            Self::TwoChangesAwaiting => "two_changes_awaiting",
            Self::PaidTimeLost => "paid_time_lost",
            Self::AccessCutShort => "access_cut_short",
            Self::StatusAtOdds => "status_at_odds",
        }
    }
}

/// Checks everything at `now`. Empty: all of it holds.
#[must_use]
pub fn audit(books: &Books<'_>, now: Timestamp) -> Vec<Finding> {
    let mut auditor = Auditor {
        books: *books,
        now,
        findings: Vec::new(),
    };
    auditor.credits();
    auditor.paid_periods();
    auditor.cycles();
    auditor.invoices();
    auditor.settlements();
    auditor.returns();
    auditor.balances();
    auditor.changes();
    auditor.paid_time();
    auditor.statuses();
    auditor.findings
}

struct Auditor<'a> {
    books: Books<'a>,
    now: Timestamp,
    findings: Vec<Finding>,
}

impl Auditor<'_> {
    fn find(&mut self, code: FindingCode, row: impl Display, words: impl Into<String>) {
        self.findings.push(Finding {
            code,
            row: row.to_string(),
            words: words.into(),
        });
    }
}
