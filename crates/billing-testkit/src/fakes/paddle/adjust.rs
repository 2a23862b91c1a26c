//! Adjustments: refunds that wait for approval, credits, chargebacks. Knows no
//! HTTP.

use billing_domain::time::Timestamp;
use serde_json::Value;

use super::read;
use super::refusal::Refusal;
use super::render;
use super::things::{
    AdjustedLine, Adjustment, AdjustmentAction, AdjustmentStatus, Line, Transaction,
    TransactionStatus,
};
use super::world::World;

/// The reason of what a bank does.
const CHARGEBACK: &str = "Chargeback";

impl World {
    /// `POST /adjustments`.
    pub(super) fn create_adjustment(
        &mut self,
        body: &Value,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let transaction = self
            .transaction(read::text(body, "transaction_id")?)?
            .clone();
        let reason = read::text(body, "reason")?.to_owned();
        let action = match read::text(body, "action")? {
            "refund" => AdjustmentAction::Refund,
            "credit" => AdjustmentAction::Credit,
            _ => return Err(Refusal::field("action", "must be refund or credit")),
        };
        self.may_adjust(&transaction, action)?;
        let full = read::maybe(body, "type")?.unwrap_or("partial") == "full";
        let lines = if full {
            self.whole_of(&transaction)
        } else {
            self.parts_of(&transaction, body.get("items"))?
        };
        if lines.iter().all(|line| line.totals.total == 0) {
            let detail = "there is nothing left to adjust";
            let code = "adjustment_transaction_item_has_already_been_fully_adjusted";
            return Err(Refusal::bad(code, detail));
        }
        let approved = action == AdjustmentAction::Credit || self.rules.approve_refunds;
        let status = if approved {
            AdjustmentStatus::Approved
        } else {
            AdjustmentStatus::PendingApproval
        };
        Ok(self.adjust(&transaction, action, (full, status), reason, lines, now))
    }

    /// Paddle decides on a refund.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such refund, or it was decided on already.
    pub fn decide_refund(
        &mut self,
        id: &str,
        approve: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let at = self.tick(now);
        let adjustment = self.adjustments.get_mut(id);
        let adjustment = adjustment.ok_or_else(|| Refusal::not_found(id))?;
        if adjustment.status != AdjustmentStatus::PendingApproval {
            let detail = "the refund was decided on already";
            return Err(Refusal::conflict("conflict", detail));
        }
        adjustment.status = if approve {
            AdjustmentStatus::Approved
        } else {
            AdjustmentStatus::Rejected
        };
        adjustment.updated_at = at;
        self.tell_adjustment("adjustment.updated", id, now);
        Ok(())
    }

    /// The customer's bank takes a payment back, or warns that it may: the adjustment.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it was never paid.
    pub fn chargeback(
        &mut self,
        transaction_id: &str,
        warning: bool,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let transaction = self.transaction(transaction_id)?.clone();
        if transaction.status != TransactionStatus::Completed {
            return Err(wrong_status("refund"));
        }
        let action = of_bank(warning);
        let lines = self.whole_of(&transaction);
        let how = (true, AdjustmentStatus::Approved);
        Ok(self.adjust(&transaction, action, how, CHARGEBACK.to_owned(), lines, now))
    }

    /// The bank gives a payment back again, or withdraws its warning: the adjustment.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or nothing stands that could be
    /// taken back.
    pub fn reverse_chargeback(
        &mut self,
        transaction_id: &str,
        warning: bool,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let transaction = self.transaction(transaction_id)?.clone();
        let wanted = of_bank(warning);
        let at = self.tick(now);
        let standing = self.adjustments.values_mut().rev().find(|one| {
            let stands = one.status == AdjustmentStatus::Approved;
            one.transaction_id == transaction_id && one.action == wanted && stands
        });
        let Some((taken, action)) = standing.and_then(|one| {
            let reverse = one.action.reverse()?;
            Some((one, reverse))
        }) else {
            let detail = "there is nothing to take back";
            return Err(Refusal::conflict("conflict", detail));
        };
        taken.status = AdjustmentStatus::Reversed;
        taken.updated_at = at;
        let (reversed, lines) = (taken.id.clone(), taken.lines.clone());
        let how = (true, AdjustmentStatus::Approved);
        let id = self.adjust(&transaction, action, how, CHARGEBACK.to_owned(), lines, now);
        self.tell_adjustment("adjustment.updated", &reversed, now);
        Ok(id)
    }

    pub(super) fn tell_adjustment(&mut self, kind: &str, id: &str, now: Timestamp) {
        if let Some(adjustment) = self.adjustments.get(id) {
            let data = render::adjustment(adjustment);
            self.tell(kind, data, now);
        }
    }

    fn adjust(
        &mut self,
        transaction: &Transaction,
        action: AdjustmentAction,
        (full, status): (bool, AdjustmentStatus),
        reason: String,
        lines: Vec<AdjustedLine>,
        now: Timestamp,
    ) -> String {
        let id = self.id("adj");
        let at = self.tick(now);
        let adjustment = Adjustment {
            id: id.clone(),
            action,
            full,
            transaction_id: transaction.id.clone(),
            subscription_id: transaction.subscription_id.clone(),
            customer_id: transaction.customer_id.clone().unwrap_or_default(),
            reason,
            currency: transaction.currency,
            status,
            lines,
            created_at: at,
            updated_at: at,
        };
        self.adjustments.insert(id.clone(), adjustment);
        self.tell_adjustment("adjustment.created", &id, now);
        if action == AdjustmentAction::Refund && status == AdjustmentStatus::Approved {
            self.tell_adjustment("adjustment.updated", &id, now);
        }
        id
    }

    fn may_adjust(
        &self,
        transaction: &Transaction,
        action: AdjustmentAction,
    ) -> Result<(), Refusal> {
        if transaction.customer_id.is_none() {
            let code = "adjustment_transaction_missing_customer_id";
            return Err(Refusal::bad(code, "transaction has no customer"));
        }
        if action == AdjustmentAction::Credit {
            let open = matches!(
                transaction.status,
                TransactionStatus::Billed | TransactionStatus::PastDue
            );
            let fits = transaction.manual && open;
            return if fits {
                Ok(())
            } else {
                Err(wrong_status("credit"))
            };
        }
        if transaction.status != TransactionStatus::Completed {
            return Err(wrong_status("refund"));
        }
        if self.waits_for_refund(transaction) {
            let detail = "a refund of this transaction waits for approval";
            return Err(Refusal::bad("adjustment_pending_refund_request", detail));
        }
        Ok(())
    }

    fn whole_of(&mut self, transaction: &Transaction) -> Vec<AdjustedLine> {
        let lines = transaction.lines.iter();
        lines
            .map(|line| AdjustedLine {
                id: self.id("adjitm"),
                line_id: line.id.clone(),
                kind: "full",
                totals: line.totals.part(self.left_of(transaction, line)),
                share: None,
            })
            .collect()
    }

    fn parts_of(
        &mut self,
        transaction: &Transaction,
        items: Option<&Value>,
    ) -> Result<Vec<AdjustedLine>, Refusal> {
        let items = items.and_then(Value::as_array);
        let items = items.filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| Refusal::field("items", "this field is required"))?;
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let line_id = read::text(item, "item_id")?;
            let line = transaction.lines.iter().find(|line| line.id == line_id);
            let line = line.ok_or_else(|| {
                let detail = "item is not one of the transaction's";
                Refusal::bad("adjustment_transaction_item_invalid", detail)
            })?;
            let left = self.left_of(transaction, line);
            let full = read::text(item, "type")? == "full";
            let amount = if full {
                left
            } else {
                read::amount(item, "amount")?
            };
            if amount == 0 {
                let detail = "amount cannot be zero";
                return Err(Refusal::bad("adjustment_amount_cannot_be_zero", detail));
            }
            if amount > left {
                let code = "adjustment_amount_above_remaining_allowed";
                return Err(Refusal::bad(code, format!("{left} is left of this item")));
            }
            lines.push(AdjustedLine {
                id: self.id("adjitm"),
                line_id: line_id.to_owned(),
                kind: if full { "full" } else { "partial" },
                totals: line.totals.part(amount),
                share: None,
            });
        }
        Ok(lines)
    }

    /// What was not given back of a line yet, in minor units.
    fn left_of(&self, transaction: &Transaction, line: &Line) -> i64 {
        let adjustments = self.adjustments.values();
        let of = adjustments.filter(|one| one.transaction_id == transaction.id);
        let standing = of.filter(|one| one.status != AdjustmentStatus::Rejected);
        let mut left = line.totals.total;
        for one in standing {
            let lines = one.lines.iter().filter(|held| held.line_id == line.id);
            let taken = lines.fold(0_i64, |sum, held| sum.saturating_add(held.totals.total));
            left = match one.action {
                AdjustmentAction::ChargebackReverse => left.saturating_add(taken),
                AdjustmentAction::Refund
                | AdjustmentAction::Credit
                | AdjustmentAction::Chargeback => left.saturating_sub(taken),
                AdjustmentAction::ChargebackWarning
                | AdjustmentAction::ChargebackWarningReverse => left,
            };
        }
        left.max(0)
    }
}

fn wrong_status(action: &str) -> Refusal {
    let code = match action {
        "credit" => "adjustment_transaction_invalid_status_for_credit",
        _ => "adjustment_transaction_invalid_status_for_refund",
    };
    Refusal::bad(code, "the transaction's status does not allow it")
}

/// What a bank does of itself: it takes a payment back, or warns that it may.
const fn of_bank(warning: bool) -> AdjustmentAction {
    if warning {
        AdjustmentAction::ChargebackWarning
    } else {
        AdjustmentAction::Chargeback
    }
}
