//! Entitlements, access and the gate's answers.

use billing_domain::access::{Effective, Gate, LostReason};
use billing_domain::catalog::Catalog;
use billing_domain::entitlement::{Entitlement, Entitlements, FeatureKind, Limit};
use poem_openapi::Object;

/// What somebody may do with one feature.
#[derive(Debug, Object)]
#[oai(rename = "Entitlement")]
pub(crate) struct EntitlementView {
    /// The feature, as in `storage`.
    feature: String,
    /// What people read.
    name: String,
    /// `flag`, `count`, `bytes`, `level` or `text`.
    kind: String,
    /// For flags: whether it is allowed.
    #[oai(skip_serializing_if_is_none)]
    enabled: Option<bool>,
    /// For counts and bytes: so much and no more. Absent when unlimited.
    #[oai(skip_serializing_if_is_none)]
    limit: Option<u64>,
    /// For counts and bytes: whether any amount is allowed.
    #[oai(skip_serializing_if_is_none)]
    unlimited: Option<bool>,
    /// For levels: which one.
    #[oai(skip_serializing_if_is_none)]
    level: Option<String>,
    /// For texts.
    #[oai(skip_serializing_if_is_none)]
    text: Option<String>,
}

/// What is granted, in the order of the features' keys. Features that the
/// catalog has dropped are left out.
pub(crate) fn entitlements(granted: &Entitlements, catalog: &Catalog) -> Vec<EntitlementView> {
    let known = granted.iter().filter_map(|(key, entitlement)| {
        let feature = catalog.features().get(key)?;
        let mut view = EntitlementView {
            feature: key.to_string(),
            name: feature.name.clone(),
            kind: feature.kind.name().to_owned(),
            enabled: None,
            limit: None,
            unlimited: None,
            level: None,
            text: None,
        };
        match entitlement {
            Entitlement::Flag(enabled) => view.enabled = Some(*enabled),
            Entitlement::Limit(limit) => {
                (view.limit, view.unlimited) = limited(*limit);
            }
            Entitlement::Level(place) => {
                if let FeatureKind::Level(levels) = &feature.kind {
                    view.level = levels.get(usize::from(*place)).cloned();
                }
            }
            Entitlement::Text(text) => view.text = Some(text.clone()),
        }
        Some(view)
    });
    known.collect()
}

const fn limited(limit: Limit) -> (Option<u64>, Option<bool>) {
    match limit {
        Limit::AtMost(amount) => (Some(amount), Some(false)),
        Limit::Unlimited => (None, Some(true)),
    }
}

/// What a customer may do now.
#[derive(Debug, Object)]
#[oai(rename = "Access")]
pub(crate) struct AccessView {
    /// The plan of the highest rank that gives access. Absent: none does.
    plan: Option<String>,
    /// Everything that gives access, merged.
    entitlements: Vec<EntitlementView>,
    /// When this may be different with nobody doing anything. Absent: it stays.
    until: Option<String>,
    /// Plans that would give access, and why they do not.
    lost: Vec<LostView>,
}

/// A plan that would give access but for a reason.
#[derive(Debug, Object)]
#[oai(rename = "LostPlan")]
pub(crate) struct LostView {
    /// The plan.
    plan: String,
    /// `incomplete`, `trial_over`, `unpaid`, `paused`, `canceled`, `expired` or
    /// `refunded`.
    reason: String,
}

impl AccessView {
    pub(crate) fn of(effective: &Effective, catalog: &Catalog) -> Self {
        let lost = effective.lost.iter().map(|(plan, reason)| LostView {
            plan: plan.to_string(),
            reason: lost_word(*reason).to_owned(),
        });
        Self {
            plan: effective.plan.as_ref().map(ToString::to_string),
            entitlements: entitlements(&effective.entitlements, catalog),
            until: effective.until.map(|until| until.to_string()),
            lost: lost.collect(),
        }
    }
}

const fn lost_word(reason: LostReason) -> &'static str {
    billing_domain::access::DenyReason::Lost(reason).as_str()
}

/// Whether a feature may be used.
#[derive(Debug, Object)]
#[oai(rename = "Gate")]
pub(crate) struct GateView {
    /// Whether it may be used.
    allowed: bool,
    /// How much of it, where it is counted; of what is metered, how much is included.
    /// Absent when unlimited.
    #[oai(skip_serializing_if_is_none)]
    limit: Option<u64>,
    /// Whether any amount may be used, where it is counted.
    #[oai(skip_serializing_if_is_none)]
    unlimited: Option<bool>,
    /// When the answer may be another. Absent: it stays, or it is no.
    #[oai(skip_serializing_if_is_none)]
    until: Option<String>,
    /// Why not: `unknown_feature`, `not_in_plan`, `incomplete`, `trial_over`,
    /// `unpaid`, `paused`, `canceled`, `expired`, `refunded` or, of what is metered,
    /// `limit_reached`.
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    /// The lowest plan on offer that would allow it. Absent: none would.
    #[oai(skip_serializing_if_is_none)]
    plan_needed: Option<String>,
}

impl From<Gate> for GateView {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::Allowed { limit, until } => {
                let (limit, unlimited) = limit.map_or((None, None), limited);
                Self {
                    allowed: true,
                    limit,
                    unlimited,
                    until: until.map(|until| until.to_string()),
                    reason: None,
                    plan_needed: None,
                }
            }
            Gate::Denied {
                reason,
                plan_needed,
                ..
            } => Self {
                allowed: false,
                limit: None,
                unlimited: None,
                until: None,
                reason: Some(reason.as_str().to_owned()),
                plan_needed: plan_needed.map(|plan| plan.to_string()),
            },
        }
    }
}
