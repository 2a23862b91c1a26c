//! Killed without warning, in the middle of its work: what was acknowledged is
//! there, what was under way is finished, and nothing is there twice.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};

use serde_json::Value;

use crate::http::{get, submit};
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, between};

/// How often it is killed.
const ROUNDS: usize = 3;

/// Who writes at once, and how much is acknowledged before it is killed: enough
/// that commits are shared, and that some are under way when it happens.
const WRITERS: usize = 4;
const ACKNOWLEDGED: usize = 40;

/// a sale that was paid and not told yet, and customers being made.
#[test]
fn x_03_what_was_acknowledged_outlives_a_kill() {
    let folder = Folder::new("killed");
    let mut server = Server::first(&folder);
    let mut made = Vec::new();
    let mut sales = Vec::new();
    for round in 0..ROUNDS {
        let key = server.key.clone();
        made.extend(written_until_killed(server, round, &mut sales));
        assert!(made.len() >= ACKNOWLEDGED * (round + 1));
        server = Server::again(&folder, &[]);
        server.key = key;
        for (name, id) in &made {
            let found = server.read(&format!("/v1/customers/{name}"));
            assert_eq!(found["id"], id.as_str(), "{name} in round {round}");
        }
        for success in &sales {
            server.wait_for("the thanks", |server| {
                let page = server.get(success);
                page.ok(200).contains("Thank you").then_some(())
            });
        }
    }
    let rows = |path: &str| -> Vec<Value> {
        let list = server.read(&format!("{path}?limit=100"));
        list["data"].as_array().unwrap().clone()
    };
    let subscriptions = rows("/v1/subscriptions");
    assert_eq!(subscriptions.len(), ROUNDS);
    assert!(subscriptions.iter().all(|held| held["status"] == "active"));
    let invoices = rows("/v1/invoices");
    assert_eq!(invoices.len(), ROUNDS);
    for invoice in invoices {
        assert_eq!(
            invoice["payments"].as_array().unwrap().len(),
            1,
            "{invoice}"
        );
    }
    assert!(rows("/v1/parked").is_empty());
}

/// Writes customers, pays a sale, and kills the server; gives the customers that
/// it acknowledged, by name and id.
fn written_until_killed(
    server: Server,
    round: usize,
    sales: &mut Vec<String>,
) -> Vec<(String, String)> {
    let (send, acknowledged) = channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (url, key) = (server.url.clone(), server.key.clone());
            let (name, send) = (format!("{round}-{writer}"), send.clone());
            std::thread::spawn(move || write(&url, &key, &name, &send))
        })
        .collect();
    drop(send);
    let mut made: Vec<_> = acknowledged.iter().take(ACKNOWLEDGED).collect();
    // The payment is acknowledged; its webhook is not sent yet, or under way.
    sales.push(paid(&server));
    drop(server);
    made.extend(acknowledged);
    for writer in writers {
        writer.join().unwrap();
    }
    made
}

/// Makes customers, one after the other, until nobody answers.
fn write(url: &str, key: &str, name: &str, acknowledged: &Sender<(String, String)>) {
    for number in 0.. {
        let name = format!("{name}-{number}");
        let Some(id) = customer(url, key, &name) else {
            return;
        };
        acknowledged.send((name, id)).unwrap();
    }
}

/// Makes a customer. `None`: the server is gone.
fn customer(url: &str, key: &str, name: &str) -> Option<String> {
    let host = url.strip_prefix("http://").unwrap();
    let body = format!("{{\"external_ref\":\"{name}\"}}");
    let length = body.len();
    let request = format!(
        "POST /v1/customers HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         authorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    // Cut off in the middle is not acknowledged.
    let body: Value = serde_json::from_str(body).ok()?;
    assert!(head.starts_with("HTTP/1.1 201"), "{answer}");
    Some(body["id"].as_str().unwrap().to_owned())
}

/// Pays for a subscription at the sandbox's page; gives the path of the page
/// that the buyer is sent to.
fn paid(server: &Server) -> String {
    let chosen = server.submit("/pricing/checkout", &[("price", "personal-monthly")]);
    chosen.ok(303);
    let page = chosen.header("location").to_owned();
    let form = get(&page);
    let token = between(form.ok(200), "name=\"token\" value=\"", "\"");
    let fields = [
        ("token", token),
        ("email", "ana@example.com"),
        ("number", PAYS),
        ("expiry", "12/49"),
        ("cvc", "123"),
    ];
    let paid = submit(&page, &fields);
    paid.ok(303);
    let success = paid.header("location");
    success
        .strip_prefix(&server.url)
        .unwrap_or(success)
        .to_owned()
}
