//! Every key that there is.

/// Every key of the configuration, as in the file; its variable is
/// `BILLING_…` in upper case, with `_` for the dot.
pub const KEYS: [&str; 27] = [
    "enabled",
    "database_url",
    "listen",
    "public_url",
    "plans",
    "trust_forwarded_for",
    "log",
    "log_format",
    "sandbox.enabled",
    "sandbox.mode",
    "sandbox.webhook_secret",
    "sandbox.allow_beside_live",
    "sandbox.database",
    "mail.folder",
    "license.key_file",
    "license.audience",
    "worker.enabled",
    "worker.poll",
    "worker.batch",
    "limits.connections",
    "limits.body",
    "limits.body_timeout",
    "limits.header_timeout",
    "limits.shutdown_timeout",
    "limits.posts_per_minute",
    "limits.failures_per_minute",
    "limits.links_per_hour",
];
