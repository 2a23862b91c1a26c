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

/// How a delivery is tied to a customer.
enum Tied {
    /// By hand, to this one.
    Linked(CustomerId),
    /// As all with the ties at this place.
    Alike(usize),
}

impl Parts {
    /// Whose each of these is, in their order, or why that could not be found out.
    /// What is tied alike is looked for once, and all of it side by side.
    pub(crate) async fn whose_each(
        &self,
        items: Vec<InboxItem>,
    ) -> Vec<(InboxItem, Result<Whose, String>)> {
        let mut distinct: Vec<Vec<Tie>> = Vec::new();
        let mut tied = Vec::with_capacity(items.len());
        for item in items {
            let by = match item.linked {
                Some(linked) => Tied::Linked(linked),
                None => Tied::Alike(place_of(ties(facts(&item)), &mut distinct)),
            };
            tied.push((item, by));
        }
        let found = stream::iter(distinct)
            .map(|ties| async move {
                let whose = self.whose_tied(&ties).await;
                whose.map_err(|error| error.to_string())
            })
            .buffered(self.limits.places());
        let found: Vec<_> = found.collect().await;
        let tied = tied.into_iter().map(|(item, by)| {
            let whose = match by {
                Tied::Linked(linked) => Ok(Whose::Customer(linked)),
                Tied::Alike(place) => found.get(place).cloned().unwrap_or(Ok(Whose::Nobody)),
            };
            (item, whose)
        });
        tied.collect()
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

/// Where `ties` stand among the distinct ones, which they are added to if they are new.
fn place_of(ties: Vec<Tie>, distinct: &mut Vec<Vec<Tie>>) -> usize {
    let known = distinct.iter().position(|known| *known == ties);
    known.unwrap_or_else(|| {
        distinct.push(ties);
        distinct.len().saturating_sub(1)
    })
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
