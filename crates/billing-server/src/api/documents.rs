//! Invoices as documents: HTML to read and print, PDF to file.

use billing_domain::customer::Customer;
use billing_domain::ids::{CustomerId, InvoiceId};
use billing_domain::invoice::Invoice;
use billing_engine::CustomerRef;
use poem::http::{HeaderMap, StatusCode, header};
use poem::web::Data;
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::Path;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};

use crate::api::Group;
use crate::auth::{BillingSession, ReadKey};
use crate::documents::{Sheet, content_policy, html, pdf};
use crate::problem::Problem;
use crate::state::AppState;

/// A document, in one of its forms.
pub(crate) enum Document {
    Html(String),
    Pdf { name: String, bytes: Vec<u8> },
}

/// The forms of a document, by the media type that asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Pdf,
}

const HTML: &str = "text/html";
const PDF: &str = "application/pdf";

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        let response = Response::builder()
            .header(header::CACHE_CONTROL, "no-store")
            .header("x-content-type-options", "nosniff")
            .header(header::VARY, "accept");
        match self {
            Self::Html(page) => response
                .header(header::CONTENT_SECURITY_POLICY, content_policy())
                .content_type("text/html; charset=utf-8")
                .body(page),
            Self::Pdf { name, bytes } => response
                .header(
                    header::CONTENT_DISPOSITION,
                    format!("inline; filename=\"{name}.pdf\""),
                )
                .content_type(PDF)
                .body(bytes),
        }
    }
}

impl ApiResponse for Document {
    fn meta() -> MetaResponses {
        let content = [HTML, PDF].map(|content_type| MetaMediaType {
            content_type,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format(
                "string", "binary",
            ))),
        });
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The document.",
                status: Some(200),
                status_range: None,
                content: content.into(),
                headers: Vec::new(),
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

pub(crate) struct DocumentsApi;

#[OpenApi]
impl DocumentsApi {
    /// An invoice as a document, with its lines and how they come about: `text/html`, or
    /// `application/pdf` where that is asked for. What the invoice says is what was invoiced;
    /// how seller, buyer, product and plans are called is as of now. As long as those stay, the
    /// same invoice gives the same bytes.
    #[oai(
        path = "/v1/invoices/:id/document",
        method = "get",
        operation_id = "get_invoice_document",
        tag = "Group::Books"
    )]
    async fn get(
        &self,
        request: &Request,
        state: Data<&AppState>,
        by: ReadKey,
        id: Path<String>,
    ) -> Result<Document, Problem> {
        by.checked();
        let form = form(request.headers())?;
        let (owner, invoice) = found(&state, &id).await?;
        document(&state, form, owner, &invoice).await
    }

    /// An invoice of the customer's own as a document, those of guests that are attached
    /// included.
    #[oai(
        path = "/v1/me/invoices/:id/document",
        method = "get",
        operation_id = "get_my_invoice_document",
        tag = "Group::Account"
    )]
    async fn get_mine(
        &self,
        request: &Request,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
    ) -> Result<Document, Problem> {
        let form = form(request.headers())?;
        let (owner, invoice) = found(&state, &id).await?;
        let own = customer(&state, by.id()).await?;
        if owner != own.id && !own.claims.contains(&owner) {
            return Err(Problem::not_found());
        }
        document(&state, form, owner, &invoice).await
    }
}

async fn found(state: &AppState, id: &str) -> Result<(CustomerId, Invoice), Problem> {
    let id: InvoiceId = id.parse().map_err(|_invalid| Problem::not_found())?;
    let store = state.store()?;
    let found = store.get_invoice(id).await?;
    found.ok_or_else(Problem::not_found)
}

async fn customer(state: &AppState, id: CustomerId) -> Result<Customer, Problem> {
    let account = state.billing.account(&CustomerRef::Id(id)).await?;
    let account = account.ok_or_else(Problem::not_found)?;
    Ok(account.customer)
}

/// An invoice of `owner` as a document, whoever asks.
///
/// # Errors
///
/// 404 where the owner is gone; 500 where it cannot be made; 503.
pub(crate) async fn document(
    state: &AppState,
    form: Form,
    owner: CustomerId,
    invoice: &Invoice,
) -> Result<Document, Problem> {
    let owner = customer(state, owner).await?;
    let revision = state.billing.catalog().await?;
    let seller = &state.options.seller;
    let sheet = Sheet::of(seller, &owner, invoice, &revision.catalog);
    match form {
        Form::Html => Ok(Document::Html(html(&sheet))),
        Form::Pdf => {
            let bytes = pdf(&sheet).map_err(|error| {
                tracing::error!(invoice = %invoice.id, %error, "no document was made");
                Problem::internal()
            })?;
            let name = invoice.id.to_string();
            Ok(Document::Pdf { name, bytes })
        }
    }
}

/// The form that is asked for first; HTML where nothing is, or anything will do.
fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let mut wanted = accepted.flat_map(|list| list.split(',')).peekable();
    if wanted.peek().is_none() {
        return Ok(Form::Html);
    }
    let mut known = wanted.filter_map(|range| {
        let media = range.split(';').next().unwrap_or_default().trim();
        match media.to_ascii_lowercase().as_str() {
            PDF | "application/*" => Some(Form::Pdf),
            HTML | "text/*" | "*/*" => Some(Form::Html),
            _ => None,
        }
    });
    known.next().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "there are text/html and application/pdf",
        )
    })
}
