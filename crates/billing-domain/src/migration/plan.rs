//! The plan: every holder judged, one after the other, and what it comes to.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::judge::{day_of, judge, monthly_half_away_from_zero};
use super::{KeptReason, MigrationAsk, MigrationRefusal, Move, Route};
use crate::catalog::CatalogRevision;
use crate::digest::Digest;
use crate::money::{Money, MoneyError};
use crate::subscription::Subscription;
use crate::time::{Interval, Period, Timestamp};

/// Months told: a year, in which every usual interval renews.
pub const MONTHS: u32 = 12;

/// What a migration comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationPlan {
    /// Tells two plans apart: it covers every holder as judged, in order.
    pub digest: String,
    /// When it was made. It holds for the rest of that day, in UTC.
    pub planned_at: Timestamp,
    /// How many were judged.
    pub holders: u64,
    /// How many of them move.
    pub moves: u64,
    /// How many are kept, by reason.
    pub kept: BTreeMap<KeptReason, u64>,
    /// What all who move pay before they do, a nominal month: each taken to a month and
    /// rounded as [`RevenueMonth::effect`] is.
    pub before: Money,
    /// What it is worth, for [`MONTHS`] calendar months, that of the plan first.
    pub months: Vec<RevenueMonth>,
    /// How many notices go out, by the start of the day, in UTC.
    pub notices: BTreeMap<Timestamp, u64>,
    /// The first move. `None`: nobody moves.
    pub first_move: Option<Timestamp>,
    /// The last move. `None`: nobody moves.
    pub last_move: Option<Timestamp>,
}

/// What a migration does to one calendar month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevenueMonth {
    /// The start of the month, in UTC.
    pub starts: Timestamp,
    /// What all who have moved by its end pay more than before, a nominal month;
    /// below zero: less. Each holder's difference is taken to a month of
    /// 2 629 746 s and rounded once, half away from zero.
    pub effect: Money,
    /// How many move in it.
    pub moves: u64,
    /// How many notices go out in it.
    pub notices: u64,
}

/// Makes a plan, one holder at a time.
#[derive(Debug)]
pub struct Planner<'a> {
    route: Route<'a>,
    now: Timestamp,
    digest: Digest,
    plan: MigrationPlan,
}

impl<'a> Planner<'a> {
    /// Begins a plan at `now`.
    ///
    /// # Errors
    ///
    /// [`MigrationRefusal`] when no holder could move.
    pub fn new(
        ask: &'a MigrationAsk,
        catalog: &'a CatalogRevision,
        now: Timestamp,
    ) -> Result<Self, MigrationRefusal> {
        let route = Route::new(ask, catalog, now)?;
        let mut digest = Digest::new();
        digest.add(&(&ask.from, &ask.to, ask.not_before));
        let zero = Money::zero(route.to.amount.currency);
        let months = (0..MONTHS).filter_map(|ahead| {
            Some(RevenueMonth {
                starts: Period::at(month_of(now), Interval::MONTH, ahead)
                    .ok()?
                    .start,
                effect: zero,
                moves: 0,
                notices: 0,
            })
        });
        let plan = MigrationPlan {
            digest: String::new(),
            planned_at: now,
            holders: 0,
            moves: 0,
            kept: BTreeMap::new(),
            before: zero,
            months: months.collect(),
            notices: BTreeMap::new(),
            first_move: None,
            last_move: None,
        };
        Ok(Self {
            route,
            now,
            digest,
            plan,
        })
    }

    /// Judges one holder; holders come in the order of their ids, so that the same
    /// holders make the same digest.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when an amount does not fit.
    pub fn add(&mut self, held: &Subscription) -> Result<Move, MoneyError> {
        let told = judge(held, &self.route, self.now)?.told;
        let plan = &mut self.plan;
        plan.holders = plan.holders.saturating_add(1);
        // When the notice goes out is when the plan is executed.
        self.digest.add(&(
            told.subscription.uuid().as_u128(),
            told.at.map(Timestamp::as_microsecond),
            told.from_amount.amount,
            told.to_amount.map(|amount| amount.amount),
            told.notice_at.is_some(),
            told.why_kept,
        ));
        if let Some(reason) = told.why_kept {
            let kept = plan.kept.entry(reason).or_default();
            *kept = kept.saturating_add(1);
        }
        if let (Some(at), Some(to)) = (told.at, told.to_amount) {
            plan.moves = plan.moves.saturating_add(1);
            plan.first_move = plan.first_move.into_iter().chain([at]).min();
            plan.last_move = plan.last_move.max(Some(at));
            let more = to.checked_sub(told.from_amount)?;
            let monthly = monthly_half_away_from_zero(more, held.terms.billing)?;
            let before = monthly_half_away_from_zero(told.from_amount, held.terms.billing)?;
            plan.before = plan.before.checked_add(before)?;
            if let Some(month) = plan.month_of(at) {
                month.moves = month.moves.saturating_add(1);
                month.effect = month.effect.checked_add(monthly)?;
            }
        }
        if let Some(at) = told.notice_at {
            let day = plan.notices.entry(day_of(at)).or_default();
            *day = day.saturating_add(1);
            if let Some(month) = plan.month_of(at) {
                month.notices = month.notices.saturating_add(1);
            }
        }
        Ok(told)
    }

    /// The plan of everybody who was judged.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when the effect on revenue does not fit.
    pub fn finish(self) -> Result<MigrationPlan, MoneyError> {
        let mut plan = self.plan;
        let mut sum = Money::zero(self.route.to.amount.currency);
        for month in &mut plan.months {
            sum = sum.checked_add(month.effect)?;
            month.effect = sum;
        }
        plan.digest = self.digest.finish();
        Ok(plan)
    }
}

impl MigrationPlan {
    /// The month that contains `at`. `None`: it is not among those told.
    fn month_of(&mut self, at: Timestamp) -> Option<&mut RevenueMonth> {
        let starts = month_of(at);
        self.months.iter_mut().find(|month| month.starts == starts)
    }
}

/// The start of the month of `now`, in UTC.
fn month_of(now: Timestamp) -> Timestamp {
    let date: Date = TimeZone::UTC.to_datetime(now).date();
    let first = date.first_of_month().to_zoned(TimeZone::UTC);
    first.map_or(now, |first| first.timestamp())
}
