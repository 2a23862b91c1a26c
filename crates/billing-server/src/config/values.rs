//! The meaning of every key: how it is read, and what holds without it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use billing_domain::entitlement::parse_size;
use billing_license::Algorithm;
use billing_notify::Reaching;
use jiff::SignedDuration;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::documents::Seller;

use super::built::Built;
use super::reader::Reader;
use super::{
    Config, Database, LicenseConfig, LimitsConfig, LogFormat, MailConfig, SandboxConfig,
    SandboxMode, WorkerConfig,
};
use super::{github, letters, mail, providers};

/// Where the server listens when nobody says: loopback, so that nothing is
/// open to the network by accident.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Shortest webhook secret: 16 characters, 64 bits when they are hexadecimal.
const MIN_SECRET: usize = 16;

/// Bounds of `worker.poll`: oftener than a second hammers the database, and
/// rarer than an hour makes a lost wake-up felt.
const POLL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));

/// Bounds of `worker.ask_open`: oftener than a minute is more than a provider bears, and
/// rarer than an hour is asked about anyway.
const ASK_OPEN: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));

/// Longest `license.audience`, in characters: it is in every token, and an address
/// of usual length fits.
const MAX_AUDIENCE: usize = 200;

/// Most rows claimed at once: more than this delays everything when one worker dies.
const MAX_BATCH: u16 = 500;

/// Most calls to providers at the same time: above this, none of them bears it.
const MAX_IN_FLIGHT: usize = 500;

/// Bounds of time-outs of requests: below a second, slow networks are shut out;
/// above ten minutes, a time-out is none.
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));

/// Most connections held open at once: what one process has file handles for.
const MAX_CONNECTIONS: usize = 65_536;

/// Bounds of `limits.body`: a webhook needs some kilobytes, and nothing that
/// belongs here needs more than 16 MiB.
const BODY: (u64, u64) = (1_024, 16 * 1_024 * 1_024);

/// Most requests a minute, or links an hour: above this, the bound is none.
const MAX_RATE: u32 = 100_000;

/// Longest line of who sells, in characters: what fits across a page.
const MAX_LINE: usize = 200;

/// Most lines of an address.
const MAX_LINES: usize = 10;

/// Who sells: the name, and under it the address, the number for taxes and the contact.
fn seller(reader: &mut Reader<'_>) -> Seller {
    let name = reader.value("seller.name", "a name of 1 to 200 characters", line);
    let expected = "1 to 10 lines of 1 to 200 characters";
    let address = reader.value("seller.address", expected, |text| {
        let lines: Option<Vec<String>> = text.trim_end().split('\n').map(line).collect();
        lines.filter(|lines| lines.len() <= MAX_LINES)
    });
    let expected = "a number for taxes of 1 to 200 characters";
    let tax_id = reader.value("seller.tax_id", expected, line);
    let expected = "how to be reached, in 1 to 200 characters";
    let contact = reader.value("seller.contact", expected, line);
    let lines = address.into_iter().flatten();
    Seller {
        name: name.unwrap_or_default(),
        lines: lines.chain(tax_id).chain(contact).collect(),
    }
}

fn line(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=MAX_LINE).contains(&text.chars().count());
    (fits && !text.contains(char::is_control)).then(|| text.to_owned())
}

pub(super) fn config(reader: &mut Reader<'_>, built: Built, file: Option<&Path>) -> Config {
    let enabled = flag(reader, "enabled").unwrap_or(true);
    let database = reader.hidden_value(
        "database_url",
        "sqlite:///path/of/billing.db, a path, or postgres://user:password@host/name",
        database,
    );
    let listen = reader
        .value(
            "listen",
            "an address with a port, such as 127.0.0.1:8080",
            |text| text.parse().ok(),
        )
        .unwrap_or(DEFAULT_LISTEN);
    let public_url = reader.value(
        "public_url",
        "an http or https address without query or user, such as https://billing.example.com",
        public_url,
    );
    let plans = reader.value("plans", "the path of a plan file", path);
    let log = reader.value(
        "log",
        "a level (error, warn, info, debug, trace) or a list such as info,billing_engine=debug",
        |text| EnvFilter::try_new(text).ok().map(|_valid| text.to_owned()),
    );
    let log_format = reader.value("log_format", "text or json", |text| match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    });
    let bare = bare(reader, listen);
    let sandbox = sandbox(reader, built, bare);
    let operator = providers::operator(reader);
    let stripe = providers::stripe(reader, built);
    let paddle = providers::paddle(reader, built);
    let btcpay = providers::btcpay(reader, built);
    let mail = mail::mail(reader, built);
    Config {
        file: file.map(Path::to_path_buf),
        enabled,
        database: database.unwrap_or_else(|| Database::Sqlite(PathBuf::from("billing.db"))),
        listen,
        public_url,
        plans,
        trust_forwarded_for: flag(reader, "trust_forwarded_for").unwrap_or(false),
        log: log.unwrap_or_else(|| "info".to_owned()),
        log_format: log_format.unwrap_or(LogFormat::Text),
        operator,
        stripe,
        paddle,
        btcpay,
        sandbox,
        mail: mail.or_else(|| bare.then(|| MailConfig::Folder(PathBuf::from("mail")))),
        letters: letters::letters(reader),
        github: github::github(reader),
        receivers: receivers(reader),
        license: license(reader),
        worker: worker(reader),
        limits: limits(reader),
        seller: seller(reader),
    }
}

/// Whom events may be sent to: nobody in a private network, unless that is said.
fn receivers(reader: &mut Reader<'_>) -> Reaching {
    let private = flag(reader, "webhooks.allow_private");
    if private.unwrap_or(false) {
        Reaching::Anywhere
    } else {
        Reaching::Public
    }
}

/// Whether nothing at all was configured that a real deployment has: no file,
/// no database, no public address, and nobody but this machine can reach it.
/// Then there is a sandbox, and mail is written beside the books.
fn bare(reader: &Reader<'_>, listen: SocketAddr) -> bool {
    !reader.has_file()
        && !reader.says("database_url")
        && !reader.says("public_url")
        && !providers::any_is_said(reader)
        && listen.ip().is_loopback()
}

/// The sandbox is on when it is asked for, or when the configuration is bare. A
/// program without it cannot be asked for it.
fn sandbox(reader: &mut Reader<'_>, built: Built, bare: bool) -> Option<SandboxConfig> {
    let asked = if built.sandbox {
        flag(reader, "sandbox.enabled")
    } else {
        let expected = "false, since this program was built without the sandbox \
                        (cargo feature `sandbox`)";
        reader.value("sandbox.enabled", expected, |text| {
            boolean(text).filter(|asked| !asked)
        })
    };
    let mode = reader.value(
        "sandbox.mode",
        "engine-schedule, engine-pages or own-schedule",
        |text| match text {
            "engine-schedule" => Some(SandboxMode::EngineSchedule),
            "engine-pages" => Some(SandboxMode::EnginePages),
            "own-schedule" => Some(SandboxMode::OwnSchedule),
            _ => None,
        },
    );
    let allow_beside_live = flag(reader, "sandbox.allow_beside_live").unwrap_or(false);
    let database = reader.value("sandbox.database", "the path of a file", path);
    let secret_said = reader.says("sandbox.webhook_secret");
    // A wrong one is named even where it is of no use.
    let webhook_secret = if asked == Some(true) || secret_said {
        reader.required_secret("sandbox.webhook_secret", MIN_SECRET)
    } else {
        None
    };
    if !built.sandbox || !asked.unwrap_or(bare) {
        return None;
    }
    Some(SandboxConfig {
        mode: mode.unwrap_or(SandboxMode::EngineSchedule),
        webhook_secret,
        allow_beside_live,
        database: database.unwrap_or_else(|| PathBuf::from("sandbox.db")),
    })
}

fn license(reader: &mut Reader<'_>) -> LicenseConfig {
    let key_file = reader.value("license.key_file", "the path of a file", path);
    let expected = "the name of an application, of at most 200 characters";
    let audience = reader.value("license.audience", expected, |text| {
        let fits = (1..=MAX_AUDIENCE).contains(&text.chars().count());
        let plain = !text.contains(char::is_control) && text.trim() == text;
        (fits && plain).then(|| text.to_owned())
    });
    let algorithms: Vec<&str> = Algorithm::ALL.iter().map(|known| known.as_str()).collect();
    let expected = algorithms.join(" or ");
    let algorithm = reader.value("license.algorithm", &expected, Algorithm::named);
    LicenseConfig {
        key_file,
        audience,
        algorithm: algorithm.unwrap_or_default(),
    }
}

fn worker(reader: &mut Reader<'_>) -> WorkerConfig {
    let enabled = flag(reader, "worker.enabled").unwrap_or(true);
    let poll = duration(reader, "worker.poll", "a time from 1s to 1h", POLL);
    let ask_open = duration(reader, "worker.ask_open", "a time from 1m to 1h", ASK_OPEN);
    let batch = reader.value("worker.batch", "a whole number from 1 to 500", |text| {
        whole(text).filter(|batch| (1..=MAX_BATCH).contains(batch))
    });
    let in_flight = reader.value("worker.in_flight", "a whole number from 1 to 500", |text| {
        whole(text).filter(|count| (1..=MAX_IN_FLIGHT).contains(count))
    });
    let defaults = billing_engine::Limits::default();
    WorkerConfig {
        enabled,
        poll: poll.unwrap_or(defaults.poll),
        ask_open: ask_open.unwrap_or(defaults.ask_open),
        batch: batch.unwrap_or(defaults.batch),
        in_flight: in_flight.unwrap_or(defaults.in_flight),
    }
}

fn limits(reader: &mut Reader<'_>) -> LimitsConfig {
    let seconds = "a time from 1s to 10m";
    let defaults = LimitsConfig::default();
    LimitsConfig {
        connections: reader
            .value(
                "limits.connections",
                "a whole number from 1 to 65536",
                |text| whole(text).filter(|count| (1..=MAX_CONNECTIONS).contains(count)),
            )
            .unwrap_or(defaults.connections),
        body_bytes: reader
            .value("limits.body", "a size from 1KiB to 16MiB", |text| {
                let size = parse_size(text).ok()?;
                let fits = (BODY.0..=BODY.1).contains(&size);
                fits.then(|| usize::try_from(size).ok()).flatten()
            })
            .unwrap_or(defaults.body_bytes),
        body_timeout: duration(reader, "limits.body_timeout", seconds, TIMEOUT)
            .unwrap_or(defaults.body_timeout),
        header_timeout: duration(reader, "limits.header_timeout", seconds, TIMEOUT)
            .unwrap_or(defaults.header_timeout),
        shutdown_timeout: duration(reader, "limits.shutdown_timeout", seconds, TIMEOUT)
            .unwrap_or(defaults.shutdown_timeout),
        posts_per_minute: rate(reader, "limits.posts_per_minute")
            .unwrap_or(defaults.posts_per_minute),
        failures_per_minute: rate(reader, "limits.failures_per_minute")
            .unwrap_or(defaults.failures_per_minute),
        links_per_hour: rate(reader, "limits.links_per_hour").unwrap_or(defaults.links_per_hour),
    }
}

fn rate(reader: &mut Reader<'_>, key: &str) -> Option<u32> {
    reader.value(key, "a whole number from 0 (no bound) to 100000", |text| {
        whole(text).filter(|rate| *rate <= MAX_RATE)
    })
}

pub(super) fn flag(reader: &mut Reader<'_>, key: &str) -> Option<bool> {
    reader.value(key, "true or false", boolean)
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

pub(super) fn duration(
    reader: &mut Reader<'_>,
    key: &str,
    expected: &str,
    (least, most): (Duration, Duration),
) -> Option<Duration> {
    reader.value(key, expected, |text| {
        let duration: SignedDuration = text.parse().ok()?;
        let duration = Duration::try_from(duration).ok()?;
        (least..=most).contains(&duration).then_some(duration)
    })
}

/// A whole number; `None` also for a sign or a blank.
pub(super) fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    let usable = !text.trim().is_empty() && !text.contains('\0');
    usable.then(|| PathBuf::from(text))
}

fn database(text: &str) -> Option<Database> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let url = Url::parse(text).ok()?;
        let named = url.path().len() > 1;
        return named.then(|| Database::Postgres(SecretString::from(text.to_owned())));
    }
    let file = text
        .strip_prefix("sqlite://")
        .or_else(|| text.strip_prefix("sqlite:"));
    let file = match file {
        Some(file) => file,
        None if text.contains("://") => return None,
        None => text,
    };
    let usable = !file.contains('?') && file != ":memory:";
    usable.then(|| path(file)).flatten().map(Database::Sqlite)
}

pub(super) fn public_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (plain && web).then_some(url)
}
