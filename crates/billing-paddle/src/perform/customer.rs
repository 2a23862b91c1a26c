//! Finding or making a customer. Paddle has one per e-mail address, and says which
//! when asked for a second one.

use billing_domain::effect::OpenCheckout;
use serde_json::json;

use crate::api_error::{ApiError, CallError};
use crate::correlation::{CUSTOMER, HOST_REF, OPERATOR};
use crate::provider::Paddle;
use crate::wire::Customer;

/// How Paddle's ids of customers begin.
const CUSTOMER_PREFIX: &str = "ctm_";

/// The state of a customer who can buy nothing.
const ARCHIVED: &str = "archived";

impl Paddle {
    /// The customer of a checkout. `None`: a guest, whom Paddle asks.
    pub(super) async fn customer_for(
        &self,
        order: &OpenCheckout,
    ) -> Result<Option<String>, CallError> {
        if let Some(known) = &order.customer_ref {
            return Ok(Some(known.clone()));
        }
        self.customer_anew(order).await
    }

    /// Who buys in place of a known customer who can buy nothing: the same, taken
    /// back out of the archive, or another where that one is gone (`Some(None)`: a
    /// guest). `None`: nothing is wrong with the known one.
    pub(super) async fn customer_instead(
        &self,
        order: &OpenCheckout,
        known: &str,
    ) -> Result<Option<Option<String>>, CallError> {
        let held: Option<Customer> = self.client.find(&["customers", known], &[]).await?;
        match held {
            None => self.customer_anew(order).await.map(Some),
            Some(held) if held.status == ARCHIVED => {
                self.revive(&held.id).await.map(Some).map(Some)
            }
            Some(_) => Ok(None),
        }
    }

    async fn customer_anew(&self, order: &OpenCheckout) -> Result<Option<String>, CallError> {
        let Some(email) = &order.email else {
            return Ok(None);
        };
        let body = json!({
            "email": email,
            "custom_data": {
                CUSTOMER: order.customer,
                HOST_REF: order.external_ref,
                OPERATOR: self.teller.operator,
            },
        });
        let made: Result<Customer, CallError> = self.client.post(&["customers"], &body).await;
        match made {
            Ok(made) => Ok(Some(made.id)),
            Err(CallError::Refused(error)) if error.code == "customer_already_exists" => {
                self.adopt(&error, email).await.map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// The customer who has the address already.
    async fn adopt(&self, conflict: &ApiError, email: &str) -> Result<String, CallError> {
        let found = match named(&conflict.detail) {
            Some(id) => self.client.find(&["customers", &id], &[]).await?,
            None => self.by_email(email).await?,
        };
        let Some(found): Option<Customer> = found else {
            return Err(CallError::Refused(conflict.clone()));
        };
        if found.status == ARCHIVED {
            return self.revive(&found.id).await;
        }
        Ok(found.id)
    }

    async fn revive(&self, id: &str) -> Result<String, CallError> {
        let body = json!({ "status": "active" });
        let revived: Customer = self.client.patch(&["customers", id], &body).await?;
        Ok(revived.id)
    }

    async fn by_email(&self, email: &str) -> Result<Option<Customer>, CallError> {
        let query = [("email", email), ("status", "active,archived")];
        let found: Vec<Customer> = self.client.get(&["customers"], &query).await?;
        Ok(found.into_iter().next())
    }
}

/// The id that a text names.
fn named(detail: &str) -> Option<String> {
    detail
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| word.starts_with(CUSTOMER_PREFIX) && word.len() > CUSTOMER_PREFIX.len())
        .map(str::to_owned)
}
