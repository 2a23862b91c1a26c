//! What Stripe knows of customers of its own.

use billing_domain::time::Timestamp;
use billing_ports::provider::{Buyer, ListedBuyer};
use billing_ports::{Listed, PerformError};

use super::customer::MISSING;
use crate::client::Reply;
use crate::facts::instant;
use crate::failure::Failure;
use crate::forms::read;
use crate::provider::Stripe;
use crate::wire::{List, Payer};

impl Stripe {
    /// A customer. `None`: there is none, or it was deleted.
    pub(crate) async fn read_buyer(&self, id: &str) -> Result<Option<Buyer>, PerformError> {
        let read: Result<Reply<Payer>, Failure> = self.client.send(read::customer(id)).await;
        let payer = match read {
            Ok(reply) if reply.body.deleted == Some(true) => return Ok(None),
            Ok(reply) => reply.body,
            Err(Failure::Missing(_)) => return Ok(None),
            Err(failure) => return Err(failure.of_reading()),
        };
        Ok(Some(payer.into_buyer()))
    }

    /// A page of the account's customers, those that another deployment made left out. Whoever
    /// a page is to begin after may have been deleted since: then it is begun anew.
    pub(crate) async fn buyers_page(
        &self,
        after: Option<String>,
    ) -> Result<Listed<ListedBuyer>, PerformError> {
        let page: Result<Reply<List<Payer>>, Failure> =
            self.client.send(read::customers(after.as_deref())).await;
        let page = match page {
            Err(Failure::Refused(refusal) | Failure::Missing(refusal))
                if after.is_some() && refusal.code == MISSING =>
            {
                self.client.send(read::customers(None)).await
            }
            page => page,
        };
        let List { data, has_more } = page.map_err(Failure::of_reading)?.body;
        let last = data.last().map(|last| last.id.clone());
        let live = data.into_iter().filter(|payer| payer.deleted != Some(true));
        let rows = live.filter_map(|payer| {
            let link = self.teller.link(payer.metadata.as_ref(), &[], Vec::new())?;
            Some(ListedBuyer {
                reference: payer.id.clone(),
                customer: link.customer,
                buyer: payer.into_buyer(),
            })
        });
        Ok(Listed {
            rows: rows.collect(),
            next: last.filter(|_| has_more == Some(true)),
        })
    }
}

impl Payer {
    fn into_buyer(self) -> Buyer {
        let since: Option<Timestamp> = self.created.and_then(instant);
        Buyer {
            email: self.email.filter(|email| !email.is_empty()),
            lang: self.preferred_locales.into_iter().flatten().next(),
            since,
            metadata: self.metadata.unwrap_or_default(),
        }
    }
}
