//! What happens by itself, and when.

use super::lifecycle::{self, INCOMPLETE_SECONDS};
use super::render;
use super::thing::{InvoiceStatus, Session, SessionStatus, Status, Subscription};
use super::world::World;

/// How long before its end a trial is told of: three days, as the real one does.
const TRIAL_NOTICE_SECONDS: i64 = 3 * 86_400;

/// Something that happens by itself. The order is that of equal instants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Session(String),
    TrialNotice(String),
    Resume(String),
    Pending(String),
    Incomplete(String),
    Invoice(String),
    Retry(String),
    CancelAt(String),
    TrialEnd(String),
    Renewal(String),
}

/// When something happens next. `None`: nothing will.
pub(super) fn next(world: &World) -> Option<i64> {
    earliest(world).map(|(at, _)| at)
}

/// Does the earliest thing that is due. Whether there was any.
pub(super) fn step(world: &mut World) -> bool {
    let now = world.now();
    let Some((_, due)) = earliest(world).filter(|(at, _)| *at <= now) else {
        return false;
    };
    world.cause = None;
    match due {
        Due::Session(id) => expire_session(world, &id),
        Due::TrialNotice(id) => {
            if let Some(of) = world.subscriptions.get_mut(&id) {
                of.trial_end_told = true;
            }
            lifecycle::told(world, &id, "customer.subscription.trial_will_end");
        }
        Due::Resume(id) => {
            if let Some(mut of) = world.subscriptions.get(&id).cloned() {
                of.pause_collection = None;
                lifecycle::updated(world, of);
            }
        }
        Due::Pending(id) => lifecycle::expire_pending(world, &id),
        Due::Incomplete(id) => lifecycle::expire_incomplete(world, &id),
        Due::Invoice(id) => lifecycle::finalize_renewal(world, &id),
        Due::Retry(id) => {
            if let Some(invoice) = world.invoices.get_mut(&id) {
                invoice.next_attempt = None;
            }
            lifecycle::retry(world, &id);
        }
        Due::CancelAt(id) => {
            if let Some(of) = world.subscriptions.get(&id).cloned() {
                lifecycle::end(world, of, "cancellation_requested");
            }
        }
        Due::TrialEnd(id) => lifecycle::end_trial(world, &id),
        Due::Renewal(id) => lifecycle::renew(world, &id),
    }
    true
}

fn earliest(world: &World) -> Option<(i64, Due)> {
    let sessions = world.sessions.values();
    let sessions = sessions
        .filter(|session| session.status == SessionStatus::Open)
        .map(|session| (session.expires_at, Due::Session(session.id.clone())));
    let invoices = world.invoices.values().flat_map(|invoice| {
        let draft = invoice.status == InvoiceStatus::Draft;
        let open = invoice.status == InvoiceStatus::Open;
        let finalizes = invoice.finalizes_at.filter(|_| draft);
        let retries = invoice.next_attempt.filter(|_| open);
        let finalizes = finalizes.map(|at| (at, Due::Invoice(invoice.id.clone())));
        let retries = retries.map(|at| (at, Due::Retry(invoice.id.clone())));
        finalizes.into_iter().chain(retries)
    });
    let subscriptions = world
        .subscriptions
        .values()
        .filter(|of| !of.status.over())
        .flat_map(|of| of_subscription(world, of));
    sessions.chain(invoices).chain(subscriptions).min()
}

fn of_subscription(world: &World, of: &Subscription) -> Vec<(i64, Due)> {
    let id = || of.id.clone();
    let mut dues = Vec::new();
    if of.status == Status::Incomplete && !processing(world, of) {
        let at = of.created.saturating_add(INCOMPLETE_SECONDS);
        dues.push((at, Due::Incomplete(id())));
    }
    if let Some(pending) = &of.pending_update {
        dues.push((pending.expires_at, Due::Pending(id())));
    }
    if let Some(at) = of.pause_collection.and_then(|pause| pause.resumes_at) {
        dues.push((at, Due::Resume(id())));
    }
    if of.status == Status::Trialing {
        if !of.trial_end_told {
            let at = of.period.end.saturating_sub(TRIAL_NOTICE_SECONDS);
            dues.push((at, Due::TrialNotice(id())));
        }
        dues.push((of.period.end, Due::TrialEnd(id())));
    }
    if of.status.renews() {
        dues.push((of.period.end, Due::Renewal(id())));
    }
    // At the end of the period it is the renewal that sees to it.
    if let Some(at) = of.cancel_at.filter(|_| !of.cancel_at_period_end) {
        dues.push((at, Due::CancelAt(id())));
    }
    dues
}

/// Whether a bank has yet to say whether the first payment went through.
fn processing(world: &World, of: &Subscription) -> bool {
    let invoice = of.latest_invoice.as_ref();
    let invoice = invoice.and_then(|id| world.invoices.get(id));
    let intent = invoice.and_then(|invoice| world.intents.get(invoice.intent.as_ref()?));
    intent.is_some_and(|intent| intent.status == "processing")
}

fn expire_session(world: &mut World, id: &str) {
    let Some(session) = world.sessions.get_mut(id) else {
        return;
    };
    session.status = SessionStatus::Expired;
    let session: Session = session.clone();
    let object = render::session(world, &session);
    world.tell("checkout.session.expired", object);
}
