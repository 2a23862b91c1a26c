//! Receivers that hang, tear down, say too much, lead elsewhere, or are where nobody may look.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use billing_domain::journal::Event;
use billing_http::{HttpClient, LookingUp, Names};
use billing_notify::{Reaching, Sender};
use billing_ports::store::DeliveryState;
use billing_testkit::Canary;
use billing_testkit::receiver::Reply;

use crate::rig::{Rig, receiver};

#[tokio::test]
async fn without_an_answer_it_is_tried_again() {
    for (reply, problem) in [
        (Reply::Hang, "no answer in time"),
        (Reply::Reset, "the connection was lost"),
    ] {
        let (mut rig, receiver) = (Rig::new(), receiver().await);
        rig.listens(&receiver.url("/")).await;
        receiver.next([reply]);
        rig.happens(Event::InvoiceSettled).await;
        rig.next_try().await;
        let held = rig.delivery().await;
        assert_eq!((held.state, held.attempts), (DeliveryState::Pending, 1));
        let last = held.last.unwrap();
        assert_eq!(
            (last.status, last.problem.as_deref()),
            (None, Some(problem))
        );
        rig.next_try().await;
        assert_eq!(rig.states().await, [DeliveryState::Delivered]);
    }
}

#[tokio::test]
async fn where_nobody_listens_it_is_tried_again_and_the_address_is_not_told() {
    let mut rig = Rig::new();
    let closed = receiver().await.url("/token-of-theirs");
    rig.listens(&closed).await;
    rig.happens(Event::InvoiceSettled).await;
    rig.next_try().await;
    let held = rig.delivery().await;
    let problem = held.last.unwrap().problem.unwrap();
    assert!(problem.starts_with("no connection: "), "{problem}");
    assert!(!problem.contains("token-of-theirs"), "{problem}");
}

#[tokio::test]
async fn ten_megabytes_are_not_read_and_their_status_counts() {
    for (status, state) in [
        (200, DeliveryState::Delivered),
        (500, DeliveryState::Pending),
    ] {
        let (mut rig, receiver) = (Rig::new(), receiver().await);
        rig.listens(&receiver.url("/")).await;
        receiver.next([Reply::Huge(status)]);
        rig.happens(Event::InvoiceSettled).await;
        rig.next_try().await;
        let held = rig.delivery().await;
        assert_eq!(held.state, state);
        assert_eq!(held.last.unwrap().status, Some(status));
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_no_matter_and_its_status_counts() {
    for (status, state) in [
        (200, DeliveryState::Delivered),
        (503, DeliveryState::Pending),
    ] {
        let (mut rig, receiver) = (Rig::new(), receiver().await);
        rig.listens(&receiver.url("/")).await;
        let in_a_while = vec![("retry-after", "600".to_owned())];
        receiver.next([Reply::Endless(status, in_a_while)]);
        rig.happens(Event::InvoiceSettled).await;
        rig.next_try().await;
        let held = rig.delivery().await;
        let last = held.last.unwrap();
        assert_eq!((last.status, last.problem), (Some(status), None));
        assert_eq!(held.state, state);
        if state == DeliveryState::Pending {
            assert_eq!(rig.next_try().await, 600, "its wish counts, too");
        }
    }
}

#[tokio::test]
async fn the_path_of_a_receiver_is_in_no_log() {
    let token = "a-token-in-the-path-of-theirs";
    let canary = Canary::over([token]);
    let (mut rig, receiver) = (Rig::new(), receiver().await);
    rig.listens(&receiver.url(&format!("/{token}"))).await;
    receiver.next([Reply::status(500), Reply::Hang, Reply::Reset]);
    rig.happens(Event::InvoiceSettled).await;
    for _ in 0..4 {
        rig.next_try().await;
    }
    assert_eq!(rig.states().await, [DeliveryState::Delivered]);
    assert!(receiver.got()[0].path.contains(token));
    drop(canary);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (mut rig, receiver, inside) = (Rig::new(), receiver().await, receiver().await);
    rig.listens(&receiver.url("/")).await;
    for status in [301, 302, 303, 307, 308] {
        let there = vec![("location", inside.url("/latest/meta-data"))];
        receiver.next([Reply::With(status, there)]);
    }
    rig.happens(Event::InvoiceSettled).await;
    for _ in 0..5 {
        rig.next_try().await;
        assert_eq!(rig.states().await, [DeliveryState::Pending]);
    }
    rig.next_try().await;
    assert_eq!(rig.states().await, [DeliveryState::Delivered]);
    assert!(inside.got().is_empty());
}

#[tokio::test]
async fn what_is_private_is_never_dialed_by_whatever_name() {
    let inside = receiver().await;
    let port = inside.address().port();
    let mut rig = Rig::with(Sender::http_options(Reaching::Public));
    let private = "must be on the public internet";
    let leads_inside = "no connection: it has no public address";
    let plain = "must begin with https://";
    let refused = [
        (format!("https://127.0.0.1:{port}/"), private),
        (format!("https://2130706433:{port}/"), private),
        (format!("https://[::ffff:127.0.0.1]:{port}/"), private),
        (format!("https://localhost:{port}/"), leads_inside),
        (format!("http://127.0.0.1:{port}/"), plain),
        ("file:///etc/passwd".to_owned(), plain),
    ];
    for (url, _) in &refused {
        // As in books that a looser setting wrote.
        rig.listens(url).await;
    }
    rig.happens(Event::InvoiceSettled).await;
    assert_eq!(rig.sender.send_due().await, Ok(6));
    let mut problems = Vec::new();
    for held in rig.deliveries().await {
        assert_eq!(held.state, DeliveryState::Pending);
        let last = held.last.unwrap();
        assert_eq!(last.status, None);
        problems.push(last.problem.unwrap());
    }
    problems.sort();
    let mut expected: Vec<_> = refused.iter().map(|(_, problem)| *problem).collect();
    expected.sort_unstable();
    assert_eq!(problems, expected);
    assert!(inside.got().is_empty());
}

/// Names that answer in turn.
#[derive(Debug)]
struct InTurn(Mutex<VecDeque<IpAddr>>);

impl Names for InTurn {
    fn look_up(&self, _name: String) -> LookingUp {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async move { Ok(next.into_iter().collect()) })
    }
}

#[tokio::test]
async fn a_name_that_turns_private_after_it_was_checked_is_not_dialed() {
    let inside = receiver().await;
    let private = ["127.0.0.1", "::1", "169.254.169.254"];
    let private = private.iter().map(|text| text.parse().unwrap());
    let names = Arc::new(InTurn(Mutex::new(private.collect())));
    let options = Sender::http_options(Reaching::Public);
    let mut rig = Rig::around(HttpClient::with_names(options, names).unwrap());
    let url = format!("https://hooks.example.com:{}/", inside.address().port());
    assert!(
        rig.sender.check_address(&url).is_ok(),
        "by itself it may be"
    );
    rig.listens(&url).await;
    rig.happens(Event::InvoiceSettled).await;
    for _ in 0..3 {
        rig.next_try().await;
        let last = rig.delivery().await.last.unwrap();
        let expected = "no connection: it has no public address";
        assert_eq!(last.problem.as_deref(), Some(expected));
    }
    assert!(inside.got().is_empty());
}
