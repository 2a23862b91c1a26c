//! What a subscription can be changed to, with what it costs, and the steps that are no change
//! of terms. Each leads to a quote; nothing is done from here.

use billing_domain::catalog::{Billing, Catalog, ChangeKind};
use billing_domain::quote::{Step, Timing};
use billing_domain::subscription::{Status, Subscription};
use billing_engine::AllowedChange;
use maud::{Markup, html};

use super::facts::{cancellation, plan};
use super::visitor::{Held, Visitor};
use crate::pages::describe;

/// The changes that could be made now, each with its cost and the way to a quote.
pub(super) fn changes(
    visitor: &Visitor<'_>,
    held: &Held,
    of: &Subscription,
    allowed: &[AllowedChange],
) -> Markup {
    let action = format!("/portal/subscriptions/{}/quotes", of.id);
    html! {
        @if allowed.is_empty() {
            p { "There is nothing that it can be changed to now." }
        } @else {
            table {
                caption class="unseen" { "Changes that are possible now" }
                thead {
                    tr {
                        th scope="col" { "Change to" }
                        th scope="col" { "Takes effect" }
                        th scope="col" class="money" { "To pay now" }
                        th scope="col" class="money" { "Afterward" }
                        th scope="col" { span class="unseen" { "Choose" } }
                    }
                }
                tbody {
                    @for change in allowed {
                        tr { (row(visitor, held.catalog(), &action, change)) }
                    }
                }
            }
        }
        (pieces(visitor, held, of, &action))
    }
}

fn row(visitor: &Visitor<'_>, catalog: &Catalog, action: &str, change: &AllowedChange) -> Markup {
    let key = change.plan.as_str();
    let rhythm = change
        .price
        .as_ref()
        .and_then(|key| catalog.price(key.as_str()));
    let rhythm = rhythm.map(|price| describe::rhythm(price.interval));
    html! {
        th scope="row" {
            (plan(catalog, key))
            @if change.quantity > 1 { " × " (change.quantity) }
            @if let Some(rhythm) = &rhythm { ", " (rhythm) }
            @if let Some(kind) = change.kinds.first() { span class="small" { " " (kind_word(*kind)) } }
        }
        td data-name="Takes effect" {
            @match change.timing {
                Timing::AtOnce => "At once",
                Timing::PeriodEnd => (describe::day(change.effective_at)),
            }
        }
        td data-name="To pay now" class="money" {
            @match change.owed_now {
                Some(owed) => (describe::money(owed)),
                None => "told on the next page",
            }
        }
        td data-name="Afterward" class="money" {
            @match change.next_amount {
                Some(next) => (describe::money(next)),
                None => "nothing",
            }
        }
        td {
            form class="plain" method="post" action=(action) {
                (visitor.proof())
                @if let Some(price) = &change.price {
                    input type="hidden" name="price" value=(price);
                }
                input type="hidden" name="quantity" value=(change.quantity);
                button type="submit" {
                    "See what it costs" span class="unseen" {
                        ": " (describe::plan_name(catalog, key)) ", " (change.quantity)
                        @if let Some(rhythm) = &rhythm { ", " (rhythm) }
                    }
                }
            }
        }
    }
}

const fn kind_word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Upgrade => "(more)",
        ChangeKind::Downgrade => "(less)",
        ChangeKind::Lateral => "(instead)",
        ChangeKind::Longer => "(longer)",
        ChangeKind::Shorter => "(shorter)",
        ChangeKind::QuantityUp => "(more pieces)",
        ChangeKind::QuantityDown => "(fewer pieces)",
    }
}

/// Any other number of pieces, where it is sold by the piece.
fn pieces(visitor: &Visitor<'_>, held: &Held, of: &Subscription, action: &str) -> Markup {
    let terms = of.terms_at(held.now);
    let sold = held.catalog().plan(terms.plan.as_str());
    let sold = sold.and_then(|plan| plan.quantity.as_ref());
    let rule = terms.bounds.as_ref().or(sold);
    html! {
        @if let Some(rule) = rule {
            form class="inline" method="post" action=(action) {
                (visitor.proof())
                label for="quantity" { "Another number of " (rule.feature) }
                input id="quantity" type="number" name="quantity" inputmode="numeric" required
                    min=(rule.min) max=(rule.max) step=(rule.step) value=(terms.quantity);
                button type="submit" { "See what it costs" }
            }
        }
    }
}

/// Canceling, keeping, pausing and going on, as the subscription stands.
pub(super) fn steps(visitor: &Visitor<'_>, held: &Held, of: &Subscription) -> Markup {
    let terms = of.terms_at(held.now);
    let recurs = matches!(terms.billing, Billing::Recurring(_));
    if !recurs || of.is_over() || of.status() == Status::Incomplete {
        return html! {};
    }
    let quotes = format!("/portal/subscriptions/{}/quotes", of.id);
    let keep = format!("/portal/subscriptions/{}/keep", of.id);
    let method = format!("/portal/subscriptions/{}/payment-method", of.id);
    html! {
        section class="card" aria-labelledby="steps" {
            h2 id="steps" { "Stop or go on" }
            div class="steps" {
                @if of.status() == Status::Paused {
                    (step(visitor, &quotes, Step::Resume, "Go on with it"))
                } @else if matches!(of.status(), Status::Active | Status::Trialing) {
                    (step(visitor, &quotes, Step::Pause, "Pause it"))
                }
                @if cancellation(of).is_some() {
                    form class="plain" method="post" action=(keep) {
                        (visitor.proof())
                        button type="submit" { "Keep it after all" }
                    }
                } @else {
                    (step(visitor, &quotes, Step::Cancel, "Cancel it"))
                }
                @if of.reference().is_some() {
                    form class="plain" method="post" action=(method) {
                        (visitor.proof())
                        button type="submit" class="quiet" { "Change the payment method" }
                    }
                }
            }
        }
    }
}

fn step(visitor: &Visitor<'_>, action: &str, step: Step, word: &str) -> Markup {
    html! {
        form class="plain" method="post" action=(action) {
            (visitor.proof())
            input type="hidden" name="step" value=(step.as_str());
            button type="submit" class="quiet" { (word) }
        }
    }
}
