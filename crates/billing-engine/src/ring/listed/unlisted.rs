//! What is held here and not listed there. It is looked for once the provider's book was
//! read to its end, however many goes that took: what was listed is remembered by this
//! process, and only spares reads. What is not remembered, as after a restart, is read by
//! itself, so that nothing is missed and nothing is told that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use billing_domain::audit::{Drift, DriftCode, Remedy, Side};
use billing_domain::fact::{Fact, Link, Observed, Unclear};
use billing_domain::ids::SubscriptionId;
use billing_domain::provider::{ProviderAccount, ProviderRef};
use billing_domain::subscription::Subscription;
use billing_domain::time::Timestamp;
use billing_ports::store::{Book, Bookmark, PageAsk, SubscriptionFilter};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;

use super::subscriptions::{Unread, note_unread, of};
use super::{Difference, MAX_DRY_PAGES, MAX_READS, PLACE_LIVES, Pace, Reread, RereadError};
use crate::billing::Parts;

/// Our own subscriptions looked through at once.
const OURS_PAGE: u16 = 500;

/// The place before our first subscription.
const THE_FIRST: &str = "";

/// What was listed by the books that are being read, as far as this process read them.
#[derive(Debug, Default)]
pub(crate) struct Sweeps(Mutex<BTreeMap<ProviderAccount, Sweep>>);

#[derive(Debug)]
struct Sweep {
    /// When reading the book was begun.
    begun_at: Timestamp,
    listed: BTreeSet<ProviderRef>,
}

impl Sweeps {
    /// A book that was begun at this instant lists these, too.
    pub(super) fn add(
        &self,
        account: &ProviderAccount,
        begun_at: Timestamp,
        listed: BTreeSet<ProviderRef>,
    ) {
        let mut held = self.held();
        let known = held.get_mut(account).filter(|it| it.begun_at == begun_at);
        if let Some(sweep) = known {
            sweep.listed.extend(listed);
            return;
        }
        held.insert(account.clone(), Sweep { begun_at, listed });
    }

    /// All that was listed by the book that was begun at this instant.
    fn listed(&self, account: &ProviderAccount, begun_at: Timestamp) -> BTreeSet<ProviderRef> {
        let held = self.held();
        let known = held.get(account).filter(|it| it.begun_at == begun_at);
        known.map(|sweep| sweep.listed.clone()).unwrap_or_default()
    }

    fn forget(&self, account: &ProviderAccount) {
        self.held().remove(account);
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<ProviderAccount, Sweep>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    /// Whether it was begun to look for what a book did not list, and is to go on.
    pub(super) async fn is_looking(&self, account: &ProviderAccount) -> Result<bool, RereadError> {
        Ok(self.place_among_ours(account).await?.is_some())
    }

    /// Where to go on. `None`: nowhere. A place that is too old is given up: the book is
    /// read anew before.
    async fn place_among_ours(
        &self,
        account: &ProviderAccount,
    ) -> Result<Option<Bookmark>, RereadError> {
        let mark = self.store.get_bookmark(account, Book::Held).await?;
        let now = self.now();
        Ok(mark.filter(|mark| mark.next.is_some() && now.duration_since(mark.since) < PLACE_LIVES))
    }

    /// The book that `read` lies in is read to its end: what is held is looked through
    /// from now on, or further on by this newer list, so that a book which is read each day
    /// keeps nobody from coming to the end of what is held.
    pub(super) async fn begin_looking(
        &self,
        account: &ProviderAccount,
        read: &Bookmark,
    ) -> Result<(), RereadError> {
        let place = self.place_among_ours(account).await?;
        let mark = Bookmark {
            next: place.map_or_else(|| Some(THE_FIRST.to_owned()), |mark| mark.next),
            since: self.now(),
            begun_at: read.begun_at,
        };
        Ok(self.store.put_bookmark(account, Book::Held, &mark).await?)
    }

    /// Looks on for what the book did not list. `true`: to the end.
    pub(super) async fn go_on_looking(
        &self,
        account: &ProviderAccount,
        how: &Pace,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<bool, RereadError> {
        let Some(mut mark) = self.place_among_ours(account).await? else {
            return Ok(true);
        };
        let listed = self.sweeps.listed(account, mark.begun_at);
        let mut after: Option<SubscriptionId> =
            mark.next.as_deref().and_then(|place| place.parse().ok());
        let looked = self
            .look_for_unlisted(account, &listed, &mut after, how, done, each)
            .await;
        let finished = matches!(looked, Ok(true));
        // Kept where it was cut off too, or the next go would begin at what cannot be read.
        let place = after.map_or_else(|| THE_FIRST.to_owned(), |place| place.to_string());
        mark.next = (!finished).then_some(place);
        mark.since = self.now();
        self.store.put_bookmark(account, Book::Held, &mark).await?;
        if finished {
            self.sweeps.forget(account);
        }
        looked
    }

    /// What these books hold there, alive, and the provider did not list: read by itself,
    /// since it may only have ended. What is not there at all is for a person. Goes on
    /// `after` one of ours, and says there how far it came. `true`: all were looked at.
    pub(super) async fn look_for_unlisted(
        &self,
        account: &ProviderAccount,
        listed: &BTreeSet<ProviderRef>,
        after: &mut Option<SubscriptionId>,
        how: &Pace,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<bool, RereadError> {
        let provider = self.provider(account)?;
        let (mut reads, mut in_vain) = (0_u64, 0);
        for _ in 0..MAX_DRY_PAGES {
            let page = PageAsk {
                after: (*after).map(SubscriptionId::uuid),
                limit: OURS_PAGE,
            };
            let filter = SubscriptionFilter::default();
            let ours = self.store.list_subscriptions(filter, page).await?;
            for held in &ours.rows {
                let object = alive_at(held, account).filter(|object| !listed.contains(object));
                let Some(object) = object else {
                    *after = Some(held.id);
                    continue;
                };
                if how.is_over() || (reads >= MAX_READS && !how.dry) {
                    return Ok(false);
                }
                *after = Some(held.id);
                reads = reads.saturating_add(1);
                let facts = match self.stands(provider, &object, how.dry).await {
                    Ok(stands) => self.told_of_left(stands, done, each).await?,
                    Err(error) => {
                        let error = error.into();
                        in_vain = note_unread(Unread { object, error }, in_vain, done, each)?;
                        continue;
                    }
                };
                in_vain = 0;
                if facts.is_empty() {
                    done.drifts = done.drifts.saturating_add(1);
                    tracing::warn!(%account, object = object.id, subscription = %held.id,
                        "a subscription is held here and not known to its provider");
                    each(&missing(held, object.clone()));
                    if !how.dry {
                        self.show_missing(account, object).await?;
                    }
                }
                for seen in facts {
                    self.compare(account, seen, how.dry, done, each).await?;
                }
            }
            if !ours.more {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is held here and not known there is set aside for a person: once, since the
    /// same again is the same event.
    async fn show_missing(
        &self,
        account: &ProviderAccount,
        object: ProviderRef,
    ) -> Result<(), RereadError> {
        let delivery = Delivery {
            account: account.clone(),
            event_id: format!("missing:{}", object.id),
            kind: "listed.missing".to_owned(),
            reading: Reading::Facts(vec![Observed {
                at: self.now(),
                link: Link {
                    refs: vec![object.clone()],
                    ..Link::default()
                },
                fact: Fact::Unclear {
                    of: None,
                    object,
                    what: Unclear::Missing,
                },
            }]),
            body: Bytes::new(),
        };
        self.receive_new(delivery).await?;
        Ok(())
    }
}

/// Where a subscription is charged that is not over. `None`: nowhere at this account, or
/// it is over.
fn alive_at(held: &Subscription, account: &ProviderAccount) -> Option<ProviderRef> {
    let alive = !held.is_over() && held.provider.as_ref() == Some(account);
    held.reference()
        .filter(|_| alive)
        .map(|reference| of(account, reference))
}

/// It is held here and not known there: a person says what became of it.
fn missing(held: &Subscription, object: ProviderRef) -> Difference {
    Difference {
        customer: Some(held.customer),
        drift: Drift {
            code: DriftCode::Missing,
            object,
            row: Some(held.id.to_string()),
            ours: held.status().as_str().to_owned(),
            theirs: "nothing".to_owned(),
            right: Side::Unclear,
            remedy: Remedy::Look,
        },
    }
}
