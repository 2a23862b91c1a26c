//! Deciding what was received: grouped by customer, so that several facts about
//! one customer cost one decision.

use std::collections::BTreeMap;

use billing_domain::decide::{Verdict, apply_fact};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::{CustomerId, ParkedId};
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::shifted;
use billing_ports::Reading;
use billing_ports::store::{Also, Claimed, InboxItem, InboxMark, Locator, Release, StoreError};

use crate::billing::Parts;
use crate::limits::{INBOX_RETRY, MAX_INBOX_ATTEMPTS, MAX_READS};
use crate::ring::{DecideError, Deciding};

/// Whose a delivery is.
enum Whose {
    /// This customer's.
    Customer(CustomerId),
    /// Nobody's that is known.
    Nobody,
    /// Its own words disagree about it.
    Disputed,
}

impl Parts {
    /// Decides claimed deliveries, grouped by customer. Gives the groups, to be
    /// worked off side by side.
    pub(crate) async fn group(&self, items: Vec<InboxItem>) -> Vec<(CustomerId, Vec<InboxItem>)> {
        let mut groups: BTreeMap<CustomerId, Vec<InboxItem>> = BTreeMap::new();
        for item in items {
            match self.whose(&item).await {
                Ok(Whose::Customer(customer)) => groups.entry(customer).or_default().push(item),
                Ok(Whose::Nobody) => {
                    self.set_aside(&item, ParkReason::Unlinked, "matches no known customer")
                        .await;
                }
                Ok(Whose::Disputed) => {
                    let evidence = "its correlation and its objects belong to different customers";
                    self.set_aside(&item, ParkReason::Conflict, evidence).await;
                }
                Err(error) => self.try_later(&item, &error.to_string()).await,
            }
        }
        groups.into_iter().collect()
    }

    /// Decides one customer's deliveries in one commit.
    pub(crate) async fn decide_group(&self, customer: CustomerId, items: Vec<InboxItem>) {
        let mut read: Vec<(ProviderAccount, Observed)> = Vec::new();
        for _ in 0..MAX_READS {
            match self.decide_once(customer, &items, &read).await {
                Ok(wanted) if wanted.is_empty() => return,
                Ok(wanted) => {
                    for object in wanted {
                        match self.read_object(&object).await {
                            Ok(facts) => read.extend(
                                facts.into_iter().map(|fact| (object.account.clone(), fact)),
                            ),
                            Err(failure) => return self.all_later(&items, &failure).await,
                        }
                    }
                }
                Err(DecideError::Overtaken) => return,
                Err(DecideError::Refused(unlinked)) => {
                    let found = items.iter().find(|item| item.id == unlinked);
                    if let Some(item) = found {
                        let evidence = "is about nothing that its customer has";
                        self.set_aside(item, ParkReason::Unlinked, evidence).await;
                    }
                    let rest = items
                        .into_iter()
                        .filter(|item| item.id != unlinked)
                        .collect();
                    return Box::pin(self.decide_group(customer, rest)).await;
                }
                Err(DecideError::NoCustomer) => {
                    return self.all_later(&items, "the customer is gone").await;
                }
                Err(DecideError::Engine(error)) => {
                    return self.all_later(&items, &error.to_string()).await;
                }
            }
        }
        self.all_later(
            &items,
            "the provider's answers keep contradicting each other",
        )
        .await;
    }

    /// Gives the objects that have to be read first; nothing is written then.
    async fn decide_once(
        &self,
        customer: CustomerId,
        items: &[InboxItem],
        read: &[(ProviderAccount, Observed)],
    ) -> Result<Vec<ProviderRef>, DecideError<billing_domain::ids::InboxId>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let mut deciding = Deciding::about(customer).with(also(items, read));
        deciding.inbox = items
            .iter()
            .map(|item| InboxMark {
                id: item.id,
                fence: item.fence,
                parked: false,
            })
            .collect();
        let mut wanted = Vec::new();
        let asked = std::sync::Mutex::new(&mut wanted);
        let outcome = self
            .try_decide(&deciding, |draft, catalog| {
                let mut first = Vec::new();
                for (account, fact) in read {
                    apply_fact(draft, account, fact, catalog);
                }
                for item in items {
                    for fact in facts(item) {
                        match apply_fact(draft, &item.delivery.account, fact, catalog) {
                            Verdict::Decided => {}
                            // What was read just now outranks both that contradict each other.
                            Verdict::Read(_) if !read.is_empty() => {}
                            Verdict::Read(object) => first.push(object),
                            Verdict::Unlinked => return Err(Stop::Unlinked(item.id)),
                        }
                    }
                }
                if first.is_empty() {
                    return Ok(());
                }
                asked
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .extend(first);
                Err(Stop::ReadFirst)
            })
            .await;
        match outcome {
            Ok(_) => Ok(Vec::new()),
            Err(DecideError::Refused(Stop::ReadFirst)) => Ok(wanted),
            Err(DecideError::Refused(Stop::Unlinked(id))) => Err(DecideError::Refused(id)),
            Err(DecideError::NoCustomer) => Err(DecideError::NoCustomer),
            Err(DecideError::Overtaken) => Err(DecideError::Overtaken),
            Err(DecideError::Engine(error)) => Err(DecideError::Engine(error)),
        }
    }

    async fn read_object(&self, object: &ProviderRef) -> Result<Vec<Observed>, String> {
        let provider = self
            .providers
            .get(&object.account)
            .ok_or_else(|| format!("provider account {} is not configured", object.account))?;
        let reading = provider.read(object);
        match tokio::time::timeout(self.limits.call_timeout, reading).await {
            Ok(Ok(facts)) => Ok(facts),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err("the provider did not answer in time".to_owned()),
        }
    }

    /// Ties a delivery to a customer: by hand first, then by our own ids as they
    /// came back, then by the provider's objects. Never by e-mail.
    async fn whose(&self, item: &InboxItem) -> Result<Whose, StoreError> {
        if let Some(linked) = item.linked {
            return Ok(Whose::Customer(linked));
        }
        let mut found: Option<CustomerId> = None;
        for observed in facts(item) {
            let link = &observed.link;
            let own = link
                .checkout
                .or_else(|| observed.fact.checkout())
                .map(Locator::Checkout);
            let invoice = observed.fact.invoice().map(Locator::Invoice);
            let refs = link.refs.iter().cloned().map(Locator::Provider);
            let claimed = link.customer;
            let mut by_object = None;
            for locator in own.into_iter().chain(invoice).chain(refs) {
                by_object = self.store.find(&locator).await?;
                if by_object.is_some() {
                    break;
                }
            }
            let by_claim = match claimed {
                Some(customer) => self.store.find(&Locator::Customer(customer)).await?,
                None => None,
            };
            let this = match (by_object, by_claim) {
                (Some(object), Some(claim)) if object != claim => return Ok(Whose::Disputed),
                (object, claim) => object.or(claim),
            };
            match (found, this) {
                (Some(known), Some(other)) if known != other => return Ok(Whose::Disputed),
                (None, Some(this)) => found = Some(this),
                _ => {}
            }
        }
        Ok(found.map_or(Whose::Nobody, Whose::Customer))
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
                    let mark = InboxMark {
                        id: item.id,
                        fence: item.fence,
                        parked: false,
                    };
                    if let Err(error) = self.store.settle_inbox(mark, self.now()).await {
                        tracing::warn!(inbox = %item.id, %error, "event not settled");
                    }
                }
                Reading::Facts(_) => rest.push(item),
            }
        }
        rest
    }

    async fn set_aside(&self, item: &InboxItem, reason: ParkReason, evidence: &str) {
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
        tracing::warn!(inbox = %item.id, reason = reason.as_str(), "event parked");
        if let Err(error) = self.store.park_inbox(item.id, item.fence, parked).await {
            // The claim runs out by itself, and the event is parked then.
            tracing::warn!(inbox = %item.id, %error, "event not parked");
        }
    }

    async fn all_later(&self, items: &[InboxItem], failure: &str) {
        for item in items {
            self.try_later(item, failure).await;
        }
    }

    async fn try_later(&self, item: &InboxItem, failure: &str) {
        if item.attempts >= MAX_INBOX_ATTEMPTS {
            return self
                .set_aside(item, ParkReason::AttemptsExhausted, failure)
                .await;
        }
        tracing::warn!(inbox = %item.id, failure, "event not decided, will be tried again");
        let release = Release {
            row: Claimed::Inbox(item.id),
            fence: item.fence,
            retry_at: shifted(self.now(), INBOX_RETRY),
            counts: true,
        };
        if let Err(error) = self.store.release(release).await {
            tracing::warn!(inbox = %item.id, %error, "claim not given back");
        }
    }
}

/// Why a decision about a group was not made.
enum Stop {
    /// Objects have to be read first.
    ReadFirst,
    /// This delivery is about nothing that the customer has.
    Unlinked(billing_domain::ids::InboxId),
}

fn facts(item: &InboxItem) -> &[Observed] {
    match &item.delivery.reading {
        Reading::Facts(facts) => facts,
        Reading::Unreadable { .. } => &[],
    }
}

fn of_no_interest(facts: &[Observed]) -> bool {
    facts
        .iter()
        .all(|observed| observed.fact == Fact::Irrelevant)
}

/// The closed things that these facts are about.
fn also(items: &[InboxItem], read: &[(ProviderAccount, Observed)]) -> Also {
    let observed = items
        .iter()
        .flat_map(facts)
        .chain(read.iter().map(|(_, fact)| fact));
    also_of(observed)
}

/// The closed things that `observed` is about.
pub(crate) fn also_of<'a>(observed: impl Iterator<Item = &'a Observed>) -> Also {
    let mut also = Also::default();
    for observed in observed {
        also.checkouts.extend(observed.link.checkout);
        also.checkouts.extend(observed.fact.checkout());
        also.invoices.extend(observed.fact.invoice());
        let invoices = observed
            .link
            .refs
            .iter()
            .filter(|object| object.kind == RefKind::Invoice);
        also.invoice_refs.extend(invoices.cloned());
    }
    also
}
