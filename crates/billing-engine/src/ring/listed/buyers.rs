//! Bringing over the customers whom a provider lists: those who bought nothing there as well.
//! Whose they are is asked of what was noted there, never of an address.

use billing_domain::customer::AtProvider;
use billing_domain::decide::{NewCustomer, know_at_provider};
use billing_domain::ids::CustomerId;
use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::PerformError;
use billing_ports::provider::{Buyer, ListedBuyer};
use billing_ports::store::{Book, CommitError, Locator, Taken};

use super::adopt::{Adopted, Adoptee, Adopting, Adoption, Tried};
use super::{MAX_DRY_PAGES, RereadError};
use crate::billing::Parts;
use crate::commands::ImportMode;
use crate::commands::customer::{Making, commit_failed};
use crate::error::EngineError;
use crate::ring::{DecideError, Deciding};

impl Parts {
    /// Whether the go before has come to the end of the customers.
    pub(super) async fn has_all_customers(
        &self,
        adopting: &Adopting<'_>,
    ) -> Result<bool, RereadError> {
        let book = Book::ImportedCustomers;
        let mark = self.store.get_bookmark(adopting.account, book).await?;
        Ok(mark.is_some_and(|mark| mark.next.is_none()))
    }

    /// Brings over every customer whom the account lists. `false`: there are more than one go
    /// reads.
    pub(super) async fn adopt_customers(
        &self,
        adopting: &Adopting<'_>,
        tried: &mut Tried,
        each: &mut (impl FnMut(&Adopted) + Send),
    ) -> Result<bool, RereadError> {
        let provider = self.provider(adopting.account)?;
        let writes = adopting.mode == ImportMode::Apply;
        let book = Book::ImportedCustomers;
        let mut mark = self.go(adopting.account, book, |_, now| now).await?;
        if !writes {
            mark.next = None;
        }
        for _ in 0..MAX_DRY_PAGES {
            let listing = provider.list_buyers(mark.next.clone());
            let page = match self.in_time(listing).await {
                Ok(page) => page,
                // It lists nobody: who pays is found by what is paid for.
                Err(PerformError::Unsupported(_)) => return Ok(true),
                Err(error) => return Err(error.into()),
            };
            for listed in page.rows {
                let outcome = match self.adopt_customer(adopting, &listed, tried).await? {
                    Ok(outcome) => Adoption::Brought(outcome),
                    Err(refusal) => Adoption::Refused(refusal),
                };
                each(&Adopted {
                    what: Adoptee::Customer,
                    reference: listed.reference,
                    price: String::new(),
                    outcome,
                    beside: false,
                });
            }
            mark.next = page.next;
            mark.since = self.now();
            if writes {
                let kept = self.store.put_bookmark(adopting.account, book, &mark);
                kept.await?;
            }
            if mark.next.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn adopt_customer(
        &self,
        adopting: &Adopting<'_>,
        listed: &ListedBuyer,
        tried: &mut Tried,
    ) -> Result<Result<ImportOutcome, ImportRefusal>, EngineError> {
        let there = ProviderRef {
            account: adopting.account.clone(),
            kind: RefKind::Customer,
            id: listed.reference.clone(),
        };
        let known = self.store.find(&Locator::Provider(there.clone())).await?;
        if known.is_some() || self.store.is_shared(&there).await? {
            return Ok(Ok(ImportOutcome::There));
        }
        let is_here = self.here(adopting, listed).await?.is_some();
        let ours = self.of_ours(adopting, listed, tried).await?;
        Ok(ours.map(|_customer| {
            if is_here {
                ImportOutcome::There
            } else {
                ImportOutcome::CREATED
            }
        }))
    }

    /// Who of ours it is by what was noted there. `None`: nobody yet.
    async fn here(
        &self,
        adopting: &Adopting<'_>,
        listed: &ListedBuyer,
    ) -> Result<Option<CustomerId>, EngineError> {
        if let Some(noted) = listed.customer
            && let Some(found) = self.store.find(&Locator::Customer(noted)).await?
        {
            return Ok(Some(found));
        }
        let named = Locator::ExternalRef(name_of(adopting, listed).to_owned());
        Ok(self.store.find(&named).await?)
    }

    /// Who of ours it is from now on, found or made. `None`: a dry run makes nobody.
    pub(super) async fn of_ours(
        &self,
        adopting: &Adopting<'_>,
        listed: &ListedBuyer,
        tried: &mut Tried,
    ) -> Result<Result<Option<CustomerId>, ImportRefusal>, EngineError> {
        let found = self.here(adopting, listed).await?;
        let goes_by = match found {
            Some(found) => found.to_string(),
            None => name_of(adopting, listed).to_owned(),
        };
        if !tried.is_same(adopting, &goes_by, &listed.reference) {
            return Ok(Err(ImportRefusal::OtherReference));
        }
        match (found, adopting.mode) {
            (Some(found), _) => {
                let known = self.know(adopting, found, &listed.reference).await?;
                Ok(known.map(|()| Some(found)))
            }
            (None, ImportMode::Dry) => Ok(Ok(None)),
            (None, ImportMode::Apply) => self.make(adopting, listed).await,
        }
    }

    /// Has a customer of ours be known at the provider by this name.
    async fn know(
        &self,
        adopting: &Adopting<'_>,
        customer: CustomerId,
        reference: &str,
    ) -> Result<Result<(), ImportRefusal>, EngineError> {
        let held = self.load(&customer.into()).await?;
        let there = held
            .as_ref()
            .and_then(|it| it.reference_at(adopting.account));
        match (there, adopting.mode) {
            (Some(there), _) if there == reference => return Ok(Ok(())),
            (Some(_), _) => return Ok(Err(ImportRefusal::OtherReference)),
            (None, ImportMode::Dry) => return Ok(Ok(())),
            (None, ImportMode::Apply) => {}
        }
        let deciding = Deciding::about(customer).by(adopting.actor).untold();
        let decided = self.try_decide(&deciding, |draft, _catalog| {
            know_at_provider(draft, adopting.account, reference)
        });
        match decided.await {
            Ok(_) => Ok(Ok(())),
            Err(DecideError::Refused(refusal)) => Ok(Err(refusal)),
            Err(DecideError::Engine(error)) => Err(error),
            Err(DecideError::Overtaken | DecideError::NoCustomer) => Err(EngineError::Contended),
        }
    }

    async fn make(
        &self,
        adopting: &Adopting<'_>,
        listed: &ListedBuyer,
    ) -> Result<Result<Option<CustomerId>, ImportRefusal>, EngineError> {
        let Buyer {
            email, lang, since, ..
        } = listed.buyer.clone();
        let making = Making {
            new: NewCustomer {
                external_ref: Some(name_of(adopting, listed).to_owned()),
                email,
                lang,
                joined_at: since,
                ..NewCustomer::default()
            },
            at_provider: Some(AtProvider {
                account: adopting.account.clone(),
                reference: listed.reference.clone(),
                told_at: None,
            }),
            untold: true,
        };
        let now = self.now();
        let catalog = self.catalog(now).await?;
        let made = self.commit_made(making, &catalog.catalog, now, adopting.actor);
        match made.await {
            Ok(made) => Ok(Ok(Some(made.customer.id))),
            // A server that runs was faster.
            Err(CommitError::Taken {
                what: Taken::ProviderRef,
            }) => Ok(Err(ImportRefusal::OtherReference)),
            Err(error) => Err(commit_failed(error)),
        }
    }
}

/// The host's name for a customer, as it is noted there, or else the provider's. What looks like an
/// id of ours names nobody: asked for by it, another one would be meant.
fn name_of<'a>(adopting: &Adopting<'_>, listed: &'a ListedBuyer) -> &'a str {
    let noted = listed.buyer.metadata.get(adopting.reference_key);
    let noted = noted.filter(|name| !name.is_empty() && name.parse::<CustomerId>().is_err());
    noted.unwrap_or(&listed.reference)
}
