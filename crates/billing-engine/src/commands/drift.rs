//! Drift: every open object is read from its provider and compared with these
//! books. Changes nothing: what is read is not received.

use std::collections::BTreeMap;

use billing_domain::audit::{Drift, DriftCode, Remedy, Side, drift, open_objects};
use billing_domain::customer::Account;
use billing_domain::fact::Fact;
use billing_domain::ids::CustomerId;
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_ports::provider::{Inspected, LeftOver};
use billing_ports::store::Also;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;
use crate::manual::MANUAL;

/// Customers asked for at once; each is then read by itself.
const CUSTOMERS: u16 = 500;

/// Reads in a row that a provider does not answer before no more is asked of it:
/// each may take a minute, and what is not there for three is not there for a
/// thousand.
const GIVE_UP_AFTER: u32 = 3;

/// What comparing with the providers came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drifted {
    /// Objects that were read.
    pub read: u64,
    /// Differences that were found.
    pub drifts: u64,
    /// The accounts that did not answer for everything. Empty: all of them did.
    pub unanswered: BTreeMap<ProviderAccount, Unanswered>,
}

/// A provider that did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unanswered {
    /// Objects of which nothing is known: those it did not answer for, and those
    /// that it was not asked about any more.
    pub objects: u64,
    /// Why, as it was said last.
    pub error: String,
    /// How many in a row it has not answered for.
    in_a_row: u32,
}

impl Billing {
    /// Compares these books with those of the providers, or of `only` this one:
    /// every subscription that a provider runs, and every open invoice. `each` hears
    /// every difference with whose it is. Writes nothing.
    ///
    /// Invoices that an operator marks paid are in no books but these, and are not
    /// asked about.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails. A provider that fails is named in what
    /// it came to.
    pub async fn drift(
        &self,
        only: Option<&ProviderAccount>,
        mut each: impl FnMut(CustomerId, &Drift) + Send,
    ) -> Result<Drifted, EngineError> {
        let parts = self.parts()?;
        let mut done = Drifted::default();
        let mut after = None;
        loop {
            let page = parts.store.walk_customers(after, CUSTOMERS).await?;
            for customer in &page {
                for found in parts.drift_of(*customer, only, &mut done).await? {
                    done.drifts = done.drifts.saturating_add(1);
                    each(*customer, &found);
                }
            }
            match page.last() {
                Some(last) if page.len() == usize::from(CUSTOMERS) => after = Some(*last),
                _ => return Ok(done),
            }
        }
    }
}

impl Parts {
    async fn drift_of(
        &self,
        customer: CustomerId,
        only: Option<&ProviderAccount>,
        done: &mut Drifted,
    ) -> Result<Vec<Drift>, EngineError> {
        let Some(loaded) = self.store.load(customer, &Also::default()).await? else {
            return Ok(Vec::new());
        };
        let mut read: Vec<(ProviderRef, Inspected)> = Vec::new();
        for object in open_objects(&loaded.account) {
            let asked = only.is_none_or(|only| *only == object.account);
            if !asked || object.account.provider().as_str() == MANUAL {
                continue;
            }
            if let Some(seen) = self.read_for(&object, done).await {
                read.push((object, seen));
            }
        }
        if read.is_empty() {
            return Ok(Vec::new());
        }
        // Loaded again, with what was told of: a webhook may have come meanwhile.
        let Some(loaded) = self.store.load(customer, &told_of(&read)).await? else {
            return Ok(Vec::new());
        };
        let mut found: Vec<Drift> = Vec::new();
        for (object, Inspected { facts, left }) in &read {
            let left = left.clone();
            let left = left.map(|left| unfinished(Some(&loaded.account), object, left));
            for differs in drift(&loaded.account, object, facts)
                .into_iter()
                .chain(left)
            {
                // A subscription is read with its invoices, which are read themselves.
                if !found.contains(&differs) {
                    found.push(differs);
                }
            }
        }
        Ok(found)
    }

    /// Reads an object. `None`: nobody answered, and that is noted.
    async fn read_for(&self, object: &ProviderRef, done: &mut Drifted) -> Option<Inspected> {
        let silent = done.unanswered.get(&object.account);
        if silent.is_some_and(|silent| silent.in_a_row >= GIVE_UP_AFTER) {
            silent_for(done, &object.account, None);
            return None;
        }
        let Some(provider) = self.providers.get(&object.account) else {
            let error = "it is not configured".to_owned();
            silent_for(done, &object.account, Some(error));
            return None;
        };
        let reading = provider.inspect(object);
        let error = match tokio::time::timeout(self.limits.call_timeout, reading).await {
            Ok(Ok(seen)) => {
                done.read = done.read.saturating_add(1);
                if let Some(silent) = done.unanswered.get_mut(&object.account) {
                    silent.in_a_row = 0;
                }
                return Some(seen);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "no answer in time".to_owned(),
        };
        silent_for(done, &object.account, Some(error));
        None
    }
}

/// What a call of ours has left unfinished at a provider: whoever reads it there, and
/// not only compares, puts it right. `account`: whose it is, where that is known.
pub(crate) fn unfinished(account: Option<&Account>, object: &ProviderRef, left: LeftOver) -> Drift {
    let mut held = account
        .into_iter()
        .flat_map(|account| &account.subscriptions);
    let row = held.find(|held| {
        let named = held.reference() == Some(object.id.as_str());
        named && held.provider.as_ref() == Some(&object.account)
    });
    Drift {
        code: DriftCode::Unfinished,
        object: object.clone(),
        row: row.map(|held| held.id.to_string()),
        ours: left.wanted,
        theirs: left.stands,
        right: Side::Ours,
        remedy: Remedy::PutRight,
    }
}

/// The invoices that were told of, closed ones included.
fn told_of(read: &[(ProviderRef, Inspected)]) -> Also {
    let mut also = Also::default();
    for (object, seen) in read {
        for told in &seen.facts {
            also.invoices.extend(told.fact.invoice());
            if let Fact::ProviderInvoiceSeen { reference, .. } = &told.fact {
                also.invoice_refs.push(ProviderRef {
                    account: object.account.clone(),
                    kind: RefKind::Invoice,
                    id: reference.clone(),
                });
            }
        }
    }
    also
}

/// Notes that an account did not answer for an object. `error` `None`: it was not
/// asked.
fn silent_for(done: &mut Drifted, account: &ProviderAccount, error: Option<String>) {
    let silent = done.unanswered.entry(account.clone()).or_default();
    silent.objects = silent.objects.saturating_add(1);
    if let Some(error) = error {
        silent.error = error;
        silent.in_a_row = silent.in_a_row.saturating_add(1);
    }
}
