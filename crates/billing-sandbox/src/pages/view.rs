//! How the pages look. Everything that came from outside is escaped by the
//! template; addresses were checked to be http or https when they came in.

use maud::{DOCTYPE, Markup, html};

use super::What;
use super::form::Form;
use super::offer::{Offer, Standing};
use crate::card::{CardProblems, TestCard};

/// The path of an offer's page, or of one of its steps (`/confirm`).
pub(crate) fn address(base: &str, offer: &Offer, step: &str) -> String {
    let what = match offer.what {
        What::Checkout => "checkout",
        What::Invoice => "invoice",
    };
    format!("{base}/{what}/{}{step}", offer.id)
}

/// The page with the card form.
pub(crate) fn card(
    base: &str,
    offer: &Offer,
    form: &Form,
    problems: &CardProblems,
    email_problem: Option<&'static str>,
    token: &str,
) -> Markup {
    let here = address(base, offer, "");
    let button = match offer.trial_end {
        Some(_) => "Start the trial".to_owned(),
        None => format!("Pay {}", offer.collected),
    };
    let any = [
        problems.number,
        problems.expiry,
        problems.cvc,
        email_problem,
    ]
    .iter()
    .flatten()
    .next()
    .is_some();
    let body = html! {
        (summary(offer))
        @if any {
            p.alert role="alert" { "Not paid yet. Look at the marked fields below." }
        }
        form method="post" action=(here) autocomplete="off" {
            input type="hidden" name="token" value=(token);
            @if offer.asks_email {
                (field(&Field { name: "email", label: "E-mail", kind: "email", mode: "email", hint: "ana@example.com", value: &form.email, problem: email_problem }))
            } @else if let Some(email) = &offer.email {
                p.known { "For " strong { (email) } }
            }
            (field(&Field { name: "number", label: "Card number", kind: "text", mode: "numeric", hint: "4242 4242 4242 4242", value: &form.shown_number(), problem: problems.number }))
            div.pair {
                (field(&Field { name: "expiry", label: "Expires", kind: "text", mode: "text", hint: "MM/YY", value: &form.expiry, problem: problems.expiry }))
                (field(&Field { name: "cvc", label: "Security code", kind: "text", mode: "numeric", hint: "123", value: form.shown_cvc(), problem: problems.cvc }))
            }
            button type="submit" { (button) }
        }
        @if offer.what == What::Checkout {
            p.away { a href=(address(base, offer, "/cancel")) { "Go back without paying" } }
        }
        section aria-labelledby="cards" {
            h2 #cards { "Test cards" }
            p { "Choose one to fill the form in:" }
            ul.cards {
                @for card in TestCard::ALL {
                    li {
                        a href={ (here) "?card=" (card.number()) } {
                            span.number { (card.spaced()) }
                            " " span.effect { (card.effect()) }
                        }
                    }
                }
            }
        }
    };
    page(base, "Pay", &body)
}

/// The 3-D Secure confirmation.
pub(crate) fn confirm(base: &str, offer: &Offer, token: &str) -> Markup {
    let body = html! {
        (summary(offer))
        h2 { "Confirm with your bank" }
        p { "This stands for the page of a bank that asks whether it is really you (3-D Secure)." }
        form method="post" action=(address(base, offer, "/confirm")) {
            input type="hidden" name="token" value=(token);
            button type="submit" name="approve" value="yes" { "Approve" }
            button.second type="submit" name="approve" value="no" { "Refuse" }
        }
    };
    page(base, "Confirm the payment", &body)
}

/// What is paid, or can no longer be.
pub(crate) fn settled(base: &str, offer: &Offer) -> Markup {
    let (title, text) = match &offer.standing {
        Standing::Closed(why) => ("Closed", *why),
        Standing::Open | Standing::Confirming | Standing::Paid => {
            ("Thank you", "This is paid. Nothing more is owed here.")
        }
    };
    let onward = match &offer.standing {
        Standing::Closed(_) => Some(offer.cancel_url.as_str()).filter(|url| !url.is_empty()),
        Standing::Open | Standing::Confirming | Standing::Paid => offer.success_url.as_deref(),
    };
    let body = html! {
        (summary(offer))
        h2 { (title) }
        p { (text) }
        @if let Some(onward) = onward {
            p.away { a href=(onward) { "Return to the shop" } }
        }
    };
    page(base, title, &body)
}

/// A page that only says something.
pub(crate) fn message(base: &str, title: &str, text: &str) -> Markup {
    let body = html! {
        h1 { (title) }
        p { (text) }
    };
    page(base, title, &body)
}

fn summary(offer: &Offer) -> Markup {
    html! {
        h1 { (offer.description) }
        p.amount.trial[offer.trial_end.is_some()] {
            @if let Some(end) = offer.trial_end {
                "Free until " (end.strftime("%-d %B %Y")) ", then " (offer.amount)
            } @else {
                (offer.amount)
            }
            @if let Some(interval) = offer.recurring {
                small { " every " (interval) }
            }
        }
        @if offer.collected != offer.amount {
            p.collected { "Paid as " (offer.collected) }
        }
        @if offer.quantity > 1 {
            p.quantity { (offer.quantity) " pieces" }
        }
    }
}

struct Field<'a> {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    /// Which keyboard a phone shows.
    mode: &'static str,
    hint: &'static str,
    value: &'a str,
    problem: Option<&'static str>,
}

/// An input with its label, and what is wrong with it where a screen reader finds it.
fn field(field: &Field<'_>) -> Markup {
    let problem_id = format!("{}-problem", field.name);
    let described = field.problem.map(|_| problem_id.as_str());
    let invalid = field.problem.map(|_| "true");
    html! {
        div.field {
            label for=(field.name) { (field.label) }
            // Never the browser's own cards: they are real.
            input #(field.name) type=(field.kind) name=(field.name) inputmode=(field.mode)
                placeholder=(field.hint) value=(field.value) maxlength="254" required
                autocomplete="off" aria-invalid=[invalid] aria-describedby=[described];
            @if let Some(problem) = field.problem {
                p.problem id=(problem_id) { (problem) }
            }
        }
    }
}

fn page(base: &str, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                title { (title) " – Sandbox" }
                link rel="stylesheet" href={ (base) "/style.css" };
            }
            body {
                header.banner { strong { "Sandbox" } ": no real money" }
                main { (body) }
            }
        }
    }
}
