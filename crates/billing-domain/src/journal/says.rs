//! What each event says: the parts of its entry that are always there, and those that
//! sometimes are. The schemas and the examples that listeners get are made of this table, and
//! whatever a test's notifier is told is held to it. Knows nothing of how an entry is written.

use super::{Event, JournalEntry};

/// Something that an entry says of what happened, beside whom it happened to and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The subscription concerned.
    Subscription,
    /// The invoice concerned.
    Invoice,
    /// The checkout concerned.
    Checkout,
    /// The grant concerned.
    Grant,
    /// The change concerned.
    Change,
    /// The license concerned.
    License,
    /// The money concerned.
    Money,
    /// What it takes to pay a cycle.
    Renewal,
    /// What else a reader needs.
    Note,
    /// A note that is an operator's own words: why it was done. That is for the audit and the
    /// journal, and nobody outside is told.
    Reason,
}

impl Part {
    /// Every part, in the order in which it is told.
    pub const ALL: &[Self] = &[
        Self::Subscription,
        Self::Invoice,
        Self::Checkout,
        Self::Grant,
        Self::Change,
        Self::License,
        Self::Money,
        Self::Renewal,
        Self::Note,
        Self::Reason,
    ];

    /// The name of the field in which receivers are told it. `None`: they are not.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        Some(match self {
            Self::Subscription => "subscription",
            Self::Invoice => "invoice",
            Self::Checkout => "checkout",
            Self::Grant => "grant",
            Self::Change => "change",
            Self::License => "license",
            Self::Money => "money",
            Self::Renewal => "renewal",
            Self::Note => "note",
            Self::Reason => return None,
        })
    }
}

/// What the entries of an event say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Says {
    /// What each of them says.
    pub always: &'static [Part],
    /// What some of them say besides.
    pub sometimes: &'static [Part],
}

impl Says {
    /// Whether some of them say it.
    #[must_use]
    pub fn may_say(self, part: Part) -> bool {
        self.always.contains(&part) || self.sometimes.contains(&part)
    }
}

const fn says(always: &'static [Part], sometimes: &'static [Part]) -> Says {
    Says { always, sometimes }
}

impl Event {
    /// What its entries say.
    #[must_use]
    pub const fn says(self) -> Says {
        use Event as E;
        use Part::{
            Change, Checkout, Grant, Invoice, License, Money, Note, Reason, Renewal, Subscription,
        };
        match self {
            E::CustomerCreated | E::ClaimConfirmed => says(&[], &[]),
            E::CustomerUpdated
            | E::CustomerJoined
            | E::CustomerLeft
            | E::ClaimAttached
            | E::ClaimTaken
            | E::EventParked => says(&[Note], &[]),

            E::ClaimMade | E::CheckoutCompleted | E::CheckoutExpired | E::CheckoutCanceled => {
                says(&[Checkout], &[])
            }
            // What is given away has no price.
            E::CheckoutCreated => says(&[Checkout], &[Money]),

            // Bought here, told by a provider, or imported.
            E::SubscriptionCreated => says(&[Subscription], &[Checkout, Note]),
            E::SubscriptionActivated => says(&[Subscription], &[Note]),
            E::SubscriptionTrialEnding | E::SubscriptionRenewalSkipped => {
                says(&[Subscription, Note], &[])
            }
            E::SubscriptionRenewalPending
            | E::SubscriptionRenewalDue
            | E::SubscriptionGraceEnding => says(&[Subscription, Invoice, Money, Renewal], &[Note]),
            // Where the provider runs the schedule, it tells of its invoice by itself.
            E::SubscriptionRenewed => says(&[Subscription], &[Invoice, Note]),
            E::SubscriptionRenewalFailed => says(&[Invoice], &[Subscription, Money, Note]),
            E::SubscriptionRenewalStalled => says(&[Invoice], &[Subscription]),
            E::SubscriptionCancelScheduled | E::SubscriptionCancelUpheld => {
                says(&[Subscription], &[Note])
            }
            E::SubscriptionPastDue
            | E::SubscriptionPaused
            | E::SubscriptionResumed
            | E::SubscriptionCancelUnscheduled
            | E::SubscriptionCanceled
            | E::SubscriptionLapsed
            | E::SubscriptionExpired => says(&[Subscription], &[]),

            // What the provider changed by itself is no change of ours.
            E::PlanChanged => says(&[Subscription, Note], &[Change]),
            E::ChangeScheduled => says(&[Subscription, Change, Note], &[]),
            E::ChangeForced => says(&[Subscription, Change, Money, Reason], &[]),
            E::ChangeSuperseded | E::ChangeCanceled | E::ChangeFailed => {
                says(&[Subscription, Change], &[])
            }
            E::PriceChangeUpcoming => says(&[Subscription, Money, Note], &[]),
            E::BalanceChanged => says(&[Note], &[Invoice, Money]),

            E::LicenseIssued | E::LicenseReissued | E::LicenseTierChanged => {
                says(&[Subscription, License], &[])
            }
            E::LicenseSuspended | E::LicenseReinstated => {
                says(&[Subscription, License, Reason], &[])
            }
            // What was paid went back, or an operator decided so.
            E::LicenseRevoked => says(&[Subscription, License], &[Reason]),
            E::LicenseMachineActivated | E::LicenseMachineDeactivated | E::LicenseRecovered => {
                says(&[Subscription, License, Note], &[])
            }

            E::TermsNegotiated => says(&[Money, Note], &[]),
            E::GrantAdded | E::GrantRemoved | E::GrantTrialEnding => says(&[Grant, Note], &[]),

            E::InvoiceOpened => says(&[Invoice], &[Subscription, Checkout, Change, Money]),
            // The note is there where a person vouched for the money.
            E::InvoiceSettled => says(&[Invoice, Money], &[Subscription, Change, Note]),
            E::InvoiceVoided => says(&[Invoice], &[Subscription, Money]),
            E::InvoicePaymentFailed => says(&[Invoice], &[Subscription, Change, Money, Note]),
            // Money for a checkout that is over has no invoice, and what went back no amount.
            E::InvoiceAmountMismatch => {
                says(&[], &[Subscription, Invoice, Checkout, Change, Money])
            }
            E::InvoiceRefundPromised => says(&[Invoice, Money], &[Subscription, Reason]),
            E::InvoiceRefunded | E::InvoiceDisputed | E::InvoiceDisputeClosed => {
                says(&[Invoice, Money, Note], &[Subscription, Change])
            }

            E::UsageLimitReached => says(&[Note], &[Subscription]),
            E::UsageLimitSet => says(&[], &[Money]),
        }
    }
}

impl JournalEntry {
    /// Whether it says that part.
    #[must_use]
    pub fn says(&self, part: Part) -> bool {
        let reasoned = self.event.says().may_say(Part::Reason);
        match part {
            Part::Subscription => self.subscription.is_some(),
            Part::Invoice => self.invoice.is_some(),
            Part::Checkout => self.checkout.is_some(),
            Part::Grant => self.grant.is_some(),
            Part::Change => self.change.is_some(),
            Part::License => self.license.is_some(),
            Part::Money => self.money.is_some(),
            Part::Renewal => self.renewal.is_some(),
            Part::Note => self.note.is_some() && !reasoned,
            Part::Reason => self.note.is_some() && reasoned,
        }
    }

    /// The first part in which it is unlike what its event says: one that is always said and
    /// is not here, or one that never is. `None`: it is as its event says.
    #[must_use]
    pub fn unlike_its_event(&self) -> Option<Part> {
        let said = self.event.says();
        let mut parts = Part::ALL.iter().copied();
        parts.find(|part| {
            if self.says(*part) {
                !said.may_say(*part)
            } else {
                said.always.contains(part)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_no_part_twice_and_in_the_order_in_which_it_is_told() {
        for event in Event::ALL {
            let Says { always, sometimes } = event.says();
            for parts in [always, sometimes] {
                assert!(parts.is_sorted_by(|one, next| one < next), "{event:?}");
            }
            assert!(
                !always.iter().any(|part| sometimes.contains(part)),
                "{event:?}"
            );
        }
        assert!(Part::ALL.is_sorted_by(|one, next| one < next));
    }

    /// What an operator says is never told, so it is said where nothing else is.
    #[test]
    fn no_event_says_both_a_note_and_a_reason() {
        let mut reasoned = 0;
        for event in Event::ALL {
            let says = event.says();
            if says.may_say(Part::Reason) {
                reasoned += 1;
                assert!(!says.may_say(Part::Note), "{event:?}");
            }
        }
        assert!(reasoned > 3);
    }
}
