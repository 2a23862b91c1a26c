//! Acts: what operators did, each kept with the first thing that it wrote.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::ids::{ActId, CustomerId};
use billing_domain::time::Timestamp;

use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::reads::{Page, PageAsk};

/// What an operator does: one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Our id; ascends with time.
    pub id: ActId,
    /// When it was asked for, by our clock.
    pub at: Timestamp,
    /// Who: the key's id, or the host's name for the person. The journal's actor.
    pub actor: String,
    /// What people called the actor at that time.
    pub name: String,
    /// What, and to what: the method and the path of the request.
    pub request: String,
    /// Why, in the operator's words. `None`: nobody said.
    pub reason: Option<String>,
}

/// An act that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAct {
    /// The act.
    pub act: Act,
    /// Whom it was decided about first. `None`: it concerns no one customer.
    pub customer: Option<CustomerId>,
}

/// Which acts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// About this customer only.
    pub customer: Option<CustomerId>,
    /// Of this actor only.
    pub actor: Option<String>,
}

/// Acts.
///
/// - A recording store MUST keep its act in the transaction of the first of these that it
///   writes: a commit; a key that is made, rotated or revoked; a session or a link, an operator's
///   own session too;
///   a discount code made or retired; a catalog; a price migration; a receiver of
///   events made, changed or removed, and a delivery tried again; a resolution of something
///   parked.
/// - An act MUST be kept once, however much is written under it, and not at all where
///   nothing is.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Acts: Send + Sync {
    /// The same store, which keeps `act` with the first thing that is written through it.
    fn recording(&self, act: Act) -> Arc<dyn Store>;

    /// Acts, newest first.
    async fn list_acts(
        &self,
        filter: &ActFilter,
        page: PageAsk,
    ) -> Result<Page<KeptAct>, StoreError>;
}
