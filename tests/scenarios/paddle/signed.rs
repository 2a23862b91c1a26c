//! Paddle's webhooks as they arrive: believed by their signature, or not at all.

use billing_domain::parked::ParkReason;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::WebhookRequest;
use billing_testkit::fakes::paddle::{Card, SIGNATURE_HEADER, signature};
use bytes::Bytes;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{OLD_SECRET, SECRET, Shop, bought, only, opened, pays, plan_of, shop};
use crate::rig::{Seen, StoreKind};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-01: what is not signed, or long ago, or was cut, is refused, and nothing is written.
    g_01_only_what_is_signed_now_is_taken;
    /// G-01: while secrets are rotated both are believed.
    g_01_two_secrets_during_rotation;
    /// G-01: what nobody knows is accepted and stored; whatever is sent, never a 500.
    g_01_whatever_is_sent_is_never_an_error_of_ours;
}

fn signed(secrets: &[&str], body: &str, at: Timestamp) -> WebhookRequest {
    let secrets: Vec<String> = secrets.iter().map(ToString::to_string).collect();
    let body = Bytes::from(body.to_owned());
    WebhookRequest {
        headers: vec![(SIGNATURE_HEADER.to_owned(), signature(&secrets, &body, at))],
        body,
    }
}

async fn delivered(shop: &Shop, request: &WebhookRequest) -> Seen {
    shop.deliver("paddle", request).await
}

fn later(shop: &Shop, seconds: i64) -> Timestamp {
    shifted(shop.now(), SignedDuration::from_secs(seconds))
}

/// What is written beside a body, cut or put together wrongly in every place.
fn cut(genuine: &str, another_time: Timestamp) -> Vec<String> {
    let (time, tag) = genuine.split_once(";h1=").unwrap();
    vec![
        // Truncated in the signature, before it, and in the time.
        genuine[..genuine.len() - 2].to_owned(),
        format!("{time};h1="),
        time.to_owned(),
        format!("h1={tag}"),
        format!("ts=;h1={tag}"),
        String::new(),
        // In schemes that are no proof.
        format!("{time};h2={tag}"),
        // The right signature under another time.
        format!("ts={};h1={tag}", another_time.as_second()),
    ]
}

async fn g_01_only_what_is_signed_now_is_taken(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, &json!({ "price": "solo-monthly" })).await;
    pays(&shop, &checkout, Card::Pays);
    let told = shop.fake.deliveries().take();
    let body = String::from_utf8(told[0].event.body.to_vec()).unwrap();
    let bare = WebhookRequest {
        headers: Vec::new(),
        body: Bytes::from(body.clone()),
    };
    let altered = WebhookRequest {
        body: Bytes::from(format!("{body} ")),
        ..told[0].request()
    };
    for refused in [
        bare,
        altered,
        signed(&["pdl_ntfset_a_guess"], &body, shop.now()),
        signed(&[""], &body, shop.now()),
        signed(&[SECRET], &body, later(&shop, -31)),
        signed(&[SECRET], &body, later(&shop, 31)),
    ] {
        let seen = delivered(&shop, &refused).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    for one in &told {
        let body = &one.event.body;
        let text = String::from_utf8(body.to_vec()).unwrap();
        let genuine = signed(&[SECRET], &text, shop.now());
        let (name, header) = genuine.headers[0].clone();
        for header in cut(&header, later(&shop, 1)) {
            let under = WebhookRequest {
                headers: vec![(name.clone(), header.clone())],
                body: body.clone(),
            };
            let seen = delivered(&shop, &under).await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{header}");
            seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        }
        // And a body that was cut.
        let short = WebhookRequest {
            body: body.slice(..body.len() - 1),
            ..genuine
        };
        let seen = delivered(&shop, &short).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    // Nor by way of another provider, or of an account that is not there.
    for there in ["stripe", "paddle/other", "none"] {
        let seen = shop.deliver(there, &told[0].request()).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    shop.work().await;
    assert_eq!(shop.store.next_work().await.unwrap().inbox, None);
    let kept = shop.store.walk_inbox(None, 100).await.unwrap();
    let mut kept = kept.iter().map(|row| row.delivery.event_id.as_str());
    assert!(
        kept.all(|id| id.starts_with("reply:")),
        "nothing was written"
    );
    assert_eq!(plan_of(&shop, &ana).await, "", "nothing was written");
    assert_eq!(shop.parked().await, []);
    // As old as it may be, it is taken.
    for one in &told {
        let body = String::from_utf8(one.event.body.to_vec()).unwrap();
        let request = signed(&[SECRET], &body, later(&shop, -30));
        delivered(&shop, &request).await.is(StatusCode::OK);
    }
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.ends_well().await;
}

async fn g_01_two_secrets_during_rotation(kind: StoreKind) {
    let shop = shop(kind).await;
    let ways: [&[&str]; 4] = [
        &[OLD_SECRET],
        &[OLD_SECRET, SECRET],
        &[SECRET, OLD_SECRET],
        &["pdl_ntfset_one_of_theirs", SECRET],
    ];
    for (index, secrets) in ways.into_iter().enumerate() {
        let secrets = secrets.iter().map(ToString::to_string).collect();
        shop.fake.deliveries().set_secrets(secrets);
        let who = format!("buyer-{index}");
        let buyer = bought(&shop, &who, "solo-monthly").await;
        assert_eq!(plan_of(&shop, &buyer).await, "solo", "{who}");
    }
    shop.ends_well().await;
}

async fn g_01_whatever_is_sent_is_never_an_error_of_ours(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    let before = only(&shop, &ana).await;
    // Of a type that nobody knows: taken and settled, and nobody is bothered.
    for (index, kind) in ["report.created", "planet.aligned", "subscriptions"]
        .iter()
        .enumerate()
    {
        let event = json!({
            "event_id": format!("evt_unknown_{index}"),
            "event_type": kind,
            "occurred_at": shop.now(),
            "data": { "id": "sub_1" },
        });
        let request = signed(&[SECRET], &event.to_string(), shop.now());
        for _ in 0..2 {
            delivered(&shop, &request).await.is(StatusCode::OK);
        }
    }
    shop.settle().await;
    assert_eq!(shop.parked().await, []);
    // What is signed and cannot be read is kept for a person.
    let of = |kind: &str, data: Value| {
        json!({ "event_id": format!("evt_{kind}"), "event_type": kind,
                "occurred_at": "2026-03-01T12:00:00Z", "data": data })
        .to_string()
    };
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let unreadable = [
        String::new(),
        "no JSON".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        deep,
        "{\"event_id\":\"\"}".to_owned(),
        json!({ "event_id": "e".repeat(1000), "event_type": "subscription.updated" }).to_string(),
        of("subscription.updated", json!([1, 2])),
        of(
            "subscription.paused",
            json!({ "id": "sub_9", "status": "dreaming" }),
        ),
        of("transaction.completed", json!({ "id": 7, "items": "none" })),
        of("adjustment.created", json!("x")),
    ];
    for body in &unreadable {
        let seen = delivered(&shop, &signed(&[SECRET], body, shop.now())).await;
        assert_eq!(seen.status, StatusCode::OK, "{body}: {}", seen.text);
    }
    shop.settle().await;
    let parked = shop.parked().await;
    assert_eq!(parked.len(), unreadable.len(), "{parked:#?}");
    assert!(
        parked
            .iter()
            .all(|row| row.reason == ParkReason::Unreadable)
    );
    // Our subscription under a status that Paddle did not have: what we hold stays.
    let reference = super::shop::only_at_paddle(&shop).id;
    let odd = of(
        "subscription.activated",
        json!({
            "id": reference, "status": "dreaming",
            "items": [{ "price": { "id": "pri_solo" }, "quantity": 1 }],
        }),
    );
    delivered(&shop, &signed(&[SECRET], &odd, shop.now()))
        .await
        .is(StatusCode::OK);
    shop.settle().await;
    assert_eq!(shop.parked().await.len(), unreadable.len() + 1);
    assert_eq!(only(&shop, &ana).await, before);
    shop.is_sound().await;
    // Had back by a person, each is the very bytes that were sent.
    let mut sent: Vec<Bytes> = unreadable
        .into_iter()
        .chain([odd])
        .map(Bytes::from)
        .collect();
    sent.sort();
    assert_eq!(shop.had_back().await, sent);
}
