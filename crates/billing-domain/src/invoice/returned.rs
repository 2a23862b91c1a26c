//! What went back of an invoice's payments: refunds, and payments that a buyer's
//! bank contests. Deliberately knows nothing of what that does to access.

use serde::{Deserialize, Serialize};

use crate::fact::{DisputeState, RefundState};
use crate::invoice::{Invoice, InvoiceState, Payment};
use crate::line::LineKind;
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// A refund or a dispute of an invoice's payments, as it was last told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The provider's id of the refund or dispute.
    pub id: String,
    /// Which of the two, and how it stands.
    #[serde(flatten)]
    pub kind: ReturnKind,
    /// How much goes back, or is contested, in the currency that was collected.
    pub amount: Money,
    /// The provider's instant of what was told.
    pub at: Timestamp,
    /// The provider's names of what it goes back of. Empty: they were not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
    /// Whether a bank has only warned of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
}

/// A refund or a dispute, and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "state", rename_all = "snake_case")]
pub enum ReturnKind {
    /// Money that goes back to a buyer.
    Refund(RefundState),
    /// A payment that a buyer's bank contests.
    Dispute(DisputeState),
}

impl ReturnKind {
    /// Whether the money is gone.
    #[must_use]
    pub const fn is_gone(self) -> bool {
        matches!(
            self,
            Self::Refund(RefundState::Done) | Self::Dispute(DisputeState::Lost)
        )
    }

    /// Whether it is a dispute that is not decided yet.
    #[must_use]
    pub const fn is_open_dispute(self) -> bool {
        matches!(self, Self::Dispute(DisputeState::Open))
    }

    /// `refund` or `dispute`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refund(_) => "refund",
            Self::Dispute(_) => "dispute",
        }
    }

    /// The word for how it stands.
    #[must_use]
    pub const fn state(self) -> &'static str {
        match self {
            Self::Refund(RefundState::Pending) => "pending",
            Self::Refund(RefundState::Done) => "done",
            Self::Refund(RefundState::Failed) => "failed",
            Self::Dispute(DisputeState::Open) => "open",
            Self::Dispute(DisputeState::Won) => "won",
            Self::Dispute(DisputeState::Lost) => "lost",
        }
    }

    /// Which of two tellings of one instant is the further: what fails has been
    /// done before, and what is decided was open.
    const fn further(self) -> u8 {
        match self {
            Self::Refund(RefundState::Pending) | Self::Dispute(DisputeState::Open) => 0,
            Self::Refund(RefundState::Done) | Self::Dispute(DisputeState::Won) => 1,
            Self::Refund(RefundState::Failed) | Self::Dispute(DisputeState::Lost) => 2,
        }
    }
}

impl Returned {
    /// Whether this telling is newer than `known`, of the same refund or dispute. What a
    /// warning announced comes after all that is said of the warning, whenever that is.
    pub(crate) fn follows(&self, known: &Self) -> bool {
        // Kept by a release that did not say so, a warning is known by being open.
        let was_warning = known.warning || (self.warning && known.kind.is_open_dispute());
        let rank = |told: &Self, warning: bool| {
            let (at, further) = (told.at, told.kind.further());
            (!warning, at, further, told.amount.amount)
        };
        rank(self, self.warning) > rank(known, was_warning)
    }

    /// Whether it is about a payment that settled nothing, by that one's name.
    pub(super) fn is_of(&self, payment: &Payment) -> bool {
        !payment.credited && self.of.iter().any(|name| payment.has(name))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.kind.name() == other.kind.name()
    }
}

impl Invoice {
    /// What was told before of the same refund or dispute.
    pub(crate) fn known_return(&self, told: &Returned) -> Option<&Returned> {
        self.returned.iter().find(|known| known.is_same(told))
    }

    /// Keeps what is told of a refund or dispute. Oldest ids first, so that any
    /// order of arrival leaves the same.
    pub(crate) fn put_return(&mut self, told: Returned) {
        self.returned.retain(|known| !known.is_same(&told));
        let place = self
            .returned
            .partition_point(|known| (&known.id, known.kind.name()) < (&told.id, told.kind.name()));
        self.returned.insert(place, told);
    }

    /// Whether a dispute of its payments is not decided yet.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.returned.iter().any(|held| held.kind.is_open_dispute())
    }

    /// What was paid for it, credited or not, in the currency that was collected.
    #[must_use]
    pub fn paid(&self) -> i128 {
        let currency = self.paid_in();
        let paid = self.payments.iter().map(|payment| payment.amount);
        sum(paid, currency)
    }

    /// What of that is gone again: refunds that are done, and disputes that are
    /// lost. What went back in another currency is not in it.
    #[must_use]
    pub fn gone(&self) -> i128 {
        let currency = self.paid_in();
        let gone = self.returned.iter().filter(|held| held.kind.is_gone());
        sum(gone.map(|held| held.amount), currency)
    }

    /// What of one payment that settled nothing is gone again, in its currency.
    pub(crate) fn gone_of(&self, payment: &Payment) -> i128 {
        let gone = self.apportioned(ReturnKind::is_gone);
        let mut besides = gone.besides.into_iter();
        let of_it = besides.find(|(held, _)| held.reference == payment.reference);
        of_it.map_or(0, |(_, amount)| amount)
    }

    /// Whether any of what was charged for it is gone again. What was paid above
    /// that may go back.
    pub(crate) fn is_short(&self) -> bool {
        let gone = self.apportioned(ReturnKind::is_gone).settling();
        let above = self
            .settling()
            .saturating_sub(i128::from(self.collected().amount));
        matches!(self.state, InvoiceState::Settled { .. }) && gone > above.max(0)
    }

    /// What of its amount is gone again, in the currency of the price. What was paid
    /// above it may go back, and is no part of it.
    pub(crate) fn gone_of_amount(&self) -> Money {
        let none = Money::zero(self.amount.currency);
        let gone = self.apportioned(ReturnKind::is_gone).settling();
        let collected = self.collected().amount;
        let above = self.settling().saturating_sub(i128::from(collected));
        let gone = gone.saturating_sub(above.max(0));
        if gone <= 0 || !matches!(self.state, InvoiceState::Settled { .. }) {
            return none;
        }
        let part = i64::try_from(gone).map_or(collected, |gone| gone.min(collected));
        let share = self.amount.share_half_away_from_zero(part, collected);
        // Of nothing, nothing is gone.
        share.unwrap_or(none)
    }

    /// The money that settled it, in the currency that was collected.
    fn settling(&self) -> i128 {
        let credited = self.payments.iter().filter(|payment| payment.credited);
        sum(credited.map(|payment| payment.amount), self.paid_in())
    }

    /// Whether the balance paid a part of it: that part does not go back.
    fn has_drawn(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.kind == LineKind::Balance && line.amount.amount < 0)
    }

    /// Since when all that was paid for it is gone again. `None`: it is not, or
    /// nothing was paid, or a part from the balance, or it is not settled. What was
    /// paid beside and settled nothing is no part of it.
    #[must_use]
    pub fn returned_since(&self) -> Option<Timestamp> {
        let paid = self.settling();
        let is_settled = matches!(self.state, InvoiceState::Settled { .. });
        if paid <= 0 || self.has_drawn() || !is_settled {
            return None;
        }
        let mut gone = self.apportioned(ReturnKind::is_gone).of_settling;
        gone.sort_unstable();
        let mut left = paid;
        for (at, amount) in gone {
            left = left.saturating_sub(amount);
            if left <= 0 {
                return Some(at);
            }
        }
        None
    }

    /// Whether more is gone than was paid. What is open may still be paid.
    #[must_use]
    pub fn is_returned_beyond(&self) -> bool {
        !self.is_open() && self.gone() > self.paid()
    }

    /// The currency that was collected, as far as it is known.
    #[must_use]
    pub fn paid_in(&self) -> Currency {
        let credited = self.payments.iter().find(|payment| payment.credited);
        let paid = credited.or(self.payments.first());
        paid.map_or(self.collected().currency, |paid| paid.amount.currency)
    }
}

fn sum(amounts: impl Iterator<Item = Money>, currency: Currency) -> i128 {
    amounts
        .filter(|money| money.currency == currency)
        .fold(0_i128, |sum, money| {
            sum.saturating_add(i128::from(money.amount))
        })
}
