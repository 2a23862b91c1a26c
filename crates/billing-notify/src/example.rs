//! An entry as one could be, for the documentation of each event: what its entries always say,
//! and of what they sometimes say that which most of them do. Knows no rule of any event.

use billing_domain::ids::{CustomerId, Id, IdSeq, NegotiatedId};
use billing_domain::journal::{Event, JournalEntry, Part, RenewalOwed};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;

/// Any fixed instant: ids are made from it.
const AT_SECOND: i64 = 1_772_366_400;

/// How long before its due date a renewal can be paid here, and how long after it.
const AHEAD: SignedDuration = SignedDuration::from_hours(3 * 24);
const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// About how long a period is.
const MONTH: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Bytes of a machine's fingerprint, and of a hash.
const FINGERPRINT: usize = 16;
const SHA256: usize = 32;

/// What most of its entries say of what they sometimes say.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an event that is not named has nothing more to show"
)]
const fn mostly(event: Event) -> &'static [Part] {
    use Event as E;
    use Part::{Change, Checkout, Invoice, Money, Note, Subscription};
    match event {
        E::CheckoutCreated | E::UsageLimitSet => &[Money],
        E::SubscriptionCreated => &[Checkout],
        E::SubscriptionRenewalPending
        | E::SubscriptionRenewalDue
        | E::SubscriptionGraceEnding
        | E::SubscriptionCancelUpheld => &[Note],
        E::SubscriptionRenewed => &[Invoice, Note],
        E::SubscriptionRenewalFailed | E::InvoiceOpened => &[Subscription, Money],
        E::SubscriptionRenewalStalled
        | E::InvoiceSettled
        | E::InvoiceVoided
        | E::InvoiceRefundPromised
        | E::InvoiceRefunded
        | E::InvoiceDisputed
        | E::InvoiceDisputeClosed
        | E::UsageLimitReached => &[Subscription],
        E::PlanChanged => &[Change],
        E::BalanceChanged | E::InvoiceAmountMismatch => &[Invoice, Money],
        E::InvoicePaymentFailed => &[Subscription, Note],
        _ => &[],
    }
}

/// What the note of its entries is like. Empty: they have none, or it is an operator's.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an event that is not named has nothing more to show"
)]
fn noted(event: Event, ids: &mut IdSeq, at: Timestamp) -> String {
    use Event as E;
    let later = |by| shifted(at, by).to_string();
    match event {
        E::CustomerUpdated => "lang".to_owned(),
        E::CustomerJoined | E::CustomerLeft | E::ClaimAttached | E::ClaimTaken => {
            ids.draw::<CustomerId>().to_string()
        }
        E::EventParked => "amount_mismatch".to_owned(),
        E::SubscriptionTrialEnding | E::GrantTrialEnding => later(AHEAD),
        E::SubscriptionRenewalPending | E::SubscriptionRenewalDue | E::SubscriptionGraceEnding => {
            "https://pay.example.com/i/2".to_owned()
        }
        E::SubscriptionRenewed | E::ChangeScheduled => later(MONTH),
        E::InvoicePaymentFailed => "card_declined".to_owned(),
        E::SubscriptionRenewalSkipped => "2 cycles skipped".to_owned(),
        E::SubscriptionCancelUpheld => "too_late".to_owned(),
        E::PlanChanged | E::GrantAdded | E::GrantRemoved => "team".to_owned(),
        E::PriceChangeUpcoming => format!("team-monthly-2 from {}", later(MONTH)),
        E::BalanceChanged => "late payment".to_owned(),
        E::LicenseMachineActivated | E::LicenseMachineDeactivated => "5f".repeat(FINGERPRINT),
        E::LicenseRecovered => "5f".repeat(SHA256),
        E::TermsNegotiated => ids.draw::<NegotiatedId>().to_string(),
        E::InvoiceRefunded => "re_3MtwBwLkdIwHu7ix".to_owned(),
        E::InvoiceDisputed => "dp_1MtJUT2eZvKYlo2C".to_owned(),
        E::InvoiceDisputeClosed => "won".to_owned(),
        E::UsageLimitReached => "api_calls".to_owned(),
        _ => String::new(),
    }
}

/// Who did it, where that is an operator's to do.
fn actor(event: Event) -> Option<String> {
    use Event as E;
    let by_operator = event.says().may_say(Part::Reason)
        || matches!(event, E::GrantAdded | E::GrantRemoved | E::TermsNegotiated);
    by_operator.then(|| "operator:ana".to_owned())
}

/// An entry as one could be, for the documentation of an event.
#[must_use]
pub fn example(event: Event) -> JournalEntry {
    let at = Timestamp::from_second(AT_SECOND).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut ids = IdSeq::new(at, 7);
    let says = |part| event.says().always.contains(&part) || mostly(event).contains(&part);
    let due_at = shifted(at, AHEAD);
    JournalEntry {
        id: ids.draw(),
        customer: ids.draw(),
        event,
        at,
        actor: actor(event),
        // The operator's own words, which no receiver is told.
        reason: None,
        subscription: some(&mut ids, says(Part::Subscription)),
        invoice: some(&mut ids, says(Part::Invoice)),
        checkout: some(&mut ids, says(Part::Checkout)),
        grant: some(&mut ids, says(Part::Grant)),
        change: some(&mut ids, says(Part::Change)),
        license: some(&mut ids, says(Part::License)),
        money: says(Part::Money).then(|| Money::new(2_000, Currency::USD)),
        renewal: says(Part::Renewal).then(|| RenewalOwed {
            cycle: 2,
            collected: Money::new(50_000, Currency::SAT),
            due_at,
            grace_ends_at: shifted(due_at, GRACE),
        }),
        plan_before: None,
        note: match (says(Part::Note), says(Part::Reason)) {
            (true, _) => Some(noted(event, &mut ids, at)),
            (false, true) => Some("asked for by phone".to_owned()),
            (false, false) => None,
        },
        sequence: Some(17_003),
    }
}

fn some<T: Id>(ids: &mut IdSeq, there: bool) -> Option<T> {
    let id = ids.draw();
    there.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_says_what_its_event_says() {
        for event in Event::ALL {
            let entry = example(*event);
            assert_eq!(entry.unlike_its_event(), None, "{event:?}");
            assert_ne!(entry.note.as_deref(), Some(""), "{event:?}");
            for part in mostly(*event) {
                assert!(event.says().sometimes.contains(part), "{event:?}: {part:?}");
            }
        }
    }
}
