//! A provider's events: each is received under the id that its webhook has, so
//! that one which came is known.

use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Book, Bookmark};
use jiff::SignedDuration;

use super::{Pace, Reread, RereadError};
use crate::billing::Parts;

/// How far back the first go looks: as long as providers try to deliver a webhook.
const FIRST_LOOK: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How much of what was read is read again: an event may be listed a while after
/// its instant.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

impl Parts {
    /// `true`: they were read to the end.
    pub(super) async fn reread_events(
        &self,
        account: &ProviderAccount,
        how: &Pace,
        done: &mut Reread,
    ) -> Result<bool, RereadError> {
        let provider = self.provider(account)?;
        let mut mark = self.go(account, Book::Events, since).await?;
        for _ in 0..how.pages {
            let listing = provider.list_events(mark.since, mark.next.clone());
            let page = self.in_time(listing).await?;
            for delivery in page.rows {
                done.events = done.events.saturating_add(1);
                if self.receive_new(delivery).await? {
                    done.lost = done.lost.saturating_add(1);
                }
            }
            mark.next = page.next;
            self.store
                .put_bookmark(account, Book::Events, &mark)
                .await?;
            if mark.next.is_none() {
                return Ok(true);
            }
            if how.is_over() {
                break;
            }
        }
        Ok(false)
    }
}

fn since(last: Option<&Bookmark>, now: Timestamp) -> Timestamp {
    match last {
        Some(last) => shifted(last.begun_at, -OVERLAP),
        None => shifted(now, -FIRST_LOOK),
    }
}
