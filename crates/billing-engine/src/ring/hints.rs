//! Hints: events that say only that something happened to an object.
//!
//! Where the customer is known, deciding reads the object. Where nobody is, the
//! object is read before: it may say itself whose it is, and what it sells tells
//! a sale of ours from somebody else's in the same account. So is the payment that
//! money goes back of, where what goes back names it and says nothing more.

use std::collections::BTreeMap;

use billing_domain::catalog::CatalogRevision;
use billing_domain::fact::{CheckoutPayment, Fact, Observed};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::Reading;
use billing_ports::store::InboxItem;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::billing::Parts;
use crate::ring::failure::Failure;
use crate::ring::inbox::facts;

/// What reading the objects of hints came to.
pub(crate) struct ReadHints {
    /// Those whose objects were read: they tell now what was read. What goes back of a
    /// payment of somebody else's tells nothing any more.
    pub(crate) told: Vec<InboxItem>,
    /// Those whose objects could not be read, and why.
    pub(crate) unread: Vec<(InboxItem, Failure)>,
}

impl Parts {
    /// Reads what these name, every object once, side by side, until `deadline`.
    pub(crate) async fn read_hints(
        &self,
        items: Vec<InboxItem>,
        deadline: Option<Instant>,
    ) -> ReadHints {
        let mut objects: BTreeMap<ProviderRef, Result<Vec<Observed>, Failure>> = BTreeMap::new();
        let wanted = items.iter().flat_map(facts).filter_map(to_be_read);
        for object in wanted {
            objects.insert(object.clone(), Ok(Vec::new()));
        }
        let read = stream::iter(objects.into_keys())
            .map(|object| async move {
                let answer = self.read_object(&object, deadline).await;
                (object, answer)
            })
            .buffer_unordered(self.limits.places());
        let objects: BTreeMap<_, _> = read.collect().await;
        let mut done = ReadHints {
            told: Vec::with_capacity(items.len()),
            unread: Vec::new(),
        };
        for item in items {
            match told(&item, &objects) {
                Ok(facts) => {
                    let mut item = item;
                    item.delivery.reading = Reading::Facts(facts);
                    done.told.push(item);
                }
                Err(failure) => done.unread.push((item, failure)),
            }
        }
        done
    }
}

/// Whether it says only that something happened.
pub(crate) fn is_hint(item: &InboxItem) -> bool {
    facts(item)
        .iter()
        .any(|observed| hinted(observed).is_some())
}

/// Whether it has to be read whose it is: it hints, or names a payment and no more.
pub(crate) fn says_too_little(item: &InboxItem) -> bool {
    facts(item)
        .iter()
        .any(|observed| to_be_read(observed).is_some())
}

/// Whether it hints at this object.
pub(crate) fn hints_at(item: &InboxItem, object: &ProviderRef) -> bool {
    facts(item).iter().filter_map(hinted).any(|it| it == object)
}

/// Whether it tells of money that goes back, which its payment may come after.
pub(crate) fn tells_a_return(facts: &[Observed]) -> bool {
    let is_return =
        |observed: &Observed| matches!(observed.fact, Fact::RefundSeen(_) | Fact::DisputeSeen(_));
    facts.iter().any(is_return)
}

/// Whether it tells of money that is there, for something of ours.
pub(crate) const fn tells_money(observed: &Observed) -> bool {
    matches!(
        observed.fact,
        Fact::InvoicePaid { .. }
            | Fact::CheckoutCompleted {
                payment: CheckoutPayment::Paid { .. },
                ..
            }
    )
}

pub(crate) fn hinted(observed: &Observed) -> Option<&ProviderRef> {
    if let Fact::Hinted { object } = &observed.fact {
        return Some(object);
    }
    None
}

/// The payment that money goes back of, where nothing but its objects is named: what
/// was sold by it, and by whom, is said there.
fn payment_of(observed: &Observed) -> Option<&ProviderRef> {
    let link = &observed.link;
    let says_more = link.garbled
        || link.checkout.is_some()
        || link.customer.is_some()
        || !link.prices.is_empty();
    let is_bare = tells_a_return(std::slice::from_ref(observed)) && !says_more;
    let pays = |object: &&ProviderRef| {
        matches!(
            object.kind,
            RefKind::Invoice | RefKind::Payment | RefKind::Checkout
        )
    };
    link.refs.iter().filter(|_| is_bare).find(pays)
}

fn to_be_read(observed: &Observed) -> Option<&ProviderRef> {
    hinted(observed).or_else(|| payment_of(observed))
}

/// What was read after something was told of it at `told_at` is no older, whatever
/// instant the provider gives it: of a snapshot, the newest counts. What has happened
/// once, as a payment has, happened when the provider says.
pub(crate) fn no_older(read: Observed, told_at: Timestamp) -> Observed {
    let is_snapshot = matches!(
        read.fact,
        Fact::SubscriptionSeen(_) | Fact::RefundSeen(_) | Fact::DisputeSeen(_)
    );
    let at = if is_snapshot {
        read.at.max(told_at)
    } else {
        read.at
    };
    Observed { at, ..read }
}

/// The facts of `item`, each hint replaced by what was read, and what goes back told
/// with the link of its payment.
fn told(
    item: &InboxItem,
    objects: &BTreeMap<ProviderRef, Result<Vec<Observed>, Failure>>,
) -> Result<Vec<Observed>, Failure> {
    let mut all = Vec::new();
    for observed in facts(item) {
        let Some(object) = to_be_read(observed) else {
            all.push(observed.clone());
            continue;
        };
        let read = objects
            .get(object)
            .cloned()
            .unwrap_or_else(|| Ok(Vec::new()))?;
        let mut read = read.into_iter();
        if hinted(observed).is_none() {
            all.extend(read.next().map(|payment| Observed {
                link: payment.link,
                ..observed.clone()
            }));
            continue;
        }
        all.extend(read.map(|fact| no_older(fact, observed.at)));
    }
    Ok(all)
}

/// Whether these facts are about somebody else's business in the same provider
/// account: they carry no correlation of ours, and sell what the catalog does
/// not know. What names no price may be anybody's, and is not foreign.
pub(crate) fn is_foreign(
    account: &ProviderAccount,
    facts: &[Observed],
    catalog: &CatalogRevision,
) -> bool {
    let correlated = facts.iter().any(|observed| {
        let link = &observed.link;
        link.garbled
            || link.checkout.is_some()
            || link.customer.is_some()
            || observed.fact.checkout().is_some()
            || observed.fact.invoice().is_some()
    });
    let mut prices = facts.iter().flat_map(prices).peekable();
    let provider = account.provider().as_str();
    !correlated
        && prices.peek().is_some()
        && prices.all(|price| {
            let by_ref = catalog.catalog.price_by_ref(provider, price);
            by_ref.or_else(|| catalog.catalog.price(price)).is_none()
        })
}

fn prices(observed: &Observed) -> impl Iterator<Item = &str> {
    let mut seen = None;
    if let Fact::SubscriptionSeen(snapshot) = &observed.fact {
        seen = Some(snapshot.price_ref.as_str());
    }
    let named = observed.link.prices.iter().map(String::as_str);
    seen.into_iter().chain(named)
}

#[cfg(test)]
mod tests {
    use billing_domain::fact::{Link, ProviderInvoiceState, RefundSnapshot, RefundState};
    use billing_domain::money::{Currency, Money};

    use super::*;

    #[test]
    fn what_has_happened_once_keeps_its_instant() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let amount = Money::new(100, Currency::USD);
        let read = |fact| Observed {
            fact,
            at: second(10),
            link: Link::default(),
        };
        let invoice = read(Fact::ProviderInvoiceSeen {
            reference: "in_1".to_owned(),
            subscription_ref: None,
            amount,
            period: None,
            state: ProviderInvoiceState::Paid,
            purpose: None,
            collected: None,
            opened_at: None,
            tried: None,
        });
        let refund = read(Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: "re_1".to_owned(),
            of: Vec::new(),
            amount,
            state: RefundState::Done,
        }));
        assert_eq!(no_older(invoice, second(20)).at, second(10));
        assert_eq!(no_older(refund.clone(), second(20)).at, second(20));
        assert_eq!(no_older(refund, second(5)).at, second(10));
    }
}
