//! Pages for people: where a session's or an invoice's link leads.

use http::StatusCode;

use super::acts;
use super::sale::{self, Payment};
use super::thing::{Card, SessionStatus};
use super::world::World;
use crate::fakes::rig::{Answer, Incoming};

/// The cards that a person may choose from: the number, and what comes of it.
const CARDS: [(&str, &str); 6] = [
    ("4242424242424242", "pays"),
    ("4000000000000002", "is declined"),
    ("4000000000009995", "has no money"),
    ("4000000000000341", "is kept, and fails when charged"),
    ("4000000000003220", "asks for authentication"),
    ("delayed", "is a bank debit that takes days"),
];

/// Answers `/pay/{id}` and `/portal/{id}`. `None`: it is no page.
pub(super) fn answer(world: &mut World, request: &Incoming) -> Option<Answer> {
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["pay", id]) => Some(offer(world, id)),
        ("POST", ["pay", id]) => Some(pay(world, id, &request.body)),
        ("GET", ["portal", _]) => {
            let text = "The portal of a fake: act with POST /_act/cancel_in_portal and the like.";
            Some(page(StatusCode::OK, text))
        }
        _ => None,
    }
}

fn offer(world: &World, id: &str) -> Answer {
    let session = world.sessions.get(id);
    let open = session.is_some_and(|one| one.status == SessionStatus::Open);
    if !open && !world.invoices.contains_key(id) {
        return page(StatusCode::NOT_FOUND, "Nothing is to be paid here.");
    }
    let button = |(number, what): &(&str, &str)| {
        format!("<p><button name=\"card\" value=\"{number}\">{number}</button> {what}</p>")
    };
    let buttons: String = CARDS.iter().map(button).collect();
    let last = if session.is_some_and(|one| one.authenticating) {
        "<p><button name=\"authenticate\" value=\"true\">Authenticate</button></p>"
    } else {
        ""
    };
    page(
        StatusCode::OK,
        &format!("<form method=\"post\"><h1>Pay {id}</h1>{buttons}{last}</form>"),
    )
}

fn pay(world: &mut World, id: &str, body: &[u8]) -> Answer {
    let mut fields = url::form_urlencoded::parse(body);
    let Some((name, value)) = fields.next() else {
        return page(StatusCode::BAD_REQUEST, "Choose a card.");
    };
    world.cause = None;
    let card = value.parse::<Card>();
    let done = match (name.as_ref(), card) {
        ("authenticate", _) => sale::authenticate(world, id, true),
        ("card", Ok(card)) if world.sessions.contains_key(id) => sale::pay(world, id, Some(card)),
        ("card", Ok(card)) => acts::pay_invoice(world, id, card),
        _ => return page(StatusCode::BAD_REQUEST, "Choose a card."),
    };
    match done {
        Ok(Payment::Complete | Payment::Processing) => arrived(world, id),
        Ok(Payment::Declined) => page(StatusCode::OK, "Declined. Go back and try another card."),
        Ok(Payment::ActionRequired) => offer(world, id),
        Err(_error) => page(StatusCode::CONFLICT, "Nothing is to be paid here now."),
    }
}

/// Sends the customer to where the session says.
fn arrived(world: &World, id: &str) -> Answer {
    let session = world.sessions.get(id);
    let Some(session) = session else {
        return page(StatusCode::OK, "Paid.");
    };
    let url = session.success_url.replace("{CHECKOUT_SESSION_ID}", id);
    page(StatusCode::SEE_OTHER, "Paid.").with_header("location", url)
}

fn page(status: StatusCode, text: &str) -> Answer {
    let page = format!("<!doctype html><title>Fake Stripe</title>{text}");
    Answer::html(status, page)
}
