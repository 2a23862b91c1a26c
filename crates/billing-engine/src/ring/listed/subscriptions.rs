//! A provider's subscriptions: those that stand otherwise than here are received.

use billing_domain::audit::{Drift, DriftCode, Remedy, Side, drift};
use billing_domain::digest::digest128;
use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_ports::store::{Also, Book};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;

use super::{Difference, MAX_READS, Pace, Reread, RereadError};
use crate::billing::Parts;
use crate::ring::hints::{hinted, is_foreign};
use crate::ring::whose::Whose;

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
        }
        let mut reads = 0;
        for _ in 0..how.pages {
            let listing = provider.list_subscriptions(mark.next.clone());
            let page = self.in_time(listing).await?;
            for seen in page.rows {
                done.subscriptions = done.subscriptions.saturating_add(1);
                for seen in self.as_it_stands(seen, &mut reads).await? {
                    self.compare(account, seen, how.dry, done, each).await?;
                }
            }
            mark.next = page.next;
            if !how.dry {
                self.store
                    .put_bookmark(account, Book::Subscriptions, &mark)
                    .await?;
            }
            if mark.next.is_none() {
                return Ok(true);
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
        reads: &mut u64,
    ) -> Result<Vec<Observed>, RereadError> {
        let Some(object) = hinted(&row) else {
            return Ok(vec![row]);
        };
        *reads = reads.saturating_add(1);
        let provider = self.provider(&object.account)?;
        let facts = self.in_time(provider.read(object)).await?;
        Ok(facts)
    }

    async fn compare(
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
        let object = ProviderRef {
            account: account.clone(),
            kind: RefKind::Subscription,
            id: snapshot.reference.clone(),
        };
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
        let is_news = |found: &Difference| found.drift.right != Side::Ours;
        if !dry && differences.iter().any(is_news) {
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
