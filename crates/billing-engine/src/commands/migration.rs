//! Price migrations: planned before they are done, executed by the plan's
//! digest, in bounded batches, and taken up again where a process died.

use billing_domain::decide::{MigrateError, Migrated, migrate};
use billing_domain::ids::MigrationId;
use billing_domain::migration::{MigrationAsk, MigrationPlan, MigrationRefusal, Move, Planner};
use billing_domain::money::MoneyError;
use billing_ports::store::{Locator, MigrationRow, Page, PageAsk};
use uuid::Uuid;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;
use crate::ring::{DecideError, Deciding};

/// Subscriptions read at once: some 2 MB of rows, and a round trip for each
/// thousand, of which a plan of 100 000 makes a hundred.
const PLAN_PAGE: u16 = 1_000;

/// Subscriptions moved between two notes of how far it has come: what a process
/// that dies leaves to be looked at again.
const EXECUTE_BATCH: u16 = 100;

/// Migrations looked through for one that was not finished.
const UNFINISHED_PAGE: u16 = 100;

/// Why a price migration was not planned or executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// The prices stand against it.
    #[error(transparent)]
    Refused(#[from] MigrationRefusal),
    /// The world has moved since it was planned: plan it anew.
    #[error("the plan is not what would be done now")]
    Stale,
    /// Another migration of the same price is under way.
    #[error("migration {0} of the same price is not finished")]
    UnderWay(MigrationId),
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The engine failed. What was done stays done; executing again goes on.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Plans a price migration: who moves, when, from what to what, and what that
    /// does to monthly revenue. Writes nothing; `each` sees every move in order.
    ///
    /// # Errors
    ///
    /// [`MigrationError`] says what stands against it.
    pub async fn plan_migration(
        &self,
        ask: &MigrationAsk,
        mut each: impl FnMut(&Move) + Send,
    ) -> Result<MigrationPlan, MigrationError> {
        let parts = self.parts()?;
        parts.plan_migration(ask, &mut each).await
    }

    /// One page of the moves of the plan with this digest, by ascending id of the
    /// subscription; those that are kept are none. Writes nothing.
    ///
    /// Every page judges all holders again, since nothing less shows that the world
    /// has not moved since the page before: whoever has the store beside them, and
    /// wants them all, hears them from [`Billing::plan_migration`] in one go.
    ///
    /// # Errors
    ///
    /// [`MigrationError`]; [`MigrationError::Stale`] when the plan would now be
    /// another, and its moves are not told.
    pub async fn list_moves(
        &self,
        ask: &MigrationAsk,
        digest: &str,
        page: PageAsk,
    ) -> Result<Page<Move>, MigrationError> {
        let mut rows = Vec::new();
        let mut more = false;
        let parts = self.parts()?;
        let hear = &mut |told: &Move| {
            let before = page
                .after
                .is_some_and(|after| told.subscription.uuid() <= after);
            if before || told.at.is_none() {
                return;
            }
            if rows.len() < usize::from(page.limit) {
                rows.push(told.clone());
            } else {
                more = true;
            }
        };
        let plan = parts.plan_migration(ask, hear).await?;
        if plan.digest != digest {
            return Err(MigrationError::Stale);
        }
        Ok(Page { rows, more })
    }

    /// Executes the plan with this digest: schedules every move and gives every
    /// notice that is due. One that was begun before is taken up where it
    /// stopped. `progress` hears how many of how many are done.
    ///
    /// # Errors
    ///
    /// [`MigrationError`]; [`MigrationError::Stale`] when the plan would now be
    /// another, and nothing is written.
    pub async fn execute_migration(
        &self,
        ask: &MigrationAsk,
        digest: &str,
        actor: Option<&str>,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<MigrationRow, MigrationError> {
        let parts = self.parts()?;
        let mut row = match parts.unfinished(ask).await? {
            Some(row) if row.digest == digest && row.to == ask.to => row,
            Some(other) => return Err(MigrationError::UnderWay(other.id)),
            None => parts.begin_migration(ask, digest, actor).await?,
        };
        progress(row.done, row.planned);
        while row.finished_at.is_none() {
            parts.execute_batch(ask, &mut row).await?;
            progress(row.done, row.planned);
        }
        Ok(row)
    }

    /// Price migrations, newest first.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn list_migrations(&self, page: PageAsk) -> Result<Page<MigrationRow>, EngineError> {
        Ok(self.parts()?.store.list_migrations(page).await?)
    }

    /// One price migration. `None`: there is none with this id.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn get_migration(
        &self,
        id: MigrationId,
    ) -> Result<Option<MigrationRow>, EngineError> {
        Ok(self.parts()?.store.get_migration(id).await?)
    }
}

impl Parts {
    async fn plan_migration(
        &self,
        ask: &MigrationAsk,
        each: &mut (dyn FnMut(&Move) + Send),
    ) -> Result<MigrationPlan, MigrationError> {
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let mut planner = Planner::new(ask, &catalog, now)?;
        let mut after: Option<Uuid> = None;
        loop {
            let page = self.store.list_holders(&ask.from, after, PLAN_PAGE).await;
            let page = page.map_err(EngineError::from)?;
            for held in &page {
                each(&planner.add(held)?);
            }
            match page.last() {
                Some(last) if page.len() == usize::from(PLAN_PAGE) => after = Some(last.id.uuid()),
                _ => break,
            }
        }
        Ok(planner.finish()?)
    }

    /// The migration of the same price that is not finished, if there is one.
    async fn unfinished(&self, ask: &MigrationAsk) -> Result<Option<MigrationRow>, EngineError> {
        let page = PageAsk {
            after: None,
            limit: UNFINISHED_PAGE,
        };
        let known = self.store.list_migrations(page).await?;
        Ok(known
            .rows
            .into_iter()
            .find(|row| row.from == ask.from && row.finished_at.is_none()))
    }

    async fn begin_migration(
        &self,
        ask: &MigrationAsk,
        digest: &str,
        actor: Option<&str>,
    ) -> Result<MigrationRow, MigrationError> {
        let plan = self.plan_migration(ask, &mut |_| ()).await?;
        if plan.digest != digest {
            return Err(MigrationError::Stale);
        }
        let now = self.now();
        let row = MigrationRow {
            id: self.ids(now).draw(),
            from: ask.from.clone(),
            to: ask.to.clone(),
            not_before: ask.not_before,
            digest: plan.digest,
            planned: plan.holders,
            done: 0,
            after: None,
            actor: actor.map(str::to_owned),
            begun_at: now,
            finished_at: None,
        };
        self.put_migration(&row).await?;
        Ok(row)
    }

    /// Moves the next batch, and notes how far that came.
    async fn execute_batch(
        &self,
        ask: &MigrationAsk,
        row: &mut MigrationRow,
    ) -> Result<(), MigrationError> {
        let page = self
            .store
            .list_holders(&row.from, row.after, EXECUTE_BATCH)
            .await;
        let page = page.map_err(EngineError::from)?;
        for held in &page {
            match self.migrate_one(held.customer, held.id, ask, row).await {
                // One amount that does not fit keeps nobody else from moving.
                Err(MigrationError::Money(error)) => {
                    tracing::warn!(subscription = %held.id, %error, "not moved");
                }
                Err(MigrationError::Refused(refusal)) => {
                    // The target is gone: what was moved stays moved, and it ends here.
                    row.finished_at = Some(self.now());
                    self.put_migration(row).await?;
                    return Err(refusal.into());
                }
                moved => moved?,
            }
        }
        let batch = u64::try_from(page.len()).unwrap_or(u64::MAX);
        row.done = row.done.saturating_add(batch);
        row.after = page.last().map(|last| last.id.uuid()).or(row.after);
        if page.len() < usize::from(EXECUTE_BATCH) {
            row.finished_at = Some(self.now());
        }
        self.put_migration(row).await?;
        Ok(())
    }

    async fn migrate_one(
        &self,
        customer: billing_domain::ids::CustomerId,
        subscription: billing_domain::ids::SubscriptionId,
        ask: &MigrationAsk,
        row: &MigrationRow,
    ) -> Result<(), MigrationError> {
        let deciding = Deciding::about(customer).by(row.actor.as_deref());
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                migrate(draft, subscription, ask, row.id, catalog)
            })
            .await;
        match decided {
            Ok(decided) => {
                if let Migrated::Kept(reason) = decided.said {
                    tracing::info!(%subscription, reason = reason.as_str(), "keeps its price");
                }
                Ok(())
            }
            // It went away between the page and the decision.
            Err(
                DecideError::NoCustomer
                | DecideError::Overtaken
                | DecideError::Refused(MigrateError::NoSubscription),
            ) => Ok(()),
            Err(DecideError::Refused(MigrateError::Refused(refusal))) => Err(refusal.into()),
            Err(DecideError::Refused(MigrateError::Money(error))) => Err(error.into()),
            Err(DecideError::Engine(error)) => Err(error.into()),
        }
    }

    async fn put_migration(&self, row: &MigrationRow) -> Result<(), EngineError> {
        Ok(self.store.put_migration(row).await?)
    }
}

impl Billing {
    /// Whose subscription it is. `None`: nobody's.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn customer_of(
        &self,
        subscription: billing_domain::ids::SubscriptionId,
    ) -> Result<Option<billing_domain::ids::CustomerId>, EngineError> {
        let by = Locator::Subscription(subscription);
        Ok(self.parts()?.store.find(&by).await?)
    }
}
