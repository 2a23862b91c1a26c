//! Pages for people: the checkout and the claim, just enough to click through.

use http::StatusCode;

use super::super::rig::{Answer, Incoming};
use super::acts::rest;
use super::things::Method;
use super::till::Till;

/// A page of the fake's own. `None`: the path is the API's.
pub(super) fn page(till: &Till, request: &Incoming) -> Option<Answer> {
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["i", id]) => Some(checkout(till, id)),
        ("POST", ["i", id]) => Some(pay(till, id, &request.query)),
        ("GET", ["pull-payments", id]) => Some(promise(till, id)),
        ("POST", ["pull-payments", id]) => Some(claim(till, id)),
        _ => None,
    }
}

fn checkout(till: &Till, id: &str) -> Answer {
    let shown = till.with(|world, _now| {
        let invoice = world.invoice(id).ok()?;
        let due = invoice.due().saturating_sub(invoice.paid());
        Some((invoice.status.name(), invoice.additional.name(), due))
    });
    let Some((status, additional, due)) = shown else {
        return missing();
    };
    let button = |method: &str, label: &str| {
        format!("<form method=\"post\" action=\"/i/{id}?{method}\"><button>{label}</button></form>")
    };
    let body = format!(
        "<p>{status} ({additional}): {due} satoshi</p>{}{}{}",
        button("lightning", "Pay by Lightning"),
        button("chain", "Pay on the chain"),
        button("confirm", "Mine six blocks"),
    );
    html("Checkout", &body)
}

fn pay(till: &Till, id: &str, how: &str) -> Answer {
    let done = till.with(|world, now| {
        if how == "confirm" {
            return world.confirm(id, 6, now);
        }
        let method = if how == "lightning" {
            Method::Lightning
        } else {
            Method::Chain
        };
        let sats = rest(world, id)?;
        world.pay(id, sats, method, now).map(|_payment| ())
    });
    match done {
        Ok(()) => html("Checkout", "<p>Done.</p>"),
        Err(refusal) => html("Checkout", &format!("<p>{}</p>", refusal.code)),
    }
}

fn promise(till: &Till, id: &str) -> Answer {
    let shown = till.with(|world, _now| {
        let pull = world.pulls.get(id)?;
        Some((pull.amount, pull.payout.is_some()))
    });
    let Some((amount, claimed)) = shown else {
        return missing();
    };
    let button = format!(
        "<form method=\"post\" action=\"/pull-payments/{id}\"><button>Claim</button></form>"
    );
    let state = if claimed { "claimed" } else { "open" };
    html("Refund", &format!("<p>{amount}, {state}</p>{button}"))
}

fn claim(till: &Till, id: &str) -> Answer {
    match till.with(|world, now| world.claim(id, false, now)) {
        Ok(true) => html("Refund", "<p>Sent.</p>"),
        Ok(false) => html("Refund", "<p>Waits for the shop.</p>"),
        Err(refusal) => html("Refund", &format!("<p>{}</p>", refusal.code)),
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
