//! Paying a renewal by hand, however old the link: the ring in the foreground, since the
//! buyer waits for a page to pay at.
//!
//! Looking changes nothing and asks nobody. Paying asks the provider about the page that
//! there is; where that has closed, another one is made for the same cycle, as the rules
//! would have it made a little later by themselves.

use std::time::Duration;

use billing_domain::catalog::PlanKey;
use billing_domain::decide::{Verdict, apply_fact, grace_end};
use billing_domain::effect::{Effect, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::{CustomerId, InboxId, InvoiceId};
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::money::Money;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, Locator};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;
use tokio::time::Instant;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;
use crate::ring::{DecideError, Deciding, Performed, also_of};

/// Looks at a page that somebody else is making at this moment, and the pause between two:
/// five seconds together, which a provider takes when it is slow. Whoever waits longer
/// presses once more.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// A renewal, as whoever is to pay for it is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalToPay {
    /// The plan that it goes on with.
    pub plan: PlanKey,
    /// What is owed, in the currency of the price.
    pub amount: Money,
    /// When it was to be paid. `None`: nobody could pay yet.
    pub due_at: Option<Timestamp>,
    /// Until when it can be paid. `None`: nobody could pay yet, or it is over.
    pub payable_until: Option<Timestamp>,
    /// How it stands.
    pub standing: RenewalStanding,
}

/// How a renewal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalStanding {
    /// It is owed.
    Owed,
    /// Money for it has been seen, and is not final.
    OnItsWay,
    /// It is paid.
    Paid,
    /// It is owed no longer: taken back, or its time is over.
    Over,
}

/// What paying comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewalPage {
    /// It is paid here.
    At(String),
    /// There is nothing to pay, or nothing more.
    Not(RenewalStanding),
}

/// Why there is no page to pay at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewalPageError {
    /// There is no such renewal, or none that we collect.
    #[error("no such renewal")]
    NotFound,
    /// The provider did not answer. It is asked again later, under the same key.
    #[error("the provider did not answer")]
    Provider,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// A renewal that the engine runs. `None`: there is none of this id. Changes nothing,
    /// and asks no provider.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn renewal_to_pay(
        &self,
        invoice: InvoiceId,
    ) -> Result<Option<RenewalToPay>, EngineError> {
        let found = self.parts()?.renewal(invoice).await?;
        Ok(found.map(|found| found.shown))
    }

    /// The page where a renewal is paid: the one that there is, or another one for the same
    /// cycle where that has closed. May be repeated.
    ///
    /// # Errors
    ///
    /// [`RenewalPageError`]; what was begun goes on by itself.
    pub async fn renewal_page(&self, invoice: InvoiceId) -> Result<RenewalPage, RenewalPageError> {
        let parts = self.parts()?;
        let found = parts.renewal(invoice).await?;
        let found = found.ok_or(RenewalPageError::NotFound)?;
        let (Some(object), RenewalStanding::Owed) = (found.page(), found.shown.standing) else {
            return parts.page_that_is_made(invoice).await;
        };
        let told = parts.asked(&object).await?;
        let waits = told.iter().any(|told| is_on_its_way(told, invoice));
        if waits || told.iter().any(|told| is_news(told, invoice)) {
            let until = parts.limits.calls_until();
            let effects = parts.heard(&found, &object, told).await?;
            parts
                .made_anew(found.customer, invoice, effects, until)
                .await?;
        }
        if waits {
            return Ok(RenewalPage::Not(RenewalStanding::OnItsWay));
        }
        parts.page_that_is_made(invoice).await
    }
}

/// A renewal as it was loaded.
struct Found {
    customer: CustomerId,
    invoice: Invoice,
    shown: RenewalToPay,
}

impl Found {
    /// The provider's page. `None`: it has none yet, or none any more.
    fn page(&self) -> Option<ProviderRef> {
        Some(ProviderRef {
            account: self.invoice.provider.clone()?,
            kind: RefKind::Invoice,
            id: self.invoice.reference.clone()?,
        })
    }
}

impl Parts {
    async fn renewal(&self, id: InvoiceId) -> Result<Option<Found>, EngineError> {
        let Some(customer) = self.store.find(&Locator::Invoice(id)).await? else {
            return Ok(None);
        };
        let also = Also {
            invoices: vec![id],
            ..Also::default()
        };
        let Some(loaded) = self.store.load(customer, &also).await? else {
            return Ok(None);
        };
        let account = &loaded.account;
        let invoice = account.invoice(id).filter(|held| held.is_renewal());
        let held = invoice.and_then(|invoice| account.subscription(invoice.subscription?));
        let (Some(invoice), Some(held)) = (invoice, held) else {
            return Ok(None);
        };
        if !held.is_engine_run() {
            return Ok(None);
        }
        let now = self.now();
        let times = &held.times;
        let open = invoice.is_open();
        // Grace goes on beyond its own end only while money is on its way.
        let ends = grace_end(held, invoice);
        let waits = ends < times.grace_ends_at;
        let standing = match invoice.state {
            InvoiceState::Settled { .. } => RenewalStanding::Paid,
            InvoiceState::Void { .. } => RenewalStanding::Over,
            InvoiceState::Open if waits => RenewalStanding::OnItsWay,
            InvoiceState::Open if ends.is_some_and(|ends| ends <= now) => RenewalStanding::Over,
            InvoiceState::Open => RenewalStanding::Owed,
        };
        let shown = RenewalToPay {
            plan: held.terms_at(now).plan.clone(),
            amount: invoice.amount,
            due_at: times.due_at.filter(|_| open),
            payable_until: times.grace_ends_at.filter(|_| open),
            standing,
        };
        Ok(Some(Found {
            customer,
            invoice: invoice.clone(),
            shown,
        }))
    }

    /// What the provider says of its page at this moment.
    async fn asked(&self, object: &ProviderRef) -> Result<Vec<Observed>, RenewalPageError> {
        let provider = self.providers.get(&object.account);
        let provider = provider.ok_or(RenewalPageError::Provider)?;
        let reading = provider.read(object);
        match tokio::time::timeout(self.limits.call_timeout, reading).await {
            Ok(Ok(told)) => Ok(told),
            Ok(Err(error)) => {
                tracing::warn!(%error, reference = object.id, "a page to pay at was not read");
                Err(RenewalPageError::Provider)
            }
            Err(_elapsed) => Err(RenewalPageError::Provider),
        }
    }

    /// Receives and decides what the provider said, in one commit; gives what was ordered.
    async fn heard(
        &self,
        found: &Found,
        object: &ProviderRef,
        told: Vec<Observed>,
    ) -> Result<Vec<Effect>, EngineError> {
        let now = self.now();
        let id: InboxId = self.ids(now).draw();
        let delivery = Delivery {
            account: object.account.clone(),
            // Each press is one: of two at once, the second finds the page gone already.
            event_id: format!("pressed:{id}"),
            kind: "read.invoice".to_owned(),
            reading: Reading::Facts(told.clone()),
            body: Bytes::new(),
        };
        let mut also = also_of(told.iter());
        also.invoices.push(found.invoice.id);
        let deciding = Deciding::about(found.customer)
            .with(also)
            .leasing_until(self.lease_ends())
            .replying(id, delivery);
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                for fact in &told {
                    match apply_fact(draft, &object.account, fact, catalog) {
                        Verdict::Decided => {}
                        Verdict::Read(_) | Verdict::Unlinked => {
                            tracing::error!(reference = object.id, "what was read is unclear");
                        }
                    }
                }
                Ok::<_, EngineError>(())
            })
            .await;
        match decided {
            Ok(decided) => Ok(decided.effects),
            // Somebody else heard the same first, and does what follows.
            Err(DecideError::Overtaken) => Ok(Vec::new()),
            Err(DecideError::NoCustomer) => Err(EngineError::Contended),
            Err(DecideError::Refused(error) | DecideError::Engine(error)) => Err(error),
        }
    }

    /// Performs what was ordered about this invoice. The rest is the worker's.
    async fn made_anew(
        &self,
        customer: CustomerId,
        invoice: InvoiceId,
        effects: Vec<Effect>,
        until: Option<Instant>,
    ) -> Result<(), RenewalPageError> {
        for effect in effects {
            if effect.order.provider().is_none() {
                continue;
            }
            let is_page =
                matches!(&effect.order, Order::CreateInvoice(order) if order.invoice == invoice);
            let performed = self.perform_leased(customer, effect, until).await?;
            if is_page && performed == Performed::Later {
                return Err(RenewalPageError::Provider);
            }
        }
        Ok(())
    }

    /// The page as it is in the books, with a little patience for whoever makes it.
    async fn page_that_is_made(&self, id: InvoiceId) -> Result<RenewalPage, RenewalPageError> {
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            let found = self.renewal(id).await?;
            let found = found.ok_or(RenewalPageError::NotFound)?;
            match (found.shown.standing, found.invoice.pay_url) {
                (RenewalStanding::Owed, Some(url)) => return Ok(RenewalPage::At(url)),
                (RenewalStanding::Owed, None) => {}
                (standing, _) => return Ok(RenewalPage::Not(standing)),
            }
        }
        Err(RenewalPageError::Provider)
    }
}

/// Whether money for `invoice` has been seen that is not final.
fn is_on_its_way(told: &Observed, invoice: InvoiceId) -> bool {
    matches!(&told.fact, Fact::PaymentPending { invoice: of, .. } if *of == invoice)
}

/// Whether the page is not to be paid at any more, as far as `invoice` goes.
fn is_news(told: &Observed, invoice: InvoiceId) -> bool {
    matches!(
        &told.fact,
        Fact::InvoicePaid { invoice: of, .. } | Fact::InvoiceClosed { invoice: of, .. }
            if *of == invoice
    )
}
