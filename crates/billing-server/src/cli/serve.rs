//! `billing serve`: the server, from start to a graceful end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use billing_catalog::{read_plan_file, sample_catalog};
use billing_engine::ApplyOutcome;
use billing_notify::Inviting;
use billing_ports::LicenseSigner;
use billing_ports::store::Scope;
use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::net::TcpListener;

use super::Context;
use super::catalog::not_applied;
use super::failure::Failure;
use super::keys::make_key;
use super::loops::Loops;
use super::out::Out;
use crate::config::{Config, MailConfig};
use crate::http::{ConnectionLimits, serve};
use crate::letters::{LetterOptions, Templates};
use crate::license;
use crate::sandbox::{FIRST_START, HOW_TO_HAVE};
use crate::site::Site;
use crate::state::{ApiOptions, AppState, RateOptions};
use crate::telemetry;
use crate::wiring::Parts;

/// How long mail at hand may take at the end: what is not sent within a second
/// is waiting for a mailer that does not take it.
const MAIL_ENDS_WITHIN: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  billing serve
  BILLING_PLANS=plans.yaml billing serve
  billing serve --json                # one line for programs: url, enabled, key
  billing serve --config /etc/billing/billing.toml";

/// Run the server: API, pages, worker.
#[derive(Debug, Args)]
#[command(after_help = format!("{FIRST_START}\n\n{EXAMPLES}"))]
pub(crate) struct Serve {}

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        telemetry::log(
            &config.log,
            config.log_format,
            context.environment.no_color(),
        );
        let metrics = telemetry::metrics();
        let metrics = metrics.map_err(|error| Failure::new("gather metrics", &error))?;
        // First, so that an address that is taken leaves nothing half-made.
        let listener = listen(&config).await?;
        let bound = listener
            .local_addr()
            .map_err(|error| Failure::new("read the address", &error))?;
        let public_url = public_url(&config, bound);
        let parts = Parts::connect(&config, &public_url).await?;
        parts
            .note(&format!("http://{}", local(bound)))
            .map_err(|error| Failure::new("note the address", &error))?;
        put_in_force(&config, &parts).await?;
        let mut state = AppState::new(
            parts.billing.clone(),
            parts.ids.clone(),
            options(&config, &public_url),
        )
        .with_metrics(metrics);
        let templates = templates(&config)?;
        state = state.with_templates(templates.clone(), config.letters.language);
        if let Some(mailer) = parts.mailer(&config)? {
            state = state.with_mailer(mailer);
        }
        if let Some(signer) = signer(&config, &parts, &public_url).await? {
            state = state.with_license_signer(signer);
        }
        if let Some(events) = &parts.events {
            state = state.with_events(events.clone());
        }
        let told = config.paddle.as_ref();
        if let Some(token) = told.and_then(|told| told.client_token.clone()) {
            state = state.with_paddle_page(token);
        }
        let state = with_courier(state, &config, templates)?;
        let site = Site::new(&state, parts.sandbox.as_ref());
        welcome(context, &config, &parts, &public_url).await?;

        if config.worker.enabled && parts.billing.is_enabled() {
            let taken_up = state.migrations.take_up(&parts.billing).await;
            taken_up.map_err(|error| Failure::new("go on with price migrations", &error))?;
        }
        let own = format!("http://{}", local(bound));
        let loops = Loops::start(&config, &parts, state.courier(), &own)?;
        let asked = asked_to_stop()?;
        let stop_carrying = loops.stop_carrying();
        let asked = async move {
            asked.await;
            stop_carrying();
        };
        let served = serve(listener, site, connection_limits(&config), asked).await;
        tracing::info!("stopping");
        loops.end().await;
        let mailed = tokio::time::timeout(MAIL_ENDS_WITHIN, state.mail_settled()).await;
        if mailed.is_err() {
            tracing::warn!("mail at hand was not sent; who waits for it asks again");
        }
        served.map_err(|error| Failure::new("serve", &error))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn listen(config: &Config) -> Result<TcpListener, Failure> {
    TcpListener::bind(config.listen).await.map_err(|error| {
        Failure::new(&format!("listen on {}", config.listen), &error).with_hint(
            "Another address is chosen with BILLING_LISTEN, as in \
             BILLING_LISTEN=127.0.0.1:8081, or with `listen` in the configuration file.",
        )
    })
}

/// The address that browsers see, without a slash at its end.
fn public_url(config: &Config, bound: SocketAddr) -> String {
    match &config.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{}", local(bound)),
    }
}

/// How this machine itself reaches the server.
fn local(bound: SocketAddr) -> SocketAddr {
    let mut local = bound;
    if bound.ip().is_unspecified() {
        local.set_ip(match bound {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    local
}

/// Puts the configured plan file in force, or the sample where there is nothing
/// else and nothing is configured.
async fn put_in_force(config: &Config, parts: &Parts) -> Result<(), Failure> {
    let billing = &parts.billing;
    if !billing.is_enabled() {
        return Ok(());
    }
    let catalog = match &config.plans {
        Some(path) => {
            let shown = path.display().to_string();
            let bytes = std::fs::read(path);
            let bytes = bytes.map_err(|error| Failure::new(&format!("read {shown}"), &error))?;
            read_plan_file(&shown, &bytes)?
        }
        None if billing.catalog().await.is_ok() => return Ok(()),
        None if config.sandbox.is_some() => sample_catalog()?,
        None => return Err(nothing_to_sell(parts.providers.is_empty())),
    };
    match billing.apply_catalog(&catalog).await.map_err(not_applied)? {
        ApplyOutcome::Unchanged(revision) => tracing::info!(revision, "catalog in force"),
        ApplyOutcome::Applied(_) => {}
    }
    Ok(())
}

fn nothing_to_sell(no_provider: bool) -> Failure {
    let mut words = "no plan file is configured, and none was ever applied".to_owned();
    let mut hint = "Name one: BILLING_PLANS=/etc/billing/plans.yaml".to_owned();
    if no_provider {
        words.push_str("; nor is there a provider to pay with");
        hint = format!(
            "{hint}\nWithout a provider only free plans can be had. {HOW_TO_HAVE}\n\
             Billing is switched off, with every gate open, by BILLING_ENABLED=false alone."
        );
    }
    Failure::usage(words).with_hint(hint)
}

/// What signs licenses. `None`: none are given.
async fn signer(
    config: &Config,
    parts: &Parts,
    public_url: &str,
) -> Result<Option<Arc<dyn LicenseSigner>>, Failure> {
    let made = license::signer(config, &parts.billing, parts.ids.as_ref(), public_url).await;
    made.map_err(|error| Failure::new("have the license keys", &error).with_hint(error.hint()))
}

/// What letters say. Read though no mail be sent: what is wrong is told at once.
fn templates(config: &Config) -> Result<Templates, Failure> {
    let Some(folder) = &config.letters.templates else {
        return Ok(Templates::shipped());
    };
    Templates::read(folder).map_err(|error| {
        let folder = folder.display();
        Failure::usage(format!("the templates in {folder} are not fit:\n{error}"))
    })
}

/// Has letters written, and people invited, as they are configured.
fn with_courier(
    mut state: AppState,
    config: &Config,
    templates: Templates,
) -> Result<AppState, Failure> {
    let told = &config.letters;
    let options = LetterOptions {
        wanted: told.wanted.clone(),
        language: told.language,
        templates,
        home: None,
    };
    let mut transports = Vec::new();
    transports.extend(state.letters(options));
    if let Some(told) = &config.github {
        let invited = state.invitations(Inviting {
            base_url: told.base_url.clone(),
            organization: told.organization.clone(),
            team: told.team.clone(),
            plans: told.plans.clone(),
            token: told.token.expose_secret().to_owned(),
        });
        let invited = invited.map_err(|error| Failure::new("set up invitations", &error))?;
        transports.extend(invited);
    }
    Ok(state.with_courier(transports))
}

fn options(config: &Config, public_url: &str) -> ApiOptions {
    ApiOptions {
        public_url: public_url.to_owned(),
        body_limit: config.limits.body_bytes,
        body_timeout: config.limits.body_timeout,
        rates: RateOptions {
            public_posts_per_minute: config.limits.posts_per_minute,
            failures_per_minute: config.limits.failures_per_minute,
            links_per_hour: config.limits.links_per_hour,
        },
        trust_forwarded_for: config.trust_forwarded_for,
        seller: config.seller.clone(),
        ..ApiOptions::default()
    }
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        connections: config.limits.connections,
        header_timeout: config.limits.header_timeout,
        drain: config.limits.shutdown_timeout,
        ..ConnectionLimits::default()
    }
}

/// Says where everything is; on the first start in a sandbox, makes a key too.
async fn welcome(
    context: &Context,
    config: &Config,
    parts: &Parts,
    public_url: &str,
) -> Result<(), Failure> {
    let key = first_key(config, parts).await?;
    if context.out.is_json() {
        // One object on one line, for the program that starts the server and reads on.
        let said = json!({ "url": public_url, "enabled": parts.billing.is_enabled(), "key": key });
        context.out.line(&said.to_string());
    } else {
        greet(context.out, config, parts, public_url, key.as_deref());
    }
    Ok(())
}

fn greet(out: Out, config: &Config, parts: &Parts, public_url: &str, key: Option<&str>) {
    if !parts.billing.is_enabled() {
        out.line("Billing is switched off: every gate is open.");
        return;
    }
    out.line(&format!("Billing is listening at {public_url}"));
    out.line(&format!("  plans and prices  {public_url}/pricing"));
    out.line(&format!("  the HTTP API      {public_url}/docs"));
    if config.sandbox.is_some() {
        out.line("  payments          sandbox, no real money; 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined");
        let program = std::env::args_os().next();
        // As it was called, so that the line can be copied where it is not installed.
        let program = program.unwrap_or_else(|| "billing".into());
        let program = program.display();
        out.line(&format!("  a month later     {program} clock advance 31d"));
    }
    match &config.mail {
        Some(MailConfig::Folder(folder)) => {
            let folder = folder.display();
            out.line(&format!(
                "  mail              written to {folder}, not sent"
            ));
        }
        Some(MailConfig::Smtp(told)) => {
            let host = &told.host;
            out.line(&format!("  mail              sent by {host}"));
        }
        None => {}
    }
    if parts.providers.is_empty() {
        out.line("  payments          none: no provider is configured, only free plans can be had");
    }
    if let Some(key) = key {
        out.line("");
        out.line("Your operator key, shown this once:");
        out.line(&format!("  export BILLING_KEY={key}"));
    }
}

/// Makes the first operator key of a sandbox. `None`: there is one, or where
/// money is real it is made by hand.
async fn first_key(config: &Config, parts: &Parts) -> Result<Option<String>, Failure> {
    let (Some(store), Some(clock)) = (parts.billing.store(), parts.billing.clock()) else {
        return Ok(None);
    };
    let keys = store.list_keys(1).await;
    let keys = keys.map_err(|error| Failure::new("look for operator keys", &error))?;
    if !keys.is_empty() {
        return Ok(None);
    }
    if config.sandbox.is_none() {
        // A key in a log is nobody's secret.
        tracing::warn!(
            "no operator key yet: make one with `billing keys create NAME --scope admin`"
        );
        return Ok(None);
    }
    let ids = parts.ids.as_ref();
    let (_, secret) = make_key(store, ids, clock.now(), "first start", Scope::Admin).await?;
    Ok(Some(secret))
}

/// Ends when the terminal or the service manager asks the program to end.
fn asked_to_stop() -> Result<impl Future<Output = ()> + Send, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error: std::io::Error| Failure::new("watch for signals", &error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            let _asked = tokio::signal::ctrl_c().await;
        })
    }
}
