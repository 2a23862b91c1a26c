//! Quoting what is no change of terms: a cancellation, a pause, a resumption. The
//! step is taken on an imagined copy, and the quote says what came of it.
//!
//! Where a provider runs the schedule only resuming costs something, and the
//! provider is asked what; what it does not say is reckoned by our own rules.

use jiff::SignedDuration;

use crate::access::Effective;
use crate::catalog::{CatalogRevision, OnPause};
use crate::customer::Account;
use crate::decide::cancel::CancelWhen;
use crate::decide::pause::Accord;
use crate::decide::step::{Taken, take};
use crate::decision::Draft;
use crate::digest::digest128;
use crate::effect::{Resuming, Resumption};
use crate::forecast::{Horizon, forecast};
use crate::ids::{IdSeq, QuoteId, SubscriptionId};
use crate::line::{Line, LineKind, sum};
use crate::money::Money;
use crate::quote::{Loss, NextCharge, Quote, Source, Step, Timing};
use crate::subscription::{Schedule, Scheduled, State, Subscription, Why};
use crate::terms::Terms;
use crate::time::{Period, Timestamp, shifted};

use super::{QuoteRefusal, losses, price};

/// Invoices foretold of what is resumed: the one that opens with it, and the next.
const FORETOLD: u16 = 2;

/// What is to be done to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepAsk {
    /// To which.
    pub subscription: SubscriptionId,
    /// What.
    pub step: Step,
}

/// A step that can be taken, and what came of it when it was imagined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStep {
    ask: StepAsk,
    at: Timestamp,
    held: Subscription,
    effective_at: Timestamp,
    lines: Vec<Line>,
    owed_now: Money,
    balance_after: Money,
    next_charge: Option<NextCharge>,
    loses: Vec<Loss>,
}

/// Decides whether a step can be taken as of `at`, and what would come of it. `ends`:
/// when it does, where it is canceled.
///
/// # Errors
///
/// [`QuoteRefusal`] says what stands against it; a change of terms is planned by
/// [`plan_change`](super::plan_change).
pub fn plan_step(
    account: &Account,
    ask: &StepAsk,
    ends: CancelWhen,
    catalog: &CatalogRevision,
    at: Timestamp,
) -> Result<PlannedStep, QuoteRefusal> {
    let id = ask.subscription;
    let before = account
        .subscription(id)
        .ok_or(QuoteRefusal::NoSubscription)?;
    standing(before, ask.step, at)?;
    let mut draft = Draft::imagined(account.clone(), IdSeq::new(at, 0), at);
    let accord = Accord {
        ends,
        ..Accord::unquoted(at)
    };
    let taken = take(&mut draft, ask, accord, catalog)?;
    let after = &draft.account;
    let held = after.subscription(id).ok_or(QuoteRefusal::NoSubscription)?;
    let currency = held.terms.unit.currency;
    let mut planned = PlannedStep {
        ask: *ask,
        at,
        held: before.clone(),
        effective_at: effective_at(before, held, ask.step, &taken, at)?,
        lines: Vec::new(),
        owed_now: Money::zero(currency),
        balance_after: if held.is_engine_run() {
            after.customer.balance(currency)
        } else {
            // There, the balance lives at the provider.
            Money::zero(currency)
        },
        next_charge: None,
        loses: Vec::new(),
    };
    if ask.step == Step::Resume {
        planned.resumed(after, held, &taken, catalog)?;
    }
    planned.loses = lost(account, before, held, ask.step, catalog, at);
    Ok(planned)
}

/// Whether a step can be taken at all, as the subscription stands.
fn standing(held: &Subscription, step: Step, at: Timestamp) -> Result<(), QuoteRefusal> {
    if held.is_over() || held.cancellation.is_some_and(|end| end.ends_at <= at) {
        return Err(QuoteRefusal::NotActive(held.status()));
    }
    match (step, &held.schedule) {
        (Step::Change, _) => Err(QuoteRefusal::NothingChanges),
        (Step::Cancel | Step::Pause, Schedule::Perpetual) => Err(QuoteRefusal::NothingRecurs),
        (Step::Cancel, _)
            if held
                .cancellation
                .is_some_and(|end| end.taken_back.is_none()) =>
        {
            Err(QuoteRefusal::NothingChanges)
        }
        _ => Ok(()),
    }
}

fn effective_at(
    before: &Subscription,
    held: &Subscription,
    step: Step,
    taken: &Taken,
    at: Timestamp,
) -> Result<Timestamp, QuoteRefusal> {
    let later = |end: Option<Timestamp>| end.filter(|end| *end > at).unwrap_or(at);
    match step {
        Step::Cancel if taken.ends_at.is_some() => Ok(later(taken.ends_at)),
        // A period has begun that the provider has not told of yet.
        Step::Cancel => Err(QuoteRefusal::InvoiceOpen),
        Step::Pause => Ok(match (held.state, before.terms.on_pause) {
            (State::Paused { access_until, .. }, _) => later(access_until),
            (_, OnPause::PeriodEnd) => later(before.times.paid_through),
            (_, OnPause::Now) => at,
        }),
        Step::Resume | Step::Change => Ok(at),
    }
}

impl PlannedStep {
    /// What resuming costs by our own rules, and the charge that follows.
    fn resumed(
        &mut self,
        after: &Account,
        held: &Subscription,
        taken: &Taken,
        catalog: &CatalogRevision,
    ) -> Result<(), QuoteRefusal> {
        if taken.asked {
            return self.resumed_there();
        }
        let invoice = taken.invoice.and_then(|id| after.invoice(id));
        if let Some(invoice) = invoice {
            self.lines.clone_from(&invoice.lines);
            self.owed_now = invoice.amount;
        }
        let opened = invoice.and_then(|invoice| invoice.cycle);
        let horizon = Horizon::cycles(FORETOLD);
        let coming = forecast(after, catalog, held.id, horizon, self.at);
        let coming = coming.map(|coming| coming.entries).unwrap_or_default();
        let mut charges = coming.into_iter().filter(|entry| entry.period.is_some());
        let next = charges.find(|entry| opened.is_none() || entry.cycle != opened);
        self.next_charge = next.map(|next| NextCharge {
            at: next.at,
            amount: next.amount,
        });
        Ok(())
    }

    /// By our own rules a provider goes on within what is paid, and else begins a
    /// period and charges it.
    fn resumed_there(&mut self) -> Result<(), QuoteRefusal> {
        let left = self.held.times.paid_through.filter(|end| *end > self.at);
        if left.is_none() {
            let number = self.held.terms.number_there(self.at);
            let priced = self.held.terms.priced(number)?;
            self.owed_now = priced.rate;
            self.lines = priced.lines;
        }
        let interval = self.held.terms.billing.interval();
        let anew = interval.and_then(|interval| Period::at(self.at, interval, 0).ok());
        self.follows(left.or(anew.map(|period| period.end)))
    }

    /// The provider charges again at the end of its period.
    fn follows(&mut self, ends_at: Option<Timestamp>) -> Result<(), QuoteRefusal> {
        let renews = self.held.cancellation.is_none() && self.held.terms.renews;
        let Some(at) = ends_at.filter(|_| renews) else {
            self.next_charge = None;
            return Ok(());
        };
        let to_come = self.held.scheduled.as_ref();
        // What was to come may come with the period that begins now, before its day.
        let later = to_come.is_none_or(|to_come| to_come.at > at);
        let terms = if later {
            self.resumed_terms(ends_at)
        } else {
            self.held.terms_for(at)
        };
        self.next_charge = Some(NextCharge {
            at,
            amount: terms.priced(terms.number_there(at))?.rate,
        });
        Ok(())
    }

    /// What is to be asked of the provider before this can be quoted. `None`:
    /// nothing, it costs nothing or the engine computes it.
    #[must_use]
    pub fn resuming(&self) -> Option<Resuming> {
        let asked = self.ask.step == Step::Resume && !self.held.is_engine_run();
        let reference = self.held.reference().filter(|_| asked)?;
        Some(Resuming {
            provider: self.held.provider.clone()?,
            reference: reference.to_owned(),
            amount: self.anew().amount().ok()?,
            interval: self.anew().billing.interval(),
            at: self.at,
        })
    }

    /// The terms of a period that the provider begins with the resumption: what a buyer
    /// has scheduled comes with the next one, what comes by itself on its day.
    fn anew(&self) -> &Terms {
        match &self.held.scheduled {
            Some(to_come) if matches!(to_come.why, Why::Change { .. }) => &to_come.terms,
            _ => self.held.terms_at(self.at),
        }
    }

    /// The terms that hold once it goes on, in a period that ends at `ends_at`.
    fn resumed_terms(&self, ends_at: Option<Timestamp>) -> &Terms {
        if ends_at.is_some() && ends_at != self.held.times.paid_through {
            self.anew()
        } else {
            self.held.terms_at(self.at)
        }
    }

    /// The quote. `said` is what the provider said, where it was to be asked and
    /// could say.
    ///
    /// # Errors
    ///
    /// [`QuoteRefusal`] when an amount does not fit.
    pub fn quote(
        mut self,
        said: Option<&Resumption>,
        catalog: &CatalogRevision,
        id: QuoteId,
    ) -> Result<Quote, QuoteRefusal> {
        let digest = self.digest();
        let unsaid = self.resuming().is_some() && said.is_none();
        let mut terms = self.held.terms_at(self.at).clone();
        if let Some(said) = said {
            self.lines.clone_from(&said.charge.lines);
            self.owed_now = said.charge.owed;
            terms = self.resumed_terms(said.ends_at).clone();
            self.follows(said.ends_at)?;
            self.loses.extend(forgone(&self.held, said, self.at));
        }
        sum(&self.lines, self.owed_now.currency)?;
        let expires_at = self.expires_at(catalog.catalog.rules().quote_ttl);
        let goes_on = matches!(self.ask.step, Step::Pause | Step::Resume);
        let keeps = losses::kept(&self.held, &self.held.terms, catalog, self.at);
        Ok(Quote {
            id,
            customer: self.held.customer,
            subscription: self.held.id,
            step: self.ask.step,
            kinds: Vec::new(),
            timing: if self.effective_at > self.at {
                Timing::PeriodEnd
            } else {
                Timing::AtOnce
            },
            terms,
            paid: self.held.paid.clone(),
            restart: None,
            lines: self.lines,
            owed_now: self.owed_now,
            balance_after: self.balance_after,
            effective_at: self.effective_at,
            next_charge: self.next_charge,
            loses: self.loses,
            keeps: keeps.filter(|_| goes_on),
            source: if said.is_some() {
                Source::Provider
            } else {
                Source::Engine
            },
            pinned: said.map_or(!unsaid, |said| said.charge.pinned),
            digest,
            catalog_revision: catalog.number,
            created_at: self.at,
            expires_at,
        })
    }

    /// What it rests on, and what comes of it by our own rules.
    pub(crate) fn digest(&self) -> String {
        let held = &self.held;
        let unnumbered = |terms: &Terms| Terms {
            // Another revision that prices alike is no other basis.
            catalog_revision: 0,
            ..terms.clone()
        };
        let to_come = |to_come: &Scheduled| (to_come.at, to_come.why, unnumbered(&to_come.terms));
        let paused = if let State::Paused {
            access_until,
            remaining,
            ..
        } = held.state
        {
            Some((access_until, remaining))
        } else {
            None
        };
        let standing = (
            held.status(),
            paused,
            held.times.paid_through,
            held.cancellation.map(|end| end.ends_at),
            held.hang(),
        );
        let terms = (
            unnumbered(&held.terms),
            held.scheduled.as_ref().map(to_come),
            held.promise.displaced.as_deref().map(to_come),
            &held.paid,
        );
        let outcome = (
            (self.effective_at, &self.lines, self.owed_now),
            (self.balance_after, self.next_charge),
        );
        digest128(&(self.ask.step, standing, terms, outcome))
    }

    /// The earliest of the quote's time to live and the next instant at which the
    /// step would come to something else.
    fn expires_at(&self, ttl: SignedDuration) -> Timestamp {
        let (held, at) = (&self.held, self.at);
        let of_state = if let State::Trialing { ends_at, .. } = held.state {
            Some(ends_at)
        } else if let State::Paused {
            access_until,
            remaining,
            ..
        } = held.state
        {
            access_until.or_else(|| remaining.is_positive().then(|| shifted(at, remaining)))
        } else {
            None
        };
        let instants = [
            of_state,
            held.times.paid_through,
            held.scheduled.as_ref().map(|to_come| to_come.at),
            held.cancellation.map(|end| end.ends_at),
        ];
        let changes = instants.into_iter().flatten().filter(|end| *end > at);
        changes.chain([shifted(at, ttl)]).min().unwrap_or(at)
    }
}

/// What is lost, in the order in which a quote tells it.
fn lost(
    account: &Account,
    before: &Subscription,
    after: &Subscription,
    step: Step,
    catalog: &CatalogRevision,
    at: Timestamp,
) -> Vec<Loss> {
    let mut lost = Vec::new();
    if step == Step::Resume {
        return lost;
    }
    if step == Step::Cancel {
        let cycle = price::present_cycle(before, account, at);
        lost.extend(losses::promised(before, catalog, cycle, at));
    }
    let scheduled = |held: &Subscription| {
        let why = held.scheduled.as_ref().map(|to_come| to_come.why);
        why.filter(|why| matches!(why, Why::Change { .. }))
    };
    let provider_run = matches!(before.schedule, Schedule::Provider { .. });
    let dropped = scheduled(after).is_none() || (step == Step::Cancel && provider_run);
    if scheduled(before).is_some() && dropped {
        lost.push(Loss::ScheduledChange);
    }
    lost.extend(paid_time(before, after, step, at));
    let mut without = account.clone();
    without.subscriptions.retain(|held| held.id != before.id);
    let granted = |account: &Account| Effective::of(account, &catalog.catalog, at).entitlements;
    lost.extend(losses::granted_less(granted(account), &granted(&without)));
    lost
}

/// The paid time that a cancellation or a pause does not give back.
fn paid_time(
    before: &Subscription,
    after: &Subscription,
    step: Step,
    at: Timestamp,
) -> Option<Loss> {
    let left = match (step, before.state) {
        (Step::Cancel, State::Paused { remaining, .. }) if after.is_over() => remaining,
        // Access goes on through the pause, and not beyond its provider's end.
        (Step::Cancel, State::Paused { access_until, .. })
            if after.cancellation.is_some_and(|end| end.ends_at <= at) =>
        {
            access_until?.duration_since(at)
        }
        // There, what is paid for runs on.
        (Step::Pause, State::Active)
            if !before.is_engine_run() && before.terms.on_pause == OnPause::Now =>
        {
            before.times.paid_through?.duration_since(at)
        }
        _ => return None,
    };
    left.is_positive().then_some(Loss::PaidTime { left })
}

/// The paid time that is charged anew, because the provider begins another period.
fn forgone(held: &Subscription, said: &Resumption, at: Timestamp) -> Option<Loss> {
    let left = held.times.paid_through?.duration_since(at);
    let credits = |line: &Line| line.kind == LineKind::Unused;
    let anew = !said.charge.owed.is_zero() && !said.charge.lines.iter().any(credits);
    (anew && left.is_positive()).then_some(Loss::PaidTime { left })
}
