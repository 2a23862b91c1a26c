//! Paddle's objects as our facts. Knows neither how they were fetched nor what is
//! decided on them.

pub(crate) mod adjustment;
mod beside;
pub(crate) mod proof;
pub(crate) mod subscription;
pub(crate) mod transaction;

use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};

use crate::correlation::link;
use crate::options::PaddleOptions;
use crate::seal::Seals;
use crate::wire::{Customer, instant};

/// For whom objects are told: the account, and the deployment's name.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    pub(crate) account: ProviderAccount,
    pub(crate) operator: String,
    pub(crate) seals: Seals,
}

impl Teller {
    /// For the account and the deployment of these settings.
    pub(crate) fn new(options: &PaddleOptions) -> Self {
        Self {
            account: options.account.clone(),
            operator: options.operator.clone(),
            seals: Seals::new(options),
        }
    }

    /// An object here.
    pub(crate) fn object(&self, kind: RefKind, id: &str) -> ProviderRef {
        ProviderRef {
            account: self.account.clone(),
            kind,
            id: id.to_owned(),
        }
    }

    /// A customer, of whom nothing is told but that there is one.
    pub(crate) fn customer(&self, customer: &Customer) -> Observed {
        let refs = [(RefKind::Customer, Some(customer.id.clone()))];
        Observed {
            fact: Fact::Irrelevant,
            at: instant(customer.created_at, customer.updated_at),
            link: link(&self.account, None, refs, Vec::new()),
        }
    }
}
