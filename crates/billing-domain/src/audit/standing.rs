//! How things stand: changes and schedules match, nobody loses what is paid, and
//! no status contradicts its times.

use std::collections::BTreeSet;

use super::{Auditor, FindingCode};
use crate::change::ChangeState;
use crate::ids::SubscriptionId;
use crate::invoice::{InvoiceState, Issuer, Purpose};
use crate::journal::Event;
use crate::subscription::{State, Subscription, Why};
use crate::time::Timestamp;

/// What ends paid time, or moves it.
const MOVES_PAID_TIME: [Event; 4] = [
    Event::PlanChanged,
    Event::SubscriptionPaused,
    Event::SubscriptionCanceled,
    Event::SubscriptionExpired,
];

/// What ends access before what is paid.
const ENDS_ACCESS: [Event; 3] = [
    Event::SubscriptionPaused,
    Event::SubscriptionCanceled,
    Event::SubscriptionCancelScheduled,
];

impl Auditor<'_> {
    /// A scheduled change and its subscription know each other; one change awaits
    /// its payment.
    pub(super) fn changes(&mut self) {
        let account = self.books.account;
        for held in &account.subscriptions {
            let Some(Why::Change { change }) = held.scheduled.as_ref().map(|to_come| to_come.why)
            else {
                continue;
            };
            let row = account.change(change);
            let is_scheduled = row.is_some_and(|row| {
                row.state == ChangeState::Scheduled && row.quote.subscription == held.id
            });
            if !is_scheduled {
                let words = format!("waits for {change}, which is not scheduled");
                self.find(FindingCode::ScheduleWithoutChange, held.id, words);
            }
        }
        let mut awaiting = BTreeSet::new();
        for change in &account.changes {
            let held = change.quote.subscription;
            let waits = account.subscription(held).is_some_and(|held| {
                let why = held.scheduled.as_ref().map(|to_come| to_come.why);
                why == Some(Why::Change { change: change.id })
            });
            if change.state == ChangeState::Scheduled && !waits {
                let words = format!("is scheduled, and {held} does not wait for it");
                self.find(FindingCode::ChangeWithoutSchedule, change.id, words);
            }
            if change.state == ChangeState::AwaitingPayment && !awaiting.insert(held) {
                let words = format!("a second change of {held} that awaits its payment");
                self.find(FindingCode::TwoChangesAwaiting, change.id, words);
            }
        }
    }

    /// What is paid is given, unless the journal says what took it.
    pub(super) fn paid_time(&mut self) {
        let books = self.books;
        for held in &books.account.subscriptions {
            let paid = books.invoices.iter().filter_map(|invoice| {
                // What was used pays for no time.
                let ours = invoice.subscription == Some(held.id)
                    && invoice.issuer == Issuer::Engine
                    && invoice.purpose != Purpose::Usage;
                let settled = matches!(invoice.state, InvoiceState::Settled { .. });
                let period = invoice.period.filter(|_| ours && settled)?;
                Some((period.end, invoice.opened_at))
            });
            let last = paid.max();
            if let Some((end, since)) = last
                && held.times.paid_through.is_none_or(|through| through < end)
                && !self.tells(held.id, &MOVES_PAID_TIME, Some(since))
            {
                let words = format!("was paid until {end}, and is not");
                self.find(FindingCode::PaidTimeLost, held.id, words);
            }
            let paid_now = held.times.paid_through.is_some_and(|end| end > self.now);
            if paid_now
                && held.is_engine_run()
                && !held.gives_access(self.now)
                // Whether its payment went back is looked at with what went back.
                && held.withheld_since(self.now).is_none()
                && !self.tells(held.id, &ENDS_ACCESS, None)
            {
                let words = "gives no access before what is paid has ended";
                self.find(FindingCode::AccessCutShort, held.id, words);
            }
        }
    }

    /// Whether the journal tells one of `events` of a subscription since then.
    /// `None`: ever. Its beginning is an instant of the provider's clock, which
    /// may be ahead of the journal's.
    fn tells(&self, id: SubscriptionId, events: &[Event], since: Option<Timestamp>) -> bool {
        self.books.journal.iter().any(|entry| {
            let after = since.is_none_or(|since| entry.at >= since);
            entry.subscription == Some(id) && after && events.contains(&entry.event)
        })
    }

    /// No status contradicts the times beside it.
    pub(super) fn statuses(&mut self) {
        for held in &self.books.account.subscriptions {
            if let Some(words) = self.at_odds(held) {
                self.find(FindingCode::StatusAtOdds, held.id, words);
            }
        }
    }

    fn at_odds(&self, held: &Subscription) -> Option<&'static str> {
        let times = held.times;
        if times.due_at.is_some() != times.grace_ends_at.is_some() {
            return Some("a due date without an end of grace, or the other way around");
        }
        if held.is_over() && times.next_attempt_at.is_some() {
            return Some("is over, and will be renewed");
        }
        if held.is_over() && held.cancellation.is_some() {
            return Some("is over, and a cancellation is to come");
        }
        if !held.is_engine_run() {
            return None;
        }
        if times
            .due_at
            .is_some_and(|due| times.paid_through.is_some_and(|end| due < end))
        {
            return Some("is due before what is paid has ended");
        }
        let open = self.books.invoices.iter().any(|invoice| {
            invoice.subscription == Some(held.id) && invoice.is_open() && invoice.is_renewal()
        });
        if times.due_at.is_some() && !open {
            return Some("is due, and no invoice is open");
        }
        match held.state {
            State::Active | State::PastDue { .. } | State::Lapsed { .. }
                if times.paid_through.is_none() =>
            {
                Some("was never paid")
            }
            State::Trialing { ends_at, .. } if times.paid_through != Some(ends_at) => {
                Some("is paid until another instant than its trial's end")
            }
            State::PastDue { since, .. } if since > self.now => {
                Some("is past due since an instant to come")
            }
            State::Lapsed { at } if at > self.now => Some("has lapsed at an instant to come"),
            State::Expired { at } if at > self.now => Some("has expired at an instant to come"),
            State::PastDue { .. } if times.paid_through.is_some_and(|end| end > self.now) => {
                Some("is past due before what is paid has ended")
            }
            State::Incomplete
            | State::Trialing { .. }
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Canceled { .. }
            | State::Expired { .. } => None,
        }
    }
}
