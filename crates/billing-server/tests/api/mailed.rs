//! The public half of billing sessions: everybody is told the same, and only
//! whoever reads the mailbox on file gets in.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use billing_ports::store::Ring as _;
use billing_ports::{Mail, Mailer};
use billing_server::{ApiOptions, FileOutbox, RateOptions, api_routes, page_routes};
use billing_testkit::RecordingMailer;
use jiff::SignedDuration;
use poem::http::Method;
use poem::{Endpoint as _, Request};
use serde_json::{Value, json};

use crate::gone::Far;
use crate::rig::{Got, Making, ORIGIN, READ, Rig, WRITE, text};

/// A rig whose mail is remembered.
pub(crate) async fn mailing() -> (Rig, RecordingMailer) {
    let mailer = RecordingMailer::new();
    let rig = Rig::new().await.with_mailer(mailer.clone());
    (rig, mailer)
}

impl Rig {
    pub(crate) fn with_mailer(mut self, mailer: impl Mailer + 'static) -> Self {
        self.state = self.state.with_mailer(Arc::new(mailer));
        self.app = Arc::new(api_routes(self.state.clone()));
        self
    }

    /// Asks without a key, and waits for the mail that comes of it.
    pub(crate) async fn asks(&self, body: Value) -> Got {
        let got = self.post("/v1/billing-sessions").json(body).send().await;
        self.state.mail_settled().await;
        got
    }

    pub(crate) async fn opens(&self, link: &str) -> Got {
        let open = self.post("/v1/billing-sessions/open");
        open.json(json!({ "link": link })).send().await
    }

    /// Who is at the other end of a session.
    pub(crate) async fn whoami(&self, opened: &Value) -> Value {
        let me = self.get("/v1/me").by(&text(&opened["token"]));
        me.send().await.ok(200)["customer"].take()
    }
}

/// links are mailed in the language of whoever reads them, as text and as HTML.
#[tokio::test]
async fn a_link_is_mailed_in_its_readers_language() {
    let (rig, mailer) = mailing().await;
    for (who, lang) in [
        ("ana", json!("de-AT")),
        ("ben", json!("fr")),
        ("cem", Value::Null),
    ] {
        let email = format!("{who}@example.com");
        let body = json!({ "external_ref": who, "email": email, "lang": lang });
        rig.post("/v1/customers")
            .by(WRITE)
            .json(body)
            .send()
            .await
            .ok(201);
        rig.asks(json!({ "customer": who })).await;
        rig.asks(json!({ "email": email })).await;
    }
    rig.asks(json!({ "customer": "new", "email": "new@example.com" }))
        .await;
    let mail = mailer.sent();
    assert_eq!(mail.len(), 7);
    for mail in mail {
        let (subject, says) = if mail.to.starts_with("ana@") {
            ("Ihre Verträge bei ", "innerhalb von 15 Minuten")
        } else {
            ("Your billing at ", "within 15 minutes")
        };
        assert!(mail.subject.starts_with(subject), "{mail:?}");
        assert!(mail.text.contains(says), "{}", mail.text);
        // The same link in both, which opens once.
        let link = address(&mail.text);
        let html = mail.html.clone().unwrap();
        let shown = link.as_str().replace('&', "&amp;");
        assert!(html.contains(&format!("<a href=\"{shown}\">")), "{html}");
        assert!(html.contains(says), "{html}");
        assert!(!mail.subject.contains("bl_"));
    }
}

/// The one address in a text.
#[track_caller]
fn address(mail: &str) -> url::Url {
    let mut found = mail.lines().filter(|line| line.starts_with("http"));
    let address = found.next().expect("an address");
    assert_eq!(found.next(), None, "one address: {mail}");
    address.trim_end().parse().unwrap()
}

/// The link in a text, and the address that it leads to without it.
#[track_caller]
pub(crate) fn link(mail: &str) -> (String, String) {
    let address = address(mail);
    let shown = address.to_string();
    let (leads_to, _) = shown.split_once("link=").unwrap();
    let mut pairs = address.query_pairs();
    let (_, link) = pairs.find(|(name, _)| name == "link").unwrap();
    assert!(link.starts_with("bl_"), "{link}");
    (
        link.into_owned(),
        leads_to.trim_end_matches(['?', '&']).to_owned(),
    )
}

/// A folder, gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("mailed-{name}-{}", std::process::id());
        Self(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// The letters in it.
    fn letters(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

#[tokio::test]
async fn everybody_is_told_the_same() {
    let (rig, mailer) = mailing().await;
    let ana = rig.customer("ana").await;
    let made = rig.post("/v1/customers").by(WRITE);
    let made = made.json(json!({ "external_ref": "no mail" })).send().await;
    made.ok(201);
    let expected = |got: &Got| {
        let mut headers = got.headers.clone();
        headers.remove("x-request-id");
        (got.status, got.bytes.clone(), headers)
    };
    let known = rig.asks(json!({ "customer": "ana" })).await;
    assert_eq!((known.status, known.bytes.len()), (204, 0));
    for body in [
        json!({ "customer": "nobody" }),
        json!({ "customer": "no mail" }),
        json!({ "customer": "no mail", "email": "eve@evil.example" }),
        json!({ "customer": "new", "email": "new@example.com" }),
        json!({ "customer": ana }),
        json!({ "customer": ana, "email": "eve@evil.example" }),
        json!({ "customer": format!("cus_{}", "0".repeat(32)) }),
        json!({ "customer": "' OR 1=1 --" }),
        json!({ "customer": "../../etc/passwd" }),
        json!({ "customer": "\u{202e}ana" }),
        json!({ "customer": "x".repeat(255) }),
        json!({ "customer": "ANA" }),
    ] {
        let got = rig.asks(body.clone()).await;
        assert_eq!(expected(&got), expected(&known), "{body}");
    }
    let to: Vec<String> = mailer.sent().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, ["ana@example.com", "new@example.com"]);
}

#[tokio::test]
async fn a_letter_in_the_folder_has_one_link_which_opens_once() {
    let folder = Folder::new("letter");
    let rig = Rig::new().await;
    let outbox = FileOutbox::open(&folder.0, Arc::new(rig.clock.clone())).unwrap();
    let rig = rig.with_mailer(outbox);
    let id = rig.customer("ana").await;
    let got = rig
        .asks(json!({ "customer": "ana", "return_url": format!("{ORIGIN}/billing?x=1") }))
        .await;
    got.ok(204);
    let letters = folder.letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    let (head, _) = letter.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nTo: ana@example.com\r\n"), "{head}");
    assert!(
        head.contains("\r\nSubject: Your billing at Acme Storage\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nMessage-ID: <bss_"), "{head}");
    assert!(
        head.contains("\r\nDate: Sun, 1 Mar 2026 12:00:00 "),
        "{head}"
    );

    let (link, leads_to) = link(letter);
    assert_eq!(leads_to, format!("{ORIGIN}/billing?x=1"));
    let opened = rig.opens(&link).await.ok(201);
    assert_eq!(opened["customer"], id.as_str());
    assert_eq!(rig.whoami(&opened).await["external_ref"], "ana");
    rig.opens(&link).await.refused(404, "session_expired");
}

#[tokio::test]
async fn a_link_that_is_late_opens_nothing() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    for body in [
        json!({ "customer": "ana" }),
        json!({ "customer": "new", "email": "new@example.com" }),
    ] {
        rig.asks(body).await.ok(204);
        let (link, _) = link(&mailer.sent().pop().unwrap().text);
        rig.clock.advance(SignedDuration::from_mins(15));
        rig.opens(&link).await.refused(404, "session_expired");
    }
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
}

#[tokio::test]
async fn a_customer_s_mail_goes_to_the_address_on_file_alone() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    let asked = json!({ "customer": "ana", "email": "eve@evil.example" });
    rig.asks(asked).await.ok(204);
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to, "ana@example.com");
    assert!(!sent[0].text.contains("eve"), "{}", sent[0].text);
    let opened = rig.opens(&link(&sent[0].text).0).await.ok(201);
    assert_eq!(rig.whoami(&opened).await["email"], "ana@example.com");
}

#[tokio::test]
async fn who_is_new_becomes_a_customer_by_opening_the_link() {
    let (rig, mailer) = mailing().await;
    let asked = json!({ "customer": "hub:7 ü", "email": "new@example.com" });
    rig.asks(asked.clone()).await.ok(204);
    rig.asks(asked).await.ok(204);
    assert_eq!(rig.store.snapshot().accounts.len(), 0, "nothing was opened");
    let links: Vec<String> = mailer
        .sent()
        .iter()
        .map(|mail| link(&mail.text).0)
        .collect();
    let opened = rig.opens(&links[0]).await.ok(201);
    let me = rig.whoami(&opened).await;
    assert_eq!(me["external_ref"], "hub:7 ü");
    assert_eq!(me["email"], "new@example.com");
    assert_eq!(opened["customer"], me["id"]);
    rig.opens(&links[0]).await.refused(404, "session_expired");
    // The second leads to the same customer.
    let again = rig.opens(&links[1]).await.ok(201);
    assert_eq!(again["customer"], opened["customer"]);
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
    let path = format!("/v1/customers/{}/journal", text(&opened["customer"]));
    let journal = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(journal["data"][0]["actor"], "billing link");
}

#[tokio::test]
async fn a_claim_that_somebody_else_made_good_or_that_was_changed_opens_nothing() {
    let (rig, mailer) = mailing().await;
    for email in ["eve@evil.example", "ana@example.com"] {
        rig.asks(json!({ "customer": "ana", "email": email }))
            .await
            .ok(204);
    }
    let links: Vec<String> = mailer
        .sent()
        .iter()
        .map(|mail| link(&mail.text).0)
        .collect();
    // Eve's secret with Ana's claim, and no claim at all.
    let (secret, _) = links[0].split_once('.').unwrap();
    let (_, claim) = links[1].split_once('.').unwrap();
    for forged in [
        format!("{secret}.{claim}"),
        secret.to_owned(),
        format!("{secret}."),
        format!("{}x", links[0]),
    ] {
        rig.opens(&forged).await.refused(404, "session_expired");
    }
    // Meanwhile the host makes the customer, whose mail goes to Ana.
    rig.customer("ana").await;
    rig.opens(&links[0]).await.refused(404, "session_expired");
    let opened = rig.opens(&links[1]).await.ok(201);
    assert_eq!(rig.whoami(&opened).await["external_ref"], "ana");
}

#[tokio::test]
async fn a_return_address_is_checked_before_anything_about_the_customer() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    for customer in ["ana", "nobody"] {
        for address in [
            "https://evil.example/",
            "https://app.example.com@evil.example/",
            "http://app.example.com/",
            "javascript:alert(1)",
            "//app.example.com/",
        ] {
            let body = json!({ "customer": customer, "return_url": address });
            rig.asks(body).await.wrong("return_url");
        }
        let long = format!("{ORIGIN}/{}", "x".repeat(240));
        let body = json!({ "customer": customer, "return_url": long });
        rig.asks(body).await.wrong("return_url");
    }
    assert_eq!(mailer.calls(), 0);
    // The longest of everything still fits a line of mail.
    let longest = "x".repeat(240 - ORIGIN.len() - 1);
    let email = format!("{}@{}.example", "e".repeat(64), "d".repeat(181));
    let folder = Folder::new("longest");
    let outbox = FileOutbox::open(&folder.0, Arc::new(rig.clock.clone())).unwrap();
    let rig = rig.with_mailer(outbox);
    let got = rig
        .asks(json!({
            "customer": "c".repeat(255),
            "email": email,
            "return_url": format!("{ORIGIN}/{longest}"),
        }))
        .await;
    got.ok(204);
    let letters = folder.letters();
    rig.opens(&link(&letters[0]).0).await.ok(201);
}

#[tokio::test]
async fn nothing_that_is_asked_becomes_a_header_or_a_second_recipient() {
    let folder = Folder::new("injected");
    let rig = Rig::new().await;
    let outbox = FileOutbox::open(&folder.0, Arc::new(rig.clock.clone())).unwrap();
    let rig = rig.with_mailer(outbox);
    for email in [
        "ana@example.com\r\nBcc: eve@evil.example",
        "ana@example.com\nBcc: eve@evil.example",
        "Ana <ana@example.com>",
    ] {
        let body = json!({ "customer": "ana", "email": email });
        rig.asks(body).await.wrong("email");
    }
    let customer = json!({ "customer": "ana\r\nBcc: x", "email": "a@example.com" });
    rig.asks(customer).await.wrong("customer");
    // What reads as one address, and would be two.
    for email in ["ana@example.com,eve@evil.example", "<ana@example.com>"] {
        let body = json!({ "customer": "ana", "email": email });
        rig.asks(body).await.ok(204);
    }
    assert_eq!(folder.letters(), Vec::<String>::new());
}

/// A rig that limits links as it does by default, and believes its proxy.
pub(crate) async fn limiting() -> (Rig, RecordingMailer) {
    let mailer = RecordingMailer::new();
    let rates = RateOptions {
        public_posts_per_minute: 0,
        failures_per_minute: 0,
        ..RateOptions::default()
    };
    let options = ApiOptions {
        rates,
        trust_forwarded_for: true,
        ..ApiOptions::default()
    };
    let rig = Rig::with(options).await.with_mailer(mailer.clone());
    (rig, mailer)
}

#[tokio::test]
async fn links_are_limited_by_customer_by_mailbox_and_by_address() {
    let (rig, mailer) = limiting().await;
    rig.customer("ana").await;
    let ask = async |from: &str, body: Value| {
        let ask = rig.post("/v1/billing-sessions");
        let got = ask.header("x-forwarded-for", from).json(body).send().await;
        rig.state.mail_settled().await;
        got
    };
    // By customer, known or not, from wherever it is asked.
    for customer in ["ana", "nobody"] {
        for n in 0..5 {
            let body = json!({ "customer": customer });
            ask(&format!("198.51.100.{n}"), body).await.ok(204);
        }
        let got = ask("203.0.113.1", json!({ "customer": customer })).await;
        got.refused(429, "rate_limited");
        assert!(got.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(mailer.sent().len(), 5);
    // By mailbox: whoever asks is told nothing of it.
    for n in 0..8 {
        let body = json!({ "customer": format!("new-{n}"), "email": "Bob@example.com" });
        ask(&format!("198.51.100.1{n}"), body).await.ok(204);
    }
    assert_eq!(mailer.sent().len(), 10);
    // By address, whomever it asks for.
    for n in 0..50 {
        let body = json!({ "customer": format!("guess-{n}") });
        ask("198.51.100.77", body).await.ok(204);
    }
    let got = ask("198.51.100.77", json!({ "customer": "guess" })).await;
    got.refused(429, "rate_limited");
    // An operator is not limited.
    let made = rig.post("/v1/billing-sessions").by(WRITE);
    let made = made.header("x-forwarded-for", "198.51.100.77");
    made.json(json!({ "customer": "ana" })).send().await.ok(201);
}

#[tokio::test]
async fn without_a_mailer_nobody_is_told_so() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    for customer in ["ana", "nobody"] {
        let got = rig.asks(json!({ "customer": customer })).await;
        assert_eq!((got.status, got.bytes.len()), (204, 0), "{customer}");
    }
}

#[tokio::test(start_paused = true)]
async fn mail_that_is_not_taken_is_tried_again_and_never_seen() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    mailer.fail_next(3);
    rig.asks(json!({ "customer": "ana" })).await.ok(204);
    assert_eq!((mailer.sent().len(), mailer.calls()), (1, 4));
    let (link, _) = link(&mailer.sent()[0].text);
    rig.opens(&link).await.ok(201);
    mailer.fail_next(100);
    rig.asks(json!({ "customer": "ana" })).await.ok(204);
    assert_eq!(mailer.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_promises_nothing() {
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
    let rig = Rig::made(making).await.with_mailer(RecordingMailer::new());
    rig.customer("ana").await;
    gone.store(true, std::sync::atomic::Ordering::Relaxed);
    for customer in ["ana", "nobody"] {
        let got = rig.asks(json!({ "customer": customer })).await;
        got.refused(503, "unavailable");
    }
}

#[tokio::test]
async fn a_repetition_under_a_key_is_one_mail() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    for _ in 0..2 {
        let ask = rig.post("/v1/billing-sessions");
        let ask = ask.header("idempotency-key", "guest-0123456789");
        ask.json(json!({ "customer": "ana" })).send().await.ok(204);
        rig.state.mail_settled().await;
    }
    assert_eq!(mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_key_makes_sessions_and_mails_nothing() {
    let (rig, mailer) = mailing().await;
    rig.customer("ana").await;
    let ask = |body| rig.post("/v1/billing-sessions").by(WRITE).json(body);
    let body = json!({ "customer": "ana", "email": "ana@example.com" });
    ask(body).send().await.wrong("email");
    let body = json!({ "customer": "ana", "return_url": format!("{ORIGIN}/") });
    ask(body).send().await.ok(201);
    let refused = rig.post("/v1/billing-sessions").by(READ);
    let refused = refused.json(json!({ "customer": "ana" })).send().await;
    refused.refused(403, "insufficient_scope");
    rig.state.mail_settled().await;
    assert_eq!(mailer.calls(), 0);
}

#[tokio::test]
async fn without_an_address_to_return_to_the_link_leads_to_our_page() {
    let (rig, mailer) = mailing().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    rig.asks(json!({ "customer": "ana" })).await.ok(204);
    let mail: Mail = mailer.sent().pop().unwrap();
    let (link, leads_to) = link(&mail.text);
    assert_eq!(leads_to, "https://billing.example.com/session");

    let pages = page_routes(&rig.state);
    let path = address(&mail.text);
    let path = format!("{}?{}", path.path(), path.query().unwrap());
    let form = format!("link={link}");
    // Whatever looks at the mail first opens nothing.
    for _ in 0..2 {
        let seen = Request::builder().uri_str(&path).finish();
        let seen = pages.get_response(seen).await;
        assert_eq!(seen.status(), 200);
        let shown = seen.into_body().into_string().await.unwrap();
        assert!(
            shown.contains(&format!("value=\"{link}\"")) && !shown.contains("Personal"),
            "{shown}"
        );
    }
    for (status, to, words) in [(303, "/portal", ""), (404, "", "This link was used")] {
        let sent = Request::builder()
            .method(Method::POST)
            .uri_str("/session")
            .content_type("application/x-www-form-urlencoded")
            .body(form.clone());
        let seen = pages.get_response(sent).await;
        assert_eq!(seen.status(), status);
        assert_eq!(seen.header("location").unwrap_or_default(), to);
        let shown = seen.into_body().into_string().await.unwrap();
        assert!(shown.contains(words), "{shown}");
    }
    let foreign = Request::builder()
        .method(Method::POST)
        .uri_str("/session")
        .header("sec-fetch-site", "cross-site")
        .body(form);
    assert_eq!(pages.get_response(foreign).await.status(), 404);
    let bare = Request::builder().uri_str("/session").finish();
    assert_eq!(pages.get_response(bare).await.status(), 404);
    assert!(rig.store.ping().await.is_ok());
}
