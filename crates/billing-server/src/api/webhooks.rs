//! What providers deliver: handed over with its exact bytes. 200 means that it
//! is stored, or was known before.

use billing_domain::provider::{ProviderAccount, ProviderKey};
use billing_engine::IntakeError;
use billing_ports::WebhookRequest;
use bytes::Bytes;
use poem::Request;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi};

use crate::api::{Answer, Group};
use crate::problem::Problem;
use crate::state::AppState;

/// Largest webhook: less than a megabyte, by either count of one. Those of providers
/// have a few kilobytes; the longest, an invoice with a page of lines, a tenth of it.
const MAX_BODY: usize = 1_000_000 - 1;

/// That a webhook was taken.
#[derive(Debug, Object)]
#[oai(rename = "WebhookTaken")]
pub(crate) struct TakenView {
    /// Always true.
    received: bool,
}

pub(crate) struct WebhooksApi;

#[OpenApi(tag = "Group::Webhooks")]
impl WebhooksApi {
    /// Takes a webhook of a provider's only account.
    #[oai(
        path = "/v1/webhooks/:provider",
        method = "post",
        operation_id = "receive_webhook"
    )]
    async fn receive(
        &self,
        request: &Request,
        state: Data<&AppState>,
        provider: Path<String>,
        body: Raw,
    ) -> Answer<TakenView> {
        take(&state, &provider, ProviderAccount::MAIN, request, body).await
    }

    /// Takes a webhook of one of a provider's accounts.
    #[oai(
        path = "/v1/webhooks/:provider/:account",
        method = "post",
        operation_id = "receive_account_webhook"
    )]
    async fn receive_of_account(
        &self,
        request: &Request,
        state: Data<&AppState>,
        provider: Path<String>,
        account: Path<String>,
        body: Raw,
    ) -> Answer<TakenView> {
        take(&state, &provider, &account, request, body).await
    }
}

async fn take(
    state: &AppState,
    provider: &str,
    account: &str,
    request: &Request,
    body: Raw,
) -> Answer<TakenView> {
    if body.0.len() > MAX_BODY {
        return Err(Problem::body_too_large(MAX_BODY));
    }
    // An account that does not exist answers like a signature that does not fit.
    let key: ProviderKey = provider
        .parse()
        .map_err(|_invalid| Problem::unauthorized())?;
    let account = ProviderAccount::new(key, account).map_err(|_invalid| Problem::unauthorized())?;
    let headers = request.headers().iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let webhook = WebhookRequest {
        headers: headers.collect(),
        body: body.0,
    };
    match state.billing.receive(&account, &webhook).await {
        Ok(_new_or_known) => Ok(Json(TakenView { received: true })),
        Err(IntakeError::NoSuchAccount | IntakeError::NotGenuine(_)) => {
            tracing::warn!(%account, "webhook refused");
            Err(Problem::unauthorized())
        }
        Err(IntakeError::Disabled) => Err(Problem::billing_disabled()),
        Err(IntakeError::Store(error)) => {
            tracing::error!(%account, %error, "webhook not stored");
            // The provider must send it again, whatever failed.
            Err(Problem::unavailable())
        }
    }
}

/// The exact bytes of a body, whatever its type.
pub(crate) struct Raw(Bytes);

impl<'a> ApiExtractor<'a> for Raw {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: Some("The provider's own words, signed over their exact bytes."),
            content: vec![MetaMediaType {
                content_type: "*/*",
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema {
                    format: Some("binary"),
                    ..MetaSchema::new("string")
                })),
            }],
            required: true,
        })
    }

    async fn from_request(
        _request: &'a Request,
        body: &mut poem::RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(body.take()?.into_bytes().await?))
    }
}
