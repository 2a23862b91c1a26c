//! A license that comes from elsewhere: of a subscription that was brought before, or with
//! what was bought for ever.

use std::collections::BTreeSet;

use billing_domain::Draft;
use billing_domain::catalog::Billing as Charged;
use billing_domain::decide::{MachineAct, MachineActError, act_on_machine, import_subscription};
use billing_domain::ids::SubscriptionId;
use billing_domain::import::{ImportOutcome, ImportRefusal, Imported, SubscriptionImport};
use billing_domain::subscription::Subscription;

use super::{ImportError, LicenseRow, Run, imported_id};
use crate::commands::machine::mark_of;

impl Run<'_> {
    pub(super) async fn license(&self, row: &LicenseRow) -> Result<ImportOutcome, ImportError> {
        let customer = self.owner(&row.customer).await?;
        let bought = SubscriptionImport {
            id: imported_id(&format!("license:{}", row.external)),
            external: row.external.clone(),
            plan: row.plan.clone(),
            price: None,
            billing: Some(Charged::Once),
            unit: None,
            quantity: 1,
            started_at: row.started_at,
            paid_through: None,
            ends: None,
            provider: None,
            payee: self.payee(None, false),
        };
        let of: Option<SubscriptionId> = row.subscription.as_deref().map(imported_id);
        self.is_nobody_elses(of.unwrap_or(bought.id), customer)
            .await?;
        self.decide(customer, |draft, catalog| {
            let outcome = match of {
                Some(_) => ImportOutcome::There,
                None => import_subscription(draft, &bought, catalog)?,
            };
            licensed(draft, of.unwrap_or(bought.id), outcome, row)
        })
        .await
    }
}

/// Activates the machines of a license that none were brought for yet and that has none; of
/// another, says whether these are among them.
fn licensed(
    draft: &mut Draft,
    of: SubscriptionId,
    outcome: ImportOutcome,
    row: &LicenseRow,
) -> Result<ImportOutcome, ImportRefusal> {
    let held = draft.account.subscription(of).cloned();
    let held = held.ok_or(ImportRefusal::NoSuchSubscription)?;
    if held.terms.plan != row.plan {
        return Ok(ImportOutcome::Differs {
            fields: vec!["plan"],
        });
    }
    let license = draft.account.license_of(of).cloned();
    let license = license.ok_or(ImportRefusal::NoLicense)?;
    let marks = row.machines.iter().map(|name| mark_of(license.id, name));
    let marks: BTreeSet<String> = marks.collect();
    let active: BTreeSet<_> = license.machines.iter().map(|it| it.mark.clone()).collect();
    let imported = held.imported.clone();
    let was_brought = imported.as_ref().is_some_and(|it| it.machines);
    if let Some(imported) = imported.filter(|_| !marks.is_empty() && !was_brought) {
        draft.account.put_subscription(Subscription {
            imported: Some(Imported {
                machines: true,
                ..imported
            }),
            ..held
        });
    }
    if marks.is_subset(&active) {
        return Ok(outcome);
    }
    if was_brought || !active.is_empty() {
        return Ok(ImportOutcome::Differs {
            fields: vec!["machines"],
        });
    }
    for mark in &marks {
        let activated = act_on_machine(draft, license.id, MachineAct::Activate, mark);
        activated.map_err(|error| match error {
            MachineActError::TooMany { .. } => ImportRefusal::TooManyMachines,
            MachineActError::NotGood | MachineActError::NoSuchLicense => ImportRefusal::NoLicense,
        })?;
    }
    Ok(ImportOutcome::CREATED)
}
