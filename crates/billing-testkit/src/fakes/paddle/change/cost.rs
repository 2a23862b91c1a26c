//! What a change charges and credits, and how that is taken.

use billing_domain::time::{Period, Timestamp};

use crate::fakes::paddle::amount::{Share, prorated};
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::sell::Draft;
use crate::fakes::paddle::things::{
    AdjustedLine, Adjustment, AdjustmentAction, AdjustmentStatus, Bought, Credit, Line, Origin,
    Subscription, SubscriptionStatus, TransactionStatus,
};
use crate::fakes::paddle::world::World;

use super::{Mode, Plan};

impl World {
    /// Lines and credits of a change.
    pub(super) fn price_change(
        &mut self,
        before: &Subscription,
        plan: &mut Plan,
        touched: &[Bought],
        mode: Mode,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (Some(old), Some(new)) = (before.period, plan.after.period) else {
            return Ok(());
        };
        if mode == Mode::Nothing || before.status != SubscriptionStatus::Active {
            return Ok(());
        }
        let resets = before.interval != plan.after.interval;
        let discount = before.discount.as_ref().map(|(one, _)| one.clone());
        let prorates = matches!(mode, Mode::ProratedNow | Mode::ProratedNext);
        for bought in touched {
            let mut charged = bought.clone();
            if !prorates && !resets {
                // Without proration only what is new is charged for, in full.
                let held = before.items.iter();
                let mut held = held.filter(|item| item.bought.price.id == bought.price.id);
                let had = held.next().map_or(0, |item| item.bought.quantity);
                charged.quantity = charged.quantity.saturating_sub(had);
            }
            if charged.quantity == 0 {
                continue;
            }
            let full = self.full(&charged, discount.as_ref(), 0);
            let one = Bought {
                quantity: 1,
                ..charged.clone()
            };
            let (totals, share) = if prorates && !resets {
                prorated(full, before.currency, new, now)?
            } else {
                (full, Share::whole(new))
            };
            let (id, unit) = (self.id("txnitm"), self.full(&one, None, 0));
            plan.lines.push(Line {
                id,
                bought: charged,
                unit,
                totals,
                share: Some(share),
            });
        }
        if !prorates && !resets {
            return Ok(());
        }
        for item in &before.items {
            let stays = plan.after.items.iter().any(|kept| {
                kept.bought.price.id == item.bought.price.id
                    && kept.bought.quantity == item.bought.quantity
            });
            // What nobody was charged for is not credited.
            let Some((transaction_id, line_id)) = item.charged_by.clone() else {
                continue;
            };
            if stays && !resets {
                continue;
            }
            let charged = self.transaction(&transaction_id)?;
            if charged.status == TransactionStatus::Paid {
                let code = "subscription_credit_creation_against_processing_transaction";
                let detail = "cannot create credit against a transaction that is processing";
                return Err(Refusal::bad(code, detail));
            }
            // No more than was charged, whatever is taken off by now.
            let line = charged.lines.iter().find(|line| line.id == line_id);
            let whole = line.filter(|line| line.share.as_ref().is_some_and(Share::is_whole));
            let same = whole.filter(|line| line.bought.quantity == item.bought.quantity);
            let full = match same {
                Some(line) => line.totals,
                None => self.full(&item.bought, discount.as_ref(), 0),
            };
            let (totals, share) = prorated(full, before.currency, old, now)?;
            plan.credits.push(Credit {
                transaction_id,
                line_id,
                totals,
                share,
            });
        }
        Ok(())
    }

    /// Charges for a plan at once: the transaction, and whether it was paid.
    pub(in crate::fakes::paddle) fn charge_now(
        &mut self,
        plan: &Plan,
        origin: Origin,
        now: Timestamp,
    ) -> (String, bool) {
        let after = &plan.after;
        let lines = plan.lines.iter();
        let items: Vec<Bought> = lines.map(|line| line.bought.clone()).collect();
        let period = after.period.map(|period| Period {
            start: now,
            end: period.end.max(now),
        });
        let id = self.open(
            Draft {
                origin,
                subscription_id: Some(after.id.clone()),
                customer_id: Some(after.customer_id.clone()),
                address_id: Some(after.address_id.clone()),
                custom_data: after.custom_data.clone(),
                currency: after.currency,
                items,
                lines: plan.lines.clone(),
                period,
                discount: None,
                credit: plan.credit(),
                manual: after.manual,
                page: self.rules.checkout_page.clone(),
            },
            now,
        );
        let paid = self.attempt(&id, after.card, now);
        (id, paid)
    }

    /// Writes credits down as adjustments of what had charged for them.
    pub(super) fn book_credits(&mut self, id: &str, credits: &[Credit], now: Timestamp) {
        for credit in credits {
            let Some(charged) = self.transactions.get(&credit.transaction_id) else {
                continue;
            };
            let (customer_id, currency) = (charged.customer_id.clone(), charged.currency);
            let (adjustment_id, line) = (self.id("adj"), self.id("adjitm"));
            let at = self.tick(now);
            let adjustment = Adjustment {
                id: adjustment_id.clone(),
                action: AdjustmentAction::Credit,
                full: false,
                transaction_id: credit.transaction_id.clone(),
                subscription_id: Some(id.to_owned()),
                customer_id: customer_id.unwrap_or_default(),
                reason: "Subscription update".to_owned(),
                currency,
                status: AdjustmentStatus::Approved,
                lines: vec![AdjustedLine {
                    id: line,
                    line_id: credit.line_id.clone(),
                    kind: "proration",
                    totals: credit.totals,
                    share: Some(credit.share.clone()),
                }],
                created_at: at,
                updated_at: at,
            };
            self.adjustments.insert(adjustment_id.clone(), adjustment);
            self.tell_adjustment("adjustment.created", &adjustment_id, now);
        }
    }
}

/// Binds new items to the lines that charged for them.
pub(super) fn bind(plan: &mut Plan, transaction_id: &str) {
    for item in &mut plan.after.items {
        let lines = &mut plan.lines.iter();
        let line = lines.find(|line| line.bought.price.id == item.bought.price.id);
        if let Some(line) = line {
            item.charged_by = Some((transaction_id.to_owned(), line.id.clone()));
        }
    }
}
