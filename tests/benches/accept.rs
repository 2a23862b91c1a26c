//! From accepting a quote to the change in effect: the sandbox charges the saved
//! card, tells it by a webhook, and the worker applies what was paid.

use std::sync::Arc;
use std::time::Duration;

use billing::sandbox::{Intake, Mode, Sandbox, SandboxOptions, TestCard};
use billing::system::{SystemClock, SystemIds};
use billing::{Billing, CheckoutRequest, What};
use billing_domain::change::ChangeState;
use billing_domain::ids::{ChangeId, SubscriptionId};
use billing_domain::subscription::State;
use billing_ports::Clock;
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::Size;
use crate::fill::catalog;
use crate::provider::account;
use crate::quotes::wish;
use crate::stores::{Folder, sqlite};
use crate::table::{Row, Verdict, median, none, now};

/// What half of all changes may take, in microseconds.
const WANTED: u64 = 30_000;

/// Between looks whether it came about, and at what the sandbox has to tell.
const LOOK: Duration = Duration::from_millis(1);

/// Given up after so long: something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// One customer after the other upgrades.
pub(crate) async fn measure(size: Size) -> Vec<Row> {
    let folder = Folder::fresh();
    let sandbox = sandbox(&folder).await;
    let store = sqlite(&folder, "ours.db").await;
    let billing = Billing::builder(Arc::new(store), Arc::new(SystemClock), Arc::new(SystemIds))
        .provider(Arc::new(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .build()
        .unwrap();
    billing.apply_catalog(&catalog()).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = tokio::spawn({
        let billing = billing.clone();
        async move { billing.run_worker(async { drop(stopped.await) }).await }
    });
    let telling = tokio::spawn(tell(billing.clone(), sandbox.clone()));

    let mut took = Vec::new();
    for number in 0..size.pick(200, 25) {
        took.push(upgrade(&billing, &sandbox, &format!("customer-{number}")).await);
    }
    telling.abort();
    drop(stop);
    worker.await.unwrap();

    let half = median(took.iter().copied());
    took.sort_unstable();
    let most = took.get(took.len() * 95 / 100).copied().unwrap();
    vec![Row {
        what: "accepted quote to applied change, sandbox and SQLite (FULL) in one process"
            .to_owned(),
        measured: format!("p50 {}, p95 {}", millis(half), millis(most)),
        floor: none(),
        ratio: none(),
        wanted: format!("p50 ≤ {} ms", WANTED / 1_000),
        verdict: Verdict::of(half <= WANTED),
    }]
}

/// A sandbox that keeps its books in a file and saves cards, as the server's.
async fn sandbox(folder: &Folder) -> Sandbox {
    let options = SandboxOptions {
        account: account(),
        mode: Mode::EngineSchedule { saves_cards: true },
        settles: None,
        public_url: "http://sandbox.test/sandbox".parse().unwrap(),
        webhook_secrets: vec![SecretString::from("a secret of the benchmarks")],
        clock: Arc::new(SystemClock),
    };
    Sandbox::open(&folder.file("sandbox.db"), options)
        .await
        .unwrap()
}

/// Delivers what the sandbox has to tell as soon as it has something.
async fn tell(billing: Billing, sandbox: Sandbox) {
    let intake = Intake::new(&billing, &sandbox);
    loop {
        let now = SystemClock.now();
        if sandbox.next_due().is_some_and(|due| due <= now) {
            sandbox.pump(now, &intake).await.unwrap();
        } else {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Buys, quotes, accepts; gives the microseconds from accepting until it applies.
async fn upgrade(billing: &Billing, sandbox: &Sandbox, who: &str) -> u64 {
    let held = buy(billing, sandbox, who).await;
    let quote = billing.quote(&who.into(), &wish(held)).await.unwrap();
    assert!(!quote.owed_now.is_zero(), "an upgrade that costs nothing");
    let began = now();
    let accepted = billing.accept_quote(&who.into(), quote.id, None).await;
    let change = accepted.unwrap().change.id;
    while !is_applied(billing, change).await {
        assert!(began.elapsed() < PATIENCE, "{who} waits for the upgrade");
        tokio::time::sleep(LOOK).await;
    }
    began.elapsed().as_micros().try_into().unwrap()
}

async fn is_applied(billing: &Billing, change: ChangeId) -> bool {
    let change = billing.store().unwrap().get_change(change).await.unwrap();
    matches!(change.unwrap().state, ChangeState::Applied { .. })
}

/// A new customer buys the smaller plan with a card that is saved.
async fn buy(billing: &Billing, sandbox: &Sandbox, who: &str) -> SubscriptionId {
    billing.ensure_customer(who, None).await.unwrap();
    let what = What::Price("personal-monthly".parse().unwrap());
    let ask = CheckoutRequest::of(who, what, "https://app.test");
    let page = billing.checkout(ask).await.unwrap().url.unwrap();
    let reference = page.rsplit('/').next().unwrap();
    let paid = sandbox.pay(reference, TestCard::Pays, None).await;
    paid.unwrap();
    let began = now();
    loop {
        let account = billing.account(&who.into()).await.unwrap().unwrap();
        let active = account
            .subscriptions
            .iter()
            .find(|held| held.state == State::Active);
        if let Some(active) = active {
            return active.id;
        }
        assert!(began.elapsed() < PATIENCE, "{who} waits for the purchase");
        tokio::time::sleep(LOOK).await;
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}
