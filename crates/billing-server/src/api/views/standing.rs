//! What is to come of a subscription: other terms, a discount's end, and what is
//! kept of the promise made to holders of a price that is no longer sold.

use billing_domain::catalog::{Catalog, EntitlementLock, LockEnd};
use billing_domain::discount::{Discount, Reduction};
use billing_domain::subscription::{Notice, Scheduled, Subscription, Why};
use billing_domain::time::Timestamp;
use poem_openapi::Object;

use crate::api::views::MoneyView;

/// Other terms, which take effect by themselves.
#[derive(Debug, Object)]
#[oai(rename = "Scheduled")]
pub(crate) struct ScheduledView {
    /// The start of the first cycle under them.
    at: String,
    /// The plan then.
    plan: String,
    /// The price then. Absent: negotiated terms.
    price: Option<String>,
    /// What one piece costs then.
    unit: MoneyView,
    /// Pieces then.
    quantity: u32,
    /// `change`, `promise_ends` or `migration`.
    why: String,
    /// With `change`: the change, which can be taken back.
    change: Option<String>,
}

impl ScheduledView {
    pub(crate) fn of(to_come: &Scheduled) -> Self {
        let terms = &to_come.terms;
        let (why, change) = match to_come.why {
            Why::Change { change } => ("change", Some(change.to_string())),
            Why::PromiseEnds => ("promise_ends", None),
            Why::Migration { .. } => ("migration", None),
        };
        Self {
            at: to_come.at.to_string(),
            plan: terms.plan.to_string(),
            price: terms.price.as_ref().map(ToString::to_string),
            unit: terms.unit.into(),
            quantity: terms.quantity,
            why: why.to_owned(),
            change,
        }
    }
}

/// What is taken off a price.
#[derive(Debug, Object)]
#[oai(rename = "Discount")]
pub(crate) struct DiscountView {
    /// `percent`, `fixed` or `set_price`.
    kind: String,
    /// With `percent`: hundredths of a percent, as in 2500 for a quarter.
    #[oai(skip_serializing_if_is_none)]
    basis_points: Option<u16>,
    /// With `fixed`: how much, off all pieces together. With `set_price`: what
    /// one piece costs.
    #[oai(skip_serializing_if_is_none)]
    amount: Option<MoneyView>,
    /// The code that it came by. Absent: it was negotiated.
    code: Option<String>,
    /// The number of the first cycle without it. Absent: it stays.
    until_cycle: Option<u32>,
}

impl DiscountView {
    pub(crate) fn of(discount: &Discount) -> Self {
        let (kind, basis_points, amount) = reduction(discount.reduction);
        Self {
            kind: kind.to_owned(),
            basis_points,
            amount,
            code: discount.code.map(|id| id.to_string()),
            until_cycle: discount.until_cycle,
        }
    }
}

/// The kind of a reduction, its basis points and its amount.
pub(crate) fn reduction(reduction: Reduction) -> (&'static str, Option<u16>, Option<MoneyView>) {
    match reduction {
        Reduction::Percent { basis_points } => ("percent", Some(basis_points), None),
        Reduction::Fixed { amount } => ("fixed", None, Some(amount.into())),
        Reduction::SetPrice { unit } => ("set_price", None, Some(unit.into())),
    }
}

/// What is kept of the promise made to the holders of a price.
#[derive(Debug, Object)]
#[oai(rename = "PriceLock")]
pub(crate) struct PromiseView {
    /// From when the price is no longer sold.
    retired_at: String,
    /// When the promise ends: `forever` for never, `until` a day, `cycles` once
    /// they are used up, or `until_change` of the plan.
    lasts: String,
    /// With `until`: cycles that start before it are covered.
    #[oai(skip_serializing_if_is_none)]
    until: Option<String>,
    /// With `cycles`: how many are left.
    #[oai(skip_serializing_if_is_none)]
    cycles_left: Option<u32>,
    /// The price that follows. Absent: none does.
    then: Option<String>,
    /// `frozen`: what the plan granted when it was bought stays, where it was
    /// better. `follow`: what it grants now counts.
    entitlements: String,
    /// Whether pieces added later end it.
    quantity_held: bool,
    /// How old the notice of a dearer price is before it is charged, in seconds.
    notice_seconds: i64,
    /// How long after the end of access the price may be bought again, in seconds.
    rejoin_seconds: i64,
    /// The notice of a dearer price that was given. Absent: none was.
    notice: Option<NoticeView>,
}

/// A notice of a dearer price.
#[derive(Debug, Object)]
#[oai(rename = "PriceNotice")]
pub(crate) struct NoticeView {
    /// The price to come.
    price: String,
    /// What a cycle will cost.
    amount: MoneyView,
    /// When it was given.
    given_at: String,
}

impl NoticeView {
    fn of(notice: &Notice) -> Self {
        Self {
            price: notice.price.to_string(),
            amount: notice.amount.into(),
            given_at: notice.at.to_string(),
        }
    }
}

impl PromiseView {
    /// `None`: its price is sold, or stands in no catalog.
    pub(crate) fn of(held: &Subscription, catalog: &Catalog, now: Timestamp) -> Option<Self> {
        let price = catalog.price(held.terms_at(now).price.as_ref()?.as_str())?;
        let retired_at = catalog.retired_at(price)?;
        let lock = price.effective_lock();
        let (lasts, until) = lasts(lock.until);
        let cycles_left = match lock.until {
            LockEnd::Cycles(cycles) => Some(cycles.saturating_sub(held.promise.cycles)),
            LockEnd::Forever | LockEnd::Until(_) | LockEnd::UntilChange => None,
        };
        Some(Self {
            retired_at: retired_at.to_string(),
            lasts: lasts.to_owned(),
            until,
            cycles_left,
            then: lock.then.map(|price| price.to_string()),
            entitlements: match lock.entitlements {
                EntitlementLock::Frozen => "frozen",
                EntitlementLock::Follow => "follow",
            }
            .to_owned(),
            quantity_held: lock.quantity_held,
            notice_seconds: lock.notice.as_secs(),
            rejoin_seconds: lock.rejoin.as_secs(),
            notice: held.promise.notice.as_ref().map(NoticeView::of),
        })
    }
}

/// How a promise ends, in a word, and its day where it has one.
pub(crate) fn lasts(end: LockEnd) -> (&'static str, Option<String>) {
    match end {
        LockEnd::Forever => ("forever", None),
        LockEnd::Until(end) => ("until", Some(end.to_string())),
        LockEnd::Cycles(_) => ("cycles", None),
        LockEnd::UntilChange => ("until_change", None),
    }
}
