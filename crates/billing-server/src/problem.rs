//! Refusals as `application/problem+json`, each with a stable code.
//!
//! Knows no route. Details never hold a secret, nor what a store or a provider
//! said.

use std::borrow::Cow;

use billing_engine::EngineError;
use billing_ports::store::StoreError;
use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Map, Value, json};

/// The media type of every refusal.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {detail}")]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<Wrong>,
    /// Fields that belong to the code.
    more: Map<String, Value>,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u64>,
}

/// One field of a request, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: String,
    pub(crate) message: String,
    /// Line and column, from 1, where the field stands in a text.
    pub(crate) place: Option<(usize, usize)>,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
            retry_after: None,
        }
    }

    /// The request is wrong in these fields.
    pub(crate) fn invalid(errors: Vec<Wrong>) -> Self {
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the request is not valid; see errors",
        );
        problem.errors = errors;
        problem
    }

    /// The request is wrong in this field.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![Wrong {
            field: field.to_owned(),
            message: message.into(),
            place: None,
        }])
    }

    /// The credential is missing, unknown, over or revoked: which of them is not told.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "a valid credential is required",
        )
    }

    /// The credential is good and may not do this.
    pub(crate) fn insufficient_scope(needed: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "insufficient_scope",
            format!("this needs {needed}"),
        )
    }

    /// It does not exist, or is not the caller's.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no such thing")
    }

    pub(crate) fn customer_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "customer_not_found",
            "no such customer",
        )
    }

    pub(crate) fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", detail)
    }

    pub(crate) fn billing_disabled() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "billing_disabled",
            "billing is switched off",
        )
    }

    pub(crate) fn unavailable() -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "temporarily unavailable; try again",
        );
        problem.retry_after = Some(RETRY_UNAVAILABLE_SECONDS);
        problem
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("a body may have {limit} bytes"),
        )
    }

    pub(crate) fn rate_limited(seconds: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "too many requests",
        );
        problem.retry_after = Some(seconds.max(1));
        problem
    }

    /// As many as may be done at once are being done.
    pub(crate) fn busy(code: &'static str, detail: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        problem.retry_after = Some(RETRY_BUSY_SECONDS);
        problem
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong here",
        )
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Adds a field that belongs to the code.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The body; `request_id` names this occurrence.
    pub(crate) fn to_json(&self, request_id: Option<&str>) -> String {
        let mut body = Map::new();
        body.insert("type".to_owned(), "about:blank".into());
        let title = self.status.canonical_reason().unwrap_or("Error");
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("code".to_owned(), self.code.into());
        body.insert("detail".to_owned(), self.detail.as_ref().into());
        if let Some(id) = request_id {
            body.insert("instance".to_owned(), format!("urn:request:{id}").into());
        }
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(Wrong::to_json).collect();
            body.insert("errors".to_owned(), Value::Array(errors));
        }
        body.extend(self.more.clone());
        Value::Object(body).to_string()
    }

    /// The refusal as it goes out; `request_id` names this occurrence.
    pub(crate) fn render(&self, request_id: Option<&str>) -> Response {
        let mut response = Response::builder()
            .status(self.status)
            .content_type(PROBLEM_JSON)
            .body(self.to_json(request_id));
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// How long a client waits while others are served: what a plan over some ten thousand takes.
const RETRY_BUSY_SECONDS: u64 = 3;

/// How long a client waits after "unavailable": what a restart of a database takes.
const RETRY_UNAVAILABLE_SECONDS: u64 = 5;

impl Wrong {
    fn to_json(&self) -> Value {
        let mut object = json!({ "field": self.field, "message": self.message });
        if let (Some((line, column)), Some(object)) = (self.place, object.as_object_mut()) {
            object.insert("line".to_owned(), line.into());
            object.insert("column".to_owned(), column.into());
        }
        object
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        self.render(None)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Disabled => Self::billing_disabled(),
            EngineError::NoCatalog | EngineError::Contended => {
                tracing::warn!(%error, "request not served");
                Self::unavailable()
            }
            EngineError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "store failed");
        match error {
            StoreError::Unavailable(_) => Self::unavailable(),
            StoreError::Corrupt { .. } | StoreError::Failed(_) => Self::internal(),
        }
    }
}

/// A refusal, for the document: what every route may answer instead.
#[derive(Debug, Object)]
#[oai(rename = "Problem")]
pub(crate) struct ProblemView {
    /// Always `about:blank`: the code says what kind it is.
    r#type: String,
    /// The HTTP status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable code, as in `invalid_request`.
    code: String,
    /// What is wrong, for people.
    detail: String,
    /// Which request it was.
    #[oai(skip_serializing_if_is_none)]
    instance: Option<String>,
    /// What is wrong with which field, for `invalid_request` and `unprocessable`.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldErrorView>>,
}

/// One field of a request, and what is wrong with it.
#[derive(Debug, Object)]
#[oai(rename = "FieldError")]
pub(crate) struct FieldErrorView {
    /// The field, as in `plan`, or its place in a plan file.
    field: String,
    /// What is wrong with it.
    message: String,
    /// The line in a plan file, from 1.
    #[oai(skip_serializing_if_is_none)]
    line: Option<u32>,
    /// The column in a plan file, from 1.
    #[oai(skip_serializing_if_is_none)]
    column: Option<u32>,
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "A refusal; `code` says which.",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: PROBLEM_JSON,
                    schema: MetaSchemaRef::Reference("Problem".to_owned()),
                }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemView::register(registry);
    }
}
