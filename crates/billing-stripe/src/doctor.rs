//! Looking at an account: its key, its webhook endpoint, and every price that the
//! catalog says it has.

use billing_domain::catalog::{Billing, Catalog, Price as Listed};
use billing_ports::{Finding, FindingLevel, PerformError};

use crate::amount;
use crate::client::Reply;
use crate::decoder::HANDLED_EVENTS;
use crate::failure::Failure;
use crate::forms::{read as reads, unit};
use crate::options::{API_RELEASE, API_VERSION, Mode};
use crate::provider::Stripe;
use crate::wire::{List, Price, WebhookEndpoint};

/// How a refusal begins of a key that is good, and may not do this one thing.
const DENIED: &str = "status 403";

/// Most addresses of others that are shown where ours is missing: enough to see a
/// misspelled one.
const OTHERS_SHOWN: usize = 3;

impl Stripe {
    /// Everything that was looked at, in the order in which it is to be put right.
    pub(crate) async fn examine(&self, catalog: &Catalog) -> Vec<Finding> {
        let mut findings = Vec::new();
        let endpoints = self
            .client
            .send::<List<WebhookEndpoint>>(reads::webhook_endpoints())
            .await;
        match endpoints {
            Ok(Reply { body, .. }) => {
                findings.push(self.key());
                findings.extend(self.endpoints(&body.data));
            }
            Err(Failure::Failed(PerformError::Misconfigured(why))) => {
                findings.push(bad(format!(
                    "{}: the key is not accepted, or may not list webhook endpoints ({why}). \
                     Copy it once more from Developers > API keys; a restricted one needs read \
                     access to Webhook Endpoints",
                    self.teller.account
                )));
                if !why.contains(DENIED) {
                    return findings;
                }
            }
            Err(failure) => {
                let error = failure.of_reading();
                let account = &self.teller.account;
                findings.push(bad(format!("{account}: Stripe did not answer: {error}")));
                return findings;
            }
        }
        let provider = self.teller.account.provider().as_str();
        for price in catalog.prices() {
            if let Some(reference) = price.provider_ref(provider) {
                findings.push(self.price(price, reference).await);
            }
        }
        findings
    }

    fn key(&self) -> Finding {
        let mode = match self.mode {
            Mode::Live => "real money moves",
            Mode::Test => "no real money moves",
        };
        let word = self.mode.word();
        let text = format!(
            "{}: the key is accepted, {word}: {mode}",
            self.teller.account
        );
        finding(FindingLevel::Good, text)
    }

    /// The endpoints that are ours, or may be.
    fn endpoints(&self, endpoints: &[WebhookEndpoint]) -> Vec<Finding> {
        let ours: Vec<&WebhookEndpoint> = endpoints
            .iter()
            .filter(|it| self.webhook_url.as_ref().is_none_or(|url| *url == it.url))
            .collect();
        if ours.is_empty() {
            let wanted = self.webhook_url.as_deref().unwrap_or("any address");
            let others: Vec<&str> = endpoints
                .iter()
                .take(OTHERS_SHOWN)
                .map(|it| it.url.as_str())
                .collect();
            let others = match others.as_slice() {
                [] => String::new(),
                others => format!(" (there is {})", others.join(", ")),
            };
            return vec![bad(format!(
                "{}: no webhook endpoint at {wanted}{others}; nothing is heard of payments. Add \
                 one under Developers > Webhooks, with version {API_VERSION}",
                self.teller.account
            ))];
        }
        ours.into_iter()
            .map(|endpoint| endpoint_finding(endpoint, self.mode))
            .collect()
    }

    async fn price(&self, price: &Listed, reference: &str) -> Finding {
        let named = format!("price {} ({reference})", price.key);
        if reference.starts_with("prod_") {
            return bad(format!(
                "{named}: this is a product; name its price, whose id begins with price_"
            ));
        }
        match self.client.send::<Price>(reads::price(reference)).await {
            Ok(Reply { body, .. }) => price_finding(&named, price, &body, self.mode),
            Err(Failure::Missing(_)) => bad(format!(
                "{named}: Stripe has no such price in {}; it may be of the other mode, or of \
                 another account",
                self.mode.word()
            )),
            Err(failure) => bad(format!("{named}: not read: {}", failure.of_reading())),
        }
    }
}

/// What is wrong with an endpoint; good when nothing is.
fn endpoint_finding(endpoint: &WebhookEndpoint, mode: Mode) -> Finding {
    let named = format!("webhook endpoint {} ({})", endpoint.id, endpoint.url);
    if endpoint.status != "enabled" {
        let status = &endpoint.status;
        return bad(format!(
            "{named}: it is {status}, not enabled; nothing is heard of payments. Enable it under \
             Developers > Webhooks"
        ));
    }
    if endpoint.livemode.is_some_and(|live| live != mode.is_live()) {
        return bad(format!(
            "{named}: it is of the other mode; the key is of {}",
            mode.word()
        ));
    }
    let sent = |kind: &str| {
        endpoint
            .enabled_events
            .iter()
            .any(|enabled| enabled == "*" || enabled == kind)
    };
    let missing: Vec<&str> = HANDLED_EVENTS
        .into_iter()
        .filter(|kind| !sent(kind))
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return bad(format!(
            "{named}: not sent are {missing}; add these to its events"
        ));
    }
    let version = endpoint.api_version.as_deref().unwrap_or("the account's");
    let pinned = version
        .rsplit_once('.')
        .is_some_and(|(_, release)| release == API_RELEASE);
    if !pinned {
        let text = format!(
            "{named}: its version is {version}, not {API_VERSION}; every event costs a read. Make \
             another endpoint with that version in its place"
        );
        return finding(FindingLevel::Warning, text);
    }
    finding(FindingLevel::Good, format!("{named}: as it should be"))
}

/// What a price is not that the catalog says it is; good when it is all of it.
fn price_finding(named: &str, listed: &Listed, price: &Price, mode: Mode) -> Finding {
    let mut wrong = Vec::new();
    match price
        .unit_amount
        .map(|it| amount::read(it, &price.currency))
    {
        Some(Some(amount)) if amount == listed.amount => {}
        Some(Some(amount)) => wrong.push(format!("it costs {amount}, not {}", listed.amount)),
        Some(None) => wrong.push(format!("its currency {} is not known", price.currency)),
        None => wrong.push("it has no single amount (tiers, or parts of a cent)".to_owned()),
    }
    match (listed.interval, &price.recurring) {
        (Billing::Once, None) => {}
        (Billing::Once, Some(_)) => wrong.push("it recurs, and is to be paid once".to_owned()),
        (Billing::Recurring(_), None) => {
            wrong.push("it is paid once, and is to recur".to_owned());
        }
        (Billing::Recurring(interval), Some(recurring)) => {
            let count = recurring.interval_count.unwrap_or(1);
            if recurring.interval != unit(interval) || count != u64::from(interval.count()) {
                let every = &recurring.interval;
                wrong.push(format!(
                    "it recurs every {count} {every}, not every {interval}"
                ));
            }
            if recurring.usage_type.as_deref() == Some("metered") {
                wrong.push("it is metered".to_owned());
            }
        }
    }
    if price.livemode.is_some_and(|live| live != mode.is_live()) {
        let word = mode.word();
        wrong.push(format!("it is of the other mode; the key is of {word}"));
    }
    if !wrong.is_empty() {
        let wrong = wrong.join("; ");
        return bad(format!(
            "{named}: {wrong}. Correct the plan file, or make another price at Stripe and name it"
        ));
    }
    if price.active == Some(false) && listed.retired.is_none() {
        return bad(format!(
            "{named}: it is archived, and cannot be sold; unarchive it, or retire it in the plan file"
        ));
    }
    finding(FindingLevel::Good, format!("{named}: as the catalog says"))
}

fn bad(text: String) -> Finding {
    finding(FindingLevel::Bad, text)
}

const fn finding(level: FindingLevel, text: String) -> Finding {
    Finding { level, text }
}
