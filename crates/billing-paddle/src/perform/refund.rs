//! Sending money back: an adjustment, which Paddle approves or rejects later. Nothing tells
//! Paddle a repetition, so what was asked for before is looked for first, by the key of its
//! order, which stands in its reason.

use billing_domain::effect::{EffectKey, PromiseRefund};
use billing_domain::fact::{About, Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::money::Money;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Page;
use crate::money::money;
use crate::provider::Paddle;
use crate::wire::{Adjustment, LineItem, Transaction};

/// Most adjustments that Paddle lists on a page.
const PAGE: &str = "50";

/// How many pages of a transaction's adjustments are read: nobody gives back one payment
/// in 500 parts.
const PAGES_MAX: usize = 10;

/// Longest reason that is sent, in characters, without the key: it is for whoever reads it
/// in the dashboard.
const REASON_MAX_CHARS: usize = 500;

/// What is refused of a payment that Paddle knows nothing of.
const NO_PAYMENT: &str = "no_payment";

/// What is refused where more has gone back than was known when it was ordered.
const REFUNDED_MEANWHILE: &str = "refunded_meanwhile";

/// What is refused where the lines of the transaction come to less by now.
const ABOVE_LEFT: &str = "amount_above_left";

impl Paddle {
    /// Asks for money to be sent back. What was asked for before is told as it stands.
    pub(super) async fn pay_back(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &PromiseRefund,
    ) -> Result<Vec<Observed>, CallError> {
        let _alone = self.at_work.alone(&order.reference).await;
        let made = self.adjustments_of(&order.reference).await?;
        let told = made.iter().filter_map(|one| self.teller.adjustment(one));
        let mut facts: Vec<Observed> = told.collect();
        if made.iter().any(|one| one.ordered().as_ref() == Some(key)) {
            return Ok(facts);
        }
        if order.is_more_gone(standing(&made)) {
            let about = About::Invoice(order.invoice);
            let code = REFUNDED_MEANWHILE.to_owned();
            facts.push(Observed {
                fact: Fact::Refused {
                    effect,
                    about,
                    code,
                },
                at: self.clock.now(),
                link: Link::default(),
            });
            return Ok(facts);
        }
        let path = ["transactions", order.reference.as_str()];
        let found: Option<Transaction> = self.client.find(&path, &[]).await.map_err(of_looking)?;
        let found = found
            .ok_or_else(|| refused(NO_PAYMENT, "no payment at Paddle is known for the invoice"))?;
        let body = body(key, order, &found, &made).ok_or_else(|| {
            let why = "less is left of the transaction's items than is to go back";
            refused(ABOVE_LEFT, why)
        })?;
        let asked: Adjustment = self.client.post(&["adjustments"], &body).await?;
        facts.extend(self.teller.adjustment(&asked));
        Ok(facts)
    }

    /// What was adjusted of a transaction.
    async fn adjustments_of(&self, transaction: &str) -> Result<Vec<Adjustment>, CallError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = vec![("transaction_id", transaction), ("per_page", PAGE)];
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page = self.client.page(&["adjustments"], &query).await;
            let page: Page<Adjustment> = page.map_err(of_looking)?;
            all.extend(page.rows);
            if page.after.is_none() {
                return Ok(all);
            }
            after = page.after;
        }
        // Asked for again, it would go back twice.
        Err(CallError::Unknown(
            "whether it was asked for already is further back than was looked".to_owned(),
        ))
    }
}

/// The failure of looking for what was asked for before. What is refused there is the look,
/// and not the refund.
fn of_looking(error: CallError) -> CallError {
    match error {
        CallError::Refused(error) => CallError::Unknown(format!("a look was refused: {error}")),
        CallError::NotSent(_)
        | CallError::Passing(_)
        | CallError::Unknown(_)
        | CallError::Misconfigured(_) => error,
    }
}

/// What goes back, or has gone: the refunds that stand.
fn standing(made: &[Adjustment]) -> impl Iterator<Item = Money> {
    let stand = made.iter().filter(|one| one.is_standing_refund());
    stand.filter_map(|one| {
        let code = one.currency_code.as_deref().unwrap_or_default();
        money(one.totals.total?, code)
    })
}

/// What is asked for: all of a transaction of which nothing was adjusted, or parts of its
/// lines. `None`: less is left.
pub(crate) fn body(
    key: &EffectKey,
    order: &PromiseRefund,
    transaction: &Transaction,
    made: &[Adjustment],
) -> Option<Value> {
    let words = order.reason.as_deref().unwrap_or_default();
    let words: String = words.chars().take(REASON_MAX_CHARS).collect();
    let reason = format!("{words} [{key}]");
    let mut body = json!({
        "action": "refund",
        "transaction_id": transaction.id,
        "reason": reason.trim(),
    });
    let lines = &transaction.details.line_items;
    let whole = lines
        .iter()
        .try_fold(0_i64, |sum, line| sum.checked_add(total(line)?))?;
    if made.is_empty() && order.amount.amount == whole {
        body["type"] = json!("full");
        return Some(body);
    }
    let mut left = order.amount.amount;
    let mut items = Vec::new();
    for line in lines {
        let (of_line, is_whole) = left_of(line, made)?;
        let part = of_line.min(left);
        if part <= 0 {
            continue;
        }
        left = left.checked_sub(part)?;
        items.push(if is_whole && part == of_line {
            json!({ "item_id": line.id, "type": "full" })
        } else {
            json!({ "item_id": line.id, "type": "partial", "amount": part.to_string() })
        });
    }
    body["type"] = json!("partial");
    body["items"] = Value::Array(items);
    (left == 0).then_some(body)
}

/// What is left of a line, and whether that is all of it.
fn left_of(line: &LineItem, made: &[Adjustment]) -> Option<(i64, bool)> {
    let whole = total(line)?;
    let mut left = whole;
    for one in made {
        let sign = one.takes();
        let items = one.items.iter().filter(|item| item.item_id == line.id);
        for amount in items.filter_map(|item| item.totals.total) {
            left = left.checked_sub(amount.0.checked_mul(sign)?)?;
        }
    }
    Some((left.max(0), left == whole))
}

fn total(line: &LineItem) -> Option<i64> {
    line.totals.total.map(|total| total.0)
}
