//! Every key that there is.

/// Every key of the configuration, as in the file; its variable is
/// `BILLING_…` in upper case, with `_` for the dot.
pub const KEYS: [&str; 64] = [
    "enabled",
    "database_url",
    "listen",
    "public_url",
    "plans",
    "trust_forwarded_for",
    "log",
    "log_format",
    "operator",
    "stripe.secret_key",
    "stripe.webhook_secrets",
    "stripe.base_url",
    "stripe.portal_configuration",
    "stripe.pause",
    "stripe.trial",
    "paddle.api_key",
    "paddle.webhook_secrets",
    "paddle.note_keys",
    "paddle.base_url",
    "paddle.checkout_url",
    "paddle.client_token",
    "paddle.webhook_tolerance",
    "btcpay.base_url",
    "btcpay.store_id",
    "btcpay.api_key",
    "btcpay.webhook_secrets",
    "btcpay.speed",
    "btcpay.checkout_lifetime",
    "btcpay.invoice_lifetime",
    "btcpay.rate_pins",
    "btcpay.rate_sources",
    "btcpay.kraken_url",
    "btcpay.coinbase_url",
    "btcpay.coingecko_url",
    "sandbox.enabled",
    "sandbox.mode",
    "sandbox.webhook_secret",
    "sandbox.allow_beside_live",
    "sandbox.database",
    "webhooks.allow_private",
    "mail.folder",
    "mail.reminders",
    "mail.smtp.host",
    "mail.smtp.tls",
    "mail.smtp.port",
    "mail.smtp.user",
    "mail.smtp.password",
    "mail.smtp.from",
    "license.key_file",
    "license.audience",
    "license.algorithm",
    "worker.enabled",
    "worker.poll",
    "worker.ask_open",
    "worker.batch",
    "worker.in_flight",
    "limits.connections",
    "limits.body",
    "limits.body_timeout",
    "limits.header_timeout",
    "limits.shutdown_timeout",
    "limits.posts_per_minute",
    "limits.failures_per_minute",
    "limits.links_per_hour",
];

/// The keys of a section, such as `stripe` or `mail.smtp`.
pub(super) fn keys_of(section: &str) -> impl Iterator<Item = &'static str> {
    let within = move |key: &&str| {
        let rest = key.strip_prefix(section);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    KEYS.into_iter().filter(within)
}
