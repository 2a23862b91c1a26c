//! The fakes as programs, as a person starts them.
#![cfg(feature = "fakes")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

use serde_json::{Value, json};

const PROGRAMS: [&str; 3] = [
    env!("CARGO_BIN_EXE_fake-stripe"),
    env!("CARGO_BIN_EXE_fake-paddle"),
    env!("CARGO_BIN_EXE_fake-btcpay"),
];

/// How long a program may take to start or to answer before the test fails rather than
/// hangs: each takes milliseconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that serves. Dropping it ends it.
struct Serving {
    child: Child,
    /// Host and port.
    at: String,
    /// What it prints is read as long as it serves: one that nobody reads ends.
    _out: BufReader<ChildStdout>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Serving {
    fn start(program: &str, words: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["--port", "0"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (first, lines) = channel();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        spawn(move || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            first.send((line, out)).unwrap();
        });
        let Ok((line, out)) = lines.recv_timeout(PATIENCE) else {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{program} does not say where it is");
        };
        let (_, at) = line.trim_end().split_once("http://").unwrap();
        let at = at.trim_end_matches('/').to_owned();
        Self {
            child,
            at,
            _out: out,
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        self.ask_with("", method, path, body)
    }

    /// Asks with more lines in the head, each with its end.
    fn ask_with(&self, head: &str, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (at, length) = (&self.at, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n{head}\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What is made at a provider's own path.
    fn makes(&self, head: &str, path: &str, body: &str) -> Value {
        told(&self.ask_with(head, "POST", path, body))
    }

    /// An act of a person or a bank, which is done.
    fn acts(&self, name: &str, body: &Value) -> Value {
        let answer = self.ask("POST", &format!("/_act/{name}"), &body.to_string());
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        told(&answer)
    }

    /// How often and how much everybody was charged, by currency.
    fn charged(&self) -> Vec<(u64, Value)> {
        let books = told(&self.ask("GET", "/_books", ""));
        let accounts = books["customers"].as_object().unwrap().values();
        let accounts = accounts.filter(|account| account["charges"] != 0);
        accounts
            .map(|account| {
                (
                    account["charges"].as_u64().unwrap(),
                    account["charged"].clone(),
                )
            })
            .collect()
    }
}

/// The JSON of an answer that is a good one.
fn told(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 2"), "{answer}");
    serde_json::from_str(body).unwrap()
}

fn help(program: &str) -> String {
    let ran = Command::new(program).arg("--help").output().unwrap();
    assert!(ran.status.success(), "{program}");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_clock_that_is_told_where_to_stand_stands_there() {
    for program in PROGRAMS {
        let still = Serving::start(program, &["--start", "2026-03-01T00:00:00Z"]);
        for _look in 0..2 {
            let answer = still.ask("GET", "/_clock", "");
            assert!(answer.contains("\"2026-03-01T00:00:00Z\""), "{answer}");
        }
        let day = r#"{"advance_seconds": 86400}"#;
        let moved = still.ask("POST", "/_clock", day);
        assert!(moved.contains("\"2026-03-02T00:00:00Z\""), "{moved}");
    }
}

#[test]
fn help_names_what_there_is_and_nothing_else() {
    for program in PROGRAMS {
        let help = help(program);
        let serving = Serving::start(program, &[]);
        for place in ["/_books", "/_requests", "/_clock", "/_faults", "/_webhooks"] {
            assert!(help.contains(&format!("GET  {place}")), "{help}");
            let answer = serving.ask("GET", place, "");
            assert!(answer.starts_with("HTTP/1.1 200"), "{place}: {answer}");
        }
        // An act is its name and, in braces, what it wants: `pay {invoice, sats?}`.
        let (_, acts) = help.split_once("POST /_act/…").unwrap();
        let (acts, _) = acts.split_once("\n\n").unwrap();
        let words = acts.split_whitespace().collect::<Vec<_>>();
        let pairs = words.windows(2).filter(|pair| pair[1].starts_with('{'));
        let names: Vec<&str> = pairs.map(|pair| pair[0]).collect();
        assert!(names.len() >= 7, "{names:?}");
        for name in names {
            let answer = serving.ask("POST", &format!("/_act/{name}"), "{}");
            assert!(!is_unknown(&answer), "{name}: {answer}");
        }
        let answer = serving.ask("POST", "/_act/dance", "{}");
        assert!(is_unknown(&answer), "{answer}");
    }
}

#[test]
fn somebody_pays_at_the_program_of_stripe() {
    let fake = Serving::start(
        env!("CARGO_BIN_EXE_fake-stripe"),
        &["--price", "price_pro=2000 usd month"],
    );
    assert_eq!(fake.charged(), []);
    let head = "authorization: Bearer sk_test_fake\r\n\
                content-type: application/x-www-form-urlencoded\r\n";
    let form = "mode=subscription&line_items[0][price]=price_pro&line_items[0][quantity]=1\
                &success_url=https%3A%2F%2Fshop.test%2Fdone";
    let session = fake.makes(head, "/v1/checkout/sessions", form);
    let pays = json!({ "session": session["id"], "card": "4242424242424242" });
    fake.acts("pay", &pays);
    assert_eq!(fake.charged(), [(1, json!({ "usd": 2_000 }))]);
}

#[test]
fn somebody_pays_at_the_program_of_paddle() {
    let fake = Serving::start(
        env!("CARGO_BIN_EXE_fake-paddle"),
        &["--price", "pri_pro=2000usd/month"],
    );
    assert_eq!(fake.charged(), []);
    let head = "authorization: Bearer pdl_sdbx_apikey_fake\r\n\
                content-type: application/json\r\n";
    let makes = |path: &str, body: Value| fake.makes(head, path, &body.to_string())["data"].take();
    let customer = makes("/customers", json!({ "email": "ana@buyers.test" }));
    let addresses = format!("/customers/{}/addresses", customer["id"].as_str().unwrap());
    let address = makes(&addresses, json!({ "country_code": "US" }));
    let wanted = json!({
        "items": [{ "price_id": "pri_pro", "quantity": 1 }],
        "customer_id": customer["id"], "address_id": address["id"],
    });
    let transaction = makes("/transactions", wanted);
    let paid = fake.acts("pay", &json!({ "transaction": transaction["id"] }));
    assert_eq!(paid["paid"], true);
    assert_eq!(fake.charged(), [(1, json!({ "usd": 2_000 }))]);
}

#[test]
fn somebody_pays_at_the_program_of_btcpay() {
    let fake = Serving::start(
        env!("CARGO_BIN_EXE_fake-btcpay"),
        &["--store", "harbor", "--rate", "USD=25000.00"],
    );
    assert_eq!(fake.charged(), []);
    let head = "authorization: token fakebtcpaykey\r\ncontent-type: application/json\r\n";
    let wanted = json!({
        "amount": "25.00", "currency": "USD", "metadata": { "orderId": "order:1" },
    });
    let path = "/api/v1/stores/harbor/invoices";
    let invoice = fake.makes(head, path, &wanted.to_string());
    let named = json!({ "invoice": invoice["id"] });
    assert_eq!(fake.acts("pay", &named)["sats"], 100_000);
    let confirmed = fake.ask("POST", "/_act/confirm", &named.to_string());
    assert!(confirmed.starts_with("HTTP/1.1 200"), "{confirmed}");
    assert_eq!(fake.charged(), [(1, json!({ "sat": 100_000 }))]);
}

/// Whether a fake says that it knows no such act.
fn is_unknown(answer: &str) -> bool {
    ["unknown act", "unknown_act", "unknown variant"]
        .iter()
        .any(|words| answer.contains(words))
}
