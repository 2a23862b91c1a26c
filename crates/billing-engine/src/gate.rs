//! The gate: may this customer use this feature, now?
//!
//! One cached read, then a pure function. Writes nothing and calls nobody.

mod cache;

use std::borrow::Cow;
use std::sync::Arc;

use billing_domain::access::{Effective, Gate, Need};
use billing_domain::catalog::Catalog;
use billing_domain::customer::{Account, Customer};
use billing_domain::entitlement::Entitlement;
use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_domain::usage::{Figures, is_metered};
use billing_ports::store::Also;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::epochs::Mark;
use crate::error::EngineError;

pub(crate) use cache::GateCache;
use cache::{Held, Named, UsedHere};

/// Why the gate cannot answer. A denial is an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Whether `of` may use `feature` now. With billing switched off, everything
    /// is allowed.
    ///
    /// # Errors
    ///
    /// [`GateError`] when the customer is unknown or the store fails.
    pub async fn gate(
        &self,
        of: &CustomerRef,
        feature: &str,
        need: Need<'_>,
    ) -> Result<Gate, GateError> {
        let of = match of {
            CustomerRef::Id(id) => Named::Id(*id),
            CustomerRef::External(name) => Named::External(name),
        };
        self.gate_of(of, feature, need).await
    }

    /// As [`Self::gate`], for the customer whom the host application names
    /// `external`: the name is not copied where the answer is cached.
    ///
    /// # Errors
    ///
    /// As [`Self::gate`].
    pub async fn gate_named(
        &self,
        external: &str,
        feature: &str,
        need: Need<'_>,
    ) -> Result<Gate, GateError> {
        self.gate_of(Named::External(external), feature, need).await
    }

    async fn gate_of(
        &self,
        of: Named<'_>,
        feature: &str,
        need: Need<'_>,
    ) -> Result<Gate, GateError> {
        let Ok(parts) = self.parts() else {
            return Ok(Gate::Allowed {
                limit: None,
                until: None,
            });
        };
        let now = parts.now();
        let held = match parts.gates.get(of, now) {
            Some(held) => held,
            None => parts.read_gate(of, now).await?,
        };
        let catalog = &held.catalog.catalog;
        if let Some(gate) = parts.metered_gate(&held, feature, need, now).await? {
            return Ok(gate);
        }
        Ok(held.effective.gate(catalog, feature, need, now))
    }
}

impl Parts {
    async fn read_gate(&self, of: Named<'_>, now: Timestamp) -> Result<Arc<Held>, GateError> {
        let found = self
            .store
            .find(&of.locator())
            .await
            .map_err(EngineError::from)?;
        let id = found.ok_or(GateError::NoSuchCustomer)?;
        // Noted before reading: a commit that comes in between makes the answer too old to keep.
        let mut marks = vec![self.gates.mark(id)];
        let catalog = self.catalog(now).await?;
        let loaded = self
            .store
            .load(id, &Also::default())
            .await
            .map_err(EngineError::from)?;
        let account = loaded.ok_or(GateError::NoSuchCustomer)?.account;
        let (joined, beside) = self.joined(&account).await?;
        marks.extend(beside);
        let effective = Effective::of(&joined, &catalog.catalog, now);
        let used = self.used_by(&account, &catalog.catalog, now).await?;
        let held = Arc::new(Held {
            effective,
            used,
            catalog,
            read_at: now,
        });
        self.gates.put(&account.customer, Arc::clone(&held), &marks);
        Ok(held)
    }

    /// The period that lasts for whoever the use of `account` counts for. `None`: nothing
    /// that it holds is metered.
    async fn used_by(
        &self,
        account: &Account,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Result<Option<UsedHere>, EngineError> {
        if !is_metered(catalog) {
            return Ok(None);
        }
        let holder = self.used_through(account.clone()).await?;
        let Some(period) = self.usage_standing(&holder, catalog, now).period else {
            return Ok(None);
        };
        let usage = &holder.account.customer.usage;
        let limit = period.currency();
        Ok(Some(UsedHere {
            is_open: usage.periods.iter().any(|held| held.id == period.id),
            limit: limit.and_then(|currency| usage.spending_limit(currency)),
            period,
        }))
    }

    /// The answer for a feature whose use is metered, by what is used of it now: figures
    /// are never cached. `None`: it is not metered, or not held.
    async fn metered_gate(
        &self,
        held: &Held,
        feature: &str,
        need: Need<'_>,
        now: Timestamp,
    ) -> Result<Option<Gate>, EngineError> {
        // A period lasts beyond the access that began it: for its charge, and for nobody's use.
        let granted = held.effective.entitlements.get(feature);
        if !matches!(granted, Some(Entitlement::Limit(_))) {
            return Ok(None);
        }
        let used = held.used.as_ref();
        let Some(used) = used.filter(|used| used.period.meters.contains_key(feature)) else {
            return Ok(None);
        };
        let value = match need {
            Need::Some => 1,
            Need::Amount(amount) => amount,
            // A level of what has none: refused as ever.
            Need::Level(_) => return Ok(None),
        };
        // One that is over by now was never reported in: another begins.
        let lasts = used.is_open && used.period.period.contains(now);
        let figures = if lasts {
            self.store.usage_figures(used.period.id).await?
        } else {
            Figures::new()
        };
        let catalog = &held.catalog.catalog;
        let room = used.period.room(feature, &figures, value, used.limit);
        Ok(room.map(|room| held.effective.metered(catalog, feature, room, value, now)))
    }

    /// What an account holds; a member holds what its owner does, besides, and
    /// either what the guests do that are attached to it.
    pub(crate) async fn effective(
        &self,
        account: &Account,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Result<Effective, EngineError> {
        let (joined, _) = self.joined(account).await?;
        Ok(Effective::of(&joined, catalog, now))
    }

    /// An account with what it holds by others; and who they are, noted before
    /// they were read.
    pub(crate) async fn joined<'a>(
        &self,
        account: &'a Account,
    ) -> Result<(Cow<'a, Account>, Vec<Mark>), EngineError> {
        let mut beside = Vec::new();
        let Customer {
            member_of, claims, ..
        } = &account.customer;
        if member_of.is_none() && claims.is_empty() {
            return Ok((Cow::Borrowed(account), beside));
        }
        let mut joined = account.clone();
        let mut guests = claims.clone();
        if let Some(owner) = member_of {
            let owner = self.join(&mut joined, *owner, &mut beside).await?;
            guests.extend(owner.map(|owner| owner.claims).unwrap_or_default());
        }
        for guest in guests {
            self.join(&mut joined, guest, &mut beside).await?;
        }
        Ok((Cow::Owned(joined), beside))
    }

    async fn join(
        &self,
        joined: &mut Account,
        other: CustomerId,
        beside: &mut Vec<Mark>,
    ) -> Result<Option<Customer>, EngineError> {
        if other == joined.customer.id || beside.iter().any(|mark| mark.of == other) {
            return Ok(None);
        }
        beside.push(self.gates.mark(other));
        let Some(loaded) = self.store.load(other, &Also::default()).await? else {
            return Ok(None);
        };
        let held = loaded.account;
        joined.subscriptions.extend(held.subscriptions);
        joined.grants.extend(held.grants);
        Ok(Some(held.customer))
    }
}
