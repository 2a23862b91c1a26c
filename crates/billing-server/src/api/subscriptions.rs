//! Subscriptions over everybody, for operators.

use billing_domain::catalog::{PlanKey, PriceKey};
use billing_domain::ids::SubscriptionId;
use billing_domain::subscription::Status;
use billing_engine::{CancelError, CancelWhen, CustomerRef, Uncanceled};
use billing_ports::store::{Locator, SubscriptionFilter};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, ReadBody};
use crate::api::customers::named;
use crate::api::page;
use crate::api::views::SubscriptionView;
use crate::api::{Answer, Group};
use crate::auth::{ReadKey, WriteKey};
use crate::problem::Problem;
use crate::renewing;
use crate::state::AppState;

/// A page of subscriptions.
#[derive(Debug, Object)]
#[oai(rename = "SubscriptionList")]
pub(crate) struct SubscriptionsView {
    /// The rows, newest first.
    data: Vec<SubscriptionView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// When a subscription is to end.
#[derive(Debug, Object)]
#[oai(rename = "CancelSubscription")]
pub(crate) struct CancelBody {
    /// `period_end` (the default) or `now`.
    when: Option<String>,
    /// The same, read.
    #[oai(skip)]
    at_once: bool,
}

impl ReadBody for CancelBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields) -> Self {
        let choices = [("period_end", false), ("now", true)];
        Self {
            when: None,
            at_once: fields.choice("when", &choices).unwrap_or(false),
        }
    }
}

/// A subscription that is canceled.
#[derive(Debug, Object)]
#[oai(rename = "Canceled")]
pub(crate) struct CanceledView {
    /// Always true.
    ok: bool,
    /// Whether it had been canceled, or was over, before.
    already: bool,
    /// The end of access. Absent: the provider will say, or nothing recurs.
    ends_at: Option<String>,
}

/// A subscription whose cancellation is taken back.
#[derive(Debug, Object)]
#[oai(rename = "Uncanceled")]
pub(crate) struct UncanceledView {
    /// Always true.
    ok: bool,
    /// Whether no cancellation was to come before.
    already: bool,
    /// Whether the provider that runs its schedule is asked and has not answered yet:
    /// until it does the subscription ends as before, and it will say when it is so.
    asked: bool,
}

impl From<Uncanceled> for UncanceledView {
    fn from(outcome: Uncanceled) -> Self {
        Self {
            ok: true,
            already: outcome == Uncanceled::Already,
            asked: outcome == Uncanceled::Asked,
        }
    }
}

pub(crate) struct SubscriptionsApi;

/// Every status, as a filter.
const STATUSES: [Status; 8] = [
    Status::Incomplete,
    Status::Trialing,
    Status::Active,
    Status::PastDue,
    Status::Paused,
    Status::Lapsed,
    Status::Canceled,
    Status::Expired,
];

#[OpenApi(tag = "Group::Books")]
impl SubscriptionsApi {
    /// Subscriptions, newest first.
    #[oai(
        path = "/v1/subscriptions",
        method = "get",
        operation_id = "list_subscriptions"
    )]
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
        /// With this status only.
        status: Query<Option<String>>,
        /// Of this plan only.
        plan: Query<Option<String>>,
        /// At this price only.
        price: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<SubscriptionsView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), SubscriptionId::uuid)?;
        let status = match status.as_deref() {
            None => None,
            Some(word) => {
                let found = STATUSES.into_iter().find(|status| status.as_str() == word);
                Some(found.ok_or_else(|| Problem::field("status", "is not a status"))?)
            }
        };
        let plan = match plan.0 {
            None => None,
            Some(key) => {
                let key = PlanKey::new(key);
                Some(key.map_err(|_invalid| Problem::field("plan", "is not a plan's key"))?)
            }
        };
        let price = match price.0 {
            None => None,
            Some(key) => {
                let key = PriceKey::new(key);
                Some(key.map_err(|_invalid| Problem::field("price", "is not a price's key"))?)
            }
        };
        let customer = match customer.as_deref() {
            None => None,
            Some(text) => Some(named(&state, text).await?),
        };
        let filter = SubscriptionFilter {
            customer,
            status,
            plan,
            price,
        };
        let store = state.store()?;
        let clock = state.clock()?;
        let now = clock.now();
        let revision = state.billing.catalog().await?;
        let found = store.list_subscriptions(filter, ask).await?;
        let owed = renewing::of_subscriptions(store.as_ref(), &found.rows, now).await?;
        let (data, next_cursor) = page::views(
            found,
            |row| row.id,
            |row| {
                let collection = owed.get(&row.id).copied();
                SubscriptionView::of(&row, &revision.catalog, now).collected(collection)
            },
        );
        Ok(Json(SubscriptionsView { data, next_cursor }))
    }

    /// One subscription.
    #[oai(
        path = "/v1/subscriptions/:id",
        method = "get",
        operation_id = "get_subscription"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        id: Path<String>,
    ) -> Answer<SubscriptionView> {
        by.checked();
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let holder = holder(&state, id).await?;
        let account = state.billing.account(&holder).await?;
        let account = account.ok_or_else(Problem::not_found)?;
        let held = account.subscription(id).ok_or_else(Problem::not_found)?;
        let clock = state.clock()?;
        let revision = state.billing.catalog().await?;
        Ok(Json(SubscriptionView::within(
            &account,
            held,
            &revision.catalog,
            clock.now(),
        )))
    }

    /// Cancels a subscription. May be repeated.
    #[oai(
        path = "/v1/subscriptions/:id/cancel",
        method = "post",
        operation_id = "cancel_subscription"
    )]
    async fn cancel(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<CancelBody>,
    ) -> Answer<CanceledView> {
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let holder = holder(&state, id).await?;
        let when = if body.0.at_once {
            CancelWhen::AtOnce
        } else {
            CancelWhen::PeriodEnd
        };
        canceled(&state, &holder, id, when, &by.actor()).await
    }

    /// Takes a cancellation back before it has come to be: the subscription goes on as
    /// if nobody had canceled it. May be repeated.
    #[oai(
        path = "/v1/subscriptions/:id/cancellation",
        method = "delete",
        operation_id = "uncancel_subscription"
    )]
    async fn uncancel(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
    ) -> Answer<UncanceledView> {
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let holder = holder(&state, id).await?;
        uncanceled(&state, &holder, id, &by.actor()).await
    }
}

/// Who holds a subscription.
pub(crate) async fn holder(state: &AppState, id: SubscriptionId) -> Result<CustomerRef, Problem> {
    let store = state.store()?;
    let found = store.find(&Locator::Subscription(id)).await?;
    found.map(CustomerRef::Id).ok_or_else(Problem::not_found)
}

/// Cancels `id` of this customer's.
pub(crate) async fn canceled(
    state: &AppState,
    of: &CustomerRef,
    id: SubscriptionId,
    when: CancelWhen,
    actor: &str,
) -> Answer<CanceledView> {
    match state.billing.cancel(of, id, when, Some(actor)).await {
        Ok(canceled) => Ok(Json(CanceledView {
            ok: true,
            already: canceled.already,
            ends_at: canceled.ends_at.map(|at| at.to_string()),
        })),
        Err(CancelError::NotFound) => Err(Problem::not_found()),
        Err(CancelError::Engine(error)) => Err(error.into()),
    }
}

/// Takes the cancellation of `id` of this customer's back.
pub(crate) async fn uncanceled(
    state: &AppState,
    of: &CustomerRef,
    id: SubscriptionId,
    actor: &str,
) -> Answer<UncanceledView> {
    let outcome = state.billing.uncancel(of, id, Some(actor)).await?;
    Ok(Json(outcome.into()))
}
