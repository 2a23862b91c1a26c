//! Schedules of subscriptions: what comes after the present period.

use billing_domain::fact::Upcoming;
use billing_domain::ids::ChangeId;
use serde::Deserialize;

use super::billing::Price;
use super::{Bare, Expandable, Metadata, id_of};
use crate::facts::CHANGE_KEY;

/// `subscription_schedule`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Schedule {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) current_phase: Option<PhaseBounds>,
    pub(crate) phases: Option<Vec<Phase>>,
    pub(crate) subscription: Option<Expandable<Bare>>,
    pub(crate) released_subscription: Option<String>,
    pub(crate) customer: Option<Expandable<Bare>>,
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PhaseBounds {
    pub(crate) start_date: Option<i64>,
    pub(crate) end_date: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Phase {
    pub(crate) start_date: Option<i64>,
    pub(crate) items: Vec<PhaseItem>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PhaseItem {
    pub(crate) price: Option<Expandable<Price>>,
    pub(crate) quantity: Option<u64>,
}

/// What was found when it was asked what comes after a subscription's period.
#[derive(Debug, Clone)]
pub(crate) enum Planned {
    /// No schedule, or one that has let go of it.
    Nothing,
    /// A schedule.
    By(Box<Schedule>),
}

impl Schedule {
    /// Whether it was made for this change of ours.
    pub(crate) fn is_of(&self, change: ChangeId) -> bool {
        self.change() == Some(change)
    }

    fn change(&self) -> Option<ChangeId> {
        let noted = self.metadata.as_ref()?.get(CHANGE_KEY)?;
        noted.parse().ok()
    }

    /// What its subscription renews as. Nothing that can be read of the phase to come is
    /// nothing that is told.
    pub(crate) fn upcoming(&self) -> Upcoming {
        if self.status != "active" {
            return Upcoming::Nothing;
        }
        let Some(ends) = self.current_phase.as_ref().and_then(|now| now.end_date) else {
            return Upcoming::NotTold;
        };
        let begins = |phase: &&Phase| phase.start_date.is_some_and(|start| start >= ends);
        let Some(next) = self.phases.iter().flatten().find(begins) else {
            return Upcoming::Nothing;
        };
        let item = next.items.first();
        let price = item.and_then(|item| id_of(item.price.as_ref()));
        let pieces = item.and_then(|item| item.quantity).unwrap_or(1);
        match (price, u32::try_from(pieces)) {
            (Some(price), Ok(quantity)) => Upcoming::Price {
                price_ref: price.to_owned(),
                quantity,
                change: self.change(),
            },
            (None, _) | (_, Err(_)) => Upcoming::NotTold,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn phases(second: &Value) -> Value {
        json!([
            { "start_date": 100, "end_date": 200, "items": [{ "price": "price_a", "quantity": 1 }] },
            second,
        ])
    }

    fn upcoming(status: &str, phases: &Value) -> Upcoming {
        let schedule: Schedule = serde_json::from_value(json!({
            "id": "sub_sched_1", "status": status, "phases": phases,
            "current_phase": { "start_date": 100, "end_date": 200 },
        }))
        .unwrap();
        schedule.upcoming()
    }

    #[test]
    fn a_schedule_says_what_comes_next() {
        let told = |quantity| Upcoming::Price {
            price_ref: "price_b".to_owned(),
            quantity,
            change: None,
        };
        let item = |item: Value| phases(&json!({ "start_date": 200, "items": [item] }));
        for (status, phases, means) in [
            ("active", item(json!({ "price": "price_b" })), told(1)),
            (
                "active",
                item(json!({ "price": { "id": "price_b" }, "quantity": 5 })),
                told(5),
            ),
            // A price of its own making is none that anybody could name.
            ("active", item(json!({})), Upcoming::NotTold),
            // This is the last phase.
            (
                "active",
                phases(&json!({ "start_date": 0 })),
                Upcoming::Nothing,
            ),
            ("active", json!(null), Upcoming::Nothing),
            // It has let go.
            (
                "released",
                item(json!({ "price": "price_b" })),
                Upcoming::Nothing,
            ),
        ] {
            assert_eq!(upcoming(status, &phases), means, "{status} {phases}");
        }
        // No phase is the present one.
        let odd = Schedule {
            status: "active".to_owned(),
            ..Schedule::default()
        };
        assert_eq!(odd.upcoming(), Upcoming::NotTold);
    }
}
