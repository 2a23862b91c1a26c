//! Invoices over everybody, for operators.

use billing_domain::ids::InvoiceId;
use billing_ports::store::InvoiceFilter;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::customers::named;
use crate::api::page;
use crate::api::views::InvoiceView;
use crate::api::{Answer, Group};
use crate::auth::ReadKey;
use crate::problem::Problem;
use crate::renewing;
use crate::state::AppState;

/// A page of invoices.
#[derive(Debug, Object)]
#[oai(rename = "InvoiceList")]
pub(crate) struct InvoicesView {
    /// The rows, newest first.
    data: Vec<InvoiceView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct InvoicesApi;

#[OpenApi(tag = "Group::Books")]
impl InvoicesApi {
    /// Invoices, newest first.
    #[oai(path = "/v1/invoices", method = "get", operation_id = "list_invoices")]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each parameter of the route"
    )]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// Of this customer only, by id or by the host's reference.
        customer: Query<Option<String>>,
        /// Of this subscription only.
        subscription: Query<Option<String>>,
        /// `open` ones only, or `closed` ones only.
        status: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<InvoicesView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), InvoiceId::uuid)?;
        let open = page::open_or_closed(status.as_deref())?;
        let subscription = page::of_subscription(subscription.as_deref())?;
        let customer = match customer.as_deref() {
            None => None,
            Some(text) => Some(named(&state, text).await?),
        };
        let filter = InvoiceFilter {
            customer,
            subscription,
            open,
            renewal: None,
        };
        let store = state.store()?;
        let found = store.list_invoices(filter, ask).await?;
        let now = state.clock()?.now();
        let owed = renewing::of_invoices(store.as_ref(), &found.rows, now).await?;
        let (data, next_cursor) = page::views(
            found,
            |(_, row)| row.id,
            |(customer, row)| {
                let collection = owed.get(&row.id).copied();
                InvoiceView::of(customer, row).collected(collection)
            },
        );
        Ok(Json(InvoicesView { data, next_cursor }))
    }

    /// One invoice.
    #[oai(
        path = "/v1/invoices/:id",
        method = "get",
        operation_id = "get_invoice"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        id: Path<String>,
    ) -> Answer<InvoiceView> {
        by.checked();
        let id: InvoiceId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let store = state.store()?;
        let found = store.get_invoice(id).await?;
        let found = [found.ok_or_else(Problem::not_found)?];
        let now = state.clock()?.now();
        let owed = renewing::of_invoices(store.as_ref(), &found, now).await?;
        let [(customer, invoice)] = found;
        let collection = owed.get(&id).copied();
        Ok(Json(
            InvoiceView::of(customer, invoice).collected(collection),
        ))
    }
}
