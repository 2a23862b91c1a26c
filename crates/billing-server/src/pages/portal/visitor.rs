//! Who looks at the portal, and whether a form is that visitor's own.
//!
//! A session is looked up in the store each time, so that one that was ended is over at once,
//! wherever it was ended. A form carries a token that only the session's own pages can have:
//! made of the session's secret, which no script and no other site can read, by a function
//! that tells nothing of it.

use std::str::FromStr;
use std::sync::Arc;

use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::customer::Account;
use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_engine::{Billing, CustomerRef};
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::{Body, Request};
use ring::hmac;

use crate::auth::{SESSION_PREFIX, hash};
use crate::http::client_address;
use crate::pages::origin::is_ours;
use crate::pages::{Pages, cookie};
use crate::problem::Problem;

/// The code of a form that is not the visitor's own.
pub(super) const FORGED: &str = "forged_form";

/// The field of the session's token in a form.
const FIELD: &str = "form_token";

/// What the token of a form is made of beside the session's secret.
const MEANT_FOR: &[u8] = b"billing portal form 1";

/// Bytes of a form: some keys and the token, with room for what browsers add.
const MAX_FORM: usize = 4_096;

/// A customer with a session.
pub(super) struct Visitor<'a> {
    pub(super) pages: &'a Pages,
    pub(super) customer: CustomerId,
    /// The session's secret.
    token: String,
}

/// What a customer has, with the guests that are attached to it, as it stands now.
pub(super) struct Held {
    /// The customer's own account first.
    pub(super) accounts: Vec<Account>,
    pub(super) revision: Arc<CatalogRevision>,
    pub(super) now: Timestamp,
}

impl Held {
    pub(super) fn catalog(&self) -> &Catalog {
        &self.revision.catalog
    }

    /// Whether `customer` is this one, or a guest that is attached to it.
    pub(super) fn is_of(&self, customer: CustomerId) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|account| account.customer.id == customer)
    }
}

impl<'a> Visitor<'a> {
    /// Who sends a request.
    ///
    /// # Errors
    ///
    /// 401 without a session that is good; 404 where billing is switched off; 503.
    pub(super) async fn of(pages: &'a Pages, request: &Request) -> Result<Self, Problem> {
        let billing = &pages.state.billing;
        let store = billing.store().ok_or_else(Problem::billing_disabled)?;
        let clock = billing.clock().ok_or_else(Problem::billing_disabled)?;
        let token = cookie::sent(request, &pages.public_url)
            .filter(|token| token.starts_with(SESSION_PREFIX))
            .ok_or_else(Problem::unauthorized)?;
        let found = store.find_session(hash(token), clock.now()).await?;
        let session = found.ok_or_else(Problem::unauthorized)?;
        Ok(Self {
            pages,
            customer: session.customer,
            token: token.to_owned(),
        })
    }

    pub(super) fn billing(&self) -> &'a Billing {
        &self.pages.state.billing
    }

    /// The customer, as the engine is asked about it.
    pub(super) fn reference(&self) -> CustomerRef {
        self.customer.into()
    }

    /// Who acts, for the journal.
    pub(super) fn actor(&self) -> String {
        self.customer.to_string()
    }

    /// What the customer has.
    ///
    /// # Errors
    ///
    /// 401 where the session is of a customer that is not there; 503.
    pub(super) async fn held(&self) -> Result<Held, Problem> {
        let billing = self.billing();
        let of = self.reference();
        let account = billing.account(&of).await?;
        let mut accounts = vec![account.ok_or_else(Problem::unauthorized)?];
        accounts.extend(billing.attached_to(&of).await?);
        let clock = billing.clock().ok_or_else(Problem::billing_disabled)?;
        Ok(Held {
            accounts,
            revision: billing.catalog().await?,
            now: clock.now(),
        })
    }

    /// Ends the session, here and in the store.
    ///
    /// # Errors
    ///
    /// 503, and it goes on.
    pub(super) async fn leave(self) -> Result<(), Problem> {
        let store = self.billing().store();
        let store = store.ok_or_else(Problem::billing_disabled)?;
        let hash = hash(&self.token);
        store.end_session(hash).await?;
        self.pages.state.sessions.forget(&hash);
        tracing::info!(customer = %self.customer, "signed out");
        Ok(())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.token.as_bytes())
    }

    /// The hidden field without which no form of this visitor's is taken.
    pub(super) fn proof(&self) -> Markup {
        let token = hex::encode(hmac::sign(&self.key(), MEANT_FOR));
        html! { input type="hidden" name=(FIELD) value=(token); }
    }

    /// Reads a form of this visitor's own.
    ///
    /// # Errors
    ///
    /// 403 [`FORGED`] for one that is not, 429 where there are too many, 400 for one that
    /// cannot be read; nothing was done.
    pub(super) async fn form(&self, request: &Request, body: Body) -> Result<Form, Problem> {
        let form = read(self.pages, request, body).await?;
        let given = form.field(FIELD).and_then(|text| hex::decode(text).ok());
        let given = given.ok_or_else(forged)?;
        // Compared in the same time wherever it differs.
        hmac::verify(&self.key(), MEANT_FOR, &given).map_err(|_differs| forged())?;
        Ok(form)
    }
}

/// What was sent with a form.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The first field of this name. `None`: there is none, or it is empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(found, _)| found == name);
        let value = found.map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }
}

/// Reads a form of one of our pages, whoever sends it.
///
/// # Errors
///
/// As [`Visitor::form`].
pub(super) async fn read(pages: &Pages, request: &Request, body: Body) -> Result<Form, Problem> {
    if !is_ours(request, &pages.public_url) {
        return Err(forged());
    }
    let address = client_address(&pages.state, request);
    pages.state.limiters.post(address)?;
    let time = pages.state.options.body_timeout;
    let read = tokio::time::timeout(time, body.into_bytes_limit(MAX_FORM)).await;
    let Ok(Ok(form)) = read else {
        return Err(Problem::field("body", "could not be read"));
    };
    let fields = url::form_urlencoded::parse(&form).into_owned();
    Ok(Form(fields.collect()))
}

fn forged() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        FORGED,
        "this was not sent from a page of yours",
    )
}

/// The id in a page's address.
///
/// # Errors
///
/// 404 for what is no id of this kind.
pub(super) fn named<T: FromStr>(request: &Request) -> Result<T, Problem> {
    let id = request.raw_path_param("id").unwrap_or_default();
    id.parse().map_err(|_no_id| Problem::not_found())
}
