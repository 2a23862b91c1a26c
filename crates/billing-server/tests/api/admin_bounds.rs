//! What the dashboard costs, and that its first page counts what it says it counts.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use billing_domain::invoice::{InvoiceState, Purpose};
use billing_domain::journal::Event;
use billing_notify::Inviting;
use billing_ports::store::Ring as _;
use billing_testkit::Canary;
use billing_testkit::fixtures::{Maker, creation};
use billing_testkit::receiver::{Receiver, Reply};
use serde_json::json;
use tokio::sync::Mutex;

use crate::admin::signed_in;
use crate::gone::Far;
use crate::migrations::dearer;
use crate::rig::{ADMIN, Making, READ, Rig};

const PLAN: &str = "/admin/migrations/plan?from=personal-monthly&to=personal-2026";
const MOVES: &str =
    "/admin/migrations/moves?from=personal-monthly&to=personal-2026&not_before=&digest=x";

#[tokio::test]
async fn two_plans_are_worked_out_at_once_and_who_asks_for_a_third_is_told_so() {
    let holders = Arc::new(Mutex::new(()));
    let waited_for = Arc::clone(&holders);
    let rig = Rig::made(Making {
        over: Box::new(|store| {
            Arc::new(Far {
                store: Arc::new(store),
                gone: Arc::new(AtomicBool::new(false)),
                holders: waited_for,
            })
        }),
        ..Making::default()
    })
    .await;
    dearer(&rig).await;
    let browser = signed_in(&rig, READ).await;
    let ask = json!({ "from": "personal-monthly", "to": "personal-2026" });
    let slow = holders.lock().await;
    let third = async {
        for path in [PLAN, MOVES] {
            let shown = browser.get(path).await.is(429);
            shown.is_sound().says("Others are planning");
        }
        let asked = rig.post("/v1/price-migrations").by(ADMIN).json(ask.clone());
        let told = asked.send().await;
        told.refused(429, "planning_busy");
        assert_eq!(told.header("retry-after"), "3");
        let path = MOVES.replace("/admin/migrations", "/v1/price-migrations");
        let path = path.replace("&not_before=", "");
        let told = rig.get(&path).by(ADMIN).send().await;
        told.refused(429, "planning_busy");
        browser.get("/admin").await.is(200);
        drop(slow);
    };
    let (first, second, ()) = tokio::join!(browser.get(PLAN), browser.get(MOVES), third);
    first.is(200).says("As it would be now");
    second.is(409).says("The plan no longer holds");
    // Their places are free again, whatever became of them.
    for _ in 0..3 {
        browser.get(PLAN).await.is(200);
        browser.get(MOVES).await.is(409);
        let asked = rig.post("/v1/price-migrations").by(ADMIN).json(ask.clone());
        asked.send().await.ok(200);
    }
}

/// The figure of a line of the overview.
async fn figure(rig: &Rig, line: &str) -> String {
    let shown = signed_in(rig, READ).await.get("/admin").await.is(200);
    let (_, rest) = shown.page.split_once(&format!("<dt>{line}</dt>")).unwrap();
    let (said, _) = rest.split_once("</dd>").unwrap();
    let (_, said) = said.split_once("badge ").unwrap();
    let said = said.split_once('>').unwrap().1;
    said.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn renewals_to_be_paid_are_counted_however_many_other_invoices_are_open() {
    const DUE: &str = "Renewals to be paid";
    let rig = Rig::new().await;
    let mut make = Maker::new(3);
    let mut owing = async |renewals: usize, others: usize| {
        let mut account = make.account();
        // The newest are others.
        for place in 0..renewals + others {
            let purpose = if place < renewals {
                Purpose::Renewal
            } else {
                Purpose::OneTime
            };
            let mut invoice = make.invoice(purpose, None);
            invoice.state = InvoiceState::Open;
            account.put_invoice(invoice);
        }
        rig.store
            .commit(creation(&account, make.now))
            .await
            .unwrap();
    };
    assert_eq!(figure(&rig, DUE).await, "None");
    owing(0, 120).await;
    assert_eq!(figure(&rig, DUE).await, "None", "others are no renewals");
    owing(3, 120).await;
    assert_eq!(figure(&rig, DUE).await, "3");
    owing(97, 0).await;
    assert_eq!(figure(&rig, DUE).await, "100");
    owing(1, 0).await;
    assert_eq!(figure(&rig, DUE).await, "100 or more");
}

#[tokio::test]
async fn a_token_that_github_refuses_is_told_beside_the_providers() {
    const TOKEN: &str = "ghp_a_token_of_the_dashboard";
    const REFUSED: &str = "Who refuses our key";
    Canary::used(TOKEN);
    let mut rig = Rig::new().await;
    let github = Receiver::start().await.unwrap();
    let inviting = Inviting {
        base_url: github.url("/").parse().unwrap(),
        organization: "acme".to_owned(),
        team: None,
        plans: vec!["team".to_owned()],
        token: TOKEN.to_owned(),
    };
    let invitations = rig.state.invitations(inviting).unwrap().unwrap();
    let mut make = Maker::new(1);
    let mut account = make.subscriber();
    account.customer.github = Some("ana-dev".to_owned());
    rig.store
        .commit(creation(&account, make.now))
        .await
        .unwrap();
    let bought = make.journal(account.customer.id, Event::SubscriptionActivated);
    assert_eq!(figure(&rig, REFUSED).await, "None");
    github.next(vec![Reply::status(401)]);
    invitations.carry(&bought).await;
    assert_eq!(github.got().len(), 1);
    assert_eq!(figure(&rig, REFUSED).await, "github/acme");
    github.next(vec![Reply::status(404), Reply::status(200)]);
    invitations.carry(&bought).await;
    assert_eq!(figure(&rig, REFUSED).await, "None");
}
