//! Sends what the sandbox has to tell, over HTTP to this server itself, as a
//! real provider would. Knows nothing of what is told.

use std::time::Duration;

use billing_ports::Clock as _;
use billing_sandbox::{Sandbox, WebhookSink};
use tokio::sync::watch;

/// How often the sandbox is asked whether it has something to do: the answer
/// is in memory, and nobody notices a fifth of a second.
const LOOK: Duration = Duration::from_millis(200);

/// How long nothing is tried after the sandbox's books could not be written.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Pumps in one go before the surroundings are looked at. A pump is bounded
/// itself; a clock moved by years leaves a few hundred of them.
const MAX_IN_A_ROW: usize = 100;

/// Works until `stop` says so; ends between two pumps.
pub(super) async fn run_pump(
    sandbox: Sandbox,
    sink: impl WebhookSink,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let pause = if is_due(&sandbox) {
            pump(&sandbox, &sink, &stop).await
        } else {
            LOOK
        };
        tokio::select! {
            _stopped = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn is_due(sandbox: &Sandbox) -> bool {
    sandbox
        .next_due()
        .is_some_and(|due| due <= sandbox.clock().now())
}

async fn pump(
    sandbox: &Sandbox,
    sink: &impl WebhookSink,
    stop: &watch::Receiver<bool>,
) -> Duration {
    for _ in 0..MAX_IN_A_ROW {
        match sandbox.pump(sandbox.clock().now(), sink).await {
            Ok(pumped) if pumped.more && !*stop.borrow() => {}
            Ok(_) => return LOOK,
            Err(error) => {
                tracing::error!(%error, "sandbox not written, will be tried again");
                return AFTER_FAILURE;
            }
        }
    }
    LOOK
}
