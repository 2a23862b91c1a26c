//! Reconciling: every open invoice is asked about at its provider, so that a
//! lost webhook leads to the same state as one that came.
//!
//! What is read is received like a webhook, once for every state of the object and of
//! ours: what has come and gone again is news, though it was read just so before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use billing_domain::checkout::CheckoutState;
use billing_domain::customer::Account;
use billing_domain::digest::digest128;
use billing_domain::fact::{Fact, Link, Observed, Unclear};
use billing_domain::ids::CustomerId;
use billing_domain::invoice::{Invoice, Issuer};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Also, InvoiceFilter, PageAsk};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;
use jiff::SignedDuration;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// Invoices asked for at once.
const PAGE: u16 = 100;

/// Pages of one go: 10 000 open invoices, each a call to a provider. What lies
/// beyond comes with a later go, since those that settle leave the list.
const MAX_PAGES: usize = 100;

/// How long a page counts as fresh, and its invoice is asked about every few minutes: one that
/// was just opened is paid within the hour or not at all, and confirmed within the next.
/// Older ones are asked about each hour.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(2);

/// Fresh invoices asked about at one provider in one go, newest first: at the shortest
/// pause of a minute, two calls a second. What lies beyond is asked about within the hour.
const FRESH_AT_ONE: u64 = 100;

/// Pages that are looked through for fresh invoices in one go: as many as two providers
/// are asked about, and those of others, and older ones, between them.
const FRESH_PAGES: usize = 5;

/// Calls in a row that a provider does not answer, after which a go asks it nothing more:
/// each may take a minute, and others wait.
const MAX_IN_VAIN: u32 = 3;

/// How many calls in a row each account has not answered.
type Silent = BTreeMap<ProviderAccount, u32>;

/// What each open invoice came to when it was last asked about, by this process: as
/// many as one go asks about.
#[derive(Debug, Default)]
pub(crate) struct LastRead {
    digests: Mutex<BTreeMap<ProviderRef, String>>,
}

impl LastRead {
    /// Remembers what was read now. `true`: it was something else the last time.
    fn moved(&self, object: &ProviderRef, digest: &str) -> bool {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let before = digests.insert(object.clone(), digest.to_owned());
        before.is_some_and(|before| before != digest)
    }

    /// Forgets what was not among these.
    fn keep(&self, asked: &BTreeSet<ProviderRef>) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.retain(|object, _| asked.contains(object));
    }
}

/// What reconciling came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Open invoices that were asked about.
    pub asked: u64,
    /// Those that the provider did not answer for.
    pub unanswered: u64,
    /// Those of which something new was read.
    pub news: u64,
}

impl Billing {
    /// Asks the providers about every open invoice of ours; what is new is
    /// received, and decided by the worker as a webhook's would be.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails. A provider that fails is counted.
    pub async fn reconcile(&self) -> Result<Reconciled, EngineError> {
        self.parts()?.reconcile().await
    }

    /// The same for what has a page since two hours or less alone, a hundred at each
    /// provider at most: cheap enough to be repeated every few minutes.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails. A provider that fails is counted.
    pub async fn reconcile_fresh(&self) -> Result<Reconciled, EngineError> {
        self.parts()?.reconcile_fresh().await
    }
}

impl Parts {
    pub(crate) async fn reconcile(&self) -> Result<Reconciled, EngineError> {
        let mut done = Reconciled::default();
        let mut silent = Silent::new();
        let mut asked = BTreeSet::new();
        let mut page = first_page();
        for _ in 0..MAX_PAGES {
            let found = self.store.list_invoices(open_ones(), page).await?;
            let each = self.reconcile_each(&found.rows, &mut silent, &mut done);
            asked.extend(each.await?);
            page.after = found.rows.last().map(|(_, last)| last.id.uuid());
            if !found.more {
                break;
            }
        }
        self.last_read.keep(&asked);
        tell(done);
        Ok(done)
    }

    pub(crate) async fn reconcile_fresh(&self) -> Result<Reconciled, EngineError> {
        let mut done = Reconciled::default();
        let mut silent = Silent::new();
        let since = shifted(self.now(), -FRESH_FOR);
        let mut at_each: BTreeMap<ProviderAccount, u64> = BTreeMap::new();
        let mut page = first_page();
        for _ in 0..FRESH_PAGES {
            // Newest first.
            let mut found = self.store.list_invoices(open_ones(), page).await?;
            page.after = found.rows.last().map(|(_, last)| last.id.uuid());
            // What was made long ago may have a page that was just made.
            found.rows.retain(|(_, held)| newest_page(held) > since);
            found.rows.retain(|(_, held)| {
                let Some(account) = held.provider.as_ref().filter(|_| self.asks_about(held)) else {
                    return false;
                };
                let so_many = at_each.entry(account.clone()).or_default();
                *so_many = so_many.saturating_add(1);
                *so_many <= FRESH_AT_ONE
            });
            self.reconcile_each(&found.rows, &mut silent, &mut done)
                .await?;
            if !found.more {
                break;
            }
        }
        tell(done);
        Ok(done)
    }

    /// Asks about each of these; gives what was asked about.
    async fn reconcile_each(
        &self,
        rows: &[(CustomerId, Invoice)],
        silent: &mut Silent,
        done: &mut Reconciled,
    ) -> Result<BTreeSet<ProviderRef>, EngineError> {
        let owners = self.owners(rows).await?;
        let mut asked = BTreeSet::new();
        for (customer, invoice) in rows {
            let Some(owner) = owners.get(customer) else {
                continue;
            };
            asked.extend(self.reconcile_one(owner, invoice, silent, done).await?);
        }
        Ok(asked)
    }

    /// The customers whose invoices are asked about, each loaded once, with the
    /// checkouts that these invoices are paid through.
    async fn owners(
        &self,
        rows: &[(CustomerId, Invoice)],
    ) -> Result<BTreeMap<CustomerId, Account>, EngineError> {
        let mut wanted: BTreeMap<CustomerId, Also> = BTreeMap::new();
        for (customer, invoice) in rows.iter().filter(|(_, held)| self.asks_about(held)) {
            let also = wanted.entry(*customer).or_default();
            also.checkouts.extend(invoice.checkout);
        }
        let mut owners = BTreeMap::new();
        for (customer, also) in wanted {
            if let Some(loaded) = self.store.load(customer, &also).await? {
                owners.insert(customer, loaded.account);
            }
        }
        Ok(owners)
    }

    /// Whether it is ours, and a provider is there to be asked.
    fn asks_about(&self, invoice: &Invoice) -> bool {
        let account = invoice.provider.as_ref();
        let known = account.is_some_and(|account| self.providers.contains_key(account));
        known && invoice.issuer == Issuer::Engine
    }

    /// Asks about one; gives what was asked about, if anything was.
    async fn reconcile_one(
        &self,
        owner: &Account,
        invoice: &Invoice,
        silent: &mut Silent,
        done: &mut Reconciled,
    ) -> Result<Option<ProviderRef>, EngineError> {
        let (Some(account), Issuer::Engine) = (&invoice.provider, invoice.issuer) else {
            return Ok(None);
        };
        let Some(provider) = self.providers.get(account) else {
            return Ok(None);
        };
        let Some(object) = payable_at(owner, invoice, account) else {
            return Ok(None);
        };
        let in_vain = silent.entry(account.clone()).or_default();
        if *in_vain >= MAX_IN_VAIN {
            return Ok(Some(object));
        }
        done.asked = done.asked.saturating_add(1);
        let reading = provider.read(&object);
        let read = tokio::time::timeout(self.limits.call_timeout, reading).await;
        let Ok(Ok(facts)) = read else {
            done.unanswered = done.unanswered.saturating_add(1);
            *in_vain = in_vain.saturating_add(1);
            return Ok(Some(object));
        };
        *in_vain = 0;
        let is_missing = facts.is_empty();
        if is_missing && !provider.keeps_invoices() {
            return Ok(Some(object));
        }
        let (facts, event_id) = if is_missing {
            missing(owner, invoice, &object)
        } else {
            let event_id = self.named(owner, invoice, &object, &facts);
            (facts, event_id)
        };
        let delivery = Delivery {
            account: object.account.clone(),
            event_id,
            kind: "read.invoice".to_owned(),
            reading: Reading::Facts(facts),
            body: Bytes::new(),
        };
        if self.receive_new(delivery).await? {
            done.news = done.news.saturating_add(1);
            if is_missing {
                tracing::warn!(account = %object.account, object = object.id,
                    invoice = %invoice.id, "an open invoice is not known to its provider");
            }
        }
        Ok(Some(object))
    }

    /// What was read, by name: the same while neither it nor what is held here of the
    /// invoice becomes other, and another one when it comes back to what it was.
    fn named(
        &self,
        owner: &Account,
        invoice: &Invoice,
        object: &ProviderRef,
        facts: &[Observed],
    ) -> String {
        let held = invoice.subscription.and_then(|id| owner.subscription(id));
        let times = held.map(|held| &held.times);
        let digest = digest128(&(but_for_looks(facts), invoice.but_for_looks(), times));
        let reference = &object.id;
        let moved = self.last_read.moved(object, &digest);
        if moved || is_payable_again(owner, invoice, facts) {
            let now = self.now().as_microsecond();
            return format!("read:{reference}:{digest}:{now}");
        }
        format!("read:{reference}:{digest}")
    }
}

/// When its newest page was made, as far as is known: while its provider was away, none was.
fn newest_page(held: &Invoice) -> Timestamp {
    let known = held.paged_at.or(held.unpayable.again_at);
    known.unwrap_or(held.opened_at)
}

/// What was read, but for when the page was looked at, which is another instant each time.
fn but_for_looks(facts: &[Observed]) -> Vec<(Fact, Option<Timestamp>, &Link)> {
    let told = facts.iter().map(|told| {
        let mut fact = told.fact.clone();
        if let Fact::InvoiceClosed { read_at, .. } = &mut fact {
            *read_at = None;
        }
        let looked = matches!(
            fact,
            Fact::InvoiceOpened { .. } | Fact::PaymentPending { .. }
        );
        (fact, (!looked).then_some(told.at), &told.link)
    });
    told.collect()
}

const fn first_page() -> PageAsk {
    PageAsk {
        after: None,
        limit: PAGE,
    }
}

const fn open_ones() -> InvoiceFilter {
    InvoiceFilter {
        customer: None,
        subscription: None,
        open: Some(true),
        renewal: None,
    }
}

fn tell(done: Reconciled) {
    if done.news > 0 {
        tracing::info!(
            invoices = done.asked,
            news = done.news,
            "open invoices reconciled"
        );
    }
}

/// Whether the money of its checkout was on its way, and is no more: however often that
/// happened before, it is told until it is decided.
fn is_payable_again(owner: &Account, invoice: &Invoice, facts: &[Observed]) -> bool {
    let mut told = facts.iter();
    let opened = told.any(|told| matches!(told.fact, Fact::CheckoutOpened { .. }));
    let paid_through = invoice.checkout.and_then(|id| owner.checkout(id));
    opened
        && invoice.payments.is_empty()
        && paid_through.is_some_and(|held| {
            !held.owns_schedule && matches!(held.state, CheckoutState::Pending { .. })
        })
}

/// That it is owed here and not known there, which a person is told of once.
fn missing(owner: &Account, invoice: &Invoice, object: &ProviderRef) -> (Vec<Observed>, String) {
    let seen = Observed {
        fact: Fact::Unclear {
            of: None,
            object: object.clone(),
            what: Unclear::Missing,
        },
        at: invoice.opened_at,
        link: Link {
            customer: Some(owner.customer.id),
            refs: vec![object.clone()],
            ..Link::default()
        },
    };
    let event_id = format!("missing:{}:{}", object.kind.as_str(), object.id);
    (vec![seen], event_id)
}

/// Where an open invoice is paid: its own page, or that of the checkout whose
/// money is on its way. `None`: nowhere yet.
fn payable_at(
    owner: &Account,
    invoice: &Invoice,
    account: &ProviderAccount,
) -> Option<ProviderRef> {
    let at = |kind, id: &str| ProviderRef {
        account: account.clone(),
        kind,
        id: id.to_owned(),
    };
    if let Some(reference) = &invoice.reference {
        return Some(at(RefKind::Invoice, reference));
    }
    // One that has ended says nothing more of its money.
    let held = owner.checkout(invoice.checkout?);
    let held = held.filter(|held| held.is_open())?;
    Some(at(RefKind::Checkout, held.reference()?))
}
