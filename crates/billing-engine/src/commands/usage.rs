//! Metered use: reporting it, reading it, and limiting what is spent on it.

mod sorting;

use billing_domain::catalog::Catalog;
use billing_domain::customer::Account;
use billing_domain::decide::{UsageRefusal, set_spending_limit};
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::money::{Currency, Money};
use billing_domain::time::Timestamp;
use billing_domain::usage::{
    Beside, CustomerUsage, Figures, MAX_EVENT_TEXT, MAX_EVENTS, MAX_VALUE, Standing, UsagePeriod,
    is_metered, standing_at, used_under,
};
use billing_ports::store::Also;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

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
        let found = parts.store.find(&of.locator()).await;
        let reported_of = found
            .map_err(EngineError::from)?
            .ok_or(UsageError::NoSuchCustomer)?;
        let account = parts.account_of(reported_of).await?;
        let mut taken = UsageTaken::default();
        for share in parts.shares(account, events).await? {
            let (counted, refused) = parts.count(reported_of, share).await?;
            taken.counted = taken.counted.saturating_add(counted);
            taken.refused.extend(refused);
        }
        taken.refused.sort_by_key(|refused| refused.place);
        taken.known = events
            .len()
            .saturating_sub(taken.counted)
            .saturating_sub(taken.refused.len());
        Ok(taken)
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
        // Read for each try of the decision: what is reported while another decides counts.
        let deciding = Deciding::about(customer).by(actor).with_use();
        parts
            .decide(&deciding, |draft, _catalog| {
                set_spending_limit(draft, currency, limit).map_err(UsageError::Refused)
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

    /// Whose figures count for what `account` uses now.
    pub(crate) async fn used_through(&self, account: Account) -> Result<Holding, EngineError> {
        let owner = account.customer.member_of;
        if owner.is_none() {
            return self.holding(account).await;
        }
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let alone = self.alone(&account).await?;
        let Some(owner) = used_under(&alone, owner, &catalog.catalog, now, now) else {
            return self.holding(account).await;
        };
        let loaded = self.store.load(owner, &Also::default()).await?;
        self.holding(loaded.map_or(account, |owner| owner.account))
            .await
    }

    /// An account with what its guests hold, and without what its owner does.
    async fn alone(&self, account: &Account) -> Result<Account, EngineError> {
        let mut alone = account.clone();
        alone.customer.member_of = None;
        let (alone, _) = self.joined(&alone).await?;
        Ok(alone.into_owned())
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
