//! What the server is told: by a TOML file, by the environment, or by nobody.
//!
//! The environment wins over the file. Unknown keys are refused, every wrong
//! value is named with where it came from, and all mistakes are told at once;
//! secrets are never shown. Deliberately opens nothing but the file itself:
//! whether a database answers is for whoever connects to it.

mod built;
mod environment;
mod github;
mod keys;
mod letters;
mod mail;
mod problem;
mod providers;
#[cfg(test)]
mod providers_tests;
mod reader;
#[cfg(test)]
mod tests;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use billing_license::Algorithm;
use billing_notify::Reaching;
use secrecy::SecretString;
use url::Url;

use self::built::Built;
pub use self::environment::Environment;
pub use self::github::GitHubConfig;
pub use self::keys::KEYS;
pub use self::letters::LettersConfig;
pub use self::mail::{MailConfig, SmtpConfig, SmtpLogin, SmtpTls};
pub use self::problem::{ConfigError, Problem};
pub use self::providers::{
    BtcPayConfig, BtcPaySpeed, MissingMethod, PaddleConfig, StripeConfig, StripePause, StripeTrial,
};
use self::reader::Reader;
use crate::documents::Seller;
use crate::http::ConnectionLimits;
use crate::state::{DEFAULT_BODY_LIMIT, DEFAULT_BODY_TIMEOUT, RateOptions};

/// The file that is read when none is named and it lies in the working directory.
pub const DEFAULT_FILE: &str = "billing.toml";

/// Everything that the server is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that was read. `None`: there was none.
    pub file: Option<PathBuf>,
    /// Whether billing is switched on. Off, every gate is open and nothing is stored.
    pub enabled: bool,
    /// Where the books are kept.
    pub database: Database,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address that browsers and providers see. `None`: the one listened on.
    pub public_url: Option<Url>,
    /// Whether the last address in `X-Forwarded-For` is the client's: true only
    /// behind a proxy of one's own.
    pub trust_forwarded_for: bool,
    /// The plan file. `None`: the catalog in force stays, or the sample is put
    /// in force where there is none.
    pub plans: Option<PathBuf>,
    /// What to log, as a filter of levels.
    pub log: String,
    /// How to log.
    pub log_format: LogFormat,
    /// This deployment's name: what its objects at a provider are marked with, so
    /// that several may share an account.
    pub operator: String,
    /// The Stripe account. `None`: there is none.
    pub stripe: Option<StripeConfig>,
    /// The Paddle account. `None`: there is none.
    pub paddle: Option<PaddleConfig>,
    /// The BTCPay store. `None`: there is none.
    pub btcpay: Option<BtcPayConfig>,
    /// The built-in provider. `None`: it is off.
    pub sandbox: Option<SandboxConfig>,
    /// What becomes of mail. `None`: none is sent.
    pub mail: Option<MailConfig>,
    /// Which letters are mailed, where mail is sent.
    pub letters: LettersConfig,
    /// Whom GitHub is asked to invite. `None`: nobody.
    pub github: Option<GitHubConfig>,
    /// Whom events may be sent to.
    pub receivers: Reaching,
    /// How licenses are signed.
    pub license: LicenseConfig,
    /// The worker of this process.
    pub worker: WorkerConfig,
    /// Bounds on what callers may do.
    pub limits: LimitsConfig,
    /// Who sells, as it stands on invoices. Empty: the product's name stands there.
    pub seller: Seller,
}

/// Where the books are kept.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file, for one server.
    Sqlite(PathBuf),
    /// PostgreSQL, by its URL, which holds a password.
    Postgres(SecretString),
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// The built-in payment provider.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Who runs the schedule of what is bought.
    pub mode: SandboxMode,
    /// What signs its webhooks. `None`: a random one for the life of the
    /// process, which only a sandbox that nobody asked for has.
    pub webhook_secret: Option<SecretString>,
    /// Whether it may run beside a provider that moves money.
    pub allow_beside_live: bool,
    /// The file of its own books.
    pub database: PathBuf,
}

/// Who runs the schedule of what the sandbox sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxMode {
    /// The engine: it orders every invoice, the sandbox charges the saved card.
    EngineSchedule,
    /// The engine, and no card is saved: buyers pay each invoice at its page.
    EnginePages,
    /// The sandbox, as the large card providers do.
    OwnSchedule,
}

/// How licenses are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LicenseConfig {
    /// The file of the license keys. `None`: beside the SQLite file; with
    /// PostgreSQL there is none then.
    pub key_file: Option<PathBuf>,
    /// Which application licenses are for. `None`: the public address.
    pub audience: Option<String>,
    /// How keys sign that are made from now on.
    pub algorithm: Algorithm,
}

/// The worker of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Whether this process works through what falls due. Off where others do.
    pub enabled: bool,
    /// How often it looks without being woken.
    pub poll: Duration,
    /// How often what was invoiced of late is asked about at its provider.
    pub ask_open: Duration,
    /// Rows that it claims at once.
    pub batch: u16,
    /// Calls to providers, and customers decided, at the same time.
    pub in_flight: usize,
}

/// Bounds on what callers may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Connections held open at once.
    pub connections: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a caller may take to send a request's headers.
    pub header_timeout: Duration,
    /// How long requests at hand may take once the server is told to stop.
    pub shutdown_timeout: Duration,
    /// Public POST requests a minute of one address. 0: no bound.
    pub posts_per_minute: u32,
    /// Failed credentials a minute of one address. 0: no bound.
    pub failures_per_minute: u32,
    /// Links mailed an hour for one customer, and to one mailbox. 0: no bound.
    pub links_per_hour: u32,
}

impl Default for LimitsConfig {
    /// The server loop's and the API's own bounds, but 20 seconds to finish: below
    /// the 30 that service managers wait before they kill, with the worker's 5.
    fn default() -> Self {
        let rates = RateOptions::default();
        let connection = ConnectionLimits::default();
        Self {
            connections: connection.connections,
            body_bytes: DEFAULT_BODY_LIMIT,
            body_timeout: DEFAULT_BODY_TIMEOUT,
            header_timeout: connection.header_timeout,
            shutdown_timeout: Duration::from_secs(20),
            posts_per_minute: rates.public_posts_per_minute,
            failures_per_minute: rates.failures_per_minute,
            links_per_hour: rates.links_per_hour,
        }
    }
}

impl Config {
    /// Reads the file at `file`, or [`DEFAULT_FILE`] where it is there and none
    /// is named, and the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every mistake.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        let file = file.or_else(|| default.exists().then_some(default));
        match file {
            None => Self::read(None, environment),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
                    problems: vec![Problem::unreadable(path, &error)],
                })?;
                Self::read(Some((path, &text)), environment)
            }
        }
    }

    /// Reads a file's text, if there is one, and the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every mistake.
    pub fn read(
        file: Option<(&Path, &str)>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        Self::read_for(Built::THIS, file, environment)
    }

    fn read_for(
        built: Built,
        file: Option<(&Path, &str)>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(file, environment);
        let config = values::config(&mut reader, built, file.map(|(path, _)| path));
        reader.finish()?;
        Ok(config)
    }
}
