//! Claims: how many workers share one queue, nothing twice and nothing skipped.

use std::collections::BTreeSet;

use billing_ports::Store;
use billing_ports::store::{Claiming, Fence, NextWork, Release};

use super::queues::{Queue, Row};
use super::support::{LEASE, everything, second, together};
use crate::fixtures::Maker;

/// As many workers as a busy host runs.
const WORKERS: usize = 8;

/// Enough rows that every worker gets several times.
const ROWS: usize = 200;

/// So few at a time that no worker can take it all, and that the last claim is
/// not full.
const BITE: u16 = 7;

/// "`claim_*` MUST give a row to one worker at a time … skip nothing".
pub async fn workers_share_the_due_customers(store: &dyn Store) {
    shared(store, Queue::Due).await;
}

/// "`claim_*` MUST give a row to one worker at a time … skip nothing".
pub async fn workers_share_the_inbox(store: &dyn Store) {
    shared(store, Queue::Inbox).await;
}

/// "`claim_*` MUST give a row to one worker at a time … skip nothing".
pub async fn workers_share_the_outbox(store: &dyn Store) {
    shared(store, Queue::Outbox).await;
}

async fn shared(store: &dyn Store, queue: Queue) {
    let ids = queue.fill(store, &mut Maker::new(1), ROWS).await;
    let ask = Claiming {
        limit: BITE,
        ..everything(second(999))
    };
    let claimed = together(WORKERS, |_| async {
        let mut mine: Vec<Row> = Vec::new();
        loop {
            let claimed = queue.claim(store, ask).await;
            if claimed.is_empty() || mine.len() > ROWS {
                return mine;
            }
            assert!(claimed.len() <= usize::from(BITE), "the limit holds");
            mine.extend(claimed);
        }
    });
    let rows: Vec<_> = claimed.into_iter().flatten().map(|row| row.id).collect();
    assert_eq!(rows.len(), ROWS, "none twice and none skipped");
    let distinct: BTreeSet<_> = rows.into_iter().collect();
    assert_eq!(distinct, ids.into_iter().collect());
}

/// "Oldest first", and "at most so much".
pub async fn the_oldest_come_first_within_the_limit(store: &dyn Store) {
    let mut make = Maker::new(2);
    for queue in Queue::ALL {
        let ids = queue.fill(store, &mut make, 5).await;
        let few = Claiming {
            limit: 2,
            ..everything(second(9))
        };
        let mut order = Vec::new();
        for ask in [few, everything(second(9))] {
            let claimed = queue.claim(store, ask).await;
            // Which are given is a law; their order within one answer is not.
            let mut places: Vec<_> = claimed
                .iter()
                .map(|row| ids.iter().position(|id| *id == row.id))
                .collect();
            places.sort_unstable();
            order.push(places);
        }
        let expected = [vec![Some(0), Some(1)], vec![Some(2), Some(3), Some(4)]];
        assert_eq!(order, expected, "{queue:?}");
    }
}

/// "Not before this instant": what is due now is given, what is due later is not.
pub async fn nothing_is_given_before_its_time(store: &dyn Store) {
    let mut make = Maker::new(3);
    for queue in [Queue::Due, Queue::Outbox] {
        let ids = queue.fill(store, &mut make, 4).await;
        let now = queue.claim(store, everything(second(1))).await;
        let given: BTreeSet<_> = now.iter().map(|row| row.id).collect();
        assert_eq!(given, ids[..2].iter().copied().collect(), "{queue:?}");
    }
}

/// "Give it again when its lease has run out", under a higher fence; not an
/// instant sooner.
pub async fn a_lease_runs_out_and_the_fence_grows(store: &dyn Store) {
    let mut make = Maker::new(4);
    for queue in Queue::ALL {
        let ids = queue.fill(store, &mut make, 1).await;
        let first = queue.claim(store, everything(second(5))).await;
        assert_eq!(first.len(), 1, "{queue:?}");
        let sooner = queue.claim(store, everything(second(64))).await;
        assert_eq!(sooner, [], "{queue:?} is leased still");
        let again = queue.claim(store, everything(second(65))).await;
        assert_eq!(again.len(), 1, "{queue:?}: the lease has run out");
        assert_eq!((first[0].id, again[0].id), (ids[0], ids[0]));
        assert!(again[0].fence > first[0].fence, "{queue:?}");
        // A lease that ran out is no release: nobody counted an attempt.
        assert_eq!(again[0].attempts, first[0].attempts);
        let third = queue.claim(store, everything(second(64))).await;
        assert_eq!(third, [], "{queue:?} is leased anew");
    }
}

/// "Gives a claimed row back … `false`: the claim had passed to another
/// worker": a released row waits for its instant, an attempt is counted when
/// asked, and one claim is released once.
pub async fn a_release_delays_and_counts(store: &dyn Store) {
    let mut make = Maker::new(5);
    for queue in Queue::ALL {
        queue.fill(store, &mut make, 1).await;
        let mut attempts = 0;
        for (now, counts) in [(10, true), (20, false), (30, true)] {
            let claimed = queue.claim(store, everything(second(now))).await;
            assert_eq!(claimed.len(), 1, "{queue:?} at second {now}");
            let row = claimed[0];
            assert_eq!(row.attempts.unwrap_or(attempts), attempts, "{queue:?}");
            let release = Release {
                row: queue.row(row.id),
                fence: row.fence,
                retry_at: second(now + 10),
                counts,
            };
            assert_eq!(store.release(release).await, Ok(true), "{queue:?}");
            assert_eq!(store.release(release).await, Ok(false), "once");
            let sooner = queue.claim(store, everything(second(now + 9))).await;
            assert_eq!(sooner, [], "{queue:?} is delayed");
            attempts += u16::from(counts);
        }
        let claimed = queue.claim(store, everything(second(40))).await;
        assert_eq!(claimed[0].attempts.unwrap_or(2), 2, "{queue:?}");
    }
}

/// "`false`: the claim had passed to another worker": a late worker's release
/// changes nothing for the one who holds the claim now, nor does a stranger's.
pub async fn a_late_release_changes_nothing(store: &dyn Store) {
    let mut make = Maker::new(6);
    for queue in Queue::ALL {
        queue.fill(store, &mut make, 1).await;
        let late = queue.claim(store, everything(second(0))).await[0];
        let held = queue.claim(store, everything(second(60))).await[0];
        let release = |id, fence: Fence| Release {
            row: queue.row(id),
            fence,
            retry_at: second(61),
            counts: true,
        };
        let stranger = Fence(held.fence.0 + 1);
        for fence in [late.fence, stranger] {
            let released = store.release(release(held.id, fence)).await;
            assert_eq!(released, Ok(false), "{queue:?}");
        }
        let nowhere = store.release(release(
            make.id::<billing_domain::ids::KeyId>().uuid(),
            held.fence,
        ));
        assert_eq!(nowhere.await, Ok(false), "{queue:?}: no such row");
        let sooner = queue.claim(store, everything(second(119))).await;
        assert_eq!(sooner, [], "{queue:?} is held still");
        let again = queue.claim(store, everything(second(120))).await;
        assert_eq!(again[0].attempts.unwrap_or(0), 0, "{queue:?}");
    }
}

/// "When work of any queue is next there to be claimed": now, at the end of a
/// lease, at the end of a delay, or never.
pub async fn the_next_work_is_told(store: &dyn Store) {
    let mut make = Maker::new(7);
    assert_eq!(store.next_work().await, Ok(NextWork::default()));
    for queue in Queue::ALL {
        let told = async || queue.next(store.next_work().await.expect("it answers"));
        queue.fill(store, &mut make, 2).await;
        assert_eq!(told().await, Some(second(0)), "{queue:?} waits");
        let claimed = queue.claim(store, everything(second(5))).await;
        assert_eq!(claimed.len(), 2);
        let lease_end = billing_domain::time::shifted(second(5), LEASE);
        assert_eq!(told().await, Some(lease_end), "{queue:?} is leased");
        let release = Release {
            row: queue.row(claimed[0].id),
            fence: claimed[0].fence,
            retry_at: second(20),
            counts: true,
        };
        assert_eq!(store.release(release).await, Ok(true));
        assert_eq!(told().await, Some(second(20)), "{queue:?} is delayed");
    }
}
