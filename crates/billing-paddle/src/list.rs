//! Listing what the account has: subscriptions and events, a page at a time.

use billing_domain::fact::Observed;
use billing_domain::time::Timestamp;
use billing_ports::Delivery;
use billing_ports::provider::Listed;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::api_error::CallError;
use crate::client::Page;
use crate::map::Teller;
use crate::map::proof::Proof;
use crate::map::subscription::Untold;
use crate::provider::Paddle;
use crate::wire::Subscription;

/// Most events that Paddle lists on a page.
const PAGE: &str = "200";

/// Subscriptions on a page. Where they have to be read, two calls each, a page is as
/// much as Paddle's 240 calls a minute leave room for, and a go that is broken off
/// begins its page again.
const SUBSCRIPTIONS_PAGE: &str = "50";

/// All statuses: without them Paddle leaves ended ones in too, and says so nowhere.
const STATUSES: &str = "active,canceled,past_due,paused,trialing";

/// As much of a listed event as says where it stands.
#[derive(Deserialize)]
struct Dated {
    occurred_at: Timestamp,
}

impl Paddle {
    /// A page of subscriptions. What proves itself is told, and the rest is to be
    /// read, as it is of a webhook: one call for each would use up what Paddle
    /// allows in a minute.
    pub(crate) async fn subscriptions_after(
        &self,
        after: Option<&str>,
    ) -> Result<Listed<Observed>, CallError> {
        let mut query = vec![
            ("status", STATUSES),
            ("order_by", "id[ASC]"),
            ("per_page", SUBSCRIPTIONS_PAGE),
        ];
        query.extend(after.map(|after| ("after", after)));
        let page: Page<Subscription> = self.client.page(&["subscriptions"], &query).await?;
        let rows = page.rows.iter().filter_map(|row| self.listed(row));
        Ok(Listed {
            rows: rows.collect(),
            next: page.after,
        })
    }

    fn listed(&self, row: &Subscription) -> Option<Observed> {
        match self.teller.subscription(row, &Proof::default()) {
            Ok(snapshot) if Teller::is_plain(row) => Some(snapshot),
            Err(Untold::Foreign) => None,
            // Whoever reads it hears what is wrong with it.
            Ok(_) | Err(Untold::UnknownStatus | Untold::Empty) => {
                Some(self.teller.subscription_hint(row))
            }
        }
    }

    /// A page of events since an instant, oldest first within it; the pages come
    /// newest first, since Paddle cannot be asked for a beginning.
    pub(crate) async fn events_after(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Listed<Delivery>, CallError> {
        let mut query = vec![("order_by", "id[DESC]"), ("per_page", PAGE)];
        query.extend(after.map(|after| ("after", after)));
        let page: Page<Value> = self.client.page(&["events"], &query).await?;
        let mut rows = Vec::new();
        let mut reached = false;
        for row in page.rows {
            let Ok(dated) = Dated::deserialize(&row) else {
                continue;
            };
            if dated.occurred_at < since {
                reached = true;
                break;
            }
            let Ok(body) = serde_json::to_vec(&row) else {
                continue;
            };
            rows.push(self.teller.delivery(Bytes::from(body)));
        }
        rows.reverse();
        Ok(Listed {
            rows,
            next: page.after.filter(|_| !reached),
        })
    }
}
