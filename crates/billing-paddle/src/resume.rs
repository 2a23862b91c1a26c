//! What resuming would charge. Paddle previews no resumption: what it bills at once is
//! a period of what recurs, and that it tells with the subscription; or, where a price is
//! in place before its day, with a preview of what is paid for.

use billing_domain::effect::{Preview, Resuming, Resumption};
use billing_domain::line::{Line, LineKind, sum};
use billing_domain::money::Money;
use billing_domain::quote::charged_as_quoted;
use billing_domain::time::Period;
use serde::Deserialize;
use serde_json::json;

use crate::api_error::{CallError, refused};
use crate::deferred::in_place;
use crate::money::code;
use crate::perform::full_list;
use crate::provider::Paddle;
use crate::wire::{Details, Subscription};

/// A subscription with what a period of it comes to.
#[derive(Debug, Deserialize)]
struct Recurring {
    #[serde(default)]
    recurring_transaction_details: Option<Details>,
    #[serde(flatten)]
    held: Subscription,
}

/// What a period comes to with other items in place.
#[derive(Debug, Deserialize)]
struct Recurs {
    #[serde(default)]
    recurring_transaction_details: Option<Details>,
}

impl Paddle {
    /// What resuming would charge now, and until when that pays.
    pub(crate) async fn resumption(&self, ask: &Resuming) -> Result<Resumption, CallError> {
        let found = self.recurring(&ask.reference).await?;
        if found.held.status != "paused" {
            return Ok(Resumption {
                charge: Preview {
                    lines: Vec::new(),
                    owed: Money::zero(ask.amount.currency),
                    pinned: true,
                },
                ends_at: found.held.period().map(|period| period.end),
            });
        }
        let interval = ask.interval;
        let begun = interval.and_then(|interval| Period::at(ask.at, interval, 0).ok());
        Ok(Resumption {
            charge: bill(&found, ask.amount)?,
            ends_at: begun.map(|period| period.end),
        })
    }

    /// Refuses what would charge something else by now than was quoted.
    pub(crate) async fn still_costs(&self, id: &str, quoted: Money) -> Result<(), CallError> {
        let now = bill(&self.recurring(id).await?, quoted)?;
        if charged_as_quoted(quoted, now.lines.len(), now.owed) {
            return Ok(());
        }
        let why = format!("quoted at {quoted}, it costs {} now", now.owed);
        Err(refused("quote_stale", why))
    }

    /// The subscription, and what a period of it would come to that begins now.
    async fn recurring(&self, id: &str) -> Result<Recurring, CallError> {
        let query = [("include", "recurring_transaction_details")];
        let found: Option<Recurring> = self.client.find(&["subscriptions", id], &query).await?;
        let mut found = found
            .ok_or_else(|| refused("subscription_not_found", "Paddle has no such subscription"))?;
        let note = self.teller.note(&found.held);
        let billed = note.as_ref().map(|note| note.begun_at(self.clock.now()));
        if let Some(billed) =
            billed.filter(|&billed| in_place(&found.held).as_ref() != Some(billed))
        {
            let mut body = full_list(&found.held, billed);
            body.insert("proration_billing_mode".to_owned(), json!("do_not_bill"));
            let path = ["subscriptions", id, "preview"];
            let lifted: Recurs = self.client.patch(&path, &body).await?;
            found.recurring_transaction_details = lifted.recurring_transaction_details;
        }
        Ok(found)
    }
}

/// A period of what recurs. Refused where Paddle bills in another currency than that
/// of `in_`, which is what was agreed.
fn bill(found: &Recurring, in_: Money) -> Result<Preview, CallError> {
    let unread = || CallError::Unknown("read what recurs at Paddle: no sums in it".to_owned());
    let details = found
        .recurring_transaction_details
        .as_ref()
        .ok_or_else(unread)?;
    let billed_in = details.totals.currency_code.as_deref().ok_or_else(unread)?;
    if billed_in != code(in_.currency) {
        let why = format!(
            "Paddle bills in {billed_in} what is sold in {}",
            in_.currency
        );
        return Err(refused("currency_differs", why));
    }
    let of = |minor: i64| Money::new(minor, in_.currency);
    let total = details.totals.grand_total.or(details.totals.total);
    let owed = of(total.ok_or_else(unread)?.0);
    let items = details.line_items.iter();
    let lines: Vec<Line> = items
        .filter_map(|item| {
            let amount = of(item.totals.total?.0);
            let pieces = item.quantity.unwrap_or(1);
            Some(Line::whole(LineKind::Plan, None, pieces, amount))
        })
        .collect();
    let lines = if sum(&lines, owed.currency) == Ok(owed) {
        lines
    } else {
        vec![Line::whole(LineKind::Plan, None, 1, owed)]
    };
    // Taxes and the customer's credit are reckoned when it bills.
    Ok(Preview {
        lines,
        owed,
        pinned: false,
    })
}

#[cfg(test)]
mod tests {
    use billing_domain::money::Currency;

    use super::*;

    /// As Paddle publishes it.
    const SAMPLE: &str = include_str!("../tests/fixtures/subscriptions_full_entity.json");

    fn sample() -> Recurring {
        let sample: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
        let entity = sample.get("data").unwrap_or(&sample);
        serde_json::from_value(entity.clone()).unwrap()
    }

    #[test]
    fn a_period_is_billed_in_the_currency_that_was_agreed() {
        let sample = sample();
        let billed = bill(&sample, Money::zero(Currency::USD)).unwrap();
        assert!(billed.owed.amount > 0, "{billed:?}");
        assert_eq!(sum(&billed.lines, Currency::USD), Ok(billed.owed));
    }

    #[test]
    fn another_currency_is_refused_and_not_renamed() {
        let euros = bill(&sample(), Money::zero(Currency::EUR));
        assert!(
            matches!(&euros, Err(CallError::Refused(said)) if said.code == "currency_differs"),
            "{euros:?}"
        );
    }
}
