//! Which of our own things a fact is about.

use super::{About, Fact};
use crate::ids::{ChangeId, CheckoutId, InvoiceId};

impl Fact {
    /// The invoice that the fact is about, if it is one of ours.
    #[must_use]
    pub const fn invoice(&self) -> Option<InvoiceId> {
        match self {
            Self::InvoiceOpened { invoice, .. }
            | Self::InvoicePaid { invoice, .. }
            | Self::PaymentFailed { invoice, .. }
            | Self::ChargeFailed { invoice, .. }
            | Self::PaymentPending { invoice, .. }
            | Self::InvoiceClosed { invoice, .. }
            | Self::Refused {
                about: About::Invoice(invoice),
                ..
            }
            | Self::GivenUp {
                about: About::Invoice(invoice),
                ..
            }
            | Self::PaymentDenied {
                of: About::Invoice(invoice),
                ..
            }
            | Self::PaymentUnconfirmed {
                of: About::Invoice(invoice),
                ..
            } => Some(*invoice),
            Self::PaymentReversed { of, .. } | Self::PaymentUpheld { of, .. } => *of,
            Self::CheckoutOpened { .. }
            | Self::CheckoutCompleted { .. }
            | Self::CheckoutEnded { .. }
            | Self::SubscriptionSeen(_)
            | Self::PaymentDenied { .. }
            | Self::PaymentUnconfirmed { .. }
            | Self::Unclear { .. }
            | Self::ProviderInvoiceSeen { .. }
            | Self::Hinted { .. }
            | Self::RefundSeen(_)
            | Self::DisputeSeen(_)
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::GivenUp { .. }
            | Self::Unreadable { .. }
            | Self::Irrelevant => None,
        }
    }

    /// The change that the fact is about.
    #[must_use]
    pub const fn change(&self) -> Option<ChangeId> {
        match self {
            Self::Refused {
                about: About::Change(change),
                ..
            }
            | Self::GivenUp {
                about: About::Change(change),
                ..
            } => Some(*change),
            Self::CheckoutOpened { .. }
            | Self::CheckoutCompleted { .. }
            | Self::CheckoutEnded { .. }
            | Self::SubscriptionSeen(_)
            | Self::InvoiceOpened { .. }
            | Self::InvoicePaid { .. }
            | Self::PaymentPending { .. }
            | Self::InvoiceClosed { .. }
            | Self::PaymentReversed { .. }
            | Self::PaymentUpheld { .. }
            | Self::PaymentDenied { .. }
            | Self::PaymentUnconfirmed { .. }
            | Self::Unclear { .. }
            | Self::PaymentFailed { .. }
            | Self::ChargeFailed { .. }
            | Self::ProviderInvoiceSeen { .. }
            | Self::Hinted { .. }
            | Self::RefundSeen(_)
            | Self::DisputeSeen(_)
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::GivenUp { .. }
            | Self::Unreadable { .. }
            | Self::Irrelevant => None,
        }
    }

    /// The checkout that the fact is about.
    #[must_use]
    pub const fn checkout(&self) -> Option<CheckoutId> {
        match self {
            Self::CheckoutOpened { checkout, .. }
            | Self::CheckoutCompleted { checkout, .. }
            | Self::CheckoutEnded { checkout, .. }
            | Self::Refused {
                about: About::Checkout(checkout),
                ..
            }
            | Self::GivenUp {
                about: About::Checkout(checkout),
                ..
            }
            | Self::PaymentDenied {
                of: About::Checkout(checkout),
                ..
            }
            | Self::PaymentUnconfirmed {
                of: About::Checkout(checkout),
                ..
            } => Some(*checkout),
            Self::SubscriptionSeen(_)
            | Self::InvoiceOpened { .. }
            | Self::InvoicePaid { .. }
            | Self::PaymentPending { .. }
            | Self::InvoiceClosed { .. }
            | Self::PaymentReversed { .. }
            | Self::PaymentUpheld { .. }
            | Self::PaymentDenied { .. }
            | Self::PaymentUnconfirmed { .. }
            | Self::Unclear { .. }
            | Self::PaymentFailed { .. }
            | Self::ChargeFailed { .. }
            | Self::ProviderInvoiceSeen { .. }
            | Self::Hinted { .. }
            | Self::RefundSeen(_)
            | Self::DisputeSeen(_)
            | Self::Done { .. }
            | Self::Refused { .. }
            | Self::GivenUp { .. }
            | Self::Unreadable { .. }
            | Self::Irrelevant => None,
        }
    }
}
