//! Telling other processes that there is work, and being told.
//!
//! A NOTIFY within a transaction takes a lock of the whole server at its
//! commit, one commit after the other. So nobody notifies while writing: one
//! task does, for all writes of a moment at once. A notice is a hint; where
//! listening is impossible (some poolers), workers find work by looking.

use std::sync::Arc;
use std::time::Duration;

use billing_ports::store::StoreError;
use sea_orm::sqlx::postgres::{PgListener, PgPool};
use sea_orm::sqlx::{self, Row};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The channel's name.
const CHANNEL: &str = "billing_work";

/// Notices of one process are at least this far apart: far below what a person
/// notices, and forty a second burden no server.
const APART: Duration = Duration::from_millis(25);

/// After a failure to listen or to notify, the next try: the server is most
/// likely restarting, which takes seconds.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What differs from process to process, so that none hears itself.
const TOKEN: &str =
    "select md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text)";

/// The two ends of the channel, and the tasks behind them, which end with this.
#[derive(Debug)]
pub(crate) struct Notices {
    here: Arc<Notify>,
    outgoing: Arc<Notify>,
    tasks: [AbortHandle; 2],
}

impl Notices {
    pub(crate) async fn start(pool: PgPool) -> Result<Self, StoreError> {
        let token = sqlx::query(TOKEN).fetch_one(&pool).await;
        let token: Result<String, _> = token.and_then(|row| row.try_get(0));
        let token = token.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let (here, outgoing) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let hear = hear(pool.clone(), Arc::clone(&here), token.clone());
        let tell = tell(pool, Arc::clone(&outgoing), token);
        Ok(Self {
            here,
            outgoing,
            tasks: [
                tokio::spawn(hear).abort_handle(),
                tokio::spawn(tell).abort_handle(),
            ],
        })
    }

    /// Tells everybody who waits: here at once, elsewhere soon.
    pub(crate) fn send(&self) {
        wake(&self.here);
        self.outgoing.notify_one();
    }

    /// Waits until somebody has told.
    pub(crate) async fn received(&self) {
        self.here.notified().await;
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Everyone who waits now, and the next who would have.
fn wake(here: &Notify) {
    here.notify_waiters();
    here.notify_one();
}

async fn tell(pool: PgPool, outgoing: Arc<Notify>, token: String) {
    loop {
        outgoing.notified().await;
        let told = sqlx::query("select pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(&token)
            .execute(&pool)
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "failed to notify other processes");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        tokio::time::sleep(APART).await;
    }
}

async fn hear(pool: PgPool, here: Arc<Notify>, token: String) {
    loop {
        if let Err(error) = listen(&pool, &here, &token).await {
            tracing::debug!(%error, "failed to listen for other processes");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        // Whatever was told meanwhile went unheard.
        wake(&here);
    }
}

async fn listen(pool: &PgPool, here: &Notify, token: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None`: the connection was lost, and is being made again.
        let heard = listener.try_recv().await?;
        if heard.is_none_or(|notice| notice.payload() != token) {
            wake(here);
        }
    }
}
