//! Asking whether a license is good, the machines that it is activated on, and a key
//! that was lost.

use std::sync::Arc;

use billing::sandbox::TestCard;
use billing_catalog::read_plan_file;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::{Clock as _, LicenseSigner as _};
use billing_server::TokenSigner;
use futures_util::future::join_all;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::{Books, differing};
use super::harbor::{
    END, Held, MIDDLE, PAGES, PLANS, bought, ends_well, exchanged, harbor, over, read, text, told,
    until,
};
use super::on_both_stores;
use crate::rig::{
    KEYED_WITH, PUBLIC, SEED, Seen, Site, StoreKind, connect_postgres, fresh_postgres,
};

on_both_stores! {
    /// K-17: at the end of the grace a license is expired, with no worker running.
    k_17_a_license_ends_with_its_grace_and_no_worker;
    /// K-22: validating answers 200 with a reason of a closed list, and writes nothing.
    k_22_validating_says_why_and_writes_nothing;
    /// K-22: machines have as many places as the plan that holds gives.
    k_22_machines_have_as_many_places_as_the_plan;
    /// K-22: however many machines ask at once, three places are three.
    k_22_a_hundred_machines_race_for_three_places;
    /// K-23: an invoice and the address give the key back; every mismatch is one 404.
    k_23_an_invoice_and_the_address_give_the_key_back;
}

/// The SHA-256 of `ana@buyers.test`.
const HASH: &str = "c90e58a66a0e12c31766d2745fe619460963058dd922aaf51bdf1287633678ff";

/// A machine whose name tells whose it is.
const LAPTOP: &str = "anas-laptop.buyers.test";

async fn validates(site: &Site, body: &Value) -> Value {
    let seen = site.post_as("", "/v1/validate", body).await;
    assert_eq!(seen.header("cache-control"), "no-store");
    seen.is(StatusCode::OK).json()
}

/// What is wrong with the license, as its key is validated; `ok` where nothing is.
async fn reason(site: &Site, held: &Held, more: &Value) -> String {
    let mut body = more.clone();
    body["license_key"] = held.key.as_str().into();
    let said = validates(site, &body).await;
    assert_eq!(said["ok"], said["reason"].is_null(), "{said}");
    said["reason"].as_str().unwrap_or("ok").to_owned()
}

async fn on(site: &Site, held: &Held, machine: &str) -> String {
    reason(site, held, &json!({ "machine": machine })).await
}

async fn activates(site: &Site, held: &Held, machine: &str) -> Seen {
    let body = json!({ "machine": machine });
    held.asks(site, "/v1/machines/activate", &body).await
}

async fn deactivates(site: &Site, held: &Held, machine: &str) -> Seen {
    let body = json!({ "machine": machine });
    held.asks(site, "/v1/machines/deactivate", &body).await
}

async fn acts(site: &Site, held: &Held, act: &str) {
    let path = format!("/v1/licenses/{}/{act}", held.id);
    let acted = site.operate(&path, &json!({ "reason": "asked" })).await;
    acted.is(StatusCode::OK);
}

/// The text with its last letter another.
fn altered(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    // Of the last letter of a signature only the first bits count.
    let other = if last == "A" || last == "0" { "Z" } else { "A" };
    format!("{rest}{other}")
}

async fn k_17_a_license_ends_with_its_grace_and_no_worker(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let by_key = json!({ "license_key": held.key });
    let paid = validates(&site, &by_key).await;
    assert_eq!(
        (&paid["ok"], &paid["grace_until"]),
        (&json!(true), &Value::Null)
    );
    let token = text(&held.shown(&site).await["token"]);
    let by_token = json!({ "token": token });

    until(&site, END).await;
    let end: Timestamp = END.parse().unwrap();
    let over = shifted(end, SignedDuration::from_hours(7 * 24));
    // From here on nobody works.
    site.rig
        .clock
        .set(shifted(over, -SignedDuration::from_micros(1)));
    for asked in [&by_key, &by_token] {
        let in_grace = validates(&site, asked).await;
        assert_eq!(in_grace["ok"], true);
        assert_eq!(in_grace["grace_until"], over.to_string());
        assert_eq!(in_grace["expires_at"], in_grace["grace_until"]);
    }
    site.rig.clock.set(over);
    for asked in [&by_key, &by_token] {
        let ended = validates(&site, asked).await;
        assert_eq!(
            (&ended["ok"], &ended["reason"]),
            (&json!(false), &json!("expired"))
        );
        assert_eq!(ended["grace_until"], Value::Null);
    }
    let refused = activates(&site, &held, LAPTOP).await;
    refused.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
    assert_eq!(refused.json()["reason"], "unpaid");
    assert_eq!(
        held.stands(&site).await["status"],
        "past_due",
        "nobody worked"
    );
    site.rig.settle().await;
    assert_eq!(reason(&site, &held, &json!({})).await, "expired");
    site.rig.assert_sound().await;
}

async fn k_22_validating_says_why_and_writes_nothing(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "deck-monthly").await;
    let token = text(&held.shown(&site).await["token"]);
    let nobody_s = format!("lic_{:032}", 7).parse::<billing_domain::ids::LicenseId>();
    let signer = TokenSigner::new(&SEED, &KEYED_WITH, PUBLIC, PUBLIC);
    let unknown = signer.key_of(nobody_s.unwrap().uuid());
    let (payload, _) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{payload}.{}", "A".repeat(86));
    let before = books.dump().await;
    for (body, reason) in [
        (json!({ "license_key": "" }), "bad_format"),
        (json!({ "license_key": "LK-garbage" }), "bad_format"),
        (json!({ "license_key": held.id }), "bad_format"),
        (json!({ "license_key": "L".repeat(10_000) }), "bad_format"),
        (
            json!({ "license_key": altered(&held.key) }),
            "bad_signature",
        ),
        (json!({ "license_key": unknown }), "not_found"),
        (json!({ "token": "" }), "bad_format"),
        (json!({ "token": "a.b.c" }), "bad_format"),
        (json!({ "token": unsigned }), "bad_signature"),
    ] {
        let said = validates(&site, &body).await;
        assert_eq!(said, json!({ "ok": false, "reason": reason }), "{body}");
    }
    for (more, said) in [
        (json!({}), "ok"),
        (json!({ "product": "Harbor" }), "ok"),
        (json!({ "product": "deck" }), "ok"),
        (json!({ "product": "bridge" }), "product_mismatch"),
        (
            json!({ "product": "harbor", "machine": LAPTOP }),
            "product_mismatch",
        ),
        (json!({ "machine": LAPTOP }), "machine_mismatch"),
    ] {
        assert_eq!(reason(&site, &held, &more).await, said, "{more}");
    }
    for by in [
        json!({ "license_key": held.key.to_lowercase() }),
        json!({ "token": token }),
    ] {
        let said = validates(&site, &by).await;
        assert_eq!(
            (&said["ok"], &said["license"]),
            (&json!(true), &json!(held.id))
        );
        assert_eq!(said["plan"], "deck");
    }
    for body in [
        json!({}),
        json!({ "license_key": held.key, "token": token }),
        json!({ "license_key": held.key, "machine": "m".repeat(10_000) }),
        json!({ "license_key": held.key, "machine": "" }),
    ] {
        let seen = site.post_as("", "/v1/validate", &body).await;
        seen.refused(StatusCode::BAD_REQUEST, "invalid_request");
    }
    assert_eq!(
        differing(&before, &books.dump().await),
        [],
        "nothing is written"
    );

    acts(&site, &held, "suspend").await;
    assert_eq!(reason(&site, &held, &json!({})).await, "suspended");
    acts(&site, &held, "reinstate").await;
    assert_eq!(reason(&site, &held, &json!({})).await, "ok");
    acts(&site, &held, "revoke").await;
    assert_eq!(reason(&site, &held, &json!({})).await, "revoked");
    let refused = activates(&site, &held, LAPTOP).await;
    refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    ends_well(&site).await;
}

async fn k_22_machines_have_as_many_places_as_the_plan(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "deck-monthly").await;
    let row = format!("/v1/licenses/{}", held.id);
    let long = activates(&site, &held, &"m".repeat(10_000)).await;
    long.refused(StatusCode::BAD_REQUEST, "invalid_request");
    for (machine, machines) in [(LAPTOP, 1), (LAPTOP, 1), ("b", 2), ("c", 3)] {
        let seen = activates(&site, &held, machine).await;
        let said = seen.is(StatusCode::OK).json();
        let there = json!({
            "ok": true, "license": held.id, "machines": machines, "max_machines": 3,
        });
        assert_eq!(said, there, "{machine}");
        assert_eq!(on(&site, &held, machine).await, "ok");
    }
    let full = activates(&site, &held, "d").await;
    full.refused(StatusCode::CONFLICT, "too_many_machines");
    assert_eq!(full.json()["max_machines"], 3);
    assert_eq!(on(&site, &held, "d").await, "too_many_machines");
    for _ in 0..2 {
        let gone = deactivates(&site, &held, "b").await;
        assert_eq!(gone.is(StatusCode::OK).json()["machines"], 2);
        assert_eq!(on(&site, &held, "b").await, "machine_mismatch");
    }
    activates(&site, &held, "d").await.is(StatusCode::OK);

    // More places come with the plan, and go with it: whoever was first keeps one.
    let to = |plan: &str| json!({ "plan": plan, "collect": "none", "reason": "asked" });
    held.forced(&site, &to("bridge")).await.is(StatusCode::OK);
    let more = activates(&site, &held, "e").await.is(StatusCode::OK).json();
    assert_eq!(
        (&more["machines"], &more["max_machines"]),
        (&json!(4), &json!(9))
    );
    assert_eq!(on(&site, &held, "e").await, "ok");
    held.forced(&site, &to("deck")).await.is(StatusCode::OK);
    for (machine, said) in [
        (LAPTOP, "ok"),
        ("c", "ok"),
        ("d", "ok"),
        ("e", "too_many_machines"),
    ] {
        assert_eq!(on(&site, &held, machine).await, said, "{machine}");
    }
    let again = activates(&site, &held, "e").await;
    again.refused(StatusCode::CONFLICT, "too_many_machines");
    let shown = read(&site, &row).await;
    let places: Vec<_> = shown["machines"].as_array().unwrap().iter().collect();
    let with_place: Vec<_> = places.iter().map(|machine| &machine["has_place"]).collect();
    assert_eq!(with_place, [true, true, true, false]);
    deactivates(&site, &held, "c").await.is(StatusCode::OK);
    assert_eq!(on(&site, &held, "e").await, "ok");

    site.rig.settle().await;
    for (event, times) in [
        ("license.machine_activated", 5),
        ("license.machine_deactivated", 2),
    ] {
        let happened = held.happened(&site, event).await;
        assert_eq!(
            (happened.len(), told(&site, event)),
            (times, times),
            "{event}"
        );
        assert_eq!(happened[0]["actor"], held.id);
    }
    let dump = format!("{:?}", books.dump().await);
    assert!(!dump.contains("anas-laptop"), "a name of a machine is kept");
    ends_well(&site).await;
}

async fn k_22_a_hundred_machines_race_for_three_places(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    let names: Vec<String> = (0..100).map(|number| format!("machine {number}")).collect();
    let racing = names.iter().map(|name| activates(&site, &held, name));
    let mut won = Vec::new();
    for (name, seen) in names.iter().zip(join_all(racing).await) {
        if seen.status == StatusCode::OK {
            won.push(name);
        } else {
            seen.refused(StatusCode::CONFLICT, "too_many_machines");
        }
    }
    assert_eq!(won.len(), 3);
    let shown = read(&site, &format!("/v1/licenses/{}", held.id)).await;
    assert_eq!(shown["machines"].as_array().unwrap().len(), 3);
    for name in &names {
        let said = if won.contains(&name) {
            "ok"
        } else {
            "too_many_machines"
        };
        assert_eq!(on(&site, &held, name).await, said, "{name}");
    }
    // Given up all at once by everybody, and by some twice, all places are free.
    let leaving = names
        .iter()
        .chain(&names)
        .map(|name| deactivates(&site, &held, name));
    for seen in join_all(leaving).await {
        seen.is(StatusCode::OK);
    }
    let shown = read(&site, &format!("/v1/licenses/{}", held.id)).await;
    assert_eq!(shown["machines"], json!([]));
    ends_well(&site).await;
}

/// A guest who bought `deck`, and gave this address at the page: the license, and the
/// invoice that paid for it.
async fn buys(site: &Site, email: &str) -> (Value, Value, String) {
    let wanted = json!({ "price": "deck-monthly" });
    let opened = site.post_as("", "/v1/checkouts", &wanted).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let page = text(&opened["url"]);
    let reference = page.rsplit('/').next().unwrap();
    let paying = site.rig.sandbox.pay(reference, TestCard::Pays, Some(email));
    paying.await.unwrap();
    site.rig.settle().await;
    let license = exchanged(site, &text(&opened["checkout_secret"])).await;
    let row = read(site, &format!("/v1/licenses/{}", text(&license["id"]))).await;
    let customer = text(&row["customer"]);
    let invoices = read(site, &format!("/v1/invoices?customer={customer}")).await;
    let invoice = invoices["data"][0]["id"].clone();
    (license, invoice, customer)
}

async fn recovers(site: &Site, invoice: &Value, email: &str) -> Seen {
    let body = json!({ "invoice": invoice, "email": email });
    site.post_as("", "/v1/recover", &body).await
}

async fn k_23_an_invoice_and_the_address_give_the_key_back(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(Arc::clone(&books.store), PAGES, None).await;
    let (license, invoice, customer) = buys(&site, "Ana@buyers.test").await;
    let (_, foreign, _) = buys(&site, "ben@buyers.test").await;
    let before = books.dump().await;
    let mut bodies = Vec::new();
    for (invoice, email) in [
        (&invoice, "ben@buyers.test"),
        (&invoice, "ana@buyers.test.evil"),
        (&invoice, "not an address"),
        (&foreign, "ana@buyers.test"),
        (&json!(format!("inv_{:032}", 7)), "ana@buyers.test"),
        (&json!("inv_garbage"), "ana@buyers.test"),
        (&license["id"], "ana@buyers.test"),
    ] {
        let refused = recovers(&site, invoice, email).await;
        refused.refused(StatusCode::NOT_FOUND, "not_found");
        let mut body = refused.json();
        body["instance"].take();
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(differing(&before, &books.dump().await), []);

    let given = recovers(&site, &invoice, "ana@BUYERS.test").await;
    assert_eq!(given.header("cache-control"), "no-store");
    let given = given.is(StatusCode::OK).json();
    let there = json!({ "license": license["id"], "license_key": license["key"], "plan": "deck" });
    assert_eq!(given, there);
    site.rig.settle().await;
    let journal = read(
        &site,
        &format!("/v1/customers/{customer}/journal?limit=100"),
    )
    .await;
    let rows = journal["data"].as_array().unwrap();
    let noted: Vec<_> = rows
        .iter()
        .filter(|row| row["event"] == "license.recovered")
        .collect();
    assert_eq!((noted.len(), told(&site, "license.recovered")), (1, 1));
    assert_eq!(noted[0]["note"], HASH);
    let noted = format!("{noted:?}");
    assert!(!noted.to_lowercase().contains("buyers.test"), "{noted}");

    // What will never be good again is not given.
    let path = format!("/v1/licenses/{}/revoke", text(&license["id"]));
    let revoked = site.operate(&path, &json!({ "reason": "theft" })).await;
    revoked.is(StatusCode::OK);
    let refused = recovers(&site, &invoice, "ana@buyers.test").await;
    refused.refused(StatusCode::NOT_FOUND, "not_found");
    ends_well(&site).await;
}

/// K-22: through two servers with connections of their own, on one PostgreSQL, three
/// places are three all the same.
#[tokio::test]
async fn k_22_a_hundred_machines_race_through_two_servers() {
    if StoreKind::Postgres.is_skipped() {
        println!("SKIPPED: told to go without PostgreSQL");
        return;
    }
    let (url, store) = fresh_postgres().await;
    let here = over(Arc::new(store), PAGES, None).await;
    let held = bought(&here, "deck-monthly").await;
    let catalog = read_plan_file("harbor.yaml", PLANS.as_bytes()).unwrap();
    let other = Arc::new(connect_postgres(&url).await);
    let start = here.rig.clock.now();
    let there = Site::beside(other, PAGES, None, &catalog, start, 3).await;
    let sites = [&here, &there];
    for round in 0..3 {
        let name = |number: usize| format!("machine {number} of round {round}");
        let racing = (0..100).map(|number| {
            let site = sites[number % 2];
            let held = &held;
            async move {
                let mut seen = activates(site, held, &name(number)).await;
                // Overtaken too often, or held up by a slow database: asked again.
                for _ in 0..20 {
                    if seen.status != StatusCode::SERVICE_UNAVAILABLE {
                        break;
                    }
                    seen = activates(site, held, &name(number)).await;
                }
                (number, seen)
            }
        });
        let mut won = Vec::new();
        for (number, seen) in join_all(racing).await {
            if seen.status == StatusCode::OK {
                won.push(number);
            } else {
                seen.refused(StatusCode::CONFLICT, "too_many_machines");
            }
        }
        assert_eq!(won.len(), 3, "{won:?}");
        for site in sites {
            let shown = read(site, &format!("/v1/licenses/{}", held.id)).await;
            assert_eq!(shown["machines"].as_array().unwrap().len(), 3);
        }
        // Given up at the other server than it was taken at, the place is free.
        for number in won {
            let site = sites[(number + 1) % 2];
            let gone = deactivates(site, &held, &name(number)).await;
            gone.is(StatusCode::OK);
        }
    }
    let taken = held.happened(&here, "license.machine_activated").await;
    assert_eq!(taken.len(), 9);
    ends_well(&here).await;
}
