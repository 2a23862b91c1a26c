//! The example that an application's author copies for getting the next license: against a
//! server that answers well, badly and not at all. Whatever goes wrong, the file stays.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::{JoinHandle, spawn};

use billing_license::{Claims, SigningKey, sign};
use serde_json::{Value, json};

#[path = "common/embedded.rs"]
mod embedded;

use embedded::{ENDED_AT, claims, signed};

/// What is held, whose next one is at `url`. It has ended, which keeps nobody from refreshing.
fn held(url: &str) -> Claims {
    Claims {
        exp: Some(ENDED_AT),
        serial: 3,
        refresh_url: Some(url.to_owned()),
        ..claims()
    }
}

/// What the server gives after a renewal.
fn renewed() -> Claims {
    Claims {
        exp: None,
        serial: 4,
        ..claims()
    }
}

fn given(token: &str) -> String {
    json!({ "status": "issued", "license": { "id": "lic_1", "token": token } }).to_string()
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// A server that answers one request with `said`, and tells what it was asked.
fn serves(said: String) -> (SocketAddr, JoinHandle<String>) {
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listens.local_addr().unwrap();
    let asked = spawn(move || {
        let (mut asks, _) = listens.accept().unwrap();
        let asked = heard(&mut asks);
        asks.write_all(said.as_bytes()).unwrap();
        asked
    });
    (at, asked)
}

/// A whole request: its head, and as much after it as that says.
fn heard(asks: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&heard).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").unwrap().1;
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if body.len() >= length {
                return String::from_utf8(heard).unwrap();
            }
        }
        let mut part = [0; 4096];
        let read = asks.read(&mut part).unwrap();
        assert_ne!(read, 0, "cut off: {text}");
        heard.extend_from_slice(&part[..read]);
    }
}

/// A folder of its own, with the token in a file of it.
fn kept(name: &str, token: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("refreshing-{name}"));
    // Left by an earlier run.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir(&folder).unwrap();
    let file = folder.join("license.jwt");
    fs::write(&file, token).unwrap();
    file
}

/// Runs it, as it was built beside this test.
fn refreshes(file: &Path) -> Output {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join("refresh");
    let shown = program.display();
    assert!(
        program.exists(),
        "{shown}: `cargo build -p billing-license --examples` builds it"
    );
    Command::new(&program).arg(file).output().unwrap()
}

/// That `file` holds `token` and nothing lies beside it.
fn holds(file: &Path, token: &str, why: &str) {
    assert_eq!(fs::read_to_string(file).unwrap(), token, "{why}");
    let beside = fs::read_dir(file.parent().unwrap()).unwrap();
    assert_eq!(beside.count(), 1, "{why}");
}

#[test]
fn an_application_writes_the_newer_token_that_it_is_given() {
    let next = signed(&renewed());
    let (at, asked) = serves(answer("200 OK", &given(&next)));
    let old = signed(&held(&format!("http://{at}/v1/licenses/refresh")));
    // As an editor leaves it.
    let file = kept("newer", &format!("{old}\n"));
    let ran = refreshes(&file);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    holds(&file, &next, "newer");
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("POST /v1/licenses/refresh HTTP/1.1\r\n"));
    let (_, body) = asked.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({ "token": old }));
}

#[test]
fn an_application_keeps_what_it_has_on_any_failure() {
    let good = given(&signed(&renewed()));
    let older = given(&signed(&Claims {
        serial: 2,
        ..renewed()
    }));
    let other = given(&signed(&Claims {
        jti: "lic_2".to_owned(),
        ..renewed()
    }));
    let elsewhere = given(&signed(&Claims {
        aud: "lighthouse".to_owned(),
        ..renewed()
    }));
    let whole = answer("200 OK", &good);
    let ended = r#"{"code": "payment_required", "reason": "canceled"}"#;
    let refused = r#"{"code": "unauthorized"}"#;
    for (name, said, code, told) in [
        (
            "ended",
            answer("402 Payment Required", ended),
            2,
            "canceled",
        ),
        (
            "unknown",
            answer("401 Unauthorized", refused),
            2,
            "unauthorized",
        ),
        // Whatever else such an answer has in it.
        ("late", answer("402 Payment Required", &good), 2, "402"),
        ("limited", answer("429 Too Many Requests", ""), 1, "429"),
        (
            "failed",
            answer("500 Internal Server Error", &good),
            1,
            "500",
        ),
        (
            "away",
            answer("503 Service Unavailable", "<html>"),
            1,
            "503",
        ),
        ("moved", answer("302 Found", &good), 1, "302"),
        ("silent", String::new(), 1, "no answer"),
        ("cut", whole[..whole.len() - 9].to_owned(), 1, "no answer"),
        ("noise", "no HTTP at all\r\n\r\n".to_owned(), 1, "no answer"),
        (
            "html",
            answer("200 OK", "<html></html>"),
            1,
            "no good token",
        ),
        ("empty", answer("200 OK", ""), 1, "no good token"),
        (
            "garbage",
            answer("200 OK", &given("garbage")),
            1,
            "no good token",
        ),
        (
            "elsewhere",
            answer("200 OK", &elsewhere),
            1,
            "no good token",
        ),
        ("other", answer("200 OK", &other), 1, "of another license"),
        ("older", answer("200 OK", &older), 1, "older"),
    ] {
        let (at, asked) = serves(said);
        let old = signed(&held(&format!("http://{at}/")));
        let file = kept(name, &old);
        let ran = refreshes(&file);
        assert_eq!(ran.status.code(), Some(code), "{name}: {ran:?}");
        let says = String::from_utf8(ran.stderr).unwrap();
        assert!(says.contains("kept what there is"), "{name}: {says}");
        assert!(says.contains(told), "{name}: {says}");
        holds(&file, &old, name);
        assert!(asked.join().unwrap().contains(&old), "{name}");
    }
}

#[test]
fn an_application_keeps_what_it_has_where_nobody_answers() {
    // A port that was free a moment ago.
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listens.local_addr().unwrap();
    drop(listens);
    let old = signed(&held(&format!("http://{at}/")));
    let file = kept("nobody", &old);
    let ran = refreshes(&file);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let says = String::from_utf8(ran.stderr).unwrap();
    assert!(says.contains("no answer"), "{says}");
    holds(&file, &old, "nobody");
}

#[test]
fn an_application_posts_its_license_to_nobody_who_may_not_read_it() {
    let nowhere = Claims {
        refresh_url: None,
        ..held("")
    };
    let stranger = SigningKey::from_seed(&[7; 32]);
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listens.local_addr().unwrap();
    let forged = sign(&held(&format!("http://{at}/")), &stranger).unwrap();
    let leads = |url: String| signed(&held(&url));
    let port = at.port();
    for (token, told) in [
        (signed(&nowhere), "no place"),
        (leads("http://billing.example/".to_owned()), "neither https"),
        (leads(format!("http://127.0.0.2:{port}/")), "neither https"),
        (
            leads(format!("http://localhost:1@127.0.0.1:{port}/")),
            "neither https",
        ),
        (
            leads(format!("http://127.0.0.1@localhost:{port}/")),
            "neither https",
        ),
        (leads(format!("file:///dev/null#{port}")), "neither https"),
        (leads(format!("--output=/dev/null#{port}")), "neither https"),
        // Nor where somebody else's token says.
        (forged, "unknown key"),
        ("garbage".to_owned(), "not a license token"),
    ] {
        let file = kept("private", &token);
        let ran = refreshes(&file);
        assert_eq!(ran.status.code(), Some(1), "{token}: {ran:?}");
        let says = String::from_utf8(ran.stderr).unwrap();
        assert!(says.contains(told), "{told}: {says}");
        holds(&file, &token, told);
    }
    listens.set_nonblocking(true).unwrap();
    let came = listens.accept().map(|_| ());
    assert_eq!(
        came.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "somebody was asked"
    );
}
