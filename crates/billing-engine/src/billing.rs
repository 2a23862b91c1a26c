//! The one object that applications hold.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use billing_domain::catalog::ProviderKey;
use billing_domain::ids::IdSeq;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Timestamp, to_micros};
use billing_ports::store::Act;
use billing_ports::{ClaimPost, Clock, IdSource, Notifier, PaymentProvider, Store, WebhookDecoder};
use tokio::sync::{Notify, Semaphore};

use crate::asked::AskedLately;
use crate::catalog::CatalogSlot;
use crate::error::EngineError;
use crate::estimates::Estimates;
use crate::gate::GateCache;
use crate::limits::Limits;
use crate::recent::Recent;
use crate::ring::{Doors, LastRead, Sweeps};

/// The billing engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Billing {
    parts: Option<Arc<Parts>>,
}

/// The engine, as whoever acts has it.
pub(crate) struct Parts {
    /// The store; where an operator acts, one that keeps the act.
    pub(crate) store: Arc<dyn Store>,
    /// Who acts, and why. `None`: nobody whose acts are kept.
    act: Option<Act>,
    common: Arc<Common>,
}

/// What is one for everybody.
pub(crate) struct Common {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) providers: BTreeMap<ProviderAccount, Arc<dyn PaymentProvider>>,
    /// What of them is not asked of each of them for the moment.
    pub(crate) doors: Doors,
    /// The order in which providers are preferred.
    pub(crate) preference: Vec<ProviderAccount>,
    pub(crate) decoders: BTreeMap<ProviderAccount, Arc<dyn WebhookDecoder>>,
    pub(crate) notifier: Option<Arc<dyn Notifier>>,
    pub(crate) limits: Limits,
    /// A place for each call of the queue's that may be under way.
    pub(crate) places: Semaphore,
    pub(crate) catalog: CatalogSlot,
    pub(crate) gates: GateCache,
    pub(crate) asked: AskedLately,
    pub(crate) recent: Recent,
    pub(crate) estimates: Estimates,
    pub(crate) last_read: LastRead,
    /// What providers have listed in the goes before.
    pub(crate) sweeps: Sweeps,
    /// Who is told beside the notifier, once there is somebody.
    pub(crate) also_told: OnceLock<Arc<dyn Notifier>>,
    /// What claims are mailed with, once there is something.
    pub(crate) claim_post: OnceLock<Arc<dyn ClaimPost>>,
    /// Wakes the worker of this process.
    pub(crate) wake: Notify,
}

impl Deref for Parts {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

impl Parts {
    /// Why whoever acts does. `None`: nobody does whose acts are kept, or nobody said.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.act.as_ref()?.reason.as_deref()
    }

    /// The clock, read once per entry point.
    pub(crate) fn now(&self) -> Timestamp {
        to_micros(self.clock.now())
    }

    pub(crate) fn ids(&self, now: Timestamp) -> IdSeq {
        IdSeq::new(now, self.ids.seed())
    }

    /// Whether anybody is told what happens.
    pub(crate) fn has_listeners(&self) -> bool {
        self.notifier.is_some() || self.also_told.get().is_some()
    }

    /// The account at `provider` that is preferred.
    pub(crate) fn account_at(&self, provider: &ProviderKey) -> Option<&ProviderAccount> {
        self.preference
            .iter()
            .find(|account| account.provider() == provider)
    }
}

impl std::fmt::Debug for Billing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let providers = self.parts.as_ref().map(|parts| &parts.preference);
        f.debug_struct("Billing")
            .field("providers", &providers)
            .finish_non_exhaustive()
    }
}

/// Why an engine cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two providers, or two decoders, of one account.
    #[error("provider account {0} is configured twice")]
    Twice(ProviderAccount),
    /// Webhooks of an account that nothing can be sent to.
    #[error("webhooks of {0} are configured, and the provider is not")]
    DecoderAlone(ProviderAccount),
}

impl Billing {
    /// Begins an engine on `store`, with the time from `clock` and randomness from `ids`.
    pub fn builder(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> BillingBuilder {
        BillingBuilder {
            store,
            clock,
            ids,
            providers: Vec::new(),
            decoders: Vec::new(),
            notifier: None,
            limits: Limits::default(),
        }
    }

    /// Billing that is switched off, explicitly: every gate is open, every
    /// command answers [`EngineError::Disabled`], and nothing is stored.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { parts: None }
    }

    /// Whether billing is switched on.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.parts.is_some()
    }

    /// The same engine for an operator who acts: the act is kept with the first thing that is
    /// written by it, and its reason with whatever the journal then says of the operator.
    #[must_use]
    pub fn recording(&self, act: Act) -> Self {
        let recording = |parts: &Arc<Parts>| {
            Arc::new(Parts {
                store: parts.store.recording(act.clone()),
                act: Some(act),
                common: Arc::clone(&parts.common),
            })
        };
        Self {
            parts: self.parts.as_ref().map(recording),
        }
    }

    pub(crate) fn parts(&self) -> Result<&Arc<Parts>, EngineError> {
        self.parts.as_ref().ok_or(EngineError::Disabled)
    }

    /// The store, for read models. `None` when billing is switched off.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        self.parts.as_ref().map(|parts| &parts.store)
    }

    /// The engine's clock. `None` when billing is switched off.
    #[must_use]
    pub fn clock(&self) -> Option<&Arc<dyn Clock>> {
        self.parts.as_ref().map(|parts| &parts.clock)
    }

    /// The provider accounts, in order of preference.
    #[must_use]
    pub fn provider_accounts(&self) -> &[ProviderAccount] {
        self.parts.as_ref().map_or(&[], |parts| &parts.preference)
    }

    /// Every provider account with whether its provider refuses our key, by what it last
    /// answered to this process: until that is mended, nothing of it is decided or done.
    /// `false` too where nobody was asked yet.
    pub fn refused_keys(&self) -> impl Iterator<Item = (&ProviderAccount, bool)> {
        let providers = self.parts.iter().flat_map(|parts| &parts.providers);
        providers.map(|(account, provider)| (account, provider.refuses_key()))
    }

    /// Tells `listener` what happens from now on, beside the notifier: both are told
    /// again where one of them fails. The first one given stays; `false`: there is
    /// one. Every process that works needs it.
    pub fn also_tell(&self, listener: Arc<dyn Notifier>) -> bool {
        let parts = self.parts.as_ref();
        parts.is_some_and(|parts| parts.also_told.set(listener).is_ok())
    }

    /// Wakes this process's worker, as after moving a clock.
    pub fn wake(&self) {
        if let Some(parts) = &self.parts {
            parts.wake.notify_one();
        }
    }
}

/// An engine in the making.
#[must_use]
pub struct BillingBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    providers: Vec<Arc<dyn PaymentProvider>>,
    decoders: Vec<Arc<dyn WebhookDecoder>>,
    notifier: Option<Arc<dyn Notifier>>,
    limits: Limits,
}

impl std::fmt::Debug for BillingBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl BillingBuilder {
    /// Adds a provider. The first one added is preferred where a price names none.
    pub fn provider(mut self, provider: Arc<dyn PaymentProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Adds what verifies and reads a provider's webhooks.
    pub fn webhooks(mut self, decoder: Arc<dyn WebhookDecoder>) -> Self {
        self.decoders.push(decoder);
        self
    }

    /// Tells `notifier` what happens. Without one, what happens is journaled only.
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// Sets the bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The engine.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when accounts are configured twice or by halves.
    pub fn build(self) -> Result<Billing, BuildError> {
        let mut providers = BTreeMap::new();
        let mut preference = Vec::new();
        for provider in self.providers {
            let account = provider.account().clone();
            preference.push(account.clone());
            if providers.insert(account.clone(), provider).is_some() {
                return Err(BuildError::Twice(account));
            }
        }
        let mut decoders = BTreeMap::new();
        for decoder in self.decoders {
            let account = decoder.account().clone();
            if !providers.contains_key(&account) {
                return Err(BuildError::DecoderAlone(account));
            }
            if decoders.insert(account.clone(), decoder).is_some() {
                return Err(BuildError::Twice(account));
            }
        }
        let gates = GateCache::new(self.limits.gate_cache_size, self.limits.gate_cache);
        let common = Common {
            clock: self.clock,
            ids: self.ids,
            providers,
            doors: Doors::default(),
            preference,
            decoders,
            notifier: self.notifier,
            limits: self.limits,
            places: Semaphore::new(self.limits.places()),
            catalog: CatalogSlot::default(),
            gates,
            asked: AskedLately::new(self.limits.gate_cache),
            recent: Recent::default(),
            estimates: Estimates::default(),
            last_read: LastRead::default(),
            sweeps: Sweeps::default(),
            also_told: OnceLock::new(),
            claim_post: OnceLock::new(),
            wake: Notify::new(),
        };
        let parts = Parts {
            store: self.store,
            act: None,
            common: Arc::new(common),
        };
        Ok(Billing {
            parts: Some(Arc::new(parts)),
        })
    }
}
