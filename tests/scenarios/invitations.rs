//! Whoever has a plan that comes with it is invited to an organization at GitHub.

use billing::notify::Inviting;
use billing_catalog::sample_catalog;
use billing_domain::time::shifted;
use billing_ports::Clock;
use billing_testkit::Canary;
use billing_testkit::receiver::{Receiver, Reply};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::on_both_stores;
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// W-08: a paid plan leads to one invitation, whenever a name at GitHub is known.
    w_08_a_paid_plan_invites_to_github_once;
    /// W-08: whom the owners removed is not invited again by more of what is held.
    w_08_more_of_a_plan_brings_back_nobody_who_was_removed;
    /// W-08: what GitHub does not do holds up nothing and is tried again.
    w_08_what_github_refuses_is_tried_again_and_told;
}

const TOKEN: &str = "ghp_a_token_of_the_tests";
const TEAM: &str = "/orgs/acme/teams/customers/memberships/";

async fn site(kind: StoreKind) -> (Site, Receiver) {
    Canary::used(TOKEN);
    let github = Receiver::start().await.unwrap();
    // Nobody is a member, unless the test says so.
    let inviting = Inviting {
        base_url: github.url("/").parse().unwrap(),
        organization: "acme".to_owned(),
        team: Some("customers".to_owned()),
        plans: vec!["personal".to_owned(), "team".to_owned()],
        token: TOKEN.to_owned(),
    };
    let start = "2026-03-01T12:00:00Z".parse().unwrap();
    let site = Site::carrying(kind, &sample_catalog().unwrap(), start, |state| {
        state.invitations(inviting).unwrap().into_iter().collect()
    })
    .await;
    (site, github)
}

/// What GitHub was asked, as in `GET ana-dev`.
fn asked(github: &Receiver) -> Vec<String> {
    let got = github.got();
    let said = got.iter().map(|got| {
        assert_eq!(got.header("authorization"), format!("Bearer {TOKEN}"));
        let name = got.path.strip_prefix(TEAM).expect("the team's memberships");
        format!("{} {name}", got.method)
    });
    said.collect()
}

async fn named(site: &Site, who: &str, name: &Value) -> StatusCode {
    let url = format!("/v1/customers/{who}");
    site.patch(&url, &json!({ "github": name })).await.status
}

async fn later(site: &Site, minutes: i64) {
    let at = shifted(site.rig.clock.now(), SignedDuration::from_mins(minutes));
    site.rig.run_until(at).await;
}

fn replies(statuses: &[u16]) -> Vec<Reply> {
    statuses
        .iter()
        .map(|status| Reply::status(*status))
        .collect()
}

async fn w_08_a_paid_plan_invites_to_github_once(kind: StoreKind) {
    let (site, github) = site(kind).await;
    site.paid_by("ana", "personal-monthly").await;
    site.paid_by("eve", "lifetime-once").await;
    site.carry().await;
    assert_eq!(named(&site, "eve", &json!("eve")).await, StatusCode::OK);
    site.carry().await;
    assert_eq!(
        asked(&github),
        [] as [&str; 0],
        "no name is known, or no plan comes with it"
    );

    github.next(replies(&[404, 200]));
    for wrong in [
        json!("ana dev"),
        json!("-ana"),
        json!("a/../b"),
        json!("x".repeat(40)),
    ] {
        assert_eq!(
            named(&site, "ana", &wrong).await,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
    assert_eq!(named(&site, "ana", &json!("ana-dev")).await, StatusCode::OK);
    site.carry().await;
    assert_eq!(asked(&github), ["GET ana-dev", "PUT ana-dev"]);
    let invited = &github.got()[1];
    assert_eq!(invited.body, br#"{"role":"member"}"#);

    // From here on she is there. Told again, said again, renewed: she is invited once.
    site.rig.notifier.fail_next(1);
    assert_eq!(named(&site, "ana", &json!("ana-dev")).await, StatusCode::OK);
    assert_eq!(site.carry().await, 0, "nothing is another");
    let patched = site
        .patch("/v1/customers/ana", &json!({ "lang": "de" }))
        .await;
    patched.is(StatusCode::OK);
    site.carry().await;
    let month = shifted(site.rig.clock.now(), SignedDuration::from_hours(40 * 24));
    site.rig.run_until(month).await;
    site.carry().await;
    let puts = asked(&github);
    let puts = puts.iter().filter(|asked| asked.starts_with("PUT"));
    assert_eq!(puts.count(), 1);

    // A name that is taken back, and then no plan: nobody is asked about.
    let before = asked(&github).len();
    assert_eq!(named(&site, "ana", &Value::Null).await, StatusCode::OK);
    site.carry().await;
    assert_eq!(asked(&github).len(), before);
}

async fn w_08_what_github_refuses_is_tried_again_and_told(kind: StoreKind) {
    let (site, github) = site(kind).await;
    site.paid_by("ben", "personal-monthly").await;
    assert_eq!(named(&site, "ben", &json!("ben")).await, StatusCode::OK);
    // Two events may ask: the purchase, and the name.
    github.next(replies(&[503, 503]));
    let tries = site.carry().await;
    assert!(tries >= 1);
    assert!(asked(&github).iter().all(|asked| asked == "GET ben"));
    let checked = site.get_as(KEY, "/v1/customers/ben/check/projects").await;
    assert_eq!(
        checked.is(StatusCode::OK).json()["allowed"],
        true,
        "it waits for nobody"
    );

    github.next(replies(&[401, 401]));
    later(&site, 10).await;
    site.carry().await;
    let listed = site
        .get_as(KEY, "/v1/deliveries?endpoint=github&status=pending")
        .await;
    let listed = listed.is(StatusCode::OK).json();
    let row = &listed["data"][0];
    assert_eq!(row["last_problem"], "GitHub does not take our token");
    assert!(!listed.to_string().contains(TOKEN));

    // Somebody has to mend it: it is asked again each hour.
    let asked_before = asked(&github).len();
    later(&site, 50).await;
    site.carry().await;
    assert_eq!(asked(&github).len(), asked_before);
    github.next(replies(&[404, 200]));
    later(&site, 15).await;
    site.carry().await;
    let asked_for = asked(&github);
    let puts = asked_for.iter().filter(|asked| *asked == "PUT ben");
    assert_eq!(puts.count(), 1, "{asked_for:?}");
    let listed = site
        .get_as(KEY, "/v1/deliveries?endpoint=github&status=pending")
        .await;
    assert_eq!(listed.is(StatusCode::OK).json()["data"], json!([]));
    assert_eq!(site.carry().await, 0);
}

async fn w_08_more_of_a_plan_brings_back_nobody_who_was_removed(kind: StoreKind) {
    let (site, github) = site(kind).await;
    let cem = site.paid_by("cem", "personal-monthly").await;
    site.carry().await;
    github.next(replies(&[404, 200]));
    assert_eq!(named(&site, "cem", &json!("cem")).await, StatusCode::OK);
    site.carry().await;
    assert_eq!(asked(&github), ["GET cem", "PUT cem"]);

    // The owners remove him; he goes on to the other plan that comes with it, and to more of it.
    let url = format!("/v1/subscriptions?customer={cem}");
    let held = site.get_as(KEY, &url).await.is(StatusCode::OK).json();
    let change = held["data"][0]["id"].as_str().unwrap();
    let change = format!("/v1/subscriptions/{change}/change-plan");
    for wanted in [json!({ "plan": "team" }), json!({ "quantity": 3 })] {
        let mut wanted = wanted;
        wanted["collect"] = json!("none");
        wanted["reason"] = json!("asked for");
        let changed = site.operate(&change, &wanted).await;
        changed.is(StatusCode::OK);
        later(&site, 10).await;
        site.carry().await;
    }
    let held = site.get_as(KEY, &url).await.is(StatusCode::OK).json();
    assert_eq!(
        (&held["data"][0]["plan"], &held["data"][0]["quantity"]),
        (&json!("team"), &json!(3))
    );
    assert_eq!(asked(&github).len(), 2, "nobody is asked about");
}
