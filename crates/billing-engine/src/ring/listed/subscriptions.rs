//! A provider's subscriptions: those that stand otherwise than here are received.

use std::collections::BTreeSet;

use billing_domain::audit::{Drift, DriftCode, Remedy, Side, drift};
use billing_domain::digest::digest128;
use billing_domain::fact::{Fact, Observed, Unclear};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_ports::provider::{Inspected, LeftOver};
use billing_ports::store::{Also, Book};
use billing_ports::{Delivery, PaymentProvider, PerformError, Reading};
use bytes::Bytes;

use super::{Difference, MAX_READS, Pace, Reread, RereadError};
use crate::billing::Parts;
use crate::commands::drift::unfinished;
use crate::ring::hints::{hinted, is_foreign};
use crate::ring::whose::Whose;

/// Subscriptions in a row that cannot be read, after which a go ends: one may be of a
/// kind that is not known here, several mean that the provider does not answer.
const MAX_IN_VAIN: u64 = 5;

impl Parts {
    /// `true`: they were read to the end. A dry run writes nothing, not even how
    /// far it came.
    pub(super) async fn reread_subscriptions(
        &self,
        account: &ProviderAccount,
        how: &Pace,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<bool, RereadError> {
        let provider = self.provider(account)?;
        let mut mark = self.go(account, Book::Subscriptions, |_, now| now).await?;
        if how.dry {
            mark.next = None;
        } else if !how.lists {
            // The book was read to its end before, and is not due.
            return self.go_on_looking(account, how, done, each).await;
        }
        let mut reads = 0;
        let mut in_vain = 0;
        let mut listed = BTreeSet::new();
        for _ in 0..how.pages {
            let listing = provider.list_subscriptions(mark.next.clone());
            let page = self.in_time(listing).await?;
            for seen in page.rows {
                done.subscriptions = done.subscriptions.saturating_add(1);
                listed.extend(object_of(account, &seen));
                let stands = match self.as_it_stands(seen, how.dry, &mut reads).await {
                    Ok(stands) => self.told_of_left(stands, done, each).await?,
                    Err(unread) => {
                        in_vain = note_unread(unread, in_vain, done, each)?;
                        continue;
                    }
                };
                in_vain = 0;
                for seen in stands {
                    self.compare(account, seen, how.dry, done, each).await?;
                }
            }
            mark.next = page.next;
            mark.since = self.now();
            if how.dry && mark.next.is_none() {
                let mut after = None;
                let looking = self.look_for_unlisted(account, &listed, &mut after, how, done, each);
                return looking.await;
            }
            if !how.dry {
                let listed = std::mem::take(&mut listed);
                self.sweeps.add(account, mark.begun_at, listed);
                if mark.next.is_none() {
                    self.begin_looking(account, &mark).await?;
                }
                self.store
                    .put_bookmark(account, Book::Subscriptions, &mark)
                    .await?;
            }
            if mark.next.is_none() {
                return self.go_on_looking(account, how, done, each).await;
            }
            if how.is_over() || (reads >= MAX_READS && !how.dry) {
                break;
            }
        }
        Ok(false)
    }

    /// What a row of the book says, read where the row only hints at it.
    async fn as_it_stands(
        &self,
        row: Observed,
        dry: bool,
        reads: &mut u64,
    ) -> Result<Stands, Unread> {
        let Some(object) = hinted(&row) else {
            return Ok(Stands {
                facts: vec![row],
                left: None,
            });
        };
        *reads = reads.saturating_add(1);
        let unread = |error: RereadError| Unread {
            object: object.clone(),
            error,
        };
        let provider = self.provider(&object.account).map_err(unread)?;
        let stands = self.stands(provider, object, dry).await;
        stands.map_err(|error| unread(error.into()))
    }

    /// Reads an object; a dry run leaves it as it is.
    pub(super) async fn stands(
        &self,
        provider: &dyn PaymentProvider,
        object: &ProviderRef,
        dry: bool,
    ) -> Result<Stands, PerformError> {
        if !dry {
            let facts = self.in_time(provider.read(object)).await?;
            return Ok(Stands { facts, left: None });
        }
        let Inspected { facts, left } = self.in_time(provider.inspect(object)).await?;
        let left = left.map(|left| (object.clone(), left));
        Ok(Stands { facts, left })
    }

    /// The facts of what was read; what was left unfinished there is told.
    pub(super) async fn told_of_left(
        &self,
        stands: Stands,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<Vec<Observed>, RereadError> {
        let Stands { facts, left } = stands;
        if let Some((object, left)) = left {
            let customer = match self.whose_are(&facts).await? {
                Whose::Customer(customer) => Some(customer),
                Whose::Nobody | Whose::Disputed => None,
            };
            let also = Also::default();
            let loaded = match customer {
                Some(customer) => self.store.load(customer, &also).await?,
                None => None,
            };
            let account = loaded.as_ref().map(|loaded| &loaded.account);
            let drift = unfinished(account, &object, left);
            done.drifts = done.drifts.saturating_add(1);
            each(&Difference { customer, drift });
        }
        Ok(facts)
    }

    pub(super) async fn compare(
        &self,
        account: &ProviderAccount,
        seen: Observed,
        dry: bool,
        done: &mut Reread,
        each: &mut (impl FnMut(&Difference) + Send),
    ) -> Result<(), RereadError> {
        let Fact::SubscriptionSeen(snapshot) = &seen.fact else {
            return Ok(());
        };
        let object = of(account, &snapshot.reference);
        let facts = std::slice::from_ref(&seen);
        // The same difference again is the same event, until its customer is known.
        let mut event_id = format!("listed:{}:{}", object.id, digest128(snapshot));
        let differences = match self.whose_are(facts).await? {
            Whose::Customer(customer) => {
                let also = Also::default();
                let loaded = self.store.load(customer, &also).await?;
                let Some(loaded) = loaded else { return Ok(()) };
                event_id = format!("{event_id}:{}", seen.at.as_microsecond());
                let found = drift(&loaded.account, &object, facts).into_iter();
                let told = |drift| Difference {
                    customer: Some(customer),
                    drift,
                };
                found.map(told).collect()
            }
            Whose::Disputed => vec![unknown(&object, snapshot.status.as_str())],
            Whose::Nobody => {
                let catalog = self.catalog(self.now()).await?;
                if is_foreign(account, facts, &catalog) {
                    done.foreign = done.foreign.saturating_add(1);
                    return Ok(());
                }
                vec![unknown(&object, snapshot.status.as_str())]
            }
        };
        for difference in &differences {
            done.drifts = done.drifts.saturating_add(1);
            each(difference);
        }
        let is_news = |found: &Difference| {
            let look_at_it_alone =
                found.drift.code == DriftCode::Upcoming && found.drift.remedy == Remedy::Look;
            found.drift.remedy == Remedy::OrderAgain
                || (found.drift.right != Side::Ours && !look_at_it_alone)
        };
        if dry {
            return Ok(());
        }
        for difference in &differences {
            self.show_to_a_person(account, &seen, difference).await?;
        }
        if differences.iter().any(is_news) {
            let delivery = Delivery {
                account: account.clone(),
                event_id,
                kind: "listed.subscription".to_owned(),
                reading: Reading::Facts(vec![seen]),
                body: Bytes::new(),
            };
            self.receive_new(delivery).await?;
        }
        Ok(())
    }
}

/// One that cannot be read keeps nobody from the others; several in a row mean that
/// the provider does not answer. Gives how many were read in vain by now.
pub(super) fn note_unread(
    unread: Unread,
    in_vain: u64,
    done: &mut Reread,
    each: &mut (impl FnMut(&Difference) + Send),
) -> Result<u64, RereadError> {
    let Unread { object, error } = unread;
    let in_vain = in_vain.saturating_add(1);
    if in_vain >= MAX_IN_VAIN {
        return Err(error);
    }
    done.unread = done.unread.saturating_add(1);
    tracing::warn!(account = %object.account, object = object.id, %error, "subscription not read");
    each(&Difference {
        customer: None,
        drift: Drift {
            code: DriftCode::Unread,
            object,
            row: None,
            ours: "not compared".to_owned(),
            theirs: error.to_string(),
            right: Side::Unclear,
            remedy: Remedy::Look,
        },
    });
    Ok(in_vain)
}

/// An object as it was read.
pub(super) struct Stands {
    facts: Vec<Observed>,
    /// What a call of ours that was cut off has left there. `None`: nothing, or it is put
    /// right by now.
    left: Option<(ProviderRef, LeftOver)>,
}

/// A row that could not be read, and why.
pub(super) struct Unread {
    pub(super) object: ProviderRef,
    pub(super) error: RereadError,
}

/// Which subscription a row is about. `None`: about none.
fn object_of(account: &ProviderAccount, seen: &Observed) -> Option<ProviderRef> {
    if let Fact::SubscriptionSeen(snapshot) = &seen.fact {
        return Some(of(account, &snapshot.reference));
    }
    hinted(seen).cloned()
}

pub(super) fn of(account: &ProviderAccount, reference: &str) -> ProviderRef {
    ProviderRef {
        account: account.clone(),
        kind: RefKind::Subscription,
        id: reference.to_owned(),
    }
}

impl Parts {
    /// What is to come over there, and nobody here has asked for, is set aside: once, since
    /// the same again is the same event.
    async fn show_to_a_person(
        &self,
        account: &ProviderAccount,
        seen: &Observed,
        difference: &Difference,
    ) -> Result<(), RereadError> {
        let Difference { drift, .. } = difference;
        if drift.code != DriftCode::Upcoming || drift.remedy != Remedy::Look {
            return Ok(());
        }
        let object = drift.object.clone();
        let what = Unclear::Upcoming {
            ours: drift.ours.clone(),
            theirs: drift.theirs.clone(),
        };
        let delivery = Delivery {
            account: account.clone(),
            event_id: format!("upcoming:{}:{}", object.id, digest128(&what)),
            kind: "listed.upcoming".to_owned(),
            reading: Reading::Facts(vec![Observed {
                fact: Fact::Unclear {
                    of: None,
                    object,
                    what,
                },
                ..seen.clone()
            }]),
            body: Bytes::new(),
        };
        self.receive_new(delivery).await?;
        Ok(())
    }
}

/// It is sold there and not known here: a person says whose it is.
fn unknown(object: &ProviderRef, theirs: &str) -> Difference {
    Difference {
        customer: None,
        drift: Drift {
            code: DriftCode::Unknown,
            object: object.clone(),
            row: None,
            ours: "nothing".to_owned(),
            theirs: theirs.to_owned(),
            right: Side::Provider,
            remedy: Remedy::Look,
        },
    }
}
