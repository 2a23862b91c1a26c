//! `billing keys`: making, listing and revoking operator keys.

use std::process::ExitCode;
use std::sync::Arc;

use billing_domain::ids::{IdSeq, KeyId};
use billing_domain::time::Timestamp;
use billing_ports::store::{OperatorKey, Scope};
use billing_ports::{IdSource, Store};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::Context;
use super::failure::Failure;
use super::target::{ServerArg, Target};
use crate::auth::{KEY_PREFIX, fresh, hash};
use crate::wiring::Parts;

/// Keys that one list shows: an installation has a handful.
const MAX_LISTED: u16 = 1_000;

/// Longest name of a key, in characters: it stands in one line of a list.
const MAX_NAME: usize = 100;

/// Make, list and revoke operator keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key and print it, once
    #[command(
        after_help = "Examples:\n  export BILLING_KEY=$(billing keys create deploy --scope write --quiet)"
    )]
    Create {
        /// What people call it
        name: String,
        /// What it may do; each scope includes the ones before it
        #[arg(long, value_enum, default_value_t = ScopeArg::Read)]
        scope: ScopeArg,
        /// Print the key alone, for scripts
        #[arg(long, short)]
        quiet: bool,
        #[command(flatten)]
        server: ServerArg,
    },
    /// List the keys, without their secrets
    #[command(after_help = "Examples:\n  billing keys list --json")]
    List {
        #[command(flatten)]
        server: ServerArg,
    },
    /// End a key
    #[command(after_help = "Examples:\n  billing keys revoke key_0197…")]
    Revoke {
        /// The key's id, as `billing keys list` shows it
        id: KeyId,
        #[command(flatten)]
        server: ServerArg,
    },
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Look
    Read,
    /// Act for customers
    Write,
    /// Everything, keys included
    Admin,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Read => Self::Read,
            ScopeArg::Write => Self::Write,
            ScopeArg::Admin => Self::Admin,
        }
    }
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Create {
                name,
                scope,
                quiet,
                server,
            } => {
                let fits = (1..=MAX_NAME).contains(&name.trim().chars().count())
                    && !name.chars().any(char::is_control);
                if !fits {
                    return Err(Failure::usage(
                        "a key's name has 1 to 100 printable characters",
                    ));
                }
                let target = server.target(context).await?;
                let made = create(target, name.trim(), scope.into()).await?;
                show_made(context, &made, quiet)?;
            }
            Self::List { server } => {
                let listed = list(server.target(context).await?).await?;
                show_list(context, &listed);
            }
            Self::Revoke { id, server } => {
                revoke(server.target(context).await?, id).await?;
                if context.out.is_json() {
                    context
                        .out
                        .value(&json!({ "id": id.to_string(), "revoked": true }));
                } else {
                    context.out.line(&format!("{id} is revoked."));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes a key in `store`; answers its id and its secret, which is kept nowhere.
pub(crate) async fn make_key(
    store: &Arc<dyn Store>,
    ids: &dyn IdSource,
    now: Timestamp,
    name: &str,
    scope: Scope,
) -> Result<(OperatorKey, String), Failure> {
    let secret = fresh(ids, KEY_PREFIX);
    let key = OperatorKey {
        id: IdSeq::new(now, ids.seed()).draw(),
        name: name.to_owned(),
        scope,
        created_at: now,
        revoked_at: None,
        expires_at: None,
    };
    let added = store.add_key(key.clone(), hash(&secret)).await;
    added.map_err(|error| Failure::new("store the key", &error))?;
    Ok((key, secret))
}

async fn create(target: Target, name: &str, scope: Scope) -> Result<Value, Failure> {
    match target {
        Target::Server(remote) => {
            let ask = json!({ "name": name, "scope": scope.as_str() });
            remote.post("/v1/keys", &ask).await
        }
        Target::Books(parts) => {
            let (store, now) = books(&parts)?;
            let (key, secret) = make_key(&store, parts.ids.as_ref(), now, name, scope).await?;
            Ok(json!({ "key": view(&key), "secret": secret }))
        }
    }
}

async fn list(target: Target) -> Result<Vec<Value>, Failure> {
    match target {
        Target::Server(remote) => {
            let page = remote.get("/v1/keys").await?;
            let rows = page.get("data").and_then(Value::as_array).cloned();
            rows.ok_or_else(|| Failure::server("the server's answer has no list in it"))
        }
        Target::Books(parts) => {
            let (store, _) = books(&parts)?;
            let keys = store.list_keys(MAX_LISTED).await;
            let keys = keys.map_err(|error| Failure::new("list the keys", &error))?;
            Ok(keys.iter().map(view).collect())
        }
    }
}

async fn revoke(target: Target, id: KeyId) -> Result<(), Failure> {
    match target {
        Target::Server(remote) => {
            remote.delete(&format!("/v1/keys/{id}")).await?;
            Ok(())
        }
        Target::Books(parts) => {
            let (store, now) = books(&parts)?;
            let revoked = store.revoke_key(id, now).await;
            if revoked.map_err(|error| Failure::new("revoke the key", &error))? {
                return Ok(());
            }
            Err(Failure::failed(format!(
                "no key that works has the id {id}"
            )))
        }
    }
}

fn books(parts: &Parts) -> Result<(Arc<dyn Store>, Timestamp), Failure> {
    let off = || Failure::failed("billing is switched off, so there are no keys");
    let store = parts.billing.store().ok_or_else(off)?;
    let clock = parts.billing.clock().ok_or_else(off)?;
    Ok((Arc::clone(store), clock.now()))
}

fn view(key: &OperatorKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "scope": key.scope.as_str(),
        "created_at": key.created_at.to_string(),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
        "expires_at": key.expires_at.map(|at| at.to_string()),
    })
}

fn show_made(context: &Context, made: &Value, quiet: bool) -> Result<(), Failure> {
    let secret = made.get("secret").and_then(Value::as_str);
    let secret = secret.ok_or_else(|| Failure::server("the server's answer has no key in it"))?;
    if quiet {
        context.out.line(secret);
    } else if context.out.is_json() {
        context.out.value(made);
    } else {
        context.out.line(&format!("export BILLING_KEY={secret}"));
        context
            .out
            .remark("Keep it now: it is shown once and stored nowhere.");
    }
    Ok(())
}

fn show_list(context: &Context, keys: &[Value]) {
    if context.out.is_json() {
        return context.out.value(&json!({ "data": keys }));
    }
    let head = ["id", "name", "scope", "created", "revoked", "ends"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for key in keys {
        let cell = |field: &str| {
            let value = key.get(field).and_then(Value::as_str);
            value.unwrap_or("-").to_owned()
        };
        rows.push(
            [
                "id",
                "name",
                "scope",
                "created_at",
                "revoked_at",
                "expires_at",
            ]
            .map(cell)
            .to_vec(),
        );
    }
    context.out.table(&rows);
}
