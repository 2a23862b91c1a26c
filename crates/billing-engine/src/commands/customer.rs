//! Making and finding customers.

use billing_domain::access::Effective;
use billing_domain::catalog::Catalog;
use billing_domain::customer::{Account, AtProvider, Customer};
use billing_domain::decide::{CustomerDetails, NewCustomer, create_customer, describe_customer};
use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_ports::store::{
    Also, Changes, Commit, CommitError, Locator, Revision, StoreError, Taken,
};

use crate::billing::{Billing, Parts};
use crate::error::EngineError;
use crate::ring::{Deciding, new_effects};

/// How a customer is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerRef {
    /// By our id.
    Id(CustomerId),
    /// By the host application's name for it.
    External(String),
}

impl From<CustomerId> for CustomerRef {
    fn from(id: CustomerId) -> Self {
        Self::Id(id)
    }
}

impl From<&str> for CustomerRef {
    /// The host application's name for it.
    fn from(external: &str) -> Self {
        Self::External(external.to_owned())
    }
}

impl CustomerRef {
    pub(crate) fn locator(&self) -> Locator {
        match self {
            Self::Id(id) => Locator::Customer(*id),
            Self::External(name) => Locator::ExternalRef(name.clone()),
        }
    }
}

/// Why a customer was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateCustomerError {
    /// There is one with this external reference; it was left as it is.
    #[error("a customer with this external reference exists")]
    Exists(Box<Customer>),
    /// The customer under whose plan it is to act does not exist.
    #[error("the customer to be a member of does not exist")]
    NoSuchOwner,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A customer in the making.
pub(crate) struct Making {
    pub(crate) new: NewCustomer,
    /// Who it is at a provider. `None`: that is not known yet.
    pub(crate) at_provider: Option<AtProvider>,
    /// Listeners are not told of it.
    pub(crate) untold: bool,
}

impl Billing {
    /// Makes a customer. Early ones are granted the plankowner plan.
    ///
    /// # Errors
    ///
    /// [`CreateCustomerError`], and nothing is written.
    pub async fn create_customer(
        &self,
        new: NewCustomer,
        actor: Option<&str>,
    ) -> Result<Account, CreateCustomerError> {
        let parts = self.parts()?;
        if let Some(owner) = new.member_of {
            let found = parts.store.find(&Locator::Customer(owner)).await;
            found
                .map_err(EngineError::from)?
                .ok_or(CreateCustomerError::NoSuchOwner)?;
        }
        let external = new.external_ref.clone();
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        match parts.commit_new(new, &catalog.catalog, now, actor).await {
            Ok(account) => Ok(account),
            Err(CommitError::Taken {
                what: Taken::ExternalRef,
            }) => {
                let named = CustomerRef::External(external.unwrap_or_default());
                match parts.load(&named).await? {
                    Some(held) => Err(CreateCustomerError::Exists(Box::new(held.customer))),
                    None => Err(EngineError::Contended.into()),
                }
            }
            Err(error) => Err(commit_failed(error).into()),
        }
    }

    /// Has a customer's details be these from now on. `None`: there is no such customer.
    /// Repeated, it changes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails, and nothing is written.
    pub async fn describe_customer(
        &self,
        of: &CustomerRef,
        details: &CustomerDetails,
        actor: Option<&str>,
    ) -> Result<Option<Account>, EngineError> {
        let parts = self.parts()?;
        let Some(customer) = parts.store.find(&of.locator()).await? else {
            return Ok(None);
        };
        let deciding = Deciding::about(customer).by(actor);
        parts
            .decide(&deciding, |draft, _catalog| {
                Ok::<_, EngineError>(describe_customer(draft, details))
            })
            .await?;
        parts.load(&customer.into()).await
    }

    /// The customer named `external`, made if there is none.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn ensure_customer(
        &self,
        external: &str,
        email: Option<&str>,
    ) -> Result<Account, EngineError> {
        if let Some(held) = self.account(&external.into()).await? {
            return Ok(held);
        }
        let new = NewCustomer {
            external_ref: Some(external.to_owned()),
            email: email.map(str::to_owned),
            ..NewCustomer::default()
        };
        match self.create_customer(new, None).await {
            Ok(account) => Ok(account),
            Err(CreateCustomerError::Exists(held)) => self
                .account(&held.id.into())
                .await?
                .ok_or(EngineError::Contended),
            Err(CreateCustomerError::Engine(error)) => Err(error),
            Err(CreateCustomerError::NoSuchOwner) => Err(EngineError::Contended),
        }
    }

    /// A customer with everything that is open. `None`: there is no such customer.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn account(&self, of: &CustomerRef) -> Result<Option<Account>, EngineError> {
        self.parts()?.load(of).await
    }

    /// What a customer holds at this instant. `None`: there is no such customer.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn access(&self, of: &CustomerRef) -> Result<Option<Effective>, EngineError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let Some(account) = parts.load(of).await? else {
            return Ok(None);
        };
        Ok(Some(
            parts.effective(&account, &catalog.catalog, now).await?,
        ))
    }
}

impl Parts {
    pub(crate) async fn load(&self, of: &CustomerRef) -> Result<Option<Account>, EngineError> {
        let Some(id) = self.id_of(of).await? else {
            return Ok(None);
        };
        let loaded = self.store.load(id, &Also::default()).await?;
        Ok(loaded.map(|loaded| loaded.account))
    }

    /// The id under which a customer would be found.
    pub(crate) async fn id_of(&self, of: &CustomerRef) -> Result<Option<CustomerId>, StoreError> {
        match of {
            // An id leads to its customer by itself.
            CustomerRef::Id(id) => Ok(Some(*id)),
            CustomerRef::External(_) => self.store.find(&of.locator()).await,
        }
    }

    pub(crate) async fn commit_new(
        &self,
        new: NewCustomer,
        catalog: &Catalog,
        now: Timestamp,
        actor: Option<&str>,
    ) -> Result<Account, CommitError> {
        let making = Making {
            new,
            at_provider: None,
            untold: false,
        };
        self.commit_made(making, catalog, now, actor).await
    }

    /// The same, of whom more may be known, or nobody is to hear.
    pub(crate) async fn commit_made(
        &self,
        making: Making,
        catalog: &Catalog,
        now: Timestamp,
        actor: Option<&str>,
    ) -> Result<Account, CommitError> {
        let ids = self.ids(now);
        let draft = create_customer(making.new, catalog, ids, now, actor.map(str::to_owned));
        let mut draft = draft.because(self.reason());
        let known = &mut draft.account.customer.at_providers;
        known.extend(making.at_provider);
        let decision = draft.finish(self.has_listeners() && !making.untold);
        let decision = decision.numbered(Revision::NONE.next());
        let commit = Commit {
            customer: decision.account.customer.id,
            expected: None,
            claim: None,
            changes: Changes::between(None, &decision.account),
            wake_at: decision.account.wake_at(),
            journal: decision.journal,
            effects: new_effects(decision.effects, None),
            parked: decision.parked,
            solved: decision.solved,
            inbox: Vec::new(),
            outbox: Vec::new(),
            replies: Vec::new(),
            at: now,
        };
        self.store.commit(commit).await?;
        self.wake.notify_one();
        Ok(decision.account)
    }
}

pub(crate) fn commit_failed(error: CommitError) -> EngineError {
    match error {
        CommitError::Store(error) => error.into(),
        CommitError::Conflict | CommitError::ClaimLost | CommitError::Taken { .. } => {
            EngineError::Contended
        }
    }
}
