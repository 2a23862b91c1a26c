//! One write that waits for the writer, whatever it gives. Knows nothing of
//! the transactions around it.

use async_trait::async_trait;
use billing_sql::{Fault, Operation, Shape};
use sea_orm::DatabaseTransaction;
use tokio::sync::oneshot;

/// What became of a job's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It wrote what it wanted.
    Well,
    /// It refused, and the database is as fit as before.
    Refused,
    /// The database failed under it.
    Broken,
}

/// A write that waits for the writer.
#[async_trait]
pub(crate) trait Job: Send {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
    /// Whether it needs a savepoint to be all or nothing.
    fn shape(&self) -> Shape;
    /// Runs it; may be called again after everything was rolled back.
    async fn run(&mut self, on: &DatabaseTransaction) -> Ran;
    /// Answers with what the last run gave, or with why it did not last.
    fn answer(self: Box<Self>, lasting: Result<(), Fault>);
}

/// An operation with the place where its answer goes.
pub(crate) struct Ticket<O: Operation> {
    operation: O,
    outcome: Option<Result<O::Output, Fault>>,
    reply: oneshot::Sender<Result<O::Output, Fault>>,
}

impl<O: Operation> Ticket<O> {
    pub(crate) fn new(operation: O) -> (Self, oneshot::Receiver<Result<O::Output, Fault>>) {
        let (reply, answer) = oneshot::channel();
        let ticket = Self {
            operation,
            outcome: None,
            reply,
        };
        (ticket, answer)
    }
}

#[async_trait]
impl<O: Operation> Job for Ticket<O> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn shape(&self) -> Shape {
        self.operation.shape(false)
    }

    async fn run(&mut self, on: &DatabaseTransaction) -> Ran {
        let outcome = self.operation.run(on).await;
        let ran = match &outcome {
            Ok(_) => Ran::Well,
            Err(fault) if fault.is_unique() => Ran::Refused,
            Err(Fault::Store(_) | Fault::Unmet) => Ran::Refused,
            Err(Fault::Database(_)) => Ran::Broken,
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, lasting: Result<(), Fault>) {
        let answer = match (lasting, self.outcome) {
            // What was refused was not written, whatever became of the rest.
            (_, Some(Err(fault))) | (Err(fault), _) => Err(fault),
            (Ok(()), Some(Ok(output))) => Ok(output),
            (Ok(()), None) => Err(Fault::Unmet),
        };
        // Whoever gave up waiting has been told "unavailable" already.
        drop(self.reply.send(answer));
    }
}
