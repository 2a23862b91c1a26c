//! Who may call what: a table over every operation of the document.

use jiff::SignedDuration;
use poem::http::Method;
use serde_json::{Value, json};

use crate::rig::{ADMIN, READ, Rig, WRITE};

/// Every operation: method, path with its parameters filled in, and the
/// credentials it asks for.
fn operations() -> Vec<(Method, String, Vec<String>)> {
    let document: Value = serde_json::from_str(&billing_server::openapi_document()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let schemes = operation["security"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let names = schemes
                .iter()
                .flat_map(|scheme| scheme.as_object().unwrap().keys().cloned())
                .collect();
            operations.push((method, filled.clone(), names));
        }
    }
    operations
}

#[tokio::test]
async fn every_route_asks_for_what_the_document_says() {
    let rig = Rig::new().await;
    rig.customer("x").await;
    let session = rig.session("x").await;
    let ranks = [("read_key", 1), ("write_key", 2), ("admin_key", 3)];
    let callers = [(READ, 1), (WRITE, 2), (ADMIN, 3), (session.as_str(), 0)];
    let mut guarded = 0;
    for (method, path, schemes) in operations() {
        let ask = || rig.ask(method.clone(), &path);
        let [scheme] = schemes.as_slice() else {
            // Public, or for anybody: no credential is needed.
            assert!(
                path.starts_with("/v1/plans")
                    || path.starts_with("/v1/checkouts")
                    || path.starts_with("/v1/webhooks")
                    || path == "/v1/billing-sessions/open",
                "{method} {path} is open"
            );
            continue;
        };
        guarded += 1;
        let refused = ask().send().await;
        refused.refused(401, "unauthorized");
        assert_eq!(
            refused.header("www-authenticate"),
            "Bearer",
            "{method} {path}"
        );
        for (secret, rank) in callers {
            let needed = ranks.iter().find(|(name, _)| name == scheme);
            let may = match needed {
                Some((_, needed)) => rank >= *needed,
                None => rank == 0,
            };
            let got = ask().by(secret).send().await;
            if may {
                assert!(
                    ![401, 403].contains(&got.status),
                    "{method} {path} refuses rank {rank}"
                );
            } else {
                got.refused(403, "insufficient_scope");
            }
        }
    }
    assert!(guarded > 25, "{guarded} guarded routes");
}

#[tokio::test]
async fn every_bad_credential_gets_one_answer() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let token = rig.session("ana").await;
    rig.clock.advance(SignedDuration::from_hours(2));
    let bad = [
        "Bearer bk_nosuch".to_owned(),
        "Bearer bs_nosuch".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic YWRtaW46YWRtaW4=".to_owned(),
        format!("Bearer {token}"),
        format!("Bearer {ADMIN}x"),
        format!("Token {ADMIN}"),
        "Bearer admin".to_owned(),
    ];
    for header in bad {
        for path in ["/v1/keys", "/v1/me", "/v1/plans", "/v1/nosuch"] {
            let got = rig.get(path).header("authorization", &header).send().await;
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
    }
    rig.get("/v1/keys")
        .by(ADMIN)
        .by(ADMIN)
        .send()
        .await
        .refused(401, "unauthorized");
    rig.get("/v1/keys")
        .header("authorization", &format!("bearer {ADMIN}"))
        .send()
        .await
        .ok(200);
}

#[tokio::test]
async fn a_session_in_the_query_opens_nothing() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let token = rig.session("ana").await;
    rig.get(&format!("/v1/me?session={token}"))
        .send()
        .await
        .refused(401, "unauthorized");
}

#[tokio::test]
async fn a_revoked_key_is_dead_at_once() {
    let rig = Rig::new().await;
    let made = rig
        .post("/v1/keys")
        .by(ADMIN)
        .json(json!({ "name": "ci", "scope": "read" }))
        .send()
        .await
        .ok(201);
    let (secret, id) = (
        made["secret"].as_str().unwrap(),
        made["key"]["id"].as_str().unwrap(),
    );
    rig.get("/v1/customers").by(secret).send().await.ok(200);
    let gone = rig.delete(&format!("/v1/keys/{id}")).by(ADMIN).send().await;
    assert_eq!(gone.status, 204);
    rig.get("/v1/customers")
        .by(secret)
        .send()
        .await
        .refused(401, "unauthorized");
    rig.delete(&format!("/v1/keys/{id}"))
        .by(ADMIN)
        .send()
        .await
        .refused(404, "not_found");
}
