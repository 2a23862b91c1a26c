//! Price migrations: plans, and how far executions have come.

use billing_domain::migration::{MigrationAsk, MigrationPlan, Move};
use billing_domain::time::Timestamp;
use billing_ports::store::MigrationRow;
use poem_openapi::Object;

use crate::api::views::MoneyView;

/// What a price migration would do. Nothing was written.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationPlan")]
pub(crate) struct MigrationPlanView {
    /// What executing it takes. It changes with whatever the plan depends on, and
    /// at midnight, UTC.
    digest: String,
    /// The price that is left.
    from: String,
    /// The price that follows.
    to: String,
    /// Nobody moves before this instant. Absent: each moves as soon as may be.
    not_before: Option<String>,
    /// When it was made.
    planned_at: String,
    /// How many subscriptions hold the price that is left.
    holders: u64,
    /// How many of them move.
    moves: u64,
    /// How many are kept at their price, by reason.
    kept: Vec<KeptView>,
    /// What it does in each of 12 calendar months, UTC, that of the plan first.
    months: Vec<MonthView>,
    /// How many notices go out, by day, UTC.
    notices: Vec<NoticesView>,
    /// The first move. Absent: nobody moves.
    first_move: Option<String>,
    /// The last move. Absent: nobody moves.
    last_move: Option<String>,
    /// The first 100 subscriptions that move, by their ids; all of them are at
    /// `/v1/price-migrations/moves`.
    moving: Vec<MoveView>,
    /// Whether more move than are listed.
    more: bool,
}

/// Subscriptions kept at their price for one reason.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationKept")]
pub(crate) struct KeptView {
    /// Why, as in `promised_forever`.
    reason: String,
    /// How many.
    holders: u64,
}

/// What a migration does to one calendar month.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationMonth")]
pub(crate) struct MonthView {
    /// The start of the month, UTC.
    starts: String,
    /// What all who have moved by its end pay more in a month; below zero: less.
    effect: MoneyView,
    /// How many move in it.
    moves: u64,
    /// How many notices go out in it.
    notices: u64,
}

/// Notices of one day.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationNotices")]
pub(crate) struct NoticesView {
    /// The start of the day, UTC.
    day: String,
    /// How many go out.
    notices: u64,
}

/// One subscription that moves.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationMove")]
pub(crate) struct MoveView {
    /// Which.
    subscription: String,
    /// Whose.
    customer: String,
    /// The start of its first cycle at the new price.
    at: String,
    /// What that cycle would have cost.
    from_amount: MoneyView,
    /// What it costs.
    to_amount: MoneyView,
    /// Whether a notice goes out with the execution.
    notice: bool,
}

/// Moves that a plan lists: a screenful or two; a list of their own has the rest.
const MAX_MOVES: usize = 100;

/// The first moves of a plan that is being made.
#[derive(Debug, Default)]
pub(crate) struct Moving {
    listed: Vec<MoveView>,
    more: bool,
}

impl Moving {
    /// Hears of one holder.
    pub(crate) fn hear(&mut self, told: &Move) {
        if told.at.is_some() && self.listed.len() >= MAX_MOVES {
            self.more = true;
            return;
        }
        self.listed.extend(MoveView::of(told));
    }
}

impl MoveView {
    /// `None`: it is kept.
    pub(crate) fn of(told: &Move) -> Option<Self> {
        Some(Self {
            subscription: told.subscription.to_string(),
            customer: told.customer.to_string(),
            at: told.at?.to_string(),
            from_amount: told.from_amount.into(),
            to_amount: told.to_amount?.into(),
            notice: told.notice_at.is_some(),
        })
    }
}

impl MigrationPlanView {
    pub(crate) fn of(ask: &MigrationAsk, plan: MigrationPlan, moving: Moving) -> Self {
        let text = |at: Timestamp| at.to_string();
        Self {
            digest: plan.digest,
            from: ask.from.to_string(),
            to: ask.to.to_string(),
            not_before: bound(ask.not_before),
            planned_at: text(plan.planned_at),
            holders: plan.holders,
            moves: plan.moves,
            kept: plan
                .kept
                .into_iter()
                .map(|(reason, holders)| KeptView {
                    reason: reason.as_str().to_owned(),
                    holders,
                })
                .collect(),
            months: plan
                .months
                .into_iter()
                .map(|month| MonthView {
                    starts: text(month.starts),
                    effect: month.effect.into(),
                    moves: month.moves,
                    notices: month.notices,
                })
                .collect(),
            notices: plan
                .notices
                .into_iter()
                .map(|(day, notices)| NoticesView {
                    day: text(day),
                    notices,
                })
                .collect(),
            first_move: plan.first_move.map(text),
            last_move: plan.last_move.map(text),
            moving: moving.listed,
            more: moving.more,
        }
    }
}

/// A price migration that is being, or has been, executed.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigration")]
pub(crate) struct MigrationView {
    /// Its id.
    id: String,
    /// The price that is left.
    from: String,
    /// The price that follows.
    to: String,
    /// Nobody moves before this instant. Absent: each moves as soon as may be.
    not_before: Option<String>,
    /// The digest of its plan.
    digest: String,
    /// How many subscriptions the plan has.
    planned: u64,
    /// How many of them have been looked at, those that are kept included.
    done: u64,
    /// Whether this server is at work on it.
    under_way: bool,
    /// Who executes it. Absent: nobody is noted.
    actor: Option<String>,
    /// When it was begun.
    begun_at: String,
    /// When it was finished. Absent: it is not.
    finished_at: Option<String>,
}

impl MigrationView {
    pub(crate) fn of(row: MigrationRow, under_way: bool) -> Self {
        Self {
            id: row.id.to_string(),
            from: row.from.to_string(),
            to: row.to.to_string(),
            not_before: bound(row.not_before),
            digest: row.digest,
            planned: row.planned,
            done: row.done,
            under_way,
            actor: row.actor,
            begun_at: row.begun_at.to_string(),
            finished_at: row.finished_at.map(|at| at.to_string()),
        }
    }
}

/// The bound of a migration that states none: long past, and the same whenever
/// the plan is made, as the digest covers it.
pub(crate) const NO_BOUND: Timestamp = Timestamp::UNIX_EPOCH;

fn bound(not_before: Timestamp) -> Option<String> {
    (not_before != NO_BOUND).then(|| not_before.to_string())
}
