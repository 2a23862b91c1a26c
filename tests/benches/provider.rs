//! A provider that is paid at once, and a notifier that hears without a word:
//! what is measured with them is the engine and its store alone.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, ProviderKey};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::journal::JournalEntry;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;
use billing_ports::{Answer, Finding, Notifier, NotifyError, PaymentProvider, PerformError};

/// The account of everything here.
pub(crate) fn account() -> ProviderAccount {
    ProviderAccount::main("sandbox".parse::<ProviderKey>().unwrap())
}

/// Charges every invoice in the very call that asks for it.
#[derive(Debug)]
pub(crate) struct PaidAtOnce {
    account: ProviderAccount,
    at: Timestamp,
}

impl PaidAtOnce {
    /// One whose clock stands at `at`.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            account: account(),
            at,
        }
    }
}

#[async_trait]
impl PaymentProvider for PaidAtOnce {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: false,
            prorates: false,
            hosted_checkout: true,
            portal: false,
            pause: false,
            saved_method: true,
            paused_ends_at_once: false,
        }
    }

    async fn perform(
        &self,
        _effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let Order::CreateInvoice(ask) = order else {
            return Err(PerformError::Unsupported("anything but invoices"));
        };
        let opened = Fact::InvoiceOpened {
            invoice: ask.invoice,
            reference: format!("bench:{key}"),
            pay_url: Some("https://pay.test/".to_owned()),
            conversion: None,
        };
        let paid = Fact::InvoicePaid {
            invoice: ask.invoice,
            payment: format!("paid:{key}"),
            amount: ask.amount,
            conversion: None,
            parts: Vec::new(),
        };
        let facts = [opened, paid];
        Ok(Answer::Done(
            facts
                .into_iter()
                .map(|fact| Observed {
                    fact,
                    at: self.at,
                    link: Link::default(),
                })
                .collect(),
        ))
    }

    async fn read(&self, _object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        Ok(Vec::new())
    }

    async fn doctor(&self, _catalog: &Catalog) -> Vec<Finding> {
        Vec::new()
    }
}

/// Hears, and says nothing.
#[derive(Debug)]
pub(crate) struct Silent;

#[async_trait]
impl Notifier for Silent {
    async fn notify(
        &self,
        _delivery: EffectId,
        _entries: &[JournalEntry],
    ) -> Result<(), NotifyError> {
        Ok(())
    }
}
