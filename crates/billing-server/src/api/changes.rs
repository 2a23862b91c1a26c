//! Changes: accepted quotes on their way, and an operator's own.

use std::cmp::Reverse;

use billing_domain::ids::{ChangeId, SubscriptionId};
use billing_engine::Force;
use billing_ports::store::{ChangeFilter, Page};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::named;
use crate::api::page;
use crate::api::quotes::change_ask;
use crate::api::views::{ChangeView, change_of};
use crate::api::{Answer, Done, Group};
use crate::auth::{BillingSession, ReadKey, WriteKey};
use crate::problem::Problem;
use crate::state::AppState;

/// A page of changes.
#[derive(Debug, Object)]
#[oai(rename = "ChangeList")]
pub(crate) struct ChangesView {
    /// The rows, newest first.
    data: Vec<ChangeView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// A change that an operator makes, whatever the policy says.
#[derive(Debug, Object)]
#[oai(rename = "ChangePlan")]
pub(crate) struct ForceBody {
    /// The plan. Absent: the price's, or the present one.
    plan: Option<String>,
    /// The price. Absent: the plan's, in the present currency and interval where
    /// it is sold so.
    price: Option<String>,
    /// Pieces. Absent: as many as now.
    quantity: Option<u32>,
    /// `none`: it applies now, and no money moves. `invoice`: it applies once the
    /// difference is paid.
    collect: String,
    /// Why, for the journal.
    reason: String,
    /// The same as `collect`, read.
    #[oai(skip)]
    force: Option<Collect>,
}

/// Whether the difference is collected, as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collect(Force);

impl ReadBody for ForceBody {
    fn read(fields: &mut Fields) -> Self {
        let choices = [
            ("none", Collect(Force::Free)),
            ("invoice", Collect(Force::Collected)),
        ];
        let collect = fields.choice("collect", &choices);
        Self {
            plan: fields.text("plan", MAX_TEXT),
            price: fields.text("price", MAX_TEXT),
            quantity: fields.count("quantity"),
            collect: String::new(),
            reason: fields.required_text("reason", MAX_TEXT),
            force: fields.required("collect", collect),
        }
    }
}

pub(crate) struct ChangesApi;

#[OpenApi(tag = "Group::Books")]
impl ChangesApi {
    /// Changes of the session's customer, newest first.
    #[oai(
        path = "/v1/me/changes",
        method = "get",
        operation_id = "list_my_changes",
        tag = "Group::Account"
    )]
    async fn mine(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<ChangesView> {
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), ChangeId::uuid)?;
        let account = state.billing.account(&by.customer()).await?;
        let account = account.ok_or_else(Problem::not_found)?;
        let mut accounts = state.billing.attached_to(&by.customer()).await?;
        accounts.push(account);
        let store = state.store()?;
        let mut found = Page {
            rows: Vec::new(),
            more: false,
        };
        for account in &accounts {
            let filter = ChangeFilter {
                customer: Some(account.customer.id),
                ..ChangeFilter::default()
            };
            let theirs = store.list_changes(filter, ask).await?;
            found.more |= theirs.more;
            found
                .rows
                .extend(theirs.rows.into_iter().map(|row| (account, row)));
        }
        // Newest first, whoever made them: ids ascend with time.
        found.rows.sort_by_key(|(_, row)| Reverse(row.id));
        let limit = usize::from(ask.limit);
        found.more |= found.rows.len() > limit;
        found.rows.truncate(limit);
        let (data, next_cursor) = page::views(
            found,
            |(_, row)| row.id,
            |(account, row)| change_of(account, &row),
        );
        Ok(Json(ChangesView { data, next_cursor }))
    }

    /// Takes back a change that is to come. May be repeated.
    #[oai(
        path = "/v1/me/changes/:id",
        method = "delete",
        operation_id = "take_back_change",
        tag = "Group::Account"
    )]
    async fn take_back(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        let id: ChangeId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let actor = by.actor();
        state
            .billing
            .take_back(&by.customer(), id, Some(&actor))
            .await?;
        Ok(Done)
    }

    /// Changes over everybody, newest first.
    #[oai(path = "/v1/changes", method = "get", operation_id = "list_changes")]
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
        /// `open` ones only, which are to come, or `closed` ones only.
        status: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<ChangesView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), ChangeId::uuid)?;
        let open = page::open_or_closed(status.as_deref())?;
        let subscription = page::of_subscription(subscription.as_deref())?;
        let customer = match customer.as_deref() {
            None => None,
            Some(text) => Some(named(&state, text).await?),
        };
        let filter = ChangeFilter {
            customer,
            subscription,
            open,
        };
        let store = state.store()?;
        let found = store.list_changes(filter, ask).await?;
        let (data, next_cursor) =
            page::views(found, |row| row.id, |row| ChangeView::of(&row, None));
        Ok(Json(ChangesView { data, next_cursor }))
    }

    /// One change.
    #[oai(path = "/v1/changes/:id", method = "get", operation_id = "get_change")]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        id: Path<String>,
    ) -> Answer<ChangeView> {
        by.checked();
        let id: ChangeId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let store = state.store()?;
        let change = store.get_change(id).await?.ok_or_else(Problem::not_found)?;
        let invoice = match change.invoice {
            None => None,
            Some(invoice) => store.get_invoice(invoice).await?,
        };
        let open = invoice.filter(|(_, invoice)| invoice.is_open());
        let pay_url = open.and_then(|(_, invoice)| invoice.pay_url);
        Ok(Json(ChangeView::of(&change, pay_url)))
    }

    /// Changes a subscription at once, whatever the policy says. With
    /// `collect: invoice` there is a page where the difference is paid.
    #[oai(
        path = "/v1/subscriptions/:id/change-plan",
        method = "post",
        operation_id = "change_plan"
    )]
    async fn force(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<ForceBody>,
    ) -> Answer<ChangeView> {
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        forced(&state, &by, id, body.0).await
    }
}

/// Makes an operator's change of `id`.
pub(crate) async fn forced(
    state: &AppState,
    by: &WriteKey,
    id: SubscriptionId,
    body: ForceBody,
) -> Answer<ChangeView> {
    let ask = change_ask(id, body.plan, body.price, body.quantity)?;
    // A body without it was refused.
    let Collect(force) = body.force.unwrap_or(Collect(Force::Free));
    let actor = by.actor();
    let forcing = state
        .billing
        .force_change(&ask, force, &body.reason, Some(&actor));
    let made = forcing.await?;
    Ok(Json(ChangeView::of(&made.change, made.pay_url)))
}
