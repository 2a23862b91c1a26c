//! A customer who comes from elsewhere.

use billing_domain::customer::{AtProvider, Customer};
use billing_domain::decide::NewCustomer;
use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_ports::store::{CommitError, Locator, Taken};

use super::{CustomerRow, ImportError, ImportMode, Run};
use crate::commands::CustomerRef;
use crate::commands::customer::{Making, commit_failed};
use crate::error::EngineError;

impl Run<'_> {
    pub(super) async fn customer(&self, row: &CustomerRow) -> Result<ImportOutcome, ImportError> {
        let named = CustomerRef::External(row.external_ref.clone());
        if let Some(held) = self.parts.load(&named).await? {
            return Ok(compared(&held.customer, row));
        }
        if let Some((account, reference)) = &row.at_provider {
            self.is_free(account, reference).await?;
        }
        if self.mode == ImportMode::Dry {
            return Ok(ImportOutcome::CREATED);
        }
        let new = NewCustomer {
            external_ref: Some(row.external_ref.clone()),
            email: row.email.clone(),
            lang: row.lang.clone(),
            github: row.github.clone(),
            joined_at: row.joined_at,
            ..NewCustomer::default()
        };
        let at_provider = row.at_provider.as_ref();
        let making = Making {
            new,
            at_provider: at_provider.map(|(account, reference)| AtProvider {
                account: account.clone(),
                reference: reference.clone(),
                told_at: None,
            }),
            untold: true,
        };
        let now = self.parts.now();
        let catalog = self.parts.catalog(now).await?;
        let made = self
            .parts
            .commit_made(making, &catalog.catalog, now, self.actor);
        match made.await {
            Ok(_) => Ok(ImportOutcome::CREATED),
            Err(CommitError::Taken {
                what: Taken::ExternalRef,
            }) => {
                let held = self.parts.load(&named).await?;
                let held = held.ok_or(EngineError::Contended)?;
                Ok(compared(&held.customer, row))
            }
            Err(CommitError::Taken {
                what: Taken::ProviderRef,
            }) => Err(ImportRefusal::OtherReference.into()),
            Err(error) => Err(commit_failed(error).into()),
        }
    }

    /// Refuses who is another of ours at a provider already, and accounts that are none of
    /// ours.
    async fn is_free(&self, account: &ProviderAccount, reference: &str) -> Result<(), ImportError> {
        if !self.parts.providers.contains_key(account) {
            return Err(ImportRefusal::NoSuchProvider.into());
        }
        let there = Locator::Provider(ProviderRef {
            account: account.clone(),
            kind: RefKind::Customer,
            id: reference.to_owned(),
        });
        let found = self.parts.store.find(&there).await;
        match found.map_err(EngineError::from)? {
            Some(_) => Err(ImportRefusal::OtherReference.into()),
            None => Ok(()),
        }
    }
}

fn compared(held: &Customer, row: &CustomerRow) -> ImportOutcome {
    let is_said = |said: &Option<String>, held: &Option<String>| said.is_none() || said == held;
    let there = row.at_provider.as_ref().is_none_or(|(account, reference)| {
        let mut known = held.at_providers.iter();
        known.any(|it| it.account == *account && it.reference == *reference)
    });
    ImportOutcome::compared(&[
        ("email", is_said(&row.email, &held.email)),
        ("lang", is_said(&row.lang, &held.lang)),
        ("github", is_said(&row.github, &held.github)),
        (
            "joined_at",
            row.joined_at.is_none_or(|at| at == held.joined_at),
        ),
        ("at_provider", there),
    ])
}
