//! From a plan file to a gated feature: SQLite, the sandbox, one sale.
use billing::domain::{ids::Id, provider::ProviderAccount};
use billing::sandbox::{FnSink, Mode, Sandbox, SandboxOptions, TestCard};
use billing::system::{SystemClock, SystemIds};
use billing::{Billing, CheckoutRequest, Gate, Need, What, ports::Clock, read_plan_file};
use std::{error::Error, sync::Arc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let account = ProviderAccount::main("sandbox".parse()?);
    let sandbox = Sandbox::in_memory(SandboxOptions {
        account: account.clone(),
        mode: Mode::EngineSchedule { saves_cards: true },
        public_url: "http://localhost/sandbox".parse()?,
        webhook_secrets: vec!["only for development".into()],
        clock: Arc::new(SystemClock),
    })?;
    // region: readme
    let plans = read_plan_file("plans.yaml", include_bytes!("plans.yaml"))?;
    let store = billing::sqlite::SqliteStore::open("example.db".as_ref()).await?;
    let billing = Billing::builder(Arc::new(store), Arc::new(SystemClock), Arc::new(SystemIds))
        .provider(Arc::new(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .build()?;
    billing.apply_catalog(&plans).await?;
    billing.ensure_customer("ana", None).await?;
    let ask = CheckoutRequest::of("ana", What::Plan("team".parse()?, None), "https://app.test");
    let page = billing.checkout(ask).await?.url.unwrap_or_default();
    // endregion: readme
    sandbox
        .pay(
            page.rsplit('/').next().unwrap_or_default(),
            TestCard::Pays,
            None,
        )
        .await?;
    let sink = FnSink(|webhook| async {
        Ok(billing
            .receive(&account, &webhook)
            .await
            .map_or(503, |_| 200))
    });
    sandbox.pump(SystemClock.now(), &sink).await?;
    billing.work_until_idle().await?;
    let gate = billing.gate(&"ana".into(), "sso", Need::Some).await?;
    println!(
        "ana may use single sign-on: {}",
        matches!(gate, Gate::Allowed { .. })
    );
    Ok(())
}
