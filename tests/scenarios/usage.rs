//! Metered use: reported, shown, limited, and charged when its period is over.

use billing::sandbox::{FaultPlan, FaultRates};
use billing_catalog::read_plan_file;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::Clock;
use futures_util::future::join_all;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{BY_HAND, CARDS, on_both_stores};
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// G-11: what is beyond the included is charged at the cycle's end, once, rounded up.
    g_11_overage_is_charged_once_at_the_cycle_s_end;
    /// G-11: no more than the customer will spend, which its gate says beforehand.
    g_11_no_more_is_charged_than_the_spending_limit;
    /// G-11: answers that are lost, events that come again and workers that race charge once.
    g_11_running_the_charge_twice_charges_once;
    /// G-11: an event counts once; what cannot be counted is named, and the rest counts.
    g_11_an_event_counts_once_and_a_late_one_is_refused;
    /// G-11: the period of who has lost access lasts for its charge, and is nobody's to use.
    g_11_what_is_no_longer_held_is_not_to_be_used;
    /// G-11: a limit that is lowered afterwards forgives nothing that was used.
    g_11_a_limit_that_is_lowered_afterwards_forgives_nothing;
    /// G-11: of a cycle in which nothing was reported, use is taken in for an hour more.
    g_11_a_silent_cycle_takes_in_what_comes_within_the_hour;
    /// G-11: a month ends with the purchase, also where nothing was reported since.
    g_11_a_purchase_ends_the_month_without_a_report;
    /// G-11: a member that pays for itself is counted by itself, one that does not by its owner.
    g_11_a_member_with_a_plan_of_its_own_is_counted_by_itself;
    /// G-11: a member's use that is reported late counts with whom it was used, and once.
    g_11_a_member_s_late_event_counts_where_it_was_used;
    /// G-11: unpaid by hand, it is owed beside the renewal, and credits no cycle.
    g_11_what_is_not_paid_stays_owed;
}

const PLANS: &str = r#"
currency: usd
product: "Acme"
features:
  calls:  { kind: count, name: "Calls", meter: sum }
  disk:   { kind: bytes, name: "Disk", meter: max }
  people: { kind: count, name: "Active people", meter: unique }
plans:
  pro:
    name: Pro
    rank: 10
    entitlements: { calls: 1000, disk: 5GB, people: 3 }
    prices:
      pro-monthly:
        amount: 10.00
        interval: month
        overage:
          calls: { per: 100, amount: 0.50 }
          disk:  { per: 1GB, amount: 2.00 }
  big:
    name: Big
    rank: 20
    entitlements: { calls: unlimited, disk: 50GB, people: 100 }
    prices:
      big-monthly: { amount: 90.00, interval: month }
"#;

const START: &str = "2026-01-10T09:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Ana, who has bought `pro-monthly`; gives the site and her id.
async fn ana(kind: StoreKind, mode: billing::sandbox::Mode) -> (Site, String) {
    let catalog = read_plan_file("plans.yaml", PLANS.as_bytes()).unwrap();
    let site = Site::new(kind, mode, &catalog, at(START)).await;
    let id = site.paid_by("ana", "pro-monthly").await;
    site.rig.settle().await;
    site.rig.run_until(at("2026-01-10T09:01:00Z")).await;
    (site, id)
}

/// A new customer, who holds nothing; gives its id.
async fn customer(site: &Site, who: &str) -> String {
    let made = site
        .operate("/v1/customers", &json!({ "external_ref": who }))
        .await;
    let made = made.is(StatusCode::CREATED).json();
    made["id"].as_str().unwrap().to_owned()
}

/// The instant so long after the end of the period that lasts.
async fn after(site: &Site, of: &str, seconds: i64) -> Timestamp {
    let usage = read(site, &format!("/v1/customers/{of}/usage")).await;
    let end = at(usage["period_end"].as_str().unwrap());
    shifted(end, SignedDuration::from_secs(seconds))
}

fn event(id: &str, feature: &str, value: u64) -> Value {
    json!({ "id": id, "feature": feature, "value": value })
}

/// Reports events; gives the answer.
async fn report(site: &Site, of: &str, events: &[Value]) -> Value {
    let body = json!({ "events": events });
    let url = format!("/v1/customers/{of}/usage");
    site.operate(&url, &body).await.is(StatusCode::OK).json()
}

async fn read(site: &Site, url: &str) -> Value {
    site.get_as(KEY, url).await.is(StatusCode::OK).json()
}

/// What is shown of a feature.
async fn figure(site: &Site, of: &str, feature: &str) -> Value {
    let usage = read(site, &format!("/v1/customers/{of}/usage")).await;
    let mut features = usage["features"].as_array().unwrap().iter();
    let found = features.find(|shown| shown["feature"] == feature);
    found.unwrap().clone()
}

/// The invoices of use, newest first.
async fn charged(site: &Site, of: &str) -> Vec<Value> {
    let invoices = read(site, &format!("/v1/invoices?customer={of}&limit=100")).await;
    let invoices = invoices["data"].as_array().unwrap().iter();
    let of_use = invoices.filter(|invoice| invoice["purpose"] == "usage");
    of_use.cloned().collect()
}

fn told(site: &Site, event: &str) -> usize {
    let events = site.rig.notifier.events();
    events.iter().filter(|told| told.as_str() == event).count()
}

async fn ends_well(site: &Site) {
    site.rig.assert_nothing_left().await;
    assert_eq!(site.rig.parked().await, []);
    site.rig.assert_sound().await;
}

async fn g_11_overage_is_charged_once_at_the_cycle_s_end(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    let taken = report(
        &site,
        &ana,
        &[event("e1", "calls", 900), event("e2", "calls", 301)],
    )
    .await;
    assert_eq!(taken, json!({ "counted": 2, "known": 0, "refused": [] }));
    let gigabyte = 1_000_000_000_u64;
    report(&site, &ana, &[event("e3", "disk", 6 * gigabyte + 1)]).await;
    report(&site, &ana, &[event("e4", "disk", 2 * gigabyte)]).await;

    let shown = figure(&site, &ana, "calls").await;
    assert_eq!(
        (&shown["used"], &shown["included"]),
        (&json!(1_201), &json!(1_000))
    );
    assert_eq!(
        (&shown["over"], &shown["limit_reached"]),
        (&json!(201), &json!(false))
    );
    let usage = read(&site, &format!("/v1/customers/{ana}/usage")).await;
    let starts = usage["period_start"].as_str().unwrap();
    assert!(starts.starts_with("2026-01-10T09:00:00"), "{starts}");
    // 2.01 hundreds at 0.50 are 1.01; 1.000000001 gigabytes at 2.00 are 2.01.
    assert_eq!(usage["cost"]["amount"], 302);
    let session = site.session(&ana).await;
    let mine = site
        .get_as(&session, "/v1/me")
        .await
        .is(StatusCode::OK)
        .json();
    assert_eq!(mine["usage"], usage);

    let due = after(&site, &ana, 3_600).await;
    let second = SignedDuration::from_secs(1);
    site.rig.run_until(shifted(due, -second)).await;
    assert_eq!(charged(&site, &ana).await, [] as [Value; 0]);
    site.rig.run_until(due).await;
    let invoices = charged(&site, &ana).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(
        invoices[0]["amount"],
        json!({ "amount": 302, "currency": "usd" })
    );
    assert_eq!(invoices[0]["status"], "settled");
    assert_eq!(invoices[0]["cycle"], json!(null));
    let lines = invoices[0]["lines"].as_array().unwrap();
    let said: Vec<&str> = lines
        .iter()
        .map(|line| line["explanation"].as_str().unwrap())
        .collect();
    assert_eq!(
        said,
        [
            "1201 of calls used, 1000 included; 0.50 USD × 201 / 100, rounded up = 1.01 USD",
            "6000000001 of disk used, 5000000000 included; 2.00 USD × 1000000001 / 1000000000, \
             rounded up = 2.01 USD",
        ]
    );
    // A new cycle begins with nothing used, and nothing is charged again.
    assert_eq!(figure(&site, &ana, "calls").await["used"], 0);
    site.rig.run_until(at("2026-04-01T00:00:00Z")).await;
    assert_eq!(charged(&site, &ana).await.len(), 1);
    ends_well(&site).await;
}

async fn g_11_no_more_is_charged_than_the_spending_limit(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    let session = site.session(&ana).await;
    let limit = json!({ "currency": "usd", "amount": 200 });
    let set = site.put_as(&session, "/v1/me/spending-limit", &limit).await;
    set.is(StatusCode::NO_CONTENT);
    let check = format!("/v1/customers/{ana}/check/calls?amount=");
    assert_eq!(read(&site, &format!("{check}1400")).await["allowed"], true);
    assert_eq!(read(&site, &format!("{check}1401")).await["allowed"], false);

    report(&site, &ana, &[event("e1", "calls", 1_399)]).await;
    assert_eq!(told(&site, "usage.limit_reached"), 0);
    // What was used counts, be it more than was allowed.
    report(&site, &ana, &[event("e2", "calls", 2_000)]).await;
    report(&site, &ana, &[event("e3", "calls", 1)]).await;
    site.rig.settle().await;
    assert_eq!(told(&site, "usage.limit_reached"), 1);
    let denied = read(&site, &format!("/v1/customers/{ana}/check/calls")).await;
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["reason"], "limit_reached");
    assert_eq!(figure(&site, &ana, "calls").await["limit_reached"], true);
    // Names are counted, and none is sold beyond those that are included.
    let people = ["zoe", "max", "zoe", "ida", "eve"];
    let people: Vec<Value> = people
        .iter()
        .enumerate()
        .map(
            |(place, name)| json!({ "id": format!("p{place}"), "feature": "people", "name": name }),
        )
        .collect();
    report(&site, &ana, &people).await;
    assert_eq!(figure(&site, &ana, "people").await["used"], 4);
    site.rig.settle().await;
    assert_eq!(told(&site, "usage.limit_reached"), 2);
    let denied = read(&site, &format!("/v1/customers/{ana}/check/people")).await;
    assert_eq!(
        (&denied["reason"], &denied["plan_needed"]),
        (&json!("limit_reached"), &json!("big"))
    );

    site.rig.run_until(at("2026-02-11T00:00:00Z")).await;
    let invoices = charged(&site, &ana).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["amount"]["amount"], 200);
    let lines = invoices[0]["lines"].as_array().unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["kind"].as_str().unwrap(),
                line["amount"]["amount"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lines, [("usage", 1_200), ("spending_limit", -1_000)]);
    let allowed = read(&site, &format!("/v1/customers/{ana}/check/calls")).await;
    assert_eq!(allowed["allowed"], true, "a new period has begun");
    ends_well(&site).await;
}

async fn g_11_running_the_charge_twice_charges_once(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    report(&site, &ana, &[event("e1", "calls", 2_000)]).await;
    let due = after(&site, &ana, 3_600).await;
    site.rig.run_until(at("2026-02-10T09:30:00Z")).await;
    let rates = FaultRates {
        lose_answer: 400,
        time_out_before: 200,
        deliver_twice: 500,
        ..FaultRates::default()
    };
    site.rig.sandbox.set_faults(FaultPlan::seeded(7, rates));
    site.rig.clock.set(due);
    for _ in 0..3 {
        let works = (0..4).map(|_| site.rig.billing.work_until_idle());
        for work in join_all(works).await {
            work.unwrap();
        }
        site.rig.pump().await;
    }
    site.rig.run_until(at("2026-02-12T00:00:00Z")).await;
    site.rig.sandbox.set_faults(FaultPlan::none());
    site.rig.run_until(at("2026-02-14T00:00:00Z")).await;
    let invoices = charged(&site, &ana).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["amount"]["amount"], 500);
    assert_eq!(invoices[0]["status"], "settled");
    assert_eq!(invoices[0]["payments"].as_array().unwrap().len(), 1);
    ends_well(&site).await;
}

async fn g_11_an_event_counts_once_and_a_late_one_is_refused(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    let batch = [
        event("e1", "calls", 5),
        event("e1", "calls", 7),
        event("e2", "cals", 1),
        json!({ "id": "e3", "feature": "calls", "at": "2026-01-10T10:00:00Z" }),
        json!({ "id": "e4", "feature": "calls", "at": "2026-01-09T00:00:00Z" }),
        json!({ "id": "e5", "feature": "people" }),
        event("e6", "calls", 1_000_000_000_001),
        json!({ "id": "e7", "feature": "calls", "at": "2026-01-10T09:04:00Z" }),
    ];
    let url = format!("/v1/customers/{ana}/usage");
    let reports = (0..4).map(|_| report(&site, &ana, &batch));
    let answers = join_all(reports).await;
    let counted = answers
        .iter()
        .map(|answer| answer["counted"].as_u64().unwrap());
    assert_eq!(counted.sum::<u64>(), 2);
    // What no store keeps apart counts nowhere; over HTTP no such text comes in.
    let named = |id: &str, name: &str| billing::UsageReport {
        id: id.to_owned(),
        feature: "people".to_owned(),
        value: 1,
        name: Some(name.to_owned()),
        at: None,
    };
    let of = billing::CustomerRef::Id(ana.parse().unwrap());
    let nul = [named("e\0", "zoe"), named("n1", "zo\0e")];
    let nul = site.rig.billing.record_usage(&of, &nul).await.unwrap();
    assert_eq!((nul.counted, nul.known), (0, 0));
    let why: Vec<&str> = nul
        .refused
        .iter()
        .map(|refused| refused.why.as_str())
        .collect();
    assert_eq!(why, ["bad_id", "bad_name"]);
    for answer in &answers {
        let refused = answer["refused"].as_array().unwrap().iter();
        let refused: Vec<_> = refused
            .map(|refused| {
                (
                    refused["place"].as_u64().unwrap(),
                    refused["code"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            refused,
            [
                (2, "not_metered"),
                (3, "in_future"),
                (4, "too_late"),
                (5, "bad_name"),
                (6, "bad_value"),
            ]
        );
    }
    assert_eq!(figure(&site, &ana, "calls").await["used"], 6);

    // A body that cannot be read counts nothing.
    let mixed = json!({ "events": [event("e8", "calls", 1), { "feature": "calls" }] });
    let refused = site.operate(&url, &mixed).await;
    assert_eq!(refused.json()["errors"][0]["field"], "events.1.id");
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    let many: Vec<Value> = (0..1_001)
        .map(|id| event(&format!("m{id}"), "calls", 1))
        .collect();
    let refused = site.operate(&url, &json!({ "events": many })).await;
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    assert_eq!(figure(&site, &ana, "calls").await["used"], 6);
    let taken = report(&site, &ana, &many[..1_000]).await;
    assert_eq!(taken["counted"], 1_000);

    // Within the hour after its period it still counts there, and then no more.
    let due = after(&site, &ana, 3_600).await;
    site.rig.run_until(at("2026-02-10T09:30:00Z")).await;
    let late = |id: &str| json!({ "id": id, "feature": "calls", "value": 94, "at": "2026-02-10T08:00:00Z" });
    assert_eq!(report(&site, &ana, &[late("l1")]).await["counted"], 1);
    assert_eq!(
        figure(&site, &ana, "calls").await["used"],
        0,
        "a new period"
    );
    site.rig.run_until(due).await;
    let answer = report(&site, &ana, &[late("l2"), event("e9", "calls", 3)]).await;
    assert_eq!(answer["refused"][0]["code"], "too_late");
    assert_eq!(answer["counted"], 1);
    assert_eq!(charged(&site, &ana).await[0]["amount"]["amount"], 50);
    assert_eq!(figure(&site, &ana, "calls").await["used"], 3);
    let nobody = site
        .operate("/v1/customers/nobody/usage", &json!({ "events": [] }))
        .await;
    nobody.refused(StatusCode::NOT_FOUND, "customer_not_found");
    site.rig.settle().await;
    ends_well(&site).await;
}

async fn g_11_what_is_not_paid_stays_owed(kind: StoreKind) {
    let (site, ana) = ana(kind, BY_HAND).await;
    report(&site, &ana, &[event("e1", "calls", 1_200)]).await;
    site.rig.run_until(at("2026-02-10T11:00:00Z")).await;
    let owed = charged(&site, &ana).await;
    assert_eq!(owed[0]["status"], "open");
    assert_eq!(owed[0]["amount"]["amount"], 100);
    let page = owed[0]["pay_url"].as_str().unwrap();
    let reference = page.rsplit('/').next().unwrap();
    let card = billing::sandbox::TestCard::Pays;
    site.rig.sandbox.pay(reference, card, None).await.unwrap();
    site.rig.settle().await;
    assert_eq!(charged(&site, &ana).await[0]["status"], "settled");
    // The cycle itself is still to be paid.
    let subscriptions = read(&site, &format!("/v1/subscriptions?customer={ana}")).await;
    let paid = subscriptions["data"][0]["paid_through"].as_str().unwrap();
    assert!(paid.starts_with("2026-02-10T09:00:00"), "{paid}");
    assert_eq!(subscriptions["data"][0]["status"], "past_due");
    assert!(site.rig.clock.now() > at(START));
    ends_well(&site).await;
}

async fn g_11_what_is_no_longer_held_is_not_to_be_used(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    report(&site, &ana, &[event("e1", "calls", 10)]).await;
    let check = format!("/v1/customers/{ana}/check/calls");
    assert_eq!(read(&site, &check).await["allowed"], true);
    let held = read(&site, &format!("/v1/subscriptions?customer={ana}")).await;
    let subscription = held["data"][0]["id"].as_str().unwrap();
    let cancel = format!("/v1/subscriptions/{subscription}/cancel");
    let canceled = site.operate(&cancel, &json!({ "when": "now" })).await;
    canceled.is(StatusCode::OK);
    site.rig.settle().await;
    let denied = read(&site, &check).await;
    assert_eq!(denied["allowed"], false, "{denied}");
    ends_well(&site).await;
}

async fn g_11_a_limit_that_is_lowered_afterwards_forgives_nothing(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    report(&site, &ana, &[event("e1", "calls", 1_400)]).await;
    let session = site.session(&ana).await;
    let limit = json!({ "currency": "usd", "amount": 0 });
    let set = site.put_as(&session, "/v1/me/spending-limit", &limit).await;
    set.is(StatusCode::NO_CONTENT);
    let check = format!("/v1/customers/{ana}/check/calls");
    assert_eq!(read(&site, &check).await["reason"], "limit_reached");
    let usage = read(&site, &format!("/v1/customers/{ana}/usage")).await;
    assert_eq!(usage["cost"]["amount"], 200);
    report(&site, &ana, &[event("e2", "calls", 1_000)]).await;
    site.rig.run_until(at("2026-02-11T00:00:00Z")).await;
    let invoices = charged(&site, &ana).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["amount"]["amount"], 200);
    ends_well(&site).await;
}

async fn g_11_a_silent_cycle_takes_in_what_comes_within_the_hour(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    let due = after(&site, &ana, 3_600).await;
    let second = SignedDuration::from_secs(1);
    site.rig.run_until(shifted(due, -second)).await;
    let late =
        json!({ "id": "l1", "feature": "calls", "value": 1_100, "at": "2026-01-20T00:00:00Z" });
    let taken = report(&site, &ana, &[late]).await;
    assert_eq!(taken["counted"], 1, "{taken}");
    assert_eq!(figure(&site, &ana, "calls").await["used"], 0);
    site.rig.run_until(due).await;
    assert_eq!(charged(&site, &ana).await[0]["amount"]["amount"], 50);
    // And so does the one after it.
    let due = after(&site, &ana, 3_600).await;
    site.rig.run_until(shifted(due, -second)).await;
    let late =
        json!({ "id": "l2", "feature": "calls", "value": 1_200, "at": "2026-03-01T00:00:00Z" });
    assert_eq!(report(&site, &ana, &[late]).await["counted"], 1);
    site.rig.run_until(due).await;
    let invoices = charged(&site, &ana).await;
    assert_eq!(invoices[0]["amount"]["amount"], 100);
    ends_well(&site).await;
}

async fn g_11_a_purchase_ends_the_month_without_a_report(kind: StoreKind) {
    let plans = format!(
        "{PLANS}  free: {{ name: Free, rank: 0, entitlements: {{ calls: 10 }} }}\ndefaults: {{ newcomer: free }}\n"
    );
    let catalog = read_plan_file("plans.yaml", plans.as_bytes()).unwrap();
    let site = Site::new(kind, CARDS, &catalog, at(START)).await;
    let ana = customer(&site, "ana").await;
    report(&site, &ana, &[event("f1", "calls", 8)]).await;
    site.rig.run_until(at("2026-01-12T09:00:00Z")).await;
    site.buys(&ana, "pro-monthly").await;
    site.rig.settle().await;
    site.rig.run_until(at("2026-01-13T09:00:00Z")).await;
    // Reported a day after the purchase: it was used after it.
    let used =
        json!({ "id": "e1", "feature": "calls", "value": 1_100, "at": "2026-01-12T10:00:00Z" });
    assert_eq!(report(&site, &ana, &[used]).await["counted"], 1);
    let calls = figure(&site, &ana, "calls").await;
    assert_eq!(
        (&calls["used"], &calls["included"]),
        (&json!(1_100), &json!(1_000))
    );
    site.rig.run_until(at("2026-02-13T00:00:00Z")).await;
    assert_eq!(charged(&site, &ana).await[0]["amount"]["amount"], 50);
    ends_well(&site).await;
}

async fn g_11_a_member_with_a_plan_of_its_own_is_counted_by_itself(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    let ben = site.paid_by("ben", "pro-monthly").await;
    let zoe = customer(&site, "zoe").await;
    for member in [&ben, &zoe] {
        let url = format!("/v1/customers/{member}/member_of");
        let joins = site.put_as(KEY, &url, &json!({ "owner": ana })).await;
        joins.is(StatusCode::NO_CONTENT);
    }
    site.rig.settle().await;
    report(&site, &ben, &[event("b1", "calls", 900)]).await;
    report(&site, &zoe, &[event("z1", "calls", 600)]).await;
    report(&site, &ana, &[event("a1", "calls", 300)]).await;
    assert_eq!(figure(&site, &ben, "calls").await["used"], 900);
    for of in [&ana, &zoe] {
        assert_eq!(figure(&site, of, "calls").await["used"], 900);
    }
    site.rig.run_until(at("2026-02-12T00:00:00Z")).await;
    for of in [&ana, &ben] {
        assert_eq!(
            charged(&site, of).await,
            [] as [Value; 0],
            "each has its own included"
        );
    }
    ends_well(&site).await;
}

async fn g_11_a_member_s_late_event_counts_where_it_was_used(kind: StoreKind) {
    let (site, ana) = ana(kind, CARDS).await;
    let zoe = customer(&site, "zoe").await;
    let member_of = format!("/v1/customers/{zoe}/member_of");
    site.rig.run_until(at("2026-01-11T09:00:00Z")).await;
    let joins = site.put_as(KEY, &member_of, &json!({ "owner": ana })).await;
    joins.is(StatusCode::NO_CONTENT);
    site.rig.run_until(at("2026-01-12T09:00:00Z")).await;
    site.buys(&zoe, "pro-monthly").await;
    site.rig.settle().await;
    site.rig.run_until(at("2026-01-13T09:00:00Z")).await;

    let calls = |id: &str, value: u64, at: &str| json!({ "id": id, "feature": "calls", "value": value, "at": at });
    let used = async |of: &str| figure(&site, of, "calls").await["used"].clone();
    let one = |counted: u64| json!({ "counted": counted, "known": 1 - counted, "refused": [] });
    // A day before the purchase it was the owner's, whatever the member has bought since.
    let before = calls("z1", 1_100, "2026-01-12T08:00:00Z");
    let taken = report(&site, &zoe, std::slice::from_ref(&before)).await;
    assert_eq!(taken, one(1));
    assert_eq!(
        (used(&ana).await, used(&zoe).await),
        (json!(1_100), json!(0))
    );
    // Both in one report, of which one is known, be it brought as used now.
    let again = event("z1", "calls", 1_100);
    let own = calls("z2", 400, "2026-01-12T10:00:00Z");
    let taken = report(&site, &zoe, &[again, own.clone(), before]).await;
    assert_eq!(taken, json!({ "counted": 1, "known": 2, "refused": [] }));
    assert_eq!(
        (used(&ana).await, used(&zoe).await),
        (json!(1_100), json!(400))
    );
    // The owner's own event of that id is another.
    assert_eq!(
        report(&site, &ana, &[event("z1", "calls", 1)]).await,
        one(1)
    );

    // What the member has canceled took in what was used until then, for its hour.
    let held = read(&site, &format!("/v1/subscriptions?customer={zoe}")).await;
    let subscription = held["data"][0]["id"].as_str().unwrap();
    let cancel = format!("/v1/subscriptions/{subscription}/cancel");
    let canceled = site.operate(&cancel, &json!({ "when": "now" })).await;
    canceled.is(StatusCode::OK);
    site.rig.run_until(at("2026-01-13T09:30:00Z")).await;
    let last = calls("z3", 700, "2026-01-13T08:00:00Z");
    assert_eq!(report(&site, &zoe, &[last, own]).await["counted"], 1);
    assert_eq!(used(&ana).await, json!(1_101));
    let since = calls("z4", 9, "2026-01-13T09:20:00Z");
    assert_eq!(report(&site, &zoe, &[since]).await, one(1));
    assert_eq!(used(&ana).await, json!(1_110));
    site.rig.run_until(at("2026-01-13T10:30:00Z")).await;
    let charged_since = calls("z5", 1, "2026-01-13T08:00:00Z");
    let refused = report(&site, &zoe, &[charged_since]).await;
    assert_eq!(refused["refused"][0]["code"], "too_late");
    assert_eq!(charged(&site, &zoe).await[0]["amount"]["amount"], 50);

    // Who has left used the owner's until then.
    let left = site.delete_as(KEY, &member_of).await;
    left.is(StatusCode::NO_CONTENT);
    site.rig.run_until(at("2026-01-14T09:00:00Z")).await;
    let while_member = calls("z6", 5, "2026-01-13T10:20:00Z");
    assert_eq!(report(&site, &zoe, &[while_member]).await, one(1));
    assert_eq!(used(&ana).await, json!(1_115));
    let on_its_own = calls("z7", 5, "2026-01-13T11:00:00Z");
    let refused = report(&site, &zoe, &[on_its_own]).await;
    assert_eq!(refused["refused"][0]["code"], "not_held");
    ends_well(&site).await;
}
