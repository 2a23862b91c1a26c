//! What solves each thing that is parked: the page's words, the decisions and routes that they
//! name, and that deciding so ends it.

use billing_domain::ids::ParkedId;
use billing_domain::parked::{ParkReason, Parked};
use billing_ports::Clock as _;
use billing_ports::store::{Claiming, InboxItem, InboxMark, Ring as _};
use billing_testkit::fixtures::Maker;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::admin::{does, signed_in};
use crate::browser::Browser;
use crate::rig::{ADMIN, Rig};

/// What an operator does about something parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// It is given to somebody.
    Link,
    /// It is tried again.
    Replay,
    /// It is let go.
    Discard,
    /// Something else is done before, by this route.
    Before(&'static str),
}

use Deed::{Before, Discard, Link, Replay};

const REFUND: Deed = Before("/v1/invoices/{id}/refund");
const GRANT: Deed = Before("/v1/customers/{customer}/grants");
const CANCEL: Deed = Before("/v1/subscriptions/{id}/cancel");
const APPLY: Deed = Before("/v1/catalog/apply");

/// The deeds that end something, each with the words of the page that call for it.
const fn deeds(reason: ParkReason) -> &'static [(&'static str, Deed)] {
    match reason {
        ParkReason::Unlinked => &[("Say whose it is.", Link), ("let it go", Discard)],
        ParkReason::SharedCustomer => &[("say whose it is", Link)],
        ParkReason::UnknownPrice => &[
            ("into the plan file, apply it", APPLY),
            ("try it again", Replay),
        ],
        ParkReason::AmountMismatch | ParkReason::CurrencyMismatch => &[
            ("refund it", REFUND),
            ("grant what was meant", GRANT),
            ("let it go", Discard),
        ],
        ParkReason::LatePayment => &[("Refund it", REFUND), ("let it go", Discard)],
        ParkReason::Duplicate => &[
            ("End one of the two", CANCEL),
            ("refund what was paid", REFUND),
            ("let it go", Discard),
        ],
        ParkReason::ProviderRefused | ParkReason::Conflict => {
            &[("try it again", Replay), ("let it go", Discard)]
        }
        ParkReason::AttemptsExhausted | ParkReason::Unreadable => &[("try it again", Replay)],
    }
}

impl Deed {
    /// The decision's name in the page's form and in the route. `None`: it is done elsewhere.
    const fn decision(self) -> Option<&'static str> {
        match self {
            Self::Link => Some("link"),
            Self::Replay => Some("replay"),
            Self::Discard => Some("discard"),
            Self::Before(_) => None,
        }
    }

    /// The route by which it is done.
    fn route(self) -> String {
        match (self, self.decision()) {
            (Self::Before(route), _) => route.to_owned(),
            (_, decision) => format!("/v1/parked/{{id}}/{}", decision.unwrap()),
        }
    }
}

fn document() -> Value {
    serde_json::from_str(billing_server::openapi_document()).unwrap()
}

/// Claims what waits in the inbox.
async fn claimed(rig: &Rig) -> Vec<InboxItem> {
    let claiming = Claiming {
        now: rig.clock.now(),
        lease: SignedDuration::from_mins(1),
        limit: 10,
    };
    rig.store.claim_inbox(claiming).await.unwrap()
}

/// Sets an event aside for this reason.
async fn parked(rig: &Rig, seed: u64, reason: ParkReason) -> ParkedId {
    let mut make = Maker::new(seed);
    let delivery = make.unreadable(None);
    let received = rig.store.receive(make.id(), delivery, rig.clock.now());
    received.await.unwrap();
    let item = claimed(rig).await.remove(0);
    let parked = Parked {
        id: make.id(),
        reason,
        customer: None,
        inbox: Some(item.id),
        effect: None,
        evidence: "what a person has to know".to_owned(),
        at: rig.clock.now(),
    };
    let id = parked.id;
    assert!(
        rig.store
            .park_inbox(item.id, item.fence, parked)
            .await
            .unwrap()
    );
    id
}

/// What the page says that solves it.
fn solution(page: &str) -> &str {
    let (_, section) = page.split_once("What solves it</h2>").unwrap();
    section.split("</section>").next().unwrap()
}

/// Every reason, as the page's filter has them.
async fn reasons(browser: &Browser) -> Vec<ParkReason> {
    let page = browser.get("/admin/parked").await.is(200).page;
    let (_, options) = page.split_once("For any reason").unwrap();
    let options = options.split("</select>").next().unwrap();
    let codes = options.split("<option value=\"").skip(1);
    let reasons = codes.map(|option| {
        let code = option.split('"').next().unwrap();
        serde_json::from_value(json!(code)).unwrap()
    });
    reasons.collect()
}

#[tokio::test]
async fn each_reason_names_what_solves_it_and_doing_so_does() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let browser = signed_in(&rig, ADMIN).await;
    let document = document();
    let reasons = reasons(&browser).await;
    assert!(reasons.len() > 10, "{reasons:?}");
    let mut seed = 0;
    for reason in reasons {
        let code = reason.as_str();
        for (words, deed) in deeds(reason) {
            seed += 1;
            let there = &document["paths"][&deed.route()]["post"];
            assert!(there.is_object(), "{code}: {words}: {deed:?} is no route");
            let id = parked(&rig, seed, reason).await;
            let path = format!("/admin/parked/{id}");
            let shown = browser.get(&path).await.is(200);
            let solved_by = solution(&shown.is_sound().page);
            assert!(solved_by.contains(words), "{code}: {words}: {solved_by}");
            let Some(decision) = deed.decision() else {
                // What was set aside waits for it, and is let go here.
                let path = format!("/v1/parked/{id}/discard");
                assert_eq!(rig.post(&path).by(ADMIN).send().await.status, 204);
                continue;
            };
            let form = [("customer", "ana"), ("reason", "as the page says")];
            let form = if *deed == Link { &form[..] } else { &form[1..] };
            let done = does(&browser, &format!("{path}/{decision}"), form).await;
            done.leads(&format!("/admin/parked?done={decision}"));
            rig.get(&format!("/v1/parked/{id}"))
                .by(ADMIN)
                .send()
                .await
                .refused(404, "not_found");
            let back = claimed(&rig).await;
            let linked: Vec<_> = back.iter().map(|item| item.linked).collect();
            let expected = match deed {
                Link => vec![Some(ana.parse().unwrap())],
                Replay => vec![None],
                Discard | Before(_) => vec![],
            };
            assert_eq!(linked, expected, "{code}: {decision}");
            for item in back {
                let mark = InboxMark {
                    id: item.id,
                    fence: item.fence,
                    parked: false,
                };
                rig.store.settle_inbox(mark, rig.clock.now()).await.unwrap();
            }
        }
    }
    let left = rig.get("/v1/parked").by(ADMIN).send().await.ok(200);
    assert_eq!(left["data"], json!([]));
}
