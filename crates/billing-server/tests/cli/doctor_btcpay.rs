//! `billing doctor` with a store at BTCPay: who tells the rates, by which order,
//! and what the key lacks for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use billing_testkit::fakes::btcpay::{DEFAULT_STORE, PERMISSIONS};
use serde_json::json;

use crate::doctor_providers::{Desk, PUBLIC};
use crate::far::{Far, PLANS, btcpay};

const KEY: &str = "canary5a17c0";
const SECRET: &str = "hookcanary5a17c0";

/// A store whose webhook is set up.
fn store() -> Far<billing_testkit::fakes::btcpay::FakeBtcPay> {
    let fake = btcpay(KEY, SECRET);
    let hook = json!({
        "url": format!("{PUBLIC}/v1/webhooks/btcpay"), "enabled": true,
        "automaticRedelivery": true, "authorizedEvents": { "everything": true },
    });
    let url = fake
        .url()
        .join(&format!("api/v1/stores/{DEFAULT_STORE}/webhooks"));
    let headers = format!("authorization: token {KEY}\r\ncontent-type: application/json\r\n");
    let made = crate::http::ask("POST", url.unwrap().as_str(), &headers, &hook.to_string());
    assert!((200..300).contains(&made.status), "{made:?}");
    fake
}

fn desk(name: &str, base: &str, more: &[(&str, &str)]) -> Desk {
    let mut told = vec![
        ("BILLING_BTCPAY_API_KEY", KEY),
        ("BILLING_BTCPAY_WEBHOOK_SECRETS", SECRET),
        ("BILLING_BTCPAY_STORE_ID", DEFAULT_STORE),
        ("BILLING_BTCPAY_BASE_URL", base),
    ];
    told.extend(more);
    Desk::of(name, PLANS, &told)
}

/// Two exchanges that say what a bitcoin costs, for as long as the tests run.
fn exchanges() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let kraken = json!({ "error": [], "result": { "XXBTZUSD": { "c": ["50000.1", "0.5"] } } });
    let coinbase = json!({ "data": { "amount": "50100", "base": "BTC", "currency": "USD" } });
    let (kraken, coinbase) = (kraken.to_string(), coinbase.to_string());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let (status, body) = match head.first().map(String::as_str) {
                Some("GET /0/public/Ticker?pair=XBTUSD HTTP/1.1") => ("200 OK", &*kraken),
                Some("GET /v2/prices/BTC-USD/spot HTTP/1.1") => ("200 OK", &*coinbase),
                _ => ("404 Not Found", ""),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

/// Where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

/// The findings that are about rates.
#[track_caller]
fn of_rates(desk: &Desk, code: i32) -> Vec<(String, String)> {
    let findings = desk.findings(code).into_iter();
    findings.filter(|(_, text)| text.contains("rate")).collect()
}

#[test]
fn the_store_s_own_rates_are_asked_first() {
    let fake = store();
    // One of the others bears its first word out, and the rest need not be reached.
    let (gone, there) = (nobody(), exchanges());
    let more = [
        ("BILLING_BTCPAY_KRAKEN_URL", gone.as_str()),
        ("BILLING_BTCPAY_COINBASE_URL", there.as_str()),
        ("BILLING_BTCPAY_COINGECKO_URL", gone.as_str()),
    ];
    let first = desk("doctor-btcpay", fake.url().as_str(), &more);
    let findings = first.findings(0);
    assert!(
        findings.iter().all(|(level, _)| level == "good"),
        "{findings:#?}"
    );
    let (_, text) = findings.last().unwrap();
    assert_eq!(text, "there is a rate of usd, of btcpay");

    // Where none does, it is not believed; a store that is asked alone is.
    let more = more.map(|(variable, _)| (variable, gone.as_str()));
    let unheard = desk("doctor-btcpay-first", fake.url().as_str(), &more);
    let told = of_rates(&unheard, 1);
    let why = "btcpay (is the first word, and no other source bears it out)";
    assert!(told[0].1.contains(why), "{told:#?}");
    let only = [("BILLING_BTCPAY_RATE_SOURCES", "btcpay")];
    let alone = desk("doctor-btcpay-only", fake.url().as_str(), &only);
    assert_eq!(
        of_rates(&alone, 0)[0].1,
        "there is a rate of usd, of btcpay"
    );
}

#[test]
fn a_key_that_may_not_ask_the_store_leaves_the_others_to_tell() {
    let fake = store();
    let rest = PERMISSIONS
        .iter()
        .filter(|held| !held.ends_with("canviewstoresettings"));
    fake.permit(rest.map(|held| (*held).to_owned()).collect());
    let exchange = exchanges();
    let more = [
        ("BILLING_BTCPAY_RATE_SOURCES", "btcpay, kraken, coinbase"),
        ("BILLING_BTCPAY_KRAKEN_URL", exchange.as_str()),
        ("BILLING_BTCPAY_COINBASE_URL", exchange.as_str()),
    ];
    let both = desk("doctor-btcpay-key", fake.url().as_str(), &more);
    let told = of_rates(&both, 0);
    let [(level, lacks), (_, rate)] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert_eq!(level, "warning");
    assert!(
        lacks.contains("lacks btcpay.store.canviewstoresettings"),
        "{lacks}"
    );
    assert_eq!(rate, "there is a rate of usd, of kraken");

    // Whoever does not ask the store needs no such key.
    let more = [("BILLING_BTCPAY_RATE_SOURCES", "kraken"), more[1]];
    let alone = desk("doctor-btcpay-kraken", fake.url().as_str(), &more);
    let told = of_rates(&alone, 0);
    let good = (
        "good".to_owned(),
        "there is a rate of usd, of kraken".to_owned(),
    );
    assert_eq!(told, [good]);
}

#[test]
fn without_a_rate_every_source_that_was_asked_is_named_and_a_pin_helps() {
    let fake = store();
    let gone = nobody();
    let more = [
        ("BILLING_BTCPAY_RATE_SOURCES", "coingecko, kraken"),
        ("BILLING_BTCPAY_KRAKEN_URL", gone.as_str()),
        ("BILLING_BTCPAY_COINGECKO_URL", gone.as_str()),
    ];
    let none = desk("doctor-btcpay-none", fake.url().as_str(), &more);
    let told = of_rates(&none, 1);
    let [(level, text)] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert_eq!(level, "bad");
    let named = text.find("coingecko (").zip(text.find("kraken ("));
    assert!(named.is_some_and(|(first, then)| first < then), "{text}");
    assert!(text.contains("nobody is charged a price in usd"), "{text}");

    for sources in ["coingecko, kraken", "none"] {
        let pin = ("BILLING_BTCPAY_RATE_PINS", "usd=64000.00");
        let more = [
            ("BILLING_BTCPAY_RATE_SOURCES", sources),
            more[1],
            more[2],
            pin,
        ];
        let pinned = desk("doctor-btcpay-pin", fake.url().as_str(), &more);
        let told = of_rates(&pinned, 0);
        let good = (
            "good".to_owned(),
            "there is a rate of usd, of pin".to_owned(),
        );
        assert_eq!(told, [good]);
    }
}
