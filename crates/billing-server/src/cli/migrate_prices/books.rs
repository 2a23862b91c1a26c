//! Whom a migration acts on: the books themselves, or the server that has them.
//! Both tell the same views.

use std::time::Duration;

use billing_domain::migration::MigrationAsk;
use billing_engine::MigrationError;
use poem_openapi::types::ToJSON as _;
use serde_json::{Value, json};

use super::stale;
use crate::api::migrations::MAX_MOVES;
use crate::api::views::{MigrationPlanView, MigrationView, MoveView, Moving, NO_BOUND};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::remote::Remote;
use crate::cli::target::Target;
use crate::cli::told::{count, list, text};
use crate::migrations::known;
use crate::wiring::Parts;

/// How often a server is asked how far it is: often enough for a bar that moves.
const ASKS_EVERY: Duration = Duration::from_millis(500);

/// How often it may be found not to get on before that is told: a minute. One
/// customer that others keep changing takes a second.
const MAX_IDLE: u32 = 120;

/// Who executes from the command line, for the journal.
const ACTOR: &str = "command line";

/// What a migration acts on.
pub(super) enum Subject {
    Server(Remote),
    Books(Box<Parts>),
}

impl Subject {
    pub(super) fn of(target: Target) -> Self {
        match target {
            Target::Server(remote) => Self::Server(remote),
            Target::Books(parts) => Self::Books(parts),
        }
    }

    /// The plan. Writes nothing.
    pub(super) async fn plan(&self, ask: &MigrationAsk) -> Result<Value, Failure> {
        match self {
            Self::Server(remote) => remote.post(PATH, &body(ask)).await,
            Self::Books(parts) => {
                let mut moving = Moving::default();
                let planned = parts
                    .billing
                    .plan_migration(ask, |told| moving.hear(told))
                    .await;
                let plan = planned.map_err(refused)?;
                let view = MigrationPlanView::of(ask, plan, moving);
                Ok(view.to_json().unwrap_or_default())
            }
        }
    }

    /// The plan, and every move of it in order. Writes nothing.
    pub(super) async fn plan_all(
        &self,
        ask: &MigrationAsk,
        mut each: impl FnMut(&Value) + Send,
    ) -> Result<Value, Failure> {
        match self {
            Self::Server(remote) => {
                let plan = remote.post(PATH, &body(ask)).await?;
                every_page(remote, ask, &plan, each).await?;
                Ok(plan)
            }
            Self::Books(parts) => {
                let mut moving = Moving::default();
                let planned = parts.billing.plan_migration(ask, |told| {
                    moving.hear(told);
                    if let Some(view) = MoveView::of(told) {
                        each(&view.to_json().unwrap_or_default());
                    }
                });
                let plan = planned.await.map_err(refused)?;
                let view = MigrationPlanView::of(ask, plan, moving);
                Ok(view.to_json().unwrap_or_default())
            }
        }
    }

    /// The migration that executes this plan. `None`: none was begun.
    pub(super) async fn known(&self, digest: &str) -> Result<Option<Value>, Failure> {
        match self {
            Self::Server(remote) => {
                let said = remote.get(&format!("{PATH}?limit=100")).await?;
                let mut rows = list(&said, "data").iter();
                Ok(rows.find(|row| text(row, "digest") == digest).cloned())
            }
            Self::Books(parts) => {
                let found = known(&parts.billing, digest).await;
                let found =
                    found.map_err(|error| Failure::new("look for the migration", &error))?;
                Ok(found.and_then(|row| MigrationView::of(row, false).to_json()))
            }
        }
    }

    /// Executes the plan, or goes on with it, to the end.
    pub(super) async fn execute(
        &self,
        ask: &MigrationAsk,
        digest: &str,
        progress: &mut Progress,
    ) -> Result<Value, Failure> {
        match self {
            Self::Server(remote) => watched(remote, ask, digest, progress).await,
            Self::Books(parts) => {
                let told = |done, planned| progress.tell(done, planned);
                let executed = parts
                    .billing
                    .execute_migration(ask, digest, Some(ACTOR), told);
                let row = Box::pin(executed).await.map_err(refused)?;
                Ok(MigrationView::of(row, false).to_json().unwrap_or_default())
            }
        }
    }
}

const PATH: &str = "/v1/price-migrations";

fn body(ask: &MigrationAsk) -> Value {
    let mut body = json!({ "from": ask.from.as_str(), "to": ask.to.as_str() });
    if let Some(body) = body.as_object_mut()
        && ask.not_before != NO_BOUND
    {
        body.insert("not_before".to_owned(), ask.not_before.to_string().into());
    }
    body
}

/// Asks a server for the moves of `plan`, page after page. A plan that is no more
/// by then is refused by the server.
async fn every_page(
    remote: &Remote,
    ask: &MigrationAsk,
    plan: &Value,
    mut each: impl FnMut(&Value),
) -> Result<(), Failure> {
    let listed = list(plan, "moving");
    if plan.get("more").and_then(Value::as_bool) != Some(true) {
        listed.iter().for_each(each);
        return Ok(());
    }
    let first = moves_of(ask, text(plan, "digest"));
    let mut path = first.clone();
    // A page has a move at least, or leads nowhere.
    for _ in 0..=count(plan, "moves") {
        let page = remote.get(&path).await?;
        list(&page, "data").iter().for_each(&mut each);
        let next = text(&page, "next_cursor");
        if next.is_empty() {
            return Ok(());
        }
        path = format!("{first}&cursor={next}");
    }
    Err(Failure::server("the server has more moves than it counts"))
}

/// Where a server lists the moves of the plan with this digest.
fn moves_of(ask: &MigrationAsk, digest: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("from", ask.from.as_str())
        .append_pair("to", ask.to.as_str())
        .append_pair("digest", digest)
        .append_pair("limit", &MAX_MOVES.to_string());
    if ask.not_before != NO_BOUND {
        query.append_pair("not_before", &ask.not_before.to_string());
    }
    format!("{PATH}/moves?{}", query.finish())
}

/// Lets a server execute it, and asks until it is done.
async fn watched(
    remote: &Remote,
    ask: &MigrationAsk,
    digest: &str,
    progress: &mut Progress,
) -> Result<Value, Failure> {
    let mut body = body(ask);
    if let Some(body) = body.as_object_mut() {
        body.insert("digest".to_owned(), digest.into());
    }
    let mut row = remote.post(PATH, &body).await?;
    let path = format!("{PATH}/{}", text(&row, "id"));
    let mut idle = 0_u32;
    loop {
        progress.tell(count(&row, "done"), count(&row, "planned"));
        if !text(&row, "finished_at").is_empty() {
            return Ok(row);
        }
        if idle >= MAX_IDLE {
            return Err(Failure::server("the server does not get on with it")
                .with_hint("It is kept how far it came: execute it again, and it goes on."));
        }
        tokio::time::sleep(ASKS_EVERY).await;
        let next = remote.get(&path).await?;
        idle = if count(&next, "done") > count(&row, "done") {
            0
        } else {
            idle.saturating_add(1)
        };
        row = next;
    }
}

fn refused(error: MigrationError) -> Failure {
    match error {
        MigrationError::Refused(refusal) => Failure::refused(refusal.to_string()),
        MigrationError::Stale => stale(),
        MigrationError::UnderWay(_) => Failure::refused(error.to_string()).with_hint(
            "Execute that one to its end first, or start the server, which takes it up.",
        ),
        MigrationError::Money(error) => Failure::new("work it out", &error),
        MigrationError::Engine(error) => Failure::new("migrate prices", &error)
            .with_hint("What was done is kept: execute it again, and it goes on."),
    }
}
