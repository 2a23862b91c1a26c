//! A subscription as its holder sees it: plan, status, how it is paid, when it ends or goes
//! on, and what is to come of it. Words for what the engine says, and nothing else.

use billing_domain::catalog::{Billing, Catalog};
use billing_domain::change::Change;
use billing_domain::customer::Account;
use billing_domain::forecast::{ForecastWhy, Horizon, forecast};
use billing_domain::ids::ChangeId;
use billing_domain::money::Money;
use billing_domain::quote::Step;
use billing_domain::subscription::{Cancellation, Scheduled, State, Subscription, Why};
use billing_domain::terms::Terms;
use billing_domain::time::Timestamp;
use maud::{Markup, html};

use super::visitor::{Held, Visitor};
use crate::pages::describe;

/// A plan by its name, which may be written in any direction.
pub(super) fn plan(catalog: &Catalog, key: &str) -> Markup {
    html! { bdi { (describe::plan_name(catalog, key)) } }
}

/// The status in a word, with the color that stands for it.
pub(super) fn badge(held: &Subscription) -> Markup {
    let (word, class) = describe::status(held.status());
    html! { span class={ "badge " (class) } { (word) } }
}

/// How a subscription stands, as a list of facts.
pub(super) fn facts(held: &Held, account: &Account, of: &Subscription) -> Markup {
    let terms = of.terms_at(held.now);
    let next = next_charge(held, account, of);
    html! {
        dl {
            @if of.provider.is_some() || !terms.unit.is_zero() {
                dt { "Price" }
                dd { (describe::price(terms.unit, terms.quantity, terms.billing)) }
            }
            dt { "Payment" }
            dd {
                @match terms.billing {
                    Billing::Once => "One-time",
                    Billing::Recurring(_) => "Recurring",
                }
            }
            @if let Some((word, when)) = end(of, terms, held.now) {
                dt { (word) }
                dd { (when) }
            }
            @if let Some((at, amount)) = next {
                dt { "Next charge" }
                dd { (describe::money(amount)) " on " (describe::day(at)) }
            }
            @if let State::PastDue { .. } = of.state {
                @if let Some(ends) = of.times.grace_ends_at {
                    dt { "To be paid by" }
                    dd { (describe::day(ends)) }
                }
            }
        }
        @if !of.disputed.is_empty() {
            p { "A payment of it is contested by your bank, and nothing is decided yet." }
        }
        @if of.withheld.iter().any(|withheld| withheld.period.is_none_or(|period| period.contains(held.now))) {
            p { "What was paid for this time went back, so it gives nothing now." }
        }
    }
}

/// The cancellation that is to come. `None`: none is, or it is being taken back.
pub(super) fn cancellation(of: &Subscription) -> Option<Cancellation> {
    let to_come = of.cancellation.filter(|_| !of.is_over());
    to_come.filter(|to_come| to_come.taken_back.is_none())
}

/// What its end is called, and when it is. `None`: no day is known.
fn end(of: &Subscription, terms: &Terms, now: Timestamp) -> Option<(&'static str, String)> {
    let told = |word, at| Some((word, describe::day(at)));
    if terms.billing == Billing::Once && !of.is_over() {
        return Some(("Ends", "Never".to_owned()));
    }
    let paid_through = of.times.paid_through;
    if let Some(to_come) = cancellation(of) {
        return told("Ends", to_come.ends_at);
    }
    match of.state {
        State::Incomplete => None,
        State::Trialing { ends_at, .. } => told("Free until", ends_at),
        State::Active if terms.renews => told("Renews", paid_through?),
        State::Active => told("Ends", paid_through?),
        State::PastDue { since, .. } => told("Owed since", since),
        State::Paused { since, .. } => told("Paused since", since),
        State::Lapsed { at } | State::Expired { at } => told("Ended", at),
        State::Canceled { ends_at } if ends_at <= now => told("Ended", ends_at),
        State::Canceled { ends_at } => told("Ends", ends_at),
    }
}

/// The next charge, as it is foretold. `None`: none is to come.
fn next_charge(held: &Held, account: &Account, of: &Subscription) -> Option<(Timestamp, Money)> {
    let next = Horizon::cycles(1);
    let foretold = forecast(account, &held.revision, of.id, next, held.now)?;
    let entry = foretold.entries.into_iter().next()?;
    (entry.why != ForecastWhy::Ends).then_some((entry.at, entry.amount))
}

/// What is to come of a subscription, with the ways to pay for it and to take it back.
pub(super) fn to_come(
    visitor: &Visitor<'_>,
    held: &Held,
    account: &Account,
    of: &Subscription,
) -> Markup {
    let scheduled = of.scheduled.as_ref().filter(|it| it.at > held.now);
    html! {
        @if let Some(change) = account.awaiting_change(of.id) {
            (awaits(visitor, held, account, change))
        }
        @if let Some(scheduled) = scheduled { (comes(visitor, held, scheduled)) }
    }
}

/// A change that awaits its payment, or what its provider was asked for and has not done yet.
fn awaits(visitor: &Visitor<'_>, held: &Held, account: &Account, change: &Change) -> Markup {
    if let Some(words) = asked(change.quote.step) {
        return html! { div class="coming" { p { (words) } } };
    }
    let terms = &change.quote.terms;
    let invoice = change.invoice.and_then(|id| account.invoice(id));
    let open = invoice.filter(|invoice| invoice.is_open());
    html! {
        div class="coming" {
            p {
                "Your change to " (plan(held.catalog(), terms.plan.as_str())) " awaits its payment of "
                strong { (describe::money(change.quote.owed_now)) }
                @if let Some(until) = change.pay_by { ", until " (describe::minute(until)) } "."
            }
            @if let Some(invoice) = open {
                form class="plain" method="post" action={ "/portal/invoices/" (invoice.id) "/pay" } {
                    (visitor.proof())
                    button type="submit" { "Pay " (describe::money(invoice.collected())) }
                }
            }
            (taken_back(visitor, change.id))
        }
    }
}

/// What a provider was asked for, where no payment is waited for.
const fn asked(step: Step) -> Option<&'static str> {
    match step {
        Step::Change => None,
        Step::Cancel => {
            Some("The payment provider is asked to end it, and has not said yet that it did.")
        }
        Step::Pause => {
            Some("The payment provider is asked to pause it, and has not said yet that it did.")
        }
        Step::Resume => Some(
            "The payment provider is asked to go on with it, and has not said yet that it did.",
        ),
    }
}

/// Other terms that come by themselves, or were accepted.
fn comes(visitor: &Visitor<'_>, held: &Held, scheduled: &Scheduled) -> Markup {
    let terms = &scheduled.terms;
    html! {
        div class="coming" {
            p {
                "From " strong { (describe::day(scheduled.at)) } ": "
                (plan(held.catalog(), terms.plan.as_str())) ", "
                (describe::price(terms.unit, terms.quantity, terms.billing)) "."
                @match scheduled.why {
                    Why::Change { .. } => {}
                    Why::PromiseEnds => " The price that you were promised ends then.",
                    Why::Migration { .. } => " The price is changed for everybody who has it.",
                }
            }
            @if let Why::Change { change } = scheduled.why { (taken_back(visitor, change)) }
        }
    }
}

/// The way to take a change back.
pub(super) fn taken_back(visitor: &Visitor<'_>, change: ChangeId) -> Markup {
    html! {
        form class="plain" method="post" action={ "/portal/changes/" (change) "/take-back" } {
            (visitor.proof())
            button type="submit" class="quiet" { "Take back" }
        }
    }
}
