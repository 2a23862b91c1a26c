//! Price migrations: planned, executed by the plan's digest, watched.

use billing_domain::catalog::PriceKey;
use billing_domain::ids::{MigrationId, SubscriptionId};
use billing_domain::migration::MigrationAsk;
use billing_domain::time::{Timestamp, to_micros};
use billing_engine::MigrationError;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::page;
use crate::api::views::{MigrationPlanView, MigrationView, MoveView, Moving, NO_BOUND};
use crate::api::{Answer, Group};
use crate::auth::AdminKey;
use crate::http::Anew;
use crate::problem::Problem;
use crate::state::AppState;

/// A price migration to be planned or executed.
#[derive(Debug, Object)]
#[oai(rename = "MigratePrices")]
pub(crate) struct MigrateBody {
    /// The price that is left.
    from: String,
    /// The price that follows: sold, in the same currency and interval.
    to: String,
    /// Nobody moves before this instant. Absent: each moves as soon as may be.
    not_before: Option<String>,
    /// The digest of a plan, to execute it. Absent: it is planned, and nothing is
    /// written.
    digest: Option<String>,
    /// The same, read.
    #[oai(skip)]
    ask: Option<AskRead>,
}

/// Which migration, as read.
#[derive(Debug, Clone)]
pub(crate) struct AskRead(MigrationAsk);

impl ReadBody for MigrateBody {
    fn read(fields: &mut Fields) -> Self {
        let from = fields.parsed::<PriceKey>("from");
        let from = fields.required("from", from);
        let to = fields.parsed::<PriceKey>("to");
        let to = fields.required("to", to);
        let not_before = fields.instant("not_before");
        Self {
            from: String::new(),
            to: String::new(),
            not_before: None,
            digest: fields.text("digest", MAX_TEXT),
            ask: from
                .zip(to)
                .map(|(from, to)| AskRead(ask(from, to, not_before))),
        }
    }
}

/// What a caller means who states no bound, or one.
pub(crate) fn ask(from: PriceKey, to: PriceKey, not_before: Option<Timestamp>) -> MigrationAsk {
    MigrationAsk {
        from,
        to,
        not_before: not_before.unwrap_or(NO_BOUND),
    }
}

/// What a price migration answers.
pub(crate) enum Migrating {
    /// 200.
    Planned(Box<MigrationPlanView>),
    /// 202.
    Executing(Box<MigrationView>),
}

impl IntoResponse for Migrating {
    fn into_response(self) -> Response {
        match self {
            Self::Planned(plan) => {
                let mut response = Json(*plan).into_response();
                response.set_data(Anew);
                response
            }
            Self::Executing(view) => {
                let mut response = Json(*view).into_response();
                response.set_status(StatusCode::ACCEPTED);
                response
            }
        }
    }
}

impl ApiResponse for Migrating {
    fn meta() -> MetaResponses {
        let mut responses = Json::<MigrationPlanView>::meta().responses;
        for response in &mut responses {
            response.description = "The plan; nothing was written.";
        }
        let executing = Json::<MigrationView>::meta().responses;
        responses.extend(executing.into_iter().map(|mut response| {
            response.status = Some(202);
            response.description = "It is executed: finished, or under way.";
            response
        }));
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        MigrationPlanView::register(registry);
        MigrationView::register(registry);
    }
}

/// A page of price migrations.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationList")]
pub(crate) struct MigrationsView {
    /// The rows, newest first.
    data: Vec<MigrationView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// A page of the moves of a plan.
#[derive(Debug, Object)]
#[oai(rename = "PriceMigrationMoveList")]
pub(crate) struct MovesView {
    /// The rows, by the ids of the subscriptions.
    data: Vec<MoveView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// Most moves of a page: many more than other lists have, since a page takes as long
/// as planning does, some 10 s for 100 000 holders. A move is some 300 bytes.
pub(crate) const MAX_MOVES: u16 = 5_000;

pub(crate) struct MigrationsApi;

#[OpenApi(tag = "Group::Operation")]
impl MigrationsApi {
    /// Plans a price migration, or executes the plan with this digest. What is
    /// under way goes on after the answer; asking again with the same digest
    /// tells how far it has come, and takes up what was broken off. Two are
    /// planned at once in one process; a third is told `429 planning_busy`.
    #[oai(
        path = "/v1/price-migrations",
        method = "post",
        operation_id = "migrate_prices"
    )]
    async fn migrate(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        body: Body<MigrateBody>,
    ) -> Result<Migrating, Problem> {
        let MigrateBody { ask, digest, .. } = body.0;
        // A body without it was refused.
        let AskRead(ask) = ask.ok_or_else(Problem::internal)?;
        let Some(digest) = digest else {
            let mut moving = Moving::default();
            let place = state.migrations.place()?;
            let planned = state.billing.plan_migration(&ask, |told| moving.hear(told));
            let plan = planned.await.map_err(refused)?;
            drop(place);
            let view = MigrationPlanView::of(&ask, plan, moving);
            return Ok(Migrating::Planned(Box::new(view)));
        };
        let actor = Some(by.0.actor);
        let executed = state.migrations.execute(&state.billing, ask, digest, actor);
        let row = Box::pin(executed).await.map_err(refused)?;
        let under_way = state.migrations.has(&row);
        let view = MigrationView::of(row, under_way);
        Ok(Migrating::Executing(Box::new(view)))
    }

    /// Price migrations, newest first.
    #[oai(
        path = "/v1/price-migrations",
        method = "get",
        operation_id = "list_price_migrations"
    )]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<MigrationsView> {
        let AdminKey(_) = by;
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), MigrationId::uuid)?;
        let found = state.billing.list_migrations(ask).await?;
        let (data, next_cursor) = page::views(
            found,
            |row| row.id,
            |row| {
                let under_way = state.migrations.has(&row);
                MigrationView::of(row, under_way)
            },
        );
        Ok(Json(MigrationsView { data, next_cursor }))
    }

    /// Who moves, by name: the moves of the plan with this digest, and of no other.
    /// Writes nothing. When the plan would now be another, `409 plan_stale`: the
    /// pages before belong to a plan that is no more.
    #[oai(
        path = "/v1/price-migrations/moves",
        method = "get",
        operation_id = "list_price_migration_moves"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request, by its name"
    )]
    async fn moves(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        /// The price that is left.
        from: Query<Option<String>>,
        /// The price that follows.
        to: Query<Option<String>>,
        /// As the plan was asked for. Absent: each moves as soon as may be.
        not_before: Query<Option<String>>,
        /// The digest of the plan.
        digest: Query<Option<String>>,
        /// Rows, 1 to 5000; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<MovesView> {
        let AdminKey(_) = by;
        let from = price("from", from.as_deref())?;
        let to = price("to", to.as_deref())?;
        let not_before = instant("not_before", not_before.as_deref())?;
        let digest = digest
            .as_deref()
            .ok_or_else(|| Problem::field("digest", "must be the digest of the plan"))?;
        let page = page::ask_within(
            MAX_MOVES,
            limit.as_deref(),
            cursor.as_deref(),
            SubscriptionId::uuid,
        )?;
        let ask = ask(from, to, not_before);
        let place = state.migrations.place()?;
        let found = state.billing.list_moves(&ask, digest, page).await;
        drop(place);
        let (rows, next_cursor) = page::views(
            found.map_err(refused)?,
            |told| told.subscription,
            |told| MoveView::of(&told),
        );
        let data = rows.into_iter().flatten().collect();
        Ok(Json(MovesView { data, next_cursor }))
    }

    /// One price migration, and how far it has come.
    #[oai(
        path = "/v1/price-migrations/:id",
        method = "get",
        operation_id = "get_price_migration"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<MigrationView> {
        let AdminKey(_) = by;
        let id: MigrationId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let row = state.billing.get_migration(id).await?;
        let row = row.ok_or_else(Problem::not_found)?;
        let under_way = state.migrations.has(&row);
        Ok(Json(MigrationView::of(row, under_way)))
    }
}

/// An instant of the request. `None`: it states none.
fn instant(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let read = text.map(|text| text.parse().map(to_micros)).transpose();
    read.map_err(|_unreadable| Problem::field(field, "must be a time as in 2026-01-31T12:00:00Z"))
}

/// A price that the request has to name.
fn price(field: &'static str, text: Option<&str>) -> Result<PriceKey, Problem> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::field(field, "must be the key of a price"))
}

/// The refusal of a migration.
pub(crate) fn refused(error: MigrationError) -> Problem {
    match error {
        MigrationError::Refused(refusal) => Problem::unprocessable(refusal.to_string()),
        MigrationError::Stale => Problem::new(
            StatusCode::CONFLICT,
            "plan_stale",
            "the plan is not what would be done now; plan it anew",
        ),
        MigrationError::UnderWay(id) => Problem::new(
            StatusCode::CONFLICT,
            "migration_under_way",
            "another migration of the same price is not finished",
        )
        .with("migration", id.to_string()),
        MigrationError::Money(error) => Problem::unprocessable(error.to_string()),
        MigrationError::Engine(error) => error.into(),
    }
}
