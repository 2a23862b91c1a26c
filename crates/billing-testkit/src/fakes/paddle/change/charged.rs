//! Which line has charged for something: what a credit for it is written against.
//! Knows no money.

use crate::fakes::paddle::things::{AdjustmentAction, Bought, Subscription, TransactionStatus};
use crate::fakes::paddle::world::World;

impl World {
    /// The line that charged for so much of a price in the period that runs, and was
    /// not credited since: transaction and line. What was put back unbilled is still
    /// what was charged for.
    pub(super) fn charged_for(
        &self,
        subscription: &Subscription,
        bought: &Bought,
    ) -> Option<(String, String)> {
        let ends = subscription.period?.end;
        let of_it = self.transactions.values().filter(|transaction| {
            let settled = matches!(
                transaction.status,
                TransactionStatus::Paid | TransactionStatus::Completed
            );
            let runs = transaction.period.is_some_and(|period| period.end == ends);
            let of = transaction.subscription_id.as_ref();
            settled && runs && of == Some(&subscription.id)
        });
        let lines = of_it.flat_map(|transaction| {
            let lines = transaction.lines.iter();
            lines.map(move |line| (transaction, line))
        });
        let same = lines.filter(|(_, line)| {
            line.bought.price.id == bought.price.id && line.bought.quantity == bought.quantity
        });
        let open = same.filter(|(_, line)| !self.is_credited(&line.id));
        let newest = open.max_by_key(|(transaction, _)| transaction.created_at);
        newest.map(|(transaction, line)| (transaction.id.clone(), line.id.clone()))
    }

    fn is_credited(&self, line_id: &str) -> bool {
        let credits = self.adjustments.values();
        credits
            .filter(|adjustment| adjustment.action == AdjustmentAction::Credit)
            .any(|adjustment| adjustment.lines.iter().any(|line| line.line_id == line_id))
    }
}
