//! Reminding of a renewal that can be paid and is not. When one is due says
//! `subscription::remind`; who is told, and how, is not known here.

use crate::decision::Draft;
use crate::invoice::Invoice;
use crate::journal::{Event, RenewalOwed};
use crate::subscription::{Reminder, Reminds, Subscription};

/// Gives the reminder that is due, or lets it go by where it comes too late to help.
pub(super) fn remind(draft: &mut Draft, mut held: Subscription, reminder: Reminder) -> bool {
    let Some(open) = draft.account.open_invoice(held.id).cloned() else {
        return false;
    };
    let Some(mut told) = held.reminded_of(&open) else {
        return false;
    };
    let event = match reminder.of {
        Reminds::Due => {
            told.due = true;
            Event::SubscriptionRenewalDue
        }
        Reminds::End => {
            told.end = true;
            Event::SubscriptionGraceEnding
        }
    };
    let now = draft.now();
    let helps = now < reminder.until;
    if helps {
        told.at = now;
    }
    held.reminded = Some(told);
    let owed = owed(&held, &open);
    let id = held.id;
    draft.account.put_subscription(held);
    if helps {
        draft.note(event, |entry| {
            entry.subscription = Some(id);
            entry.invoice = Some(open.id);
            entry.money = Some(open.amount);
            entry.renewal = owed;
            entry.note = open.pay_url;
        });
    }
    true
}

/// What it takes to pay the open cycle. `None`: there is no link yet.
pub(super) fn owed(held: &Subscription, open: &Invoice) -> Option<RenewalOwed> {
    Some(RenewalOwed {
        cycle: open.cycle?,
        collected: open.collected(),
        due_at: held.times.due_at?,
        grace_ends_at: held.times.grace_ends_at?,
    })
}
