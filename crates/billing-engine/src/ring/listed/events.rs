//! A provider's events: each is received under the id that its webhook has, so
//! that one which came is known.

use billing_domain::audit::{Drift, DriftCode, Remedy, Side};
use billing_domain::catalog::CatalogRevision;
use billing_domain::digest::digest128;
use billing_domain::fact::Observed;
use billing_domain::invoice::Invoice;
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Also, Book, Bookmark};
use billing_ports::{Delivery, PaymentProvider, Reading};
use jiff::SignedDuration;

use super::{Difference, LostEvent, MAX_NAMED, MAX_PAGES, Pace, Reread, RereadError};
use crate::billing::Parts;
use crate::ring::hints::{hinted, is_foreign};
use crate::ring::inbox::of_no_interest;
use crate::ring::whose::Whose;

/// How far back the first go looks: as long as providers try to deliver a webhook.
const FIRST_LOOK: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How much of what was read is read again: an event may be listed a while after
/// its instant.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

impl Parts {
    /// `true`: they were read to the end.
    pub(super) async fn reread_events(
        &self,
        account: &ProviderAccount,
        how: &Pace,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<bool, RereadError> {
        let provider = self.provider(account)?;
        let catalog = self.catalog(self.now()).await?;
        let mut mark = self.go(account, Book::Events, since).await?;
        for _ in 0..how.pages {
            let listing = provider.list_events(mark.since, mark.next.clone());
            let page = self.in_time(listing).await?;
            for delivery in page.rows {
                let delivery = self.told_apart(provider, delivery).await?;
                done.events = done.events.saturating_add(1);
                if self.receive_new(delivery.clone()).await? {
                    done.lost = done.lost.saturating_add(1);
                    self.tell_lost(&delivery, &catalog, done, each).await?;
                }
            }
            mark.next = page.next;
            self.store
                .put_bookmark(account, Book::Events, &mark)
                .await?;
            if mark.next.is_none() {
                return Ok(true);
            }
            if how.is_over() {
                break;
            }
        }
        Ok(false)
    }
}

impl Parts {
    /// Looks which events had not come, and writes nothing, not even how far it came.
    /// `true`: they were read to the end.
    pub(super) async fn look_for_events(
        &self,
        account: &ProviderAccount,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<bool, RereadError> {
        let provider = self.provider(account)?;
        let catalog = self.catalog(self.now()).await?;
        let mut mark = self.go(account, Book::Events, since).await?;
        for _ in 0..MAX_PAGES {
            let listing = provider.list_events(mark.since, mark.next.clone());
            let page = self.in_time(listing).await?;
            for delivery in page.rows {
                let delivery = self.told_apart(provider, delivery).await?;
                done.events = done.events.saturating_add(1);
                if self.store.has_received(account, &delivery.event_id).await? {
                    continue;
                }
                if self.tell_lost(&delivery, &catalog, done, each).await? {
                    done.lost = done.lost.saturating_add(1);
                }
            }
            mark.next = page.next;
            if mark.next.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Parts {
    /// Tells of an event that had not come. `false`: it tells nothing, or is somebody
    /// else's.
    async fn tell_lost(
        &self,
        delivery: &Delivery,
        catalog: &CatalogRevision,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<bool, RereadError> {
        let account = &delivery.account;
        let facts = match &delivery.reading {
            Reading::Facts(facts) if of_no_interest(facts) => return Ok(false),
            Reading::Facts(facts) if is_foreign(account, facts, catalog) => return Ok(false),
            Reading::Facts(facts) => facts.as_slice(),
            Reading::Unreadable { .. } => &[],
        };
        if let Some(object) = object_of(facts) {
            let customer = match self.whose_are(facts).await? {
                Whose::Customer(customer) => Some(customer),
                Whose::Nobody | Whose::Disputed => None,
            };
            let drift = lost(object, &delivery.kind);
            each(&Difference { customer, drift });
        } else if done.unreadable.len() < MAX_NAMED {
            done.unreadable.push(LostEvent {
                event: delivery.event_id.clone(),
                kind: delivery.kind.clone(),
            });
        }
        Ok(true)
    }

    /// What a provider that lists how things stand told before, and tells again, is news
    /// where it stood otherwise in between. That left its mark here: what has gone back
    /// since names it apart. What nothing went back of is told once for every state.
    async fn told_apart(
        &self,
        provider: &dyn PaymentProvider,
        delivery: Delivery,
    ) -> Result<Delivery, RereadError> {
        let account = provider.account();
        let known =
            provider.lists_states() && self.store.has_received(account, &delivery.event_id).await?;
        let Reading::Facts(facts) = &delivery.reading else {
            return Ok(delivery);
        };
        let went_back = if known {
            self.went_back(account, facts).await?
        } else {
            None
        };
        Ok(match went_back {
            Some(digest) => Delivery {
                event_id: format!("{}:{digest}", delivery.event_id),
                ..delivery
            },
            None => delivery,
        })
    }

    /// What has gone back of what these facts are about, in short. `None`: nothing.
    async fn went_back(
        &self,
        account: &ProviderAccount,
        facts: &[Observed],
    ) -> Result<Option<String>, RereadError> {
        let Whose::Customer(customer) = self.whose_are(facts).await? else {
            return Ok(None);
        };
        let Some(object) = object_of(facts) else {
            return Ok(None);
        };
        let by = |kind| ProviderRef {
            kind,
            ..object.clone()
        };
        let checkouts = facts.iter().filter_map(|seen| seen.link.checkout);
        let also = Also {
            invoice_refs: vec![by(RefKind::Invoice), by(RefKind::Payment)],
            checkouts: checkouts.collect(),
            ..Also::default()
        };
        let loaded = self.store.load(customer, &also).await?;
        let invoices = loaded.into_iter().flat_map(|held| held.account.invoices);
        let is_of = |invoice: &Invoice| {
            let theirs = invoice.provider.as_ref() == Some(account);
            let named = invoice.reference.as_ref() == Some(&object.id);
            theirs && (named || invoice.has_payment(&object.id))
        };
        let returned = invoices.filter(is_of).map(|invoice| invoice.returned);
        let returned: Vec<_> = returned.filter(|held| !held.is_empty()).collect();
        Ok((!returned.is_empty()).then(|| digest128(&returned)))
    }
}

/// What an event is about, as far as it says: the first of its objects.
fn object_of(facts: &[Observed]) -> Option<ProviderRef> {
    let named = facts
        .iter()
        .find_map(|seen| hinted(seen).or_else(|| seen.link.refs.first()));
    named.cloned()
}

/// It happened there and was not heard of here.
fn lost(object: ProviderRef, kind: &str) -> Drift {
    Drift {
        code: DriftCode::Unknown,
        object,
        row: None,
        ours: "nothing".to_owned(),
        theirs: kind.to_owned(),
        right: Side::Provider,
        remedy: Remedy::TakeOver,
    }
}

fn since(last: Option<&Bookmark>, now: Timestamp) -> Timestamp {
    match last {
        Some(last) => shifted(last.begun_at, -OVERLAP),
        None => shifted(now, -FIRST_LOOK),
    }
}
