//! Payments that operators record, for invoices that nobody collects.

use billing_domain::ids::InvoiceId;
use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use billing_engine::PaymentError;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::views::{InvoiceView, MoneyView};
use crate::api::{Answer, Group};
use crate::auth::WriteKey;
use crate::problem::Problem;
use crate::renewing;
use crate::state::AppState;

/// A payment that came in.
#[derive(Debug, Object)]
#[oai(rename = "NewPayment")]
pub(crate) struct PaymentBody {
    /// What names it, as in the bank's line; the same again is nothing new.
    reference: String,
    /// What was paid. Absent: exactly what is owed.
    amount: Option<MoneyView>,
    /// When it was paid; not in the future.
    paid_at: String,
    /// The same, read.
    #[oai(skip)]
    paid: Option<Money>,
    /// The same, read.
    #[oai(skip)]
    at: Option<Timestamp>,
}

impl ReadBody for PaymentBody {
    fn read(fields: &mut Fields) -> Self {
        let at = fields.instant("paid_at");
        Self {
            reference: fields.required_text("reference", MAX_TEXT),
            amount: None,
            paid_at: String::new(),
            paid: fields.money("amount"),
            at: fields.required("paid_at", at),
        }
    }
}

pub(crate) struct PaymentsApi;

#[OpenApi(tag = "Group::Books")]
impl PaymentsApi {
    /// Marks a manual invoice paid. May be repeated with the same reference.
    #[oai(
        path = "/v1/invoices/:id/payments",
        method = "post",
        operation_id = "record_payment"
    )]
    async fn record(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<PaymentBody>,
    ) -> Answer<InvoiceView> {
        let id: InvoiceId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let body = body.0;
        // A body without it was refused.
        let at = body.at.ok_or_else(Problem::internal)?;
        let actor = by.actor();
        let recording =
            state
                .billing
                .record_payment(id, &body.reference, body.paid, at, Some(&actor));
        recording.await.map_err(refused)?;
        let store = state.store()?;
        let found = store.get_invoice(id).await?;
        let found = [found.ok_or_else(Problem::not_found)?];
        let now = state.clock()?.now();
        let mut owed = renewing::of_invoices(store.as_ref(), &found, now).await?;
        let [(customer, invoice)] = found;
        let collection = owed.remove(&invoice.id);
        Ok(Json(
            InvoiceView::of(customer, invoice).collected(collection),
        ))
    }
}

fn refused(error: PaymentError) -> Problem {
    match error {
        PaymentError::NotFound => Problem::not_found(),
        PaymentError::NotManual => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not_manual",
            "a provider collects this invoice; only manual ones are marked paid by hand",
        ),
        PaymentError::NotOpen => Problem::new(
            StatusCode::CONFLICT,
            "illegal_transition",
            "the invoice is not open",
        ),
        PaymentError::BadReference => Problem::field("reference", error.to_string()),
        PaymentError::InTheFuture => Problem::field("paid_at", "must not be in the future"),
        PaymentError::BeforeOpened => {
            Problem::field("paid_at", "must not be before the invoice was opened")
        }
        PaymentError::Engine(error) => error.into(),
    }
}
