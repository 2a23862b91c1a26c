//! One at a time on a subscription, within this process. Paddle has no condition on a
//! write, so whoever reads and then puts something in place does both alone.
//!
//! Knows nothing of what is done meanwhile, and nothing of other processes.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

/// Locks that all subscriptions share: some times as many as changes are on their way at
/// once, so that two customers rarely wait for one another.
const LOCKS: u64 = 256;

/// Who is at work on which subscriptions.
#[derive(Debug)]
pub(crate) struct AtWork(Vec<Mutex<()>>);

impl Default for AtWork {
    fn default() -> Self {
        Self((0..LOCKS).map(|_| Mutex::default()).collect())
    }
}

impl AtWork {
    /// Waits until nobody else here is at work on this subscription. `None`: never, since
    /// every subscription has its lock.
    pub(crate) async fn alone(&self, subscription: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        subscription.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % LOCKS).ok()?;
        Some(self.0.get(place)?.lock().await)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Whether nobody is at work on it.
    async fn is_free(work: &AtWork, id: &str) -> bool {
        timeout(Duration::ZERO, work.alone(id)).await.is_ok()
    }

    #[tokio::test]
    async fn one_subscription_waits_for_itself_and_for_no_other() {
        let work = AtWork::default();
        let held = work.alone("sub_1").await;
        assert!(held.is_some());
        assert!(!is_free(&work, "sub_1").await);
        let mut free = 0;
        for number in 2..100 {
            free += u32::from(is_free(&work, &format!("sub_{number}")).await);
        }
        assert!(free > 90, "{free}");
        drop(held);
        assert!(is_free(&work, "sub_1").await);
    }
}
