//! What `billing serve` does beside answering: the worker, events sent out, letters and
//! invitations; and its end. Knows no request.

use std::time::Duration;

use billing_notify::{CARRYING_ENDS_WITHIN, Courier};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::failure::Failure;
use crate::config::Config;
use crate::wiring::{Parts, WiringError};

/// How long the worker may take to finish the go at hand at the end: what it
/// has not finished is leased, and goes on where it is started again.
const WORKER_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The loops that run.
pub(super) struct Loops {
    stop: watch::Sender<bool>,
    work: Vec<JoinHandle<()>>,
    stop_carrying: watch::Sender<bool>,
    /// What a mail server was shown and nobody has noted would be sent again: it is waited for.
    carrying: Option<JoinHandle<()>>,
}

impl Loops {
    /// Starts them, as far as `config` wants them; `own` is this server's address.
    pub(super) fn start(
        config: &Config,
        parts: &Parts,
        courier: Option<&Courier>,
        own: &str,
    ) -> Result<Self, Failure> {
        let (mut work, mut carrying) = (Vec::new(), None);
        let (stop, told_to_stop) = watch::channel(false);
        let (stop_carrying, told_to_end) = watch::channel(false);
        if config.worker.enabled {
            let (billing, stop) = (parts.billing.clone(), told(&told_to_stop));
            work.push(tokio::spawn(async move { billing.run_worker(stop).await }));
            if let Some(events) = parts.events.clone() {
                let stop = told(&told_to_stop);
                work.push(tokio::spawn(async move { events.run(stop).await }));
            }
            if let Some(courier) = courier.cloned() {
                let stop = told(&told_to_end);
                carrying = Some(tokio::spawn(async move { courier.run(stop).await }));
            }
        }
        if let Some(sandbox) = &parts.sandbox {
            let delivering = sandbox.deliver(own, told_to_stop);
            work.push(tokio::spawn(delivering.map_err(WiringError::from)?));
        }
        Ok(Self {
            stop,
            work,
            stop_carrying,
            carrying,
        })
    }

    /// Has letters and invitations end while requests are still answered: nothing that is
    /// asked for waits for them, and they take the longest.
    pub(super) fn stop_carrying(&self) -> impl FnOnce() + Send + use<> {
        let stop = self.stop_carrying.clone();
        move || {
            // Nobody listens where nothing is carried.
            let _nobody = stop.send(true);
        }
    }

    /// Tells all of them to stop, and waits until they have, each for its own time.
    pub(super) async fn end(self) {
        let _nobody = (self.stop.send(true), self.stop_carrying.send(true));
        for task in self.work {
            if tokio::time::timeout(WORKER_ENDS_WITHIN, task)
                .await
                .is_err()
            {
                tracing::warn!("work at hand was left to the next start");
            }
        }
        if let Some(task) = self.carrying
            && tokio::time::timeout(CARRYING_ENDS_WITHIN, task)
                .await
                .is_err()
        {
            tracing::warn!("letters at hand were not waited for; they may go out twice");
        }
    }
}

/// Ends when the loops are told to stop.
fn told(told_to_stop: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut told_to_stop = told_to_stop.clone();
    async move {
        // An end of the sender is an end too.
        let _ended = told_to_stop.wait_for(|stop| *stop).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    fn running(work: Duration, carrying: Duration) -> Loops {
        let ends = |mut stopped: watch::Receiver<bool>, after| {
            tokio::spawn(async move {
                drop(stopped.wait_for(|stop| *stop).await);
                sleep(after).await;
            })
        };
        let (stop, told_to_stop) = watch::channel(false);
        let (stop_carrying, told_to_end) = watch::channel(false);
        Loops {
            work: vec![ends(told_to_stop, work)],
            stop,
            carrying: Some(ends(told_to_end, carrying)),
            stop_carrying,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn letters_at_hand_are_waited_for_and_nothing_for_ever() {
        for (work, carrying, waited) in [
            (1, 45, Duration::from_secs(45)),
            (1, 80, Duration::from_secs(80)),
            (600, 0, WORKER_ENDS_WITHIN),
            (600, 600, WORKER_ENDS_WITHIN + CARRYING_ENDS_WITHIN),
        ] {
            let loops = running(Duration::from_secs(work), Duration::from_secs(carrying));
            let began = Instant::now();
            loops.end().await;
            let took = began.elapsed();
            assert!(
                took >= waited && took < waited + Duration::from_secs(1),
                "{took:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn letters_end_while_requests_are_answered() {
        let loops = running(Duration::ZERO, Duration::from_secs(45));
        loops.stop_carrying()();
        sleep(Duration::from_secs(20)).await;
        let began = Instant::now();
        loops.end().await;
        assert!(began.elapsed() <= Duration::from_secs(26));
    }
}
