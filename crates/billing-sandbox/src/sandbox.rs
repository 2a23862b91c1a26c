//! The sandbox itself: the world behind a lock, its clock, its books.
//!
//! A call changes the world, writes down what it changed in one transaction,
//! and only then answers. What could not be written stays noted and goes with
//! the next call; nothing is told to anybody before it is written.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billing_domain::fact::{DisputeState, RefundState};
use billing_domain::invoice::ReturnKind;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::Clock;
use jiff::SignedDuration;

use crate::books::Books;
use crate::card::TestCard;
use crate::clock::{ClockError, SandboxClock};
use crate::decoder::SandboxDecoder;
use crate::fault::{Fault, FaultPlan};
use crate::options::{Mode, SandboxOptions};
use crate::sign::Keys;
use crate::store::{self, BooksError, Store};
use crate::world::{Paying, Rules, World};

/// Why a sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no webhook secret, or an empty one.
    #[error("sign webhooks without a secret")]
    NoSecret,
    /// The public URL is not one that a browser opens.
    #[error("serve pages at a URL that is not http or https")]
    PublicUrl,
    /// It was to collect in another currency on its own schedule.
    #[error("collect in another currency on the sandbox's own schedule")]
    Settlement,
    /// The books could not be opened or read.
    #[error("open the sandbox")]
    Books(#[from] BooksError),
}

/// The built-in payment provider. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) account: ProviderAccount,
    pub(crate) mode: Mode,
    /// Where pages are mounted, as a path: `/sandbox`, or empty.
    pub(crate) base_path: String,
    pub(crate) keys: Keys,
    pub(crate) clock: SandboxClock,
    /// Held while events are sent, so that no event goes out twice by accident.
    pub(crate) sending: tokio::sync::Mutex<()>,
    /// Held from a change until it is written, so that writes keep their order.
    writing: tokio::sync::Mutex<()>,
    world: Mutex<World>,
    faults: Mutex<FaultPlan>,
    /// How far the clock was ahead when that was last written.
    written_ahead: AtomicI64,
    pub(crate) store: Option<Store>,
}

impl Sandbox {
    /// A sandbox that keeps its books in the SQLite file at `path`, made if
    /// there is none. The file is its own: nothing else may be in it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the options contradict themselves or the file cannot be used.
    pub async fn open(path: &Path, options: SandboxOptions) -> Result<Self, OpenError> {
        let store = Store::open(path).await?;
        let mut inner = Inner::new(options)?;
        let world = inner
            .world
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let ahead = store.load(world).await?;
        inner.clock.restore(ahead);
        inner.written_ahead = AtomicI64::new(ahead);
        inner.store = Some(store);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A sandbox that forgets everything when it is dropped.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the options contradict themselves.
    pub fn in_memory(options: SandboxOptions) -> Result<Self, OpenError> {
        Ok(Self {
            inner: Arc::new(Inner::new(options)?),
        })
    }

    /// Its clock. Hand it to the engine too, so that both live in the same time.
    #[must_use]
    pub fn clock(&self) -> &SandboxClock {
        &self.inner.clock
    }

    /// Who runs the schedule.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.inner.mode
    }

    /// A decoder of its webhooks.
    #[must_use]
    pub fn decoder(&self) -> SandboxDecoder {
        SandboxDecoder::with_keys(self.inner.account.clone(), self.inner.keys.clone())
    }

    /// Moves the clock ahead, writes that down and answers the new instant.
    /// What falls due by it happens at the next [`Sandbox::pump`] or call.
    ///
    /// # Errors
    ///
    /// [`ClockError`] when that would be backward or out of the calendar. A
    /// failure to write it down is logged; the next call writes it.
    pub async fn advance(&self, by: SignedDuration) -> Result<Timestamp, ClockError> {
        let now = self.inner.clock.advance(by)?;
        if let Err(error) = self.change(|_world, _now| ()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "sandbox clock not written"
            );
        }
        Ok(now)
    }

    /// Moves the clock ahead to an instant; otherwise as [`Sandbox::advance`].
    ///
    /// # Errors
    ///
    /// As [`Sandbox::advance`].
    pub async fn set_clock(&self, to: Timestamp) -> Result<Timestamp, ClockError> {
        self.advance(to.duration_since(self.inner.clock.now()))
            .await
    }

    /// When [`Sandbox::pump`] has something to do next. `None`: never, as things stand.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.world().next_due()
    }

    /// Moves the pinned rate of a listed currency, or pins one: so many of its
    /// minor units for 100 000 000 minor units of what is collected. What was made
    /// before keeps its rate. `false`: it collects in no other currency.
    ///
    /// The pin holds as long as the sandbox is open; the next one is made with the
    /// pins of its options.
    #[must_use]
    pub fn pin(&self, listed: Currency, rate: u64) -> bool {
        match &mut self.world().rules.settles {
            Some(settles) => {
                settles.pins.insert(listed, rate);
                true
            }
            None => false,
        }
    }

    /// Queues one fault.
    pub fn inject(&self, fault: Fault) {
        self.faults().push(fault);
    }

    /// Puts another plan in the place of the present one.
    pub fn set_faults(&self, plan: FaultPlan) {
        *self.faults() = plan;
    }

    /// A buyer submits a test card for a checkout or an invoice, without a page.
    ///
    /// `reference` is the sandbox's id (`sbx_chk_…`, `sbx_inv_…`); `email` is
    /// what the buyer typed, if anything.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn pay(
        &self,
        reference: &str,
        card: TestCard,
        email: Option<&str>,
    ) -> Result<Paying, BooksError> {
        let email = email.map(str::to_owned);
        self.change(|world, now| world.pay(reference, card, email, now))
            .await
    }

    /// A buyer answers the 3-D Secure confirmation, without a page.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn confirm(&self, reference: &str, approve: bool) -> Result<Paying, BooksError> {
        self.change(|world, now| world.confirm(reference, approve, now))
            .await
    }

    /// Pays money back, as somebody does at a provider's dashboard, and tells it.
    ///
    /// `paid` is the sandbox's id of a checkout, an invoice or a payment; `amount`
    /// is how much (`None`: all that is left). `state` is how far it comes now.
    /// Answers the sandbox's id of the refund; `None`: so much was not paid there.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn refund(
        &self,
        paid: &str,
        amount: Option<Money>,
        state: RefundState,
    ) -> Result<Option<String>, BooksError> {
        let kind = ReturnKind::Refund(state);
        self.change(|world, now| world.give_back(paid, amount, kind, now))
            .await
    }

    /// A refund goes on: it is done, or fails, even after it was done. `false`:
    /// there is no such refund.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn refund_moves(&self, refund: &str, state: RefundState) -> Result<bool, BooksError> {
        let kind = ReturnKind::Refund(state);
        self.change(|world, now| world.move_back(refund, kind, now))
            .await
    }

    /// A buyer's bank contests a payment; `paid` and `amount` as for
    /// [`Sandbox::refund`]. Answers the sandbox's id of the dispute.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn dispute(
        &self,
        paid: &str,
        amount: Option<Money>,
    ) -> Result<Option<String>, BooksError> {
        let kind = ReturnKind::Dispute(DisputeState::Open);
        self.change(|world, now| world.give_back(paid, amount, kind, now))
            .await
    }

    /// A dispute is decided. `won`: the money stays. `false`: there is no such dispute.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn dispute_ends(&self, dispute: &str, won: bool) -> Result<bool, BooksError> {
        let state = if won {
            DisputeState::Won
        } else {
            DisputeState::Lost
        };
        self.change(|world, now| world.move_back(dispute, ReturnKind::Dispute(state), now))
            .await
    }

    /// Sends an event again that was given up. `false`: there is no such event,
    /// or it was not given up.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written.
    pub async fn send_again(&self, event: &str) -> Result<bool, BooksError> {
        self.change(|world, now| world.send_again(event, now)).await
    }

    /// A copy of the books, to be looked at.
    #[must_use]
    pub fn books(&self) -> Books {
        Books::of(&self.world())
    }

    /// The file of the books. `None`: they are in memory only.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.store.as_ref().map(Store::path)
    }

    /// Brings the world up to now, changes it, and writes what changed.
    pub(crate) async fn change<T>(
        &self,
        act: impl FnOnce(&mut World, Timestamp) -> T,
    ) -> Result<T, BooksError> {
        self.change_at(self.inner.clock.now(), act).await
    }

    /// As [`Sandbox::change`], at an instant that was read before.
    pub(crate) async fn change_at<T>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&mut World, Timestamp) -> T,
    ) -> Result<T, BooksError> {
        let _in_order = self.inner.writing.lock().await;
        let ahead = self.inner.clock.ahead_micros();
        let moved = self.inner.written_ahead.load(Ordering::SeqCst) != ahead;
        let (answer, changed, rows) = {
            let mut world = self.world();
            world.catch_up(now);
            let answer = act(&mut world, now);
            let changed = world.changed().clone();
            let to_write = self.inner.store.is_some() && (moved || !changed.is_empty());
            let rows = to_write
                .then(|| store::rows(&world, &changed, ahead))
                .transpose()?;
            (answer, changed, rows)
        };
        if let (Some(store), Some(rows)) = (&self.inner.store, rows) {
            store.save(rows).await?;
            self.inner.written_ahead.store(ahead, Ordering::SeqCst);
        }
        self.world().written(&changed);
        Ok(answer)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.inner
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        self.inner
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(options: SandboxOptions) -> Result<Self, OpenError> {
        let keys = Keys::new(&options.webhook_secrets).ok_or(OpenError::NoSecret)?;
        let url = &options.public_url;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(OpenError::PublicUrl);
        }
        if options.settles.is_some() && matches!(options.mode, Mode::OwnSchedule) {
            return Err(OpenError::Settlement);
        }
        let base_path = url.path().trim_end_matches('/').to_owned();
        let rules = Rules {
            account: options.account.clone(),
            mode: options.mode,
            settles: options.settles,
            base_url: format!("{}{base_path}", url.origin().ascii_serialization()),
        };
        Ok(Self {
            account: options.account,
            mode: options.mode,
            base_path,
            keys,
            clock: SandboxClock::new(options.clock),
            sending: tokio::sync::Mutex::new(()),
            writing: tokio::sync::Mutex::new(()),
            world: Mutex::new(World::new(rules)),
            faults: Mutex::new(FaultPlan::none()),
            written_ahead: AtomicI64::new(0),
            store: None,
        })
    }
}
