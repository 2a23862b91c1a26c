//! What is sold today.

use billing_domain::time::Timestamp;
use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::api::Group;
use crate::api::views::{PlanView, plan};
use crate::auth::hash;
use crate::problem::Problem;
use crate::state::AppState;

/// How long anybody may keep the list: a minute, after which one request with
/// the tag is all it costs.
const CACHE: &str = "public, max-age=60";

/// Bytes of the hash that make the tag; 16 never meet by accident.
const TAG_BYTES: usize = 16;

/// The plans on offer.
#[derive(Debug, Object)]
#[oai(rename = "Plans")]
pub(crate) struct PlansView {
    /// What is sold, as people read it.
    product: String,
    /// By rank, lowest first; those outside the ladder come last.
    plans: Vec<PlanView>,
}

pub(crate) struct PlansApi;

#[OpenApi(tag = "Group::Shop")]
impl PlansApi {
    /// The plans as sold today, by rank, with what longer intervals save.
    #[oai(path = "/v1/plans", method = "get", operation_id = "list_plans")]
    async fn list(&self, request: &Request, state: Data<&AppState>) -> Result<Tagged, Problem> {
        let revision = state.billing.catalog().await?;
        let clock = state.clock()?;
        let now: Timestamp = clock.now();
        let catalog = &revision.catalog;
        let on_offer = catalog.plans_by_rank().into_iter();
        let plans = PlansView {
            product: catalog.product().to_owned(),
            plans: on_offer
                .filter(|held| held.on_offer_at(now))
                .map(|held| plan(held, catalog, now))
                .collect(),
        };
        let known = request.headers().get_all(header::IF_NONE_MATCH);
        let known = known.iter().filter_map(|value| value.to_str().ok());
        Ok(Tagged::new(&plans, known))
    }
}

/// The list with its tag, or that the caller has it already.
pub(crate) struct Tagged {
    tag: String,
    /// `None`: the caller has it.
    body: Option<String>,
}

impl Tagged {
    fn new<'a>(plans: &PlansView, known: impl Iterator<Item = &'a str>) -> Self {
        let body = plans.to_json_string();
        let digest = hash(&body);
        let tag = format!(
            "\"{}\"",
            hex::encode(digest.get(..TAG_BYTES).unwrap_or(&digest))
        );
        let is_known = known
            .flat_map(|list| list.split(','))
            .map(|entry| entry.trim().trim_start_matches("W/"))
            .any(|entry| entry == "*" || entry == tag);
        Self {
            tag,
            body: (!is_known).then_some(body),
        }
    }
}

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => Response::builder()
                .content_type("application/json; charset=utf-8")
                .body(body),
            None => StatusCode::NOT_MODIFIED.into(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

impl ApiResponse for Tagged {
    fn meta() -> MetaResponses {
        let mut meta = Json::<PlansView>::meta();
        for response in &mut meta.responses {
            response.description = "The plans, with an ETag.";
        }
        meta.responses.push(MetaResponse {
            description: "Nothing has changed since the ETag in If-None-Match.",
            status: Some(304),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        });
        meta
    }

    fn register(registry: &mut Registry) {
        PlansView::register(registry);
    }
}
