//! Looking at an account before it is relied on: key, mode, webhooks, prices.

use billing_domain::catalog::{Billing, Catalog, Price as CatalogPrice};
use billing_ports::{Finding, FindingLevel};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::api_error::CallError;
use crate::options::Mode;
use crate::perform::cycle_of;
use crate::provider::Paddle;
use crate::trial::is_as_long;
use crate::wire::{Cycle, Minor, Price};

/// How many prices are looked at; each is a call, and Paddle allows 240 a minute.
const PRICES_MAX: usize = 150;

/// The events that billing lives on: what the notification destination has to be sent.
pub const HANDLED_EVENTS: [&str; 17] = [
    "subscription.created",
    "subscription.activated",
    "subscription.trialing",
    "subscription.updated",
    "subscription.past_due",
    "subscription.paused",
    "subscription.resumed",
    "subscription.canceled",
    "subscription.imported",
    "transaction.completed",
    "transaction.payment_failed",
    "transaction.past_due",
    "transaction.canceled",
    "transaction.ready",
    "transaction.updated",
    "adjustment.created",
    "adjustment.updated",
];

#[derive(Debug, Deserialize)]
struct Destination {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, rename = "destination")]
    url: String,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    subscribed_events: Option<Vec<Subscribed>>,
}

#[derive(Debug, Deserialize)]
struct Subscribed {
    #[serde(default)]
    name: String,
}

impl Paddle {
    /// Everything that can be looked at from here.
    pub(crate) async fn examine(&self, catalog: &Catalog) -> Vec<Finding> {
        let mode = self.mode.map_or("a mode unknown", Mode::as_str);
        let account = &self.teller.account;
        let listed: Result<Vec<Destination>, CallError> =
            self.client.get(&["notification-settings"], &[]).await;
        let mut findings = Vec::new();
        match listed {
            Ok(destinations) => {
                findings.push(good(format!("{account}: the key works, in {mode}")));
                findings.extend(self.destinations(&destinations));
            }
            Err(error) => {
                findings.push(bad(match error {
                    CallError::Misconfigured(why) => format!(
                        "{account}: the key is not accepted in {mode}, or may not read notification \
                         settings ({why}). Copy it once more from Developer tools > Authentication, \
                         and look at its permissions"
                    ),
                    error @ (CallError::NotSent(_)
                    | CallError::Passing(_)
                    | CallError::Unknown(_)
                    | CallError::Refused(_)) => format!("{account}: Paddle did not answer in {mode}: {error}"),
                }));
                return findings;
            }
        }
        if self.checkout_url.is_none() {
            findings.push(warning(
                "checkouts open at the account's default payment link: it must be set in \
                 Paddle's checkout settings, and its page must load Paddle.js"
                    .to_owned(),
            ));
        }
        findings.extend(self.prices(catalog).await);
        findings
    }

    fn destinations(&self, destinations: &[Destination]) -> Vec<Finding> {
        let Some(ours) = &self.webhook_url else {
            return vec![warning(
                "webhooks are not checked: the address that Paddle is to send them to is not set"
                    .to_owned(),
            )];
        };
        let same = |held: &&Destination| {
            held.kind == "url"
                && held.url.trim_end_matches('/') == ours.as_str().trim_end_matches('/')
        };
        let Some(held) = destinations.iter().find(same) else {
            return vec![bad(format!(
                "no notification destination sends to {ours}; nothing is heard of payments. Add \
                 one under Developer tools > Notifications"
            ))];
        };
        let mut findings = Vec::new();
        if !held.active {
            findings.push(bad(format!(
                "the notification destination {ours} is not active; nothing is heard of payments. \
                 Activate it under Developer tools > Notifications"
            )));
        }
        let subscribed = |name: &&&str| {
            let events = held.subscribed_events.iter().flatten();
            events
                .map(|event| event.name.as_str())
                .any(|held| held == **name)
        };
        let missing: Vec<&str> = HANDLED_EVENTS
            .iter()
            .filter(|name| !subscribed(name))
            .copied()
            .collect();
        findings.push(if missing.is_empty() {
            good(format!("{ours} is sent every event that is needed"))
        } else {
            bad(format!(
                "{ours} is not sent {}; add these to its events",
                missing.join(", ")
            ))
        });
        findings
    }

    async fn prices(&self, catalog: &Catalog) -> Vec<Finding> {
        let provider = self.teller.account.provider().as_str();
        let mode = self.mode.map_or("a mode unknown", Mode::as_str);
        let named: Vec<(&CatalogPrice, &str)> = catalog
            .prices()
            .filter_map(|price| Some((price, price.provider_ref(provider)?)))
            .collect();
        let mut findings = Vec::new();
        for (price, reference) in named.iter().take(PRICES_MAX) {
            let found: Result<Option<Price>, CallError> =
                self.client.find(&["prices", reference], &[]).await;
            findings.push(match found {
                Ok(Some(found)) => {
                    let plan = catalog.plan(price.plan.as_str());
                    compared(price, plan.and_then(|plan| plan.trial), &found)
                }
                Ok(None) => bad(format!(
                    "price {}: Paddle has no {reference} in {mode}; it may be of the other \
                     environment, or of another account",
                    price.key
                )),
                Err(error) => warning(format!("price {}: not read: {error}", price.key)),
            });
        }
        if named.len() > PRICES_MAX {
            findings.push(warning(format!(
                "{PRICES_MAX} of {} prices were looked at",
                named.len()
            )));
        }
        findings
    }
}

/// What is different at Paddle from what the catalog says. `trial`: the plan's.
fn compared(ours: &CatalogPrice, trial: Option<SignedDuration>, theirs: &Price) -> Finding {
    let mut differences = Vec::new();
    let amount = theirs.unit.as_ref();
    let same = amount.is_some_and(|theirs| {
        theirs.amount == Minor(ours.amount.amount)
            && theirs
                .currency_code
                .eq_ignore_ascii_case(ours.amount.currency.code())
    });
    if !same {
        let told = amount.map_or_else(
            || "nothing".to_owned(),
            |it| format!("{} minor units of {}", it.amount.0, it.currency_code),
        );
        differences.push(format!("costs {told} at Paddle, {} here", ours.amount));
    }
    let cycle = match ours.interval {
        Billing::Recurring(interval) => Some(cycle_of(interval)),
        Billing::Once => None,
    };
    if cycle != theirs.billing_cycle {
        differences.push(format!("is not charged every {} there", ours.interval));
    }
    let sold = ours.retired.is_none();
    if sold && cycle.is_some() {
        differences.extend(other_trial(trial, theirs.trial_period.as_ref()));
    }
    if sold && theirs.status.as_deref() != Some("active") {
        differences.push("is archived there".to_owned());
    }
    let named = format!("price {} ({})", ours.key, theirs.id);
    if differences.is_empty() {
        good(format!("{named} is the same at Paddle"))
    } else {
        let differences = differences.join(", ");
        bad(format!(
            "{named} {differences}. Correct the plan file, or the price at Paddle"
        ))
    }
}

/// What is different in how long a price is tried for nothing. `None`: nothing is.
fn other_trial(ours: Option<SignedDuration>, theirs: Option<&Cycle>) -> Option<String> {
    match (ours, theirs) {
        (None, None) => None,
        (Some(ours), Some(theirs)) if is_as_long(theirs, ours) => None,
        (Some(ours), None) => Some(format!(
            "has no trial there, and one of {} here, so that its checkouts are refused",
            in_days(ours)
        )),
        (ours, Some(theirs)) => {
            let here = ours.map_or_else(
                || "none".to_owned(),
                |ours| format!("one of {}", in_days(ours)),
            );
            let Cycle {
                interval,
                frequency,
            } = theirs;
            Some(format!(
                "has a trial of {frequency} {interval} there, and {here} here"
            ))
        }
    }
}

/// A trial in words: whole days, or hours where it is none.
fn in_days(trial: SignedDuration) -> String {
    let hours = trial.as_hours();
    match (hours.checked_div(24), hours.checked_rem(24)) {
        (Some(days), Some(0)) => format!("{days} days"),
        _ => format!("{hours} hours"),
    }
}

fn good(text: String) -> Finding {
    finding(FindingLevel::Good, text)
}

fn warning(text: String) -> Finding {
    finding(FindingLevel::Warning, text)
}

fn bad(text: String) -> Finding {
    finding(FindingLevel::Bad, text)
}

const fn finding(level: FindingLevel, text: String) -> Finding {
    Finding { level, text }
}
