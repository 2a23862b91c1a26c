//! The sender as it runs: woken at once, one lane for each receiver, and an end in good order.

use std::time::Duration;

use billing_domain::journal::Event;
use billing_notify::{LANE, Reaching, Sender};
use billing_ports::store::DeliveryState;
use billing_testkit::receiver::Reply;
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
