//! The provider `manual`: nobody is called. An invoice is sent by whoever keeps
//! the books, and an operator marks it paid.
//!
//! It holds nothing and reaches nothing, so it lives here and not in a room of
//! its own. It never charges by itself.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, ProviderKey};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{CheckoutPayment, Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_ports::{Answer, Clock, Finding, FindingLevel, PaymentProvider, PerformError};
use std::sync::Arc;

/// The name of the provider.
pub const MANUAL: &str = "manual";

/// Invoices that an operator marks paid.
pub struct ManualProvider {
    account: ProviderAccount,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for ManualProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManualProvider")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl ManualProvider {
    /// The only account, `manual/main`. `None`: never; the name is a good one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Option<Self> {
        let key = ProviderKey::new(MANUAL).ok()?;
        Some(Self {
            account: ProviderAccount::main(key),
            clock,
        })
    }

    fn told(&self, fact: Fact) -> Observed {
        Observed {
            link: Link {
                checkout: fact.checkout(),
                ..Link::default()
            },
            fact,
            at: self.clock.now(),
        }
    }
}

#[async_trait]
impl PaymentProvider for ManualProvider {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: false,
            prorates: false,
            hosted_checkout: false,
            portal: false,
            pause: true,
            saved_method: false,
            paused_ends_at_once: false,
        }
    }

    async fn perform(
        &self,
        effect: EffectId,
        _key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let facts = match order {
            // The buyer has done all there is to do here; the money follows.
            Order::OpenCheckout(open) => vec![Fact::CheckoutCompleted {
                checkout: open.checkout,
                reference: open.checkout.to_string(),
                payment: CheckoutPayment::Unpaid,
                customer_ref: None,
                email: None,
                sold: None,
            }],
            Order::CreateInvoice(create) => vec![Fact::InvoiceOpened {
                invoice: create.invoice,
                reference: create.invoice.to_string(),
                pay_url: None,
                conversion: None,
            }],
            Order::ExpireCheckout { .. } | Order::VoidInvoice { .. } => {
                vec![Fact::Done { effect }]
            }
            Order::ChangeSubscription(_)
            | Order::UndoChange { .. }
            | Order::CancelSubscription { .. }
            | Order::UndoCancellation { .. }
            | Order::PauseSubscription { .. }
            | Order::ResumeSubscription { .. }
            | Order::ReadSubscription { .. } => {
                return Err(PerformError::Unsupported("running a schedule"));
            }
            Order::PromiseRefund(_) => {
                return Err(PerformError::Unsupported("promising refunds"));
            }
            Order::SettleCode { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => {
                return Err(PerformError::Unsupported("what no provider does"));
            }
        };
        Ok(Answer::Done(
            facts.into_iter().map(|fact| self.told(fact)).collect(),
        ))
    }

    async fn read(&self, _object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        Ok(Vec::new())
    }

    async fn doctor(&self, _catalog: &Catalog) -> Vec<Finding> {
        vec![Finding {
            level: FindingLevel::Good,
            text: "manual invoices: an operator marks them paid".to_owned(),
        }]
    }
}
