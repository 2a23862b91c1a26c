//! Lists, a page at a time.

use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;
use billing_ports::{Delivery, Listed, PerformError};
use bytes::Bytes;

use crate::client::Reply;
use crate::decoder::{HANDLED_EVENTS, deliver};
use crate::facts::Unreadable;
use crate::failure::Failure;
use crate::forms::read as reads;
use crate::provider::Stripe;
use crate::wire::{List, Subscription};

/// Rows of one page that are looked around for, a call or two each: all together have to
/// end within the time of one call. What is left is hinted at, and read by itself.
const LOOKED_AROUND: usize = 25;

impl Stripe {
    /// A page of subscriptions, ended ones included. One that cannot be told must not
    /// hide the others: it is hinted at, so that whoever reads it hears what is wrong.
    pub(super) async fn subscriptions_page(
        &self,
        customer: Option<&str>,
        after: Option<String>,
    ) -> Result<Listed<Observed>, Failure> {
        let call = reads::subscriptions(customer, after.as_deref());
        let mut page: Reply<List<Subscription>> = self.client.send(call).await?;
        let last = page.body.data.last().map(|last| last.id.clone());
        let mut rows = Vec::new();
        let mut looked = 0_usize;
        for subscription in &mut page.body.data {
            if subscription.lacks_its_invoice() || subscription.schedule.is_some() {
                looked = looked.saturating_add(1);
            }
            if looked > LOOKED_AROUND {
                rows.push(self.hint_at(&subscription.id, page.at));
                continue;
            }
            if let Err(failure) = self.look_around(subscription).await {
                let failure = failure.of_reading();
                tracing::warn!(id = subscription.id, %failure, "listed in part");
                rows.push(self.hint_at(&subscription.id, page.at));
                continue;
            }
            match self.teller.subscription_alone(subscription, page.at) {
                Ok(facts) => rows.extend(facts),
                Err(Unreadable(why)) => {
                    tracing::error!(id = subscription.id, why, "listed in vain");
                    rows.push(self.hint_at(&subscription.id, page.at));
                }
            }
        }
        Ok(Listed {
            rows,
            next: last.filter(|_| page.body.has_more == Some(true)),
        })
    }

    /// What a row of a list does not say itself: its period's invoice, and what is to come.
    async fn look_around(&self, subscription: &mut Subscription) -> Result<(), Failure> {
        self.look_for_invoice(subscription).await?;
        self.look_ahead(subscription).await
    }

    fn hint_at(&self, id: &str, at: Timestamp) -> Observed {
        let object = self.teller.reference(RefKind::Subscription, id);
        Observed {
            at,
            link: Link {
                refs: vec![object.clone()],
                ..Link::default()
            },
            fact: Fact::Hinted { object },
        }
    }

    /// A page of the account's subscriptions.
    pub(crate) async fn all_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        let page = self.subscriptions_page(None, after).await;
        page.map_err(Failure::of_reading)
    }

    /// A page of events. Stripe lists the newest first, and takes a bounded number
    /// of types at once: the types are gone through one bundle after the other, and
    /// the way on names the bundle.
    pub(crate) async fn events_page(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        let after = after.unwrap_or_default();
        let (number, last) = after.split_once(':').unwrap_or(("0", ""));
        let number: usize = number
            .parse()
            .map_err(|_shape| misled("a page of events that was never given"))?;
        let mut bundles = HANDLED_EVENTS.chunks(reads::TYPES_MAX).skip(number);
        let Some(types) = bundles.next() else {
            return Err(misled("a page of events that was never given"));
        };
        let last = Some(last).filter(|last| !last.is_empty());
        let call = reads::events(since, types, last);
        let page: Reply<List<serde_json::Value>> =
            self.client.send(call).await.map_err(Failure::of_reading)?;
        let id = |event: &serde_json::Value| Some(event.get("id")?.as_str()?.to_owned());
        let end = page.body.data.last().and_then(id);
        let more = page.body.has_more == Some(true);
        let mut rows = Vec::with_capacity(page.body.data.len());
        for event in page.body.data.iter().rev() {
            let body = serde_json::to_vec(event).map_err(|_shape| misled("an event"))?;
            rows.push(deliver(&self.teller, Bytes::from(body)));
        }
        let next = match end.filter(|_| more) {
            Some(end) => Some(format!("{number}:{end}")),
            None => bundles
                .next()
                .map(|_| format!("{}:", number.saturating_add(1))),
        };
        Ok(Listed { rows, next })
    }
}

fn misled(what: &str) -> PerformError {
    PerformError::Misconfigured(format!("{what} was asked for"))
}
