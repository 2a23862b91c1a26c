//! Reports put where they count: with whom, into which period, and once.
//!
//! Knows nothing of how figures add up, nor of what they cost.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::customer::Account;
use billing_domain::decide::{note_usage_reached, open_usage};
use billing_domain::entitlement::FeatureKey;
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::time::{Timestamp, shifted};
use billing_domain::usage::{AHEAD, CustomerUsage, MAX_EVENT_TEXT, MAX_VALUE, Meter, used_under};
use billing_ports::store::{Also, UsageBatch, UsageEvent, UsageRecorded};

use crate::billing::Parts;
use crate::commands::usage::{Holding, NotTaken, UsageError, UsageNotTaken, UsageReport};
use crate::error::EngineError;
use crate::ring::Deciding;

/// How often a batch is sorted into periods: once more where one was sealed, or another
/// began, meanwhile.
const MAX_SORTED: usize = 3;

/// What of a report counts with one customer.
pub(super) struct Share<'a> {
    /// With whom.
    holder: Account,
    /// Whether its period is opened where there is none: not of who has come to act under
    /// another's plan.
    opens: bool,
    /// The events, each with its place in the report.
    events: Vec<(usize, &'a UsageReport)>,
}

/// A batch, each event in its period.
struct Sorted {
    /// The periods that it was sorted into.
    usage: CustomerUsage,
    batch: UsageBatch,
    /// The place of each event of the batch.
    places: BTreeMap<String, usize>,
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

    /// What fell into these periods was not taken in, but for what was `counted`.
    fn refuse_sealed(&mut self, sealed: &BTreeSet<UsagePeriodId>, counted: &BTreeSet<String>) {
        let late: Vec<String> = self
            .batch
            .events
            .iter()
            .filter(|event| sealed.contains(&event.period) && !counted.contains(&event.id))
            .map(|event| event.id.clone())
            .collect();
        for id in late {
            let place = self.places.get(&id).copied().unwrap_or(0);
            self.refuse(place, &id, NotTaken::TooLate);
        }
    }
}

impl Parts {
    /// Each event with whom it counts: with whoever held something metered for the customer
    /// when it happened, as far as is known.
    pub(super) async fn shares<'a>(
        &self,
        of: Account,
        events: &'a [UsageReport],
    ) -> Result<Vec<Share<'a>>, EngineError> {
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let owner = of.customer.member_of;
        // Whoever was nobody's member used everything by itself.
        let apart = owner.is_none() && of.customer.usage.acted.is_empty();
        let alone = if apart {
            None
        } else {
            Some(self.alone(&of).await?)
        };
        let under = |at| {
            let alone = alone.as_ref()?;
            used_under(alone, owner, &catalog.catalog, at, now)
        };
        let opens = under(now).is_none();
        let mut own = Vec::new();
        let mut others: BTreeMap<CustomerId, Vec<(usize, &UsageReport)>> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            match under(event.at.unwrap_or(now).min(now)) {
                None => own.push((place, event)),
                Some(owner) => others.entry(owner).or_default().push((place, event)),
            }
        }
        let mut shares = Vec::new();
        for (owner, events) in others {
            match self.store.load(owner, &Also::default()).await? {
                Some(owner) => shares.push(Share {
                    holder: owner.account,
                    opens: true,
                    events,
                }),
                None => own.extend(events),
            }
        }
        if !own.is_empty() {
            shares.push(Share {
                holder: of,
                opens,
                events: own,
            });
        }
        Ok(shares)
    }

    /// Counts what counts with one customer; gives how many events it was, and those that
    /// were not taken in.
    pub(super) async fn count(
        &self,
        reported_of: CustomerId,
        share: Share<'_>,
    ) -> Result<(usize, Vec<UsageNotTaken>), UsageError> {
        let Share {
            holder: account,
            opens,
            events,
        } = share;
        let holder = account.customer.id;
        let mut sorted = self.sorted(reported_of, account, opens, &events).await?;
        let mut counted = BTreeSet::new();
        let mut recorded = UsageRecorded::default();
        for _ in 0..MAX_SORTED {
            recorded = self
                .store
                .record_usage(&sorted.batch)
                .await
                .map_err(EngineError::from)?;
            // Of those that were counted, none is counted again.
            counted.append(&mut recorded.counted);
            if recorded.sealed.is_empty() {
                break;
            }
            let account = self.account_of(holder).await?;
            let again = self.sorted(reported_of, account, opens, &events).await?;
            let same = again.batch == sorted.batch;
            sorted = again;
            if same {
                break;
            }
        }
        sorted.refuse_sealed(&recorded.sealed, &counted);
        self.tell_reached(holder, &sorted.usage, &recorded).await?;
        Ok((counted.len(), sorted.refused))
    }

    /// Puts events into their periods, and opens the one that lasts if there is none.
    async fn sorted(
        &self,
        reported_of: CustomerId,
        account: Account,
        opens: bool,
        events: &[(usize, &UsageReport)],
    ) -> Result<Sorted, UsageError> {
        let holder = account.customer.id;
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let of: Holding = self.holding(account).await?;
        let open = of.account.customer.usage.period_at(now);
        let standing = self.usage_standing(&of, &catalog.catalog, now);
        let stands = standing.cut.is_none() && open == standing.period.as_ref();
        let usage = if stands || !opens {
            of.account.customer.usage
        } else {
            self.open_usage(holder).await?
        };
        let mut sorted = Sorted {
            usage,
            batch: UsageBatch {
                customer: holder,
                reported_of,
                events: Vec::new(),
            },
            places: BTreeMap::new(),
            refused: Vec::new(),
        };
        for (place, event) in events {
            match in_period(event, &sorted.usage, &catalog.catalog, now) {
                // A second one of an id is one that is known.
                Ok(_) if sorted.places.contains_key(&event.id) => {}
                Ok(read) => {
                    sorted.places.insert(event.id.clone(), *place);
                    sorted.batch.events.push(read);
                }
                Err(why) => sorted.refuse(*place, &event.id, why),
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
        _ if usage.charged_until.is_some_and(|until| at < until) => {
            return Err(NotTaken::TooLate);
        }
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
