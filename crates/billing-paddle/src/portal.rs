//! Paddle's own pages for a customer. Their addresses let whoever holds them in:
//! never stored, never logged. Paddle's pages return nowhere.

use std::fmt;

use billing_ports::provider::{PortalAsk, PortalPurpose};
use serde::Deserialize;
use serde_json::json;

use crate::api_error::{CallError, refused};
use crate::provider::Paddle;
use crate::wire::Transaction;

#[derive(Deserialize)]
struct Session {
    urls: Urls,
}

#[derive(Deserialize)]
struct Urls {
    general: General,
    #[serde(default)]
    subscriptions: Option<Vec<OfSubscription>>,
}

#[derive(Deserialize)]
struct General {
    overview: String,
}

#[derive(Deserialize)]
struct OfSubscription {
    #[serde(default)]
    id: String,
    #[serde(default)]
    update_subscription_payment_method: Option<String>,
}

impl fmt::Debug for Session {
    /// Leaves the addresses out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Paddle {
    /// The address of the page that is asked for.
    pub(crate) async fn portal_page(&self, ask: &PortalAsk) -> Result<String, CallError> {
        let subscriptions: Vec<&str> = ask.subscription_ref.iter().map(String::as_str).collect();
        let body = json!({ "subscription_ids": subscriptions });
        let path = ["customers", ask.customer_ref.as_str(), "portal-sessions"];
        let session: Session = self.client.post(&path, &body).await?;
        match (ask.purpose, &ask.subscription_ref) {
            (PortalPurpose::PaymentMethod, Some(id)) => self.method_page(&session, id).await,
            // Without a subscription there is no method to give another of: the
            // overview leads to each.
            (PortalPurpose::Overview | PortalPurpose::PaymentMethod, _) => {
                Ok(session.urls.general.overview)
            }
        }
    }

    async fn method_page(&self, session: &Session, id: &str) -> Result<String, CallError> {
        let linked = session
            .urls
            .subscriptions
            .iter()
            .flatten()
            .find(|link| link.id == id)
            .and_then(|link| link.update_subscription_payment_method.clone());
        if let Some(url) = linked {
            return Ok(url);
        }
        let path = ["subscriptions", id, "update-payment-method-transaction"];
        let transaction: Transaction = self.client.get(&path, &[]).await?;
        let url = transaction.checkout.and_then(|page| page.url);
        url.ok_or_else(|| {
            refused(
                "checkout_url_missing",
                "Paddle gave no page: the account has no default payment link",
            )
        })
    }
}
