//! Subscriptions that a provider runs: its newest word is right, as whole as the
//! mirror believes it.

use std::fmt::Display;

use super::{Comparing, DriftCode, Remedy, Said, Side};
use crate::decide::{Apart, apart, mirrored};
use crate::fact::{Observed, SubscriptionSnapshot, Upcoming};
use crate::provider::RefKind;
use crate::subscription::{Cancellation, Schedule, Subscription};
use crate::terms::Terms;

impl Comparing<'_> {
    pub(super) fn subscription(&mut self, told: &Observed, snapshot: &SubscriptionSnapshot) {
        let (account, at) = (self.account, &self.object.account);
        let reference = snapshot.reference.as_str();
        let known = account
            .subscriptions
            .iter()
            .find(|held| held.reference() == Some(reference) && held.provider.as_ref() == Some(at));
        let Some(held) = known else {
            let said = Said::new("nothing", snapshot.status.as_str());
            self.note(
                DriftCode::Unknown,
                (RefKind::Subscription, reference),
                None,
                said,
                (Side::Provider, Remedy::TakeOver),
            );
            return;
        };
        let verdict = believed(held, told, snapshot);
        // The next look at it is of no interest, and so is when this is.
        let theirs = mirrored(held.clone(), told.at, told.at, snapshot);
        let mut differ = |code: DriftCode, said: Said, verdict: (Side, Remedy)| {
            let object = (RefKind::Subscription, reference);
            self.note(code, object, Some(held.id.to_string()), said, verdict);
        };
        if held.status() != theirs.status() {
            let said = Said::new(held.status().as_str(), theirs.status().as_str());
            differ(DriftCode::Status, said, verdict);
            if theirs.is_over() {
                // Of what has ended, nothing else is to come.
                return;
            }
        }
        let paid = |held: &Subscription| or_never(held.times.paid_through);
        if held.times.paid_through != theirs.times.paid_through {
            differ(
                DriftCode::PaidThrough,
                Said::new(paid(held), paid(&theirs)),
                verdict,
            );
        }
        let ours = held.cancellation.map(|to_come| to_come.ends_at);
        let told_end = snapshot.cancel_at.filter(|_| !theirs.is_over());
        if ours != told_end {
            // The provider was asked for it since, or is about to be.
            let on_its_way =
                |to_come: Cancellation| to_come.unconfirmed || to_come.requested_at > told.at;
            let verdict = if held.cancellation.is_some_and(on_its_way) {
                (Side::Ours, Remedy::Keep)
            } else {
                verdict
            };
            let said = Said::new(or_never(ours), or_never(told_end));
            differ(DriftCode::Cancellation, said, verdict);
        }
        if held.is_over() || theirs.is_over() {
            return;
        }
        if let Some(apart) = apart(account, held, told.at, snapshot) {
            let said = Said::new(to_come(held), renews_as(&snapshot.upcoming));
            differ(DriftCode::Upcoming, said, judged(apart));
        }
        if is_expected(held, snapshot) {
            return;
        }
        let terms = &held.terms;
        let mut differ = |code: DriftCode, said: Said| {
            let object = (RefKind::Subscription, reference);
            self.note(code, object, Some(held.id.to_string()), said, verdict);
        };
        if terms.price_ref.as_ref() != Some(&snapshot.price_ref) {
            let ours = terms.price_ref.as_deref().unwrap_or("no price");
            differ(DriftCode::Price, Said::new(ours, &snapshot.price_ref));
        }
        if terms.quantity != snapshot.quantity {
            let said = Said::new(terms.quantity.to_string(), snapshot.quantity.to_string());
            differ(DriftCode::Quantity, said);
        }
    }
}

/// Whether the price told is the one held, one that is to come, or one whose time
/// is just over: what is told of it makes no difference here.
fn is_expected(held: &Subscription, snapshot: &SubscriptionSnapshot) -> bool {
    let tells = |terms: &Terms| {
        terms.price_ref.as_ref() == Some(&snapshot.price_ref) && terms.quantity == snapshot.quantity
    };
    let begins = snapshot.period.map(|period| period.start);
    let replaced = held.replaced.as_ref().is_some_and(|replaced| {
        replaced.price_ref == snapshot.price_ref && begins.is_none_or(|start| start < replaced.at)
    });
    let to_come = held.scheduled.as_ref();
    tells(&held.terms) || replaced || to_come.is_some_and(|to_come| tells(&to_come.terms))
}

/// Who is right about a subscription, as the mirror would judge it.
fn believed(
    held: &Subscription,
    told: &Observed,
    snapshot: &SubscriptionSnapshot,
) -> (Side, Remedy) {
    let Schedule::Provider {
        seen_at,
        seen_digest,
        ..
    } = held.schedule
    else {
        return (Side::Unclear, Remedy::Look);
    };
    if told.at < seen_at {
        // Something newer was told before.
        return (Side::Ours, Remedy::Keep);
    }
    if told.at == seen_at && snapshot.digest() == seen_digest {
        // It was received already, and something else changed the row since.
        return (Side::Provider, Remedy::Look);
    }
    (Side::Provider, Remedy::TakeOver)
}

/// Who is right about what is to come: a customer was promised ours, and of what somebody
/// has set up over there nobody here knows why.
const fn judged(apart: Apart) -> (Side, Remedy) {
    match apart {
        Apart::Lost => (Side::Ours, Remedy::OrderAgain),
        Apart::TooLate => (Side::Ours, Remedy::Look),
        // What is done over there is what holds, once it comes.
        Apart::Unknown => (Side::Provider, Remedy::Look),
        Apart::Other => (Side::Unclear, Remedy::Look),
        Apart::Overtaken => (Side::Ours, Remedy::Keep),
    }
}

fn to_come(held: &Subscription) -> String {
    held.scheduled.as_ref().map_or_else(nothing, |to_come| {
        let price = to_come.terms.price_ref.as_deref().unwrap_or("no price");
        format!("{price} x {} from {}", to_come.terms.quantity, to_come.at)
    })
}

fn renews_as(upcoming: &Upcoming) -> String {
    match upcoming {
        Upcoming::NotTold | Upcoming::Nothing => nothing(),
        Upcoming::Price {
            price_ref,
            quantity,
            ..
        } => format!("{price_ref} x {quantity}"),
    }
}

fn nothing() -> String {
    "nothing".to_owned()
}

fn or_never(instant: Option<impl Display>) -> String {
    instant.map_or_else(|| "never".to_owned(), |instant| instant.to_string())
}
