//! Claims over HTTP: mailed once, opened once, and told to nobody else.

use billing_domain::time::shifted;
use billing_ports::Clock as _;
use billing_sandbox::TestCard;
use billing_testkit::RecordingMailer;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::mailed::{limiting, link, mailing};
use crate::rig::{ADMIN, READ, Rig, WRITE, text};

/// A guest buys, types this address at the opening, and gives this one at the page.
async fn guest(rig: &Rig, typed: Option<&str>, told: Option<&str>) -> Value {
    let body = json!({ "price": "personal-monthly", "email": typed });
    let opened = rig.post("/v1/checkouts").json(body).send().await.ok(201);
    let page = text(&opened["url"]);
    let reference = page.rsplit('/').next().unwrap();
    let paying = rig.sandbox.pay(reference, TestCard::Pays, told);
    paying.await.unwrap();
    rig.deliver().await;
    rig.state.mail_settled().await;
    opened
}

#[tokio::test]
async fn one_mail_goes_to_the_collected_address_and_to_nobody_who_is_named() {
    let (rig, mailer) = mailing().await;
    // Who is named by the host is no guest, whatever is given at the page.
    rig.customer("ana").await;
    rig.buys("ana", "personal-monthly").await;
    assert_eq!(mailer.sent(), []);
    guest(&rig, Some("eve@x.test"), Some("bob@x.test")).await;
    let sent = mailer.sent();
    let to: Vec<_> = sent.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["bob@x.test"]);
    let (link, leads_to) = link(&sent[0].text);
    assert_eq!(leads_to, "https://billing.example.com/session");
    assert!(link.contains(".guest"), "{link}");
    // Delivered again, it is not mailed again.
    rig.state.billing.work_until_idle().await.unwrap();
    rig.state.mail_settled().await;
    assert_eq!(mailer.sent().len(), 1);
}

#[tokio::test]
async fn an_altered_link_opens_nothing() {
    let (rig, mailer) = mailing().await;
    guest(&rig, None, Some("bob@x.test")).await;
    let (link, _) = link(&mailer.sent()[0].text);
    let (secret, _) = link.split_once('.').unwrap();
    for altered in [
        secret.to_owned(),
        format!("{secret}."),
        format!("{secret}.guests"),
        format!("{secret}.Z3Vlc3Q"),
        format!("{link}.guest"),
    ] {
        rig.opens(&altered).await.refused(404, "session_expired");
    }
    rig.opens(&link).await.ok(201);
    rig.opens(&link).await.refused(404, "session_expired");
}

#[tokio::test]
async fn its_session_lasts_from_the_opening_and_not_from_the_mail() {
    let (rig, mailer) = mailing().await;
    guest(&rig, None, Some("bob@x.test")).await;
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    rig.clock.set(shifted(rig.clock.now(), days(6)));
    let (link, _) = link(&mailer.sent()[0].text);
    let opened = rig.opens(&link).await.ok(201);
    let hour = SignedDuration::from_hours(1);
    let ends = shifted(rig.clock.now(), hour).to_string();
    assert_eq!(opened["expires_at"], ends.as_str());
    assert_eq!(rig.whoami(&opened).await["email"], "bob@x.test");
}

#[tokio::test]
async fn an_address_alone_is_answered_the_same_whosever_it_is() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    guest(&rig, None, Some("bob@x.test")).await;
    // Typed, and never paid for.
    let unpaid = json!({ "price": "personal-monthly", "email": "typed@x.test" });
    rig.post("/v1/checkouts").json(unpaid).send().await.ok(201);
    let before = mailer.sent().len();
    for (email, mails) in [
        ("ana@example.com", 1),
        ("ANA@example.com", 1),
        ("bob@x.test", 1),
        ("typed@x.test", 0),
        ("nobody@x.test", 0),
        ("%@x.test", 0),
        ("guest", 0),
    ] {
        let sent = mailer.sent().len();
        let got = rig.asks(json!({ "email": email })).await;
        if email == "guest" {
            got.wrong("email");
            continue;
        }
        assert_eq!((got.status, got.bytes.len()), (204, 0), "{email}");
        assert_eq!(mailer.sent().len() - sent, mails, "{email}");
    }
    // To the address on file, not to what was typed.
    assert_eq!(mailer.sent()[before + 1].to, "ana@example.com");
    rig.asks(json!({})).await.wrong("customer");
    let by_key = rig.post("/v1/billing-sessions").by(WRITE);
    let by_key = by_key.json(json!({ "email": "ana@example.com" })).send();
    by_key.await.wrong("email");
}

#[tokio::test]
async fn a_mailbox_has_enough_of_claims_too() {
    let (rig, mailer) = limiting().await;
    for _ in 0..7 {
        guest(&rig, None, Some("bob@x.test")).await;
    }
    assert_eq!(mailer.sent().len(), 5);
    let got = rig.asks(json!({ "email": "Bob@x.test" })).await;
    assert_eq!((got.status, mailer.sent().len()), (204, 5));
    for _ in 0..4 {
        rig.asks(json!({ "email": "bob@x.test" })).await.ok(204);
    }
    let got = rig.asks(json!({ "email": "BOB@x.test" })).await;
    got.refused(429, "rate_limited");
}

#[tokio::test]
async fn an_operator_sees_the_claim_and_whose_it_became() {
    let (rig, mailer) = mailing().await;
    let ana = rig.customer("ana").await;
    guest(&rig, None, Some("Ana@example.com")).await;
    let list = async || {
        let got = rig.get("/v1/customers").by(READ).send().await;
        got.ok(200)["data"].as_array().unwrap().clone()
    };
    let guest = list().await.remove(0);
    assert_eq!(guest["claim"]["state"], "open");
    assert_eq!(guest["claim"]["email"], "Ana@example.com");
    assert_eq!(guest["email"], Value::Null);
    let (link, _) = link(&mailer.sent()[0].text);
    let opened = rig.opens(&link).await.ok(201);
    assert_eq!(opened["customer"], ana.as_str());
    let rows = list().await;
    assert_eq!(rows[0]["claim"]["state"], "attached");
    assert_eq!(rows[0]["claim"]["attached_to"], ana.as_str());
    assert_eq!(rows[1]["attached"], json!([guest["id"]]));
    // The journal names nobody's mailbox.
    let path = format!("/v1/customers/{}/journal", text(&guest["id"]));
    let journal = rig.get(&path).by(READ).send().await.ok(200).to_string();
    assert!(journal.contains("claim.made") && !journal.contains("@example"));
}

#[tokio::test]
async fn without_a_mailer_a_claim_waits_and_nothing_is_parked() {
    let rig = Rig::new().await;
    guest(&rig, None, Some("bob@x.test")).await;
    let parked = rig.get("/v1/parked").by(ADMIN).send().await.ok(200);
    assert_eq!(parked["data"], json!([]));
    let rig = {
        let mailer = RecordingMailer::new();
        let rig = rig.with_mailer(mailer.clone());
        rig.asks(json!({ "email": "bob@x.test" })).await.ok(204);
        assert_eq!(mailer.sent().len(), 1);
        rig
    };
    rig.state.billing.work_until_idle().await.unwrap();
}
