//! Quotes, changes, and what may be changed.

use billing_domain::catalog::{Catalog, ChangeKind};
use billing_domain::change::{Change, ChangeState, ChangedBy};
use billing_domain::entitlement::{Entitlement, Entitlements, FeatureKey};
use billing_domain::quote::{KeptLock, Loss, NextCharge, Quote, Source, Step, Timing};
use billing_engine::AllowedChange;
use poem_openapi::Object;

use crate::api::views::{EntitlementView, LineView, MoneyView, entitlements, lasts};

/// What a change costs, when it takes effect, what comes next and what is lost.
#[derive(Debug, Object)]
#[oai(rename = "Quote")]
pub(crate) struct QuoteView {
    /// Its id.
    id: String,
    /// The subscription that it changes.
    subscription: String,
    /// What is done: `change` of terms, `cancel`, `pause` or `resume`.
    kind: String,
    /// What kinds of change it is, the deciding one first: `upgrade`,
    /// `downgrade`, `lateral`, `longer`, `shorter`, `quantity_up`, `quantity_down`.
    /// Empty: it is no change of terms.
    kinds: Vec<String>,
    /// `now`, once what is owed is paid, or `period_end`.
    timing: String,
    /// The plan that it leads to.
    plan: String,
    /// The price that it leads to. Absent: negotiated terms.
    price: Option<String>,
    /// The pieces that it leads to.
    quantity: u32,
    /// What one piece costs then.
    unit: MoneyView,
    /// How often it is charged then: `month`, `3 months`, `once`.
    interval: String,
    /// How the money comes about; they sum to `owed_now` less what goes to the balance.
    lines: Vec<LineView>,
    /// What is owed now.
    owed_now: MoneyView,
    /// What the customer has to its credit afterward, in the same currency; below
    /// zero a debt that the next invoice charges.
    balance_after: MoneyView,
    /// When it takes effect.
    effective_at: String,
    /// The next invoice after it. Absent: none follows.
    next_charge: Option<NextChargeView>,
    /// What is lost by it.
    loses: Vec<LossView>,
    /// The price lock that goes on after it. Absent: none is held, or it is lost.
    keeps: Option<KeptLockView>,
    /// Who computed the money: `engine` or `provider`.
    source: String,
    /// Whether that is charged to the minor unit. `false`: the provider computes it
    /// when it is done, and a rounding more or a little less may come of it.
    pinned: bool,
    /// When it was made.
    created_at: String,
    /// From when it can no longer be accepted.
    expires_at: String,
    /// Accepts exactly this quote, for whoever holds it, without any credential.
    token: String,
}

/// The next invoice after a change.
#[derive(Debug, Object)]
#[oai(rename = "NextCharge")]
pub(crate) struct NextChargeView {
    /// The start of the cycle that it is for.
    at: String,
    /// What will be owed.
    amount: MoneyView,
}

impl From<NextCharge> for NextChargeView {
    fn from(next: NextCharge) -> Self {
        Self {
            at: next.at.to_string(),
            amount: next.amount.into(),
        }
    }
}

/// Something that is lost by a change.
#[derive(Debug, Object)]
#[oai(rename = "Loss")]
pub(crate) struct LossView {
    /// `price_lock`, `discount`, `scheduled_change`, `entitlement` or `paid_time`.
    kind: String,
    /// With `price_lock`: the price that is no longer sold.
    #[oai(skip_serializing_if_is_none)]
    price: Option<String>,
    /// With `price_lock`: what one piece costs at it.
    #[oai(skip_serializing_if_is_none)]
    unit: Option<MoneyView>,
    /// With `price_lock`: when the promise would have ended. Absent: no day is fixed.
    #[oai(skip_serializing_if_is_none)]
    until: Option<String>,
    /// With `entitlement`: the feature.
    #[oai(skip_serializing_if_is_none)]
    feature: Option<String>,
    /// With `entitlement`: what is held now.
    #[oai(skip_serializing_if_is_none)]
    from: Option<EntitlementView>,
    /// With `entitlement`: what is held afterward. Absent: nothing.
    #[oai(skip_serializing_if_is_none)]
    to: Option<EntitlementView>,
    /// With `paid_time`: how much of it is not given back, in seconds.
    #[oai(skip_serializing_if_is_none)]
    seconds: Option<i64>,
}

impl LossView {
    fn of(loss: &Loss, catalog: &Catalog) -> Self {
        let empty = |kind: &str| Self {
            kind: kind.to_owned(),
            price: None,
            unit: None,
            until: None,
            feature: None,
            from: None,
            to: None,
            seconds: None,
        };
        match loss {
            Loss::PriceLock { price, unit, until } => Self {
                price: Some(price.to_string()),
                unit: Some((*unit).into()),
                until: until.map(|until| until.to_string()),
                ..empty("price_lock")
            },
            Loss::Discount => empty("discount"),
            Loss::ScheduledChange => empty("scheduled_change"),
            Loss::Entitlement { feature, from, to } => Self {
                feature: Some(feature.to_string()),
                from: entitlement(feature, from, catalog),
                to: to.as_ref().and_then(|to| entitlement(feature, to, catalog)),
                ..empty("entitlement")
            },
            Loss::PaidTime { left } => Self {
                seconds: Some(left.as_secs()),
                ..empty("paid_time")
            },
        }
    }
}

/// A price that is no longer sold, and is kept.
#[derive(Debug, Object)]
#[oai(rename = "KeptLock")]
pub(crate) struct KeptLockView {
    /// The price.
    price: String,
    /// What one piece goes on costing.
    unit: MoneyView,
    /// When the promise ends: `forever` for never, `until` a day, `cycles` once
    /// they are used up, or `until_change` of the plan.
    lasts: String,
    /// With `until`: cycles that start before it are covered.
    #[oai(skip_serializing_if_is_none)]
    until: Option<String>,
    /// With `cycles`: how many are left.
    #[oai(skip_serializing_if_is_none)]
    cycles_left: Option<u32>,
}

impl KeptLockView {
    fn of(kept: &KeptLock) -> Self {
        let (lasts, until) = lasts(kept.lasts);
        Self {
            price: kept.price.to_string(),
            unit: kept.unit.into(),
            lasts: lasts.to_owned(),
            until,
            cycles_left: kept.cycles_left,
        }
    }
}

fn entitlement(
    feature: &FeatureKey,
    granted: &Entitlement,
    catalog: &Catalog,
) -> Option<EntitlementView> {
    let one = Entitlements {
        by_feature: [(feature.clone(), granted.clone())].into(),
    };
    entitlements(&one, catalog).pop()
}

impl QuoteView {
    pub(crate) fn of(quote: &Quote, token: String, catalog: &Catalog) -> Self {
        let terms = &quote.terms;
        let source = match quote.source {
            Source::Engine => "engine",
            Source::Provider => "provider",
        };
        let loses = quote.loses.iter();
        Self {
            id: quote.id.to_string(),
            subscription: quote.subscription.to_string(),
            kind: quote.step.as_str().to_owned(),
            kinds: kinds(&quote.kinds),
            timing: timing(quote.timing).to_owned(),
            plan: terms.plan.to_string(),
            price: terms.price.as_ref().map(ToString::to_string),
            quantity: terms.quantity,
            unit: terms.unit.into(),
            interval: terms.billing.to_string(),
            lines: quote.lines.iter().map(LineView::of).collect(),
            owed_now: quote.owed_now.into(),
            balance_after: quote.balance_after.into(),
            effective_at: quote.effective_at.to_string(),
            next_charge: quote.next_charge.map(NextChargeView::from),
            loses: loses.map(|loss| LossView::of(loss, catalog)).collect(),
            keeps: quote.keeps.as_ref().map(KeptLockView::of),
            source: source.to_owned(),
            pinned: quote.pinned,
            created_at: quote.created_at.to_string(),
            expires_at: quote.expires_at.to_string(),
            token,
        }
    }
}

fn kinds(kinds: &[ChangeKind]) -> Vec<String> {
    kinds.iter().map(|kind| kind.name().to_owned()).collect()
}

const fn timing(timing: Timing) -> &'static str {
    match timing {
        Timing::AtOnce => "now",
        Timing::PeriodEnd => "period_end",
    }
}

/// A quote that was accepted, or an operator's change.
#[derive(Debug, Object)]
#[oai(rename = "Change")]
pub(crate) struct ChangeView {
    /// Its id.
    id: String,
    /// Whose.
    customer: String,
    /// The subscription that it changes.
    subscription: String,
    /// The quote that was accepted.
    quote: String,
    /// What is done: `change` of terms, `cancel`, `pause` or `resume`.
    kind: String,
    /// What kinds of change it is, the deciding one first. Empty: what was held
    /// already, or no change of terms.
    kinds: Vec<String>,
    /// `now` or `period_end`.
    timing: String,
    /// The plan that it leads to.
    plan: String,
    /// The price that it leads to. Absent: negotiated terms.
    price: Option<String>,
    /// The pieces that it leads to.
    quantity: u32,
    /// `awaiting_payment`, `scheduled`, `applied`, `superseded`, `canceled` or `failed`.
    status: String,
    /// What was owed for it.
    owed: MoneyView,
    /// How the money came about.
    lines: Vec<LineView>,
    /// When it takes effect, or was to.
    effective_at: String,
    /// What has to be paid first. Absent: nothing, or the provider collects it.
    invoice: Option<String>,
    /// Where to pay, while it awaits its payment, or for what was resumed. Absent: nowhere, or it is told
    /// by the change itself and not by lists over everybody.
    checkout_url: Option<String>,
    /// Until when it waits for its payment. Absent: it waits for none.
    pay_by: Option<String>,
    /// Who wanted it: `buyer` or `operator`.
    by: String,
    /// Why, in an operator's words.
    reason: Option<String>,
    /// When it was accepted.
    accepted_at: String,
    /// Since when it is in effect. Absent: it is not.
    applied_at: Option<String>,
    /// When it was superseded, taken back or refused. Absent: it was not.
    ended_at: Option<String>,
}

impl ChangeView {
    /// `pay_url` is where its invoice is paid.
    pub(crate) fn of(change: &Change, pay_url: Option<String>) -> Self {
        let quote = &change.quote;
        let (by, reason) = match &change.by {
            ChangedBy::Buyer => ("buyer", None),
            ChangedBy::Operator { reason } => ("operator", Some(reason.clone())),
        };
        let ended_at = match change.state {
            ChangeState::Superseded { at }
            | ChangeState::Canceled { at }
            | ChangeState::Failed { at } => Some(at),
            ChangeState::AwaitingPayment | ChangeState::Scheduled | ChangeState::Applied { .. } => {
                None
            }
        };
        let awaits = change.state == ChangeState::AwaitingPayment;
        Self {
            id: change.id.to_string(),
            customer: change.customer.to_string(),
            subscription: quote.subscription.to_string(),
            quote: quote.id.to_string(),
            kind: quote.step.as_str().to_owned(),
            kinds: kinds(&quote.kinds),
            timing: timing(quote.timing).to_owned(),
            plan: quote.terms.plan.to_string(),
            price: quote.price().map(ToString::to_string),
            quantity: quote.terms.quantity,
            status: change.state.as_str().to_owned(),
            owed: quote.owed_now.into(),
            lines: quote.lines.iter().map(LineView::of).collect(),
            effective_at: quote.effective_at.to_string(),
            invoice: change.invoice.map(|id| id.to_string()),
            checkout_url: pay_url.filter(|_| awaits || quote.step == Step::Resume),
            pay_by: change
                .pay_by
                .filter(|_| awaits)
                .map(|until| until.to_string()),
            by: by.to_owned(),
            reason,
            accepted_at: change.accepted_at.to_string(),
            applied_at: change.applied_at().map(|at| at.to_string()),
            ended_at: ended_at.map(|at| at.to_string()),
        }
    }
}

/// A change that could be made now.
#[derive(Debug, Object)]
#[oai(rename = "AllowedChange")]
pub(crate) struct AllowedView {
    /// The plan that it leads to.
    plan: String,
    /// The price that it leads to. Absent: the negotiated one that is held.
    price: Option<String>,
    /// The pieces that it leads to.
    quantity: u32,
    /// What kinds of change it is, the deciding one first.
    kinds: Vec<String>,
    /// `now`, once what is owed is paid, or `period_end`.
    timing: String,
    /// When it takes effect.
    effective_at: String,
    /// What would be owed now. Absent: the provider says, when it is quoted.
    owed_now: Option<MoneyView>,
    /// What a cycle costs afterward. Absent: nothing follows.
    next_amount: Option<MoneyView>,
}

impl From<AllowedChange> for AllowedView {
    fn from(allowed: AllowedChange) -> Self {
        Self {
            plan: allowed.plan.to_string(),
            price: allowed.price.map(|price| price.to_string()),
            quantity: allowed.quantity,
            kinds: kinds(&allowed.kinds),
            timing: timing(allowed.timing).to_owned(),
            effective_at: allowed.effective_at.to_string(),
            owed_now: allowed.owed_now.map(MoneyView::from),
            next_amount: allowed.next_amount.map(MoneyView::from),
        }
    }
}
