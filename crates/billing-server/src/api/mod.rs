//! The HTTP API, one file per group of endpoints.
//!
//! Routes translate: a request into a command, what comes back into a view.
//! They decide nothing and name no provider.

mod audit;
mod body;
mod catalog;
mod changes;
mod checkouts;
mod codes;
mod customers;
mod deliveries;
mod described;
mod documents;
mod endpoints;
mod events;
pub(crate) mod forecasts;
mod gates;
mod grants;
mod happened;
mod invoices;
mod keys;
mod licenses;
mod me;
mod members;
pub(crate) mod migrations;
mod ops;
mod page;
mod parked;
mod pauses;
mod payments;
mod plans;
mod portals;
mod quotes;
mod refunds;
mod reports;
mod sessions;
mod subscriptions;
mod terms;
pub(crate) mod usage;
pub(crate) mod views;
mod webhooks;

pub(crate) use body::{MAX_TEXT, is_address};
pub(crate) use customers::named;
pub(crate) use customers::{is_github_name, is_language};
pub(crate) use deliveries::retry as retry_delivery;
pub(crate) use documents::{Form as DocumentForm, document};
pub(crate) use parked::REASONS as PARK_REASONS;
pub(crate) use quotes::change_ask;
pub(crate) use reports::totals as recurring_totals;
pub(crate) use sessions::{Delivery, allowed, mail_link};

use std::sync::LazyLock;

use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Response, Route, get};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, OpenApiService, Tags};

use self::described::Described;
use crate::http;
use crate::problem::Problem;
use crate::state::AppState;

/// What a route answers: a view, or a refusal.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;

/// Groups of endpoints, for the document.
#[derive(Tags)]
pub(crate) enum Group {
    /// What is sold, and buying it.
    Shop,
    /// Billing sessions, and what a customer sees of its own.
    Account,
    /// Licenses: handed out, refreshed, upgraded by their key.
    Licenses,
    /// What providers deliver.
    Webhooks,
    /// Customers, what they hold, and the gate.
    Customers,
    /// Subscriptions and invoices over everybody.
    Books,
    /// The catalog, keys, and what waits for a person.
    Operation,
}

/// The whole HTTP API, and nothing else: pages are nested by the host.
///
/// Nests under any prefix of a host's own application.
#[must_use]
pub fn api_routes(state: AppState) -> BoxEndpoint<'static, Response> {
    http::guarded(routes(), http::Allowed::by(&DOCUMENT), state)
}

/// The OpenAPI document of [`api_routes`], as JSON.
#[must_use]
pub fn openapi_document() -> &'static str {
    &DOCUMENT
}

/// Written when it is first read: it is long, and no route needs it to answer.
static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| events::with_events(&described::closed(&service().spec())));

/// The document as a page, likewise.
static DOCS: LazyLock<String> = LazyLock::new(|| service().scalar_html());

fn routes() -> impl Endpoint<Output = Response> + 'static {
    Route::new()
        .at("/.well-known/jwks.json", get(licenses::jwks))
        .at("/healthz", get(ops::healthz))
        .at("/readyz", get(ops::readyz))
        .at("/metrics", get(ops::metrics))
        .at("/openapi.json", get(ops::document(&DOCUMENT)))
        .at("/docs", get(ops::docs(&DOCS)))
        .nest_no_strip("/v1", service())
        .map_to_response()
}

type Apis = (
    plans::PlansApi,
    checkouts::CheckoutsApi,
    sessions::SessionsApi,
    me::MeApi,
    webhooks::WebhooksApi,
    customers::CustomersApi,
    gates::GatesApi,
    grants::GrantsApi,
    subscriptions::SubscriptionsApi,
    invoices::InvoicesApi,
    keys::KeysApi,
    parked::ParkedApi,
    catalog::CatalogApi,
    Changing,
);

/// Changing what is held, and what it costs: a tuple has an end.
type Changing = (
    quotes::QuotesApi,
    changes::ChangesApi,
    pauses::MyPausesApi,
    pauses::PausesApi,
    codes::CodesApi,
    terms::TermsApi,
    payments::PaymentsApi,
    forecasts::ForecastsApi,
    portals::PortalsApi,
    members::MembersApi,
    migrations::MigrationsApi,
    usage::UsageApi,
    Licensed,
);

/// Licenses, what is done by their keys, and what goes back.
type Licensed = (
    licenses::LicensesApi,
    licenses::UpgradesApi,
    licenses::CancelByKeyApi,
    refunds::RefundsApi,
    licenses::LicenseActsApi,
    licenses::ValidateApi,
    licenses::MachinesApi,
    licenses::RecoverApi,
    EventsOut,
    Overviews,
);

/// What operators see over everybody.
type Overviews = (
    happened::EventsApi,
    audit::AuditApi,
    reports::ReportsApi,
    documents::DocumentsApi,
);

/// Who is told what happens.
type EventsOut = (endpoints::EndpointsApi, deliveries::DeliveriesApi);

fn service() -> OpenApiService<Apis, Described> {
    let apis = (
        plans::PlansApi,
        checkouts::CheckoutsApi,
        sessions::SessionsApi,
        me::MeApi,
        webhooks::WebhooksApi,
        customers::CustomersApi,
        gates::GatesApi,
        grants::GrantsApi,
        subscriptions::SubscriptionsApi,
        invoices::InvoicesApi,
        keys::KeysApi,
        parked::ParkedApi,
        catalog::CatalogApi,
        (
            quotes::QuotesApi,
            changes::ChangesApi,
            pauses::MyPausesApi,
            pauses::PausesApi,
            codes::CodesApi,
            terms::TermsApi,
            payments::PaymentsApi,
            forecasts::ForecastsApi,
            portals::PortalsApi,
            members::MembersApi,
            migrations::MigrationsApi,
            usage::UsageApi,
            (
                licenses::LicensesApi,
                licenses::UpgradesApi,
                licenses::CancelByKeyApi,
                refunds::RefundsApi,
                licenses::LicenseActsApi,
                licenses::ValidateApi,
                licenses::MachinesApi,
                licenses::RecoverApi,
                (endpoints::EndpointsApi, deliveries::DeliveriesApi),
                (
                    happened::EventsApi,
                    audit::AuditApi,
                    reports::ReportsApi,
                    documents::DocumentsApi,
                ),
            ),
        ),
    );
    OpenApiService::new(apis, "Billing", env!("CARGO_PKG_VERSION"))
        .description(
            "Subscription billing. Money is in minor units, times are RFC 3339 in UTC, \
             ids show their kind. Every POST but webhooks takes an Idempotency-Key; a guest's has 16 characters or more. \
             Every write with an operator's key takes a Billing-Reason, which is kept with who asked for what.",
        )
        .webhooks()
}

/// Something new: 201.
pub(crate) struct Created<T> {
    view: T,
    holds_secret: bool,
}

impl<T> Created<T> {
    pub(crate) const fn new(view: T) -> Self {
        Self {
            view,
            holds_secret: false,
        }
    }

    /// Its view holds a secret that is not kept.
    pub(crate) const fn with_secret(view: T) -> Self {
        Self {
            view,
            holds_secret: true,
        }
    }
}

impl<T: ToJSON> poem::IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.view).into_response();
        response.set_status(poem::http::StatusCode::CREATED);
        if self.holds_secret {
            response.set_data(http::NotKept);
            keep_private(&mut response);
        }
        response
    }
}

/// Nobody on the way may store an answer that holds a secret.
pub(crate) fn keep_private(response: &mut Response) {
    response.headers_mut().insert(
        poem::http::header::CACHE_CONTROL,
        poem::http::HeaderValue::from_static("no-store"),
    );
}

impl<T: ToJSON> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let mut meta = Json::<T>::meta();
        for response in &mut meta.responses {
            response.status = Some(201);
            response.description = "Made.";
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// It is done, and there is nothing to tell: 204.
pub(crate) struct Done;

impl poem::IntoResponse for Done {
    fn into_response(self) -> Response {
        poem::http::StatusCode::NO_CONTENT.into()
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Done.",
                status: Some(204),
                status_range: None,
                content: Vec::new(),
                headers: Vec::new(),
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
