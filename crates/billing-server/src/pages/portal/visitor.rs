//! Who looks at the portal, and whether a form is that visitor's own.
//!
//! A session is looked up in the store each time, so that one that was ended is over at once,
//! wherever it was ended.

use std::sync::Arc;

use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::customer::Account;
use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_engine::{Billing, CustomerRef};
use maud::Markup;
use poem::{Body, Request};

use crate::auth::{SESSION_PREFIX, hash};
use crate::pages::Pages;
use crate::pages::cookie::CUSTOMER;
use crate::pages::form::Proof;
use crate::problem::Problem;

pub(super) use crate::pages::form::{Form, named};

/// What the token of a form is made of beside the session's secret.
const MEANT_FOR: &[u8] = b"billing portal form 1";

/// A customer with a session.
pub(super) struct Visitor<'a> {
    pub(super) pages: &'a Pages,
    pub(super) customer: CustomerId,
    /// The session's secret.
    token: String,
}

/// What a customer has, with the guests that are attached to it, as it stands now.
pub(super) struct Held {
    /// The customer's own account first.
    pub(super) accounts: Vec<Account>,
    pub(super) revision: Arc<CatalogRevision>,
    pub(super) now: Timestamp,
}

impl Held {
    pub(super) fn catalog(&self) -> &Catalog {
        &self.revision.catalog
    }

    /// Whether `customer` is this one, or a guest that is attached to it.
    pub(super) fn is_of(&self, customer: CustomerId) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|account| account.customer.id == customer)
    }
}

impl<'a> Visitor<'a> {
    /// Who sends a request.
    ///
    /// # Errors
    ///
    /// 401 without a session that is good; 404 where billing is switched off; 503.
    pub(super) async fn of(pages: &'a Pages, request: &Request) -> Result<Self, Problem> {
        let billing = &pages.state.billing;
        let store = billing.store().ok_or_else(Problem::billing_disabled)?;
        let clock = billing.clock().ok_or_else(Problem::billing_disabled)?;
        let token = CUSTOMER
            .sent(request, &pages.public_url)
            .filter(|token| token.starts_with(SESSION_PREFIX))
            .ok_or_else(Problem::unauthorized)?;
        let found = store.find_session(hash(token), clock.now()).await?;
        let session = found.ok_or_else(Problem::unauthorized)?;
        Ok(Self {
            pages,
            customer: session.customer,
            token: token.to_owned(),
        })
    }

    pub(super) fn billing(&self) -> &'a Billing {
        &self.pages.state.billing
    }

    /// The customer, as the engine is asked about it.
    pub(super) fn reference(&self) -> CustomerRef {
        self.customer.into()
    }

    /// Who acts, for the journal.
    pub(super) fn actor(&self) -> String {
        self.customer.to_string()
    }

    /// What the customer has.
    ///
    /// # Errors
    ///
    /// 401 where the session is of a customer that is not there; 503.
    pub(super) async fn held(&self) -> Result<Held, Problem> {
        let billing = self.billing();
        let of = self.reference();
        let account = billing.account(&of).await?;
        let mut accounts = vec![account.ok_or_else(Problem::unauthorized)?];
        accounts.extend(billing.attached_to(&of).await?);
        let clock = billing.clock().ok_or_else(Problem::billing_disabled)?;
        Ok(Held {
            accounts,
            revision: billing.catalog().await?,
            now: clock.now(),
        })
    }

    /// Ends the session, here and in the store.
    ///
    /// # Errors
    ///
    /// 503, and it goes on.
    pub(super) async fn leave(self) -> Result<(), Problem> {
        let store = self.billing().store();
        let store = store.ok_or_else(Problem::billing_disabled)?;
        let hash = hash(&self.token);
        store.end_session(hash).await?;
        self.pages.state.sessions.forget(&hash);
        tracing::info!(customer = %self.customer, "signed out");
        Ok(())
    }

    fn seal(&self) -> Proof<'_> {
        Proof {
            secret: &self.token,
            meant_for: MEANT_FOR,
        }
    }

    /// The hidden field without which no form of this visitor's is taken.
    pub(super) fn proof(&self) -> Markup {
        self.seal().field()
    }

    /// Reads a form of this visitor's own.
    ///
    /// # Errors
    ///
    /// As [`Proof::form`].
    pub(super) async fn form(&self, request: &Request, body: Body) -> Result<Form, Problem> {
        self.seal().form(self.pages, request, body).await
    }
}
