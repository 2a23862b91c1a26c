//! The catalog: what is in force, what a plan file would change, and applying it.

use billing_catalog::{PlanFileErrors, read_plan_file};
use billing_domain::catalog::{Catalog, CatalogDiff};
use billing_engine::{ApplyOutcome, CatalogError};
use bytes::Bytes;
use poem::Request;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::types::Any;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi};

use crate::api::{Answer, Group};
use crate::auth::{AdminKey, ReadKey};
use crate::http::unsupported_media_type;
use crate::problem::{Problem, Wrong};
use crate::state::AppState;

/// Mistakes told in one answer. A file with more has one cause, and nobody reads on.
const MAX_MISTAKES: usize = 100;

/// The catalog in force.
#[derive(Debug, Object)]
#[oai(rename = "CatalogRevision")]
pub(crate) struct RevisionView {
    /// Its number, from 1.
    revision: u64,
    /// When it was applied.
    applied_at: String,
    /// The whole catalog, as it is stored.
    catalog: Any<serde_json::Value>,
}

/// What a plan file would change.
#[derive(Debug, Object)]
#[oai(rename = "CatalogDiff")]
pub(crate) struct DiffView {
    /// Every difference, in the order of places.
    changes: Vec<ChangeView>,
    /// What stands against applying it; each names the edit that works. Empty:
    /// it can be applied.
    refusals: Vec<String>,
}

/// One difference.
#[derive(Debug, Object)]
#[oai(rename = "CatalogChange")]
pub(crate) struct ChangeView {
    /// Where, as in `plans.personal.name`.
    at: String,
    /// What stands there. Absent: nothing, it is new.
    from: Option<String>,
    /// What would stand there. Absent: nothing, it goes.
    to: Option<String>,
}

/// What applying came to.
#[derive(Debug, Object)]
#[oai(rename = "AppliedCatalog")]
pub(crate) struct AppliedView {
    /// The revision in force.
    revision: u64,
    /// Whether it is new; `false`: the file says what was in force already.
    changed: bool,
}

pub(crate) struct CatalogApi;

#[OpenApi(tag = "Group::Operation")]
impl CatalogApi {
    /// The catalog in force.
    #[oai(path = "/v1/catalog", method = "get", operation_id = "get_catalog")]
    async fn current(&self, state: Data<&AppState>, by: ReadKey) -> Answer<RevisionView> {
        by.checked();
        let revision = state.billing.catalog().await?;
        let catalog =
            serde_json::to_value(&revision.catalog).map_err(|_unwritable| Problem::internal())?;
        Ok(Json(RevisionView {
            revision: revision.number,
            applied_at: revision.applied_at.to_string(),
            catalog: Any(catalog),
        }))
    }

    /// What a plan file would change; writes nothing.
    #[oai(
        path = "/v1/catalog/diff",
        method = "post",
        operation_id = "diff_catalog"
    )]
    async fn diff(&self, state: Data<&AppState>, by: ReadKey, file: PlanFile) -> Answer<DiffView> {
        by.checked();
        let catalog = file.read()?;
        let (CatalogDiff { changes }, refusals) = state.billing.diff_catalog(&catalog).await?;
        let changes = changes.into_iter().map(|change| ChangeView {
            at: change.at.to_string(),
            from: change.from,
            to: change.to,
        });
        Ok(Json(DiffView {
            changes: changes.collect(),
            refusals,
        }))
    }

    /// Puts a plan file in force, unless it breaks what somebody was promised.
    #[oai(
        path = "/v1/catalog/apply",
        method = "post",
        operation_id = "apply_catalog"
    )]
    async fn apply(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        file: PlanFile,
    ) -> Answer<AppliedView> {
        let catalog = file.read()?;
        match state.billing.apply_catalog(&catalog).await {
            Ok(outcome) => {
                let (revision, changed) = match outcome {
                    ApplyOutcome::Unchanged(revision) => (revision, false),
                    ApplyOutcome::Applied(revision) => (revision, true),
                };
                tracing::info!(revision, changed, by = %by.0.actor, "catalog applied by an operator");
                Ok(Json(AppliedView { revision, changed }))
            }
            Err(CatalogError::Refused(refusals)) => Err(Problem::unprocessable(
                "the catalog would break what was promised",
            )
            .with("refusals", refusals)),
            Err(CatalogError::Overtaken) => Err(Problem::new(
                StatusCode::CONFLICT,
                "conflict",
                "another revision was applied meanwhile; look at it and try again",
            )),
            Err(CatalogError::Engine(error)) => Err(error.into()),
        }
    }
}

/// A plan file, in YAML.
pub(crate) struct PlanFile(Bytes);

impl PlanFile {
    fn read(&self) -> Result<Catalog, Problem> {
        read_plan_file("plan file", &self.0).map_err(|errors| mistaken(&errors))
    }
}

fn mistaken(errors: &PlanFileErrors) -> Problem {
    let wrong = errors.errors.iter().take(MAX_MISTAKES).map(|error| Wrong {
        field: error.path.to_string(),
        message: format!("found {}, expected {}", error.found, error.expected),
        place: Some((error.line, error.column)),
    });
    Problem::invalid(wrong.collect())
}

/// The media types that people give YAML.
const YAML: [&str; 5] = [
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
];

impl<'a> ApiExtractor<'a> for PlanFile {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: Some("The plan file."),
            content: vec![MetaMediaType {
                content_type: "application/yaml",
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut poem::RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let stated = request.content_type().unwrap_or_default();
        let stated = stated.split(';').next().unwrap_or_default().trim();
        if !YAML.iter().any(|known| stated.eq_ignore_ascii_case(known)) {
            return Err(unsupported_media_type().into());
        }
        Ok(Self(body.take()?.into_bytes().await?))
    }
}
