//! Mail by a server on loopback: what it is told, and what becomes of its answers.

use billing_testkit::ManualClock;
use jiff::SignedDuration;
use secrecy::SecretString;

use super::fake::{Does, Fake};
use super::*;
use crate::config::SmtpLogin;

const PASSWORD: &str = "hunter2canary";
const KNOWS: &[&str] = &["8BITMIME", "AUTH PLAIN LOGIN"];

fn clock() -> ManualClock {
    ManualClock::new("2026-03-01T12:00:00Z".parse().unwrap())
}

fn told(port: u16) -> SmtpConfig {
    SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        login: Some(SmtpLogin {
            user: "billing".to_owned(),
            password: SecretString::from(PASSWORD.to_owned()),
        }),
        from: "Acme <billing@example.com>".parse().unwrap(),
    }
}

fn to(fake: &Fake) -> Smtp {
    Smtp::new(told(fake.port()), Arc::new(clock()))
}

fn mail() -> Mail {
    Mail {
        id: "bss_1".to_owned(),
        to: "ana@example.com".to_owned(),
        subject: "Your billing at Acme".to_owned(),
        text: "Good day.\n.\n.dot\nhttps://acme.example/?link=bl_canary\n".to_owned(),
        html: None,
    }
}

/// Neither a password, nor a link, nor whom it goes to.
#[track_caller]
fn is_discreet(text: &str) {
    for secret in [PASSWORD, "aHVudGVy", "bl_canary", "ana@"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_whole_by_whoever_is_known() {
    let fake = Fake::start(KNOWS, &[]).await;
    to(&fake).send(&mail()).await.unwrap();
    // NUL, the user, NUL, the password.
    let known = "AUTH PLAIN AGJpbGxpbmcAaHVudGVyMmNhbmFyeQ==";
    let lines = fake.lines();
    let lines: Vec<&str> = lines.iter().map(String::as_str).take(5).collect();
    assert_eq!(
        lines,
        [
            "EHLO example.com",
            known,
            "MAIL FROM:<billing@example.com>",
            "RCPT TO:<ana@example.com>",
            "DATA"
        ]
    );
    let letters = fake.letters();
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}");
    };
    assert_eq!(
        letter.trim_end(),
        "From: Acme <billing@example.com>\r\n\
         To: ana@example.com\r\n\
         Subject: Your billing at Acme\r\n\
         Message-ID: <bss_1@example.com>\r\n\
         Date: Sun, 1 Mar 2026 12:00:00 -0000\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Good day.\r\n.\r\n.dot\r\nhttps://acme.example/?link=bl_canary"
    );
}

#[tokio::test]
async fn the_same_mail_again_bears_the_same_id() {
    let fake = Fake::start(KNOWS, &[]).await;
    let clock = clock();
    let smtp = Smtp::new(told(fake.port()), Arc::new(clock.clone()));
    smtp.send(&mail()).await.unwrap();
    clock.advance(SignedDuration::from_mins(5));
    smtp.send(&mail()).await.unwrap();
    let ids: Vec<String> = fake
        .letters()
        .iter()
        .filter_map(|letter| letter.lines().find(|line| line.starts_with("Message-ID")))
        .map(str::to_owned)
        .collect();
    let id = "Message-ID: <bss_1@example.com>";
    assert_eq!(ids, [id, id]);
}

#[tokio::test]
async fn words_of_any_language_pass_a_server_that_takes_plain_ones_alone() {
    let fake = Fake::start(&["AUTH LOGIN PLAIN"], &[]).await;
    let text = "Grüße, ".repeat(20);
    to(&fake).send(&Mail { text, ..mail() }).await.unwrap();
    let letters = fake.letters();
    assert!(letters[0].is_ascii());
    assert!(
        letters[0].lines().all(|line| line.len() <= 76),
        "{letters:?}"
    );
    let (head, body) = letters[0].split_once("\r\n\r\n").unwrap();
    assert!(
        head.ends_with("Content-Transfer-Encoding: base64"),
        "{head}"
    );
    let body = body.replace("\r\n", "");
    let body = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body).unwrap();
    assert_eq!(String::from_utf8(body).unwrap(), "Grüße, ".repeat(20));

    let to_müller = Mail {
        to: "müller@example.com".to_owned(),
        ..mail()
    };
    let refused = to(&fake).send(&to_müller).await;
    assert!(matches!(refused, Err(MailError::Refused(_))), "{refused:?}");
}

/// What becomes of a mail.
#[derive(Debug, PartialEq, Eq)]
enum Ends {
    /// It is tried again soon.
    Again,
    /// It is given up.
    Never,
    /// Nothing of ours is taken: it is tried again at leisure, and somebody told.
    Unwelcome,
}

#[tokio::test]
async fn a_refusal_says_whether_it_is_of_the_mail_or_of_us() {
    use Does::{Leaves, Says};
    use Ends::{Again, Never, Unwelcome};
    for (word, does, ends) in [
        ("RCPT", Says("450 4.2.0 ana@example.com is busy"), Again),
        ("RCPT", Says("550 5.1.1 ana@example.com is unknown"), Never),
        ("RCPT", Says("550 no such user"), Never),
        ("RCPT", Says("552 5.2.2 ana@example.com is full"), Never),
        ("RCPT", Says("550 5.4.1 access denied"), Never),
        ("RCPT", Says("553 no such name"), Never),
        ("RCPT", Says("554 5.7.1 relay access denied"), Unwelcome),
        ("RCPT", Says("550 5.7.1 not for you"), Unwelcome),
        ("RCPT", Says("550 5.1.8 sender's domain is none"), Unwelcome),
        ("RCPT", Says("530 5.7.0 log in first"), Unwelcome),
        ("RCPT", Says("554 no"), Unwelcome),
        ("MAIL", Says("451 later"), Again),
        ("MAIL", Says("553 not yours"), Unwelcome),
        ("MAIL", Says("550 5.7.60 may not send as this"), Unwelcome),
        ("MAIL", Says("530 5.7.0 log in first"), Unwelcome),
        ("DATA", Says("421 closing"), Again),
        ("DATA", Says("503 5.5.1 not now"), Unwelcome),
        (".", Says("452 full"), Again),
        (".", Says("552 5.3.4 too large"), Never),
        (".", Says("552 too large"), Never),
        (".", Says("554 5.6.0 bad content"), Never),
        (".", Says("550 5.1.1 nobody after all"), Never),
        (".", Says("554 5.7.1 spam: bl_canary"), Unwelcome),
        (".", Says("550 5.7.26 neither SPF nor DKIM"), Unwelcome),
        // Before the mail is named it is not to blame.
        ("hello", Says("554 no service"), Unwelcome),
        ("hello", Says("421 busy"), Again),
        ("hello", Leaves, Again),
        ("EHLO", Says("421 busy"), Again),
        ("AUTH", Says("535 5.7.8 wrong hunter2canary"), Unwelcome),
        ("AUTH", Says("454 later"), Again),
        ("DATA", Leaves, Again),
        (".", Leaves, Again),
        (".", Says("what?"), Again),
    ] {
        let fake = Fake::start(KNOWS, &[(word, does)]).await;
        let error = to(&fake).send(&mail()).await.unwrap_err();
        is_discreet(&format!("{error} {error:?}"));
        let ended = match &error {
            MailError::NotTaken(_) => Again,
            MailError::Refused(_) => Never,
            MailError::Unwelcome(_) => Unwelcome,
        };
        let said = match does {
            Says(line) => line,
            Does::Hangs | Leaves => "leaves",
        };
        assert_eq!(ended, ends, "{word} {said}: {error}");
        if let (MailError::NotTaken(why) | MailError::Unwelcome(why), Says(line)) = (&error, does)
            && line.starts_with(['4', '5'])
        {
            assert!(why.contains(&line[..3]), "{word}: {why}");
        }
    }
    let gone = told(1);
    let gone = Smtp::new(SmtpConfig { port: 1, ..gone }, Arc::new(clock()));
    let error = gone.send(&mail()).await.unwrap_err();
    assert!(matches!(error, MailError::NotTaken(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_has_its_time_and_no_more() {
    for word in ["hello", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        let fake = Fake::start(KNOWS, &[(word, Does::Hangs)]).await;
        let began = tokio::time::Instant::now();
        let error = to(&fake).send(&mail()).await.unwrap_err();
        assert!(matches!(error, MailError::NotTaken(_)), "{word}: {error}");
        assert!(
            began.elapsed() <= SENT_WITHIN + Duration::from_secs(1),
            "{word}"
        );
    }
}

/// Nobody waits for the goodbye: who has said that it has the mail has it.
#[tokio::test]
async fn a_mail_that_was_taken_is_taken_however_the_server_parts() {
    for does in [Does::Hangs, Does::Leaves, Does::Says("500 what?")] {
        let fake = Fake::start(KNOWS, &[("QUIT", does)]).await;
        to(&fake).send(&mail()).await.unwrap();
        assert_eq!(fake.letters().len(), 1);
    }
}

#[tokio::test]
async fn nothing_that_would_be_another_header_reaches_the_server() {
    let fake = Fake::start(KNOWS, &[]).await;
    let injected = "ana@example.com\r\nBcc: eve@evil.example".to_owned();
    let command = "ana@example.com>\r\nRCPT TO:<eve@evil.example".to_owned();
    for mail in [
        Mail {
            to: injected.clone(),
            ..mail()
        },
        Mail {
            to: command,
            ..mail()
        },
        Mail {
            subject: injected.clone(),
            ..mail()
        },
        Mail {
            id: injected,
            ..mail()
        },
    ] {
        let refused = to(&fake).send(&mail).await;
        assert!(matches!(refused, Err(MailError::Refused(_))), "{refused:?}");
    }
    assert_eq!(fake.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn neither_password_nor_mail_is_told_where_tls_is_due_and_not_offered() {
    let fake = Fake::start(KNOWS, &[]).await;
    let tls = SmtpTls::StartTls;
    let smtp = Smtp::new(
        SmtpConfig {
            tls,
            ..told(fake.port())
        },
        Arc::new(clock()),
    );
    let error = smtp.send(&mail()).await.unwrap_err();
    let why = "failed to begin TLS: the server does not offer it".to_owned();
    assert_eq!(error, MailError::Unwelcome(why));
    assert!(fake.lines().iter().all(|line| line.starts_with("EHLO")));

    // Nor to one that offers it and then speaks on in the clear.
    let fake = Fake::start(&["STARTTLS", "AUTH PLAIN"], &[]).await;
    let smtp = Smtp::new(
        SmtpConfig {
            tls,
            ..told(fake.port())
        },
        Arc::new(clock()),
    );
    let error = smtp.send(&mail()).await.unwrap_err();
    assert!(matches!(error, MailError::NotTaken(_)), "{error}");
    assert!(
        !fake.lines().concat().contains("AUTH"),
        "{:?}",
        fake.lines()
    );
    assert_eq!(fake.letters(), Vec::<String>::new());

    // Nor where every byte is private, to a server that speaks none of it.
    let fake = Fake::start(KNOWS, &[]).await;
    let tls = SmtpTls::Implicit;
    let smtp = Smtp::new(
        SmtpConfig {
            tls,
            ..told(fake.port())
        },
        Arc::new(clock()),
    );
    let error = smtp.send(&mail()).await.unwrap_err();
    assert!(matches!(error, MailError::NotTaken(_)), "{error}");
    assert!(
        !fake.lines().concat().contains("EHLO"),
        "{:?}",
        fake.lines()
    );
}

#[tokio::test]
async fn a_server_can_be_looked_at_without_a_mail() {
    let fake = Fake::start(KNOWS, &[]).await;
    Smtp::look(&told(fake.port())).await.unwrap();
    assert!(!fake.lines().iter().any(|line| line.starts_with("MAIL")));
    let stranger = Does::Says("535 5.7.8 no hunter2canary");
    let fake = Fake::start(KNOWS, &[("AUTH", stranger)]).await;
    let why = Smtp::look(&told(fake.port())).await.unwrap_err();
    assert_eq!(why, "failed to log in: the server answered 535");
    let fake = Fake::start(&[], &[]).await;
    let why = Smtp::look(&told(fake.port())).await.unwrap_err();
    assert_eq!(why, "failed to log in: the server does not offer it");
}

#[test]
fn debugging_output_tells_neither_user_nor_password() {
    let told = told(25);
    let shown = format!("{:?} {told:?}", Smtp::new(told.clone(), Arc::new(clock())));
    is_discreet(&shown);
    assert!(shown.contains("127.0.0.1"), "{shown}");
}
