//! Secrets stay where they belong: none in logs, refusals, debugging output or
//! metrics, whatever is sent, and wherever it is sent to by mistake.

use std::sync::Arc;

use billing_domain::ids::{IdSeq, KeyId};
use billing_ports::Clock;
use billing_ports::store::{Credentials, OperatorKey, Scope};
use billing_server::api_routes;
use billing_testkit::RecordingMailer;
use billing_testkit::memory::{Call, Fault};
use serde_json::{Value, json};

use crate::log::{keep_log, kept_log};
use crate::rig::{Got, ORIGIN, READ, Rig, WEBHOOK_SECRET, sha256, text};
use crate::shop::{Holder, PAGES, shop};
use crate::webhooks::genuine;
use crate::wire::{Server, quick};

/// An operator's key.
const KEY: &str = "bk_canary7d20aa";
/// What a customer's mail is sent to.
const EMAIL: &str = "canary93b1@example.com";
/// What mail is sent to of somebody who is no customer yet.
const NEW_EMAIL: &str = "canary5e77@example.com";
/// An idempotency key, under which answers are sealed.
const ONCE: &str = "canary-once-51c9";

/// What must not be seen, by what it is.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &Value) -> String {
        let secret = text(secret);
        assert!(secret.len() > 8, "{what}");
        self.0.push((what, secret.clone()));
        secret
    }

    #[track_caller]
    fn check(&self, place: &str, shown: &str) {
        for (what, secret) in &self.0 {
            // What follows the prefix is the secret; the prefix says its kind.
            let bare = secret
                .split_once('_')
                .map_or(secret.as_str(), |(_, bare)| bare);
            assert!(!shown.contains(bare), "{what} is in {place}: {shown}");
        }
    }
}

/// An answer, and what of the secrets is in a refusal.
#[track_caller]
fn looked_at(secrets: &Secrets, got: Got) -> Got {
    if got.status >= 400 {
        secrets.check("a refusal", &String::from_utf8_lossy(&got.bytes));
    }
    secrets.check("the answer's header", &format!("{:?}", got.headers));
    got
}

async fn with_key(rig: &Rig) {
    let key = OperatorKey {
        id: IdSeq::new(rig.clock.now(), 5).draw::<KeyId>(),
        name: "canary".to_owned(),
        scope: Scope::Admin,
        created_at: rig.clock.now(),
        revoked_at: None,
        expires_at: None,
    };
    rig.store.add_key(key, sha256(KEY)).await.unwrap();
}

#[tokio::test]
async fn secrets_are_in_no_log_refusal_debugging_output_or_metric() {
    keep_log();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _gathering = metrics::set_default_local_recorder(&recorder);

    let mut rig = Rig::new().await;
    let mailer = RecordingMailer::new();
    rig.state = rig.state.clone().with_metrics(recorder.handle());
    rig.state = rig.state.with_mailer(Arc::new(mailer.clone()));
    rig.app = Arc::new(api_routes(rig.state.clone()));
    with_key(&rig).await;
    let mut secrets = Secrets(vec![
        ("the operator's key", KEY.to_owned()),
        ("the webhook secret", WEBHOOK_SECRET.to_owned()),
        ("the address", EMAIL.to_owned()),
        ("the new address", NEW_EMAIL.to_owned()),
        ("the idempotency key", ONCE.to_owned()),
    ]);

    let bought = buys(&rig, &mut secrets).await;
    has_mail(&rig, &mut secrets, &mailer).await;
    for secret in secrets.0.iter().map(|(_, secret)| secret) {
        misplaced(&rig, &secrets, secret).await;
    }
    tells(&rig, &secrets, &bought).await;
    fails(&rig, &secrets, &bought.token).await;

    let told = rig.get("/metrics").send().await;
    let told = String::from_utf8(told.bytes).unwrap();
    assert!(told.contains("billing_http_requests_total"), "{told}");
    secrets.check("the metrics", &told);
    let logged = kept_log();
    let lines = logged.lines().count();
    assert!(lines > 200, "only {lines} lines were logged");
    for line in logged.lines() {
        secrets.check("the log", line);
    }
    // The sandbox's own books are about people who do not exist.
    secrets.0.retain(|(what, _)| *what != "the address");
    for shown in [
        format!("{:?}", rig.state),
        format!("{:?}", rig.state.billing),
        format!("{:?}", rig.sandbox),
        format!("{:?}", rig.sandbox.decoder()),
    ] {
        secrets.check("debugging output", &shown);
    }
}

/// What a purchase leaves in the buyer's hands.
struct Bought {
    token: String,
    made_key: String,
    checkout: String,
}

/// A whole purchase, with every kind of secret that there is.
async fn buys(rig: &Rig, secrets: &mut Secrets) -> Bought {
    let made = rig
        .post("/v1/customers")
        .by(KEY)
        .json(json!({ "external_ref": "ana", "email": EMAIL }))
        .send()
        .await;
    looked_at(secrets, made).ok(201);
    let session = rig
        .post("/v1/billing-sessions")
        .by(KEY)
        .json(json!({ "customer": "ana", "return_url": format!("{ORIGIN}/") }))
        .send()
        .await
        .ok(201);
    let token = secrets.add("the session's token", &session["token"]);
    let leads_to = text(&session["url"]);
    let link = secrets.add("the link", &json!(leads_to.split_once("link=").unwrap().1));
    let open = || {
        rig.post("/v1/billing-sessions/open")
            .json(json!({ "link": link }))
    };
    let opened = open().send().await.ok(201);
    secrets.add("the opened session's token", &opened["token"]);
    looked_at(secrets, open().send().await).refused(404, "session_expired");
    let made = rig
        .post("/v1/keys")
        .by(KEY)
        .json(json!({ "name": "ci", "scope": "read" }))
        .send()
        .await
        .ok(201);
    let made_key = secrets.add("the key that was made", &made["secret"]);
    let checkout = rig
        .post("/v1/checkouts")
        .by(&token)
        .header("idempotency-key", ONCE)
        .json(json!({ "price": "personal-monthly" }))
        .send()
        .await
        .ok(201);
    secrets.add("the checkout's secret", &checkout["checkout_secret"]);
    rig.pays(&text(&checkout["url"])).await;
    rig.clock.advance(jiff::SignedDuration::from_mins(10));
    rig.deliver().await;
    Bought {
        token,
        made_key,
        checkout: text(&checkout["id"]),
    }
}

/// Links that are mailed: one to a customer, one to somebody new, and one that
/// is never taken.
async fn has_mail(rig: &Rig, secrets: &mut Secrets, mailer: &RecordingMailer) {
    tokio::time::pause();
    for (body, failures) in [
        (json!({ "customer": "ana" }), 1),
        (json!({ "customer": "new", "email": NEW_EMAIL }), 1),
        (json!({ "customer": "ana", "email": NEW_EMAIL }), 100),
        (json!({ "customer": "nobody at all" }), 0),
    ] {
        mailer.fail_next(failures);
        let got = rig.post("/v1/billing-sessions").json(body).send().await;
        looked_at(secrets, got).ok(204);
        rig.state.mail_settled().await;
    }
    tokio::time::resume();
    let sent = mailer.sent();
    assert_eq!(sent.len(), 2);
    for mail in sent {
        let (_, rest) = mail.text.split_once("link=").unwrap();
        let link = json!(rest.lines().next().unwrap());
        let link = secrets.add("a mailed link", &link);
        // The claim in it is an address in other words.
        if let Some((_, claim)) = link.split_once('.') {
            secrets.add("the claim in a link", &json!(claim));
        }
        let open = || {
            rig.post("/v1/billing-sessions/open")
                .json(json!({ "link": link }))
        };
        let opened = open().send().await.ok(201);
        secrets.add("the session of a mailed link", &opened["token"]);
        looked_at(secrets, open().send().await).refused(404, "session_expired");
        secrets.check("debugging output", &format!("{mail:?}"));
    }
}

/// A secret where it does not belong.
async fn misplaced(rig: &Rig, secrets: &Secrets, secret: &str) {
    for body in [
        json!({ "price": secret }),
        json!({ "plan": secret, "interval": secret }),
        json!({ "price": "personal-monthly", "provider": secret, "success_url": secret }),
        json!({ "price": "personal-monthly", "email": format!("{secret} x") }),
        json!({ "price": "personal-monthly", "quantity": secret }),
        json!({ "price": "personal-monthly", "customer": secret }),
        json!({ "external_ref": [secret], "member_of": secret, "joined_at": secret }),
        json!({ "customer": secret, "return_url": secret }),
        json!({ "name": [secret], "scope": secret }),
        json!({ "plan": secret, "reason": secret, "ends_at": secret }),
        json!(secret),
    ] {
        for path in [
            "/v1/checkouts",
            "/v1/customers",
            "/v1/billing-sessions",
            "/v1/keys",
            "/v1/customers/ana/grants",
            "/v1/subscriptions/x/cancel",
        ] {
            let got = rig.post(path).by(KEY).json(body.clone()).send().await;
            let got = looked_at(secrets, got);
            assert!(got.status >= 400, "{path} took {body}");
        }
    }
    let broken = format!("{{\"price\": \"{secret}\", {secret}");
    let got = rig
        .post("/v1/checkouts")
        .bytes("application/json", broken)
        .send()
        .await;
    looked_at(secrets, got).wrong("body");
    for path in [
        format!("/v1/customers/{secret}"),
        format!("/v1/subscriptions/{secret}"),
        format!("/v1/subscriptions?status={secret}&plan={secret}"),
        format!("/v1/customers?cursor={secret}&limit={secret}"),
        format!("/v1/checkouts/{secret}"),
        format!("/v1/customers/ana/check/projects?amount={secret}"),
        format!("/v1/{secret}?token={secret}"),
        format!("/{secret}"),
    ] {
        let got = rig.get(&path).by(KEY).send().await;
        let got = looked_at(secrets, got);
        assert!(got.status >= 400, "{path} answers {}", got.status);
    }
    for value in [
        format!("Bearer {secret}x"),
        format!("Basic {secret}"),
        secret.to_owned(),
    ] {
        let got = rig
            .get("/v1/me")
            .header("authorization", &value)
            .header("cookie", &format!("token={secret}"))
            .header("x-request-id", &format!("<{secret}>"))
            .send()
            .await;
        looked_at(secrets, got).refused(401, "unauthorized");
    }
}

/// Everything else that is told, to everybody who may ask.
async fn tells(rig: &Rig, secrets: &Secrets, bought: &Bought) {
    for path in [
        "/v1/keys",
        "/v1/subscriptions",
        "/v1/invoices",
        "/v1/parked",
        "/v1/catalog",
    ] {
        let got = rig.get(path).by(KEY).send().await;
        secrets.check(path, &got.ok(200).to_string());
    }
    let path = format!("/v1/checkouts/{}", bought.checkout);
    secrets.check(&path, &rig.get(&path).send().await.ok(200).to_string());
    rig.get("/v1/me").by(&bought.token).send().await.ok(200);
    rig.get("/v1/customers")
        .by(&bought.made_key)
        .send()
        .await
        .ok(200);
}

/// Failures, which say the most.
async fn fails(rig: &Rig, secrets: &Secrets, token: &str) {
    for (call, path) in [
        (Call::Load, "/v1/customers/ana"),
        (Call::Read, "/v1/customers"),
    ] {
        rig.store.fail_next(call, Fault::Before);
        let got = rig.get(path).by(KEY).send().await;
        looked_at(secrets, got).refused(503, "unavailable");
    }
    // A session that nobody has looked up lately.
    let unknown = format!("{}f", &token[..token.len() - 1]);
    for (call, token) in [(Call::Credential, unknown.as_str()), (Call::Load, token)] {
        rig.store.fail_next(call, Fault::Before);
        let got = rig.get("/v1/me").by(token).send().await;
        looked_at(secrets, got).refused(503, "unavailable");
    }
    rig.sandbox.inject(billing_sandbox::Fault::NotReached);
    let got = rig
        .post("/v1/checkouts")
        .by(token)
        .json(json!({ "price": "team-monthly" }));
    looked_at(secrets, got.send().await).refused(502, "provider_error");
    let mut webhook = genuine(rig).await;
    webhook.body = b"{}".to_vec().into();
    let status = crate::rig::post_webhook(&rig.app, webhook).await;
    assert_eq!(status.as_u16(), 401);
}

#[tokio::test]
async fn the_log_says_that_no_mail_is_sent() {
    keep_log();
    let rig = Rig::new().await;
    let ask = rig.post("/v1/billing-sessions");
    let ask = ask.json(json!({ "customer": "nobody" }));
    ask.send().await.ok(204);
    rig.state.mail_settled().await;
    let logged = kept_log();
    let warning = logged.lines().find(|line| line.contains("\"WARN\""));
    let warning = warning.unwrap_or_else(|| panic!("no warning: {logged}"));
    assert!(warning.contains("no mail is sent; see BILLING_MAIL_FOLDER"));
}

/// Whoever has a quote's token accepts it, and whoever has a page's address pays there.
#[tokio::test]
async fn tokens_of_quotes_and_pages_to_pay_at_are_in_no_log() {
    keep_log();
    let rig = shop(PAGES).await;
    with_key(&rig).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let mut secrets = Secrets(Vec::new());
    let token = secrets.add("the quote's token", &quote["token"]);
    let accept = |token: &str| {
        rig.post("/v1/quotes/accept")
            .json(json!({ "token": token, "quote": token }))
    };
    looked_at(&secrets, accept(&token).send().await).wrong("quote");
    misplaced(&rig, &secrets, &token).await;
    let change = ana.accepts(&quote).json(json!({ "token": token }));
    let change = change.send().await.ok(200);
    let page = text(&change["checkout_url"]);
    rig.pays(&page).await;
    for path in ["/v1/changes", "/v1/invoices", "/v1/customers/ana/journal"] {
        let told = rig.get(path).by(READ).send().await.ok(200);
        secrets.check(path, &told.to_string());
    }
    let logged = kept_log();
    assert!(logged.contains("/v1/quotes/accept"), "{logged}");
    for line in logged.lines() {
        secrets.check("the log", line);
        assert!(!line.contains(&page), "the page is in the log: {line}");
    }
}

/// The same over a socket, where the protocol's own library may log as well.
#[tokio::test]
async fn a_server_s_log_tells_no_credential() {
    keep_log();
    let server = Server::start(quick()).await;
    with_key(&server.rig).await;
    let secrets = Secrets(vec![("the operator's key", KEY.to_owned())]);
    let bearer = format!("authorization: Bearer {KEY}\r\n");
    let good = server.asks("GET /v1/keys", &bearer, b"").await;
    assert_eq!(good.status, 200);
    for (line, headers) in [
        (format!("GET /v1/me?session={KEY}"), String::new()),
        (format!("GET /{KEY}"), String::new()),
        (format!("{KEY} /"), String::new()),
        (
            "GET /v1/keys".to_owned(),
            format!("{bearer}content-length: {KEY}\r\n"),
        ),
        ("POST /v1/keys".to_owned(), format!("{bearer}{bearer}")),
    ] {
        let said = server.asks(&line, &headers, KEY.as_bytes()).await;
        assert!(said.status >= 400, "{line}: {said:?}");
        secrets.check(&line, &said.json.to_string());
        secrets.check(&line, &said.header);
    }
    let logged = kept_log();
    assert!(logged.contains("\"request\""), "{logged}");
    secrets.check("the log", &logged);
}
