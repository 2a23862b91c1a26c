//! What operators do and read of a shop: acts, keys, figures, documents. Knows no provider.

use billing_catalog::read_plan_file;
use billing_domain::time::Timestamp;
use billing_ports::Clock as _;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{PAGES, PLANS, bought, harbor, listed, pays, read, text, until, usd};
use super::on_both_stores;
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// what an operator does is kept with who and why, once; what is refused is not.
    x_13_an_act_is_kept_with_who_and_why;
    /// a rotated key works beside the new one until its end, to the second.
    x_14_a_rotated_key_works_until_its_end;
    /// what recurs sums to its total, and each month says who came and left.
    x_15_what_recurs_sums_up_and_months_say_who_left;
    /// an invoice as a document says who sells and buys and how it comes about, in the same
    /// bytes as HTML and as PDF, to its owner.
    x_16_an_invoice_is_the_same_document_each_time;
}

async fn x_13_an_act_is_kept_with_who_and_why(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    let suspend = format!("/v1/licenses/{}/suspend", held.id);
    let why = json!({ "reason": "shared in a forum" });
    site.operate(&suspend, &why).await.is(StatusCode::OK);
    let nobody = format!("/v1/licenses/lic_{}/suspend", "0".repeat(32));
    let missing = site.operate(&nobody, &why).await;
    missing.refused(StatusCode::NOT_FOUND, "not_found");

    let acts = listed(&site, &format!("/v1/audit?customer={}", held.customer)).await;
    assert_eq!(acts.len(), 1, "{acts:?}");
    let act = &acts[0];
    assert_eq!(act["request"], format!("POST {suspend}"));
    assert_eq!(act["reason"], "shared in a forum");
    assert_eq!(act["name"], "tests");
    assert_eq!(act["at"], site.rig.clock.now().to_string());
    let all = listed(&site, "/v1/audit?limit=100").await;
    assert!(
        all.iter()
            .all(|act| act["request"] != format!("POST {nobody}"))
    );
    let told = held.happened(&site, "license.suspended").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["actor"], act["actor"]);
    assert_eq!(told[0]["reason"], "shared in a forum");
}

async fn x_14_a_rotated_key_works_until_its_end(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let wanted = json!({ "name": "deploy", "scope": "read" });
    let made = site.operate("/v1/keys", &wanted).await;
    let made = made.is(StatusCode::CREATED).json();
    let old = text(&made["secret"]);
    assert_eq!(reads(&site, &old).await, StatusCode::OK);

    let rotate = format!("/v1/keys/{}/rotate", text(&made["key"]["id"]));
    let end = "2026-03-01T13:00:00Z";
    let new = site.operate(&rotate, &json!({ "old_until": end })).await;
    let new = text(&new.is(StatusCode::CREATED).json()["secret"]);
    until(&site, "2026-03-01T12:59:59Z").await;
    assert_eq!(reads(&site, &old).await, StatusCode::OK);
    assert_eq!(reads(&site, &new).await, StatusCode::OK);
    until(&site, end).await;
    assert_eq!(reads(&site, &old).await, StatusCode::UNAUTHORIZED);
    assert_eq!(reads(&site, &new).await, StatusCode::OK);
}

/// What somebody who reads with this key is answered.
async fn reads(site: &Site, key: &str) -> StatusCode {
    site.get_as(key, "/v1/customers").await.status
}

async fn x_15_what_recurs_sums_up_and_months_say_who_left(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    for price in ["deck-monthly", "deck-monthly", "bridge-yearly"] {
        bought(&site, price).await;
    }
    let mrr = read(&site, "/v1/reports/mrr").await;
    assert_eq!(mrr["totals"], json!([usd(2_500 + 2_500 + 6_250)]));
    let rows = mrr["data"].as_array().unwrap().iter();
    let rows: Vec<(&str, &Value)> = rows
        .map(|row| (row["price"].as_str().unwrap(), &row["mrr"]))
        .collect();
    let expected = [
        ("bridge-yearly", &usd(6_250)),
        ("deck-monthly", &usd(5_000)),
    ];
    assert_eq!(rows, expected);

    // Nobody pays at the pages, and what is given after a period ends with its grace.
    until(&site, "2026-04-20T00:00:00Z").await;
    let mrr = read(&site, "/v1/reports/mrr").await;
    assert_eq!(mrr["totals"], json!([usd(6_250)]));
    let churn = read(&site, "/v1/reports/churn?months=2").await;
    let months = churn["data"].as_array().unwrap().iter();
    let months: Vec<[&Value; 3]> = months
        .map(|row| [&row["month"], &row["new"], &row["lost"]])
        .collect();
    let expected = [
        [json!("2026-03"), json!(3), json!(0)],
        [json!("2026-04"), json!(0), json!(2)],
    ];
    assert_eq!(months, expected.each_ref().map(<[Value; 3]>::each_ref));
}

/// A buyer's name of many letters, which tries to be more than a name, and is as long as one may be.
fn hostile() -> String {
    let name = "<script>alert(1)</script> Αθηνᾶ 東京 שלום \u{202e}\u{2066}🦀 \"'&amp;<img src=x> ";
    format!("{name}{}", "x".repeat(255 - name.len()))
}

/// An invoice as HTML and as PDF, and the policy of the first.
async fn documents(site: &Site, who: &str, path: &str) -> (String, String, Vec<u8>) {
    let (headers, html) = site.file_as(who, path, "text/html").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    let (_, pdf) = site.file_as(who, path, "application/pdf").await;
    assert!(pdf.starts_with(b"%PDF-1."));
    (policy.to_owned(), String::from_utf8(html).unwrap(), pdf)
}

async fn x_16_an_invoice_is_the_same_document_each_time(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let wanted = json!({ "external_ref": hostile(), "email": "ana@example.com" });
    let ana = site.operate("/v1/customers", &wanted).await;
    let ana = text(&ana.is(StatusCode::CREATED).json()["id"]);
    let wanted = json!({ "customer": ana, "price": "raft-monthly" });
    let opened = site.operate("/v1/checkouts", &wanted).await;
    let opened = opened.is(StatusCode::CREATED).json();
    pays(&site, opened["url"].as_str().unwrap()).await;
    let other = bought(&site, "bridge-monthly").await;
    let invoices = listed(&site, &format!("/v1/invoices?customer={ana}")).await;
    let invoice = text(&invoices[0]["id"]);

    // It says who sells, who buys, the line and how it comes about, and loads nothing.
    let path = format!("/v1/invoices/{invoice}/document");
    let first = documents(&site, KEY, &path).await;
    let (policy, html, _) = &first;
    for wanted in [
        invoice.as_str(),
        "Harbor &amp; Söhne",
        "Quay 1",
        "ana@example.com",
        "&lt;script&gt;alert(1)&lt;/script&gt; Αθηνᾶ 東京 שלום",
        "Raft",
        "3.00 USD, as it stands",
        "2026-03-01",
    ] {
        assert!(html.contains(wanted), "{wanted}: {html}");
    }
    for never in ["<script", "<img", "<link", "<iframe", "url("] {
        assert!(!html.contains(never), "{never}: {html}");
    }
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");

    // The same bytes later, and for its owner.
    let later: Timestamp = "2026-03-09T00:00:00Z".parse().unwrap();
    site.rig.run_until(later).await;
    assert_eq!(documents(&site, KEY, &path).await, first);
    let mine = format!("/v1/me/invoices/{invoice}/document");
    let session = site.session(&ana).await;
    assert_eq!(documents(&site, &session, &mine).await, first);
    let session = site.session(&other.customer).await;
    let foreign = site.get_as(&session, &mine).await;
    foreign.refused(StatusCode::NOT_FOUND, "not_found");

    // As long as what was bought is called the same.
    for (plan, is_same) in [("Ark", false), ("Raft", true)] {
        let plans = PLANS.replace("name: Raft", &format!("name: {plan}"));
        let plans = read_plan_file("harbor.yaml", plans.as_bytes()).unwrap();
        site.rig.billing.apply_catalog(&plans).await.unwrap();
        let (_, html, pdf) = documents(&site, KEY, &path).await;
        assert_eq!((html == first.1, pdf == first.2), (is_same, is_same));
        assert!(html.contains(plan), "{html}");
    }
}
