//! Whom a command acts on: the books themselves, or the server that has them.

use clap::Args;

use super::Context;
use super::failure::Failure;
use super::remote::Remote;
use crate::lock::LockError;
use crate::wiring::{Parts, WiringError};

/// Which server to ask.
#[derive(Debug, Args)]
pub(crate) struct ServerArg {
    /// Ask this server, with the operator key in `BILLING_KEY`, instead of opening the database
    #[arg(long, value_name = "URL", env = "BILLING_SERVER")]
    server: Option<String>,
}

/// Whom a command acts on.
pub(crate) enum Target {
    /// The books, which nobody else has open.
    Books(Box<Parts>),
    /// A running server.
    Server(Remote),
}

/// An address for links that no command makes: pages belong to the server.
const NO_PAGES: &str = "http://127.0.0.1";

impl ServerArg {
    /// Finds out whom to act on. Where a running server has the books, it is
    /// asked, if there is a key to ask with.
    pub(crate) async fn target(self, context: &Context) -> Result<Target, Failure> {
        let key = context.environment.operator_key();
        if let Some(server) = self.server {
            let key = key.ok_or_else(|| {
                Failure::usage("asking a server needs an operator key")
                    .with_hint("Put it into the variable BILLING_KEY.")
            })?;
            return Ok(Target::Server(Remote::new(&server, key)?));
        }
        let config = context.config()?;
        match Parts::connect(&config, NO_PAGES).await {
            Ok(parts) => Ok(Target::Books(Box::new(parts))),
            Err(WiringError::Lock(LockError::InUse { path, server })) => {
                let busy = Failure::from(LockError::InUse {
                    path,
                    server: server.clone(),
                });
                // A command, which will soon have ended.
                let Some(server) = server else {
                    return Err(busy.with_hint("Try again in a moment."));
                };
                let Some(key) = key else {
                    return Err(busy.with_hint(format!(
                        "With an operator key the server at {server} is asked instead:\n  \
                         export BILLING_KEY=bk_…"
                    )));
                };
                let remark =
                    format!("A server is running on this database; asking it at {server}.");
                context.out.remark(&remark);
                Ok(Target::Server(Remote::new(&server, key)?))
            }
            Err(error) => Err(error.into()),
        }
    }
}
