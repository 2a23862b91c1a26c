//! Invoices as documents: for operators, and for those who own them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use billing_server::{ApiOptions, Seller};
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::rig::{Got, Making, READ, Rig, WRITE, text};
use crate::shop::{PAGES, PLANS, shop};

/// A name of the kind that breaks pages.
const HOSTILE: &str = "</title><script>alert(1)</script>\u{202e}Zoë \"&' שלום";

async fn bought(rig: &Rig, name: &str) -> String {
    let body = json!({ "external_ref": name, "email": "ana@example.com" });
    let made = rig.post("/v1/customers").by(WRITE).json(body);
    let customer = text(&made.send().await.ok(201)["id"]);
    rig.buys(&customer, "pro-monthly").await;
    let path = format!("/v1/invoices?customer={customer}");
    let listed = rig.get(&path).by(READ).send().await.ok(200);
    text(&listed["data"][0]["id"])
}

async fn document(rig: &Rig, by: &str, path: &str, accept: &str) -> Got {
    let ask = rig.get(path).by(by);
    ask.header("accept", accept).send().await
}

#[tokio::test]
async fn an_operator_reads_an_invoice_and_how_it_comes_about() {
    let making = Making {
        mode: PAGES,
        plans: PLANS,
        options: ApiOptions {
            seller: Seller {
                name: "Harbor & Söhne".to_owned(),
                lines: vec!["Harbor Road 1".to_owned(), "Tax 12/345".to_owned()],
            },
            ..Making::default().options
        },
        ..Making::default()
    };
    let rig = Rig::made(making).await;
    let id = bought(&rig, HOSTILE).await;
    let path = format!("/v1/invoices/{id}/document");
    let got = document(
        &rig,
        READ,
        &path,
        "text/html,application/xhtml+xml,*/*;q=0.8",
    )
    .await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
    let page = String::from_utf8(got.bytes.clone()).unwrap();
    for wanted in [
        id.as_str(),
        "Harbor &amp; Söhne",
        "Harbor Road 1",
        "Tax 12/345",
        "ana@example.com",
        "Pro",
        "30.00 USD, as it stands",
        "2026-03-01",
        "paid on 2026-03-01",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    // The page may load nothing but its own style, as it stands there.
    let style = page.split("<style>").nth(1).unwrap();
    let style = style.split("</style>").next().unwrap();
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = got.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
    let again = document(&rig, READ, &path, "*/*").await;
    assert_eq!(again.bytes, got.bytes);
    let got = document(&rig, READ, &path, "application/pdf").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), "application/pdf");
    let name = format!("inline; filename=\"{id}.pdf\"");
    assert_eq!(got.header("content-disposition"), name);
    assert!(got.bytes.starts_with(b"%PDF-1."));
    let later = document(&rig, READ, &path, "application/pdf, text/html").await;
    assert_eq!(later.bytes, got.bytes, "the same invoice, the same bytes");
    let got = document(&rig, READ, &path, "image/png").await;
    got.refused(406, "not_acceptable");
    let none = format!("/v1/invoices/inv_{}/document", "0".repeat(32));
    document(&rig, READ, &none, "*/*")
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn a_session_reads_its_own_invoices_alone() {
    let rig = shop(PAGES).await;
    let hers = bought(&rig, "ana").await;
    let his = bought(&rig, "ben").await;
    let ana = rig.session("ana").await;
    for accept in ["text/html", "application/pdf"] {
        let mine = format!("/v1/me/invoices/{hers}/document");
        assert_eq!(document(&rig, &ana, &mine, accept).await.status, 200);
        let theirs = format!("/v1/me/invoices/{his}/document");
        let none = format!("/v1/me/invoices/inv_{}/document", "0".repeat(32));
        let mut answers = Vec::new();
        for path in [theirs, none] {
            let mut body = document(&rig, &ana, &path, accept)
                .await
                .refused(404, "not_found");
            body["instance"] = json!("");
            answers.push(body);
        }
        assert_eq!(answers[0], answers[1]);
    }
    let path = format!("/v1/invoices/{hers}/document");
    let got = document(&rig, &ana, &path, "text/html").await;
    got.refused(403, "insufficient_scope");
}
