//! Customers are written to when something concerns them: once, in their language.

use billing::sandbox::TestCard;
use billing_catalog::read_plan_file;
use billing_domain::time::shifted;
use billing_ports::{Clock, Mail};
use billing_server::{Letter, LetterOptions};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::json;

use super::on_both_stores;
use crate::rig::{KEY, PUBLIC, Site, StoreKind};

on_both_stores! {
    /// X-17: each letter goes once, in the language of whoever reads it.
    x_17_customers_are_written_to_once_in_their_language;
}

const PLANS: &str = r#"
currency: eur
product: "Hafen & Co"
plans:
  deck:
    name: Deck
    rank: 10
    license: { max_machines: 3 }
    prices:
      deck-monthly: { amount: 1250.00, interval: month }
  crew:
    name: Crew
    rank: 20
    trial: 14d
    prices:
      crew-monthly: { amount: 12.00, interval: month }
"#;

async fn site(kind: StoreKind) -> Site {
    let start = "2026-03-01T12:00:00Z".parse().unwrap();
    let plans = read_plan_file("plans.yaml", PLANS.as_bytes()).unwrap();
    Site::carrying(kind, &plans, start, |state| {
        let options = LetterOptions {
            wanted: Letter::ALL.into_iter().collect(),
            ..LetterOptions::default()
        };
        state.letters(options).into_iter().collect()
    })
    .await
}

/// Somebody buys with a card; gives the checkout's secret.
async fn buys(site: &Site, who: &serde_json::Value, price: &str, card: TestCard) -> String {
    let made = site.operate("/v1/customers", who).await;
    let made = made.is(StatusCode::CREATED).json();
    let asked = json!({ "customer": made["id"], "price": price });
    let opened = site.operate("/v1/checkouts", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let page = opened["url"].as_str().unwrap();
    let reference = page.rsplit('/').next().unwrap();
    site.rig.sandbox.pay(reference, card, None).await.unwrap();
    opened["checkout_secret"].as_str().unwrap().to_owned()
}

fn subjects(mail: &[Mail]) -> Vec<&str> {
    let mut subjects: Vec<&str> = mail.iter().map(|mail| &*mail.subject).collect();
    subjects.sort_unstable();
    subjects
}

async fn later(site: &Site, by: SignedDuration) {
    let at = shifted(site.rig.clock.now(), by);
    site.rig.run_until(at).await;
}

async fn x_17_customers_are_written_to_once_in_their_language(kind: StoreKind) {
    let site = site(kind).await;
    let ana = json!({ "external_ref": "ana", "email": "ana@buyers.test", "lang": "de-AT" });
    let secret = buys(&site, &ana, "deck-monthly", TestCard::Pays).await;
    // The host cannot be told at first, and the mail server takes nothing.
    site.rig.notifier.fail_next(1);
    site.mail_fails(2);
    assert_eq!(site.carry().await, 2);
    assert_eq!(site.mail().await, []);
    later(&site, SignedDuration::from_mins(10)).await;
    assert_eq!(site.carry().await, 2);
    let mail = site.mail().await;
    assert_eq!(
        subjects(&mail),
        ["Ihre Lizenz für Hafen & Co", "Ihre Zahlung bei Hafen & Co"]
    );
    let of = |subject: &str| mail.iter().find(|mail| mail.subject.starts_with(subject));
    let (license, receipt) = (of("Ihre Lizenz").unwrap(), of("Ihre Zahlung").unwrap());
    assert!(receipt.text.contains("1.250,00 EUR"), "{}", receipt.text);
    assert!(receipt.text.contains("am 1. März 2026, 12:00 UTC"));
    let html = receipt.html.as_ref().unwrap();
    assert!(html.contains("Hafen &amp; Co") && !html.contains("Hafen & Co"));
    let asked = json!({ "checkout_secret": secret });
    let exchanged = site.post_as("", "/v1/licenses/exchange", &asked).await;
    let exchanged = exchanged.is(StatusCode::OK).json();
    let key = exchanged["license"]["key"].as_str().unwrap();
    assert!(license.text.lines().any(|line| line == key));
    assert!(license.text.contains(&format!("{PUBLIC}/portal/licenses")));

    // Somebody who says no language is written to in the shop's own.
    let ben = json!({ "external_ref": "ben", "email": "ben@buyers.test" });
    buys(&site, &ben, "crew-monthly", TestCard::PaysOnce).await;
    site.carry().await;
    assert_eq!(site.mail().await.len(), 2, "a trial costs nothing");
    later(&site, SignedDuration::from_hours(12 * 24 + 1)).await;
    site.carry().await;
    let mail = site.mail().await;
    assert_eq!(mail.len(), 3);
    let last = mail.last().unwrap();
    assert_eq!(
        last.subject,
        "Your trial at Hafen & Co ends on 15 March 2026"
    );
    assert_eq!(last.to, "ben@buyers.test");
    assert!(last.text.contains("Your trial of Crew at Hafen & Co ends"));

    // One who says another, in that; a language that is not known is none.
    let patched = site
        .patch("/v1/customers/ben", &json!({ "lang": "de" }))
        .await;
    assert_eq!(patched.is(StatusCode::OK).json()["lang"], "de");
    // A month later everybody was charged once more.
    later(&site, SignedDuration::from_hours(20 * 24)).await;
    site.carry().await;
    let mail = site.mail().await;
    let to = |who: &str| mail.iter().filter(|mail| mail.to.starts_with(who)).count();
    assert_eq!(to("ana"), 3, "{mail:?}");
    for mail in mail.iter().skip(3) {
        assert!(mail.subject.contains(" bei Hafen & Co"), "{mail:?}");
    }

    // Nothing of it goes twice, whoever asks again.
    let count = mail.len();
    assert_eq!(site.carry().await, 0);
    assert_eq!(site.mail().await.len(), count);
    let listed = site
        .get_as(KEY, "/v1/deliveries?endpoint=mail&limit=100")
        .await;
    let listed = listed.is(StatusCode::OK).json();
    let rows = listed["data"].as_array().unwrap();
    assert!(
        rows.iter().all(|row| row["status"] == "delivered"),
        "{rows:?}"
    );
    let id = rows[0]["id"].as_str().unwrap();
    let row = site.get_as(KEY, &format!("/v1/deliveries/{id}")).await;
    let row = row.is(StatusCode::OK).json();
    assert_eq!(row["payload"]["type"], row["event"]);
}
