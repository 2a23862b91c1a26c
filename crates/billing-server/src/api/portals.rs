//! The provider's own pages: where a customer manages what was bought there, or
//! gives another payment method.

use billing_domain::ids::SubscriptionId;
use billing_engine::PortalError;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, ReadBody};
use crate::api::checkouts::MAX_URL;
use crate::api::sessions::allowed;
use crate::api::{Created, Group};
use crate::auth::BillingSession;
use crate::problem::Problem;
use crate::state::AppState;

/// Where the customer returns.
#[derive(Debug, Object)]
#[oai(rename = "NewPortal")]
pub(crate) struct PortalBody {
    /// Where the customer returns, if the provider can do that; its origin must be
    /// allowed by the catalog. Absent: this server's public address.
    return_url: Option<String>,
}

impl ReadBody for PortalBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields) -> Self {
        Self {
            return_url: fields.text("return_url", MAX_URL),
        }
    }
}

impl PortalBody {
    async fn return_url(self, state: &AppState) -> Result<String, Problem> {
        match self.return_url {
            Some(url) => Ok(allowed(state, &url).await?.into()),
            None => Ok(state.options.public_url.clone()),
        }
    }
}

/// A page of the provider's.
#[derive(Debug, Object)]
#[oai(rename = "Portal")]
pub(crate) struct PortalView {
    /// Its address. It lets whoever holds it in, works for minutes, and is told
    /// here and nowhere else.
    url: String,
}

pub(crate) struct PortalsApi;

#[OpenApi(tag = "Group::Account")]
impl PortalsApi {
    /// Makes a page of the provider's where everything bought there is managed.
    /// 404 `customer_not_found` while nothing was bought with such a provider.
    #[oai(
        path = "/v1/me/portal",
        method = "post",
        operation_id = "create_portal"
    )]
    async fn portal(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        body: Body<PortalBody>,
    ) -> Result<Created<PortalView>, Problem> {
        let return_url = body.0.return_url(&state).await?;
        let url = state.billing.portal(&by.customer(), &return_url).await?;
        Ok(Created::with_secret(PortalView { url }))
    }

    /// Makes a page of the provider's where another payment method is given for a
    /// subscription.
    #[oai(
        path = "/v1/me/subscriptions/:id/payment-method",
        method = "post",
        operation_id = "change_payment_method"
    )]
    async fn payment_method(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        body: Body<PortalBody>,
    ) -> Result<Created<PortalView>, Problem> {
        let return_url = body.0.return_url(&state).await?;
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let of = by.customer();
        let url = state.billing.payment_method(&of, id, &return_url).await?;
        Ok(Created::with_secret(PortalView { url }))
    }
}

impl From<PortalError> for Problem {
    fn from(error: PortalError) -> Self {
        match error {
            PortalError::NoCustomer => Self::customer_not_found(),
            PortalError::NoSubscription => Self::not_found(),
            PortalError::Refused(_) | PortalError::Provider => Self::new(
                StatusCode::BAD_GATEWAY,
                "provider_error",
                "the payment provider did not make a page; try again",
            ),
            PortalError::Engine(error) => error.into(),
        }
    }
}
