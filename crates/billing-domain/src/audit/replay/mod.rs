//! Replay: what a provider told is applied again from the first word on, to a
//! customer from whom everything was taken that only a provider tells, and what comes
//! of it is compared with what is stored. Repairs nothing.
//!
//! It covers what a provider runs: subscriptions on its schedule, its own invoices
//! with what went back of them, and whether the checkouts that led there are complete.
//! What commands decided is taken as it is stored, and is no part of the comparison:
//! checkouts and their terms, accepted changes, terms to come, cancellations that were
//! ordered, grants, licenses, and all that the engine runs itself.

mod compare;

use std::collections::BTreeSet;

use crate::catalog::CatalogRevision;
use crate::change::{Change, ChangeState};
use crate::checkout::{Checkout, CheckoutState};
use crate::customer::Account;
use crate::decide::{Verdict, apply_fact, outrank};
use crate::decision::Draft;
use crate::fact::{Fact, Observed};
use crate::ids::{IdSeq, InboxId, SubscriptionId};
use crate::invoice::{Invoice, Issuer};
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
use crate::subscription::{Promise, Subscription};
use crate::time::Timestamp;

/// One customer as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The customer, with the checkouts that its subscriptions came from or that were
    /// told of, closed ones included. The invoices and changes in it are not looked at.
    pub account: &'a Account,
    /// Every invoice.
    pub invoices: &'a [Invoice],
    /// Every change.
    pub changes: &'a [Change],
    /// Compare what this provider account runs only. `None`: whatever any runs.
    pub only: Option<&'a ProviderAccount>,
}

/// Something that a provider told this customer's books, and that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The row of the inbox.
    pub inbox: InboxId,
    /// Who told it.
    pub account: ProviderAccount,
    /// Whether the object was read because something was doubtful: then it is believed
    /// over what was told of the same instant.
    pub read: bool,
    /// When it arrived, by our clock.
    pub received_at: Timestamp,
    /// What was told, in order.
    pub facts: Vec<Observed>,
}

/// What replaying came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Where what is stored is not what was told.
    pub mismatches: Vec<Mismatch>,
    /// What cannot be compared.
    pub unjudged: Vec<Unjudged>,
}

/// Something stored that is not what was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In what they differ.
    pub code: MismatchCode,
    /// The provider's object.
    pub object: ProviderRef,
    /// Our row, by its id. `None`: there is none.
    pub row: Option<String>,
    /// What is stored.
    pub stored: String,
    /// What comes of all that was told.
    pub told: String,
}

/// Something that cannot be compared, because the inbox does not tell enough of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// The provider's object.
    pub object: ProviderRef,
    /// Why not.
    pub why: String,
}

/// In what something stored differs from what was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MismatchCode {
    /// It was told, and is not stored.
    NotStored,
    /// It is stored, and nothing in the inbox tells of it.
    NotTold,
    /// The instant of the newest word that is known of it.
    Heard,
    /// How it stands.
    Status,
    /// Until when a subscription is paid.
    PaidThrough,
    /// The plan and price that are held.
    Price,
    /// How many pieces are held.
    Quantity,
    /// When a subscription ends that was canceled.
    Cancellation,
    /// The paid time that a subscription gives no access for, because it was paid back.
    Withheld,
    /// How much an invoice comes to.
    Amount,
    /// What an invoice is for: its subscription and its period.
    Purpose,
    /// The payments of an invoice.
    Payments,
    /// What went back of an invoice, or is contested.
    Returns,
}

impl MismatchCode {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStored => "replay_not_stored",
            Self::NotTold => "replay_not_told",
            Self::Heard => "replay_heard",
            Self::Status => "replay_status",
            Self::PaidThrough => "replay_paid_through",
            Self::Price => "replay_price",
            Self::Quantity => "replay_quantity",
            Self::Cancellation => "replay_cancellation",
            Self::Withheld => "replay_withheld",
            Self::Amount => "replay_amount",
            Self::Purpose => "replay_purpose",
            Self::Payments => "replay_payments",
            Self::Returns => "replay_returns",
        }
    }
}

/// How often what was about nothing known yet is tried again. Each go makes at least
/// one thing known, and a return of a return there is not: so two are enough.
const MAX_GOES: usize = 3;

/// Whether a fact is applied again: it tells what replay compares. Objects that are
/// only hinted at are not, but count as told of.
#[must_use]
pub const fn is_replayed(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::CheckoutCompleted { .. }
            | Fact::SubscriptionSeen(_)
            | Fact::ProviderInvoiceSeen { .. }
            | Fact::RefundSeen(_)
            | Fact::DisputeSeen(_)
            | Fact::Hinted { .. }
    )
}

/// Applies all of `told` under the catalog in force, in the order of receipt, and
/// compares.
#[must_use]
pub fn replay(stored: &Stored<'_>, told: &[Told], catalog: &CatalogRevision) -> Replay {
    let mut rebuilding = Rebuilding::begin(*stored, catalog);
    let mut rows: Vec<&Told> = told.iter().collect();
    // What was read was read because of what had been told by then.
    rows.sort_by_key(|row| (row.received_at, row.read, row.inbox));
    let mut early: Vec<(&Told, &Observed)> = Vec::new();
    for row in rows {
        for observed in &row.facts {
            let verdict = rebuilding.hear(row, observed);
            if verdict == Verdict::Unlinked {
                early.push((row, observed));
            }
        }
    }
    // What went back may have been told before what it was paid for.
    for _ in 0..MAX_GOES {
        early.retain(|(row, observed)| rebuilding.hear(row, observed) == Verdict::Unlinked);
    }
    rebuilding.compare(told)
}

struct Rebuilding<'a> {
    stored: Stored<'a>,
    catalog: &'a CatalogRevision,
    draft: Draft,
    /// Changes that are still to be accepted, latest first.
    to_come: Vec<&'a Change>,
}

impl<'a> Rebuilding<'a> {
    /// The customer before any provider told anything.
    fn begin(stored: Stored<'a>, catalog: &'a CatalogRevision) -> Self {
        let mut account = stored.account.clone();
        let run: BTreeSet<SubscriptionId> = account
            .subscriptions
            .iter()
            .filter(|held| stored.is_run(held))
            .map(|held| held.id)
            .collect();
        account.subscriptions.retain(|held| !run.contains(&held.id));
        for checkout in &mut account.checkouts {
            if stored.is_sold(checkout) {
                unfinish(checkout);
            }
        }
        account.invoices = stored
            .invoices
            .iter()
            .filter(|invoice| !stored.is_mirrored(invoice))
            .cloned()
            .collect();
        let (mut to_come, others): (Vec<&Change>, Vec<&Change>) = stored
            .changes
            .iter()
            .partition(|change| run.contains(&change.quote.subscription));
        account.changes = others.into_iter().cloned().collect();
        to_come.sort_by_key(|change| std::cmp::Reverse((change.accepted_at, change.id)));
        let ids = IdSeq::new(Timestamp::UNIX_EPOCH, 0);
        Self {
            stored,
            catalog,
            draft: Draft::imagined(account, ids, Timestamp::UNIX_EPOCH),
            to_come,
        }
    }

    /// Applies one fact as it was applied when it arrived.
    fn hear(&mut self, row: &Told, observed: &Observed) -> Verdict {
        let replayed = is_replayed(&observed.fact) && !matches!(observed.fact, Fact::Hinted { .. });
        if !replayed || !self.is_ours(&observed.fact) {
            return Verdict::Decided;
        }
        self.draft.imagine_at(row.received_at);
        self.accept_changes(row.received_at);
        if row.read {
            outrank(&mut self.draft, &row.account, observed);
        }
        // Where two contradict each other, the object was read: that is a later row.
        let verdict = apply_fact(&mut self.draft, &row.account, observed, self.catalog);
        self.name_as_stored();
        for held in &mut self.draft.account.subscriptions {
            if self.stored.is_run(held) {
                // What is to come is our own word: here, the provider's holds at once.
                held.scheduled = None;
                held.replaced = None;
                held.promise = Promise::default();
            }
        }
        verdict
    }

    /// Only what leads to a subscription of the provider's: else the checkout is
    /// complete already, and what it began is the engine's.
    fn is_ours(&self, fact: &Fact) -> bool {
        fact.checkout().is_none_or(|id| {
            let checkout = self.draft.account.checkout(id);
            checkout.is_some_and(|checkout| self.stored.is_sold(checkout))
        })
    }

    /// What had been accepted by `at` stands as it was accepted: the provider's word
    /// that it charged the price is what applies it.
    fn accept_changes(&mut self, at: Timestamp) {
        while let Some(change) = self.to_come.pop_if(|change| change.accepted_at <= at) {
            let told = change.applied_at().is_some();
            let awaits = told || change.state == ChangeState::AwaitingPayment;
            if awaits && let Some(other) = self.awaiting(change.quote.subscription) {
                self.draft.account.put_change(other);
            }
            let state = if awaits {
                ChangeState::AwaitingPayment
            } else {
                change.state
            };
            self.draft.account.put_change(Change {
                state,
                charged: None,
                ..change.clone()
            });
        }
    }

    /// The change that awaits its payment, as it is stored: another takes its place.
    fn awaiting(&self, subscription: SubscriptionId) -> Option<Change> {
        let awaiting = self.draft.account.awaiting_change(subscription)?.id;
        let stored = self.stored.changes.iter();
        let mut stored = stored.filter(|change| change.id == awaiting);
        let change = stored.next().cloned()?;
        let mut state = change.state;
        if state == ChangeState::AwaitingPayment {
            let at = change.accepted_at;
            state = ChangeState::Superseded { at };
        }
        Some(Change { state, ..change })
    }

    /// What drew a new id goes by the stored one, which changes and invoices name.
    fn name_as_stored(&mut self) {
        let stored = self.stored;
        let account = &mut self.draft.account;
        let mut renamed: Vec<(SubscriptionId, SubscriptionId)> = Vec::new();
        for held in &mut account.subscriptions {
            let known = stored.account.subscriptions.iter();
            let mut known = known.filter(|known| stored.is_run(known));
            let known = known.find(|known| known.provider_ref() == held.provider_ref());
            let Some(known) = known.filter(|known| known.id != held.id && stored.is_run(held))
            else {
                continue;
            };
            renamed.push((held.id, known.id));
            held.id = known.id;
        }
        for invoice in &mut account.invoices {
            let new = renamed
                .iter()
                .find(|(old, _)| invoice.subscription == Some(*old));
            if let Some((_, new)) = new {
                invoice.subscription = Some(*new);
            }
        }
    }
}

impl Stored<'_> {
    fn is_asked_for(&self, account: Option<&ProviderAccount>) -> bool {
        account.is_some_and(|account| self.only.is_none_or(|only| only == account))
    }

    fn is_run(&self, held: &Subscription) -> bool {
        held.reference().is_some() && self.is_asked_for(held.provider.as_ref())
    }

    fn is_mirrored(&self, invoice: &Invoice) -> bool {
        invoice.issuer == Issuer::Provider && self.is_asked_for(invoice.provider.as_ref())
    }

    /// Whether a provider runs what a checkout sells.
    fn is_sold(&self, checkout: &Checkout) -> bool {
        checkout.owns_schedule && self.is_asked_for(checkout.provider.as_ref())
    }
}

/// As the checkout stood before its page was paid.
fn unfinish(checkout: &mut Checkout) {
    let CheckoutState::Completed { reference, .. } = &checkout.state else {
        return;
    };
    checkout.state = match reference {
        Some(reference) => CheckoutState::Open {
            url: String::new(),
            reference: reference.clone(),
        },
        None => CheckoutState::Opening,
    };
}

/// The objects that were only hinted at.
fn hinted(told: &[Told]) -> BTreeSet<&ProviderRef> {
    let facts = told.iter().flat_map(|row| &row.facts);
    let hints = facts.filter_map(|observed| {
        if let Fact::Hinted { object } = &observed.fact {
            return Some(object);
        }
        None
    });
    hints.collect()
}

fn subscription_ref(account: &ProviderAccount, reference: &str) -> ProviderRef {
    ProviderRef {
        account: account.clone(),
        kind: RefKind::Subscription,
        id: reference.to_owned(),
    }
}
