//! Deciding one customer's deliveries together, and reading objects anew where
//! what was told contradicts itself.

use std::collections::BTreeSet;

use billing_domain::Draft;
use billing_domain::catalog::CatalogRevision;
use billing_domain::decide::{Verdict, apply_fact, outrank};
use billing_domain::fact::Observed;
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, InboxItem, InboxMark, Locator};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::billing::Parts;
use crate::error::EngineError;
use crate::limits::MAX_READS;
use crate::ring::failure::Failure;
use crate::ring::hints::{hints_at, no_older, tells_a_return, tells_money};
use crate::ring::inbox::{Group, also_of, facts};
use crate::ring::{DecideError, Deciding};

/// How the kinds of rows begin that keep what was read of a doubtful object.
pub(crate) const READ: &str = "read.";

/// The kind of rows that keep what was read of objects that an event only hinted at,
/// whose customer nobody knew before they were read.
const HINTED: &str = "hinted";

/// What was read anew for one customer.
#[derive(Default)]
struct Readings {
    /// Which objects.
    objects: Vec<ProviderRef>,
    /// What each said, in order.
    facts: Vec<(ProviderRef, Observed)>,
    /// The deliveries whose objects were read before their customer was known.
    hints: BTreeSet<InboxId>,
}

/// Why deliveries were not decided together.
enum Stuck {
    /// None can be decided now, for this reason.
    All(Failure),
    /// One of them stands against all, for this reason: the others may do without it.
    One(Failure),
}

/// Why a decision was not made.
enum Stop {
    /// These objects have to be read first; what was told of each contradicts
    /// itself up to this instant.
    ReadFirst(Vec<(ProviderRef, Timestamp)>),
    /// This delivery is about nothing that the customer has.
    Unlinked(InboxId),
    /// What was read for this delivery is about nothing that the customer has yet.
    TooEarly(InboxId),
}

impl Parts {
    /// Decides one customer's deliveries in one commit. Where one of them stands
    /// against that, each is decided by itself, so that the others are not held up.
    /// What has to be read is read by `deadline`, or later.
    pub(crate) async fn decide_group(&self, group: Group, deadline: Option<Instant>) {
        let Group {
            customer,
            mut items,
            read: hints,
        } = group;
        match self
            .decide_together(customer, &mut items, &hints, deadline)
            .await
        {
            Ok(()) => {}
            Err(Stuck::One(_)) if items.len() > 1 => {
                for item in items {
                    let mut alone = vec![item];
                    let decided = self
                        .decide_together(customer, &mut alone, &hints, deadline)
                        .await;
                    if let Err(Stuck::All(failure) | Stuck::One(failure)) = decided {
                        self.all_later(&alone, &failure).await;
                    }
                }
            }
            Err(Stuck::All(failure) | Stuck::One(failure)) => {
                self.all_later(&items, &failure).await;
            }
        }
    }

    /// Every turn decides, or takes a delivery out of `items`, or reads an
    /// object that has not been read yet: so the turns are bounded.
    async fn decide_together(
        &self,
        customer: CustomerId,
        items: &mut Vec<InboxItem>,
        hints: &BTreeSet<InboxId>,
        deadline: Option<Instant>,
    ) -> Result<(), Stuck> {
        let mut read = Readings {
            hints: hints.clone(),
            ..Readings::default()
        };
        while !items.is_empty() {
            match self.decide_once(customer, items, &read).await {
                Ok(()) | Err(DecideError::Overtaken) => return Ok(()),
                Err(DecideError::Refused(Stop::ReadFirst(wanted))) => {
                    self.read_anew(&mut read, wanted, deadline).await?;
                }
                Err(DecideError::Refused(Stop::Unlinked(unlinked))) => {
                    for item in items.extract_if(.., |item| item.id == unlinked) {
                        self.set_aside_of_nothing(item, deadline).await;
                    }
                }
                Err(DecideError::Refused(Stop::TooEarly(early))) => {
                    for item in items.extract_if(.., |item| item.id == early) {
                        let failure = Failure::ours("what was read is about nothing known yet");
                        self.try_later(&item, &failure).await;
                    }
                }
                Err(DecideError::NoCustomer) => {
                    return Err(Stuck::All(Failure::ours("the customer is gone")));
                }
                Err(DecideError::Engine(error @ EngineError::Contended)) => {
                    return Err(Stuck::One(Failure::ours(error.to_string())));
                }
                Err(DecideError::Engine(error)) => {
                    return Err(Stuck::All(Failure::ours(error.to_string())));
                }
            }
        }
        Ok(())
    }

    async fn read_anew(
        &self,
        read: &mut Readings,
        wanted: Vec<(ProviderRef, Timestamp)>,
        deadline: Option<Instant>,
    ) -> Result<(), Stuck> {
        if read.objects.len().saturating_add(wanted.len()) > MAX_READS {
            return Err(Stuck::One(Failure::ours("too many objects to read anew")));
        }
        for (object, told_at) in wanted {
            let facts = self.read_object(&object, deadline).await;
            for fact in facts.map_err(Stuck::One)? {
                read.facts.push((object.clone(), no_older(fact, told_at)));
            }
            read.objects.push(object);
        }
        Ok(())
    }

    /// Nothing is written where objects have to be read first.
    async fn decide_once(
        &self,
        customer: CustomerId,
        items: &[InboxItem],
        read: &Readings,
    ) -> Result<(), DecideError<Stop>> {
        let mut deciding = Deciding::about(customer).with(also(items, read));
        deciding.inbox = items.iter().map(done).collect();
        deciding.replies = self.replies(items, read);
        self.try_decide(&deciding, |draft, catalog| {
            apply_all(draft, catalog, items, read)
        })
        .await
        .map(|_decided| ())
    }

    /// What was read is kept beside what was told: from both, the state can be
    /// worked out again.
    fn replies(&self, items: &[InboxItem], read: &Readings) -> Vec<(InboxId, Delivery)> {
        let Some(first) = items.first() else {
            return Vec::new();
        };
        let mut ids = self.ids(self.now());
        let mut replies: Vec<(InboxId, Delivery)> = Vec::with_capacity(read.objects.len());
        for item in items.iter().filter(|item| read.hints.contains(&item.id)) {
            // Its own row keeps only that something happened. Many may hint at one object.
            let known = |(_, kept): &(_, Delivery)| kept.reading == item.delivery.reading;
            if replies.iter().any(known) {
                continue;
            }
            let delivery = Delivery {
                account: item.delivery.account.clone(),
                event_id: format!("hinted:{}:{}", item.id, item.fence.0),
                kind: HINTED.to_owned(),
                reading: item.delivery.reading.clone(),
                body: Bytes::new(),
            };
            replies.push((ids.draw(), delivery));
        }
        for (number, object) in read.objects.iter().enumerate() {
            let told = read.facts.iter().filter(|(from, ..)| from == object);
            let delivery = Delivery {
                account: object.account.clone(),
                // One reading for each claim: after a lost commit it is read again.
                event_id: format!("read:{}:{}:{number}", first.id, first.fence.0),
                kind: format!("{READ}{}", object.kind.as_str()),
                reading: Reading::Facts(told.map(|(_, fact)| fact.clone()).collect()),
                body: Bytes::new(),
            };
            replies.push((ids.draw(), delivery));
        }
        replies
    }

    pub(crate) async fn read_object(
        &self,
        object: &ProviderRef,
        deadline: Option<Instant>,
    ) -> Result<Vec<Observed>, Failure> {
        let provider = self.providers.get(&object.account).ok_or_else(|| {
            let account = &object.account;
            Failure::ours(format!("provider account {account} is not configured"))
        })?;
        let reading = provider.read(object);
        let answer = match deadline {
            Some(deadline) => timeout_at(deadline, reading).await,
            // A time-out beyond the calendar is none.
            None => Ok(reading.await),
        };
        match answer {
            Ok(Ok(facts)) if facts.is_empty() && self.is_held(object).await? => {
                Err(Failure::refused(
                    "it is held here and not known there: the key may be another account's",
                ))
            }
            Ok(Ok(facts)) => Ok(facts),
            Ok(Err(error)) => Err(Failure::of_reading(object, &error)),
            Err(_elapsed) => Err(Failure::unanswered("the provider did not answer in time")),
        }
    }
}

impl Parts {
    /// Whether it is a subscription of ours: a provider that has none of it is not the
    /// one that has it.
    async fn is_held(&self, object: &ProviderRef) -> Result<bool, Failure> {
        if object.kind != RefKind::Subscription {
            return Ok(false);
        }
        let found = self.store.find(&Locator::Provider(object.clone())).await;
        let found = found.map_err(|error| Failure::ours(error.to_string()))?;
        Ok(found.is_some())
    }
}

/// Applies what was read, then what was told.
fn apply_all(
    draft: &mut Draft,
    catalog: &CatalogRevision,
    items: &[InboxItem],
    read: &Readings,
) -> Result<(), Stop> {
    let mut early: Vec<(&ProviderRef, &Observed)> = Vec::new();
    for (object, fact) in &read.facts {
        outrank(draft, &object.account, fact);
        // What is contradicted by what was read is read already.
        let verdict = apply_fact(draft, &object.account, fact, catalog);
        let is_money = tells_a_return(std::slice::from_ref(fact)) || is_lost(read, object, fact);
        if verdict == Verdict::Unlinked && is_money {
            early.push((object, fact));
        }
    }
    let mut first: Vec<(ProviderRef, Timestamp)> = Vec::new();
    for item in items {
        for fact in facts(item) {
            match apply_fact(draft, &item.delivery.account, fact, catalog) {
                Verdict::Decided => {}
                // What was read outranks both that contradict each other.
                Verdict::Read(object) if read.objects.contains(&object) => {}
                Verdict::Read(object) => {
                    match first.iter_mut().find(|(wanted, _)| *wanted == object) {
                        Some((_, told_at)) => *told_at = fact.at.max(*told_at),
                        None => first.push((object, fact.at)),
                    }
                }
                Verdict::Unlinked if is_told_besides(item, fact) => {}
                Verdict::Unlinked => return Err(Stop::Unlinked(item.id)),
            }
        }
    }
    if !first.is_empty() {
        return Err(Stop::ReadFirst(first));
    }
    // What was told may have made known what was read: a purchase and its refund.
    for (object, fact) in early {
        if apply_fact(draft, &object.account, fact, catalog) == Verdict::Unlinked
            && let Some(item) = items.iter().find(|item| hints_at(item, object))
        {
            // What is paid for is known before it can be paid.
            return Err(if tells_money(fact) {
                Stop::Unlinked(item.id)
            } else {
                Stop::TooEarly(item.id)
            });
        }
    }
    Ok(())
}

/// Whether `fact` is only that a page was paid that nobody here has made: its
/// invoice or its subscription is told beside it, and is this customer's, by its
/// objects or because a person has said so.
fn is_told_besides(item: &InboxItem, fact: &Observed) -> bool {
    let besides = |told: &Observed| told.fact.checkout().is_none();
    fact.fact.checkout().is_some() && facts(item).iter().any(besides)
}

/// Whether `fact` tells of money that nothing else read of its object tells of: where it
/// is for nothing that the customer has, a person looks for what it is for.
fn is_lost(read: &Readings, object: &ProviderRef, fact: &Observed) -> bool {
    let mut others = read.facts.iter().filter(|(from, _)| from == object);
    let is_besides = |(_, told): &(_, Observed)| told.fact.checkout().is_none();
    tells_money(fact) && (fact.fact.checkout().is_none() || !others.any(is_besides))
}

/// The closed things that these facts are about.
fn also(items: &[InboxItem], read: &Readings) -> Also {
    let told = items.iter().flat_map(facts);
    also_of(told.chain(read.facts.iter().map(|(_, fact)| fact)))
}

/// The mark of a row that is decided.
pub(crate) const fn done(item: &InboxItem) -> InboxMark {
    InboxMark {
        id: item.id,
        fence: item.fence,
        parked: false,
    }
}
