//! Links that open once, and not for nothing: what fails on the way leaves a link as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use billing_ports::{LicenseClaims, LicenseSigner, SignError};
use billing_sandbox::{Mode, TestCard};
use billing_server::{TokenSigner, page_routes};
use billing_testkit::RecordingMailer;
use billing_testkit::memory::FaultPlan;
use poem::http::Method;
use poem::{Endpoint as _, Request};
use serde_json::json;
use uuid::Uuid;

use crate::licenses::PLANS;
use crate::mailed::link;
use crate::rig::{Making, ORIGIN, Rig, WRITE, text};

/// Signs as the one behind it, unless it is told to fail.
struct Signs {
    inner: TokenSigner,
    fails: Arc<AtomicBool>,
}

impl LicenseSigner for Signs {
    fn sign(&self, claims: &LicenseClaims) -> Result<String, SignError> {
        if self.fails.load(Ordering::Relaxed) {
            let message = "fails on purpose".to_owned();
            return Err(SignError { message });
        }
        self.inner.sign(claims)
    }

    fn key_of(&self, license: Uuid) -> String {
        self.inner.key_of(license)
    }

    fn id_of(&self, key_text: &str) -> Option<Uuid> {
        self.inner.id_of(key_text)
    }

    fn jwks(&self) -> String {
        self.inner.jwks()
    }
}

/// A shop that gives licenses, with mail, and a signer that fails when it is told to.
async fn shop() -> (Rig, RecordingMailer, Arc<AtomicBool>) {
    let mailer = RecordingMailer::new();
    let making = Making {
        mode: Mode::EngineSchedule { saves_cards: false },
        plans: PLANS,
        ..Making::default()
    };
    let mut rig = Rig::made(making).await.with_mailer(mailer.clone());
    let fails = Arc::new(AtomicBool::new(false));
    let signer = Signs {
        inner: TokenSigner::new(&[3; 32], &[4; 32], "https://billing.example.com", "harbor"),
        fails: Arc::clone(&fails),
    };
    rig.state = rig.state.with_license_signer(Arc::new(signer));
    (rig, mailer, fails)
}

/// A link for each way in which one comes to be: for a customer who holds a license, for the
/// owner of a mailbox with which one was bought, and for somebody who is new.
async fn links(rig: &Rig, mailer: &RecordingMailer, run: u64) -> [String; 3] {
    let (old, new) = (format!("old-{run}"), format!("new-{run}"));
    let body = json!({ "external_ref": old, "email": format!("{old}@x.test") });
    let made = rig.post("/v1/customers").by(WRITE).json(body).send().await;
    made.ok(201);
    rig.buys(&old, "deck-monthly").await;
    rig.asks(json!({ "customer": old })).await.ok(204);
    let bought = json!({ "price": "deck-monthly" });
    let bought = rig.post("/v1/checkouts").json(bought).send().await.ok(201);
    let page = text(&bought["url"]);
    let reference = page.rsplit('/').next().unwrap();
    let address = format!("guest-{run}@x.test");
    let paying = rig
        .sandbox
        .pay(reference, TestCard::Pays, Some(address.as_str()));
    paying.await.unwrap();
    rig.deliver().await;
    rig.state.mail_settled().await;
    let asked = json!({ "customer": new, "email": format!("{new}@x.test") });
    rig.asks(asked).await.ok(204);
    let sent = mailer.sent();
    let [.., old, guest, new] = sent.as_slice() else {
        panic!("three mails: {sent:?}");
    };
    let links = [old, guest, new].map(|mail| link(&mail.text).0);
    let (_, of_whom) = links[1].split_once('.').unwrap();
    assert_eq!(of_whom, "guest");
    links
}

/// What the page's form sends.
fn form(link: &str, delivery: Option<&str>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("link", link);
    if let Some(delivery) = delivery {
        form.append_pair("return_url", ORIGIN);
        form.append_pair("delivery", delivery);
    }
    form.finish()
}

/// Presses the button of a link's page; gives the status, and where the browser is led.
async fn presses(rig: &Rig, link: &str, delivery: Option<&str>) -> (u16, String) {
    let request = Request::builder().method(Method::POST);
    let request = request.uri_str("/session").body(form(link, delivery));
    let got = page_routes(&rig.state).get_response(request).await;
    let to = got.headers().get("location");
    let to = to.map(|to| to.to_str().unwrap().to_owned());
    (got.status().as_u16(), to.unwrap_or_default())
}

#[tokio::test]
async fn a_license_that_cannot_be_signed_spends_no_link() {
    let (rig, mailer, fails) = shop().await;
    let links = links(&rig, &mailer, 0).await;
    for link in &links[..2] {
        fails.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            let (status, to) = presses(&rig, link, Some("token")).await;
            assert_eq!((status, to.as_str()), (503, ""));
        }
        fails.store(false, Ordering::Relaxed);
        let (status, to) = presses(&rig, link, Some("token")).await;
        assert_eq!(status, 303);
        assert!(to.contains("?token=eyJ"), "{to}");
        assert_eq!(presses(&rig, link, Some("token")).await.0, 404);
    }
}

#[tokio::test]
async fn a_store_that_fails_on_the_way_spends_no_link() {
    /// Runs of each way: with three calls in ten failing, each place of a failure is met.
    const RUNS: u64 = 12;
    /// Presses until one succeeds: all of the ten calls of one do in three of a hundred.
    const PRESSES: u64 = 1000;
    let (rig, mailer, _) = shop().await;
    for run in 0..RUNS {
        let delivery = [None, Some("session"), Some("token")];
        let delivery = delivery[usize::try_from(run % 3).unwrap()];
        for link in links(&rig, &mailer, run).await {
            let mut pressed = Vec::new();
            for seed in 0..PRESSES {
                rig.store.set_fault_plan(Some(FaultPlan {
                    seed: run * PRESSES + seed,
                    before_per_mille: 300,
                    after_per_mille: 0,
                }));
                let (status, _) = presses(&rig, &link, delivery).await;
                pressed.push(status);
                if status != 503 {
                    break;
                }
            }
            rig.store.set_fault_plan(None);
            assert_eq!(pressed.pop(), Some(303), "{delivery:?} {link}");
            assert_eq!(presses(&rig, &link, delivery).await.0, 404);
        }
    }
}

#[tokio::test]
async fn of_all_who_press_at_once_one_is_let_in() {
    /// More than a person's double click.
    const AT_ONCE: usize = 8;
    let (rig, mailer, _) = shop().await;
    for link in links(&rig, &mailer, 0).await {
        let pressing = (0..AT_ONCE).map(|_| presses(&rig, &link, Some("session")));
        let pressed = futures_util::future::join_all(pressing).await;
        let let_in = pressed.iter().filter(|(status, _)| *status == 303);
        assert_eq!(let_in.count(), 1, "{pressed:?}");
        let out = pressed.iter().filter(|(status, _)| *status == 404);
        assert_eq!(out.count(), AT_ONCE - 1, "{pressed:?}");
    }
}
