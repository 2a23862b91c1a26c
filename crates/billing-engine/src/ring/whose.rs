//! Whose a delivery is: by hand first, then by our own ids as they came back, then by
//! the provider's objects. Never by e-mail. Decides nothing.

use billing_domain::fact::Observed;
use billing_domain::ids::CustomerId;
use billing_ports::store::{InboxItem, Locator, StoreError};
use futures_util::stream::{self, StreamExt};

use crate::billing::Parts;
use crate::ring::inbox::facts;

/// Whose a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This customer's.
    Customer(CustomerId),
    /// Nobody's that is known.
    Nobody,
    /// Its own words disagree about it.
    Disputed,
}

/// What ties a fact to a customer.
#[derive(Debug, PartialEq, Eq)]
struct Tie {
    /// The objects that it is about, strongest first: the first one known counts.
    objects: Vec<Locator>,
    /// The customer that it names.
    claimed: Option<CustomerId>,
}

impl Parts {
    /// Whose each of these is, in their order, or why that could not be found out.
    /// What is tied alike is looked for once, and all of it side by side.
    pub(crate) async fn whose_each(
        &self,
        items: Vec<InboxItem>,
    ) -> Vec<(InboxItem, Result<Whose, String>)> {
        let mut distinct: Vec<Vec<Tie>> = Vec::new();
        for item in items.iter().filter(|item| item.linked.is_none()) {
            let ties = ties(facts(item));
            if !distinct.contains(&ties) {
                distinct.push(ties);
            }
        }
        let found = stream::iter(distinct)
            .map(|ties| async move {
                let whose = self.whose_tied(&ties).await;
                (ties, whose.map_err(|error| error.to_string()))
            })
            .buffer_unordered(self.limits.in_flight.max(1));
        let found: Vec<_> = found.collect().await;
        let whose = |item: &InboxItem| {
            if let Some(linked) = item.linked {
                return Ok(Whose::Customer(linked));
            }
            let ties = ties(facts(item));
            let alike = found.iter().find(|(known, _)| *known == ties);
            alike.map_or(Ok(Whose::Nobody), |(_, whose)| whose.clone())
        };
        let items = items.into_iter();
        items
            .map(|item| {
                let whose = whose(&item);
                (item, whose)
            })
            .collect()
    }

    /// Whose `item` is.
    pub(crate) async fn whose(&self, item: &InboxItem) -> Result<Whose, StoreError> {
        match item.linked {
            Some(linked) => Ok(Whose::Customer(linked)),
            None => self.whose_are(facts(item)).await,
        }
    }

    /// Whose what is told by `facts` is.
    pub(crate) async fn whose_are(&self, facts: &[Observed]) -> Result<Whose, StoreError> {
        self.whose_tied(&ties(facts)).await
    }

    async fn whose_tied(&self, ties: &[Tie]) -> Result<Whose, StoreError> {
        let mut found: Option<CustomerId> = None;
        for tie in ties {
            let mut by_object = None;
            for locator in &tie.objects {
                by_object = self.store.find(locator).await?;
                if by_object.is_some() {
                    break;
                }
            }
            let by_claim = match tie.claimed {
                Some(customer) => self.store.find(&Locator::Customer(customer)).await?,
                None => None,
            };
            let this = match (by_object, by_claim) {
                (Some(object), Some(claim)) if object != claim => return Ok(Whose::Disputed),
                (object, claim) => object.or(claim),
            };
            match (found, this) {
                (Some(known), Some(other)) if known != other => return Ok(Whose::Disputed),
                (None, Some(this)) => found = Some(this),
                _ => {}
            }
        }
        Ok(found.map_or(Whose::Nobody, Whose::Customer))
    }
}

/// What ties these facts to customers. Facts of one delivery are mostly tied alike.
fn ties(facts: &[Observed]) -> Vec<Tie> {
    let mut ties = Vec::new();
    for observed in facts {
        let link = &observed.link;
        let own = link.checkout.or_else(|| observed.fact.checkout());
        let own = own.map(Locator::Checkout).into_iter();
        let invoice = observed.fact.invoice().map(Locator::Invoice);
        let refs = link.refs.iter().cloned().map(Locator::Provider);
        let tie = Tie {
            objects: own.chain(invoice).chain(refs).collect(),
            claimed: link.customer,
        };
        if !ties.contains(&tie) {
            ties.push(tie);
        }
    }
    ties
}
