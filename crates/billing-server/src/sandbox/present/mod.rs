//! The sandbox as a part of this server: opened, joined to the engine, shown
//! under `/sandbox`, and its webhooks brought to the server itself.

mod clock;
mod pump;

use std::sync::Arc;

use billing::system::SystemClock;
use billing_domain::provider::{ProviderAccount, ProviderKey};
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::{Clock, IdSource};
use billing_sandbox::{ClockError, HttpSink, Mode, SandboxOptions, guard};
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt as _, Response, Route};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use url::Url;

use self::clock::ClockRoute;
use self::pump::run_pump;
use super::Move;
use crate::config::{SandboxConfig, SandboxMode};
use crate::state::AppState;
use crate::wiring::Attached;

/// What the server does when it is started without any configuration.
pub(crate) const FIRST_START: &str = "\
Without any configuration it keeps its books in ./billing.db, sells a sample catalog, takes payment
in a sandbox with test cards (4242 4242 4242 4242 pays), and writes mail to ./mail.";

/// How a sandbox is to be had.
pub(crate) const HOW_TO_HAVE: &str =
    "The sandbox is on with BILLING_SANDBOX_ENABLED=true, or without any configuration.";

/// The name under which the sandbox sells and receives.
const NAME: &str = "sandbox";

/// The built-in provider. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox(billing_sandbox::Sandbox);

/// Why the sandbox is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("open the sandbox")]
    Open(#[from] billing_sandbox::OpenError),
    #[error(transparent)]
    Guard(#[from] billing_sandbox::GuardError),
    #[error("name the sandbox")]
    Name(#[from] billing_domain::catalog::KeyError),
    #[error("use {0} as a public address")]
    PublicUrl(String),
    #[error("set up the HTTP client")]
    Client(#[from] billing_http::OptionsError),
}

impl Sandbox {
    /// Opens its books, a file that is there; its pages are shown under `public_url`.
    pub(crate) async fn open(
        told: &SandboxConfig,
        public_url: &str,
        ids: &dyn IdSource,
    ) -> Result<Self, SandboxError> {
        let secret = match &told.webhook_secret {
            Some(secret) => secret.expose_secret().to_owned(),
            None => crate::auth::fresh(ids, "whsec_"),
        };
        let options = SandboxOptions {
            account: ProviderAccount::main(ProviderKey::new(NAME)?),
            mode: match told.mode {
                SandboxMode::OwnSchedule => Mode::OwnSchedule,
                SandboxMode::EngineSchedule => Mode::EngineSchedule { saves_cards: true },
                SandboxMode::EnginePages => Mode::EngineSchedule { saves_cards: false },
            },
            settles: None,
            public_url: address(format!("{public_url}/sandbox"))?,
            webhook_secrets: vec![SecretString::from(secret)],
            clock: Arc::new(SystemClock),
        };
        let sandbox = billing_sandbox::Sandbox::open(&told.database, options).await?;
        Ok(Self(sandbox))
    }

    /// The clock that the whole server goes by.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.0.clock().clone())
    }

    /// What the engine sells and receives through, unless accounts in `live`
    /// move money and nobody allowed it beside them.
    pub(crate) fn attach(
        &self,
        live: &[ProviderAccount],
        told: &SandboxConfig,
    ) -> Result<Attached, SandboxError> {
        guard(live, told.allow_beside_live)?;
        Ok(Attached {
            provider: Arc::new(self.0.clone()),
            decoder: Arc::new(self.0.decoder()),
        })
    }

    /// What answers every address under `/sandbox`.
    pub(crate) fn site(&self, state: &AppState) -> BoxEndpoint<'static, Response> {
        let clock = ClockRoute {
            state: state.clone(),
            sandbox: self.clone(),
        };
        Route::new()
            .at("/sandbox/clock", clock)
            .nest("/sandbox", billing_sandbox::routes(&self.0))
            .map_to_response()
            .boxed()
    }

    /// Work that sends what the sandbox has to tell to the server at `server`,
    /// over HTTP as a real provider would, until `stop` says so.
    pub(crate) fn deliver(
        &self,
        server: &str,
        stop: watch::Receiver<bool>,
    ) -> Result<impl Future<Output = ()> + Send + use<>, SandboxError> {
        let client = HttpClient::new(HttpOptions::default())?;
        let webhooks = address(format!("{server}/v1/webhooks/{NAME}"))?;
        let sink = HttpSink::new(client, webhooks);
        Ok(run_pump(self.0.clone(), sink, stop))
    }

    /// Where `wanted` leads the clock. `None`: it cannot be read.
    pub(crate) fn target(&self, wanted: &Move) -> Option<Timestamp> {
        wanted.target(self.0.clock().now())
    }

    /// Moves the clock and writes that down; or says why not.
    pub(crate) async fn move_to(&self, to: Timestamp) -> Result<Timestamp, &'static str> {
        let now = self.0.set_clock(to).await.map_err(|error| match error {
            ClockError::Backward => "the clock only moves ahead",
            ClockError::OutOfRange => "the calendar does not reach as far",
        })?;
        tracing::info!(%now, "sandbox clock moved");
        Ok(now)
    }
}

fn address(text: String) -> Result<Url, SandboxError> {
    Url::parse(&text).map_err(|_unfit| SandboxError::PublicUrl(text))
}
