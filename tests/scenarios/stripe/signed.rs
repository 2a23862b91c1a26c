//! Stripe's webhooks as they arrive: believed by their signature, or not at all; and
//! what is genuine and cannot be read.

use billing_domain::parked::ParkReason;
use billing_domain::time::{Timestamp, shifted};
use billing_http::SigningKeys;
use billing_ports::WebhookRequest;
use billing_testkit::fakes::stripe::{PINNED_VERSION, SIGNATURE_HEADER};
use bytes::Bytes;
use jiff::SignedDuration;
use poem::http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::shop::{SECRET, Shop, bought, opened, pays, plan_of, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-06: what is signed for another time, or in another way, is refused, and
    /// nothing is written.
    s_06_only_what_stripe_signs_now_is_taken;
    /// S-06: what is genuine and cannot be read is kept, to the byte.
    s_06_what_cannot_be_read_is_kept_with_its_bytes;
}

/// What Stripe writes beside a body that it signs at `at`.
fn header(body: &[u8], at: Timestamp) -> String {
    let keys = SigningKeys::new(&[SecretString::from(SECRET)]).unwrap();
    let time = at.as_second();
    let message = [format!("{time}.").as_bytes(), body].concat();
    format!("t={time},v1={}", keys.sign(&message))
}

/// A webhook of this body under this header.
fn under(body: &Bytes, header: &str) -> WebhookRequest {
    WebhookRequest {
        headers: vec![(SIGNATURE_HEADER.to_owned(), header.to_owned())],
        body: body.clone(),
    }
}

fn later(shop: &Shop, seconds: i64) -> Timestamp {
    shifted(shop.now(), SignedDuration::from_secs(seconds))
}

async fn s_06_only_what_stripe_signs_now_is_taken(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    let told = shop.fake.deliveries().take();
    for one in &told {
        let body = &one.event.body;
        let genuine = header(body, shop.now());
        let cut = &genuine[..genuine.len() - 2];
        let (time, tag) = genuine.split_once(",v1=").unwrap();
        let headers = [
            // Of times that are not now.
            header(body, later(&shop, 301)),
            header(body, later(&shop, -301)),
            // Truncated in the signature, before it, and in the time.
            cut.to_owned(),
            format!("{time},v1="),
            time.to_owned(),
            format!("v1={tag}"),
            format!("t=,v1={tag}"),
            String::new(),
            // In schemes that are no proof.
            format!("{time},v0={tag}"),
            format!("{time},v0={tag},v2={tag}"),
            // The right signature under another time.
            format!("t={},v1={tag}", later(&shop, 1).as_second()),
        ];
        for header in &headers {
            let seen = shop.deliver("stripe", &under(body, header)).await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{header}");
            seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        }
        // And a body that was cut.
        let short = WebhookRequest {
            body: body.slice(..body.len() - 1),
            ..under(body, &genuine)
        };
        let seen = shop.deliver("stripe", &short).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        // And one of the other mode, whose secret was mixed up with ours.
        let mut live: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(live["livemode"], false);
        live["livemode"] = json!(true);
        let live = Bytes::from(live.to_string());
        let signed = header(&live, shop.now());
        let seen = shop.deliver("stripe", &under(&live, &signed)).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    assert_eq!(shop.store.next_work().await.unwrap().inbox, None);
    shop.work().await;
    let kept = shop.store.walk_inbox(None, 100).await.unwrap();
    let told_by_webhook = |id: &str| !id.starts_with("reply:");
    assert!(
        !kept
            .iter()
            .any(|row| told_by_webhook(&row.delivery.event_id)),
        "{kept:?}"
    );
    assert_eq!(plan_of(&shop, &ana).await, "free", "nothing was written");
    assert_eq!(shop.parked().await, []);
    // As old, or as early, as it may be, it is taken.
    for (one, seconds) in told.iter().zip([-300, 300].into_iter().cycle()) {
        let at = later(&shop, seconds);
        let header = header(&one.event.body, at);
        let seen = shop
            .deliver("stripe", &under(&one.event.body, &header))
            .await;
        seen.is(StatusCode::OK);
    }
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.ends_well().await;
}

async fn s_06_what_cannot_be_read_is_kept_with_its_bytes(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "bosun-monthly").await;
    let event = |id: &str, kind: &str, data: Value| {
        let body = json!({
            "id": id, "object": "event", "api_version": PINNED_VERSION,
            "created": shop.now().as_second(), "type": kind, "livemode": false, "data": data,
        });
        Bytes::from(body.to_string())
    };
    let unreadable = [
        Bytes::from_static(b""),
        Bytes::from_static(b"no JSON \xff\x00 at all\r\n"),
        Bytes::from_static(b"[ ]"),
        event(
            "evt_1",
            "customer.subscription.updated",
            json!({ "object": [1, 2] }),
        ),
        event("evt_2", "invoice.paid", json!({})),
        event("evt_3", "charge.refunded", json!({ "object": { "id": 7 } })),
    ];
    for body in &unreadable {
        let webhook = under(body, &header(body, shop.now()));
        for _ in 0..2 {
            let seen = shop.deliver("stripe", &webhook).await;
            assert_eq!(seen.status, StatusCode::OK, "{body:?}: {}", seen.text);
        }
    }
    shop.settle().await;
    let parked = shop.parked().await;
    assert_eq!(parked.len(), unreadable.len(), "{parked:#?}");
    for row in &parked {
        assert_eq!(row.reason, ParkReason::Unreadable, "{row:?}");
    }
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.is_sound().await;
    // Had back by a person, each is the very bytes that were sent.
    let mut sent = unreadable.to_vec();
    sent.sort();
    assert_eq!(shop.had_back().await, sent);
}
