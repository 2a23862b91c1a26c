//! What an application is given at its address once a customer has opened a link:
//! the session, or the signed license itself.
//!
//! The link leads to a page of ours, where the customer opens it by a button. Where
//! the browser goes from there is checked again then, so that an address that was
//! changed on the way leads nowhere.

use billing_domain::ids::CustomerId;
use billing_engine::{Exchange, Exchanged, LicenseStanding, Unpaid};
use url::Url;

use super::allowed;
use super::mailed::{MAX_RETURN, our_page, too_long};
use crate::api::licenses::token_of;
use crate::links::Opened;
use crate::problem::Problem;
use crate::state::AppState;

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// `?session=`: the application fetches by itself.
    Session,
    /// `?token=`: the signed license.
    Token,
}

impl Delivery {
    pub(crate) const ALL: [Self; 2] = [Self::Session, Self::Token];

    /// The stable word, and the parameter of that name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
        }
    }

    /// The delivery of this name. `None`: there is none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }

    /// Makes what is delivered to `customer`, all but the session that is still to be opened.
    pub(crate) async fn prepared(
        self,
        state: &AppState,
        customer: CustomerId,
    ) -> Result<Prepared, Problem> {
        Ok(match self {
            Self::Session => Prepared::Session,
            Self::Token => match license(state, customer).await? {
                Ok(token) => Prepared::Token(token),
                Err(reason) => Prepared::Reason(reason),
            },
        })
    }
}

/// What is delivered once its link is opened.
pub(crate) enum Prepared {
    /// The session that the link opens.
    Session,
    /// The signed license.
    Token(String),
    /// Why there is no license to give.
    Reason(&'static str),
}

impl Prepared {
    /// `to` with what is delivered of a session that was opened; where there is no
    /// license to give, with `license=` and the reason.
    pub(crate) fn at(&self, mut to: Url, opened: &Opened) -> Url {
        let (name, value) = match self {
            Self::Session => ("session", opened.token.as_str()),
            Self::Token(token) => ("token", token.as_str()),
            Self::Reason(reason) => ("license", *reason),
        };
        to.query_pairs_mut().append_pair(name, value);
        to
    }
}

/// The signed license of a customer, or why there is none.
async fn license(
    state: &AppState,
    customer: CustomerId,
) -> Result<Result<String, &'static str>, Problem> {
    let exchange = Exchange::Customer {
        customer,
        checkout: None,
    };
    Ok(match state.billing.exchange(&exchange).await? {
        Exchanged::License(held) => match &held.standing {
            LicenseStanding::Good(claims) => Ok(token_of(state, claims)?),
            LicenseStanding::Suspended | LicenseStanding::Ended(_) | LicenseStanding::Revoked => {
                Err(held.standing.as_str())
            }
        },
        Exchanged::Pending => Err("pending"),
        Exchanged::Unpaid(Unpaid::Expired) => Err("checkout_expired"),
        Exchanged::Unpaid(Unpaid::Canceled) => Err("checkout_canceled"),
        Exchanged::Nothing | Exchanged::Unknown => Err("none"),
    })
}

/// Where a link leads whose customer returns to `url`, if the catalog allows it.
pub(super) async fn leads_to(
    state: &AppState,
    url: &str,
    delivery: Option<Delivery>,
) -> Result<Url, Problem> {
    let to = allowed(state, url).await?;
    let Some(delivery) = delivery else {
        return Ok(to);
    };
    let mut page = our_page(state)?;
    page.query_pairs_mut()
        .append_pair("return_url", to.as_str())
        .append_pair("delivery", delivery.as_str());
    if page.as_str().len() > MAX_RETURN {
        return Err(too_long());
    }
    Ok(page)
}
