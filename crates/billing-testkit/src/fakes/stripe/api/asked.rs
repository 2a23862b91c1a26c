//! What an update of a subscription asks for.

use super::super::change::Prorate;
use super::super::params::{Params, Set};
use super::super::refusal::Refusal;
use super::super::thing::{Metadata, PauseCollection};
use super::super::world::{World, find};

/// What may stand beside `payment_behavior=pending_if_incomplete`.
const PENDING_ALLOWS: [&str; 10] = [
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "billing_cycle_anchor",
    "items",
    "price",
    "quantity",
    "trial_end",
    "trial_from_plan",
    "add_invoice_items",
];

/// What an update asks for.
pub(super) struct Asked {
    pub(super) prorate: Prorate,
    pub(super) at: Option<i64>,
    pub(super) behavior: &'static str,
    pub(super) anchor_now: bool,
    pub(super) at_period_end: Option<bool>,
    pub(super) cancel_at: Set<i64>,
    pub(super) pause: Set<PauseCollection>,
    pub(super) metadata: Option<Metadata>,
    pub(super) description: Option<String>,
    pub(super) trial_end: Option<TrialEnd>,
    pub(super) coupon: Set<String>,
}

#[derive(Clone, Copy)]
pub(super) enum TrialEnd {
    Now,
    At(i64),
}

impl Asked {
    pub(super) fn take(world: &World, params: &mut Params) -> Result<Self, Refusal> {
        let words = [
            "allow_incomplete",
            "default_incomplete",
            "error_if_incomplete",
            "pending_if_incomplete",
        ];
        let behavior = params.word("payment_behavior", &words)?;
        let behavior = behavior.unwrap_or("allow_incomplete");
        if behavior == "pending_if_incomplete" {
            let foreign = params.names().find(|name| {
                let top = name.split('[').next().unwrap_or(name);
                !PENDING_ALLOWS.contains(&top)
            });
            if let Some(foreign) = foreign {
                let why = format!(
                    "When `payment_behavior` is set to `pending_if_incomplete`, you cannot pass \
                     `{foreign}`."
                );
                return Err(Refusal::invalid(foreign, why));
            }
        }
        let prorate = Prorate::take(params, "proration_behavior")?;
        let anchor_now = take_anchor(params, "billing_cycle_anchor")?;
        let cancel_at = match params.take("cancel_at") {
            None => Set::Keep,
            Some(text) if text.is_empty() => Set::Unset,
            Some(text) => {
                let at = text.parse();
                let wrong = |_none| Refusal::invalid("cancel_at", "Invalid timestamp");
                Set::To(at.map_err(wrong)?)
            }
        };
        let trial_end = match params.text("trial_end").as_deref() {
            None => None,
            Some("now") => Some(TrialEnd::Now),
            Some(text) => {
                let wrong = |_none| Refusal::invalid("trial_end", "Invalid timestamp");
                Some(TrialEnd::At(text.parse().map_err(wrong)?))
            }
        };
        let discounts = params.elements("discounts")?;
        let coupon = match (params.take("discounts"), discounts.first()) {
            (Some(unset), None) if unset.is_empty() => Set::Unset,
            (None, Some(element)) => {
                let name = format!("{element}[coupon]");
                let coupon = params.required(&name)?;
                find(&world.coupons, "coupon", &coupon).map_err(|no| no.of_param(&name))?;
                Set::To(coupon)
            }
            _ => Set::Keep,
        };
        Ok(Self {
            prorate,
            at: params.integer("proration_date")?,
            behavior,
            anchor_now,
            at_period_end: params.flag("cancel_at_period_end")?,
            cancel_at,
            pause: take_pause(params)?,
            metadata: params.metadata("metadata")?,
            description: params.text("description"),
            trial_end,
            coupon,
        })
    }
}

/// `now` or `unchanged`, whether it stands plainly or as a type.
pub(super) fn take_anchor(params: &mut Params, name: &str) -> Result<bool, Refusal> {
    let words = ["now", "unchanged"];
    let plain = params.word(name, &words)?;
    let typed = params.word(&format!("{name}[type]"), &words)?;
    Ok(plain.or(typed) == Some("now"))
}

pub(super) fn take_pause(params: &mut Params) -> Result<Set<PauseCollection>, Refusal> {
    if params
        .take("pause_collection")
        .is_some_and(|unset| unset.is_empty())
    {
        return Ok(Set::Unset);
    }
    let words = ["void", "keep_as_draft", "mark_uncollectible"];
    let behavior = params.word("pause_collection[behavior]", &words)?;
    let resumes_at = params.integer("pause_collection[resumes_at]")?;
    match behavior {
        None if resumes_at.is_some() => Err(Refusal::missing("pause_collection[behavior]")),
        None => Ok(Set::Keep),
        Some(behavior) => Ok(Set::To(PauseCollection {
            behavior,
            resumes_at,
        })),
    }
}
