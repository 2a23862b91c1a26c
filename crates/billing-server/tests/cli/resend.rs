//! `billing resend`: what Paddle gave up sending arrives after all, while the server
//! runs.

use billing_testkit::fakes::paddle::{Card, FakePaddle, NotificationStatus};
use serde_json::{Value, json};

use crate::far::{self, PLANS};
use crate::rig::{Folder, Ran};
use crate::server::Server;

const KEY: &str = "pdl_sdbx_apikey_fake";
const SECRET: &str = "pdl_ntfset_fake";

/// A folder with a price list, and what the program is told of the accounts.
struct Desk {
    folder: Folder,
    told: Vec<(&'static str, String)>,
}

impl Desk {
    fn new(name: &str, paddle: &str) -> Self {
        let folder = Folder::new(name);
        folder.write("plans.yaml", PLANS);
        let told = vec![
            ("BILLING_PADDLE_API_KEY", KEY.to_owned()),
            ("BILLING_PADDLE_WEBHOOK_SECRETS", SECRET.to_owned()),
            ("BILLING_PADDLE_BASE_URL", paddle.to_owned()),
            ("BILLING_PLANS", "plans.yaml".to_owned()),
        ];
        Self { folder, told }
    }

    fn told(&self) -> Vec<(&str, &str)> {
        let told = self.told.iter();
        told.map(|(name, is)| (*name, is.as_str())).collect()
    }

    fn resend(&self, words: &[&str]) -> Ran {
        let words: Vec<&str> = ["resend"].iter().chain(words).copied().collect();
        self.folder.billing_with(&self.told(), &words)
    }
}

/// Buys, pays, and Paddle gives up telling of it: the ids of what it sent.
fn lost(server: &Server, fake: &FakePaddle) -> Vec<String> {
    let ask = json!({ "price": "pro-monthly", "email": "ana@example.com" });
    let opened: Value = server.operator("POST", "/v1/checkouts", &ask);
    let page = opened["url"].as_str().unwrap();
    let transaction = page.rsplit("_ptxn=").next().unwrap();
    assert!(fake.pay(transaction, Card::Pays).unwrap());
    for kind in fake.deliveries().kinds() {
        let _how_many = fake.lose(&kind);
    }
    let notifications = fake.world().notifications.into_values();
    let failed = notifications.filter(|it| it.status == NotificationStatus::Failed);
    failed.map(|it| it.id).collect()
}

#[test]
fn what_paddle_gave_up_sending_arrives_after_all() {
    let fake = far::paddle(KEY, SECRET);
    let desk = Desk::new("resend", fake.url().as_str());
    let keys = ["keys", "create", "ops", "--scope", "admin", "--json"];
    let made = desk.folder.billing_with(&desk.told(), &keys);
    let key = made.exits(0).json()["secret"].as_str().unwrap().to_owned();
    let mut server = Server::again(&desk.folder, &desk.told());
    server.key = key;
    let failed = lost(&server, &fake);
    assert!(!failed.is_empty());
    let held = server.read("/v1/subscriptions");
    assert_eq!(held["data"], json!([]), "nothing was heard of");

    // Sent while the server runs, and has its books.
    let to = format!("{}/v1/webhooks/paddle", server.url);
    fake.deliveries().set_target(Some(to.parse().unwrap()));
    let words = ["--provider", "paddle/main"];
    let ids = failed.iter().map(String::as_str);
    let all: Vec<&str> = words.into_iter().chain(ids).collect();
    let ran = desk.resend(&all);
    ran.exits(0)
        .tells(&[&format!("paddle/main sends {} again as ntf_", failed[0])]);
    server.wait_for("the subscription", |server| {
        let held = server.read("/v1/subscriptions");
        (held["data"][0]["status"] == "active").then_some(())
    });

    // A second time the same events, which count once.
    let again = ["--provider", "paddle/main", &failed[0], "--json"];
    let ran = desk.resend(&again).exits(0).json();
    assert_eq!(ran["provider"], "paddle/main");
    assert_eq!(ran["sent"][0]["notification"], failed[0].as_str());
    let under = ran["sent"][0]["under"].as_str().unwrap().to_owned();
    assert!(under.starts_with("ntf_") && under != failed[0], "{ran}");

    // Paddle replays no replay.
    let refused = desk.resend(&["--provider", "paddle/main", &under, "--json"]);
    refused.exits(3).complains(&[
        "\"code\": \"provider_refused\"",
        "notification_replay_invalid_origin_type",
    ]);
    let held = server.read("/v1/subscriptions");
    assert_eq!(held["data"].as_array().unwrap().len(), 1);
    server.stop();
}

#[test]
fn what_cannot_be_sent_again_is_said_by_name() {
    let fake = far::paddle(KEY, SECRET);
    let mut desk = Desk::new("resend-refused", fake.url().as_str());
    desk.told.extend([
        ("BILLING_STRIPE_SECRET_KEY", "sk_test_fake".to_owned()),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", "whsec_fake".to_owned()),
    ]);
    let of = |account: &str, id: &str| desk.resend(&["--provider", account, id, "--json"]);
    let ran = of("paddle/main", "ntf_nowhere");
    ran.exits(3).complains(&[
        "paddle/main knows no notification ntf_nowhere",
        "\"code\": \"notification_unknown\"",
    ]);
    assert_eq!(ran.json()["sent"], json!([]));
    // What looks like a path leads nowhere else.
    let ran = of("paddle/main", "../events");
    ran.exits(3)
        .complains(&["\"code\": \"notification_unknown\""]);
    of("stripe/main", "evt_1").exits(2).complains(&[
        "not supported by this provider",
        "\"code\": \"resend_not_supported\"",
        "`billing reconcile`",
    ]);
    of("paddle/other", "ntf_1").exits(2).complains(&[
        "paddle/other is no provider that could be asked here",
        "paddle/main",
        "stripe/main",
    ]);
    desk.resend(&["--provider", "paddle/main"])
        .exits(2)
        .complains(&["<NOTIFICATION>..."]);
    drop(fake);
    desk.resend(&["--provider", "paddle/main", "ntf_1"])
        .exits(5)
        .complains(&["failed to have ntf_1 sent again"]);
    assert!(
        desk.folder.files().iter().all(|it| it == "plans.yaml"),
        "it opens no books"
    );
}
