//! Rules of the change policy: rows that contradict themselves, or the plan that
//! states them.

use super::Checker;
use crate::catalog::{
    Billing, ChangeKind, ChangeMoney, ChangePolicy, ChangeRule, IssueCode, Path, Plan,
};

impl Checker<'_> {
    /// The rows for all plans, and those of each plan.
    pub(super) fn changes(&mut self) {
        let draft = self.draft;
        let at = Path::of(["rules", "changes"]);
        self.rows(&draft.rules.changes, &at);
        for plan in &draft.plans {
            let at = Path::of(["plans", plan.key.as_str(), "changes"]);
            self.rows(&plan.changes, &at);
            self.rows_of(plan, &at);
        }
    }

    fn rows(&mut self, policy: &ChangePolicy, at: &Path) {
        for (kind, rule) in &policy.rows {
            let other_length = matches!(kind, ChangeKind::Longer | ChangeKind::Shorter);
            if !other_length || *rule != ChangeRule::Now(ChangeMoney::Credit) {
                continue;
            }
            self.report(
                at.child(kind.name()),
                IssueCode::Contradiction,
                "`money: credit` with another interval at once",
                "another `money`, or `when: period_end`: rates of different lengths have no \
                 difference that could be given back",
            );
        }
    }

    /// Rows that can never come to bear on the plan that states them.
    fn rows_of(&mut self, plan: &Plan, at: &Path) {
        let only_once = !plan.prices.is_empty()
            && plan
                .prices
                .iter()
                .all(|price| price.interval == Billing::Once);
        for (kind, rule) in &plan.changes.rows {
            let by_quantity = matches!(kind, ChangeKind::QuantityUp | ChangeKind::QuantityDown);
            let by_rank = matches!(kind, ChangeKind::Upgrade | ChangeKind::Downgrade);
            let by_length = matches!(kind, ChangeKind::Longer | ChangeKind::Shorter);
            let (found, expected) = if plan.prices.is_empty() {
                (
                    "a change of a plan without prices",
                    "a price, or no such row: what costs nothing is not changed but bought",
                )
            } else if by_quantity && plan.quantity.is_none() {
                (
                    "a change of quantity of a plan that is not sold by quantity",
                    "`quantity` beside `changes`, or no such row",
                )
            } else if by_rank && plan.rank.is_none() {
                (
                    "a change of rank of a plan without one",
                    "a `rank`, or no such row: a plan outside the ladder goes neither up nor down",
                )
            } else if by_length && only_once {
                (
                    "a change of interval of a plan that is only paid once",
                    "a recurring price, or no such row",
                )
            } else if *rule == ChangeRule::PeriodEnd && only_once {
                (
                    "`when: period_end` for a plan that is only paid once",
                    "`when: now` or `when: forbidden`: what is held for good has no period",
                )
            } else {
                continue;
            };
            self.report(
                at.child(kind.name()),
                IssueCode::Contradiction,
                found,
                expected,
            );
        }
    }
}
