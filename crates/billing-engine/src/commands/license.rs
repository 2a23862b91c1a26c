//! Licenses as they stand: what each says at an instant. Deliberately knows
//! neither keys nor signatures: those are a signer's, who is given what is found
//! here.

use billing_domain::access::{LostReason, granted_by};
use billing_domain::catalog::{CatalogRevision, OnPastDue, PlanKey};
use billing_domain::customer::Account;
use billing_domain::decide::sure_until;
use billing_domain::entitlement::{Entitlement, Entitlements, FeatureKind};
use billing_domain::ids::{CustomerId, LicenseId};
use billing_domain::invoice::Unpayable;
use billing_domain::license::{License, LicenseState};
use billing_domain::subscription::{Access, NoAccess, Schedule, State, Status, Subscription};
use billing_domain::terms::Terms;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::LicenseClaims;
use billing_ports::store::Locator;
use jiff::SignedDuration;

use crate::asked::Asked;
use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;

/// How long a license is good for that outlives its time, because the provider has not
/// ended it, or money is on its way: a day, after which it is to be fetched anew.
const BEYOND: SignedDuration = SignedDuration::from_hours(24);

/// A license, as it stands at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseHeld {
    /// The license.
    pub license: License,
    /// Whose it is.
    pub customer: CustomerId,
    /// The plan that it shows.
    pub plan: PlanKey,
    /// How its subscription stands, as last decided.
    pub status: Status,
    /// Whether it is good.
    pub standing: LicenseStanding,
    /// On how many machines it may be activated, by the plan that holds. Zero: that
    /// plan gives no license.
    pub max_machines: u32,
    /// Until when it is good for sure although what was paid is over. `None`: what is
    /// paid is not over, or it is not good.
    pub grace_until: Option<Timestamp>,
}

/// Whether a license is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseStanding {
    /// It is, and says this.
    Good(Box<LicenseClaims>),
    /// Its subscription is paused, or an operator suspended it.
    Suspended,
    /// Its subscription gives nothing any more.
    Ended(LostReason),
    /// It was revoked.
    Revoked,
}

impl LicenseStanding {
    /// The stable word: `good`, `suspended`, `revoked`, or why it ended.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Good(_) => "good",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Ended(reason) => billing_domain::access::DenyReason::Lost(*reason).as_str(),
        }
    }

    /// Whether its key is a credential. One of a license that ended still is:
    /// its holder may ask how to come back.
    #[must_use]
    pub const fn speaks(&self) -> bool {
        matches!(self, Self::Good(_) | Self::Ended(_))
    }
}

impl LicenseHeld {
    /// All licenses of an account as they stand at `now`, oldest first.
    #[must_use]
    pub fn of(account: &Account, catalog: &CatalogRevision, now: Timestamp) -> Vec<Self> {
        let held = account.licenses.iter().filter_map(|license| {
            let subscription = account.subscription(license.subscription)?;
            let unpayable = unpayable(account, subscription);
            Some(stands(license, subscription, unpayable, catalog, now))
        });
        held.collect()
    }
}

impl Billing {
    /// A license, as it stands now. `None`: there is none with this id.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn license(&self, id: LicenseId) -> Result<Option<LicenseHeld>, EngineError> {
        let parts = self.parts()?;
        let Some(customer) = parts.store.find(&Locator::License(id)).await? else {
            return Ok(None);
        };
        let mut held = parts.licenses(customer).await?.into_iter();
        Ok(held.find(|held| held.license.id == id))
    }

    /// A license, as it stands now, for whoever only asks. What it is made of may have
    /// been read a moment ago, as a gate's answer: a commit in this process is seen at
    /// once, and another process's within
    /// [`Limits::gate_cache`](crate::Limits::gate_cache). `None`: there is none with
    /// this id.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn validate_license(
        &self,
        id: LicenseId,
    ) -> Result<Option<LicenseHeld>, EngineError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        if let Some(asked) = parts.asked.get(id, now) {
            let Asked {
                license,
                held,
                unpayable,
                ..
            } = &*asked;
            return Ok(Some(stands(license, held, *unpayable, &catalog, now)));
        }
        let Some(customer) = parts.store.find(&Locator::License(id)).await? else {
            return Ok(None);
        };
        let mark = parts.asked.mark(customer);
        let Some(account) = parts.load(&customer.into()).await? else {
            return Ok(None);
        };
        let license = account.licenses.iter().find(|license| license.id == id);
        let found = license.and_then(|license| {
            let held = account.subscription(license.subscription)?;
            Some((license.clone(), held.clone(), unpayable(&account, held)))
        });
        Ok(found.map(|(license, held, unpayable)| {
            let standing = stands(&license, &held, unpayable, &catalog, now);
            parts.asked.put(license, held, unpayable, mark, now);
            standing
        }))
    }

    /// All licenses of a customer as they stand now, oldest first. None where
    /// there is no such customer.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn licenses(&self, of: &CustomerRef) -> Result<Vec<LicenseHeld>, EngineError> {
        let parts = self.parts()?;
        match parts.store.find(&of.locator()).await? {
            Some(customer) => parts.licenses(customer).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Parts {
    async fn licenses(&self, customer: CustomerId) -> Result<Vec<LicenseHeld>, EngineError> {
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let account = self.load(&customer.into()).await?;
        Ok(account.map_or_else(Vec::new, |account| LicenseHeld::of(&account, &catalog, now)))
    }
}

/// While the cycle that `held` is to pay could not be paid.
pub(crate) fn unpayable(account: &Account, held: &Subscription) -> Unpayable {
    let open = account.open_invoice(held.id);
    open.map(|open| open.unpayable).unwrap_or_default()
}

/// How a license of `held` stands at `now`. `unpayable`: while its open cycle could not
/// be paid.
pub(crate) fn stands(
    license: &License,
    held: &Subscription,
    unpayable: Unpayable,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> LicenseHeld {
    let terms = held.terms_at(now);
    let standing = match (&license.state, held.access(now)) {
        (LicenseState::Revoked { .. }, _) => LicenseStanding::Revoked,
        (LicenseState::Suspended { .. }, _) | (_, Access::Denied(NoAccess::Paused)) => {
            LicenseStanding::Suspended
        }
        (_, Access::Denied(reason)) => LicenseStanding::Ended(reason.into()),
        (_, Access::Given { until }) => LicenseStanding::Good(Box::new(LicenseClaims {
            license: license.id.uuid(),
            customer: held.customer,
            serial: license.serial,
            plan: terms.plan.clone(),
            seats: seats(terms, catalog),
            entitlements: spelled(&granted_by(terms, &catalog.catalog), catalog),
            issued_at: now,
            expires_at: good_until(held, unpayable, until, now),
        })),
    };
    let is_over = held.times.paid_through.is_some_and(|end| end <= now);
    let grace_until = match &standing {
        LicenseStanding::Good(claims) if is_over => claims.expires_at,
        LicenseStanding::Good(_)
        | LicenseStanding::Suspended
        | LicenseStanding::Ended(_)
        | LicenseStanding::Revoked => None,
    };
    LicenseHeld {
        license: license.clone(),
        customer: held.customer,
        plan: terms.plan.clone(),
        status: held.status(),
        standing,
        max_machines: terms.license.map_or(0, |rule| rule.max_machines),
        grace_until,
    }
}

/// How many pieces were bought. `None`: the plan is not sold by the piece.
fn seats(terms: &Terms, catalog: &CatalogRevision) -> Option<u32> {
    let plan = catalog.catalog.plan(terms.plan.as_str());
    let by_the_piece = terms.bounds.is_some() || plan.is_some_and(|plan| plan.quantity.is_some());
    by_the_piece.then_some(terms.quantity)
}

/// From when a license is no longer good: the end of the grace that follows what
/// is paid, or of the access where that is sooner. `access_ends` is the end of
/// the access that is given at `now`, as far as it is known.
///
/// What is signed can never be taken back. So what may end at any moment, as an outage
/// does, or a wait for money, is in the access and in no license: beyond what is sure it
/// is good for a day at a time.
fn good_until(
    held: &Subscription,
    unpayable: Unpayable,
    access_ends: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    if matches!(held.schedule, Schedule::Perpetual) {
        return access_ends;
    }
    let owes = held.is_engine_run() && matches!(held.state, State::Active | State::PastDue { .. });
    let sure = if owes {
        sure_until(held, unpayable, now)
    } else {
        let grace = match held.terms.on_past_due {
            OnPastDue::Cut => SignedDuration::ZERO,
            OnPastDue::Grace | OnPastDue::Keep => held.terms.grace,
        };
        held.times.paid_through.map(|end| shifted(end, grace))
    };
    let for_a_day = Some(shifted(now, BEYOND)).filter(|_| owes || access_ends.is_none());
    let good = sure.filter(|end| now < *end).or(for_a_day);
    [good, access_ends].into_iter().flatten().min()
}

/// The entitlements with levels by their names: whoever reads a token knows no
/// catalog. A level that has no name any more is left out.
fn spelled(granted: &Entitlements, catalog: &CatalogRevision) -> Entitlements {
    let features = catalog.catalog.features();
    let spelled = granted.iter().filter_map(|(feature, entitlement)| {
        let entitlement = match entitlement {
            Entitlement::Level(place) => {
                let FeatureKind::Level(levels) = &features.get(feature)?.kind else {
                    return None;
                };
                Entitlement::Text(levels.get(usize::from(*place))?.clone())
            }
            Entitlement::Flag(_) | Entitlement::Limit(_) | Entitlement::Text(_) => {
                entitlement.clone()
            }
        };
        Some((feature.clone(), entitlement))
    });
    spelled.collect()
}
