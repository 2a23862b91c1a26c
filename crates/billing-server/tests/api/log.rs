//! What the tests' servers log: each line goes by the canary, and a test that asks for
//! it keeps what its own thread logs, at every level.
//!
//! One subscriber for the whole process: what a thread without one has met first would
//! stay silent on all of them.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use billing_testkit::Canary;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

thread_local! {
    /// What was logged on this thread. `None`: nobody looks.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Where every thread's log goes.
struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| {
            if let Some(log) = log {
                log.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether somebody looks at what this thread logs. A thread that ends has no log.
fn is_kept() -> bool {
    let kept = LOG.try_with(|log| log.borrow().is_some());
    kept.unwrap_or(false)
}

/// Has the canary hear everything from now on.
pub(crate) fn listen() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let here = tracing_subscriber::fmt::layer()
            .json()
            .with_writer(|| ThisThread)
            .with_filter(dynamic_filter_fn(|_, _| is_kept()));
        let all = tracing_subscriber::registry()
            .with(here)
            .with(Canary::ear());
        tracing::subscriber::set_global_default(all).unwrap();
    });
}

/// Begins to keep what this thread logs, at every level.
pub(crate) fn keep_log() {
    listen();
    LOG.set(Some(Vec::new()));
}

/// What was kept; from now on nothing is.
pub(crate) fn kept_log() -> String {
    String::from_utf8(LOG.take().unwrap()).unwrap()
}
