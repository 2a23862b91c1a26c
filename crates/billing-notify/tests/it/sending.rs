//! What receivers get, and what becomes of what they do not take.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::time::shifted;
use billing_notify::{FAILING_FOR, ROTATION_WINDOW, RenewalLinks};
use billing_ports::Clock;
use billing_ports::store::{DeliveryState, DisabledWhy, EndpointSecret, Endpoints};
use billing_ports::{Notifier, NotifyError};
use billing_testkit::memory::{Call, Fault};
use billing_testkit::receiver::Reply;
use jiff::SignedDuration;

use crate::rig::{Rig, receiver, verified};

#[tokio::test]
async fn an_event_is_posted_as_the_official_library_wants_it() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/hooks?of=app")).await;
    let entry = rig.happens(Event::InvoiceSettled).await;
    assert_eq!(rig.sender.send_due().await, Ok(1));
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].path, "/hooks?of=app");
    assert_eq!(got[0].header("content-type"), "application/json");
    let now = rig.clock.now().as_second().to_string();
    assert_eq!(got[0].header("webhook-timestamp"), now);
    let sent = verified(&got[0], endpoint.secret);
    assert_eq!(sent["type"], "invoice.settled");
    assert_eq!(sent["timestamp"], entry.at.to_string());
    assert_eq!(sent["data"]["id"], entry.id.to_string());
    assert_eq!(sent["data"]["sequence"], 17_003);
    let held = rig.delivery().await;
    assert_eq!(got[0].header("webhook-id"), held.id.to_string());
    assert_eq!((held.state, held.attempts), (DeliveryState::Delivered, 1));
    assert_eq!(rig.sender.send_due().await, Ok(0), "once");
}

/// A host with a page to pay renewals at, or one that cannot say where.
struct Page(Result<&'static str, &'static str>);

#[async_trait]
impl RenewalLinks for Page {
    async fn renewal_link(&self, _told: &JournalEntry) -> Result<Option<String>, String> {
        self.0
            .map(|link| Some(link.to_owned()))
            .map_err(str::to_owned)
    }
}

#[tokio::test]
async fn a_renewal_is_paid_where_the_host_says() {
    const LINK: &str = "https://billing.example.com/renewal?link=br_2";
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/")).await;
    assert!(rig.sender.link_renewals(Arc::new(Page(Ok(LINK)))));
    let another = Page(Ok("https://elsewhere.example.com"));
    assert!(
        !rig.sender.link_renewals(Arc::new(another)),
        "the first stays"
    );
    let entry = rig.happens(Event::SubscriptionRenewalPending).await;
    assert_eq!(rig.sender.send_due().await, Ok(1));
    let sent = verified(&receiver.got()[0], endpoint.secret);
    assert_eq!(sent["data"]["renewal"]["pay_url"], LINK);
    assert_eq!(sent["data"]["note"], entry.note.unwrap());
}

#[tokio::test]
async fn a_renewal_whose_link_cannot_be_made_is_told_again_and_not_without_it() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    rig.listens(&receiver.url("/")).await;
    let fails = Page(Err("the store is away"));
    assert!(rig.sender.link_renewals(Arc::new(fails)));
    let customer = rig.make.id();
    let entry = rig.make.journal(customer, Event::SubscriptionRenewalDue);
    let told = rig.sender.notify(rig.make.id(), &[entry]).await;
    assert_eq!(
        told,
        Err(NotifyError::Failed("the store is away".to_owned()))
    );
    assert!(rig.deliveries().await.is_empty());
}

#[tokio::test]
async fn everybody_gets_what_they_asked_for_and_the_disabled_nothing() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    rig.listens(&receiver.url("/all")).await;
    let settled = vec![Event::InvoiceSettled];
    rig.wants(&receiver.url("/settled"), settled).await;
    let off = rig.listens(&receiver.url("/off")).await;
    let disabled = billing_ports::store::Disabled {
        at: rig.clock.now(),
        why: DisabledWhy::Operator,
    };
    let switched = rig.store.switch_endpoint(off.id, Some(disabled)).await;
    assert_eq!(switched, Ok(true));
    for event in [Event::InvoiceSettled, Event::SubscriptionLapsed] {
        rig.happens(event).await;
    }
    assert_eq!(rig.sender.send_due().await, Ok(3));
    let mut paths: Vec<_> = receiver.got().into_iter().map(|got| got.path).collect();
    paths.sort();
    assert_eq!(paths, ["/all", "/all", "/settled"]);
}

#[tokio::test]
async fn told_again_nothing_is_sent_again() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    rig.listens(&receiver.url("/")).await;
    let entry = rig.happens(Event::InvoiceSettled).await;
    rig.told(std::slice::from_ref(&entry)).await;
    assert_eq!(rig.sender.send_due().await, Ok(1));
    // As after a crash between telling and recording that it was told.
    rig.told(&[entry]).await;
    assert_eq!(rig.sender.send_due().await, Ok(0));
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn after_a_crash_between_sending_and_recording_the_same_id_is_sent_once_more() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    rig.listens(&receiver.url("/")).await;
    rig.happens(Event::InvoiceSettled).await;
    rig.store.fail_next(Call::Attempt, Fault::Before);
    assert!(rig.sender.send_due().await.is_err());
    assert_eq!(rig.sender.send_due().await, Ok(0), "the claim stands");
    rig.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(rig.sender.send_due().await, Ok(1));
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(got[0].body, got[1].body);
    assert_eq!(rig.states().await, [DeliveryState::Delivered]);
}

#[tokio::test]
async fn what_cannot_be_stored_is_told_again() {
    let mut rig = Rig::new();
    rig.listens("http://127.0.0.1:9/").await;
    let customer = rig.make.id();
    let entry = rig.make.journal(customer, Event::InvoiceSettled);
    let effect = rig.make.id();
    for fault in [Fault::Before, Fault::After] {
        rig.store.fail_next(Call::Endpoint, fault);
        let told = rig
            .sender
            .notify(effect, std::slice::from_ref(&entry))
            .await;
        assert!(told.is_err());
    }
    rig.sender.notify(effect, &[entry]).await.unwrap();
    assert_eq!(rig.deliveries().await.len(), 1);
}

#[tokio::test]
async fn what_fails_is_tried_eleven_times_then_given_up_and_sent_again_when_told_so() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/")).await;
    receiver.always(Reply::status(500));
    rig.happens(Event::InvoiceSettled).await;
    let began = rig.clock.now();
    assert_eq!(rig.next_try().await, 0);
    let least = [5, 30, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200];
    for (tries, least) in (1..).zip(least) {
        let held = rig.delivery().await;
        assert_eq!((held.state, held.attempts), (DeliveryState::Pending, tries));
        assert_eq!(held.last.unwrap().status, Some(500));
        assert_eq!(rig.sender.send_due().await, Ok(0), "not before its time");
        let wait = rig.next_try().await;
        assert!(wait >= least && wait <= least + least / 5, "{wait}");
    }
    let dead = rig.delivery().await;
    assert_eq!((dead.state, dead.attempts), (DeliveryState::Dead, 11));
    assert_eq!(receiver.got().len(), 11);
    let ids = receiver.got();
    assert!(
        ids.iter()
            .all(|got| got.header("webhook-id") == dead.id.to_string())
    );
    rig.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(rig.sender.send_due().await, Ok(0), "given up");
    assert_eq!(rig.endpoint(endpoint.id).await.failing_since, Some(began));

    receiver.always(Reply::status(200));
    let now = rig.clock.now();
    assert_eq!(rig.store.revive_delivery(dead.id, now).await, Ok(true));
    assert_eq!(rig.sender.send_due().await, Ok(1));
    assert_eq!(rig.states().await, [DeliveryState::Delivered]);
    assert_eq!(rig.endpoint(endpoint.id).await.failing_since, None);
}

#[tokio::test]
async fn a_receiver_says_how_long_it_wants_to_be_left_alone() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    rig.listens(&receiver.url("/")).await;
    let in_a_while = vec![("retry-after", "600".to_owned())];
    receiver.next([Reply::With(429, in_a_while)]);
    rig.happens(Event::InvoiceSettled).await;
    rig.next_try().await;
    assert_eq!(rig.next_try().await, 600);
    assert_eq!(rig.states().await, [DeliveryState::Delivered]);
}

#[tokio::test]
async fn who_is_gone_is_sent_nothing_more() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/")).await;
    receiver.always(Reply::status(410));
    rig.happens(Event::InvoiceSettled).await;
    rig.sender.send_due().await.unwrap();
    let held = rig.endpoint(endpoint.id).await;
    assert_eq!(held.disabled.unwrap().why, DisabledWhy::Gone);
    assert_eq!(rig.states().await, [DeliveryState::Dead]);
    rig.happens(Event::InvoiceSettled).await;
    rig.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(rig.sender.send_due().await, Ok(0));
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn who_takes_nothing_for_five_days_is_disabled_and_what_waits_is_sent_once_it_is_enabled() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/")).await;
    receiver.always(Reply::status(503));
    let began = rig.clock.now();
    rig.happens(Event::InvoiceSettled).await;
    rig.fails_to_the_end().await;
    // Then nothing happens for days, and one try is no proof that nobody listens.
    rig.clock
        .set(shifted(began, FAILING_FOR + SignedDuration::from_hours(24)));
    rig.happens(Event::InvoiceSettled).await;
    rig.sender.send_due().await.unwrap();
    assert_eq!(rig.endpoint(endpoint.id).await.disabled, None);
    rig.fails_to_the_end().await;
    let held = rig.endpoint(endpoint.id).await;
    assert_eq!(held.failing_since, Some(began));
    let disabled = held.disabled.unwrap();
    assert_eq!(
        (disabled.why, disabled.at),
        (DisabledWhy::Failing, rig.clock.now())
    );
    let so_far = receiver.got().len();
    let dead = rig.deliveries().await;
    for held in &dead {
        let revived = rig.store.revive_delivery(held.id, rig.clock.now()).await;
        assert_eq!(revived, Ok(true));
    }
    rig.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(rig.sender.send_due().await, Ok(0));
    assert_eq!(receiver.got().len(), so_far);

    receiver.always(Reply::status(200));
    assert_eq!(rig.store.switch_endpoint(endpoint.id, None).await, Ok(true));
    assert_eq!(rig.sender.send_due().await, Ok(2));
    let delivered = [DeliveryState::Delivered; 2];
    assert_eq!(rig.states().await, delivered);
}

#[tokio::test]
async fn who_took_something_meanwhile_is_not_disabled() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/")).await;
    receiver.always(Reply::status(503));
    let began = rig.clock.now();
    rig.happens(Event::InvoiceSettled).await;
    rig.fails_to_the_end().await;
    rig.clock.set(shifted(began, FAILING_FOR));
    receiver.next([Reply::status(200)]);
    rig.happens(Event::InvoiceSettled).await;
    rig.sender.send_due().await.unwrap();
    assert_eq!(rig.endpoint(endpoint.id).await.failing_since, None);
    rig.happens(Event::InvoiceSettled).await;
    rig.fails_to_the_end().await;
    assert_eq!(rig.endpoint(endpoint.id).await.disabled, None);
}

#[tokio::test]
async fn within_the_window_of_a_rotation_both_secrets_verify() {
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    let endpoint = rig.listens(&receiver.url("/")).await;
    let (old, new) = (endpoint.secret, EndpointSecret([9; 32]));
    let until = shifted(rig.clock.now(), ROTATION_WINDOW);
    let rotated = rig.store.rotate_secret(endpoint.id, new, until).await;
    assert_eq!(rotated, Ok(true));
    rig.happens(Event::InvoiceSettled).await;
    rig.sender.send_due().await.unwrap();
    rig.clock.set(until);
    rig.happens(Event::InvoiceSettled).await;
    rig.sender.send_due().await.unwrap();
    let got = receiver.got();
    verified(&got[0], old);
    verified(&got[0], new);
    verified(&got[1], new);
    assert_eq!(got[1].header("webhook-signature").split(' ').count(), 1);
}
