//! Giving a license back to whoever names one of its invoices and the address.

use billing_domain::claim::mailbox_of;
use billing_domain::customer::Account;
use billing_domain::decide::note_recovery;
use billing_domain::ids::{CustomerId, InvoiceId};
use billing_ports::store::{Also, Locator};
use uuid::Uuid;

use crate::billing::Billing;
use crate::commands::checkout::secret_hash;
use crate::commands::license::{LicenseHeld, LicenseStanding, stands, unpayable};
use crate::error::EngineError;
use crate::ring::Deciding;

impl Billing {
    /// The license of the subscription that `invoice` belongs to, for whoever knows
    /// the address that its customer has, or that was typed when it was bought. The
    /// journal keeps that it was given, and of the address its hash. `None`: there is
    /// no such invoice, the address is another, or there is no license of it that
    /// could ever be good again; each takes the same reads.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn recover(
        &self,
        invoice: InvoiceId,
        email: &str,
    ) -> Result<Option<LicenseHeld>, EngineError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let found = parts.store.find(&Locator::Invoice(invoice)).await?;
        let also = Also {
            invoices: vec![invoice],
            ..Also::default()
        };
        // Where there is no invoice, nobody is looked up.
        let customer = found.unwrap_or(CustomerId::from(Uuid::nil()));
        let loaded = parts.store.load(customer, &also).await?;
        let email_hash = address_hash(email);
        let Some(account) = loaded.map(|loaded| loaded.account) else {
            return Ok(None);
        };
        let subscription = account.invoice(invoice).and_then(|held| held.subscription);
        if !is_address_of(&account, &email_hash) {
            return Ok(None);
        }
        let held = subscription.and_then(|id| {
            let (license, held) = (account.license_of(id)?, account.subscription(id)?);
            let unpayable = unpayable(&account, held);
            Some(stands(license, held, unpayable, &catalog, now))
        });
        let Some(held) = held.filter(|held| held.standing != LicenseStanding::Revoked) else {
            return Ok(None);
        };
        let id = held.license.id;
        let deciding = Deciding::about(customer);
        let noted = parts.decide(&deciding, |draft, _catalog| {
            // A license is never deleted.
            note_recovery(draft, id, &email_hash).map_err(|_gone| EngineError::Contended)
        });
        noted.await?;
        Ok(Some(held))
    }
}

/// Whether it is the customer's address, or the one that was typed when it bought.
/// Hashes are compared, of which nothing is found out by how long it takes.
fn is_address_of(account: &Account, email_hash: &str) -> bool {
    let claim = account.customer.claim.as_ref();
    let typed = claim.map(|claim| claim.email.as_str());
    let known = [account.customer.email.as_deref(), typed];
    let mut known = known.into_iter().flatten();
    known.any(|address| address_hash(address) == email_hash)
}

/// The SHA-256 of the mailbox's name, in hexadecimal.
fn address_hash(email: &str) -> String {
    secret_hash(&mailbox_of(email.trim()))
}
