//! Looking at a store before it is relied on: instance, key, webhook, rates.

use std::collections::BTreeSet;

use billing_domain::catalog::Catalog;
use billing_domain::money::Currency;
use billing_ports::{Finding, FindingLevel};
use serde::Deserialize;
use serde_json::Value;

use crate::api_error::CallError;
use crate::client::Answered;
use crate::provider::BtcPay;

/// The events that billing lives on: what the store's webhook has to be sent.
pub const HANDLED_EVENTS: [&str; 9] = [
    "InvoiceReceivedPayment",
    "InvoicePaymentSettled",
    "InvoiceProcessing",
    "InvoiceSettled",
    "InvoiceExpired",
    "InvoiceInvalid",
    "InvoiceExpiredPaidPartial",
    "InvoicePaidAfterExpiration",
    "InvoiceRefund",
];

/// The events by which refunds are heard of, where they are made by BTCPay.
pub const PAYOUT_EVENTS: [&str; 2] = ["PayoutApproved", "PayoutUpdated"];

/// Those of [`HANDLED_EVENTS`] that every version has; newer ones tell the others besides.
const NEEDED_EVENTS: usize = 6;

/// What the key has to be allowed, and what for.
const PERMISSIONS: [(&str, &str); 3] = [
    ("btcpay.store.cancreateinvoice", "making invoices"),
    ("btcpay.store.canviewinvoices", "reading them"),
    ("btcpay.store.canmodifyinvoices", "taking them back"),
];

/// What reading refunds back takes.
const REFUNDS: &str = "btcpay.store.canviewpullpayments";

/// What making refund links takes; the first is enough where a person approves claims.
const LINKS: [&str; 2] = [
    "btcpay.store.cancreatenonapprovedpullpayments",
    "btcpay.store.cancreatepullpayments",
];

/// What includes everything about refunds.
const PULLS: &str = "btcpay.store.canmanagepullpayments";

/// What reading the store's own rates takes.
const RATES: &str = "btcpay.store.canviewstoresettings";

/// What includes all of them.
const EVERYTHING: [&str; 2] = ["unrestricted", "btcpay.store.canmodifystoresettings"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    fully_synched: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Key {
    #[serde(default)]
    permissions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    automatic_redelivery: bool,
    #[serde(default)]
    authorized_events: Events,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Events {
    #[serde(default)]
    everything: bool,
    #[serde(default)]
    specific_events: Vec<String>,
}

impl BtcPay {
    /// Everything that can be looked at from here.
    pub(crate) async fn examine(&self, catalog: &Catalog) -> Vec<Finding> {
        let account = &self.teller.account;
        let server: Result<Answered<Server>, _> =
            self.client.get_outside(&["server", "info"], &[]).await;
        let mut findings = Vec::new();
        match server {
            Ok(server) => findings.extend(of_server(&server.body)),
            Err(CallError::Misconfigured(why)) => {
                return vec![bad(format!(
                    "{account}: the key is not accepted ({why}). Make one under Account > API keys"
                ))];
            }
            Err(error) => {
                return vec![bad(format!(
                    "{account}: BTCPay did not answer at {}: {error}",
                    self.options.base_url
                ))];
            }
        }
        findings.extend(self.key().await);
        findings.push(self.store().await);
        findings.extend(self.webhook().await);
        findings.extend(self.quotes(catalog).await);
        findings
    }

    async fn key(&self) -> Vec<Finding> {
        let account = &self.teller.account;
        let key: Result<Answered<Key>, _> =
            self.client.get_outside(&["api-keys", "current"], &[]).await;
        let held = match key {
            Ok(key) => key.body.permissions,
            Err(error) => {
                return vec![bad(format!(
                    "{account}: what the key may do cannot be read: {error}"
                ))];
            }
        };
        let store = self.client.store();
        let may = |wanted: &str| {
            held.iter().any(|held| match held.split_once(':') {
                Some((permission, of)) => permission == wanted && of == store,
                None => held == wanted,
            })
        };
        let all = EVERYTHING.iter().any(|permission| may(permission));
        let missing = PERMISSIONS
            .iter()
            .filter(|(permission, _)| !all && !may(permission));
        let missing: Vec<Finding> = missing
            .map(|(permission, purpose)| {
                bad(format!(
                    "{account}: the key lacks {permission} for the store {store}; {purpose} takes it"
                ))
            })
            .collect();
        let mut findings = missing;
        if findings.is_empty() {
            findings.push(good(format!("{account}: the key may do what is needed")));
        }
        let pulls = all || may(PULLS);
        if !pulls && !may(REFUNDS) {
            findings.push(warning(format!(
                "{account}: the key lacks {REFUNDS}; refunds that are made at BTCPay are not noticed"
            )));
        }
        if !pulls && !LINKS.iter().any(|permission| may(permission)) {
            let [needed, _] = LINKS;
            findings.push(warning(format!(
                "{account}: the key lacks {needed}; refund links cannot be made from here"
            )));
        }
        if self.options.tells_rates && !all && !may(RATES) {
            findings.push(warning(format!(
                "{account}: the key lacks {RATES} for the store {store}; its own rates cannot be \
                 asked, which leaves those of the other sources and pins"
            )));
        }
        findings
    }

    async fn store(&self) -> Finding {
        let account = &self.teller.account;
        let store = self.client.store();
        let listed: Result<Answered<Vec<Value>>, _> =
            self.client.get(&["invoices"], &[("take", "1")]).await;
        match listed {
            Ok(_) => good(format!(
                "{account}: invoices of the store {store} can be read"
            )),
            Err(error) => bad(format!(
                "{account}: invoices of the store {store} cannot be read: {error}"
            )),
        }
    }

    async fn webhook(&self) -> Vec<Finding> {
        let Some(ours) = &self.options.webhook_url else {
            return vec![warning(
                "webhooks are not checked: the address that BTCPay is to send them to is not set"
                    .to_owned(),
            )];
        };
        let listed: Result<Answered<Vec<Webhook>>, _> = self.client.get(&["webhooks"], &[]).await;
        let listed = match listed {
            Ok(listed) => listed.body,
            Err(error) => {
                return vec![warning(format!(
                    "webhooks cannot be checked; with btcpay.store.webhooks.canmodifywebhooks they \
                     could: {error}"
                ))];
            }
        };
        let same = |held: &&Webhook| {
            let url = held.url.as_deref().unwrap_or_default();
            url.trim_end_matches('/') == ours.as_str().trim_end_matches('/')
        };
        let Some(held) = listed.iter().find(same) else {
            return vec![bad(format!(
                "no webhook of the store sends to {ours}; a payment is heard of only when open \
                 invoices are read. Add one under Settings > Webhooks"
            ))];
        };
        let mut findings = Vec::new();
        if !held.enabled {
            findings.push(bad(format!(
                "the webhook {ours} is not enabled; enable it under Settings > Webhooks"
            )));
        }
        if !held.automatic_redelivery {
            findings.push(warning(format!(
                "the webhook {ours} is not delivered again when it fails; turn on its automatic \
                 redelivery"
            )));
        }
        let events = &held.authorized_events;
        let sent = |name: &str| {
            events.everything || events.specific_events.iter().any(|held| held == name)
        };
        let unheard: Vec<&str> = PAYOUT_EVENTS
            .into_iter()
            .filter(|name| !sent(name))
            .collect();
        if !unheard.is_empty() {
            findings.push(warning(format!(
                "{ours} is not sent {}; what is paid back is noticed late: add these to its \
                 events",
                unheard.join(", ")
            )));
        }
        let needed = HANDLED_EVENTS.iter().take(NEEDED_EVENTS);
        let missing: Vec<&str> = needed.copied().filter(|name| !sent(name)).collect();
        findings.push(if missing.is_empty() {
            good(format!("{ours} is sent every event that is needed"))
        } else {
            bad(format!(
                "{ours} is not sent {}; add these to its events",
                missing.join(", ")
            ))
        });
        findings
    }

    /// Whether every currency of the catalog can be converted.
    async fn quotes(&self, catalog: &Catalog) -> Vec<Finding> {
        let currencies: BTreeSet<Currency> = catalog
            .prices()
            .map(|price| price.amount.currency)
            .filter(|currency| *currency != Currency::SAT)
            .collect();
        let mut findings = Vec::new();
        for currency in currencies {
            let asked = self.rates.rate(currency, self.clock.now()).await;
            findings.push(match asked {
                Ok(rate) => good(format!("there is a rate of {currency}, of {}", rate.source)),
                Err(error) => bad(format!(
                    "{error}: nobody is charged a price in {currency}; let the server reach \
                     another source, name the one that answers alone, or pin a rate"
                )),
            });
        }
        findings
    }
}

fn of_server(server: &Server) -> Vec<Finding> {
    let version = server.version.as_deref().unwrap_or("of an unknown version");
    let mut findings = vec![good(format!("BTCPay {version} answers"))];
    if server.fully_synched == Some(false) {
        findings.push(warning(
            "BTCPay has not caught up with the chain yet: payments are seen later".to_owned(),
        ));
    }
    findings
}

fn good(text: String) -> Finding {
    finding(FindingLevel::Good, text)
}

fn warning(text: String) -> Finding {
    finding(FindingLevel::Warning, text)
}

fn bad(text: String) -> Finding {
    finding(FindingLevel::Bad, text)
}

const fn finding(level: FindingLevel, text: String) -> Finding {
    Finding { level, text }
}
