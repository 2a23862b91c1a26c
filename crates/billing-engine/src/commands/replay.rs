//! Replay: what providers told is applied again, from the inbox, and what comes of it
//! is compared with what is stored. Changes nothing, and asks no provider.

use std::collections::BTreeMap;

use billing_domain::audit::{Mismatch, Stored, Told, Unjudged, is_replayed, replay};
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::provider::ProviderAccount;
use billing_ports::Reading;
use billing_ports::store::{
    Also, ChangeFilter, InvoiceFilter, KeptDelivery, KeptState, Loaded, Revision,
};

use crate::billing::{Billing, Parts};
use crate::commands::audit::all;
use crate::error::EngineError;
use crate::ring::{READ, Whose};

/// Customers replayed together, for whom the inbox is walked once: what each of them
/// was told is held meanwhile, which at a hundred rows of a kilobyte for each is half
/// a gigabyte. Few have as many customers; where there are more, it is walked again.
const CUSTOMERS: u16 = 5_000;

/// Rows of the inbox asked for at once.
const ROWS: u16 = 500;

/// The kind of the answers to our own looks at a subscription.
const LOOKED: &str = "reply.read_subscription";

/// What is replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayAsk {
    /// What this account told only. `None`: what any did.
    pub provider: Option<ProviderAccount>,
    /// This customer only. `None`: everybody.
    pub customer: Option<CustomerId>,
}

/// What replaying came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Customers that were compared.
    pub customers: u64,
    /// Rows of the inbox that were applied again.
    pub rows: u64,
    /// Differences that were found.
    pub mismatches: u64,
    /// What could not be compared.
    pub unjudged: u64,
    /// Rows that were left out, because they are not decided.
    pub left_out: u64,
}

/// Something that replaying has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayFinding {
    /// What is stored is not what was told.
    Mismatch(Mismatch),
    /// Something cannot be compared: the inbox does not tell enough of it.
    Unjudged(Unjudged),
    /// The customer was changed meanwhile: another go compares it.
    Moved,
    /// A row of the inbox was left out.
    LeftOut(LeftOut),
}

/// A row of the inbox that was not applied again, because it was never applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The row.
    pub inbox: InboxId,
    /// Who told it.
    pub account: ProviderAccount,
    /// The provider's id of the event.
    pub event_id: String,
    /// Why.
    pub why: &'static str,
}

impl Billing {
    /// Rebuilds what providers run for its customers from all that the inbox keeps, and
    /// compares it with what is stored; `each` hears every finding with whose it is,
    /// `None` where that is not known. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails, or a row cannot be read: the row is
    /// named.
    pub async fn replay(
        &self,
        ask: &ReplayAsk,
        mut each: impl FnMut(Option<CustomerId>, &ReplayFinding) + Send,
    ) -> Result<Replayed, EngineError> {
        let parts = self.parts()?;
        let mut done = Replayed::default();
        let mut tell = |whose: Option<CustomerId>, finding: ReplayFinding| {
            each(whose, &finding);
        };
        if let Some(customer) = ask.customer {
            let go = Go { ask, first: false };
            parts
                .replay_of(&[customer], &go, &mut done, &mut tell)
                .await?;
            return Ok(done);
        }
        let mut after = None;
        loop {
            let page = parts.store.walk_customers(after, CUSTOMERS).await?;
            let go = Go {
                ask,
                first: after.is_none(),
            };
            parts.replay_of(&page, &go, &mut done, &mut tell).await?;
            match page.last() {
                Some(last) if page.len() == usize::from(CUSTOMERS) => after = Some(*last),
                _ => return Ok(done),
            }
        }
    }
}

/// One walk through the inbox.
struct Go<'a> {
    ask: &'a ReplayAsk,
    /// Whether it tells of the rows that are nobody's: once is enough.
    first: bool,
}

/// A customer that is replayed.
struct Subject {
    /// How often it had been changed before the inbox was walked.
    revision: Revision,
    told: Vec<Told>,
}

type Tell<'a> = dyn FnMut(Option<CustomerId>, ReplayFinding) + Send + 'a;

impl Parts {
    async fn replay_of(
        &self,
        customers: &[CustomerId],
        go: &Go<'_>,
        done: &mut Replayed,
        tell: &mut Tell<'_>,
    ) -> Result<(), EngineError> {
        let mut subjects: BTreeMap<CustomerId, Subject> = BTreeMap::new();
        for customer in customers {
            if let Some(loaded) = self.store.load(*customer, &Also::default()).await? {
                let subject = Subject {
                    revision: loaded.revision,
                    told: Vec::new(),
                };
                subjects.insert(*customer, subject);
            }
        }
        let mut after = None;
        loop {
            let page = self.store.walk_inbox(after, ROWS).await?;
            after = page.last().map(|row| row.id);
            let more = page.len() == usize::from(ROWS);
            for row in page {
                self.sort_in(row, go, &mut subjects, done, tell).await?;
            }
            if !more {
                break;
            }
        }
        for (customer, subject) in subjects {
            self.replay_one(customer, &subject, go.ask, done, tell)
                .await?;
        }
        Ok(())
    }

    /// Puts a row to the customer it is about, if that is one of these.
    async fn sort_in(
        &self,
        row: KeptDelivery,
        go: &Go<'_>,
        subjects: &mut BTreeMap<CustomerId, Subject>,
        done: &mut Replayed,
        tell: &mut Tell<'_>,
    ) -> Result<(), EngineError> {
        let delivery = row.delivery;
        let asked = go.ask.provider.as_ref();
        if asked.is_some_and(|asked| *asked != delivery.account) {
            return Ok(());
        }
        let facts = match delivery.reading {
            Reading::Facts(facts) => facts,
            Reading::Unreadable { .. } => Vec::new(),
        };
        let undecided = match row.state {
            KeptState::Discarded => return Ok(()),
            KeptState::Waiting => Some("it waits to be decided"),
            KeptState::Parked => Some("it is set aside for a person"),
            KeptState::Decided => None,
        };
        let replayed = facts.iter().any(|told| is_replayed(&told.fact));
        if !replayed && undecided.is_none() {
            return Ok(());
        }
        let whose = match row.linked {
            Some(linked) => Some(linked),
            None => match self.whose_are(&facts).await? {
                Whose::Customer(customer) => Some(customer),
                Whose::Nobody | Whose::Disputed => None,
            },
        };
        if let Some(why) = undecided {
            let asked = whose.map_or(go.first, |whose| subjects.contains_key(&whose));
            if asked {
                done.left_out = done.left_out.saturating_add(1);
                let left_out = LeftOut {
                    inbox: row.id,
                    account: delivery.account,
                    event_id: delivery.event_id,
                    why,
                };
                tell(whose, ReplayFinding::LeftOut(left_out));
            }
            return Ok(());
        }
        if let Some(subject) = whose.and_then(|whose| subjects.get_mut(&whose)) {
            done.rows = done.rows.saturating_add(1);
            subject.told.push(Told {
                inbox: row.id,
                account: delivery.account,
                read: delivery.kind.starts_with(READ) || delivery.kind == LOOKED,
                received_at: row.received_at,
                facts,
            });
        }
        Ok(())
    }

    async fn replay_one(
        &self,
        customer: CustomerId,
        subject: &Subject,
        ask: &ReplayAsk,
        done: &mut Replayed,
        tell: &mut Tell<'_>,
    ) -> Result<(), EngineError> {
        let Some(first) = self.store.load(customer, &Also::default()).await? else {
            return Ok(());
        };
        let also = Also {
            checkouts: checkouts(&first, &subject.told),
            ..Also::default()
        };
        let of_invoices = InvoiceFilter {
            customer: Some(customer),
            ..InvoiceFilter::default()
        };
        let of_changes = ChangeFilter {
            customer: Some(customer),
            ..ChangeFilter::default()
        };
        let store = &self.store;
        let invoices = all(
            |page| store.list_invoices(of_invoices, page),
            |(_, invoice)| invoice.id.uuid(),
        );
        let invoices = invoices.await?.into_iter().map(|(_, invoice)| invoice);
        let invoices: Vec<_> = invoices.collect();
        let changes = all(
            |page| store.list_changes(of_changes, page),
            |change| change.id.uuid(),
        );
        let changes = changes.await?;
        let Some(loaded) = store.load(customer, &also).await? else {
            return Ok(());
        };
        done.customers = done.customers.saturating_add(1);
        if loaded.revision != subject.revision {
            done.unjudged = done.unjudged.saturating_add(1);
            tell(Some(customer), ReplayFinding::Moved);
            return Ok(());
        }
        let stored = Stored {
            account: &loaded.account,
            invoices: &invoices,
            changes: &changes,
            only: ask.provider.as_ref(),
        };
        let catalog = self.catalog(self.now()).await?;
        let found = replay(&stored, &subject.told, &catalog);
        for mismatch in found.mismatches {
            done.mismatches = done.mismatches.saturating_add(1);
            tell(Some(customer), ReplayFinding::Mismatch(mismatch));
        }
        for unjudged in found.unjudged {
            done.unjudged = done.unjudged.saturating_add(1);
            tell(Some(customer), ReplayFinding::Unjudged(unjudged));
        }
        Ok(())
    }
}

/// The checkouts that its subscriptions came from, and those that were told of.
fn checkouts(loaded: &Loaded, told: &[Told]) -> Vec<billing_domain::ids::CheckoutId> {
    let held = loaded.account.subscriptions.iter();
    let held = held.filter_map(|held| held.checkout);
    let facts = told.iter().flat_map(|row| &row.facts);
    let named = facts.filter_map(|fact| fact.link.checkout.or_else(|| fact.fact.checkout()));
    let mut all: Vec<_> = held.chain(named).collect();
    all.sort();
    all.dedup();
    all
}
