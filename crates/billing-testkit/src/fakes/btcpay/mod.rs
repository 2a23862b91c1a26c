//! A stateful fake of BTCPay Server and its Greenfield API.
//!
//! Keeps the invoices, payments, refunds and webhooks of one store, at the
//! store-nested routes, in the shapes of the published schemas. Has no
//! idempotency keys, since BTCPay has none: the same call twice is done twice, and
//! two invoices of one order number are two invoices.
//!
//! What happens to an invoice, all by the fake's own clock:
//!
//! 1. It is `New`, with its rate locked for 15 minutes unless it says otherwise.
//! 2. A payment in full makes it `Processing`, and enough blocks `Settled`. By
//!    Lightning both happen at once.
//! 3. A payment that is spent elsewhere takes it back to `New`, and nobody is told.
//! 4. Its time over, it is `Expired`; a payment that comes then makes it
//!    `PaidLate`, and it stays `Expired` until a person marks it.
//! 5. What is not confirmed within a day after that is `Invalid`.
//!
//! Deliveries say that something happened, and neither status nor amount. They
//! are held for a test to play with, or delivered in BTCPay's own way: see
//! [`FakeBtcPay::deliver`].
//!
//! Known to differ: one store, one rate of one instant without a spread, no fees
//! of methods, no lazy payment methods, no payment requests, no receipts.

mod acts;
mod books;
mod decimal;
mod life;
mod pages;
mod post;
mod refusal;
mod render;
mod routes;
mod sign;
mod things;
mod till;
mod world;

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;
use serde_json::{Value, json};
use url::Url;

pub use decimal::{Decimal, SATOSHI};
pub use refusal::Refusal;
pub use sign::{SIGNATURE_HEADER, signature};
pub use things::{
    AdditionalStatus, Attempt, Delivery, Hook, Invoice, InvoiceStatus, Method, Payment,
    PaymentStatus, Payout, PullPayment,
};
pub use world::{Rules, World};

use super::rig::{Books, FakeClock, FaultKind, Outbox, Provider as _, Rig, StartError};
use till::Till;

/// The key that a fake takes where no other is given.
pub const DEFAULT_KEY: &str = "fakebtcpaykey";
/// The secret that a fake signs with where no other is given.
pub const DEFAULT_SECRET: &str = "fakebtcpaysecret";
/// The store where no other is given.
pub const DEFAULT_STORE: &str = "FakeStore1111111111111";
/// The fake's own webhook, which is told of everything.
pub const OWN_WEBHOOK: &str = "FakeWebhook11111111111";

/// What an adapter's key may do: all that it needs, and no more.
pub const PERMISSIONS: [&str; 7] = [
    "btcpay.store.cancreateinvoice",
    "btcpay.store.canviewinvoices",
    "btcpay.store.canmodifyinvoices",
    "btcpay.store.webhooks.canmodifywebhooks",
    "btcpay.store.cancreatenonapprovedpullpayments",
    "btcpay.store.canviewpullpayments",
    "btcpay.store.canviewstoresettings",
];

/// How a fake is set up.
#[derive(Clone)]
pub struct FakeBtcPayOptions {
    /// The port of loopback; 0 takes one that is free.
    pub port: u16,
    /// Where its clock stands at first.
    pub start: Timestamp,
    /// Whether the clock runs on by itself.
    pub running: bool,
    /// The API key that it takes.
    pub key: String,
    /// What the key may do.
    pub permissions: Vec<String>,
    /// The store that the key is for.
    pub store_id: String,
    /// What its own webhook is signed with.
    pub secret: String,
    /// Where it delivers. `None`: deliveries are held to be taken by hand.
    pub webhook: Option<Url>,
    /// How the store is set up.
    pub rules: Rules,
}

impl FakeBtcPayOptions {
    /// A fake that stands at `start` and holds its deliveries.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self {
            port: 0,
            start,
            running: false,
            key: DEFAULT_KEY.to_owned(),
            permissions: PERMISSIONS.map(str::to_owned).to_vec(),
            store_id: DEFAULT_STORE.to_owned(),
            secret: DEFAULT_SECRET.to_owned(),
            webhook: None,
            rules: Rules::default(),
        }
    }
}

impl fmt::Debug for FakeBtcPayOptions {
    /// Shows neither key nor secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeBtcPayOptions")
            .field("port", &self.port)
            .field("start", &self.start)
            .field("store_id", &self.store_id)
            .finish_non_exhaustive()
    }
}

/// What creating an invoice is answered with while the Lightning node, or
/// whoever knows the rate, is away: to be ordered as a fault of `POST`.
#[must_use]
pub fn lightning_failure() -> FaultKind {
    let message = "BTC-LN: The lightning node did not reply in a timely manner";
    FaultKind::Fixed {
        status: 400,
        body: json!({"code": "generic-error", "message": message}),
    }
}

/// A fake BTCPay Server that is being served. It ends when this is dropped.
#[derive(Debug)]
pub struct FakeBtcPay {
    rig: Rig,
    till: Arc<Till>,
}

impl Deref for FakeBtcPay {
    type Target = Rig;

    /// Its address, its clock, the faults that are ordered, the requests so far and
    /// the webhooks that wait.
    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl FakeBtcPay {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the port is taken.
    pub async fn start(options: FakeBtcPayOptions) -> Result<Self, StartError> {
        let bound = Rig::bind(options.port).await?;
        let clock = if options.running {
            FakeClock::running(options.start)
        } else {
            FakeClock::still(options.start)
        };
        let mut world = World::new(options.store_id, options.permissions, options.rules);
        let own = Hook {
            id: OWN_WEBHOOK.to_owned(),
            url: None,
            enabled: true,
            redelivers: true,
            events: Vec::new(),
            secret: options.secret.clone(),
        };
        world.hooks.insert(own.id.clone(), own);
        let world = Arc::new(Mutex::new(world));
        let signing = Arc::clone(&world);
        let signer = move |secrets: &[String], body: &[u8], _at: Timestamp| {
            till::headers(&signing, secrets, body)
        };
        let outbox = Outbox::new(signer, clock.clone(), vec![options.secret]);
        outbox.set_target(options.webhook);
        let base = bound.url().clone();
        let till = Till::new(world, clock.clone(), outbox.clone(), options.key, base);
        let till = Arc::new(till);
        let courier = Arc::clone(&till);
        let provider = Arc::clone(&till);
        let rig = Rig::serve_with(bound, provider, clock, outbox, |client| {
            post::run(courier, client)
        })?;
        Ok(Self { rig, till })
    }

    /// How many invoices there are, of each order and customer, and how much was
    /// paid and sent back, in satoshi.
    #[must_use]
    pub fn books(&self) -> Books {
        self.till.books()
    }

    /// A copy of everything that it holds.
    #[must_use]
    pub fn world(&self) -> World {
        self.till.with(|world, _now| world.clone())
    }

    /// An invoice as it stands. `None`: there is no such invoice.
    #[must_use]
    pub fn invoice(&self, invoice_id: &str) -> Option<Invoice> {
        self.till
            .with(|world, _now| world.invoices.get(invoice_id).cloned())
    }

    /// Changes how the store is set up, from now on.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        self.till.with(|world, _now| change(&mut world.rules));
    }

    /// Changes what the key may do, from now on.
    pub fn permit(&self, permissions: Vec<String>) {
        self.till
            .with(|world, _now| world.permissions = permissions);
    }

    /// A buyer pays so many satoshi on the chain: the payment's id.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice, or nobody looks at it any more.
    pub fn pay(&self, invoice_id: &str, sats: u64) -> Result<String, Refusal> {
        let sats = i128::from(sats);
        self.till
            .with(|world, now| world.pay(invoice_id, sats, Method::Chain, now))
    }

    /// A buyer pays whatever is still due on the chain: how many satoshi.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice, or nothing is due.
    pub fn pay_in_full(&self, invoice_id: &str) -> Result<i64, Refusal> {
        self.till.with(|world, now| {
            let sats = acts::rest(world, invoice_id)?;
            world.pay(invoice_id, sats, Method::Chain, now)?;
            Ok(i64::try_from(sats).unwrap_or(i64::MAX))
        })
    }

    /// A buyer pays by Lightning, which settles at once.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice, or it is no longer new.
    pub fn pay_by_lightning(&self, invoice_id: &str, sats: u64) -> Result<String, Refusal> {
        let sats = i128::from(sats);
        self.till
            .with(|world, now| world.pay(invoice_id, sats, Method::Lightning, now))
    }

    /// A buyer pays after the time of the invoice: the clock goes to its end where
    /// it is not over yet.
    ///
    /// # Errors
    ///
    /// As [`Self::pay`].
    pub fn pay_late(&self, invoice_id: &str, sats: u64) -> Result<String, Refusal> {
        let expires = self.till.with(|world, _now| {
            let invoice = world.invoice(invoice_id)?;
            Ok::<_, Refusal>(invoice.expires)
        })?;
        let late = shifted(expires, SignedDuration::from_secs(1));
        let now = self.clock().now();
        if now < late {
            self.advance(late.duration_since(now));
        }
        self.pay(invoice_id, sats)
    }

    /// Six blocks come on top of every payment of an invoice: enough for every policy.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice.
    pub fn confirm(&self, invoice_id: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.confirm(invoice_id, 6, now))
    }

    /// So many blocks come on top of every payment of an invoice.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice.
    pub fn mine(&self, invoice_id: &str, blocks: u32) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.confirm(invoice_id, blocks, now))
    }

    /// Every payment of an invoice that is not confirmed is spent elsewhere.
    /// Nobody is told.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice.
    pub fn double_spend(&self, invoice_id: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.double_spend(invoice_id, now))
    }

    /// A person marks an invoice as settled, or as invalid.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such invoice, or BTCPay does not allow it.
    pub fn mark(&self, invoice_id: &str, settled: bool) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.mark(invoice_id, settled, now))
    }

    /// A buyer claims a refund: whether it was sent, or waits for a person's word.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such pull payment, or it was claimed already.
    pub fn claim(&self, pull_payment_id: &str) -> Result<bool, Refusal> {
        self.till
            .with(|world, now| world.claim(pull_payment_id, false, now))
    }

    /// A person sends what a buyer claimed.
    ///
    /// # Errors
    ///
    /// As [`Self::claim`].
    pub fn approve_claim(&self, pull_payment_id: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.claim(pull_payment_id, true, now))
            .map(|_sent| ())
    }

    /// A person closes what was promised: what was not sent yet is not sent any more.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such pull payment.
    pub fn archive_promise(&self, pull_payment_id: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.archive_promise(pull_payment_id, now))
    }

    /// A person cancels what a buyer claimed and was not sent yet; it can be claimed anew.
    ///
    /// # Errors
    ///
    /// As [`Self::archive_promise`].
    pub fn cancel_claim(&self, pull_payment_id: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.cancel_claim(pull_payment_id, now))
    }

    /// The server restarts: whatever waits to be told is forgotten, how much it was.
    #[must_use]
    pub fn restart(&self) -> usize {
        self.till.restart()
    }

    /// Tells of an invoice, with any type and fields.
    pub fn tell(&self, kind: &str, invoice_id: &str, with: Value) {
        self.till
            .with(|world, now| world.tell(kind, invoice_id, with, now));
    }

    /// Loses every delivery of a type that waits to be taken, as if nobody had
    /// answered: how many. They can be listed as failed, and sent again.
    #[must_use]
    pub fn lose(&self, kind: &str) -> usize {
        self.till.lose(kind)
    }

    /// Delivers whatever can be delivered now, and comes back when that is done.
    /// Where a webhook fails, the rest for it waits until the clock was moved on.
    pub async fn deliver(&self) {
        post::deliver(&self.till, self.rig.client()).await;
    }
}
