//! A customer before a checkout session: paying, failing, authenticating,
//! waiting for the bank.

use super::api::{customer, discount, session_items, worth};
use super::bill;
use super::change;
use super::collect;
use super::lifecycle;
use super::render;
use super::thing::{
    Card, InvoiceStatus, Line, Mode, Pay, Reason, Session, SessionStatus, Span, Status,
    Subscription, Verdict,
};
use super::world::World;

/// What came of an attempt to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    /// It went through, or nothing was due.
    Complete,
    /// The bank said no; the customer may try again.
    Declined,
    /// The customer stands before the bank's authentication.
    ActionRequired,
    /// The bank will say in some days.
    Processing,
}

/// Why an act of a person could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// There is no such object.
    #[error("unknown object {0}")]
    Unknown(String),
    /// It is not in a state for this.
    #[error("not possible now: {0}")]
    State(String),
}

impl From<super::refusal::Refusal> for ActError {
    fn from(refusal: super::refusal::Refusal) -> Self {
        Self::State(refusal.message)
    }
}

/// A day in seconds.
const DAY_SECONDS: i64 = 86_400;

/// Pays an open session. `None`: without a means of payment.
pub(super) fn pay(world: &mut World, id: &str, card: Option<Card>) -> Result<Payment, ActError> {
    let session = open(world, id)?;
    let verdict = card.map_or(Verdict::NoMethod, Card::verdict);
    if session.amount_total == 0 {
        if card.is_none() && !session.terms.method_if_required {
            return Err(ActError::State(
                "a means of payment is asked for".to_owned(),
            ));
        }
        if card.is_some_and(|card| !card.keeps()) {
            return Ok(Payment::Declined);
        }
        if card == Some(Card::Authenticate) && !session.authenticating {
            return Ok(wait_for_action(world, session));
        }
        complete(world, session, card, Verdict::Paid);
        return Ok(Payment::Complete);
    }
    match verdict {
        Verdict::Paid | Verdict::Processing => {
            complete(world, session, card, verdict);
            Ok(if verdict == Verdict::Paid {
                Payment::Complete
            } else {
                Payment::Processing
            })
        }
        Verdict::Declined(_) => {
            attempt(world, session, verdict);
            Ok(Payment::Declined)
        }
        Verdict::Action => {
            let session = attempt(world, session, verdict);
            Ok(wait_for_action(world, session))
        }
        Verdict::NoMethod => Err(ActError::State(
            "a means of payment is asked for".to_owned(),
        )),
    }
}

fn open(world: &World, id: &str) -> Result<Session, ActError> {
    let session = world.sessions.get(id);
    let session = session.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    if session.status != SessionStatus::Open {
        let status = session.status.word();
        return Err(ActError::State(format!("the session is {status}")));
    }
    Ok(session.clone())
}

fn wait_for_action(world: &mut World, mut session: Session) -> Payment {
    session.authenticating = true;
    world.sessions.insert(session.id.clone(), session);
    Payment::ActionRequired
}

/// A charge that does not complete the session.
fn attempt(world: &mut World, mut session: Session, verdict: Verdict) -> Session {
    let intent = session_intent(world, &session);
    collect::charge(world, &intent, verdict);
    if session.mode == Mode::Payment {
        session.intent = Some(intent);
    }
    world.sessions.insert(session.id.clone(), session.clone());
    session
}

fn session_intent(world: &mut World, session: &Session) -> String {
    if let Some(intent) = &session.intent {
        return intent.clone();
    }
    let metadata = match session.mode {
        Mode::Payment => session.terms.metadata.clone(),
        Mode::Subscription => super::thing::Metadata::new(),
    };
    let (customer, amount) = (session.customer.clone(), session.amount_total);
    collect::make_intent(world, customer, amount, &session.currency, metadata)
}

/// The customer authenticates, or fails to.
pub(super) fn authenticate(world: &mut World, id: &str, passes: bool) -> Result<Payment, ActError> {
    let mut session = open(world, id)?;
    if !session.authenticating {
        return Err(ActError::State(
            "nobody asked for authentication".to_owned(),
        ));
    }
    if !passes {
        session.authenticating = false;
        attempt(world, session, Verdict::Declined("authentication_required"));
        return Ok(Payment::Declined);
    }
    complete(world, session, Some(Card::Authenticate), Verdict::Paid);
    Ok(Payment::Complete)
}

/// The buyer gives an address at the page, where it asks for one.
pub(super) fn give_email(world: &mut World, id: &str, email: &str) -> Result<(), ActError> {
    let session = world.sessions.get_mut(id);
    let open = session.filter(|held| held.status == SessionStatus::Open);
    let session = open.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    session.given_email = Some(email.to_owned());
    Ok(())
}

fn complete(world: &mut World, mut session: Session, card: Option<Card>, verdict: Verdict) {
    session.status = SessionStatus::Complete;
    session.authenticating = false;
    session.pay = match verdict {
        _ if session.amount_total == 0 => Pay::NotRequired,
        Verdict::Paid => Pay::Paid,
        Verdict::Declined(_) | Verdict::Action | Verdict::Processing | Verdict::NoMethod => {
            Pay::Unpaid
        }
    };
    let wants = session.mode == Mode::Subscription || session.always_customer;
    if session.customer.is_none() && wants {
        let filled_in = session.customer_email.clone();
        let email = filled_in.or_else(|| session.given_email.clone());
        let made = customer(world, email, None, super::thing::Metadata::new());
        session.customer = Some(made);
    }
    if let (Some(card), Some(id)) = (card, &session.customer)
        && let Some(customer) = world.customers.get_mut(id)
    {
        customer.card = Some(card);
    }
    match session.mode {
        Mode::Subscription => subscribe(world, &mut session, card, verdict),
        Mode::Payment if session.amount_total > 0 => {
            let intent = session_intent(world, &session);
            if let Some(held) = world.intents.get_mut(&intent) {
                held.customer.clone_from(&session.customer);
            }
            session.intent = Some(intent.clone());
            collect::charge(world, &intent, verdict);
            if session.invoice_creation && verdict == Verdict::Paid {
                let sold: Vec<_> = session.lines.iter().collect();
                let mut lines = once_lines(world, &sold);
                let off = session.amount_subtotal.saturating_sub(session.amount_total);
                if let Some(first) = lines.first_mut() {
                    first.discount = off;
                }
                session.invoice = Some(bill::of_sale(world, &session, lines));
            }
        }
        Mode::Payment => {}
    }
    finish(world, session, "checkout.session.completed");
}

fn finish(world: &mut World, session: Session, kind: &'static str) {
    let object = render::session(world, &session);
    world.sessions.insert(session.id.clone(), session);
    world.tell(kind, object);
}

fn subscribe(world: &mut World, session: &mut Session, card: Option<Card>, verdict: Verdict) {
    let now = world.now();
    let mut items = session_items(world, session);
    for item in &mut items {
        item.id = world.id("si");
    }
    let Ok(interval) = change::interval(world, &items) else {
        return;
    };
    let trial_end = session.terms.trial_end.or_else(|| {
        let days = i64::from(session.terms.trial_days?);
        Some(now.saturating_add(days.saturating_mul(DAY_SECONDS)))
    });
    let trial = trial_end.map(|end| Span { start: now, end });
    let period = trial.unwrap_or_else(|| change::first_period(interval, now));
    let discounts = session.coupon.clone();
    let of = Subscription {
        id: world.id("sub"),
        customer: session.customer.clone().unwrap_or_default(),
        status: if trial.is_some() {
            Status::Trialing
        } else {
            Status::Incomplete
        },
        items,
        anchor: trial_end.unwrap_or(now),
        cycle: 0,
        period,
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        cancel_reason: None,
        trial,
        trial_end_told: false,
        missing_method: session.terms.missing_method,
        pause_collection: None,
        paused_at: None,
        pending_update: None,
        pending_lines: Vec::new(),
        schedule: None,
        latest_invoice: None,
        discounts: discounts
            .iter()
            .map(|coupon| discount(world, coupon))
            .collect(),
        metadata: session.terms.metadata.clone(),
        description: session.terms.description.clone(),
        card,
        created: now,
    };
    let id = of.id.clone();
    session.subscription = Some(id.clone());
    let lines = first_lines(world, session, &of);
    world.put(of);
    lifecycle::told(world, &id, "customer.subscription.created");
    let invoice = bill::make(world, &id, lines, Reason::Create);
    session.invoice = Some(invoice.clone());
    bill::finalize(world, &invoice);
    let owes = world
        .invoices
        .get(&invoice)
        .is_some_and(|invoice| invoice.status == InvoiceStatus::Open);
    if owes {
        collect::collect(world, &invoice, verdict);
    }
}

/// What is on the first invoice: nothing for a trial, the first period
/// otherwise, and what is bought once.
fn first_lines(world: &mut World, session: &Session, of: &Subscription) -> Vec<Line> {
    let mut lines = bill::full_lines(world, of, &of.items, of.period);
    if of.trial.is_some() {
        for line in &mut lines {
            line.amount = 0;
            line.discount = 0;
        }
    }
    let recurs = |line: &(String, u32)| of.items.iter().any(|item| item.price == line.0);
    let once: Vec<_> = session.lines.iter().filter(|line| !recurs(line)).collect();
    lines.extend(once_lines(world, &once));
    lines
}

/// The lines of what is bought once.
fn once_lines(world: &mut World, sold: &[&(String, u32)]) -> Vec<Line> {
    let now = world.now();
    let lines = sold.iter().map(|line| Line {
        id: world.id("il"),
        amount: worth(world, line),
        discount: 0,
        description: format!("{} × {}", line.1, line.0),
        period: Span {
            start: now,
            end: now,
        },
        price: Some(line.0.clone()),
        quantity: line.1,
        item: None,
        proration: false,
    });
    lines.collect()
}

/// The bank has said what became of a delayed payment of a session or an invoice.
pub(super) fn settle(world: &mut World, id: &str, succeeds: bool) -> Result<(), ActError> {
    let verdict = if succeeds {
        Verdict::Paid
    } else {
        Verdict::Declined("generic_decline")
    };
    let Some(session) = world.sessions.get(id).cloned() else {
        return settle_invoice(world, id, verdict);
    };
    if session.status != SessionStatus::Complete || session.pay != Pay::Unpaid {
        return Err(ActError::State("no payment is outstanding".to_owned()));
    }
    match (&session.invoice, &session.intent) {
        (Some(invoice), _) => first_settled(world, &invoice.clone(), verdict),
        (None, Some(intent)) => collect::charge(world, &intent.clone(), verdict),
        (None, None) => {}
    }
    let mut session = session;
    if succeeds {
        session.pay = Pay::Paid;
    }
    let kind = if succeeds {
        "checkout.session.async_payment_succeeded"
    } else {
        "checkout.session.async_payment_failed"
    };
    finish(world, session, kind);
    Ok(())
}

fn first_settled(world: &mut World, invoice: &str, verdict: Verdict) {
    let intent = world.invoices.get(invoice);
    let Some(intent) = intent.and_then(|one| one.intent.clone()) else {
        return;
    };
    collect::charge(world, &intent, verdict);
    if verdict == Verdict::Paid {
        bill::paid(world, invoice);
    } else {
        bill::told(world, invoice, "invoice.payment_failed");
    }
}

fn settle_invoice(world: &mut World, id: &str, verdict: Verdict) -> Result<(), ActError> {
    let invoice = world.invoices.get(id);
    let invoice = invoice.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    let intent = invoice.intent.as_ref();
    let intent = intent.and_then(|intent| world.intents.get(intent));
    if intent.is_none_or(|intent| intent.status != "processing") {
        return Err(ActError::State("no payment is outstanding".to_owned()));
    }
    first_settled(world, id, verdict);
    lifecycle::on_failed(world, id, verdict);
    Ok(())
}
