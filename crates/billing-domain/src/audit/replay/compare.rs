//! What was rebuilt, held against what is stored: by the provider's names, since our
//! ids of what was told are drawn anew. Applies nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mismatch, MismatchCode, Rebuilding, Replay, Told, Unjudged, hinted, subscription_ref};
use crate::catalog::PriceKey;
use crate::checkout::{Checkout, CheckoutState};
use crate::customer::Account;
use crate::fact::{DisputeState, Fact, RefundState, SubscriptionSnapshot};
use crate::invoice::{Invoice, InvoiceState, ReturnKind, Returned};
use crate::provider::ProviderRef;
use crate::subscription::{Schedule, State, Subscription};
use crate::terms::Terms;
use crate::time::Timestamp;

/// What is said of one object on both sides.
struct Pair<'a, T> {
    object: ProviderRef,
    stored: &'a T,
    told: &'a T,
}

impl Rebuilding<'_> {
    pub(super) fn compare(self, told: &[Told]) -> Replay {
        let mut found = Replay::default();
        let rebuilt = &self.draft.account;
        self.subscriptions(rebuilt, told, &mut found);
        self.invoices(rebuilt, told, &mut found);
        self.checkouts(rebuilt, &mut found);
        found
    }

    fn subscriptions(&self, rebuilt: &Account, told: &[Told], found: &mut Replay) {
        let stored = self.stored;
        let newest = newest(told);
        let run = |held: &Subscription| held.provider_ref().filter(|_| stored.is_run(held));
        let theirs = named(&rebuilt.subscriptions, run);
        let ours = named(&stored.account.subscriptions, run);
        let doubtful = doubtful(told);
        for (object, held) in &ours {
            if doubtful.contains(object) {
                found.unjudged.push(Unjudged {
                    object: object.clone(),
                    why: "two readings of one instant tell it differently, and which came later \
                          is not known"
                        .to_owned(),
                });
                continue;
            }
            let snapshot = newest.get(object).map(|(_, snapshot)| *snapshot);
            match (theirs.get(object), snapshot) {
                (Some(told), snapshot) => {
                    let pair = Pair {
                        object: object.clone(),
                        stored: *held,
                        told: *told,
                    };
                    subscription(&pair, snapshot, found);
                }
                (None, Some(snapshot)) => found.unjudged.push(unknown_price(object, snapshot)),
                (None, None) => untold(
                    object,
                    &held.id.to_string(),
                    held.status().as_str(),
                    told,
                    found,
                ),
            }
        }
        for (object, told) in theirs {
            if !ours.contains_key(&object) {
                not_stored(object, told.status().as_str(), found);
            }
        }
    }

    fn invoices(&self, rebuilt: &Account, told: &[Told], found: &mut Replay) {
        let stored = self.stored;
        let mirrored = |held: &Invoice| held.provider_ref().filter(|_| stored.is_mirrored(held));
        let theirs = named(&rebuilt.invoices, mirrored);
        let ours = named(stored.invoices, mirrored);
        for (object, held) in &ours {
            let Some(rebuilt_one) = theirs.get(object) else {
                let id = held.id.to_string();
                untold(object, &id, standing(held.state), told, found);
                continue;
            };
            let pair = Pair {
                object: object.clone(),
                stored: *held,
                told: *rebuilt_one,
            };
            invoice(&pair, (stored.account, rebuilt), found);
        }
        for (object, told) in theirs {
            if !ours.contains_key(&object) {
                not_stored(object, standing(told.state), found);
            }
        }
    }

    /// Whether each is complete: all else of a checkout is ours.
    fn checkouts(&self, rebuilt: &Account, found: &mut Replay) {
        let held = self.stored.account.checkouts.iter();
        for held in held.filter(|held| self.stored.is_sold(held)) {
            let told = rebuilt.checkout(held.id).is_some_and(is_complete);
            let Some(object) = held.provider_ref().filter(|_| told != is_complete(held)) else {
                continue;
            };
            let word = |complete: bool| if complete { "complete" } else { "not complete" };
            found.mismatches.push(Mismatch {
                code: MismatchCode::Status,
                object,
                row: Some(held.id.to_string()),
                stored: word(is_complete(held)).to_owned(),
                told: word(told).to_owned(),
            });
        }
    }
}

/// What is compared, by the provider's name for it.
fn named<T>(held: &[T], name: impl Fn(&T) -> Option<ProviderRef>) -> BTreeMap<ProviderRef, &T> {
    let named = held.iter().filter_map(|held| Some((name(held)?, held)));
    named.collect()
}

/// The subscriptions of which two readings arrived in one instant, tell of one instant,
/// and differ.
fn doubtful(told: &[Told]) -> BTreeSet<ProviderRef> {
    let mut read: BTreeMap<(ProviderRef, Timestamp, Timestamp), &SubscriptionSnapshot> =
        BTreeMap::new();
    let mut doubtful = BTreeSet::new();
    for row in told.iter().filter(|row| row.read) {
        for observed in &row.facts {
            let Fact::SubscriptionSeen(snapshot) = &observed.fact else {
                continue;
            };
            let object = subscription_ref(&row.account, &snapshot.reference);
            let key = (object.clone(), row.received_at, observed.at);
            if read
                .insert(key, snapshot)
                .is_some_and(|other| other != snapshot)
            {
                doubtful.insert(object);
            }
        }
    }
    doubtful
}

/// The newest snapshot of each subscription; of two of one instant, the later row's.
fn newest(told: &[Told]) -> BTreeMap<ProviderRef, (Timestamp, &SubscriptionSnapshot)> {
    let mut newest: BTreeMap<ProviderRef, (Timestamp, &SubscriptionSnapshot)> = BTreeMap::new();
    for row in told {
        for observed in &row.facts {
            let Fact::SubscriptionSeen(snapshot) = &observed.fact else {
                continue;
            };
            let object = subscription_ref(&row.account, &snapshot.reference);
            if newest.get(&object).is_none_or(|(at, _)| *at <= observed.at) {
                newest.insert(object, (observed.at, snapshot));
            }
        }
    }
    newest
}

fn subscription(
    pair: &Pair<'_, Subscription>,
    newest: Option<&SubscriptionSnapshot>,
    found: &mut Replay,
) {
    let row = pair.stored.id.to_string();
    pair.differ(
        MismatchCode::Heard,
        &row,
        |held| or_never(seen_at(held)),
        found,
    );
    pair.differ(
        MismatchCode::Status,
        &row,
        |held| match held.state {
            State::Canceled { ends_at: at } | State::Expired { at } => {
                format!("{} since {at}", held.status().as_str())
            }
            State::Trialing { ends_at, .. } => {
                format!("{} until {ends_at}", held.status().as_str())
            }
            State::Incomplete
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. } => held.status().as_str().to_owned(),
        },
        found,
    );
    pair.differ(
        MismatchCode::PaidThrough,
        &row,
        |held| or_never(held.times.paid_through),
        found,
    );
    if !is_ordered(pair) {
        pair.differ(
            MismatchCode::Cancellation,
            &row,
            |held| or_never(held.cancellation.map(|to_come| to_come.ends_at)),
            found,
        );
    }
    pair.differ(MismatchCode::Withheld, &row, withheld, found);
    terms(pair, newest, found);
}

fn withheld(held: &Subscription) -> String {
    let all = held.withheld.iter();
    all_of(all.map(|withheld| match withheld.period {
        Some(period) => format!("{} to {}", period.start, period.end),
        None => "all of it".to_owned(),
    }))
}

fn terms(pair: &Pair<'_, Subscription>, newest: Option<&SubscriptionSnapshot>, found: &mut Replay) {
    let (stored, told) = (pair.stored, &pair.told.terms);
    let same = |terms: &Terms| priced(terms) == priced(told) && terms.quantity == told.quantity;
    let to_come = stored.scheduled.as_ref();
    let replaced = stored.replaced.as_ref().map(|before| &before.price_ref);
    // Ours begin at their instant, whenever the provider tells of them.
    let expected = to_come.is_some_and(|to_come| same(&to_come.terms))
        || (replaced.is_some() && replaced == told.price_ref.as_ref());
    if same(&stored.terms) || expected {
        return;
    }
    let key = told.price.as_ref().map(PriceKey::as_str);
    let names = [told.price_ref.as_deref(), key];
    let foreign = newest.filter(|newest| !names.contains(&Some(newest.price_ref.as_str())));
    if let Some(snapshot) = foreign {
        found.unjudged.push(unknown_price(&pair.object, snapshot));
        return;
    }
    let row = stored.id.to_string();
    pair.differ(MismatchCode::Price, &row, |held| priced(&held.terms), found);
    pair.differ(
        MismatchCode::Quantity,
        &row,
        |held| held.terms.quantity.to_string(),
        found,
    );
}

fn invoice(pair: &Pair<'_, Invoice>, (stored, rebuilt): (&Account, &Account), found: &mut Replay) {
    let row = pair.stored.id.to_string();
    let standing = |held: &Invoice| standing(held.state).to_owned();
    pair.differ(MismatchCode::Status, &row, standing, found);
    pair.differ(
        MismatchCode::Amount,
        &row,
        |held| held.amount.to_string(),
        found,
    );
    let purpose = |account: &Account, held: &Invoice| {
        let subscription = held.subscription.and_then(|id| account.subscription(id));
        let subscription = subscription.and_then(Subscription::reference);
        let period = held.period.map(|period| (period.start, period.end));
        match (subscription, period) {
            (None, None) => "nothing that is known".to_owned(),
            (Some(reference), None) => reference.to_owned(),
            (None, Some((start, end))) => format!("{start} to {end}"),
            (Some(reference), Some((start, end))) => format!("{reference}, {start} to {end}"),
        }
    };
    let (ours, theirs) = (purpose(stored, pair.stored), purpose(rebuilt, pair.told));
    if ours != theirs {
        found
            .mismatches
            .push(pair.mismatch(MismatchCode::Purpose, &row, ours, theirs));
    }
    pair.differ(MismatchCode::Payments, &row, payments, found);
    pair.differ(MismatchCode::Returns, &row, returns, found);
}

impl<T> Pair<'_, T> {
    /// Notes where both sides do not say the same.
    fn differ(
        &self,
        code: MismatchCode,
        row: &str,
        say: impl Fn(&T) -> String,
        found: &mut Replay,
    ) {
        let (stored, told) = (say(self.stored), say(self.told));
        if stored != told {
            found
                .mismatches
                .push(self.mismatch(code, row, stored, told));
        }
    }

    fn mismatch(&self, code: MismatchCode, row: &str, stored: String, told: String) -> Mismatch {
        Mismatch {
            code,
            object: self.object.clone(),
            row: Some(row.to_owned()),
            stored,
            told,
        }
    }
}

fn not_stored(object: ProviderRef, told: &str, found: &mut Replay) {
    found.mismatches.push(Mismatch {
        code: MismatchCode::NotStored,
        object,
        row: None,
        stored: "nothing".to_owned(),
        told: told.to_owned(),
    });
}

fn untold(object: &ProviderRef, row: &str, stored: &str, told: &[Told], found: &mut Replay) {
    if hinted(told).contains(object) {
        found.unjudged.push(Unjudged {
            object: object.clone(),
            why: "the inbox tells only that something happened to it".to_owned(),
        });
        return;
    }
    found.mismatches.push(Mismatch {
        code: MismatchCode::NotTold,
        object: object.clone(),
        row: Some(row.to_owned()),
        stored: stored.to_owned(),
        told: "nothing".to_owned(),
    });
}

fn unknown_price(object: &ProviderRef, snapshot: &SubscriptionSnapshot) -> Unjudged {
    Unjudged {
        object: object.clone(),
        why: format!(
            "it was told at price {}, which the catalog in force does not know",
            snapshot.price_ref
        ),
    }
}

/// Whether its cancellation is one that was ordered here, by somebody or because all
/// was paid back: what is told next confirms it, or takes it back. A cancellation that
/// was told is dated by the word that told it; one that nobody told was ordered.
fn is_ordered(pair: &Pair<'_, Subscription>) -> bool {
    let asked = |held: &Subscription| held.cancellation.map(|to_come| to_come.requested_at);
    let since = |held: &Subscription| asked(held) > seen_at(held);
    let untold = asked(pair.told).is_none() && asked(pair.stored).is_some();
    since(pair.stored) || since(pair.told) || untold
}

fn seen_at(held: &Subscription) -> Option<Timestamp> {
    match held.schedule {
        Schedule::Provider { seen_at, .. } => Some(seen_at),
        Schedule::Engine { .. } | Schedule::Perpetual => None,
    }
}

fn priced(terms: &Terms) -> String {
    let price = terms
        .price
        .as_ref()
        .map_or("no price", |price| price.as_str());
    format!("{} at {price}", terms.plan)
}

const fn standing(state: InvoiceState) -> &'static str {
    match state {
        InvoiceState::Open => "open",
        InvoiceState::Settled { .. } => "settled",
        InvoiceState::Void { .. } => "void",
    }
}

fn payments(held: &Invoice) -> String {
    let all = held.payments.iter();
    all_of(all.map(|paid| format!("{} of {}", paid.reference, paid.amount)))
}

fn returns(held: &Invoice) -> String {
    let told = |back: &Returned| {
        let (id, amount, kind) = (&back.id, back.amount, back.kind.name());
        let stands = match back.kind {
            ReturnKind::Refund(RefundState::Pending) => "pending",
            ReturnKind::Refund(RefundState::Done) => "done",
            ReturnKind::Refund(RefundState::Failed) => "failed",
            ReturnKind::Dispute(DisputeState::Open) => "open",
            ReturnKind::Dispute(DisputeState::Won) => "won",
            ReturnKind::Dispute(DisputeState::Lost) => "lost",
        };
        format!("{kind} {id} of {amount}, {stands}")
    };
    all_of(held.returned.iter().map(told))
}

fn all_of(said: impl Iterator<Item = String>) -> String {
    let mut said: Vec<String> = said.collect();
    said.sort();
    if said.is_empty() {
        return "none".to_owned();
    }
    said.join(", ")
}

const fn is_complete(checkout: &Checkout) -> bool {
    matches!(checkout.state, CheckoutState::Completed { .. })
}

fn or_never(instant: Option<Timestamp>) -> String {
    instant.map_or_else(|| "never".to_owned(), |instant| instant.to_string())
}
