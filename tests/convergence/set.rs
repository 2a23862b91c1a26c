//! The sets of events: what happens in each, and what must have come of it.

use billing_domain::invoice::Purpose;
use billing_domain::subscription::{State as Stands, Status};

use super::fake::Kind;
use super::state::State;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// A checkout is paid.
    Purchase,
    /// A quote for a dearer plan was accepted, and the provider charges for it.
    Upgrade,
    /// A renewal's card is declined, then another one pays.
    Recovery,
    /// The customer cancels in the provider's portal, and the period ends.
    Cancellation,
    /// A subscription is sold by hand to whom the provider knows as ours: no checkout
    /// of ours leads to it, and nothing that is told of it carries a correlation.
    HandSale,
    /// A checkout is paid with a code for some cycles, and renewed twice.
    Coded,
    /// The same of a plan with a trial, which is charged twice: [`Kind::Stripe`] alone
    /// takes codes there.
    CodedTrial,
}

impl Set {
    /// Those that happen at both.
    pub(crate) const ALL: [Self; 6] = [
        Self::Purchase,
        Self::Upgrade,
        Self::Recovery,
        Self::Cancellation,
        Self::HandSale,
        Self::Coded,
    ];

    /// Whether what is told of the first sale is part of it.
    pub(crate) fn begins_with_its_sale(self) -> bool {
        self == Self::Purchase || self.is_coded()
    }

    /// Whether it is bought with a code.
    pub(crate) fn is_coded(self) -> bool {
        matches!(self, Self::Coded | Self::CodedTrial)
    }

    /// Whether it takes longer than its provider keeps events: what was charged at first is
    /// not told again.
    pub(crate) fn outlives_events(self, kind: Kind) -> bool {
        self.is_coded() && kind == Kind::Stripe
    }

    /// For how many cycles that holds: as many as the provider takes, so that the last of
    /// them is still to come, or is over. `None`: there is no code.
    pub(crate) fn cycles_of_code(self, kind: Kind) -> Option<u32> {
        match (self, kind) {
            (Self::Coded, Kind::Stripe) => Some(4),
            (Self::Coded, Kind::Paddle) => Some(1),
            (Self::CodedTrial, _) => Some(3),
            _ => None,
        }
    }

    /// Whether something is told of it long before its end, so that what is read then
    /// is something else than what is read at the end.
    pub(crate) fn has_a_middle(self) -> bool {
        matches!(self, Self::Recovery | Self::Cancellation)
    }

    /// What must have come of it: a set that does nothing would converge as well.
    pub(crate) fn expect(self, kind: Kind, end: &State) {
        let held = &end.account.subscriptions[0];
        let paid = end.account.invoices.iter().filter(|one| !one.is_open());
        let paid: Vec<i64> = paid.map(|one| one.amount.amount).collect();
        assert_eq!(end.parked, [], "{end:#?}");
        let held_in_all = if self == Self::HandSale { 2 } else { 1 };
        assert_eq!(end.account.subscriptions.len(), held_in_all, "{end:#?}");
        match self {
            Self::Purchase => assert_eq!((held.status(), paid), (Status::Active, vec![1_000])),
            Self::Upgrade => {
                assert_eq!(held.terms.plan.as_str(), "large");
                assert_eq!(held.status(), Status::Active);
                assert_eq!(paid.len(), 2, "{end:#?}");
                assert!(end.account.changes[0].applied_at().is_some(), "{end:#?}");
            }
            Self::Recovery => {
                assert_eq!((held.status(), paid), (Status::Active, vec![1_000, 1_000]));
            }
            Self::Cancellation => {
                assert!(matches!(held.state, Stands::Canceled { .. }), "{end:#?}");
                assert_eq!(paid, [1_000]);
            }
            Self::HandSale => {
                let sold = &end.account.subscriptions[1];
                assert_eq!((sold.status(), sold.checkout), (Status::Active, None));
                assert_eq!(sold.terms.plan.as_str(), "large");
                let of_it = end.account.invoices.iter();
                let mut of_it = of_it.filter(|one| one.subscription == Some(sold.id));
                let first = of_it.next().expect("its invoice is tied to it");
                assert_eq!((first.is_open(), first.amount.amount), (false, 3_000));
                assert_eq!(first.purpose, Purpose::Purchase);
                assert_eq!(of_it.next(), None);
                assert_eq!(paid.len(), 2, "{end:#?}");
            }
            Self::Coded => {
                let (ends_at, charged, foretold) = match kind {
                    Kind::Stripe => ("2026-05-15T12:00:00Z", [500; 3], [500, 1_000]),
                    Kind::Paddle => ("2026-02-15T12:00:00Z", [500, 1_000, 1_000], [1_000; 2]),
                };
                assert_eq!((held.status(), paid), (Status::Active, charged.to_vec()));
                end.is_discounted_until(ends_at, foretold);
            }
            Self::CodedTrial => {
                // The trial is an invoice of nothing.
                let charged: Vec<i64> = paid.into_iter().filter(|amount| *amount > 0).collect();
                assert_eq!((held.status(), charged), (Status::Active, vec![500; 2]));
                end.is_discounted_until("2026-04-29T12:00:00Z", [500, 1_000]);
            }
        }
    }
}
