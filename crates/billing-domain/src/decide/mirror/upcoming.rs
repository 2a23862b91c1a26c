//! What is to come with the next period, at the provider and here: whether the provider
//! holds what a customer was promised. Knows nothing of what holds until then.

use jiff::SignedDuration;

use crate::catalog::CatalogRevision;
use crate::change::Change;
use crate::customer::Account;
use crate::decide::change::order_again;
use crate::decide::promise::keep_promise;
use crate::decision::Draft;
use crate::fact::{SubscriptionSnapshot, Upcoming};
use crate::ids::ChangeId;
use crate::provider::ProviderAccount;
use crate::subscription::{Subscription, TOLD_BEFORE, Why};
use crate::terms::Terms;
use crate::time::{Timestamp, shifted, shifted_back};

use super::find;

/// How long after a change was accepted its provider may not have been told of it: the
/// order is carried out at once, and a first failure of it is tried again within minutes.
/// What is missing then is found by the next look, a day later at the latest.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(15);

/// In what a provider and these books differ about what is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// What the customer was promised is not there any more: it would be renewed as it is.
    Lost,
    /// The same, and it is too late to order it again before it was to come.
    TooLate,
    /// Something is to come there, and nothing here.
    Unknown,
    /// Something else is to come there than here.
    Other,
    /// What is to come there stands for as long as a newer order of ours, which takes its
    /// place or takes it back, is on its way.
    Overtaken,
}

/// In what `snapshot`, read at `told_at`, differs from `held` about what is to come.
/// `None`: in nothing, or it is too early or too late to say.
pub(crate) fn apart(
    account: &Account,
    held: &Subscription,
    told_at: Timestamp,
    snapshot: &SubscriptionSnapshot,
) -> Option<Apart> {
    // What ends has nothing to come, and what may change at once is being asked for.
    let ends = held.cancellation.is_some() || snapshot.cancel_at.is_some();
    if held.is_over() || ends || account.awaiting_change(held.id).is_some() {
        return None;
    }
    let ours = held.scheduled.as_ref();
    if ours.is_some_and(|to_come| to_come.at <= told_at) {
        // It has begun: what is told of the price itself counts.
        return None;
    }
    match (&snapshot.upcoming, ours) {
        (Upcoming::NotTold, _) | (Upcoming::Nothing, None) => None,
        (Upcoming::Nothing, Some(to_come)) => {
            let has_come = tells(&to_come.terms, &snapshot.price_ref, snapshot.quantity);
            let known = to_come.terms.price_ref.is_some() && was_told(account, held, told_at);
            let lost = if told_at > shifted_back(to_come.at, TOLD_BEFORE) {
                Apart::TooLate
            } else {
                Apart::Lost
            };
            (known && !has_come).then_some(lost)
        }
        (
            Upcoming::Price {
                price_ref,
                quantity,
                change,
            },
            ours,
        ) => {
            let terms = ours.map_or(&held.terms, |to_come| &*to_come.terms);
            if tells(terms, price_ref, *quantity) {
                return None;
            }
            let wanted = ours.and_then(|to_come| change_of(to_come.why));
            let replaced = change.is_some() && *change != wanted;
            if replaced || is_on_its_way(account, held, told_at) {
                return Some(Apart::Overtaken);
            }
            Some(if ours.is_some() {
                Apart::Other
            } else {
                Apart::Unknown
            })
        }
    }
}

fn tells(terms: &Terms, price_ref: &str, quantity: u32) -> bool {
    terms.price_ref.as_deref() == Some(price_ref) && terms.quantity == quantity
}

const fn change_of(why: Why) -> Option<ChangeId> {
    match why {
        Why::Change { change } => Some(change),
        Why::PromiseEnds | Why::Migration { .. } => None,
    }
}

/// Whether the provider knew by `told_at` what is to come.
fn was_told(account: &Account, held: &Subscription, told_at: Timestamp) -> bool {
    let Some(to_come) = &held.scheduled else {
        return false;
    };
    // A provider knows of no period but the next.
    let told = change_of(to_come.why).is_some() || held.promise.told == Some(to_come.at);
    told && !is_on_its_way(account, held, told_at)
}

/// Whether the provider may not have known yet at `told_at` what was ordered last about
/// its next period.
fn is_on_its_way(account: &Account, held: &Subscription, told_at: Timestamp) -> bool {
    let asked = held.promise.asked.is_some_and(|it| it.is_news_at(told_at));
    let change = held.scheduled.as_ref().and_then(|it| change_of(it.why));
    let fresh = |change: &Change| shifted(change.accepted_at, ON_ITS_WAY) > told_at;
    let accepted = change.and_then(|change| account.change(change));
    asked || accepted.is_some_and(fresh)
}

/// What the customer was promised and the provider has let go, by somebody's hand, is
/// ordered again: the order before has been carried out, and nobody took it back here.
pub(super) fn keep_upcoming(
    draft: &mut Draft,
    account: &ProviderAccount,
    told_at: Timestamp,
    snapshot: &SubscriptionSnapshot,
    catalog: &CatalogRevision,
) {
    let Some(mut held) = find(draft, account, &snapshot.reference).cloned() else {
        return;
    };
    if apart(&draft.account, &held, told_at, snapshot) != Some(Apart::Lost) {
        return;
    }
    let id = held.id;
    // It was ordered in this very decision: what was read cannot know of it.
    let ordered = ["reprice", "unprice", "again"];
    if ordered.iter().any(|verb| draft.has_asked(verb, id)) {
        return;
    }
    order_again(draft, &mut held);
    draft.account.put_subscription(held);
    keep_promise(draft, id, catalog);
}
