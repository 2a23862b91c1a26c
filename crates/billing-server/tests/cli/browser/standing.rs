//! The portal of somebody who uses what is metered, does not pay any more, has canceled, or has
//! nothing left; looked at.

use serde_json::json;

use super::chromium::Browser;
use super::harbor::{buys, is_led_in, sells};
use super::looks::looks_well;
use crate::rig::Folder;
use crate::walk::{PAYS, PAYS_ONCE};

/// One plan with meters of every kind, one of them within its bound and one beyond.
const PLANS: &str = r#"
currency: usd
product: "Harbor"
features:
  calls:  { kind: count, name: "API calls", meter: sum }
  disk:   { kind: bytes, name: "Storage", meter: max }
  people: { kind: count, name: "Active people", meter: unique }
plans:
  pro:
    name: Pro
    rank: 10
    entitlements: { calls: 10000, disk: 5GB, people: 2 }
    prices:
      pro-monthly:
        amount: 10.00
        interval: month
        overage: { calls: { per: 1000, amount: 0.50 }, disk: { per: 1GB, amount: 2.00 } }
"#;

/// What ana uses in the month that lasts.
const USED: [(&str, u64, Option<&str>); 4] = [
    ("calls", 12_500, None),
    ("disk", 3_200_000_000, None),
    ("people", 1, Some("ana")),
    ("people", 1, Some("bob")),
];

#[test]
fn pages_of_how_things_stand() {
    let folder = Folder::new("browser-standing");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = sells(&folder, PLANS);
    for (who, card) in [("ana", PAYS_ONCE), ("bea", PAYS)] {
        let known = json!({ "external_ref": who, "email": format!("{who}@example.com") });
        server.operator("POST", "/v1/customers", &known);
        buys(&server, who, "pro-monthly", card);
    }
    let events = USED.iter().enumerate().map(|(at, (feature, value, name))| {
        let id = format!("use-{at}");
        json!({ "id": id, "feature": feature, "value": value, "name": name })
    });
    let used = json!({ "events": events.collect::<Vec<_>>() });
    let told = server.operator("POST", "/v1/customers/ana/usage", &used);
    assert_eq!(told["counted"], USED.len(), "{told}");
    let look = |name, who, says| {
        is_led_in(&browser, &server, who);
        browser.reads(says);
        looks_well(&browser, name, &server.at("/portal"));
    };
    look("portal-metered", "ana", "12500 used of 10000 included");

    let held = server.held_by("bea");
    let cancel = format!("/v1/subscriptions/{}/cancel", held["id"].as_str().unwrap());
    server.operator("POST", &cancel, &json!(null));
    look("portal-canceled", "bea", "Ends");

    server.later(&folder, "1 month");
    server.wait_for("what is owed", |server| {
        (server.held()["status"] == "past_due").then_some(())
    });
    look("portal-past-due", "ana", "To be paid by");

    server.later(&folder, "8d");
    server.wait_for("the end", |server| {
        (server.held()["status"] == "lapsed").then_some(())
    });
    look("portal-ended", "ana", "Ended");
}
