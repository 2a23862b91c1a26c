//! Who may call what: a table over every operation of the document.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{ADMIN, READ, Rig, WRITE, text};
use crate::routes::{By, ROUTES};

/// Every operation of the document: its id, and the credentials that it names.
fn documented() -> BTreeMap<String, Vec<String>> {
    let document: Value = serde_json::from_str(billing_server::openapi_document()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    operations
        .map(|operation| {
            let schemes = operation["security"].as_array().cloned();
            let names = schemes.unwrap_or_default().into_iter();
            let names = names.flat_map(|scheme| scheme.as_object().unwrap().clone());
            let id = operation["operationId"].as_str().unwrap().to_owned();
            (id, names.map(|(name, _)| name).collect())
        })
        .collect()
}

#[test]
fn the_document_names_every_route_and_its_credential() {
    let table: BTreeMap<String, Vec<String>> = ROUTES
        .iter()
        .map(|route| (route.id.to_owned(), route.who.schemes()))
        .collect();
    assert_eq!(documented(), table);
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_table_says() {
    let rig = Rig::new().await;
    for route in ROUTES {
        let who = format!("x-{}", route.id);
        rig.customer(&who).await;
        let own = rig.session(&who).await;
        for (caller, secret) in [
            (By::Nobody, None),
            (By::Stranger, Some("bk_wrong")),
            (By::Stranger, Some("bs_wrong")),
            (By::Session, Some(own.as_str())),
            (By::Read, Some(READ)),
            (By::Write, Some(WRITE)),
            (By::Admin, Some(ADMIN)),
        ] {
            let mut ask = route.ask(&rig, &who);
            if let Some(secret) = secret {
                ask = ask.by(secret);
            }
            let got = ask.send().await;
            let (shown, id) = (String::from_utf8_lossy(&got.bytes), route.id);
            match (caller, route.who.lets(caller)) {
                (_, Ok(())) => {
                    let status = route.status_for(caller);
                    assert_eq!(got.status, status, "{id} by {caller:?}: {shown}");
                }
                (_, Err(401)) => {
                    got.refused(401, "unauthorized");
                    assert_eq!(got.header("www-authenticate"), "Bearer", "{id}");
                }
                (_, Err(status)) => {
                    assert_eq!(got.status, status, "{id} by {caller:?}: {shown}");
                    got.refused(403, "insufficient_scope");
                }
            }
        }
    }
}

/// A token opens its own customer's doors and no others.
#[tokio::test]
async fn a_session_reaches_its_own_customer_alone() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let listed = rig.get("/v1/subscriptions").by(READ).send().await.ok(200);
    let hers = text(&listed["data"][0]["id"]);
    rig.customer("bob").await;
    let bob = rig.session("bob").await;
    let before = rig.store.snapshot();
    for (method, path, status) in [
        ("GET", "/v1/customers/ana".to_owned(), 403),
        ("GET", "/v1/customers/ana/entitlements".to_owned(), 403),
        ("GET", "/v1/customers/ana/journal".to_owned(), 403),
        ("GET", format!("/v1/subscriptions/{hers}"), 403),
        ("POST", format!("/v1/subscriptions/{hers}/cancel"), 403),
        ("POST", format!("/v1/me/subscriptions/{hers}/cancel"), 404),
    ] {
        let got = rig
            .ask(method.parse().unwrap(), &path)
            .by(&bob)
            .send()
            .await;
        assert_eq!(got.status, status, "{path}");
        assert!(
            !String::from_utf8_lossy(&got.bytes).contains("personal"),
            "{path}"
        );
    }
    let me = rig.get("/v1/me").by(&bob).send().await.ok(200);
    assert_eq!(me["customer"]["external_ref"], "bob");
    assert_eq!(me["subscriptions"], json!([]));
    assert_eq!(rig.store.snapshot(), before);
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
