//! From a plan file to a gated feature: SQLite, the sandbox, one sale.
#![expect(clippy::print_stdout, reason = "it tells who runs it what came of it")]
use billing::sandbox::{Intake, Sandbox, SandboxOptions, TestCard};
use billing::sqlite::{SqliteOptions, SqliteStore};
use billing::system::{SystemClock, SystemIds};
use billing::{Billing, CheckoutRequest, Gate, Need, What, ports::Clock, read_plan_file};
use std::{error::Error, sync::Arc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("billing-{}.db", std::process::id()));
    let (clock, url) = (Arc::new(SystemClock), "http://localhost/sandbox".parse()?);
    let sandbox = SandboxOptions::in_process("sandbox".parse()?, url, clock.clone());
    let sandbox = Sandbox::in_memory(sandbox)?;
    // region: readme
    let store = SqliteStore::open(path, SqliteOptions::default()).await?;
    store.migrate().await?;
    let billing = Billing::builder(Arc::new(store), clock.clone(), Arc::new(SystemIds))
        .provider(Arc::new(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .build()?;
    let plans = read_plan_file("plans.yaml", include_bytes!("plans.yaml"))?;
    billing.apply_catalog(&plans).await?;
    billing.ensure_customer("ana", None).await?;
    let ask = CheckoutRequest::of("ana", What::Plan("team".parse()?, None), "https://app.test");
    let page = billing.checkout(ask).await?.url.unwrap_or_default();
    // endregion: readme
    let reference = page.rsplit('/').next().unwrap_or_default();
    sandbox.pay(reference, TestCard::Pays, None).await?;
    let intake = Intake::new(&billing, &sandbox);
    sandbox.pump(clock.now(), &intake).await?;
    // A server spawns its worker for as long as it runs; here, one go is enough.
    billing.run_worker(std::future::ready(())).await;
    let gate = billing.gate(&"ana".into(), "sso", Need::Some).await?;
    assert!(matches!(gate, Gate::Allowed { .. }), "{gate:?}");
    println!("ana may sign in by SSO");
    Ok(())
}
