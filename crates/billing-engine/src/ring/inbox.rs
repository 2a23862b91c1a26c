//! What was received: sorted out, tied to customers, and grouped, so that
//! several facts about one customer cost one decision. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::{CustomerId, InboxId, ParkedId};
use billing_domain::invoice::Purpose;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::shifted;
use billing_ports::Reading;
use billing_ports::store::{Also, Claimed, InboxItem, Release, Resolution, StoreError};
use tokio::time::Instant;

use crate::billing::Parts;
use crate::ring::failure::{Cause, Failure, spread, wait_after};
use crate::ring::group::done;
use crate::ring::hints::{is_foreign, is_hint, says_too_little, tells_a_return};
use crate::ring::whose::Whose;

/// One customer's deliveries.
pub(crate) struct Group {
    /// Whose.
    pub(crate) customer: CustomerId,
    /// What arrived.
    pub(crate) items: Vec<InboxItem>,
    /// Those of them that only hinted at objects, and tell by now what was read.
    pub(crate) read: BTreeSet<InboxId>,
}

impl Parts {
    /// Groups claimed deliveries by customer, to be worked off side by side.
    /// What is nobody's is set aside.
    pub(crate) async fn group(&self, items: Vec<InboxItem>) -> Vec<Group> {
        let mut groups: BTreeMap<CustomerId, Vec<InboxItem>> = BTreeMap::new();
        let nobodys = self.sort_out(items, &mut groups).await;
        let (unclear, nobodys): (Vec<_>, Vec<_>) = nobodys.into_iter().partition(says_too_little);
        let hints = unclear.iter().filter(|item| is_hint(item));
        let hints: BTreeSet<InboxId> = hints.map(|item| item.id).collect();
        // Deciding may have to read too, and both together have to end before the claim
        // does.
        let until = Instant::now().checked_add(self.limits.place_timeout());
        let read = self.read_hints(unclear, until).await;
        for (item, failure) in &read.unread {
            self.try_later(item, failure).await;
        }
        let told = self.sort_out(read.told, &mut groups).await;
        for item in told {
            let names_too_little = hints.contains(&item.id) && tells_a_return(facts(&item));
            if names_too_little && !self.is_elsewhere(&item).await {
                // Its hint names too little to wait for: it is read again.
                let failure = Failure::ours("money went back of nothing known yet");
                self.try_later(&item, &failure).await;
            } else {
                self.settle_nobodys(&item).await;
            }
        }
        for item in nobodys {
            self.settle_nobodys(&item).await;
        }
        let groups = groups.into_iter();
        let groups = groups.map(|(customer, items)| Group {
            customer,
            read: items
                .iter()
                .map(|item| item.id)
                .filter(|id| hints.contains(id))
                .collect(),
            items,
        });
        groups.collect()
    }

    /// Whether it is known to be somebody else's business in the same account.
    async fn is_elsewhere(&self, item: &InboxItem) -> bool {
        let catalog = self.catalog(self.now()).await;
        catalog.is_ok_and(|catalog| is_foreign(&item.delivery.account, facts(item), &catalog))
    }

    /// Puts each delivery to its customer; gives back those of nobody.
    async fn sort_out(
        &self,
        items: Vec<InboxItem>,
        groups: &mut BTreeMap<CustomerId, Vec<InboxItem>>,
    ) -> Vec<InboxItem> {
        let mut nobodys = Vec::new();
        for (item, whose) in self.whose_each(items).await {
            match whose {
                Ok(Whose::Customer(customer)) => groups.entry(customer).or_default().push(item),
                Ok(Whose::Nobody) => nobodys.push(item),
                Ok(Whose::Disputed) => {
                    let evidence = "its correlation and its objects belong to different customers";
                    self.set_aside(&item, ParkReason::Conflict, evidence).await;
                }
                Err(error) => self.try_later(&item, &Failure::ours(error)).await,
            }
        }
        nobodys
    }

    /// What is nobody's waits for a person, unless it is somebody else's business
    /// in the same account, or about something that does not exist.
    async fn settle_nobodys(&self, item: &InboxItem) {
        let told = facts(item);
        let catalog = match self.catalog(self.now()).await {
            Ok(catalog) => catalog,
            Err(error) => {
                return self
                    .try_later(item, &Failure::ours(error.to_string()))
                    .await;
            }
        };
        let matters = !told.is_empty() && !tells_a_page(told);
        if matters && !is_foreign(&item.delivery.account, told, &catalog) {
            self.set_aside_unlinked(item).await;
            return;
        }
        self.settle_foreign(item).await;
    }

    /// Sets aside what is about nothing that its customer has, unless it goes back of
    /// what somebody else has sold to whom the provider knows as the same payer.
    pub(crate) async fn set_aside_of_nothing(&self, item: InboxItem, deadline: Option<Instant>) {
        let mut item = item;
        if tells_a_page(facts(&item)) {
            return self.settle_foreign(&item).await;
        }
        if says_too_little(&item) {
            let read = self.read_hints(vec![item.clone()], deadline).await;
            if let Some((item, failure)) = read.unread.first() {
                return self.try_later(item, failure).await;
            }
            for told in read.told {
                item = told;
            }
            if facts(&item).is_empty() || self.is_elsewhere(&item).await {
                return self.settle_foreign(&item).await;
            }
        }
        let evidence = "is about nothing that its customer has";
        self.set_aside(&item, ParkReason::Unlinked, evidence).await;
    }

    async fn settle_foreign(&self, item: &InboxItem) {
        tracing::info!(inbox = %item.id, account = %item.delivery.account,
            kind = item.delivery.kind, "event of no business of ours");
        if let Err(error) = self.store.settle_inbox(done(item), self.now()).await {
            tracing::warn!(inbox = %item.id, %error, "event not settled");
        }
    }

    /// Sets a delivery aside until its customer is known. A commit that made the
    /// customer known since it was looked for found nothing waiting to be woken:
    /// so it is looked for once more, now that it waits.
    async fn set_aside_unlinked(&self, item: &InboxItem) {
        let garbled = facts(item).iter().any(|observed| observed.link.garbled);
        let (reason, evidence) = match self.is_of_several(item).await {
            Ok(true) => (
                ParkReason::SharedCustomer,
                "is of a customer over there whom several of ours are: link it to one of them",
            ),
            Ok(false) if garbled => (
                ParkReason::Unlinked,
                "carries a correlation that cannot be read",
            ),
            Ok(false) => (ParkReason::Unlinked, "matches no known customer"),
            Err(error) => {
                return self
                    .try_later(item, &Failure::ours(error.to_string()))
                    .await;
            }
        };
        let Some(parked) = self.set_aside(item, reason, evidence).await else {
            return;
        };
        if let Ok(Whose::Nobody) = self.whose(item).await {
            return;
        }
        let replay = Resolution::Replay;
        if let Err(error) = self.store.resolve_parked(parked, replay, self.now()).await {
            tracing::warn!(inbox = %item.id, %error, "event parked whose customer is known");
        }
    }

    /// Whether it names a provider's object that several customers of ours are.
    async fn is_of_several(&self, item: &InboxItem) -> Result<bool, StoreError> {
        let objects = facts(item).iter().flat_map(|observed| &observed.link.refs);
        let mut asked = BTreeSet::new();
        for object in objects.filter(|object| !object.kind.is_exclusive()) {
            if asked.insert(object) && self.store.is_shared(object).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Settles what needs no customer: events of no interest, and unreadable ones.
    /// Gives back those that need one.
    pub(crate) async fn settle_plain(&self, items: Vec<InboxItem>) -> Vec<InboxItem> {
        let mut rest = Vec::with_capacity(items.len());
        for item in items {
            match &item.delivery.reading {
                Reading::Unreadable { why, .. } => {
                    let why = why.clone();
                    self.set_aside(&item, ParkReason::Unreadable, &why).await;
                }
                Reading::Facts(facts) if of_no_interest(facts) => {
                    if let Err(error) = self.store.settle_inbox(done(&item), self.now()).await {
                        tracing::warn!(inbox = %item.id, %error, "event not settled");
                    }
                }
                Reading::Facts(_) => rest.push(item),
            }
        }
        rest
    }

    /// Gives the id under which it waits. `None`: it does not, because the claim
    /// had passed on or the store failed.
    pub(crate) async fn set_aside(
        &self,
        item: &InboxItem,
        reason: ParkReason,
        evidence: &str,
    ) -> Option<ParkedId> {
        let now = self.now();
        let id: ParkedId = self.ids(now).draw();
        let delivery = &item.delivery;
        let evidence = format!(
            "{} event {} ({}): {evidence}",
            delivery.account, delivery.event_id, delivery.kind
        );
        let parked = Parked {
            id,
            reason,
            customer: None,
            inbox: Some(item.id),
            effect: None,
            evidence,
            at: now,
        };
        match self.store.park_inbox(item.id, item.fence, parked).await {
            Ok(parked) => {
                tracing::warn!(inbox = %item.id, reason = reason.as_str(), parked, "event parked");
                parked.then_some(id)
            }
            Err(error) => {
                // The claim runs out by itself, and the event is parked then.
                tracing::warn!(inbox = %item.id, %error, "event not parked");
                None
            }
        }
    }

    pub(crate) async fn all_later(&self, items: &[InboxItem], failure: &Failure) {
        for item in items {
            self.try_later(item, failure).await;
        }
    }

    pub(crate) async fn try_later(&self, item: &InboxItem, failure: &Failure) {
        // This attempt is one more than those that were released.
        let attempts = item.attempts.saturating_add(1);
        let words = &failure.words;
        if failure.is_given_up(attempts) {
            self.set_aside(item, ParkReason::AttemptsExhausted, words)
                .await;
            return;
        }
        if failure.cause == Cause::Refused {
            // Nothing of this provider is decided until somebody mends it.
            tracing::error!(inbox = %item.id, account = %item.delivery.account, failure = words,
                "the provider does not take our key or settings; events wait");
        } else {
            tracing::warn!(inbox = %item.id, failure = words, "event not decided, will be tried again");
        }
        let release = Release {
            row: Claimed::Inbox(item.id),
            fence: item.fence,
            retry_at: shifted(self.now(), spread(item.id, wait_after(attempts))),
            counts: true,
        };
        if let Err(error) = self.store.release(release).await {
            tracing::warn!(inbox = %item.id, %error, "claim not given back");
        }
    }
}

pub(crate) fn facts(item: &InboxItem) -> &[Observed] {
    match &item.delivery.reading {
        Reading::Facts(facts) => facts,
        Reading::Unreadable { .. } => &[],
    }
}

/// Whether it tells only that a page was opened: of what is nobody's, that is nothing
/// that a person has to look at, since nothing was paid.
fn tells_a_page(facts: &[Observed]) -> bool {
    let is_page = |told: &Observed| matches!(told.fact, Fact::CheckoutOpened { .. });
    !facts.is_empty() && facts.iter().all(is_page)
}

pub(crate) fn of_no_interest(facts: &[Observed]) -> bool {
    facts
        .iter()
        .all(|observed| observed.fact == Fact::Irrelevant)
}

/// Whether an object may name an invoice in a roundabout way, as what goes back of
/// a payment does.
const fn is_paid_by(object: &ProviderRef, observed: &Observed) -> bool {
    let goes_back = matches!(
        observed.fact,
        Fact::RefundSeen(_)
            | Fact::DisputeSeen(_)
            | Fact::PaymentReversed { .. }
            | Fact::PaymentUpheld { .. }
            | Fact::PaymentDenied { .. }
            | Fact::PaymentUnconfirmed { .. }
    );
    goes_back && matches!(object.kind, RefKind::Payment | RefKind::Checkout)
}

/// The closed things that `observed` is about.
pub(crate) fn also_of<'a>(observed: impl Iterator<Item = &'a Observed>) -> Also {
    let mut also = Also::default();
    for observed in observed {
        also.checkouts.extend(observed.link.checkout);
        also.checkouts.extend(observed.fact.checkout());
        also.invoices.extend(observed.fact.invoice());
        also.changes.extend(observed.fact.change());
        let invoices = observed
            .link
            .refs
            .iter()
            .filter(|object| object.kind == RefKind::Invoice || is_paid_by(object, observed));
        also.invoice_refs.extend(invoices.cloned());
        if let Fact::SubscriptionSeen(_) = observed.fact {
            // Its invoices may have been told of, and paid, before it was.
            let named = observed.link.refs.iter();
            let named = named.filter(|object| object.kind == RefKind::Subscription);
            also.invoice_refs.extend(named.cloned());
        }
        // What a provider charged for a change says not for which: it may long be applied.
        also.last_changes |= matches!(
            observed.fact,
            Fact::ProviderInvoiceSeen {
                purpose: Some(Purpose::Change),
                ..
            }
        );
    }
    also
}
