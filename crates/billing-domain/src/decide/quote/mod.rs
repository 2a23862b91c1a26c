//! Quoting a change: whether it is allowed, when it takes effect, what it costs,
//! what comes next and what is lost. Writes nothing.
//!
//! `target` finds what is asked for, `policy` whether and when, `price` the
//! money, `next` what follows, `losses` what is lost and kept.

mod losses;
mod next;
mod policy;
mod price;
mod refusal;
mod step;
mod target;

use jiff::SignedDuration;

use crate::catalog::{CatalogRevision, ChangeKind, ChangeMoney, PlanKey, PriceKey};
use crate::customer::Account;
use crate::decide::balance::draw;
use crate::decide::change::in_effect;
use crate::decide::pending::on_its_way;
use crate::digest::digest128;
use crate::effect::{ChangeSubscription, ChangeWhen, Preview};
use crate::ids::{QuoteId, SubscriptionId};
use crate::line::sum;
use crate::money::Money;
use crate::quote::{Quote, Source, Step, Timing};
use crate::subscription::{Schedule, Scheduled, State, Subscription};
use crate::terms::Terms;
use crate::time::{Timestamp, shifted};

use next::{available, next_charge};

pub use refusal::QuoteRefusal;
pub use step::{PlannedStep, StepAsk, plan_step};

/// What is to be changed into what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAsk {
    /// What is changed.
    pub subscription: SubscriptionId,
    /// The plan wanted. `None`: the price's, or the present one.
    pub plan: Option<PlanKey>,
    /// The price wanted. `None`: the plan's, in the present currency and interval
    /// where it is sold so.
    pub price: Option<PriceKey>,
    /// Pieces wanted. `None`: as many as now, where the plan is sold so.
    pub quantity: Option<u32>,
}

/// An operator's change, which no policy forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// It applies now, and no money moves.
    Free,
    /// It applies now, once the difference is paid.
    Collected,
}

/// A change that is allowed, with its money not yet computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    subscription: Subscription,
    kinds: Vec<ChangeKind>,
    timing: Timing,
    money: ChangeMoney,
    terms: Terms,
    force: Option<Force>,
}

/// Decides whether a change is allowed at `now`, and when it would take effect.
///
/// # Errors
///
/// [`QuoteRefusal`] says what stands against it.
pub fn plan_change(
    account: &Account,
    ask: &ChangeAsk,
    force: Option<Force>,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Result<Planned, QuoteRefusal> {
    let subscription = account
        .subscription(ask.subscription)
        .ok_or(QuoteRefusal::NoSubscription)?;
    standing(account, subscription, now)?;
    // As it stands now, whether or not anybody looked.
    let subscription = in_effect(subscription, now, catalog)
        .map_or_else(|| subscription.clone(), |(held, _)| held);
    let terms = target::terms(account, &subscription, ask, catalog, now)?;
    let kinds = policy::kinds(&subscription.terms, &terms, catalog, force.is_some())?;
    let (timing, money) = policy::rule(&subscription, &kinds, force, catalog)?;
    let terms = match (timing, subscription.comes_by_itself()) {
        (Timing::PeriodEnd, Some(to_come)) => target::at_its_start(&subscription, terms, to_come),
        (Timing::PeriodEnd, None) | (Timing::AtOnce, _) => terms,
    };
    let planned = Planned {
        subscription,
        kinds,
        timing,
        money,
        terms,
        force,
    };
    if planned.subscription.cancellation.is_some() && planned.moves_the_end(now) {
        return Err(QuoteRefusal::CancellationPending);
    }
    if timing == Timing::PeriodEnd && planned.has_paid_change() {
        return Err(QuoteRefusal::ChangePaid);
    }
    if planned.is_charged_there() {
        return Err(QuoteRefusal::ChargedThere);
    }
    Ok(planned)
}

/// Whether a subscription can be changed as it stands.
fn standing(account: &Account, held: &Subscription, now: Timestamp) -> Result<(), QuoteRefusal> {
    let canceled = held.cancellation.is_some_and(|end| end.ends_at <= now);
    let refused = QuoteRefusal::NotActive(held.status());
    if canceled {
        return Err(refused);
    }
    if held.has_withheld(now) {
        return Err(QuoteRefusal::PaymentReturned);
    }
    let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
    match held.state {
        State::Trialing { ends_at, .. } if over(Some(ends_at)) => Err(QuoteRefusal::InvoiceOpen),
        State::PastDue { .. } => Err(QuoteRefusal::InvoiceOpen),
        State::Active if held.is_engine_run() && over(held.times.paid_through) => {
            Err(QuoteRefusal::InvoiceOpen)
        }
        State::Trialing { .. } | State::Active => {
            let due = account
                .open_invoice(held.id)
                .is_some_and(|invoice| invoice.period.is_none_or(|period| period.start <= now));
            if due {
                return Err(QuoteRefusal::InvoiceOpen);
            }
            if on_its_way(account, held, now).is_some() {
                return Err(QuoteRefusal::MoneyOnItsWay);
            }
            Ok(())
        }
        State::Incomplete
        | State::Paused { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => Err(refused),
    }
}

impl Planned {
    /// What kinds of change it is, the deciding one first.
    #[must_use]
    pub fn kinds(&self) -> &[ChangeKind] {
        &self.kinds
    }

    /// When it takes effect.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// What is to be asked of the provider before this can be quoted. `None`:
    /// nothing, the engine computes the money.
    #[must_use]
    pub fn preview(&self, now: Timestamp) -> Option<ChangeSubscription> {
        let paid = self.timing == Timing::AtOnce && self.money != ChangeMoney::None;
        let when = ChangeWhen::Prorated {
            at: now,
            quoted: None,
        };
        at_provider(&self.subscription, &self.terms, when).filter(|_| paid && !self.in_trial())
    }

    fn in_trial(&self) -> bool {
        matches!(self.subscription.state, State::Trialing { .. })
    }

    /// Whether the end of what is paid moves with it.
    fn moves_the_end(&self, now: Timestamp) -> bool {
        self.timing == Timing::PeriodEnd || self.restarts(now)
    }

    /// Whether the terms that are scheduled have been paid for: they hold from
    /// their instant on, whatever else is scheduled.
    fn has_paid_change(&self) -> bool {
        let to_come = self.subscription.scheduled.as_ref();
        to_come.is_some_and(|to_come| self.subscription.is_paid_beyond(to_come.at))
    }

    /// Whether it leads to another interval than the one held, or than one that
    /// is paid: prices of the one are never taken by the time of the other.
    fn turns(&self, now: Timestamp) -> bool {
        let (held, to) = (&self.subscription, self.terms.billing);
        let left = held.paid.iter().filter(|paid| paid.period.end > now);
        let mut intervals = left.filter_map(|paid| paid.interval);
        held.terms.billing != to || intervals.any(|paid| Some(paid) != to.interval())
    }

    /// Whether a provider would charge for it although no money is to move: it begins
    /// a period with another interval, and with what follows something free.
    fn is_charged_there(&self) -> bool {
        let (held, to) = (&self.subscription, &self.terms);
        let is_free = |terms: &Terms| terms.amount().is_ok_and(Money::is_zero);
        let anew = held.terms.billing != to.billing || is_free(&held.terms) && !is_free(to);
        let unbilled = self.timing == Timing::AtOnce && self.money == ChangeMoney::None;
        let there = matches!(held.schedule, Schedule::Provider { .. });
        there && unbilled && !self.in_trial() && anew
    }

    /// Whether a period begins with it: where the interval is another, or the
    /// full price is charged.
    fn restarts(&self, now: Timestamp) -> bool {
        let other = self.turns(now);
        let recurring = self.terms.billing.interval().is_some();
        let restarts = match self.money {
            ChangeMoney::Charge => other,
            ChangeMoney::Full => true,
            ChangeMoney::Credit | ChangeMoney::None => false,
        };
        self.timing == Timing::AtOnce && !self.in_trial() && recurring && restarts
    }

    /// The quote. `preview` is what the provider said, where it was to be asked.
    ///
    /// # Errors
    ///
    /// [`QuoteRefusal`] when an amount does not fit, or there is nothing to collect.
    pub fn quote(
        &self,
        account: &Account,
        preview: Option<&Preview>,
        catalog: &CatalogRevision,
        id: QuoteId,
        now: Timestamp,
    ) -> Result<Quote, QuoteRefusal> {
        let held = &self.subscription;
        let currency = self.terms.unit.currency;
        let worked = price::work(self, account, now)?;
        let rules = catalog.catalog.rules();
        let balance = match held.schedule {
            // There, the balance lives at the provider.
            Schedule::Provider { .. } => Money::zero(currency),
            Schedule::Engine { .. } | Schedule::Perpetual => available(account, held, currency)?,
        };
        let minimum = rules.minimum_charge.get(&currency).copied();
        let (lines, owed_now, balance_after, source) = if let Some(preview) = preview {
            let lines = preview.lines.clone();
            (lines, preview.owed, balance, Source::Provider)
        } else {
            let drawn = draw(worked.lines, balance, minimum)?;
            (drawn.lines, drawn.owed, drawn.balance, Source::Engine)
        };
        if self.force == Some(Force::Collected) && owed_now.is_zero() {
            return Err(QuoteRefusal::NothingToCollect);
        }
        let pinned = preview.is_none_or(|preview| preview.pinned);
        // It sums to what is owed less what goes to the balance, whoever computed it.
        sum(&lines, currency)?;
        let effective_at = match self.timing {
            Timing::AtOnce => now,
            Timing::PeriodEnd => held.times.paid_through.unwrap_or(now),
        };
        let mut quote = Quote {
            id,
            customer: account.customer.id,
            subscription: held.id,
            step: Step::Change,
            kinds: self.kinds.clone(),
            timing: self.timing,
            terms: self.terms.clone(),
            paid: worked.paid,
            restart: worked.restart,
            lines,
            owed_now,
            balance_after,
            effective_at,
            next_charge: None,
            loses: losses::of(
                held,
                &self.terms,
                catalog,
                price::present_cycle(held, account, now),
                now,
            ),
            keeps: losses::kept(held, &self.terms, catalog, now),
            source,
            pinned,
            digest: self.digest(account, catalog)?,
            catalog_revision: catalog.number,
            created_at: now,
            expires_at: self.expires_at(catalog, rules.quote_ttl, now),
        };
        quote.next_charge = next_charge(held, &quote, account, minimum)?;
        Ok(quote)
    }

    /// What it is of, and the digest of what prices it.
    ///
    /// # Errors
    ///
    /// [`QuoteRefusal`] when the balance does not fit.
    pub fn key(
        &self,
        account: &Account,
        catalog: &CatalogRevision,
    ) -> Result<(SubscriptionId, String), QuoteRefusal> {
        Ok((self.subscription.id, self.digest(account, catalog)?))
    }

    /// What prices it. Whatever else the customer does leaves it alone.
    ///
    /// # Errors
    ///
    /// [`QuoteRefusal`] when the balance does not fit.
    pub(crate) fn digest(
        &self,
        account: &Account,
        catalog: &CatalogRevision,
    ) -> Result<String, QuoteRefusal> {
        let held = &self.subscription;
        let currency = self.terms.unit.currency;
        let terms = Terms {
            // Another revision that prices alike is no other basis.
            catalog_revision: 0,
            ..self.terms.clone()
        };
        let present = Terms {
            catalog_revision: 0,
            ..held.terms.clone()
        };
        let money = (
            available(account, held, currency)?,
            catalog
                .catalog
                .rules()
                .minimum_charge
                .get(&currency)
                .copied(),
        );
        let standing = (
            held.status(),
            held.times.paid_through,
            held.cancellation.map(|end| end.ends_at),
            held.hang(),
        );
        let unnumbered = |to_come: &Scheduled| {
            let mut to_come = to_come.clone();
            to_come.terms.catalog_revision = 0;
            to_come
        };
        let scheduled = held.scheduled.as_ref().map(unnumbered);
        let displaced = held.promise.displaced.as_deref().map(unnumbered);
        let to_come = (scheduled, displaced, held.promise.cycles);
        let kept = (&held.paid, &held.short);
        Ok(digest128(&(
            (&self.kinds, self.timing, self.money, self.force),
            (terms, present),
            (money, standing, to_come, kept),
        )))
    }

    /// The earliest of the quote's time to live and the next instant at which its
    /// price, plan or period would be another.
    fn expires_at(
        &self,
        catalog: &CatalogRevision,
        ttl: SignedDuration,
        now: Timestamp,
    ) -> Timestamp {
        let held = &self.subscription;
        let price = self.terms.price.as_ref();
        let retired = price.and_then(|key| catalog.catalog.price(key.as_str())?.retired);
        let plan_retired = catalog
            .catalog
            .plan(self.terms.plan.as_str())
            .and_then(|plan| plan.retired);
        let trial_end = match held.state {
            State::Trialing { ends_at, .. } => Some(ends_at),
            State::Incomplete
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Canceled { .. }
            | State::Expired { .. } => None,
        };
        let scheduled = held.scheduled.as_ref().map(|scheduled| scheduled.at);
        let instants = [
            held.times.paid_through,
            trial_end,
            scheduled,
            held.cancellation.map(|end| end.ends_at),
            retired,
            plan_retired,
        ];
        let paid_ends = held.paid.iter().map(|paid| Some(paid.period.end));
        let changes = instants.into_iter().chain(paid_ends).flatten();
        changes
            .filter(|instant| *instant > now)
            .chain([shifted(now, ttl)])
            .min()
            .unwrap_or(now)
    }
}

/// With the period in which `to_come` begins.
pub(super) const fn with_period(to_come: &Scheduled) -> ChangeWhen {
    ChangeWhen::NextPeriod {
        at: Some(to_come.at),
    }
}

/// The order that changes a provider-run subscription to `terms`. `None`: the
/// provider does not run it.
pub(super) fn at_provider(
    held: &Subscription,
    terms: &Terms,
    when: ChangeWhen,
) -> Option<ChangeSubscription> {
    let price_ref = terms.price_ref.clone()?;
    Some(ChangeSubscription {
        provider: held.provider.clone()?,
        reference: held.reference()?.to_owned(),
        change: None,
        description: terms.plan.to_string(),
        price_ref,
        amount: terms.amount().ok()?,
        quantity: terms.quantity,
        interval: terms.billing.interval(),
        when,
        ends_discount: held.terms.discount.is_some() && terms.discount.is_none(),
    })
}
