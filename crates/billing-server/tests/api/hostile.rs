//! Bad input over a real socket: each is a 4xx with its code, writes nothing,
//! and leaves a server that serves.

use billing_catalog::SAMPLE;
use billing_ports::store::Credentials;
use billing_testkit::memory::Snapshot;
use serde_json::json;

use crate::rig::{ADMIN, READ, WRITE, text};
use crate::routes::{ROUTES, Who};
use crate::wire::{Said, Server, quick};

const JSON: &str = "content-type: application/json\r\n";
const YAML: &str = "content-type: application/yaml\r\n";

/// What a store may tell of, the keys included.
async fn books(server: &Server) -> (Snapshot, usize) {
    let keys = server.rig.store.list_keys(100).await.unwrap();
    (server.rig.store.snapshot(), keys.len())
}

/// Checks one refusal, that nothing was written, and that the server serves.
async fn refused(
    server: &Server,
    before: &(Snapshot, usize),
    what: &str,
    said: &Said,
    as_: (u16, &str),
) {
    let (status, code) = as_;
    assert_eq!(said.status, status, "{what}: {said:?}");
    assert_eq!(said.json["code"], code, "{what}: {said:?}");
    assert_eq!(said.json["status"], status, "{what}: {said:?}");
    assert!(
        said.header
            .contains("content-type: application/problem+json"),
        "{what}: {said:?}"
    );
    assert_eq!(
        &books(server).await,
        before,
        "{what}: something was written"
    );
    let after = server.asks("GET /v1/plans", "", b"").await;
    assert_eq!(after.status, 200, "{what}: no longer served: {after:?}");
}

fn by(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

const MIB: usize = 1024 * 1024;

/// Every route that reads a JSON body, as a request's first line, with a credential that it
/// takes. What providers send is read by their signature first.
async fn json_routes(server: &Server) -> Vec<(String, String)> {
    server.rig.customer("ana").await;
    let session = server.rig.session("ana").await;
    let reading = ROUTES.iter().filter(|route| route.json("ana").is_some());
    let ours = reading.filter(|route| route.who != Who::Providers);
    let asked = ours.map(|route| {
        let by = match route.who {
            Who::Customer => by(&session),
            Who::Public | Who::Holder | Who::Providers => String::new(),
            Who::Buyers | Who::WriteOrNobody | Who::Read | Who::Write => by(WRITE),
            Who::Admin => by(ADMIN),
        };
        (route.line("ana"), by)
    });
    asked.collect()
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused_by_every_route() {
    let server = Server::start(quick()).await;
    let routes = json_routes(&server).await;
    let before = books(&server).await;
    let deep = |open: &str, close: &str| {
        [open.repeat(100_000), "1".to_owned(), close.repeat(100_000)].concat()
    };
    let bodies: [(&str, Vec<u8>); 9] = [
        ("not JSON", b"hello".to_vec()),
        ("a form", b"plan=free&email=a%40example.com".to_vec()),
        ("cut off", b"{\"plan\": \"free\"".to_vec()),
        ("invalid UTF-8", b"{\"plan\": \"\xff\xfe\"}".to_vec()),
        ("a surrogate alone", b"{\"plan\": \"\\ud800\"}".to_vec()),
        ("deep lists", deep("[", "]").into_bytes()),
        ("deep objects", deep("{\"a\":", "}").into_bytes()),
        (
            "deep within a field",
            format!("{{\"plan\": {}}}", deep("[", "]")).into_bytes(),
        ),
        ("a list", b"[]".to_vec()),
    ];
    for (line, by) in &routes {
        for (what, body) in &bodies {
            let said = server.asks(line, &format!("{JSON}{by}"), body).await;
            let what = format!("{line}: {what}");
            refused(&server, &before, &what, &said, (400, "invalid_request")).await;
            assert_eq!(said.json["errors"][0]["field"], "body", "{what}");
        }
    }
}

#[tokio::test]
async fn another_form_than_json_is_refused() {
    let server = Server::start(quick()).await;
    let routes = json_routes(&server).await;
    let before = books(&server).await;
    for (line, by) in &routes {
        for form in [
            "",
            "content-type: text/plain\r\n",
            "content-type: application/xml\r\n",
        ] {
            let said = server.asks(line, &format!("{form}{by}"), b"{}").await;
            let expected = (415, "unsupported_media_type");
            refused(&server, &before, line, &said, expected).await;
        }
    }
}

#[tokio::test]
async fn a_megabyte_is_read_and_twelve_are_not() {
    let server = Server::start(quick()).await;
    let routes = json_routes(&server).await;
    let before = books(&server).await;
    let filled = |bytes: usize| {
        let mut body = br#"{"plan":""#.to_vec();
        body.resize(bytes - 2, b'x');
        body.extend_from_slice(br#""}"#);
        body
    };
    for (bytes, expected) in [
        (1_000_000, (400, "invalid_request")),
        (MIB, (400, "invalid_request")),
        (MIB + 1, (413, "body_too_large")),
        (12 * MIB, (413, "body_too_large")),
    ] {
        let body = filled(bytes);
        for (line, by) in &routes {
            let said = server.asks(line, &format!("{JSON}{by}"), &body).await;
            refused(
                &server,
                &before,
                &format!("{line}: {bytes}"),
                &said,
                expected,
            )
            .await;
        }
    }
    let body = vec![b' '; 12 * MIB];
    for (line, headers) in [
        ("POST /v1/webhooks/sandbox", String::new()),
        ("POST /v1/catalog/apply", format!("{YAML}{}", by(ADMIN))),
        ("POST /v1/nosuch", String::new()),
    ] {
        let said = server.asks(line, &headers, &body).await;
        refused(&server, &before, line, &said, (413, "body_too_large")).await;
    }
}

#[tokio::test]
async fn numbers_out_of_range_are_refused() {
    let server = Server::start(quick()).await;
    let ana = server.rig.customer("ana").await;
    let before = books(&server).await;
    for number in [
        "0",
        "-1",
        "1.5",
        "1e2",
        "-0.0",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "\"1\"",
        "true",
        "[1]",
    ] {
        let body = format!(r#"{{"price": "team-monthly", "quantity": {number}}}"#);
        let said = server
            .asks("POST /v1/checkouts", JSON, body.as_bytes())
            .await;
        refused(&server, &before, number, &said, (400, "invalid_request")).await;
        assert_eq!(said.json["errors"][0]["field"], "quantity", "{number}");
    }
    for number in [
        "1e999", "-1e999", "NaN", "Infinity", "01", "+1", "0x10", "1_000",
    ] {
        let body = format!(r#"{{"price": "team-monthly", "quantity": {number}}}"#);
        let said = server
            .asks("POST /v1/checkouts", JSON, body.as_bytes())
            .await;
        refused(&server, &before, number, &said, (400, "invalid_request")).await;
        assert_eq!(said.json["errors"][0]["field"], "body", "{number}");
    }
    for number in ["-1", "1.5", "1e2", "18446744073709551616", "", "x", "+-1"] {
        let line = format!("GET /v1/customers/{ana}/check/projects?amount={number}");
        let said = server.asks(&line, &by(READ), b"").await;
        refused(&server, &before, &line, &said, (400, "invalid_request")).await;
        let line = format!("GET /v1/customers?limit={number}");
        let said = server.asks(&line, &by(READ), b"").await;
        refused(&server, &before, &line, &said, (400, "invalid_request")).await;
    }
}

#[tokio::test]
async fn prices_that_are_no_money_are_refused() {
    let server = Server::start(quick()).await;
    let before = books(&server).await;
    for (from, to) in [
        ("currency: usd", "currency: XYZ"),
        ("currency: usd", "currency: dollars"),
        ("currency: usd", "currency: \"\""),
        ("amount: 5.00", "amount: -5.00"),
        ("amount: 5.00", "amount: 5.005"),
        ("amount: 5.00", "amount: 92233720368547758.08"),
        ("amount: 5.00", "amount: 1e400"),
        ("amount: 5.00", "amount: .nan"),
        ("amount: 5.00", "amount: five"),
    ] {
        let file = SAMPLE.replacen(from, to, 1);
        assert_ne!(file, SAMPLE, "{from} is in the sample");
        for (line, key) in [
            ("POST /v1/catalog/diff", READ),
            ("POST /v1/catalog/apply", ADMIN),
        ] {
            let headers = format!("{YAML}{}", by(key));
            let said = server.asks(line, &headers, file.as_bytes()).await;
            refused(&server, &before, to, &said, (400, "invalid_request")).await;
            let error = &said.json["errors"][0];
            assert!(
                error["line"].is_u64() && error["column"].is_u64(),
                "{to}: {error}"
            );
        }
    }
    let asked = json!({ "price": "personal-monthly", "currency": "xyz", "amount": -1 });
    let said = server
        .asks("POST /v1/checkouts", JSON, asked.to_string().as_bytes())
        .await;
    refused(
        &server,
        &before,
        "a price of one's own",
        &said,
        (400, "invalid_request"),
    )
    .await;
    assert_eq!(said.json["errors"].as_array().unwrap().len(), 2, "{said:?}");
}

#[tokio::test]
async fn ids_of_another_kind_or_customer_are_not_found() {
    let server = Server::start(quick()).await;
    let rig = &server.rig;
    let (ana, bob) = (rig.customer("ana").await, rig.customer("bob").await);
    rig.buys(&ana, "personal-monthly").await;
    let token = rig.session(&bob).await;
    let listed = rig.get("/v1/subscriptions").by(READ).send().await.ok(200);
    let hers = text(&listed["data"][0]["id"]);
    let granted = rig
        .post("/v1/customers/ana/grants")
        .by(WRITE)
        .json(json!({ "plan": "team" }))
        .send()
        .await
        .ok(201);
    let grant = text(&granted["id"]);
    let before = books(&server).await;
    let upper = hers.to_uppercase();
    let long = format!("sub_{}", "0".repeat(10_000));
    let table = [
        (
            format!("POST /v1/me/subscriptions/{hers}/cancel"),
            token.as_str(),
            "not_found",
        ),
        (
            format!("POST /v1/me/subscriptions/{ana}/cancel"),
            &token,
            "not_found",
        ),
        (
            format!("POST /v1/me/quotes/{hers}/accept"),
            &token,
            "not_found",
        ),
        (format!("DELETE /v1/me/changes/{hers}"), &token, "not_found"),
        (
            format!("GET /v1/me/subscriptions/{hers}/changes"),
            &token,
            "not_found",
        ),
        (format!("GET /v1/changes/{hers}"), READ, "not_found"),
        (
            format!("DELETE /v1/discount-codes/{hers}"),
            WRITE,
            "not_found",
        ),
        (format!("GET /v1/subscriptions/{ana}"), READ, "not_found"),
        (format!("GET /v1/subscriptions/{grant}"), READ, "not_found"),
        (format!("GET /v1/subscriptions/{upper}"), READ, "not_found"),
        (format!("GET /v1/subscriptions/{long}"), READ, "not_found"),
        ("GET /v1/subscriptions/%FF%FE".to_owned(), READ, "not_found"),
        (
            format!("POST /v1/subscriptions/{bob}/cancel"),
            WRITE,
            "not_found",
        ),
        (format!("GET /v1/invoices/{hers}"), READ, "not_found"),
        (format!("GET /v1/checkouts/{hers}"), READ, "not_found"),
        (
            format!("DELETE /v1/customers/bob/grants/{grant}"),
            WRITE,
            "not_found",
        ),
        (
            format!("DELETE /v1/customers/ana/grants/{hers}"),
            WRITE,
            "not_found",
        ),
        (format!("DELETE /v1/keys/{ana}"), ADMIN, "not_found"),
        (
            format!("POST /v1/parked/{hers}/discard"),
            ADMIN,
            "not_found",
        ),
        (
            format!("GET /v1/customers/{hers}"),
            READ,
            "customer_not_found",
        ),
        (
            format!("GET /v1/customers/{hers}/check/projects"),
            READ,
            "customer_not_found",
        ),
    ];
    for (line, key, code) in table {
        let said = server.asks(&line, &by(key), b"").await;
        let shown: String = line.chars().take(100).collect();
        refused(&server, &before, &shown, &said, (404, code)).await;
    }
}

#[tokio::test]
async fn redirects_to_unlisted_origins_are_refused() {
    let server = Server::start(quick()).await;
    server.rig.customer("ana").await;
    let before = books(&server).await;
    for address in [
        "https://evil.example/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "//evil.example/",
        "/thanks",
        "javascript:alert(1)",
        "data:text/html,hello",
        "",
        "\u{0}",
    ] {
        for (line, body, field) in [
            (
                "POST /v1/checkouts",
                json!({ "price": "personal-monthly", "success_url": address }),
                "success_url",
            ),
            (
                "POST /v1/checkouts",
                json!({ "price": "personal-monthly", "cancel_url": address }),
                "cancel_url",
            ),
            (
                "POST /v1/billing-sessions",
                json!({ "customer": "ana", "return_url": address }),
                "return_url",
            ),
        ] {
            let headers = format!("{JSON}{}", by(WRITE));
            let said = server
                .asks(line, &headers, body.to_string().as_bytes())
                .await;
            refused(&server, &before, address, &said, (400, "invalid_request")).await;
            assert_eq!(said.json["errors"][0]["field"], field, "{address}");
        }
    }
}

#[tokio::test]
async fn slow_and_broken_bodies_are_refused() {
    let server = Server::start(quick()).await;
    let before = books(&server).await;
    let head = format!("POST /v1/checkouts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{JSON}");
    let slow = (408, "body_too_slow");
    let broken = (400, "invalid_request");
    for (what, framing, expected) in [
        (
            "a length that never comes",
            "content-length: 10\r\n\r\n{",
            slow,
        ),
        (
            "a chunk that never comes",
            "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
            slow,
        ),
        (
            "a chunk that is none",
            "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
            broken,
        ),
        (
            "a chunk past all bounds",
            "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n",
            broken,
        ),
    ] {
        let said = server.says(format!("{head}{framing}").as_bytes()).await;
        refused(&server, &before, what, &Said::of(&said), expected).await;
    }
}

/// What is refused before there is a request: the connection ends with it, for
/// where a next request would begin is anybody's guess.
#[tokio::test]
async fn two_lengths_and_other_false_framing_end_the_connection() {
    let server = Server::start(quick()).await;
    let before = books(&server).await;
    let body = r#"{"plan":"free"}"#;
    let smuggled = format!(
        "{body}POST /v1/checkouts HTTP/1.1\r\nhost: x\r\n{JSON}content-length: 15\r\n\r\n{body}"
    );
    let length = body.len();
    for (what, framing) in [
        (
            "two lengths",
            format!("content-length: {length}\r\ncontent-length: 3\r\n"),
        ),
        (
            "two lengths the other way",
            format!("content-length: 3\r\ncontent-length: {length}\r\n"),
        ),
        (
            "two lengths in one line",
            format!("content-length: {length}, 3\r\n"),
        ),
        ("a negative length", "content-length: -1\r\n".to_owned()),
        ("a signed length", "content-length: +15\r\n".to_owned()),
        (
            "a length past all bounds",
            "content-length: 99999999999999999999\r\n".to_owned(),
        ),
        (
            "an unknown encoding",
            "transfer-encoding: nonsense\r\n".to_owned(),
        ),
    ] {
        let request =
            format!("POST /v1/checkouts HTTP/1.1\r\nhost: x\r\n{JSON}{framing}\r\n{smuggled}");
        let said = server.says(request.as_bytes()).await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{what}: {said}");
        assert!(
            said.ends_with("\r\n\r\n") || said.ends_with('}'),
            "{what}: {said}"
        );
        refused(
            &server,
            &before,
            what,
            &Said::of(&said),
            (400, "invalid_request"),
        )
        .await;
    }
}
