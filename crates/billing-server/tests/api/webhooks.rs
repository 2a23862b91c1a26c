//! What providers deliver.

use billing_ports::Clock;
use billing_ports::WebhookRequest;
use billing_sandbox::FnSink;
use billing_testkit::memory::{Call, Fault, RowState};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::rig::{Making, Rig, text};

/// A genuine webhook that waits to be sent.
pub(crate) async fn genuine(rig: &Rig) -> WebhookRequest {
    let opened = rig
        .post("/v1/checkouts")
        .json(json!({ "price": "personal-monthly" }))
        .send()
        .await
        .ok(201);
    let page = text(&opened["url"]);
    let reference = page.rsplit('/').next().unwrap();
    let card = billing_sandbox::TestCard::Pays;
    rig.sandbox.pay(reference, card, None).await.unwrap();
    let caught = Arc::new(Mutex::new(Vec::new()));
    let held = Arc::clone(&caught);
    let sink = FnSink(move |webhook: WebhookRequest| {
        held.lock().unwrap().push(webhook);
        async { Ok(200) }
    });
    rig.sandbox.pump(rig.clock.now(), &sink).await.unwrap();
    caught.lock().unwrap().remove(0)
}

/// How many webhooks are stored and not yet decided.
fn waiting(rig: &Rig) -> usize {
    let inbox = rig.store.snapshot().inbox;
    let waiting = inbox.iter().filter(|row| row.state == RowState::Waiting);
    waiting.count()
}

async fn send(rig: &Rig, path: &str, webhook: &WebhookRequest) -> crate::rig::Got {
    let mut ask = rig.post(path);
    for (name, value) in &webhook.headers {
        if name != "content-type" {
            ask = ask.header(name, value);
        }
    }
    ask.bytes("application/json", webhook.body.to_vec())
        .send()
        .await
}

#[tokio::test]
async fn a_genuine_webhook_is_stored_once_and_answered_200_each_time() {
    let rig = Rig::new().await;
    let webhook = genuine(&rig).await;
    for path in ["/v1/webhooks/sandbox", "/v1/webhooks/sandbox/main"] {
        let got = send(&rig, path, &webhook).await;
        assert_eq!(got.ok(200), json!({ "received": true }));
    }
    assert_eq!(waiting(&rig), 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_it_the_answer_is_the_same() {
    let rig = Rig::new().await;
    let webhook = genuine(&rig).await;
    let mut tampered = webhook.clone();
    tampered.body = b"{}".to_vec().into();
    let mut unsigned = webhook.clone();
    unsigned.headers.clear();
    let cases = [
        ("/v1/webhooks/sandbox", &tampered),
        ("/v1/webhooks/sandbox", &unsigned),
        ("/v1/webhooks/sandbox/other", &webhook),
        ("/v1/webhooks/stripe", &webhook),
        ("/v1/webhooks/%00", &webhook),
        ("/v1/webhooks/sandbox/A%20B", &webhook),
    ];
    for (path, webhook) in cases {
        let got = send(&rig, path, webhook).await;
        let mut body = got.refused(401, "unauthorized");
        body["instance"] = json!("");
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(body, @r#"
    {
      "code": "unauthorized",
      "detail": "a valid credential is required",
      "instance": "",
      "status": 401,
      "title": "Unauthorized",
      "type": "about:blank"
    }
    "#);
        }
    }
    assert_eq!(waiting(&rig), 0);
    rig.clock.advance(jiff::SignedDuration::from_hours(1));
    send(&rig, "/v1/webhooks/sandbox", &webhook)
        .await
        .refused(401, "unauthorized");
}

#[tokio::test]
async fn one_that_cannot_be_stored_is_to_be_sent_again() {
    let rig = Rig::new().await;
    let webhook = genuine(&rig).await;
    rig.store.fail_next(Call::Receive, Fault::Before);
    let got = send(&rig, "/v1/webhooks/sandbox", &webhook).await;
    got.refused(503, "unavailable");
    assert_eq!(
        send(&rig, "/v1/webhooks/sandbox", &webhook).await.status,
        200
    );
}

/// A megabyte, by either count of one, is too large; what is less is looked at.
#[tokio::test]
async fn one_that_is_too_large_is_not_read() {
    const MIB: usize = 1024 * 1024;
    let rig = Rig::new().await;
    for (bytes, refused) in [
        (999_999, (401, "unauthorized")),
        (1_000_000, (413, "body_too_large")),
        (MIB, (413, "body_too_large")),
        (MIB + 1, (413, "body_too_large")),
        (12 * MIB, (413, "body_too_large")),
    ] {
        for path in ["/v1/webhooks/sandbox", "/v1/webhooks/sandbox/main"] {
            let body = vec![b' '; bytes];
            let got = rig.post(path).bytes("application/json", body).send().await;
            let (status, code) = refused;
            got.refused(status, code);
        }
    }
}

#[tokio::test]
async fn two_secrets_verify_while_one_takes_over() {
    let signing = |secrets: &[&'static str]| {
        let webhook_secrets = secrets.to_vec();
        Rig::made(Making {
            webhook_secrets,
            ..Making::default()
        })
    };
    let (old, new) = ("whsec_an_older_one", "whsec_a_newer_one");
    let by_old = genuine(&signing(&[old]).await).await;
    let by_new = genuine(&signing(&[new]).await).await;
    let path = "/v1/webhooks/sandbox";
    for (known, of_old, of_new) in [
        (&[old][..], 200, 401),
        (&[new, old], 200, 200),
        (&[new], 401, 200),
    ] {
        let rig = signing(known).await;
        assert_eq!(send(&rig, path, &by_old).await.status, of_old, "{known:?}");
        let rig = signing(known).await;
        assert_eq!(send(&rig, path, &by_new).await.status, of_new, "{known:?}");
    }
}
