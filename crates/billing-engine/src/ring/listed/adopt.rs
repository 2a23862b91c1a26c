//! Adopting what a provider charges already, and nobody here has sold: its customers are ours
//! from then on, its subscriptions are held here, and follow what their provider tells.
//!
//! A go reads to the end of both books, customers first; one that is cut off leaves its place,
//! and the next one goes on from there. What was adopted before is known by its name there. What
//! is charged beside another is adopted all the same, since its provider charges it, and told.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::catalog::{Billing as Charged, CatalogRevision, Price};
use billing_domain::decide::{Verdict, apply_fact, is_charged_already, park_charged_twice};
use billing_domain::digest::digest128;
use billing_domain::fact::{Fact, Observed, SubscriptionSnapshot};
use billing_domain::ids::{CustomerId, InboxId};
use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_ports::provider::{Buyer, ListedBuyer};
use billing_ports::store::{Book, Locator};
use billing_ports::{Delivery, PerformError, Reading};
use bytes::Bytes;

use super::{MAX_DRY_PAGES, RereadError};
use crate::billing::{Billing, Parts};
use crate::commands::ImportMode;
use crate::error::EngineError;
use crate::ring::hints::hinted;
use crate::ring::inbox::also_of;
use crate::ring::whose::Whose;
use crate::ring::{DecideError, Deciding};

/// Subscriptions in a row that cannot be read, after which a go ends: the provider does not
/// answer.
const MAX_IN_VAIN: u64 = 5;

/// How a provider's subscriptions are adopted.
#[derive(Debug, Clone, Copy)]
pub struct Adopting<'a> {
    /// The account whose subscriptions they are.
    pub account: &'a ProviderAccount,
    /// Whether anything is written.
    pub mode: ImportMode,
    /// What the host's name for a customer is called in the provider's metadata. A customer
    /// of whom it is not said goes by the provider's name.
    pub reference_key: &'a str,
    /// Who does it.
    pub actor: Option<&'a str>,
}

/// What a provider lists, and is brought over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoptee {
    /// Somebody whom it knows, whether or not anything was bought.
    Customer,
    /// What it charges for.
    Subscription,
}

/// What came of one customer or subscription of a provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// What it is.
    pub what: Adoptee,
    /// The provider's id of it.
    pub reference: String,
    /// The provider's name of its price. Empty: it could not be read, or is a customer.
    pub price: String,
    /// What came of it.
    pub outcome: Adoption,
    /// Whether it is adopted beside another one that its customer is charged for: both go on,
    /// and a person is to end one.
    pub beside: bool,
}

impl Adopted {
    const fn unreadable(reference: String) -> Self {
        Self {
            what: Adoptee::Subscription,
            reference,
            price: String::new(),
            outcome: Adoption::Refused(ImportRefusal::Unreadable),
            beside: false,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoption {
    /// It is held here, or would be.
    Brought(ImportOutcome),
    /// It is over there, or was never paid: there is nothing to adopt.
    PassedOver,
    /// It is not adopted.
    Refused(ImportRefusal),
}

impl Billing {
    /// Brings over the customers whom a provider lists, where it lists any, and adopts what it
    /// charges and nobody here has sold, where the catalog knows its price; `each` hears what
    /// came of every customer and every subscription. Listeners are told of nothing but the
    /// notice of a dearer price, if one is given with it.
    ///
    /// `true`: the provider's lists were read to their end. `false`: they are longer than one
    /// go reads; the next one goes on from there, a dry run from the beginning.
    ///
    /// # Errors
    ///
    /// [`RereadError`]; what was adopted before stays so, and the next go goes on from there.
    pub async fn adopt(
        &self,
        adopting: &Adopting<'_>,
        mut each: impl FnMut(&Adopted) + Send,
    ) -> Result<bool, RereadError> {
        self.parts()?.adopt(adopting, &mut each).await
    }
}

impl Parts {
    async fn adopt(
        &self,
        adopting: &Adopting<'_>,
        each: &mut (impl FnMut(&Adopted) + Send),
    ) -> Result<bool, RereadError> {
        let provider = self.provider(adopting.account)?;
        let writes = adopting.mode == ImportMode::Apply;
        let mut mark = self
            .go(adopting.account, Book::Imported, |_, now| now)
            .await?;
        if !writes {
            mark.next = None;
        }
        let mut tried = Tried::default();
        let is_going_on = mark.next.is_some() && self.has_all_customers(adopting).await?;
        if !is_going_on && !self.adopt_customers(adopting, &mut tried, each).await? {
            return Ok(false);
        }
        let mut in_vain = 0_u64;
        for _ in 0..MAX_DRY_PAGES {
            let listing = provider.list_subscriptions(mark.next.clone());
            let page = self.in_time(listing).await?;
            for row in page.rows {
                match self.adopt_row(adopting, row, &mut tried).await {
                    Ok(adopted) => {
                        in_vain = 0;
                        if let Some(adopted) = adopted {
                            each(&adopted);
                        }
                    }
                    Err((reference, RereadError::Provider(error))) => {
                        in_vain = in_vain.saturating_add(1);
                        if in_vain >= MAX_IN_VAIN {
                            return Err(error.into());
                        }
                        tracing::warn!(account = %adopting.account, reference, %error,
                            "subscription not read, and not adopted");
                        each(&Adopted::unreadable(reference));
                    }
                    Err((_, error)) => return Err(error),
                }
            }
            mark.next = page.next;
            mark.since = self.now();
            if writes {
                let kept = self
                    .store
                    .put_bookmark(adopting.account, Book::Imported, &mark);
                kept.await?;
            }
            if mark.next.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `None`: it is another deployment's. A failure comes with the name of what it is about.
    async fn adopt_row(
        &self,
        adopting: &Adopting<'_>,
        row: Observed,
        tried: &mut Tried,
    ) -> Result<Option<Adopted>, (String, RereadError)> {
        let (seen, reference) = match hinted(&row).cloned() {
            None => (vec![row], String::new()),
            Some(object) => {
                let reference = object.id.clone();
                let inspected = match self.provider(&object.account) {
                    Ok(provider) => self.in_time(provider.inspect(&object)).await,
                    Err(error) => return Err((reference, error)),
                };
                match inspected {
                    Ok(inspected) => (inspected.facts, reference),
                    Err(error) => return Err((reference, error.into())),
                }
            }
        };
        for observed in seen {
            if let Fact::Unreadable { object, .. } = observed.fact {
                return Ok(Some(Adopted::unreadable(object.id)));
            }
            let Fact::SubscriptionSeen(snapshot) = observed.fact.clone() else {
                continue;
            };
            let came = self.adopt_seen(adopting, observed, &snapshot, tried).await;
            let (outcome, beside) = came.map_err(|error| (snapshot.reference.clone(), error))?;
            return Ok(Some(Adopted {
                what: Adoptee::Subscription,
                reference: snapshot.reference,
                price: snapshot.price_ref,
                outcome,
                beside,
            }));
        }
        tracing::debug!(reference, "nothing to adopt");
        Ok(None)
    }

    /// What came of it, and whether it is charged beside another.
    async fn adopt_seen(
        &self,
        adopting: &Adopting<'_>,
        seen: Observed,
        snapshot: &SubscriptionSnapshot,
        tried: &mut Tried,
    ) -> Result<(Adoption, bool), RereadError> {
        let account = adopting.account;
        let object = ProviderRef {
            account: account.clone(),
            kind: RefKind::Subscription,
            id: snapshot.reference.clone(),
        };
        if self.store.find(&Locator::Provider(object)).await?.is_some() {
            return Ok((Adoption::Brought(ImportOutcome::There), false));
        }
        if matches!(
            snapshot.status,
            Status::Canceled | Status::Expired | Status::Incomplete
        ) {
            return Ok((Adoption::PassedOver, false));
        }
        let catalog = self.catalog(self.now()).await?;
        let refused = |refusal| Ok((Adoption::Refused(refusal), false));
        let price = match fitting(account, &seen, snapshot, &catalog) {
            Ok(price) => price,
            Err(refusal) => return refused(refusal),
        };
        let customer = match self.whose_are(std::slice::from_ref(&seen)).await? {
            Whose::Customer(customer) => Some(customer),
            Whose::Nobody => None,
            Whose::Disputed => return refused(ImportRefusal::OtherReference),
        };
        let customer = match customer {
            Some(customer) => Some(customer),
            None => match self.payer(adopting, snapshot, tried).await? {
                Ok(payer) => payer,
                Err(refusal) => return refused(refusal),
            },
        };
        let beside = is_charged_again(price, snapshot)
            && (self.pays_already(customer).await? || tried.pays_already(adopting, snapshot));
        if let (Some(customer), ImportMode::Apply) = (customer, adopting.mode) {
            self.take_over(adopting, customer, seen, snapshot, beside)
                .await?;
        }
        Ok((Adoption::Brought(ImportOutcome::CREATED), beside))
    }

    /// Whether a customer is charged for something already. `None`: it is not made yet.
    async fn pays_already(&self, customer: Option<CustomerId>) -> Result<bool, EngineError> {
        let Some(customer) = customer else {
            return Ok(false);
        };
        let account = self.load(&customer.into()).await?;
        Ok(account.is_some_and(|held| is_charged_already(&held, None)))
    }

    /// Who pays for a subscription of nobody's that is known: found by the host's name, or
    /// made. `None`: a dry run makes nobody.
    async fn payer(
        &self,
        adopting: &Adopting<'_>,
        snapshot: &SubscriptionSnapshot,
        tried: &mut Tried,
    ) -> Result<Result<Option<CustomerId>, ImportRefusal>, RereadError> {
        let Some(reference) = &snapshot.customer_ref else {
            return Ok(Err(ImportRefusal::Unreadable));
        };
        let provider = self.provider(adopting.account)?;
        let buyer = match self.in_time(provider.buyer(reference)).await {
            Ok(buyer) => buyer.unwrap_or_default(),
            // Of its customers it tells nothing but their names.
            Err(PerformError::Unsupported(_)) => Buyer::default(),
            Err(error) => return Err(error.into()),
        };
        let listed = ListedBuyer {
            reference: reference.clone(),
            customer: None,
            buyer,
        };
        Ok(self.of_ours(adopting, &listed, tried).await?)
    }

    /// The customer holds from now on what the provider tells, and what it told is received.
    async fn take_over(
        &self,
        adopting: &Adopting<'_>,
        customer: CustomerId,
        seen: Observed,
        snapshot: &SubscriptionSnapshot,
        beside: bool,
    ) -> Result<(), RereadError> {
        let account = adopting.account;
        let id: InboxId = self.ids(self.now()).draw();
        let delivery = Delivery {
            account: account.clone(),
            event_id: format!("imported:{}:{}", snapshot.reference, digest128(snapshot)),
            kind: "imported.subscription".to_owned(),
            reading: Reading::Facts(vec![seen.clone()]),
            body: Bytes::new(),
        };
        let deciding = Deciding::about(customer)
            .by(adopting.actor)
            .untold()
            .with(also_of(std::iter::once(&seen)))
            .replying(id, delivery);
        let decided = self.try_decide(&deciding, |draft, catalog| {
            let verdict: Verdict = apply_fact(draft, account, &seen, catalog);
            if beside {
                park_charged_twice(draft, account, &snapshot.reference);
            }
            Ok::<_, EngineError>(verdict)
        });
        match decided.await {
            // What was received by another's hand is decided by the worker.
            Ok(_) | Err(DecideError::Overtaken) => Ok(()),
            Err(DecideError::Refused(error) | DecideError::Engine(error)) => Err(error.into()),
            Err(DecideError::NoCustomer) => Err(EngineError::Contended.into()),
        }
    }
}

/// Who a dry run would make, and who pays for what it would adopt, by their names at the
/// provider: nothing of it is here to be found. Of lists as long as a go reads these are some
/// hundred megabytes.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pay: BTreeSet<String>,
    /// Who is whom at the provider: its names, by ours.
    known: BTreeMap<String, String>,
}

impl Tried {
    /// Whether this go would have made nobody else of the provider's the customer of ours who
    /// goes by `name`.
    pub(super) fn is_same(&mut self, adopting: &Adopting<'_>, name: &str, there: &str) -> bool {
        if adopting.mode == ImportMode::Apply {
            return true;
        }
        let known = self.known.entry(name.to_owned());
        known.or_insert_with(|| there.to_owned()) == there
    }

    /// Whether this go would have adopted another one that the same customer is charged for.
    fn pays_already(&mut self, adopting: &Adopting<'_>, snapshot: &SubscriptionSnapshot) -> bool {
        let payer = snapshot.customer_ref.clone();
        let payer = payer.filter(|_| adopting.mode == ImportMode::Dry);
        payer.is_some_and(|payer| !self.pay.insert(payer))
    }
}

/// Whether its provider charges for it again.
fn is_charged_again(price: &Price, snapshot: &SubscriptionSnapshot) -> bool {
    let recurs = matches!(price.interval, Charged::Recurring(_));
    recurs && !price.amount.is_zero() && snapshot.cancel_at.is_none()
}

/// The price that it is held at here.
///
/// # Errors
///
/// Why it cannot be held as its provider has it.
fn fitting<'a>(
    account: &ProviderAccount,
    seen: &Observed,
    snapshot: &SubscriptionSnapshot,
    catalog: &'a CatalogRevision,
) -> Result<&'a Price, ImportRefusal> {
    if seen.link.prices.len() > 1 {
        return Err(ImportRefusal::SeveralPrices);
    }
    let (provider, price) = (account.provider().as_str(), &snapshot.price_ref);
    let by_ref = catalog.catalog.price_by_ref(provider, price);
    let known = by_ref.or_else(|| catalog.catalog.price(price));
    known.ok_or(ImportRefusal::NoSuchPrice)
}
