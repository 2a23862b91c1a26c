//! What a customer with a session sees and does of its own.

use billing_domain::catalog::CatalogRevision;
use billing_domain::customer::Account;
use billing_domain::ids::SubscriptionId;
use billing_domain::time::Timestamp;
use billing_engine::{CancelWhen, LicenseHeld};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, ReadBody};
use crate::api::gates::{access, gate};
use crate::api::licenses::MineView;
use crate::api::subscriptions::{CanceledView, UncanceledView, canceled, uncanceled};
use crate::api::usage::{UsageView, used_by};
use crate::api::views::{
    AccessView, ChangeView, CustomerView, GateView, GrantView, InvoiceView, SubscriptionView,
    change_of,
};
use crate::api::{Answer, Group};
use crate::auth::BillingSession;
use crate::problem::Problem;
use crate::renewing;
use crate::state::AppState;

/// A customer's own.
#[derive(Debug, Object)]
#[oai(rename = "Me")]
pub(crate) struct MeView {
    /// The customer.
    customer: CustomerView,
    /// What the customer may do now.
    access: AccessView,
    /// All subscriptions, oldest first; those of attached guests after its own, as
    /// in all that follows.
    subscriptions: Vec<SubscriptionView>,
    /// All grants, oldest first.
    grants: Vec<GrantView>,
    /// All licenses, oldest first.
    licenses: Vec<MineView>,
    /// What is owed.
    open_invoices: Vec<InvoiceView>,
    /// Changes of plan that are to come, or await their payment.
    open_changes: Vec<ChangeView>,
    /// What is used of what is metered, against what is included.
    usage: UsageView,
}

impl MeView {
    /// Shows what `account` holds, too.
    fn add(&mut self, account: &Account, revision: &CatalogRevision, now: Timestamp) {
        let held = account.subscriptions.iter();
        self.subscriptions.extend(
            held.map(|held| SubscriptionView::of_mine(account, held, &revision.catalog, now)),
        );
        let licenses = LicenseHeld::of(account, revision, now);
        self.licenses.extend(licenses.iter().map(MineView::from));
        let changes = account.changes.iter();
        let open = changes.filter(|change| change.state.is_open());
        self.open_changes
            .extend(open.map(|change| change_of(account, change)));
        let grants = account.grants.iter();
        self.grants
            .extend(grants.map(|held| GrantView::of(held, now)));
        let id = account.customer.id;
        let open = account.invoices.iter().filter(|invoice| invoice.is_open());
        self.open_invoices.extend(open.map(|owed| {
            let collection = renewing::of_invoice(account, owed, now);
            InvoiceView::of(id, owed.clone()).collected_of_mine(collection)
        }));
    }
}

/// No field, for now.
#[derive(Debug, Object)]
#[oai(rename = "CancelMine")]
pub(crate) struct CancelBody {}

impl ReadBody for CancelBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(_fields: &mut Fields) -> Self {
        Self {}
    }
}

pub(crate) struct MeApi;

#[OpenApi(tag = "Group::Account")]
impl MeApi {
    /// Plan, access, subscriptions, grants, licenses and open invoices, those of
    /// guests that are attached included.
    #[oai(path = "/v1/me", method = "get", operation_id = "get_me")]
    async fn me(&self, state: Data<&AppState>, by: BillingSession) -> Answer<MeView> {
        let of = by.customer();
        let account = state.billing.account(&of).await?;
        let account = account.ok_or_else(Problem::not_found)?;
        let access = access(&state, &of).await?;
        let clock = state.clock()?;
        let now = clock.now();
        let revision = state.billing.catalog().await?;
        let customer = account.customer.clone();
        let mut me = MeView {
            customer: customer.into(),
            access,
            subscriptions: Vec::new(),
            grants: Vec::new(),
            licenses: Vec::new(),
            open_invoices: Vec::new(),
            open_changes: Vec::new(),
            usage: used_by(&state, &of).await?,
        };
        let guests = state.billing.attached_to(&of).await?;
        for account in std::iter::once(account).chain(guests) {
            me.add(&account, &revision, now);
        }
        Ok(Json(me))
    }

    /// What the customer may do now.
    #[oai(
        path = "/v1/me/entitlements",
        method = "get",
        operation_id = "get_my_entitlements"
    )]
    async fn entitlements(&self, state: Data<&AppState>, by: BillingSession) -> Answer<AccessView> {
        Ok(Json(access(&state, &by.customer()).await?))
    }

    /// Whether the customer may use a feature now.
    #[oai(
        path = "/v1/me/entitlements/:feature",
        method = "get",
        operation_id = "check_my_feature"
    )]
    async fn check(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        feature: Path<String>,
        /// How much is needed, for counts and bytes.
        amount: Query<Option<String>>,
        /// Which level is needed.
        level: Query<Option<String>>,
    ) -> Answer<GateView> {
        let of = by.customer();
        let gate = gate(&state, &of, &feature, amount.as_deref(), level.as_deref()).await?;
        Ok(Json(gate))
    }

    /// Cancels a subscription at the end of what is paid. May be repeated.
    #[oai(
        path = "/v1/me/subscriptions/:id/cancel",
        method = "post",
        operation_id = "cancel_my_subscription"
    )]
    async fn cancel(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        body: Body<CancelBody>,
    ) -> Answer<CanceledView> {
        let CancelBody {} = body.0;
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let when = CancelWhen::PeriodEnd;
        canceled(&state, &by.customer(), id, when, &by.actor()).await
    }

    /// Takes a cancellation back before it has come to be: the subscription goes on as
    /// if nobody had canceled it. May be repeated.
    #[oai(
        path = "/v1/me/subscriptions/:id/cancellation",
        method = "delete",
        operation_id = "uncancel_my_subscription"
    )]
    async fn uncancel(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
    ) -> Answer<UncanceledView> {
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        uncanceled(&state, &by.customer(), id, &by.actor()).await
    }
}
