//! Paddle's own pages for a customer. Their addresses let whoever holds them in:
//! never stored, never logged. Paddle's pages return nowhere.

use std::fmt;

use billing_ports::provider::{PortalAsk, PortalPurpose};
use serde::Deserialize;
use serde_json::json;

use crate::api_error::{CallError, refused};
use crate::correlation::{self, CUSTOMER};
use crate::provider::Paddle;
use crate::wire::{Customer, Transaction};

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
        if !(ask.purpose == PortalPurpose::PaymentMethod && ask.subscription_ref.is_some()) {
            self.own(ask).await?;
        }
        let payer = self.payer(ask).await?;
        let subscriptions: Vec<&str> = ask.subscription_ref.iter().map(String::as_str).collect();
        let body = json!({ "subscription_ids": subscriptions });
        let path = ["customers", payer.as_str(), "portal-sessions"];
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

    /// Whose page it is. Of one subscription it is its own customer's, who need not be
    /// the one that ours usually is: a subscription may have been linked by hand.
    async fn payer(&self, ask: &PortalAsk) -> Result<String, CallError> {
        let known = ask.customer_ref.clone();
        let Some(of) = &ask.subscription_ref else {
            return Ok(known);
        };
        let held = self.existing(of).await?;
        Ok(held.customer_id.unwrap_or(known))
    }

    /// Refused unless Paddle's customer is this one's alone. One that was found by
    /// its e-mail address, which nobody has proved to be theirs, may be somebody
    /// else, and the overview would show what that one bought.
    async fn own(&self, ask: &PortalAsk) -> Result<(), CallError> {
        let path = ["customers", ask.customer_ref.as_str()];
        let held: Customer = self.client.get(&path, &[]).await?;
        let custom = held.custom_data.as_ref();
        let named = correlation::text(custom, CUSTOMER);
        let ours = named == Some(ask.customer.to_string().as_str());
        if ours && !correlation::is_foreign(custom, &self.teller.operator) {
            return Ok(());
        }
        Err(refused(
            "customer_shared",
            "the customer at Paddle was not made for this one, and may be another's",
        ))
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
