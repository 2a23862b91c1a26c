//! Pages for people: the checkout and the portal, just enough to click through.

use http::StatusCode;

use super::super::rig::{Answer, Incoming};
use super::acts::{cancel_in_portal, card};
use super::things::SubscriptionStatus;
use super::till::Till;

/// A page of the fake's own. `None`: the path is the API's.
pub(super) fn page(till: &Till, request: &Incoming) -> Option<Answer> {
    let query = url::form_urlencoded::parse(request.query.as_bytes());
    let query: Vec<(String, String)> = query
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let field = |name: &str| {
        let mut query = query.iter();
        let found = query.find(|(held, _)| held == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["checkout"]) => Some(checkout(till, field("_ptxn"))),
        ("POST", ["checkout"]) => Some(pay(till, field("_ptxn"), field("card"))),
        ("GET", ["portal", _]) => Some(portal(till, field("subscription_id"))),
        ("POST", ["portal", _]) => Some(cancel(till, field("subscription_id"))),
        _ => None,
    }
}

fn checkout(till: &Till, id: &str) -> Answer {
    let shown = till.with(|world, _now| {
        let found = world.transactions.get(id)?;
        Some((
            found.status.name(),
            found.grand_total(),
            super::render::code(found.currency),
        ))
    });
    let Some((status, total, currency)) = shown else {
        return missing();
    };
    let button = |card: &str, label: &str| {
        format!(
            "<form method=\"post\" action=\"/checkout?_ptxn={id}&amp;card={card}\">\
             <button>{label}</button></form>"
        )
    };
    let body = format!(
        "<p>{status}: {total} {currency} in minor units</p>{}{}{}",
        button("pays", "Pay"),
        button("pays_once", "Pay, and decline renewals"),
        button("declined", "Be declined"),
    );
    html("Checkout", &body)
}

fn pay(till: &Till, id: &str, text: &str) -> Answer {
    let done = till.with(|world, now| {
        let card = card(Some(text))?;
        world.pay(id, card, now)
    });
    match done {
        Ok(true) => html("Checkout", "<p>Paid.</p>"),
        Ok(false) => html("Checkout", "<p>Declined.</p>"),
        Err(refusal) => html("Checkout", &format!("<p>{}</p>", refusal.code)),
    }
}

fn portal(till: &Till, id: &str) -> Answer {
    let status = till.with(|world, _now| world.subscriptions.get(id).map(|one| one.status));
    match status {
        None => html("Portal", "<p>Your subscriptions.</p>"),
        Some(SubscriptionStatus::Canceled) => html("Portal", "<p>canceled</p>"),
        Some(status) => {
            let body = format!(
                "<p>{}</p><form method=\"post\" action=\"?subscription_id={id}\">\
                 <button>Cancel at the end of the period</button></form>",
                status.name()
            );
            html("Portal", &body)
        }
    }
}

fn cancel(till: &Till, id: &str) -> Answer {
    let done = till.with(|world, now| cancel_in_portal(world, id, now));
    match done {
        Ok(()) => html("Portal", "<p>Will end with the period.</p>"),
        Err(refusal) => html("Portal", &format!("<p>{}</p>", refusal.code)),
    }
}

fn missing() -> Answer {
    let page = "<!doctype html><title>Not found</title><p>Not found.</p>";
    Answer::html(StatusCode::NOT_FOUND, page)
}

/// `body` holds nothing that a stranger wrote: ids are looked up first.
fn html(title: &str, body: &str) -> Answer {
    let page = format!("<!doctype html><title>{title}</title><h1>{title}</h1>{body}");
    Answer::html(StatusCode::OK, page)
}
