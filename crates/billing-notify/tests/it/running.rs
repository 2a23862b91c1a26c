//! The sender as it runs: woken at once, one lane for each receiver, and an end in good order.

use std::time::Duration;

use billing_domain::journal::Event;
use billing_notify::{LANE, Reaching, Sender};
use billing_ports::Clock;
use billing_ports::store::{DeliveryState, Endpoints, EventDelivery};
use billing_testkit::receiver::Reply;
use jiff::SignedDuration;
use tokio::sync::oneshot;

use crate::rig::{Rig, receiver};

/// How long what is to come at once may take on a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn one_that_hangs_holds_up_nobody() {
    // As patient as a server is: whoever waited for the one that hangs would be late.
    let mut rig = Rig::with(Sender::http_options(Reaching::Anywhere));
    let (hangs, answers) = (receiver().await, receiver().await);
    hangs.always(Reply::Hang);
    rig.listens(&hangs.url("/")).await;
    rig.listens(&answers.url("/")).await;
    let many = usize::from(LANE) * 4;
    for _ in 0..many {
        rig.happens(Event::InvoiceSettled).await;
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let sender = rig.sender.clone();
    let run = tokio::spawn(async move { sender.run(async { drop(stopped.await) }).await });
    let got = tokio::time::timeout(AT_ONCE, answers.wait_for(many)).await;
    assert_eq!(got.unwrap().len(), many);
    assert_eq!(hangs.got().len(), usize::from(LANE), "so many at a time");
    // What happens now is not held up either.
    rig.happens(Event::SubscriptionLapsed).await;
    let got = tokio::time::timeout(AT_ONCE, answers.wait_for(many + 1)).await;
    assert_eq!(got.unwrap().len(), many + 1);
    run.abort();
    drop(stop);
}

#[tokio::test(start_paused = true)]
async fn old_deliveries_are_swept_as_fast_as_they_can_come() {
    // What comes within so long, three hundred a second, is swept within as long.
    let within = Duration::from_secs(400);
    let mut rig = Rig::new();
    let (endpoint, customer) = (rig.make.id(), rig.make.id());
    let now = rig.clock.now();
    let old = (0..300 * within.as_secs()).map(|_| EventDelivery {
        id: rig.make.id(),
        endpoint,
        customer,
        event: Event::InvoiceSettled,
        body: "{}".to_owned(),
        created_at: now,
        state: DeliveryState::Delivered,
        attempts: 1,
        next_at: now,
        last: None,
    });
    let old: Vec<EventDelivery> = old.collect();
    rig.store.add_deliveries(&old).await.unwrap();
    rig.clock.advance(SignedDuration::from_hours(31 * 24));
    rig.sender.run(tokio::time::sleep(within)).await;
    assert_eq!(rig.deliveries().await.len(), 0);
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_at_hand() {
    let (mut rig, slow) = (Rig::new(), receiver().await);
    slow.always(Reply::After(Duration::from_millis(50), 200));
    rig.listens(&slow.url("/")).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let sender = rig.sender.clone();
    let run = tokio::spawn(async move { sender.run(async { drop(stopped.await) }).await });
    rig.happens(Event::InvoiceSettled).await;
    tokio::time::timeout(AT_ONCE, slow.wait_for(1))
        .await
        .unwrap();
    drop(stop);
    tokio::time::timeout(AT_ONCE, run).await.unwrap().unwrap();
    assert_eq!(rig.states().await, [DeliveryState::Delivered]);
}
