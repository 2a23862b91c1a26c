//! Forecasts: the next invoices of a subscription, by the very decisions that
//! will make them, over an imagined clock. Every invoice is paid when its cycle
//! starts, and nobody changes anything. Writes nothing.
//!
//! `by_engine` moves the clock where the engine runs the schedule, `by_provider`
//! where a provider does.

mod by_engine;
mod by_provider;

use jiff::SignedDuration;

use crate::catalog::{CatalogRevision, PlanKey, PriceKey};
use crate::customer::{Account, Customer};
use crate::decision::Draft;
use crate::ids::{IdSeq, SubscriptionId};
use crate::line::Line;
use crate::money::Money;
use crate::subscription::{Schedule, State, Subscription, Why};
use crate::terms::Terms;
use crate::time::{Period, Timestamp, shifted};
use crate::usage::CustomerUsage;

/// Invoices foretold at most: a year of daily ones, and more than anybody reads.
pub const MAX_CYCLES: u16 = 400;

/// How far the clock is moved at most: ten years of 366 days. Catalogs are
/// edited more often than that.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(3_660 * 24);

/// Instants looked at for each invoice asked for: its opening, its start, a
/// notice, a change, a trial's end, and as many of other subscriptions.
const STEPS_PER_CYCLE: usize = 16;

/// Instants looked at besides: free cycles of others that fall due in between.
const STEPS_BESIDE: usize = 400;

/// How far a forecast goes: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Cycles that start after this instant are left out. `None`: [`MAX_AHEAD`].
    pub until: Option<Timestamp>,
    /// So many invoices; no more than [`MAX_CYCLES`].
    pub cycles: u16,
}

impl Horizon {
    /// The next so many invoices.
    #[must_use]
    pub const fn cycles(cycles: u16) -> Self {
        Self {
            until: None,
            cycles,
        }
    }

    /// Every invoice whose cycle starts no later than this.
    #[must_use]
    pub const fn until(until: Timestamp) -> Self {
        Self {
            until: Some(until),
            cycles: MAX_CYCLES,
        }
    }
}

/// What is to come of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Of which.
    pub subscription: SubscriptionId,
    /// What comes, in order.
    pub entries: Vec<ForecastEntry>,
    /// Whether more would follow beyond the horizon.
    pub more: bool,
}

/// One thing to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForecastEntry {
    /// When: the start of its cycle, or the end of the subscription.
    pub at: Timestamp,
    /// The cycle's number, where the engine counts them.
    pub cycle: Option<u32>,
    /// The time it pays for. `None`: nothing is paid, it ends.
    pub period: Option<Period>,
    /// What it is made of, what is drawn from the balance included.
    pub lines: Vec<Line>,
    /// What will be owed.
    pub amount: Money,
    /// The plan held from then on, or at the end.
    pub plan: PlanKey,
    /// Its price. `None`: negotiated terms, or a plan without prices.
    pub price: Option<PriceKey>,
    /// Pieces.
    pub quantity: u32,
    /// Why it is as it is.
    pub why: ForecastWhy,
}

/// Why something is to come as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForecastWhy {
    /// Another cycle, as the one before.
    Renewal,
    /// The first cycle after a change that is scheduled.
    ScheduledChange,
    /// The first cycle at a price that follows by itself, or by a migration.
    PriceChange,
    /// It ends.
    Ends,
}

impl ForecastWhy {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Renewal => "renewal",
            Self::ScheduledChange => "scheduled_change",
            Self::PriceChange => "price_change",
            Self::Ends => "ends",
        }
    }
}

/// What is to come of `subscription` after `now`, if every invoice is paid when
/// its cycle starts and nobody does anything else. An invoice that is open comes
/// first. `None`: the customer has no such subscription.
///
/// Of what is paused, lapsed, over or was never paid, nothing comes by itself.
#[must_use]
pub fn forecast(
    account: &Account,
    catalog: &CatalogRevision,
    subscription: SubscriptionId,
    horizon: Horizon,
    now: Timestamp,
) -> Option<Forecast> {
    let held = account.subscription(subscription)?;
    let furthest = shifted(now, MAX_AHEAD);
    let until = horizon.until.map_or(furthest, |until| until.min(furthest));
    let by_provider = matches!(held.schedule, Schedule::Provider { .. });
    let mut foreseen = Foreseen {
        catalog,
        id: subscription,
        until,
        most: usize::from(horizon.cycles.min(MAX_CYCLES)),
        before: Sold::of(&held.terms),
        to_come: None,
        draft: Draft::imagined(
            imagined(account, held, by_provider),
            IdSeq::new(now, 0),
            now,
        ),
        entries: Vec::new(),
    };
    let more = match held.state {
        _ if foreseen.most == 0 => false,
        State::Paused { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. }
        | State::Incomplete => false,
        State::Trialing { .. } | State::Active | State::PastDue { .. } => match held.schedule {
            Schedule::Engine { .. } => foreseen.by_engine(),
            Schedule::Provider { .. } => foreseen.by_provider(),
            Schedule::Perpetual => false,
        },
    };
    Some(Forecast {
        subscription,
        entries: foreseen.entries,
        more,
    })
}

/// What can bear on the next invoices, without what never does.
fn imagined(account: &Account, held: &Subscription, alone: bool) -> Account {
    let customer = Customer {
        id: account.customer.id,
        external_ref: None,
        email: None,
        lang: None,
        github: None,
        member_of: None,
        joined_at: account.customer.joined_at,
        at_providers: Vec::new(),
        balances: account.customer.balances.clone(),
        negotiated: Vec::new(),
        guest: false,
        claim: None,
        claims: Vec::new(),
        usage: CustomerUsage::default(),
    };
    let mut imagined = Account::new(customer);
    // All that a customer holds draws on one balance.
    let counts = |other: &&Subscription| other.id == held.id || (!alone && !other.is_over());
    let subscriptions = account.subscriptions.iter().filter(counts);
    imagined.subscriptions = subscriptions.map(priced_only).collect();
    if !alone {
        let open = account.invoices.iter().filter(|invoice| invoice.is_open());
        imagined.invoices = open.cloned().collect();
        let open = account.changes.iter().filter(|held| held.state.is_open());
        imagined.changes = open.cloned().collect();
    }
    imagined
}

/// A subscription without what its plan grants: that costs nothing.
fn priced_only(held: &Subscription) -> Subscription {
    let mut priced = held.clone();
    let to_come = priced
        .scheduled
        .iter_mut()
        .map(|to_come| &mut *to_come.terms);
    for terms in to_come.chain([&mut priced.terms]) {
        terms.sold.by_feature.clear();
        terms.license = None;
    }
    priced
}

/// What is sold, as far as it makes one cycle another.
#[derive(PartialEq, Eq)]
struct Sold {
    plan: PlanKey,
    price: Option<PriceKey>,
    unit: Money,
    quantity: u32,
}

impl Sold {
    fn of(terms: &Terms) -> Self {
        Self {
            plan: terms.plan.clone(),
            price: terms.price.clone(),
            unit: terms.unit,
            quantity: terms.quantity,
        }
    }

    fn is(&self, terms: &Terms) -> bool {
        self.plan == terms.plan
            && self.price == terms.price
            && self.unit == terms.unit
            && self.quantity == terms.quantity
    }
}

struct Foreseen<'a> {
    catalog: &'a CatalogRevision,
    id: SubscriptionId,
    until: Timestamp,
    most: usize,
    /// What the cycle before was sold as.
    before: Sold,
    /// Why other terms were last seen to come.
    to_come: Option<Why>,
    draft: Draft,
    entries: Vec<ForecastEntry>,
}

impl Foreseen<'_> {
    /// Notes why other terms are to come.
    fn see(&mut self) {
        let held = self.draft.account.subscription(self.id);
        if let Some(to_come) = held.and_then(|held| held.scheduled.as_ref()) {
            self.to_come = Some(to_come.why);
        }
    }

    fn why(&self, terms: &Terms) -> ForecastWhy {
        match self.to_come {
            _ if self.before.is(terms) => ForecastWhy::Renewal,
            Some(Why::Change { .. }) => ForecastWhy::ScheduledChange,
            Some(Why::PromiseEnds | Why::Migration { .. }) | None => ForecastWhy::PriceChange,
        }
    }

    fn end(&mut self, at: Timestamp) {
        let Some(held) = self.draft.account.subscription(self.id) else {
            return;
        };
        if at > self.until || self.entries.len() >= self.most {
            return;
        }
        self.entries.push(ForecastEntry {
            at,
            cycle: None,
            period: None,
            lines: Vec::new(),
            amount: Money::zero(held.terms.unit.currency),
            plan: held.terms.plan.clone(),
            price: held.terms.price.clone(),
            quantity: held.terms.quantity,
            why: ForecastWhy::Ends,
        });
    }
}
