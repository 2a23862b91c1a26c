//! A customer's journal as a story: what happened, when, by whom and why.

use billing_domain::journal::JournalEntry;
use maud::{Markup, html};

use crate::pages::describe;

/// Entries as they were given, newest first.
pub(super) fn list(entries: &[JournalEntry]) -> Markup {
    html! {
        @if entries.is_empty() { p { "Nothing yet." } } @else {
            ol class="timeline" { @for entry in entries { li { (told(entry)) } } }
        }
    }
}

fn told(entry: &JournalEntry) -> Markup {
    html! {
        p class="small" { (describe::minute(entry.at)) ", " code { (entry.event.as_str()) } }
        p {
            (entry.event.meaning())
            @if let Some(money) = entry.money { " " strong { (describe::money(money)) } }
        }
        @if let Some(note) = &entry.note { p { "Note: " bdi { (note) } } }
        @if entry.actor.is_some() || entry.reason.is_some() {
            p class="small" {
                @if let Some(actor) = &entry.actor { "By " bdi { (actor) } ". " }
                @if let Some(reason) = &entry.reason { "Reason: " bdi { (reason) } }
            }
        }
        @let about = about(entry);
        @if !about.is_empty() {
            p class="small" { @for id in &about { code { (id) } " " } }
        }
    }
}

/// The ids of what it is about.
fn about(entry: &JournalEntry) -> Vec<String> {
    let ids = [
        entry.subscription.map(|id| id.to_string()),
        entry.invoice.map(|id| id.to_string()),
        entry.checkout.map(|id| id.to_string()),
        entry.grant.map(|id| id.to_string()),
        entry.change.map(|id| id.to_string()),
        entry.license.map(|id| id.to_string()),
    ];
    ids.into_iter().flatten().collect()
}
