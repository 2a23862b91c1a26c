//! Metered use: reporting it, reading it, and limiting what is spent on it.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::customer::Account;
use billing_domain::decide::{UsageRefusal, note_usage_reached, open_usage, set_spending_limit};
use billing_domain::entitlement::FeatureKey;
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Timestamp, shifted};
use billing_domain::usage::{
    AHEAD, Beside, CustomerUsage, Figures, MAX_EVENT_TEXT, MAX_EVENTS, MAX_VALUE, Meter, Standing,
    UsagePeriod, holds_metered, is_metered, standing_at,
};
use billing_ports::store::{Also, UsageBatch, UsageEvent, UsageRecorded};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// How often a batch is sorted into periods: once more where one was sealed, or another
/// began, meanwhile.
const MAX_SORTED: usize = 3;

/// Use of a feature, as a host reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// What names it: sent again under the same id, it counts once.
    pub id: String,
    /// What was used.
    pub feature: String,
    /// How much. Not looked at where names are counted.
    pub value: u64,
    /// What is counted once, where names are.
    pub name: Option<String>,
    /// When. `None`: now.
    pub at: Option<Timestamp>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageTaken {
    /// How many events were counted now.
    pub counted: usize,
    /// How many had been counted before.
    pub known: usize,
    /// Those that were not taken in; nothing of them is kept.
    pub refused: Vec<UsageNotTaken>,
}

/// An event that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageNotTaken {
    /// Its place in the batch, from 0.
    pub place: usize,
    /// Its id.
    pub id: String,
    /// Why.
    pub why: NotTaken,
}

/// Why an event was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotTaken {
    /// Its id is empty or too long, or has a NUL in it.
    #[error("an id has 1 to {MAX_EVENT_TEXT} bytes, none of them NUL")]
    BadId,
    /// The catalog counts the use of no such feature.
    #[error("no such metered feature")]
    NotMetered,
    /// Nothing that is held includes the feature, or is sold beyond.
    #[error("nothing that is held includes it")]
    NotHeld,
    /// The value is more than one event counts.
    #[error("a value is a whole number from 0 to {MAX_VALUE}")]
    BadValue,
    /// Names are counted, and it has none, or one that is too long or has a NUL in it.
    #[error("a name of 1 to {MAX_EVENT_TEXT} bytes is needed, none of them NUL")]
    BadName,
    /// It lies in the future.
    #[error("it lies in the future")]
    InFuture,
    /// Its period is charged, or it lies before the first one.
    #[error("its period is over and charged, or was never counted")]
    TooLate,
}

impl NotTaken {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadId => "bad_id",
            Self::NotMetered => "not_metered",
            Self::NotHeld => "not_held",
            Self::BadValue => "bad_value",
            Self::BadName => "bad_name",
            Self::InFuture => "in_future",
            Self::TooLate => "too_late",
        }
    }
}

/// Why a command about use failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// More events than a batch may have.
    #[error("a batch has {MAX_EVENTS} events at most")]
    TooMany,
    /// The spending limit cannot be that.
    #[error(transparent)]
    Refused(#[from] UsageRefusal),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What is used in the period that lasts, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageStanding {
    /// The period and its rules. `None`: nothing that is held is metered.
    pub period: Option<UsagePeriod>,
    /// How much was used in it.
    pub figures: Figures,
    /// What that will cost, and no more than the spending limit. `None`: nothing is
    /// sold, or nothing beyond was used.
    pub cost: Option<Money>,
    /// The most that is charged for one period, one amount per currency.
    pub spending_limits: Vec<Money>,
}

impl Billing {
    /// Counts what was used. An event that was counted before is not counted again; one
    /// that cannot be is named, and those beside it count. A member's use is its owner's.
    ///
    /// # Errors
    ///
    /// [`UsageError`]; then nothing was counted, or nobody knows, and all may be sent
    /// again.
    pub async fn record_usage(
        &self,
        of: &CustomerRef,
        events: &[UsageReport],
    ) -> Result<UsageTaken, UsageError> {
        let parts = self.parts()?;
        if events.len() > MAX_EVENTS {
            return Err(UsageError::TooMany);
        }
        let holding = parts.usage_holder(of).await?;
        let holder = holding.account.customer.id;
        let mut sorted = parts.sorted(holding, events).await?;
        let mut recorded = UsageRecorded::default();
        for _ in 0..MAX_SORTED {
            recorded = parts
                .store
                .record_usage(&sorted.batch)
                .await
                .map_err(EngineError::from)?;
            if recorded.sealed.is_empty() {
                break;
            }
            // Of those that were counted, none is counted again.
            sorted.counted.extend(std::mem::take(&mut recorded.counted));
            let again = parts.account_of(holder).await?;
            let again = parts.sorted(parts.holding(again).await?, events).await?;
            let same = again.batch == sorted.batch;
            sorted.batch = again.batch;
            sorted.refused = again.refused;
            sorted.usage = again.usage;
            if same {
                break;
            }
        }
        sorted.counted.extend(std::mem::take(&mut recorded.counted));
        sorted.refuse_sealed(&recorded.sealed);
        parts.tell_reached(holder, &sorted.usage, &recorded).await?;
        Ok(sorted.taken(events.len()))
    }

    /// What is used in the period that lasts, and what is included of it.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the customer is unknown or the engine fails.
    pub async fn usage(&self, of: &CustomerRef) -> Result<UsageStanding, UsageError> {
        let parts = self.parts()?;
        let holding = parts.usage_holder(of).await?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let period = parts.usage_standing(&holding, &catalog.catalog, now).period;
        let usage = &holding.account.customer.usage;
        let figures = match &period {
            Some(period) => parts.figures_in(usage, period.id).await?,
            None => Figures::new(),
        };
        let limit = period.as_ref().and_then(UsagePeriod::currency);
        let limit = limit.and_then(|currency| usage.spending_limit(currency));
        let charge = period
            .as_ref()
            .and_then(|period| period.charge(&figures, limit).ok().flatten());
        Ok(UsageStanding {
            period,
            figures,
            cost: charge.map(|charge| charge.amount),
            spending_limits: usage.spending_limits.clone(),
        })
    }

    /// From now on no more than `limit` minor units of `currency` are charged for one
    /// period. `None`: whatever is used. What was used before is charged as it would have
    /// been.
    ///
    /// # Errors
    ///
    /// [`UsageError`], and nothing is written.
    pub async fn set_spending_limit(
        &self,
        of: &CustomerRef,
        currency: Currency,
        limit: Option<i64>,
        actor: Option<&str>,
    ) -> Result<(), UsageError> {
        let parts = self.parts()?;
        let found = parts.store.find(&of.locator()).await;
        let customer = found
            .map_err(EngineError::from)?
            .ok_or(UsageError::NoSuchCustomer)?;
        let account = parts.account_of(customer).await?;
        let mut used = BTreeMap::new();
        for held in &account.customer.usage.periods {
            let figures = parts.store.usage_figures(held.id).await;
            used.insert(held.id, figures.map_err(EngineError::from)?);
        }
        let deciding = Deciding::about(customer).by(actor);
        parts
            .decide(&deciding, |draft, _catalog| {
                set_spending_limit(draft, currency, limit, &used).map_err(UsageError::Refused)
            })
            .await?;
        Ok(())
    }
}

/// Whose use counts, and what others hold for it.
pub(crate) struct Holding {
    pub(crate) account: Account,
    pub(crate) beside: Beside,
}

/// A batch, each event in its period.
struct Sorted {
    /// The periods that it was sorted into.
    usage: CustomerUsage,
    batch: UsageBatch,
    /// The place of each event of the batch.
    places: BTreeMap<String, usize>,
    counted: BTreeSet<String>,
    refused: Vec<UsageNotTaken>,
}

impl Sorted {
    fn refuse(&mut self, place: usize, id: &str, why: NotTaken) {
        self.refused.push(UsageNotTaken {
            place,
            id: id.to_owned(),
            why,
        });
    }

    /// What fell into these periods was not taken in.
    fn refuse_sealed(&mut self, sealed: &BTreeSet<UsagePeriodId>) {
        let late: Vec<String> = self
            .batch
            .events
            .iter()
            .filter(|event| sealed.contains(&event.period) && !self.counted.contains(&event.id))
            .map(|event| event.id.clone())
            .collect();
        for id in late {
            let place = self.places.get(&id).copied().unwrap_or(0);
            self.refuse(place, &id, NotTaken::TooLate);
        }
        self.refused.sort_by_key(|refused| refused.place);
    }

    fn taken(self, events: usize) -> UsageTaken {
        let counted = self.counted.len();
        let known = events
            .saturating_sub(counted)
            .saturating_sub(self.refused.len());
        UsageTaken {
            counted,
            known,
            refused: self.refused,
        }
    }
}

impl Parts {
    /// Whose figures count: the customer itself, or its owner.
    async fn usage_holder(&self, of: &CustomerRef) -> Result<Holding, UsageError> {
        let found = self.store.find(&of.locator()).await;
        let id = found
            .map_err(EngineError::from)?
            .ok_or(UsageError::NoSuchCustomer)?;
        let account = self.account_of(id).await?;
        Ok(self.used_through(account).await?)
    }

    /// Whose figures count for `account`: its own, where it holds something metered by
    /// itself or by its guests, or is nobody's member; else its owner's.
    pub(crate) async fn used_through(&self, account: Account) -> Result<Holding, EngineError> {
        let Some(owner) = account.customer.member_of else {
            return self.holding(account).await;
        };
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let mut alone = account.clone();
        alone.customer.member_of = None;
        let (alone, _) = self.joined(&alone).await?;
        if holds_metered(&alone, &catalog.catalog, now) {
            return self.holding(account).await;
        }
        let loaded = self.store.load(owner, &Also::default()).await?;
        self.holding(loaded.map_or(account, |owner| owner.account))
            .await
    }

    async fn holding(&self, account: Account) -> Result<Holding, EngineError> {
        let catalog = self.catalog(self.now()).await?;
        let beside = self.beside(&account, &catalog.catalog).await?;
        Ok(Holding { account, beside })
    }

    /// What others hold for `account`, where anything is metered.
    pub(crate) async fn beside(
        &self,
        account: &Account,
        catalog: &Catalog,
    ) -> Result<Beside, EngineError> {
        if !is_metered(catalog) {
            return Ok(Beside::default());
        }
        let (joined, _) = self.joined(account).await?;
        // Its own come first.
        let subscriptions = joined.subscriptions.iter();
        let grants = joined.grants.iter();
        Ok(Beside {
            subscriptions: subscriptions
                .skip(account.subscriptions.len())
                .cloned()
                .collect(),
            grants: grants.skip(account.grants.len()).cloned().collect(),
        })
    }

    async fn account_of(&self, id: CustomerId) -> Result<Account, UsageError> {
        let loaded = self.store.load(id, &Also::default()).await;
        let loaded = loaded.map_err(EngineError::from)?;
        Ok(loaded.ok_or(UsageError::NoSuchCustomer)?.account)
    }

    /// The period that lasts, open or not.
    pub(crate) fn usage_standing(
        &self,
        of: &Holding,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Standing {
        let id = self.ids(now).draw();
        standing_at(&of.account, &of.beside, catalog, now, id)
    }

    /// What was used in a period; nothing, where it is not open.
    pub(crate) async fn figures_in(
        &self,
        usage: &CustomerUsage,
        period: UsagePeriodId,
    ) -> Result<Figures, EngineError> {
        if usage.periods.iter().any(|held| held.id == period) {
            return Ok(self.store.usage_figures(period).await?);
        }
        Ok(Figures::new())
    }

    /// Puts events into their periods, and opens the one that lasts if there is none.
    async fn sorted(&self, of: Holding, events: &[UsageReport]) -> Result<Sorted, UsageError> {
        let holder = of.account.customer.id;
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let open = of.account.customer.usage.period_at(now);
        let standing = self.usage_standing(&of, &catalog.catalog, now);
        let stands = standing.cut.is_none() && open == standing.period.as_ref();
        let usage = if stands {
            of.account.customer.usage
        } else {
            self.open_usage(holder).await?
        };
        let mut sorted = Sorted {
            usage,
            batch: UsageBatch {
                customer: holder,
                events: Vec::new(),
            },
            places: BTreeMap::new(),
            counted: BTreeSet::new(),
            refused: Vec::new(),
        };
        for (place, event) in events.iter().enumerate() {
            match in_period(event, &sorted.usage, &catalog.catalog, now) {
                // A second one of an id is one that is known.
                Ok(_) if sorted.places.contains_key(&event.id) => {}
                Ok(read) => {
                    sorted.places.insert(event.id.clone(), place);
                    sorted.batch.events.push(read);
                }
                Err(why) => sorted.refuse(place, &event.id, why),
            }
        }
        Ok(sorted)
    }

    async fn open_usage(&self, holder: CustomerId) -> Result<CustomerUsage, EngineError> {
        let deciding = Deciding::about(holder);
        let decided = self
            .decide(&deciding, |draft, catalog: &CatalogRevision| {
                open_usage(draft, catalog);
                Ok::<_, EngineError>(draft.account.customer.usage.clone())
            })
            .await?;
        Ok(decided.said)
    }

    /// Tells, once a period, of each feature of which no more may be used.
    async fn tell_reached(
        &self,
        holder: CustomerId,
        usage: &CustomerUsage,
        recorded: &UsageRecorded,
    ) -> Result<(), UsageError> {
        let mut reached: Vec<(UsagePeriodId, FeatureKey)> = Vec::new();
        for (id, figures) in &recorded.figures {
            let Some(period) = usage.periods.iter().find(|held| held.id == *id) else {
                continue;
            };
            let limit = period.currency();
            let limit = limit.and_then(|currency| usage.spending_limit(currency));
            let used = figures.keys().filter(|key| !period.reached.contains(*key));
            let used = used.filter(|key| period.is_reached(key.as_str(), figures, limit));
            reached.extend(used.map(|key| (*id, key.clone())));
        }
        if reached.is_empty() {
            return Ok(());
        }
        self.decide(&Deciding::about(holder), |draft, _catalog| {
            for (period, feature) in &reached {
                note_usage_reached(draft, *period, feature);
            }
            Ok::<_, EngineError>(())
        })
        .await?;
        Ok(())
    }

    /// What was used in periods that are to be charged now: nothing is added to them
    /// any more.
    pub(crate) async fn sealed_usage(
        &self,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<(UsagePeriodId, Figures)>, EngineError> {
        let mut sealed = Vec::new();
        let due = account.customer.usage.periods.iter();
        for held in due.filter(|held| held.closes_at() <= now) {
            let figures = self
                .store
                .seal_usage(account.customer.id, held.id, now)
                .await?;
            sealed.push((held.id, figures));
        }
        Ok(sealed)
    }
}

/// The event as it is counted.
fn in_period(
    event: &UsageReport,
    usage: &CustomerUsage,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<UsageEvent, NotTaken> {
    // No store keeps a NUL apart from what looks like it.
    let fits = |text: &str| (1..=MAX_EVENT_TEXT).contains(&text.len()) && !text.contains('\0');
    if !fits(&event.id) {
        return Err(NotTaken::BadId);
    }
    let features = catalog.features();
    let metered = features
        .get_key_value(event.feature.as_str())
        .filter(|(_, feature)| feature.meter.is_some());
    let (feature, _) = metered.ok_or(NotTaken::NotMetered)?;
    let at = event.at.unwrap_or(now);
    if at > shifted(now, AHEAD) {
        return Err(NotTaken::InFuture);
    }
    // Whose clock is a little ahead reports what is used now.
    let at = at.min(now);
    let period = match usage.period_at(at) {
        Some(period) if period.closes_at() > now => period,
        _ if usage.period_at(now).is_none() => return Err(NotTaken::NotHeld),
        _ => return Err(NotTaken::TooLate),
    };
    let metered = period.meters.get(feature).ok_or(NotTaken::NotHeld)?;
    let name = event.name.as_deref().filter(|name| fits(name));
    match metered.meter {
        Meter::Unique if name.is_none() => return Err(NotTaken::BadName),
        Meter::Sum | Meter::Max if event.value > MAX_VALUE => return Err(NotTaken::BadValue),
        Meter::Sum | Meter::Max | Meter::Unique => {}
    }
    Ok(UsageEvent {
        id: event.id.clone(),
        period: period.id,
        feature: feature.clone(),
        meter: metered.meter,
        value: event.value,
        name: name.map(str::to_owned),
        at,
    })
}
