//! A store that is gone: 503 within five seconds on every route, and everything
//! as before once it is back, without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use billing_testkit::memory::FaultPlan;
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Instant;

use crate::gone::Far;
use crate::rig::{ADMIN, Making, ORIGIN, READ, Rig, WRITE};
use crate::routes::{By, ROUTES, Who};
use crate::wire::{Server, quick};

/// What is promised.
const WITHIN: Duration = Duration::from_secs(5);

/// A rig whose store can be cut off.
async fn far() -> (Rig, Arc<AtomicBool>) {
    let gone = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&gone);
    let making = Making {
        over: Box::new(|store| {
            Arc::new(Far {
                store: Arc::new(store),
                gone: cut,
                holders: Arc::default(),
            })
        }),
        ..Making::default()
    };
    (Rig::made(making).await, gone)
}

#[tokio::test(start_paused = true)]
async fn every_route_says_within_five_seconds_that_the_store_is_gone() {
    let (rig, gone) = far().await;
    rig.customer("x").await;
    let mut tried = 0;
    for known in [false, true] {
        for route in ROUTES.iter().filter(|route| route.who != Who::Providers) {
            // Nothing of before is believed any more, but the key where that is tried.
            rig.clock.advance(SignedDuration::from_mins(6));
            tokio::time::advance(Duration::from_secs(10)).await;
            let session = rig.session("x").await;
            let by = match route.who {
                Who::Public => None,
                Who::Customer | Who::Holder => Some(session.as_str()),
                Who::Read => Some(READ),
                Who::Buyers | Who::Write | Who::WriteOrNobody | Who::Providers => Some(WRITE),
                Who::Admin => Some(ADMIN),
            };
            let ask = |key: &str| {
                let ask = route.ask(&rig, "x").header("origin", ORIGIN);
                let ask = by.into_iter().fold(ask, crate::rig::Ask::by);
                if route.is_post() {
                    ask.header("idempotency-key", &format!("{key}-{}-{known}", route.id))
                } else {
                    ask
                }
            };
            if known {
                // This looks at the key and at nothing else that is believed for a while.
                rig.get("/v1/invoices").by(by.unwrap_or(READ)).send().await;
            }
            gone.store(true, Ordering::Relaxed);
            let began = Instant::now();
            let got = ask("gone").send().await;
            let took = began.elapsed();
            gone.store(false, Ordering::Relaxed);
            got.refused(503, "unavailable");
            assert_eq!(got.header("retry-after"), "5", "{}", route.id);
            assert!(took <= WITHIN, "{} took {took:?}", route.id);
            tried += 1;
            let back = ask("back").send().await;
            assert_eq!(back.status, route.status, "{} does not recover", route.id);
        }
    }
    assert!(tried > 60, "{tried} requests");
    assert_eq!(Who::Admin.lets(By::Admin), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_when_the_store_goes_can_be_repeated() {
    let (rig, gone) = far().await;
    let ask = || {
        rig.post("/v1/checkouts")
            .by(WRITE)
            .header("idempotency-key", "once")
            .json(json!({ "price": "personal-monthly" }))
    };
    // Looked up while the store was there, so that the request gets further.
    rig.get("/v1/keys").by(WRITE).send().await;
    gone.store(true, Ordering::Relaxed);
    ask().send().await.refused(503, "unavailable");
    assert!(rig.store.snapshot().accounts.is_empty());
    gone.store(false, Ordering::Relaxed);
    let made = ask().send().await;
    made.ok(201);
    assert_eq!(ask().send().await.bytes, made.bytes);
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
}

#[tokio::test]
async fn a_server_without_its_store_lives_and_recovers() {
    let server = Server::start(quick()).await;
    let rig = &server.rig;
    rig.customer("ana").await;
    let bearer = format!("authorization: Bearer {READ}\r\n");
    let asks = [
        ("GET /v1/customers", bearer.as_str(), 200),
        ("GET /v1/customers/ana/entitlements", &bearer, 200),
        ("GET /readyz", "", 200),
    ];
    let all = |seed| FaultPlan {
        seed,
        before_per_mille: 1000,
        after_per_mille: 0,
    };
    for round in 0..3 {
        rig.store.set_fault_plan(Some(all(round)));
        for (line, headers, _) in asks {
            let said = server.asks(line, headers, b"").await;
            assert_eq!(said.status, 503, "{line}: {said:?}");
            assert_eq!(said.json["code"], "unavailable", "{line}");
            assert!(said.header.contains("retry-after: 5"), "{line}: {said:?}");
        }
        assert_eq!(server.asks("GET /healthz", "", b"").await.status, 200);
        rig.store.set_fault_plan(None);
        for (line, headers, status) in asks {
            assert_eq!(
                server.asks(line, headers, b"").await.status,
                status,
                "{line}"
            );
        }
    }
    assert!(rig.store.faults_given() >= 9);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_done_twice() {
    use billing_testkit::memory::{Call, Fault};
    let rig = Rig::new().await;
    rig.store.fail_next(Call::Commit, Fault::After);
    let body = json!({ "external_ref": "ana" });
    let ask = || {
        rig.post("/v1/customers")
            .by(WRITE)
            .header("idempotency-key", "k")
            .json(body.clone())
    };
    ask().send().await.refused(503, "unavailable");
    ask().send().await.refused(409, "already_exists");
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
}
