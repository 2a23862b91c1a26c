//! What the tests share: an engine with everything around it in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogDraft, PriceKey};
use billing_domain::customer::Account;
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{CheckoutPayment, Fact, Link, Observed, RefundSnapshot, RefundState};
use billing_domain::ids::{CustomerId, EffectId, SubscriptionId};
use billing_domain::invoice::Invoice;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Interval, Timestamp};
use billing_engine::{
    Billing, BillingBuilder, CheckoutOpened, CheckoutRequest, CustomerRef, Limits, What, WorkDone,
};
use billing_ports::store::{Resolution, Ring};
use billing_ports::{
    Answer, Clock, Delivery, Finding, IdSource, Listed, PaymentProvider, PerformError, Reading,
    Refunds, Refusal,
};
use billing_testkit::memory::{Call, Fault, FaultPlan, HeldEffect, RowState};
use billing_testkit::{ManualClock, MemoryStore, RecordingNotifier, SeededIds, fixtures};
use bytes::Bytes;
use jiff::SignedDuration;

/// What a provider does when it is next called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Refuse,
    /// Says no after so long.
    RefuseAfter(Duration),
    NotSent,
    Unknown,
    Misconfigured,
    Unsupported,
    /// Tells how its objects stand.
    Snapshots,
    /// Never answers.
    Hang,
    /// Answers after so long.
    Slow(Duration),
    /// Answers, and the store fails the commit that would keep the answer.
    Forgotten(Fault),
}

/// A call, as the provider got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) effect: EffectId,
    pub(crate) key: String,
    pub(crate) kind: &'static str,
    pub(crate) at: Timestamp,
    /// How the effect stood in the store at that moment. `None`: it was not there.
    pub(crate) stored: Option<RowState>,
    /// When anybody else might have claimed it.
    pub(crate) claimable: Option<Timestamp>,
}

/// A provider that does as it is told, and remembers its calls.
pub(crate) struct Stub {
    account: ProviderAccount,
    pub(crate) owns_schedule: bool,
    /// Whether it can pause a subscription.
    pub(crate) pauses: AtomicBool,
    /// Whether it says that our key is none.
    pub(crate) refuses_key: AtomicBool,
    /// Whether it sends money back.
    pub(crate) sends_back: AtomicBool,
    clock: ManualClock,
    store: MemoryStore,
    script: Mutex<VecDeque<Act>>,
    calls: Mutex<Vec<Called>>,
    objects: Mutex<Vec<Observed>>,
    reads: Mutex<Vec<ProviderRef>>,
    /// What it does when an object is next read, or a page of its books.
    reading: Mutex<VecDeque<Act>>,
    /// What happened there, as its books have it.
    pub(crate) happened: Mutex<Vec<Delivery>>,
    /// Since when it was asked what had happened.
    pub(crate) asked_since: Mutex<Vec<Timestamp>>,
}

/// Rows on a page of its books.
const PAGE: usize = 2;

fn page<T: Clone>(rows: &[T], after: Option<String>) -> Listed<T> {
    let begin: usize = after.map_or(0, |after| after.parse().unwrap());
    let end = rows.len().min(begin + PAGE);
    Listed {
        rows: rows[begin..end].to_vec(),
        next: (end < rows.len()).then(|| end.to_string()),
    }
}

impl Stub {
    pub(crate) fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.lock().unwrap().extend(acts);
    }

    /// Does as with nobody telling, from now on.
    pub(crate) fn forget(&self) {
        self.script.lock().unwrap().clear();
    }

    pub(crate) fn next_reads(&self, acts: impl IntoIterator<Item = Act>) {
        self.reading.lock().unwrap().extend(acts);
    }

    pub(crate) fn calls(&self) -> Vec<Called> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.key).collect()
    }

    pub(crate) fn reads(&self) -> Vec<ProviderRef> {
        self.reads.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, object: Observed) {
        self.objects.lock().unwrap().push(object);
    }

    /// Has this object, and nothing else any more.
    pub(crate) fn replace(&self, object: Observed) {
        *self.objects.lock().unwrap() = vec![object];
    }

    /// Fails, waits or refuses as told. `None`: as it does with nobody telling.
    async fn act(&self, act: Option<Act>) -> Result<Option<Answer>, PerformError> {
        let Some(act) = act else { return Ok(None) };
        match act {
            Act::Refuse | Act::RefuseAfter(_) => {
                if let Act::RefuseAfter(time) = act {
                    tokio::time::sleep(time).await;
                }
                return Ok(Some(Answer::Refused(Refusal {
                    code: "card_declined".to_owned(),
                    message: "no".to_owned(),
                })));
            }
            Act::NotSent => return Err(PerformError::NotSent("refused".to_owned())),
            Act::Unknown => return Err(PerformError::Unknown("cut off".to_owned())),
            Act::Misconfigured => return Err(PerformError::Misconfigured("bad key".to_owned())),
            Act::Unsupported => return Err(PerformError::Unsupported("invoices")),
            Act::Snapshots => {
                return Ok(Some(Answer::Done(self.objects.lock().unwrap().clone())));
            }
            Act::Hang => std::future::pending().await,
            Act::Slow(time) => tokio::time::sleep(time).await,
            Act::Forgotten(fault) => self.store.fail_next(Call::Commit, fault),
        }
        Ok(None)
    }

    fn done(&self, effect: EffectId, key: &EffectKey, order: &Order) -> Vec<Observed> {
        let now = self.clock.now();
        let fact = match order {
            Order::OpenCheckout(open) => Fact::CheckoutOpened {
                checkout: open.checkout,
                reference: format!("cs_{}", open.checkout),
                url: format!("https://pay.example.com/{}", open.checkout),
                expires_at: open.expires_at,
                conversion: None,
                customer_ref: None,
            },
            Order::CreateInvoice(create) => Fact::InvoiceOpened {
                invoice: create.invoice,
                reference: format!("in_{}", create.invoice),
                pay_url: Some(format!("https://pay.example.com/{}", create.invoice)),
                conversion: None,
            },
            Order::PromiseRefund(refund) => Fact::RefundSeen(RefundSnapshot {
                refund: format!("re_{effect}"),
                of: vec![refund.reference.clone()],
                amount: refund.amount,
                state: RefundState::Done,
                ordered: Some(key.clone()),
            }),
            Order::ReadSubscription { .. } => return self.objects.lock().unwrap().clone(),
            Order::ChangeSubscription(_)
            | Order::UndoChange { .. }
            | Order::SettleCode { .. }
            | Order::ExpireCheckout { .. }
            | Order::VoidInvoice { .. }
            | Order::CancelSubscription { .. }
            | Order::UndoCancellation { .. }
            | Order::PauseSubscription { .. }
            | Order::ResumeSubscription { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => Fact::Done { effect },
        };
        vec![seen(fact, now)]
    }
}

#[async_trait]
impl PaymentProvider for Stub {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: self.owns_schedule,
            prorates: false,
            hosted_checkout: true,
            portal: false,
            pause: self.pauses.load(Ordering::Relaxed),
            saved_method: false,
            paused_ends_at_once: false,
        }
    }

    fn refuses_key(&self) -> bool {
        self.refuses_key.load(Ordering::Relaxed)
    }

    fn refunds(&self) -> Refunds {
        if self.sends_back.load(Ordering::Relaxed) {
            Refunds::Sent
        } else {
            Refunds::Elsewhere
        }
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let rows = self.store.snapshot().outbox;
        let row = rows.into_iter().find(|row| row.effect.id == effect);
        let claimable = self.store.next_work().await.ok();
        self.calls.lock().unwrap().push(Called {
            effect,
            key: key.to_string(),
            kind: order.kind(),
            at: self.clock.now(),
            stored: row.map(|row| row.state),
            claimable: claimable.and_then(|next| next.outbox),
        });
        let act = self.script.lock().unwrap().pop_front();
        let answer = self.act(act).await?;
        Ok(answer.unwrap_or_else(|| Answer::Done(self.done(effect, key, order))))
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.reads.lock().unwrap().push(object.clone());
        let act = self.reading.lock().unwrap().pop_front();
        self.act(act).await?;
        let mut objects = self.objects.lock().unwrap().clone();
        // Of another subscription, this one tells nothing.
        let of_another = |seen: &Observed| {
            matches!(&seen.fact, Fact::SubscriptionSeen(snapshot)
                if object.kind == RefKind::Subscription && snapshot.reference != object.id)
        };
        objects.retain(|seen| !of_another(seen));
        Ok(objects)
    }

    async fn list_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        let act = self.reading.lock().unwrap().pop_front();
        self.act(act).await?;
        Ok(page(&self.objects.lock().unwrap(), after))
    }

    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        self.asked_since.lock().unwrap().push(since);
        let act = self.reading.lock().unwrap().pop_front();
        self.act(act).await?;
        Ok(page(&self.happened.lock().unwrap(), after))
    }

    async fn doctor(&self, _catalog: &Catalog) -> Vec<Finding> {
        Vec::new()
    }
}

/// An engine with everything around it.
pub(crate) struct Rig {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
    pub(crate) notifier: RecordingNotifier,
    pub(crate) provider: Arc<Stub>,
    pub(crate) billing: Billing,
    events: Mutex<u32>,
}

impl Rig {
    /// With a provider whose schedule the engine runs, and nobody who listens.
    pub(crate) async fn new() -> Self {
        Self::with(false, Limits::default(), |builder| builder).await
    }

    /// With a listener.
    pub(crate) async fn listening() -> Self {
        let notifier = RecordingNotifier::new();
        let told = Arc::new(notifier.clone());
        let rig = Self::with(false, Limits::default(), |builder| builder.notifier(told)).await;
        Self { notifier, ..rig }
    }

    pub(crate) async fn with(
        owns_schedule: bool,
        limits: Limits,
        more: impl FnOnce(BillingBuilder) -> BillingBuilder,
    ) -> Self {
        let store = MemoryStore::new();
        let clock = ManualClock::new(fixtures::start());
        let provider = Arc::new(Stub {
            account: fixtures::provider("sandbox/main"),
            owns_schedule,
            pauses: AtomicBool::new(true),
            refuses_key: AtomicBool::new(false),
            sends_back: AtomicBool::new(false),
            clock: clock.clone(),
            store: store.clone(),
            script: Mutex::default(),
            calls: Mutex::default(),
            objects: Mutex::default(),
            reads: Mutex::default(),
            reading: Mutex::default(),
            happened: Mutex::default(),
            asked_since: Mutex::default(),
        });
        let builder = Billing::builder(
            Arc::new(store.clone()),
            Arc::new(clock.clone()),
            Arc::new(SeededIds::new(1)),
        );
        let builder = builder.provider(Arc::clone(&provider) as Arc<dyn PaymentProvider>);
        let billing = more(builder.limits(limits)).build().unwrap();
        billing.apply_catalog(&shop()).await.unwrap();
        Self {
            store,
            clock,
            notifier: RecordingNotifier::new(),
            provider,
            billing,
            events: Mutex::default(),
        }
    }

    /// Another process on the same store, with the same provider.
    pub(crate) fn sibling(&self, seed: u64) -> Billing {
        self.sibling_with(SeededIds::new(seed))
    }

    pub(crate) fn sibling_with(&self, ids: impl IdSource + 'static) -> Billing {
        Billing::builder(
            Arc::new(self.store.clone()),
            Arc::new(self.clock.clone()),
            Arc::new(ids),
        )
        .provider(Arc::clone(&self.provider) as Arc<dyn PaymentProvider>)
        .build()
        .unwrap()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }

    pub(crate) async fn work(&self) -> WorkDone {
        self.billing.work_until_idle().await.unwrap()
    }

    /// Makes a customer named `who`.
    pub(crate) async fn customer(&self, who: &str) -> CustomerId {
        let made = self.billing.ensure_customer(who, None).await.unwrap();
        made.customer.id
    }

    pub(crate) async fn open(&self, who: &str, price: &str) -> CheckoutOpened {
        self.billing.checkout(ask(who, price)).await.unwrap()
    }

    /// `who` buys `pro-monthly` and pays; gives the subscription.
    pub(crate) async fn subscribe(&self, who: &str) -> SubscriptionId {
        let customer = self.customer(who).await;
        let opened = self.open(who, "pro-monthly").await;
        self.tell(vec![paid(&opened, 900, self.clock.now())]).await;
        self.work().await;
        let held = self.account(customer).subscriptions;
        held.first().unwrap().id
    }

    /// Subscribes `who`, a month and a day ago; the renewal is not paid.
    pub(crate) async fn owes(&self, who: &str) -> (CustomerId, SubscriptionId, Invoice) {
        let held = self.subscribe(who).await;
        let customer = self.customer(who).await;
        self.pass(SignedDuration::from_hours(24 * 32));
        self.work().await;
        let open = self.account(customer).open_invoice(held).unwrap().clone();
        (customer, held, open)
    }

    /// `invoice` is paid at the provider, which tells nobody.
    pub(crate) fn pays_untold(&self, invoice: &Invoice) {
        let paid = Fact::InvoicePaid {
            invoice: invoice.id,
            payment: "pay_2".to_owned(),
            amount: invoice.amount,
            conversion: None,
            parts: Vec::new(),
        };
        self.provider.has(seen(paid, self.clock_now()));
    }

    /// The provider sends an event.
    pub(crate) async fn tell(&self, facts: Vec<Observed>) {
        let delivery = self.event(facts);
        self.billing.receive_trusted(delivery).await.unwrap();
    }

    pub(crate) fn event(&self, facts: Vec<Observed>) -> Delivery {
        let mut events = self.events.lock().unwrap();
        *events += 1;
        Delivery {
            account: fixtures::provider("sandbox/main"),
            event_id: format!("evt_{events}"),
            kind: "thing.happened".to_owned(),
            reading: Reading::Facts(facts),
            body: Bytes::from_static(b"{}"),
        }
    }

    pub(crate) fn account(&self, id: CustomerId) -> Account {
        self.store.snapshot().account(id).unwrap().account.clone()
    }

    pub(crate) fn effect(&self, key: &str) -> Option<HeldEffect> {
        let rows = self.store.snapshot().outbox.into_iter();
        rows.into_iter().find(|row| row.effect.key.as_str() == key)
    }

    /// From now on every call of the store fails; [`MemoryStore::faults_given`]
    /// counts them.
    pub(crate) fn break_store(&self) {
        let plan = FaultPlan {
            seed: 1,
            before_per_mille: 1000,
            after_per_mille: 0,
        };
        self.store.set_fault_plan(Some(plan));
    }

    pub(crate) fn mend_store(&self) {
        self.store.set_fault_plan(None);
    }

    /// The reasons of what waits for a person.
    pub(crate) fn parked(&self) -> Vec<&'static str> {
        let parked = self.store.snapshot().parked;
        parked.iter().map(|held| held.reason.as_str()).collect()
    }

    pub(crate) async fn replay_parked(&self) {
        let parked = self.store.snapshot().parked;
        let id = parked.first().unwrap().id;
        let resolved = self.billing.resolve_parked(id, Resolution::Replay).await;
        assert_eq!(resolved, Ok(true));
    }

    /// How often something happened, by the journal.
    pub(crate) fn happened(&self, event: &str) -> usize {
        let journal = self.store.snapshot().journal;
        let such = journal.iter().filter(|entry| entry.event.as_str() == event);
        such.count()
    }

    /// How often a customer has been written.
    pub(crate) fn revision(&self, id: CustomerId) -> i64 {
        self.store.snapshot().account(id).unwrap().revision.0
    }
}

/// A source of ids that does something else whenever it is asked: what another
/// process does at just that moment.
pub(crate) struct Meddler {
    ids: SeededIds,
    deed: Mutex<Box<dyn FnMut() + Send>>,
}

impl Meddler {
    pub(crate) fn new(seed: u64, deed: impl FnMut() + Send + 'static) -> Self {
        Self {
            ids: SeededIds::new(seed),
            deed: Mutex::new(Box::new(deed)),
        }
    }
}

impl IdSource for Meddler {
    fn seed(&self) -> u64 {
        self.deed.lock().unwrap()();
        self.ids.seed()
    }

    fn secret(&self) -> [u8; 32] {
        self.ids.secret()
    }
}

pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

/// A shop with a plan of every kind that matters here.
pub(crate) fn shop() -> Catalog {
    shop_at(900)
}

/// The same shop, with `pro-monthly` at this many cents.
pub(crate) fn shop_at(pro: i64) -> Catalog {
    built(pro, |_| ())
}

/// The same shop, under other rules.
pub(crate) fn shop_with(change: impl FnOnce(&mut CatalogDraft)) -> Catalog {
    built(900, change)
}

fn built(pro: i64, change: impl FnOnce(&mut CatalogDraft)) -> Catalog {
    let retired = fixtures::at("2026-01-01T00:00:00Z");
    let monthly = billing_domain::catalog::Billing::Recurring(Interval::MONTH);
    Catalog::builder("Acme Notes", Currency::EUR)
        .flag("sync", "Sync")
        .count("seats", "Seats")
        .plan("free", "Free", |plan| plan.rank(0))
        .plan("legacy", "Legacy", |plan| {
            plan.edit(|plan| plan.retired = Some(retired))
        })
        .plan("pro", "Pro", |plan| {
            plan.rank(1)
                .grant("sync")
                .monthly("pro-monthly", eur(pro))
                .price("pro-old", eur(500), monthly, |price| {
                    price.retired = Some(retired);
                })
        })
        .plan("team", "Team", |plan| {
            plan.rank(2)
                .grant("sync")
                .per("seats", 2, 10)
                .monthly("team-monthly", eur(2000))
        })
        .plan("gift", "Gift", |plan| plan.monthly("gift-monthly", eur(0)))
        .plan("abroad", "Abroad", |plan| {
            plan.monthly("abroad-monthly", eur(100))
                .provider_ref("elsewhere", "price_1")
        })
        .edit(change)
        .build()
        .unwrap()
}

pub(crate) fn price(key: &str) -> What {
    What::Price(PriceKey::new(key).unwrap())
}

pub(crate) fn ask(who: &str, key: &str) -> CheckoutRequest {
    CheckoutRequest::of(
        CustomerRef::from(who),
        price(key),
        "https://app.example.com/{checkout}",
    )
}

pub(crate) fn seen(fact: Fact, at: Timestamp) -> Observed {
    Observed {
        fact,
        at,
        link: Link::default(),
    }
}

/// The buyer paid at a checkout's page.
pub(crate) fn paid(opened: &CheckoutOpened, cents: i64, at: Timestamp) -> Observed {
    let fact = Fact::CheckoutCompleted {
        checkout: opened.id,
        reference: format!("cs_{}", opened.id),
        payment: CheckoutPayment::Paid {
            payment: format!("pay_{}", opened.id),
            amount: eur(cents),
            conversion: None,
            parts: Vec::new(),
        },
        customer_ref: None,
        email: None,
        sold: None,
    };
    seen(fact, at)
}

/// Runs what can run without time passing, in paused time.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
