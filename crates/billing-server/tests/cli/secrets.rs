//! Keys, webhook secrets and pages of providers: in no log at its most talkative,
//! in no refusal, and in no answer but the one that is asked for them.

use std::fmt::Write as _;

use billing_testkit::fakes::rig::{Fault, FaultKind, SignedWebhook};
use billing_testkit::fakes::{paddle, stripe};
use serde_json::{Value, json};

use crate::far::{self, PLANS};
use crate::http::{Answer, ask};
use crate::rig::Folder;
use crate::server::{Ended, Server};

const STRIPE_KEY: &str = "sk_test_canary31d7f09b";
const STRIPE_SECRET: &str = "whsec_canary58e2c614";
const PADDLE_KEY: &str = "pdl_sdbx_apikey_canary77ab03de";
const PADDLE_SECRET: &str = "pdl_ntfset_canary0f4491c2";

/// A server that logs everything, between two providers.
struct Stage {
    server: Server,
    /// What it answered where it was not asked for a secret.
    answers: Vec<String>,
    /// Pages that let in whoever knows their address.
    pages: Vec<String>,
}

impl Stage {
    fn post(&mut self, who: &str, path: &str, body: &Value) -> Answer {
        let headers = format!("authorization: Bearer {who}\r\ncontent-type: application/json\r\n");
        let url = format!("{}{path}", self.server.url);
        ask("POST", &url, &headers, &body.to_string())
    }

    /// Opens a checkout of a new customer; gives the provider's reference.
    fn opens(&mut self, customer: &str, provider: &str) -> Answer {
        let key = self.server.key.clone();
        let made = self.post(&key, "/v1/customers", &json!({ "external_ref": customer }));
        assert!(
            made.status == 201 || made.status == 200 || made.status == 409,
            "{made:?}"
        );
        let ask = json!({ "price": "pro-monthly", "customer": customer, "provider": provider });
        self.post(&key, "/v1/checkouts", &ask)
    }

    fn sells(&mut self, customer: &str, provider: &str) -> String {
        let opened = self.opens(customer, provider);
        opened.ok(201);
        let page = opened.json()["url"].as_str().unwrap().to_owned();
        let reference = page.rsplit(['/', '=']).next().unwrap().to_owned();
        self.pages.push(page);
        reference
    }

    /// A webhook as it is, and once more with a byte of its signature changed.
    fn hears(&mut self, provider: &str, webhook: &SignedWebhook) {
        let url = format!("{}/v1/webhooks/{provider}", self.server.url);
        let body = String::from_utf8(webhook.event.body.to_vec()).unwrap();
        let headers = |spoil: bool| {
            let mut text = "content-type: application/json\r\n".to_owned();
            for (name, value) in &webhook.headers {
                let wrong = spoil && name.ends_with("-signature");
                let value = if wrong {
                    format!("{value}0")
                } else {
                    value.clone()
                };
                write!(text, "{name}: {value}\r\n").unwrap();
            }
            text
        };
        let forged = ask("POST", &url, &headers(true), &body);
        forged.ok(401);
        self.answers.push(forged.body);
        let taken = ask("POST", &url, &headers(false), &body);
        taken.ok(200);
        self.answers.push(taken.body);
    }

    /// Asks for a customer's pages at the provider: `whole`, or for one subscription.
    fn visits(&mut self, customer: &str, whole: bool) {
        let key = self.server.key.clone();
        let session = self.post(
            &key,
            "/v1/billing-sessions",
            &json!({ "customer": customer }),
        );
        session.ok(201);
        let token = session.json()["token"].as_str().unwrap().to_owned();
        let me = format!("{}/v1/me", self.server.url);
        let me = ask(
            "GET",
            &me,
            &format!("authorization: Bearer {token}\r\n"),
            "",
        );
        let held = me.json()["subscriptions"][0]["id"].clone();
        let page = match (whole, held.as_str()) {
            (false, Some(held)) => format!("/v1/me/subscriptions/{held}/payment-method"),
            _ => "/v1/me/portal".to_owned(),
        };
        let portal = self.post(&token, &page, &json!({}));
        portal.ok(201);
        self.pages
            .push(portal.json()["url"].as_str().unwrap().to_owned());
        self.pages.push(token);
    }

    /// A checkout that does not come about, because the provider answers so.
    fn fails(&mut self, customer: &str, provider: &str) {
        let refused = self.opens(customer, provider);
        assert!(refused.status >= 400, "{refused:?}");
        self.answers.push(refused.body);
    }

    /// Everything that can be read about what happened.
    fn reads(&mut self) {
        for path in [
            "/v1/parked",
            "/v1/customers",
            "/v1/subscriptions",
            "/v1/invoices",
            "/v1/customers/ana/journal",
            "/v1/customers/bob/journal",
        ] {
            let told = self.server.read(path);
            self.answers.push(told.to_string());
        }
        let metrics = self.server.get("/metrics");
        self.answers.push(metrics.body);
    }
}

fn fixed(status: u16, body: Value) -> Fault {
    Fault::next(FaultKind::Fixed { status, body })
}

#[test]
fn keys_secrets_and_pages_of_providers_are_in_no_log_and_no_answer() {
    let at_stripe = far::stripe(STRIPE_KEY, STRIPE_SECRET);
    let at_paddle = far::paddle(PADDLE_KEY, PADDLE_SECRET);
    let folder = Folder::new("provider-secrets");
    folder.write("plans.yaml", PLANS);
    let (stripe_url, paddle_url) = (at_stripe.url().as_str(), at_paddle.url().as_str());
    let told = [
        ("BILLING_LOG", "trace"),
        ("BILLING_PLANS", "plans.yaml"),
        ("BILLING_STRIPE_SECRET_KEY", STRIPE_KEY),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", STRIPE_SECRET),
        ("BILLING_STRIPE_BASE_URL", stripe_url),
        ("BILLING_PADDLE_API_KEY", PADDLE_KEY),
        ("BILLING_PADDLE_WEBHOOK_SECRETS", PADDLE_SECRET),
        ("BILLING_PADDLE_BASE_URL", paddle_url),
    ];
    let first = ["keys", "create", "ops", "--scope", "admin", "--json"];
    let made = folder.billing_with(&told, &first);
    let key = made.exits(0).json()["secret"].as_str().unwrap().to_owned();
    let mut server = Server::again(&folder, &told);
    server.key.clone_from(&key);
    let mut stage = Stage {
        server,
        answers: Vec::new(),
        pages: vec![key],
    };

    let session = stage.sells("ana", "stripe");
    at_stripe.pay(&session, stripe::Card::Good).unwrap();
    for webhook in at_stripe.deliveries().take() {
        stage.hears("stripe", &webhook);
    }
    let transaction = stage.sells("bob", "paddle");
    assert!(at_paddle.pay(&transaction, paddle::Card::Pays).unwrap());
    for webhook in at_paddle.deliveries().take() {
        stage.hears("paddle", &webhook);
    }
    stage.server.wait_for("both subscriptions", |server| {
        let held = server.read("/v1/subscriptions");
        let held = held["data"].as_array().unwrap().clone();
        (held.len() == 2 && held.iter().all(|it| it["status"] == "active")).then_some(())
    });
    stage.visits("ana", true);
    stage.visits("bob", false);

    // What goes wrong quotes what it was asked with.
    for status in [400, 401, 403] {
        let said = format!("Invalid API Key provided: {STRIPE_KEY}");
        let body = json!({ "error": { "type": "invalid_request_error", "code": "nope",
            "message": said } });
        at_stripe.fault(fixed(status, body).on("POST", "/v1/"));
        stage.fails("cid", "stripe");
        let said = format!("the key {PADDLE_KEY} is not for this");
        let body = json!({ "error": { "type": "request_error", "code": "nope", "detail": said },
            "meta": { "request_id": "1" } });
        at_paddle.fault(fixed(status, body).on("POST", "/transactions"));
        stage.fails("dan", "paddle");
    }
    stage.reads();
    let Stage {
        server,
        mut answers,
        pages,
    } = stage;
    let Ended { out, log, .. } = server.stop();
    answers.push(out);
    for words in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["reconcile", "--dry-run"],
    ] {
        let wrong = fixed(
            401,
            json!({ "error": { "message": STRIPE_KEY, "detail": PADDLE_KEY } }),
        );
        at_stripe.fault(wrong.clone());
        at_paddle.fault(wrong);
        let ran = folder.billing_with(&told, words);
        answers.push(ran.to_string());
    }

    assert!(
        log.contains("TRACE") && log.contains("/v1/webhooks/"),
        "it listens"
    );
    let secrets = [STRIPE_KEY, STRIPE_SECRET, PADDLE_KEY, PADDLE_SECRET];
    for secret in secrets {
        let bare = secret.rsplit('_').next().unwrap();
        let line = log.lines().find(|line| line.contains(bare));
        assert_eq!(line, None, "the log tells {secret}");
        let told = answers.iter().find(|text| text.contains(bare));
        assert_eq!(told, None, "an answer tells {secret}");
    }
    for page in pages {
        let line = log.lines().find(|line| line.contains(&page));
        assert_eq!(line, None, "the log tells the page {page}");
    }
}
