//! Mirroring what a provider runs itself: its latest word is believed as a
//! whole, by its own instant.

mod outrank;
mod price;
mod upcoming;

use crate::catalog::{CatalogRevision, OnPause};
use crate::checkout::Checkout;
use crate::decide::books::tie_invoices;
use crate::decide::change::order_again;
use crate::decide::fact::Verdict;
use crate::decide::license::{extend, follow_terms, issue};
use crate::decide::promise::{count_cycle, keep_promise, take_up_promise};
use crate::decide::start::park_if_duplicate;
use crate::decide::step::step_seen;
use crate::decision::Draft;
use crate::fact::{Observed, SubscriptionSnapshot};
use crate::ids::SubscriptionId;
use crate::journal::Event;
use crate::parked::ParkReason;
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
use crate::subscription::{
    ALARM_AFTER, Cancellation, Promise, Schedule, State, Status, Subscription, Times,
};
use crate::terms::{Seller, Terms};
use crate::time::{Period, Timestamp, shifted};

pub use outrank::outrank;
use price::follow_price;
use upcoming::keep_upcoming;
pub(crate) use upcoming::{Apart, apart};

/// Applies a snapshot of a provider's subscription: older ones change nothing,
/// newer ones everything.
pub(super) fn mirror_subscription(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
    snapshot: &SubscriptionSnapshot,
    catalog: &CatalogRevision,
) -> Verdict {
    let digest = snapshot.digest();
    let known = find(draft, account, &snapshot.reference).cloned();
    if let Some(Schedule::Provider {
        seen_at,
        seen_digest,
        ..
    }) = known.as_ref().map(|known| &known.schedule)
    {
        if observed.at < *seen_at || (observed.at == *seen_at && digest == *seen_digest) {
            let terms = terms_of(account, snapshot, catalog);
            date_back(draft, known.as_ref(), observed.at, terms);
            if observed.at == *seen_at {
                keep_upcoming(draft, account, observed.at, snapshot, catalog);
            }
            return Verdict::Decided;
        }
        let was = known.as_ref().map(Subscription::status);
        match First::of(was, snapshot.status) {
            _ if observed.at != *seen_at => {}
            First::Known => {}
            First::Told => {
                let terms = terms_of(account, snapshot, catalog);
                date_back(draft, known.as_ref(), observed.at, terms);
                return Verdict::Decided;
            }
            First::Unsaid => {
                return Verdict::Read(ProviderRef {
                    account: account.clone(),
                    kind: RefKind::Subscription,
                    id: snapshot.reference.clone(),
                });
            }
        }
    }
    let before = known
        .as_ref()
        .map(|known| (known.status(), known.times, known.cancellation));
    let now = draft.now();
    let gave_access = known.as_ref().is_some_and(|known| known.gives_access(now));
    let fresh = match known {
        Some(known) => known,
        None => match introduced(draft, account, observed, snapshot, catalog) {
            Some(fresh) => fresh,
            None => return Verdict::Decided,
        },
    };
    let terms_before = fresh.terms.clone();
    let paid_before = fresh.times.paid_through;
    let mut seen = mirrored(fresh, observed.at, draft.now(), snapshot);
    seen.schedule = Schedule::Provider {
        reference: snapshot.reference.clone(),
        seen_at: observed.at,
        seen_digest: digest,
    };
    seen.began_at = snapshot.first_charged_at.or(seen.began_at);
    follow_price(draft, account, &mut seen, snapshot, catalog, observed.at);
    let told_since = snapshot.period.map(|period| period.start);
    let charges = matches!(seen.state, State::Active | State::PastDue { .. });
    // The first period that was heard of may be a later one.
    if let Some(first) = snapshot.first_charged_at.or(told_since).filter(|_| charges) {
        seen.begin_discount(first);
    }
    let canceling = before.and_then(|(.., cancellation)| cancellation);
    park_if_renewed(draft, canceling, &seen, snapshot);
    // What shows it is good for longer, once it does not end.
    let goes_on = canceling.is_some() && seen.cancellation.is_none() && !seen.is_over();
    if canceling.is_some() && seen.cancellation.is_none() {
        // While it was to end, its provider had nothing that was to come.
        order_again(draft, &mut seen);
        seen.went_on_at = Some(draft.now());
    }
    if let Some(start) = paid_before.filter(|before| Some(*before) < seen.times.paid_through) {
        count_cycle(&mut seen, start, catalog);
    }
    if before.is_none() {
        let paid = seen.status() == Status::Active;
        let begins = snapshot.period.filter(|_| paid).map(|period| period.start);
        take_up_promise(&draft.account, &mut seen, begins, catalog);
    }
    let unpaid_before = before.is_none_or(|(was, ..)| was == Status::Incomplete);
    if unpaid_before && seen.gives_access(draft.now()) {
        park_if_duplicate(draft, &seen);
    }
    note_moves(draft, before, gave_access, &seen);
    let (id, welcome) = (seen.id, seen.status() != Status::Incomplete);
    let paid_more = seen.times.paid_through > paid_before && paid_before.is_some();
    draft.account.put_subscription(seen);
    tie_invoices(draft, account, &snapshot.reference);
    if welcome {
        issue(draft, id);
    }
    if paid_more || goes_on {
        extend(draft, id);
    }
    follow_terms(draft, id, &terms_before);
    step_seen(draft, id, observed.at);
    keep_promise(draft, id, catalog);
    keep_upcoming(draft, account, observed.at, snapshot, catalog);
    Verdict::Decided
}

/// Which of two words of one instant was said first, as far as they say it themselves: what
/// has begun, or has come to nothing, is never to be paid for the first time again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// The one that is told now.
    Told,
    /// The one that is known.
    Known,
    /// They do not say.
    Unsaid,
}

impl First {
    fn of(known: Option<Status>, told: Status) -> Self {
        let is_begun = |status: Status| status != Status::Incomplete;
        match known {
            Some(known) if is_begun(known) && !is_begun(told) => Self::Told,
            Some(known) if !is_begun(known) && is_begun(told) => Self::Known,
            _ => Self::Unsaid,
        }
    }
}

/// What no checkout of ours sold is as old as the earliest word of it, and has the trial of
/// the price that it had then. `terms`: those of that price, where it is known.
fn date_back(
    draft: &mut Draft,
    known: Option<&Subscription>,
    told_at: Timestamp,
    terms: Option<Terms>,
) {
    let unsold = known.filter(|known| known.checkout.is_none() && told_at < known.created_at);
    if let Some(known) = unsold {
        let mut older = known.clone();
        older.created_at = told_at;
        if let Some(terms) = terms {
            older.terms.trial = terms.trial;
        }
        draft.account.put_subscription(older);
    }
}

/// The subscription that this provider account calls `reference`.
pub(super) fn find<'a>(
    draft: &'a Draft,
    account: &ProviderAccount,
    reference: &str,
) -> Option<&'a Subscription> {
    draft
        .account
        .subscriptions
        .iter()
        .find(|held| held.reference() == Some(reference) && held.provider.as_ref() == Some(account))
}

/// A subscription met for the first time: bought through a checkout of ours, or
/// made at the provider under a price that the catalog knows.
fn introduced(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
    snapshot: &SubscriptionSnapshot,
    catalog: &CatalogRevision,
) -> Option<Subscription> {
    let checkout = observed
        .link
        .checkout
        .and_then(|id| draft.account.checkout(id))
        .cloned();
    let (id, terms) = match &checkout {
        Some(checkout) => {
            let terms = terms_bought(account, snapshot, checkout, catalog).or_else(|| {
                not_on_offer(draft, account, snapshot, checkout, observed.at);
                None
            })?;
            // Whatever names a checkout once more is another one.
            let taken = draft.account.subscription(checkout.subscription).is_some();
            let id = if taken {
                draft.id()
            } else {
                checkout.subscription
            };
            (id, terms)
        }
        None => (
            draft.id::<SubscriptionId>(),
            terms_of(account, snapshot, catalog).or_else(|| {
                unknown_price(draft, account, snapshot, observed.at);
                None
            })?,
        ),
    };
    let created_at = checkout
        .as_ref()
        .map_or(observed.at, |checkout| checkout.created_at);
    Some(Subscription {
        id,
        customer: draft.account.customer.id,
        checkout: checkout.map(|checkout| checkout.id),
        terms,
        provider: Some(account.clone()),
        schedule: Schedule::Provider {
            reference: snapshot.reference.clone(),
            seen_at: observed.at,
            seen_digest: 0,
        },
        state: State::Incomplete,
        times: Times::default(),
        cancellation: None,
        scheduled: None,
        paid: Vec::new(),
        promise: Promise::default(),
        replaced: None,
        reminded: None,
        held_before: Vec::new(),
        began_at: snapshot.first_charged_at,
        created_at,
        disputed: Vec::new(),
        went_on_at: None,
        imported: None,
        withheld: Vec::new(),
        short: None,
    })
}

/// The terms of what was bought through `checkout`: those that were ordered, or, where
/// who paid has put another price of ours there, those of that price as anybody could have
/// ordered it. `None`: nobody could, be it retired, or sold in other numbers, or a trial
/// that was not offered; or what was ordered had a discount.
fn terms_bought(
    account: &ProviderAccount,
    snapshot: &SubscriptionSnapshot,
    checkout: &Checkout,
    catalog: &CatalogRevision,
) -> Option<Terms> {
    let ordered = &checkout.terms;
    let same_price = ordered.price_ref.as_deref() == Some(snapshot.price_ref.as_str());
    if same_price && ordered.quantity == snapshot.quantity {
        return Some(ordered.clone());
    }
    if ordered.discount.is_some() {
        // A code is for what was ordered with it: nothing else is had at its price.
        return None;
    }
    let catalog_of = &catalog.catalog;
    if same_price {
        let plan = catalog_of.plan(ordered.plan.as_str());
        let sold = plan.is_none_or(|plan| ordered.allows(plan, snapshot.quantity));
        return sold.then(|| Terms {
            quantity: snapshot.quantity,
            ..ordered.clone()
        });
    }
    let provider = account.provider();
    let price = catalog_of
        .price_by_ref(provider.as_str(), &snapshot.price_ref)
        .or_else(|| catalog_of.price(&snapshot.price_ref))?;
    let plan = catalog_of.plan(price.plan.as_str())?;
    let seller = Seller {
        provider: provider.clone(),
        owns_schedule: true,
    };
    let asked_at = checkout.created_at;
    let terms = Terms::of(catalog, plan, price, snapshot.quantity, &seller, asked_at).ok()?;
    let unoffered = snapshot.status == Status::Trialing && ordered.trial.is_none();
    // The page gave the trial that was ordered, whatever was put on it.
    (!unoffered).then_some(Terms {
        trial: ordered.trial,
        ..terms
    })
}

/// For a person, who puts what was ordered in place at the provider, or ends it there and
/// gives the money back.
fn not_on_offer(
    draft: &mut Draft,
    account: &ProviderAccount,
    snapshot: &SubscriptionSnapshot,
    checkout: &Checkout,
    at: Timestamp,
) {
    let evidence = format!(
        "subscription {} at the provider is for {} of price {}, which checkout {} did not order \
         and nobody could have: nothing is given for it",
        snapshot.reference, snapshot.quantity, snapshot.price_ref, checkout.id
    );
    let object = ProviderRef {
        account: account.clone(),
        kind: RefKind::Subscription,
        id: snapshot.reference.clone(),
    };
    draft.park_unread(ParkReason::UnknownPrice, object, at, evidence);
}

fn terms_of(
    account: &ProviderAccount,
    snapshot: &SubscriptionSnapshot,
    catalog: &CatalogRevision,
) -> Option<Terms> {
    let provider = account.provider();
    let by_ref = catalog
        .catalog
        .price_by_ref(provider.as_str(), &snapshot.price_ref);
    let price = by_ref.or_else(|| catalog.catalog.price(&snapshot.price_ref))?;
    let plan = catalog.catalog.plan(price.plan.as_str())?;
    let seller = Seller {
        provider: provider.clone(),
        owns_schedule: true,
    };
    Some(Terms::taken(
        catalog,
        plan,
        price,
        snapshot.quantity,
        &seller,
    ))
}

/// For a person, who adds the price to the catalog and has the object read anew.
fn unknown_price(
    draft: &mut Draft,
    account: &ProviderAccount,
    snapshot: &SubscriptionSnapshot,
    at: Timestamp,
) {
    let evidence = format!(
        "subscription {} at the provider has price {}, which the catalog does not know",
        snapshot.reference, snapshot.price_ref
    );
    let object = ProviderRef {
        account: account.clone(),
        kind: RefKind::Subscription,
        id: snapshot.reference.clone(),
    };
    draft.park_unread(ParkReason::UnknownPrice, object, at, evidence);
}

/// The subscription as a snapshot of instant `at` tells it, heard at `now`:
/// whatever it tells, the provider is not silent.
pub(crate) fn mirrored(
    mut seen: Subscription,
    at: Timestamp,
    now: Timestamp,
    snapshot: &SubscriptionSnapshot,
) -> Subscription {
    let ended = snapshot.ended_at.unwrap_or(at);
    // A provider counts the new period as current before it is paid.
    let unpaid_since = snapshot.period.map(|period| period.start);
    let by_status = match snapshot.status {
        Status::Trialing => snapshot.trial_end,
        Status::PastDue | Status::Lapsed | Status::Incomplete => unpaid_since,
        Status::Active | Status::Paused | Status::Canceled | Status::Expired => {
            snapshot.period.map(|period| period.end)
        }
    };
    let paid_through = snapshot.paid_through.or(by_status);
    // Where its period is paid, something else is owed, since nobody says when.
    let owed_since = unpaid_since.filter(|_| snapshot.paid_through.is_none());
    // Some providers count periods on through a pause, and nobody pays for them.
    let still_paused = snapshot.status == Status::Paused && seen.status() == Status::Paused;
    let paid_before = seen.times.paid_through.filter(|_| still_paused);
    let paid_through = match (paid_through, paid_before) {
        (Some(told), Some(before)) => Some(told.min(before)),
        _ => paid_through,
    };
    // Since when it was so already: another reading of it is no other lapse.
    let lapsed_before = if let State::Lapsed { at } = seen.state {
        Some(at)
    } else {
        None
    };
    seen.state = match snapshot.status {
        Status::Incomplete => State::Incomplete,
        Status::Trialing => State::Trialing {
            ends_at: snapshot.trial_end.unwrap_or(at),
            noticed: false,
        },
        Status::Active => State::Active,
        Status::PastDue => State::PastDue {
            since: owed_since.unwrap_or(at),
            no_grace: false,
        },
        Status::Paused => State::Paused {
            since: at,
            access_until: match seen.terms.on_pause {
                OnPause::Now => None,
                OnPause::PeriodEnd => paid_through,
            },
            remaining: jiff::SignedDuration::ZERO,
        },
        Status::Lapsed => State::Lapsed {
            at: lapsed_before.unwrap_or(at),
        },
        Status::Canceled => State::Canceled { ends_at: ended },
        Status::Expired => State::Expired { at: ended },
    };
    let due_at = matches!(seen.state, State::PastDue { .. })
        .then_some(paid_through)
        .flatten();
    let alive = !seen.is_over();
    seen.times = Times {
        paid_through,
        due_at,
        next_attempt_at: paid_through
            .filter(|_| alive)
            .map(|end| shifted(end.max(at).max(now), ALARM_AFTER)),
        grace_ends_at: due_at.map(|due_at| shifted(due_at, seen.terms.grace)),
    };
    let taken_back = seen.cancellation.and_then(|asked| asked.taken_back);
    seen.cancellation = seen
        .cancellation
        .filter(|_| alive)
        .and_then(|asked| still_asked(asked, snapshot));
    if let Some(ends_at) = snapshot.cancel_at.filter(|_| alive) {
        seen.cancellation = Some(Cancellation {
            // A snapshot does not say when it was asked for; our journal does.
            requested_at: at,
            ends_at,
            unconfirmed: false,
            ask_again_at: None,
            asked_again: 0,
            // Somebody's wish to go on is on its way, and is answered by itself.
            taken_back,
        });
    }
    seen
}

/// What a provider was asked to end stays asked for until it has answered. Where it
/// has begun another period in the meantime, it ends with that. `None`: somebody has
/// taken it back there.
fn still_asked(asked: Cancellation, snapshot: &SubscriptionSnapshot) -> Option<Cancellation> {
    let renewed = renewed_over(asked, snapshot);
    asked.unconfirmed.then_some(Cancellation {
        ends_at: renewed.map_or(asked.ends_at, |period| period.end),
        ..asked
    })
}

/// The period that began where it was to end. `None`: none did.
fn renewed_over(asked: Cancellation, snapshot: &SubscriptionSnapshot) -> Option<Period> {
    snapshot
        .period
        .filter(|period| period.start >= asked.ends_at)
}

/// The provider renewed what it was asked to end before: for a person, who gives back
/// what was charged.
fn park_if_renewed(
    draft: &mut Draft,
    asked: Option<Cancellation>,
    seen: &Subscription,
    snapshot: &SubscriptionSnapshot,
) {
    let to_end = |asked: &Cancellation| asked.unconfirmed && asked.taken_back.is_none();
    let Some(asked) = asked.filter(|asked| to_end(asked) && !seen.is_over()) else {
        return;
    };
    let Some(period) = renewed_over(asked, snapshot) else {
        return;
    };
    let evidence = format!(
        "subscription {} was to end at {}, asked for at {}, and was renewed at {} before its \
         provider knew: what was charged since is to be given back",
        seen.id, asked.ends_at, asked.requested_at, period.start
    );
    draft.park(ParkReason::Conflict, evidence);
}

fn note_moves(
    draft: &mut Draft,
    before: Option<(Status, Times, Option<Cancellation>)>,
    gave_access: bool,
    seen: &Subscription,
) {
    let mut moves = Vec::new();
    let came_back = !gave_access && seen.gives_access(draft.now());
    if before.is_none() {
        moves.push(Event::SubscriptionCreated);
    }
    let (was, times, canceling) = before.unwrap_or((Status::Incomplete, Times::default(), None));
    let is = seen.status();
    let paid_more = seen.times.paid_through > times.paid_through;
    match is {
        Status::Active if was == Status::Paused => moves.push(Event::SubscriptionResumed),
        Status::Active if came_back && (was == Status::PastDue || was == is && paid_more) => {
            moves.extend([Event::SubscriptionActivated, Event::SubscriptionRenewed]);
        }
        Status::Active if was == Status::Active && paid_more => {
            moves.push(Event::SubscriptionRenewed);
        }
        // The trial was the welcome; what follows it is a cycle like any other.
        Status::Active if matches!(was, Status::PastDue | Status::Trialing) => {
            moves.push(Event::SubscriptionRenewed);
        }
        Status::Active | Status::Trialing if was != is => moves.push(Event::SubscriptionActivated),
        Status::PastDue if was != is => moves.push(Event::SubscriptionPastDue),
        Status::Paused if was != is => moves.push(Event::SubscriptionPaused),
        Status::Lapsed if was != is => moves.push(Event::SubscriptionLapsed),
        Status::Canceled if was != is => moves.push(Event::SubscriptionCanceled),
        Status::Expired if was != is => moves.push(Event::SubscriptionExpired),
        Status::Incomplete
        | Status::Trialing
        | Status::Active
        | Status::PastDue
        | Status::Paused
        | Status::Lapsed
        | Status::Canceled
        | Status::Expired => {}
    }
    match (canceling, seen.cancellation) {
        (None, Some(_)) => moves.push(Event::SubscriptionCancelScheduled),
        (Some(_), None) if !seen.is_over() => moves.push(Event::SubscriptionCancelUnscheduled),
        _ => {}
    }
    for event in moves {
        draft.note(event, |entry| entry.subscription = Some(seen.id));
    }
}
