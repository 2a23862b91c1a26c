//! Buying: opens a checkout, and tells how it stands. Nothing is decided by a
//! buyer's return; only the provider's word changes anything.

mod addresses;

pub(crate) use addresses::{Addresses, MAX_URL};

use billing_domain::catalog::{PlanKey, PriceKey, ProviderKey};
use billing_domain::checkout::{Checkout, CheckoutState};
use billing_domain::discount::CodeRefusal;
use billing_domain::ids::{CheckoutId, NegotiatedId};
use billing_domain::time::{Interval, Unit};
use billing_engine::{CheckoutError, CheckoutRequest, CustomerRef, What};
use billing_ports::store::Scope;
use poem::Request;
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::customer_ref;
use crate::api::{Answer, Created, Group};
use crate::auth::{Anybody, Caller, allowed};
use crate::problem::Problem;
use crate::state::AppState;

/// What is to be bought. Either `plan` or `price`, or `terms`.
#[derive(Debug, Object)]
#[oai(rename = "NewCheckout")]
pub(crate) struct CheckoutBody {
    /// The plan, as in `personal`.
    plan: Option<String>,
    /// The price, as in `personal-monthly`.
    price: Option<String>,
    /// With `plan`: which of its prices, as in `month`, `year` or `3 months`.
    /// Absent: the first on sale.
    interval: Option<String>,
    /// Pieces. Absent: the plan's least.
    quantity: Option<u32>,
    /// Who buys, by id or by the host's reference. For operator keys only.
    customer: Option<String>,
    /// A guest's address, to prefill.
    email: Option<String>,
    /// A discount code, as typed.
    code: Option<String>,
    /// Terms negotiated with the customer, as in `trm_…`, which say the plan, the
    /// price and the provider. For operator keys only.
    terms: Option<String>,
    /// Where to pay, as in `stripe`. Absent: the preferred one that sells it.
    provider: Option<String>,
    /// Where the buyer returns after paying; `{checkout}` stands for the
    /// checkout's id. Its origin must be allowed by the catalog.
    success_url: Option<String>,
    /// Where the buyer returns without paying; likewise.
    cancel_url: Option<String>,
}

impl ReadBody for CheckoutBody {
    fn read(fields: &mut Fields) -> Self {
        let body = Self {
            plan: fields.text("plan", MAX_TEXT),
            price: fields.text("price", MAX_TEXT),
            interval: fields.text("interval", MAX_TEXT),
            quantity: fields.count("quantity"),
            customer: fields.text("customer", MAX_TEXT),
            email: fields.email("email"),
            code: fields.text("code", MAX_TEXT),
            terms: fields.text("terms", MAX_TEXT),
            provider: fields.text("provider", MAX_TEXT),
            success_url: fields.text("success_url", MAX_URL),
            cancel_url: fields.text("cancel_url", MAX_URL),
        };
        if body.terms.is_some() {
            body.nothing_beside_terms(fields);
            return body;
        }
        match (&body.plan, &body.price) {
            (None, None) => fields.wrong("plan", "either plan or price is required"),
            (Some(_), Some(_)) => fields.wrong("price", "state plan or price, not both"),
            (None, Some(_)) if body.interval.is_some() => {
                fields.wrong("interval", "a price has its own interval");
            }
            _ => {}
        }
        body
    }
}

impl CheckoutBody {
    /// Negotiated terms say what is bought, and who buys.
    fn nothing_beside_terms(&self, fields: &mut Fields) {
        let stated = [
            ("plan", &self.plan),
            ("price", &self.price),
            ("interval", &self.interval),
            ("provider", &self.provider),
            ("email", &self.email),
        ];
        for (field, _) in stated.iter().filter(|(_, stated)| stated.is_some()) {
            fields.wrong(field, "is said by the terms");
        }
        if self.customer.is_none() {
            fields.wrong("customer", "is required with terms");
        }
    }
}

/// A checkout that was opened.
#[derive(Debug, Object)]
#[oai(rename = "OpenedCheckout")]
pub(crate) struct OpenedView {
    /// Its id, which may be shown.
    id: String,
    /// The secret that exchanges it for what was bought. Told here and nowhere else.
    checkout_secret: String,
    /// Where to pay. Absent: nothing is owed, or there is no page and the money follows.
    url: Option<String>,
    /// `open`, `pending` where the money follows, or `completed` where nothing is owed.
    status: String,
    /// When it can no longer be paid. Absent: it is complete, or waits however long it takes.
    expires_at: Option<String>,
}

/// How a checkout stands.
#[derive(Debug, Object)]
#[oai(rename = "Checkout")]
pub(crate) struct CheckoutView {
    /// Its id.
    id: String,
    /// `open`, `pending`, `completed`, `expired` or `canceled`.
    status: String,
    /// The plan that is bought.
    plan: String,
    /// The price that is bought. Absent for a plan without prices.
    price: Option<String>,
    /// Where to pay, while it is open.
    url: Option<String>,
    /// When it can no longer be paid.
    expires_at: String,
}

pub(crate) struct CheckoutsApi;

#[OpenApi(tag = "Group::Shop")]
impl CheckoutsApi {
    /// Opens a checkout: for a guest, for the session's customer, or for the
    /// customer that an operator's key names.
    #[oai(
        path = "/v1/checkouts",
        method = "post",
        operation_id = "create_checkout"
    )]
    async fn create(
        &self,
        request: &Request,
        state: Data<&AppState>,
        by: Anybody,
        body: Body<CheckoutBody>,
    ) -> Result<Created<OpenedView>, Problem> {
        let body = body.0;
        if body.terms.is_some() && !matches!(by.0, Caller::Key(_)) {
            return Err(operator_needed(&by.0, "an operator key to name terms"));
        }
        let customer = buyer(by.0, body.customer.as_deref())?;
        let revision = state.billing.catalog().await?;
        let origin = request.headers().get(header::ORIGIN);
        let origin = origin.and_then(|origin| origin.to_str().ok());
        let rules = revision.catalog.checkout();
        let addresses = Addresses::new(&state.options.public_url, rules, origin);
        let named = match (&body.terms, &body.price) {
            (Some(_), _) => "terms",
            (None, Some(_)) => "price",
            (None, None) => "plan",
        };
        let provider_named = body.provider.is_some();
        let ask = CheckoutRequest {
            customer,
            what: what(&body)?,
            negotiated: body.terms.as_deref().map(terms).transpose()?,
            code: body.code,
            quantity: body.quantity,
            provider: body.provider.as_deref().map(provider).transpose()?,
            success_url: addresses.success(body.success_url)?,
            cancel_url: addresses.cancel(body.cancel_url)?,
            email: body.email,
        };
        let opened = match state.billing.checkout(ask).await {
            Ok(opened) => opened,
            Err(error) => return Err(refused(error, named, provider_named)),
        };
        let status = match &opened.url {
            Some(_) => "open",
            None if opened.completed => "completed",
            None => "pending",
        };
        Ok(Created::new(OpenedView {
            id: opened.id.to_string(),
            checkout_secret: opened.secret,
            url: opened.url,
            status: status.to_owned(),
            expires_at: opened.expires_at.map(|at| at.to_string()),
        }))
    }

    /// How a checkout stands, for whoever holds its id.
    #[oai(
        path = "/v1/checkouts/:id",
        method = "get",
        operation_id = "get_checkout"
    )]
    async fn get(&self, state: Data<&AppState>, id: Path<String>) -> Answer<CheckoutView> {
        let id: CheckoutId = id.0.parse().map_err(|_invalid| Problem::not_found())?;
        let found = state.billing.get_checkout(id).await?;
        Ok(Json(view(found.ok_or_else(Problem::not_found)?)))
    }
}

fn view(checkout: Checkout) -> CheckoutView {
    let (status, url) = match checkout.state {
        CheckoutState::Opening => ("open", None),
        CheckoutState::Open { url, .. } => ("open", Some(url)),
        CheckoutState::Pending { .. } => ("pending", None),
        CheckoutState::Completed { .. } => ("completed", None),
        CheckoutState::Expired { .. } => ("expired", None),
        CheckoutState::Canceled { .. } => ("canceled", None),
    };
    CheckoutView {
        id: checkout.id.to_string(),
        status: status.to_owned(),
        plan: checkout.terms.plan.to_string(),
        price: checkout.terms.price.map(|price| price.to_string()),
        url,
        expires_at: checkout.expires_at.to_string(),
    }
}

/// Who buys. Only an operator's key may say so.
fn buyer(by: Caller, named: Option<&str>) -> Result<Option<CustomerRef>, Problem> {
    match (by, named) {
        (Caller::Key(key), named) => {
            allowed(key, Scope::Write)?;
            named.map(customer_ref).transpose()
        }
        (Caller::Session(customer), None) => Ok(Some(customer.into())),
        (Caller::Public, None) => Ok(None),
        (by @ (Caller::Session(_) | Caller::Public), Some(_)) => {
            Err(operator_needed(&by, "an operator key to name a customer"))
        }
    }
}

/// The refusal of a buyer who asks for what only operators may.
fn operator_needed(by: &Caller, needed: &str) -> Problem {
    match by {
        Caller::Public => Problem::unauthorized(),
        Caller::Session(_) | Caller::Key(_) => Problem::insufficient_scope(needed),
    }
}

fn terms(text: &str) -> Result<NegotiatedId, Problem> {
    text.parse().map_err(|_invalid| no_such_terms())
}

fn no_such_terms() -> Problem {
    Problem::field("terms", "the customer has no such terms that are open")
}

fn what(body: &CheckoutBody) -> Result<What, Problem> {
    if body.terms.is_some() {
        // The terms say it; no price of the catalog is looked at.
        let key = PriceKey::new("negotiated");
        return key
            .map(What::Price)
            .map_err(|_unspeakable| Problem::internal());
    }
    if let Some(price) = &body.price {
        let key = PriceKey::new(price.clone());
        return key
            .map(What::Price)
            .map_err(|_invalid| Problem::field("price", NOT_SOLD));
    }
    let interval =
        match &body.interval {
            None => None,
            Some(text) => Some(interval(text).ok_or_else(|| {
                Problem::field("interval", "must be as in month, year or 3 months")
            })?),
        };
    let key = PlanKey::new(body.plan.clone().unwrap_or_default());
    key.map(|plan| What::Plan(plan, interval))
        .map_err(|_invalid| Problem::field("plan", NOT_SOLD))
}

const NOT_SOLD: &str = "is not on sale";

fn provider(text: &str) -> Result<ProviderKey, Problem> {
    text.parse()
        .map_err(|_invalid| Problem::field("provider", "does not sell this"))
}

/// `month`, `3 months`: what an interval is shown as.
pub(crate) fn interval(text: &str) -> Option<Interval> {
    let (count, unit) = match text.split_once(' ') {
        Some((count, units)) => (count.parse().ok()?, units.strip_suffix('s')?),
        None => (1, text),
    };
    let unit = match unit {
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "year" => Unit::Year,
        _ => return None,
    };
    Interval::new(unit, count).ok()
}

fn refused(error: CheckoutError, named: &str, provider_named: bool) -> Problem {
    match error {
        CheckoutError::NoSuchCustomer => Problem::customer_not_found(),
        CheckoutError::NotSold => Problem::field(named, NOT_SOLD),
        CheckoutError::Quantity => Problem::field("quantity", "is not sold in this quantity"),
        CheckoutError::Amount => Problem::field("quantity", "makes the amount too large"),
        CheckoutError::NoProvider if provider_named => {
            Problem::field("provider", "does not sell this")
        }
        CheckoutError::NoProvider => Problem::unprocessable("no provider sells this here"),
        CheckoutError::AlreadyGranted => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "already_granted",
            "the customer holds this plan already",
        ),
        CheckoutError::Provider => Problem::new(
            StatusCode::BAD_GATEWAY,
            "provider_error",
            "the payment provider did not open a page; try again",
        ),
        CheckoutError::Code(refusal) => code_refused(refusal),
        CheckoutError::NoSuchTerms => no_such_terms(),
        CheckoutError::Engine(error) => error.into(),
    }
}

fn code_refused(refusal: CodeRefusal) -> Problem {
    let code = match refusal {
        CodeRefusal::Unknown => "code_unknown",
        CodeRefusal::NotForThis => "code_not_for_this",
        CodeRefusal::UsedUp => "code_used_up",
        CodeRefusal::Provider => "code_not_taken",
    };
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, code, refusal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_they_are_shown() {
        for (unit, count) in [
            (Unit::Month, 1),
            (Unit::Month, 3),
            (Unit::Year, 1),
            (Unit::Day, 30),
        ] {
            let shown = Interval::new(unit, count).unwrap();
            assert_eq!(interval(&shown.to_string()), Some(shown));
        }
        for wrong in [
            "",
            "months",
            "0 months",
            "-1 months",
            "3 month",
            "1.5 months",
            "65536 days",
        ] {
            assert_eq!(interval(wrong), None, "{wrong}");
        }
    }
}
