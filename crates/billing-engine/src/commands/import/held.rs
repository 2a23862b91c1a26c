//! What a customer from elsewhere holds: subscriptions and grants.

use billing_domain::decide::{import_grant, import_subscription};
use billing_domain::ids::{CustomerId, SubscriptionId};
use billing_domain::import::{GrantImport, ImportOutcome, ImportRefusal, SubscriptionImport};
use billing_ports::store::Locator;

use super::{GrantRow, ImportError, Run, SubscriptionRow, imported_id};
use crate::error::EngineError;

impl Run<'_> {
    pub(super) async fn subscription(
        &self,
        row: &SubscriptionRow,
    ) -> Result<ImportOutcome, ImportError> {
        let customer = self.owner(&row.customer).await?;
        let recurs = row.paid_through.is_some();
        let ask = SubscriptionImport {
            id: imported_id(&row.external),
            external: row.external.clone(),
            plan: row.plan.clone(),
            price: row.price.clone(),
            billing: row.billing,
            unit: row.unit,
            quantity: row.quantity,
            started_at: Some(row.started_at),
            paid_through: row.paid_through,
            ends: row.ends,
            provider: row.provider.clone(),
            payee: self.payee(row.provider.as_ref(), recurs),
        };
        self.is_nobody_elses(ask.id, customer).await?;
        self.decide(customer, |draft, catalog| {
            import_subscription(draft, &ask, catalog)
        })
        .await
    }

    pub(super) async fn grant(&self, row: &GrantRow) -> Result<ImportOutcome, ImportError> {
        let customer = self.owner(&row.customer).await?;
        let ask = GrantImport {
            // What one customer was granted is no other's, whatever it is called.
            id: imported_id(&format!("{customer}:{}", row.external)),
            plan: row.plan.clone(),
            reason: row.reason,
            ends_at: row.ends_at,
        };
        self.decide(customer, |draft, catalog| {
            import_grant(draft, &ask, catalog)
        })
        .await
    }

    /// Refuses what was brought for another customer before.
    pub(super) async fn is_nobody_elses(
        &self,
        id: SubscriptionId,
        customer: CustomerId,
    ) -> Result<(), ImportError> {
        let held = self.parts.store.find(&Locator::Subscription(id)).await;
        match held.map_err(EngineError::from)? {
            Some(other) if other != customer => Err(ImportRefusal::AnotherCustomers.into()),
            Some(_) | None => Ok(()),
        }
    }
}
