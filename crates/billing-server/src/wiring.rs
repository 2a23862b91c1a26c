//! The composition root: which parts the server is made of. Knows every room,
//! and decides nothing. A new provider is a cargo feature and one line in
//! [`moving_money`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use billing::system::{SystemClock, SystemIds};
use billing_domain::provider::ProviderAccount;
use billing_engine::{Billing, Limits, ManualProvider};
use billing_notify::Sender;
use billing_ports::rate::Rate;
use billing_ports::store::StoreError;
use billing_ports::{Clock, IdSource, Mailer, PaymentProvider, Store, WebhookDecoder};

use crate::config::{Config, Database, MailConfig};
use crate::database;
use crate::lock::{DataLock, LockError, create_private};
use crate::mail::FileOutbox;
#[cfg(feature = "smtp")]
use crate::mail::Smtp;
use crate::notify::Listeners;
use crate::providers;
use crate::sandbox::{Sandbox, SandboxError};

/// The parts of a running server.
pub(crate) struct Parts {
    /// The engine.
    pub(crate) billing: Billing,
    /// Where secrets come from.
    pub(crate) ids: Arc<dyn IdSource>,
    /// The built-in provider. `None`: it is off.
    pub(crate) sandbox: Option<Sandbox>,
    /// What sends events out. `None`: billing is switched off.
    pub(crate) events: Option<Sender>,
    /// Every provider that collects, for the doctor.
    pub(crate) providers: Vec<Arc<dyn PaymentProvider>>,
    /// The files that are this process's while it lives.
    locks: Vec<DataLock>,
}

/// Why the parts cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WiringError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("make the file {path}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("use the folder {path} for mail")]
    Mail {
        path: String,
        source: std::io::Error,
    },
    #[error("open the database")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("use what is configured of {provider}: {problem}")]
    #[cfg_attr(
        not(any(feature = "btcpay", feature = "paddle", feature = "stripe")),
        expect(dead_code, reason = "only a provider that is built in fails so")
    )]
    Provider {
        provider: &'static str,
        problem: String,
    },
    #[error("set up what sends events out")]
    Events(#[source] billing_http::OptionsError),
    #[error("put the engine together")]
    Engine(#[from] billing_engine::BuildError),
}

impl Parts {
    /// Connects everything that `config` names; pages of the sandbox are shown
    /// under `public_url`.
    pub(crate) async fn connect(config: &Config, public_url: &str) -> Result<Self, WiringError> {
        if !config.enabled {
            return Ok(Self {
                billing: Billing::disabled(),
                ids: Arc::new(SystemIds),
                sandbox: None,
                events: None,
                providers: Vec::new(),
                locks: Vec::new(),
            });
        }
        let locks = lock(config)?;
        let (store, _) = database::open(&config.database).await?;
        Self::around(config, public_url, store, locks).await
    }

    /// Puts the parts together around a store whose schema is current.
    pub(crate) async fn around(
        config: &Config,
        public_url: &str,
        store: Arc<dyn Store>,
        mut locks: Vec<DataLock>,
    ) -> Result<Self, WiringError> {
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
        let sandbox = match &config.sandbox {
            Some(told) => {
                locks.push(DataLock::take(&told.database)?);
                make(&told.database)?;
                Some(Sandbox::open(told, public_url, ids.as_ref()).await?)
            }
            None => None,
        };
        let clock: Arc<dyn Clock> = match &sandbox {
            Some(sandbox) => sandbox.clock(),
            None => Arc::new(SystemClock),
        };
        // Nothing is read of them where nobody converts.
        let remembered = match &config.btcpay {
            Some(_) => providers::remembered(store.as_ref()).await?,
            None => Vec::new(),
        };
        let mut attached = moving_money(config, public_url, &clock, remembered)?;
        if let (Some(sandbox), Some(told)) = (&sandbox, &config.sandbox) {
            let mut live: Vec<ProviderAccount> = attached.iter().map(Attached::account).collect();
            live.sort();
            attached.push(sandbox.attach(&live, told)?);
        }
        let events = sender(config, &store, &clock, &ids)?;
        let listeners = Listeners {
            events: events.clone(),
        };
        let manual_clock = Arc::clone(&clock);
        let mut builder = Billing::builder(store, clock, Arc::clone(&ids))
            .notifier(Arc::new(listeners))
            .limits(limits(config));
        let mut providers = Vec::new();
        for Attached { provider, decoder } in attached {
            providers.push(Arc::clone(&provider));
            builder = builder.provider(provider).webhooks(decoder);
        }
        // Last: whatever collects by itself is preferred. It reaches nothing, so
        // there is nothing for the doctor to look at.
        if let Some(manual) = ManualProvider::new(manual_clock) {
            builder = builder.provider(Arc::new(manual));
        }
        Ok(Self {
            billing: builder.build()?,
            ids,
            sandbox,
            events: Some(events),
            providers,
            locks,
        })
    }

    /// What mail is sent with. `None`: none is sent.
    pub(crate) fn mailer(&self, config: &Config) -> Result<Option<Arc<dyn Mailer>>, WiringError> {
        let (Some(told), Some(clock)) = (&config.mail, self.billing.clock()) else {
            return Ok(None);
        };
        let folder = match told {
            MailConfig::Folder(folder) => folder,
            #[cfg(feature = "smtp")]
            MailConfig::Smtp(told) => {
                return Ok(Some(Arc::new(Smtp::new(told.clone(), Arc::clone(clock)))));
            }
            // It was refused where it was configured.
            #[cfg(not(feature = "smtp"))]
            MailConfig::Smtp(_) => return Ok(None),
        };
        let outbox = FileOutbox::open(folder, Arc::clone(clock));
        let outbox = outbox.map_err(|source| WiringError::Mail {
            path: folder.display().to_string(),
            source,
        })?;
        Ok(Some(Arc::new(outbox)))
    }

    /// Notes beside the files that are this process's where a server that has
    /// these parts is reached from this machine.
    pub(crate) fn note(&self, address: &str) -> std::io::Result<()> {
        self.locks.iter().try_for_each(|lock| lock.note(address))
    }
}

/// The two halves of a provider account: what is called, and what reads its webhooks.
pub(crate) struct Attached {
    pub(crate) provider: Arc<dyn PaymentProvider>,
    pub(crate) decoder: Arc<dyn WebhookDecoder>,
}

impl Attached {
    pub(crate) fn account(&self) -> ProviderAccount {
        self.provider.account().clone()
    }
}

/// What sends events out.
fn sender(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdSource>,
) -> Result<Sender, WiringError> {
    let (store, clock, ids) = (Arc::clone(store), Arc::clone(clock), Arc::clone(ids));
    Sender::new(store, clock, ids, config.receivers).map_err(WiringError::Events)
}

/// The accounts that move money. They need no books; `remembered` are the rates that
/// were believed before.
pub(crate) fn moving_money(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
    remembered: Vec<Rate>,
) -> Result<Vec<Attached>, WiringError> {
    // A provider is one line here.
    let mut attached: Vec<Attached> = Vec::new();
    attached.extend(providers::stripe(config, public_url, clock)?);
    attached.extend(providers::paddle(config, public_url, clock)?);
    attached.extend(providers::btcpay(config, public_url, clock, remembered)?);
    Ok(attached)
}

/// Takes the SQLite file, which one process at a time may have.
pub(crate) fn lock(config: &Config) -> Result<Vec<DataLock>, LockError> {
    match &config.database {
        Database::Sqlite(path) => Ok(vec![DataLock::take(path)?]),
        Database::Postgres(_) => Ok(Vec::new()),
    }
}

fn limits(config: &Config) -> Limits {
    let poll: Duration = config.worker.poll;
    Limits {
        poll,
        ask_open: config.worker.ask_open,
        batch: config.worker.batch,
        in_flight: config.worker.in_flight,
        ..Limits::default()
    }
}

/// Makes an empty file that its owner alone may read, where there is none.
pub(crate) fn make(path: &Path) -> Result<(), WiringError> {
    create_private(path).map_err(|source| WiringError::File {
        path: path.display().to_string(),
        source,
    })
}
