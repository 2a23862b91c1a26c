//! `sweep`: what has been kept long enough goes; what is pending never does.

use std::collections::BTreeSet;

use billing_ports::store::Sweep;

use super::State;
use super::snapshot::RowState;

impl State {
    /// Gives how many rows were emptied or removed.
    pub(super) fn sweep(&mut self, sweep: Sweep) -> u64 {
        let swept = [
            self.empty_bodies(sweep),
            self.remove_effects(sweep),
            self.vault.sweep(sweep),
            self.remove_quotes(sweep),
            self.meters.sweep(sweep),
        ];
        swept.into_iter().fold(0, u64::saturating_add)
    }

    fn empty_bodies(&mut self, sweep: Sweep) -> u64 {
        let rows = self.mail.inbox.values_mut();
        let old = rows.filter(|row| {
            matches!(row.state, RowState::Done | RowState::Discarded)
                && !row.emptied
                && row.received_at < sweep.inbox_bodies_before
        });
        let mut swept = 0_u64;
        for row in old.take(usize::from(sweep.limit)) {
            row.delivery.body = bytes::Bytes::new();
            row.emptied = true;
            swept = swept.saturating_add(1);
        }
        swept
    }

    fn remove_quotes(&mut self, sweep: Sweep) -> u64 {
        let old = self.quotes.values();
        let old = old.filter(|held| held.expires_at < sweep.rows_before);
        let ids: Vec<_> = old
            .map(|held| held.id)
            .take(usize::from(sweep.limit))
            .collect();
        let mut swept = 0_u64;
        for id in ids {
            self.quotes.remove(&id);
            swept = swept.saturating_add(1);
        }
        swept
    }

    fn remove_effects(&mut self, sweep: Sweep) -> u64 {
        // What a person may still have tried again is pending.
        let parked = self.mail.parked.values();
        let parked: BTreeSet<_> = parked.filter_map(|parked| parked.effect).collect();
        let rows = self.mail.outbox.iter();
        let old = rows.filter(|(id, row)| {
            row.state == RowState::Done
                && row.settled_at.is_some_and(|at| at < sweep.rows_before)
                && !parked.contains(id)
        });
        let ids: Vec<_> = old
            .map(|(id, _)| *id)
            .take(usize::from(sweep.limit))
            .collect();
        let mut swept = 0_u64;
        for id in ids {
            self.mail.forget_effect(id);
            swept = swept.saturating_add(1);
        }
        swept
    }
}
