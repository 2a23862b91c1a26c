//! What was read against what was told, of one instant. Applies neither.

use jiff::SignedDuration;

use crate::decision::Draft;
use crate::fact::{Fact, Observed};
use crate::provider::ProviderAccount;
use crate::subscription::Schedule;
use crate::time::shifted;

/// The smallest step of our calendar: what puts a told snapshot before the one
/// that was read at its instant.
const JUST_BEFORE: SignedDuration = SignedDuration::from_micros(-1);

/// A snapshot that was read is believed over one that was told at the same
/// instant: the known one is put just before it.
pub fn outrank(draft: &mut Draft, account: &ProviderAccount, read: &Observed) {
    let Fact::SubscriptionSeen(snapshot) = &read.fact else {
        return;
    };
    let held = draft.account.subscriptions.iter_mut().find(|held| {
        held.reference() == Some(snapshot.reference.as_str())
            && held.provider.as_ref() == Some(account)
    });
    if let Some(Schedule::Provider { seen_at, .. }) = held.map(|held| &mut held.schedule)
        && *seen_at == read.at
    {
        *seen_at = shifted(read.at, JUST_BEFORE);
    }
}
