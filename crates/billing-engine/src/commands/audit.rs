//! The audit: every invariant over every customer's whole history. Changes
//! nothing, and names each row that offends.

use billing_domain::audit::{Books, Finding, audit};
use billing_domain::customer::Account;
use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, ChangeFilter, InvoiceFilter, Page, PageAsk, StoreError};
use uuid::Uuid;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// Customers asked for at once; each is then read by itself.
const CUSTOMERS: u16 = 500;

/// Rows of one customer asked for at once.
const ROWS: u16 = 500;

/// Pages of one list of one customer: a million rows are no customer's, but a
/// list that repeats itself.
const MAX_PAGES: usize = 2_000;

/// What an audit came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audited {
    /// Customers that were looked at.
    pub customers: u64,
    /// What was found.
    pub findings: u64,
}

impl Billing {
    /// Checks every invariant over everybody; `each` hears every finding with
    /// whose it is.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails, or a row cannot be read: the row is
    /// named.
    pub async fn audit(
        &self,
        mut each: impl FnMut(CustomerId, &Finding) + Send,
    ) -> Result<Audited, EngineError> {
        let parts = self.parts()?;
        let mut audited = Audited::default();
        let mut after = None;
        loop {
            let page = parts.store.walk_customers(after, CUSTOMERS).await?;
            for customer in &page {
                audited.customers = audited.customers.saturating_add(1);
                for finding in parts.audit_one(*customer).await? {
                    audited.findings = audited.findings.saturating_add(1);
                    each(*customer, &finding);
                }
            }
            match page.last() {
                Some(last) if page.len() == usize::from(CUSTOMERS) => after = Some(*last),
                _ => return Ok(audited),
            }
        }
    }
}

impl Parts {
    async fn audit_one(&self, customer: CustomerId) -> Result<Vec<Finding>, EngineError> {
        let now: Timestamp = self.now();
        let Some(loaded) = self.store.load(customer, &Also::default()).await? else {
            return Ok(Vec::new());
        };
        let of_changes = ChangeFilter {
            customer: Some(customer),
            ..ChangeFilter::default()
        };
        let of_invoices = InvoiceFilter {
            customer: Some(customer),
            ..InvoiceFilter::default()
        };
        let changes = all(
            |page| self.store.list_changes(of_changes, page),
            |change| change.id.uuid(),
        )
        .await?;
        let invoices = all(
            |page| self.store.list_invoices(of_invoices, page),
            |(_, invoice)| invoice.id.uuid(),
        )
        .await?;
        let journal = all(
            |page| self.store.list_journal(customer, page),
            |entry| entry.id.uuid(),
        )
        .await?;
        let account = Account {
            changes,
            ..loaded.account
        };
        let invoices: Vec<_> = invoices.into_iter().map(|(_, invoice)| invoice).collect();
        let books = Books {
            account: &account,
            invoices: &invoices,
            journal: &journal,
        };
        Ok(audit(&books, now))
    }
}

/// Every row of a list, page after page.
pub(super) async fn all<T, F>(
    mut list: impl FnMut(PageAsk) -> F,
    id: impl Fn(&T) -> Uuid,
) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut rows: Vec<T> = Vec::new();
    for _ in 0..MAX_PAGES {
        let after = rows.last().map(&id);
        let page = list(PageAsk { after, limit: ROWS }).await?;
        rows.extend(page.rows);
        if !page.more {
            break;
        }
    }
    Ok(rows)
}
