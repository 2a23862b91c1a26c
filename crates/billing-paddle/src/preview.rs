//! What a change would cost, by Paddle's own preview: an estimate where the customer
//! has credit, and never pinned to an instant.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Preview};
use billing_domain::line::{self, Line, LineKind};
use billing_domain::money::{Currency, Money};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::deferred::{Deferred, Held, in_place};
use crate::perform::{Items, full_list, target};
use crate::provider::Paddle;
use crate::wire::{Adjusted, Amount, Details, Subscription};

/// A subscription as a change would leave it, as far as it costs something.
#[derive(Debug, Deserialize)]
pub(crate) struct Previewed {
    #[serde(default)]
    pub(crate) immediate_transaction: Option<Immediate>,
    #[serde(default)]
    pub(crate) update_summary: Option<Summary>,
}

/// What would be charged at once.
#[derive(Debug, Deserialize)]
pub(crate) struct Immediate {
    #[serde(default)]
    pub(crate) details: Option<Details>,
    #[serde(default)]
    pub(crate) adjustments: Option<Vec<Adjusted>>,
}

/// What it comes to.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    #[serde(default)]
    pub(crate) credit: Option<Amount>,
    #[serde(default)]
    pub(crate) charge: Option<Amount>,
    #[serde(default)]
    pub(crate) result: Option<Outcome>,
}

/// Which way the money goes.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    #[serde(default)]
    pub(crate) action: String,
    #[serde(flatten)]
    pub(crate) amount: Amount,
}

impl Paddle {
    /// What a change would cost. Changes nothing. Refused where a change to another
    /// interval is to come, of which Paddle's previews say nothing.
    pub(crate) async fn cost(&self, change: &ChangeSubscription) -> Result<Preview, CallError> {
        let currency = change.amount.currency;
        let free = Preview {
            lines: Vec::new(),
            owed: Money::zero(currency),
            pinned: true,
        };
        match change.when {
            ChangeWhen::Prorated { .. } => {}
            ChangeWhen::Unbilled | ChangeWhen::NextPeriod { .. } => return Ok(free),
        }
        let held = self.existing(&change.reference).await?;
        if held.status == "trialing" {
            return Ok(free);
        }
        let Some(note) = self.teller.note(&held) else {
            return self.asked(&held, &target(change), currency).await;
        };
        // What is paid for is in place already: somebody is at work, or was.
        if in_place(&held).as_ref() == Some(&note.paid) {
            return self.asked(&held, &target(change), currency).await;
        }
        if !note.moves_dates {
            return self.asked_beside(&held, &note, change).await;
        }
        // Paddle would count from today what is in place, and asking puts nothing there.
        let why = "a change to another interval is to come: take it back first";
        Err(refused("change_of_interval_to_come", why))
    }

    /// What a change costs beside one that is to come, which stays in place. Paddle
    /// computes on what is in place, so it is asked what going on to what is wanted
    /// costs from there, and what going back to what is paid for does: what is in
    /// place cancels out of the difference.
    async fn asked_beside(
        &self,
        held: &Subscription,
        note: &Deferred,
        change: &ChangeSubscription,
    ) -> Result<Preview, CallError> {
        let currency = change.amount.currency;
        let back = self.asked(held, &note.paid, currency).await?;
        let wanted = target(change);
        let on = if in_place(held).as_ref() == Some(&wanted) {
            None
        } else {
            Some(self.asked(held, &wanted, currency).await?)
        };
        between(on.as_ref(), &back, change)
            .ok_or_else(|| CallError::Unknown("read Paddle's preview: out of range".to_owned()))
    }

    async fn asked(
        &self,
        held: &Subscription,
        wanted: &Held,
        currency: Currency,
    ) -> Result<Preview, CallError> {
        let mut body = full_list(held, wanted);
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set("proration_billing_mode", json!("prorated_immediately"));
        set("on_payment_failure", json!("prevent_change"));
        self.priced(held, &body, currency).await
    }

    /// What a change with this body would cost now.
    pub(crate) async fn priced(
        &self,
        held: &Subscription,
        body: &Items,
        currency: Currency,
    ) -> Result<Preview, CallError> {
        let path = ["subscriptions", held.id.as_str(), "preview"];
        let previewed: Previewed = self.client.patch(&path, body).await?;
        read(&previewed, currency)
            .ok_or_else(|| CallError::Unknown("read Paddle's preview: no sums in it".to_owned()))
    }
}

/// What is wanted less what is paid for, both asked from what is in place. `on`:
/// `None` where what is wanted is in place. `None`: it does not fit.
fn between(on: Option<&Preview>, back: &Preview, change: &ChangeSubscription) -> Option<Preview> {
    let currency = change.amount.currency;
    let zero = Money::zero(currency);
    let of = |lines: &[Line], kind| {
        let lines: Vec<Line> = lines.iter().filter(|it| it.kind == kind).cloned().collect();
        line::sum(&lines, currency).ok()
    };
    let whole = |kind, pieces, amount: Money| {
        (!amount.is_zero()).then(|| Line::whole(kind, None, pieces, amount))
    };
    let on_to = on.map_or(Some(zero), |on| line::sum(&on.lines, currency).ok())?;
    let comes_to = on_to
        .checked_sub(line::sum(&back.lines, currency).ok()?)
        .ok()?;
    let begins = if let Some(on) = on {
        let begins = on.lines.iter().filter(|it| it.kind == LineKind::Begins);
        begins.cloned().collect()
    } else {
        let in_place = negated(of(&back.lines, LineKind::Unused)?)?;
        whole(LineKind::Begins, change.quantity, in_place)
            .into_iter()
            .collect()
    };
    let unused = negated(of(&back.lines, LineKind::Begins)?)?;
    let mut lines: Vec<Line> = begins;
    lines.extend(whole(LineKind::Unused, 1, unused));
    if line::sum(&lines, currency) != Ok(comes_to) {
        let kind = if comes_to.amount > 0 {
            LineKind::Begins
        } else {
            LineKind::Unused
        };
        lines = whole(kind, 1, comes_to).into_iter().collect();
    }
    Some(Preview {
        lines,
        owed: if comes_to.amount > 0 { comes_to } else { zero },
        pinned: false,
    })
}

/// The preview in our words. `None`: its sums are missing, or not of one currency.
pub(crate) fn read(previewed: &Previewed, currency: Currency) -> Option<Preview> {
    let Some(summary) = &previewed.update_summary else {
        // No money moves.
        return previewed.immediate_transaction.is_none().then(|| Preview {
            lines: Vec::new(),
            owed: Money::zero(currency),
            pinned: false,
        });
    };
    let result = summary.result.as_ref()?;
    let signed = money(&result.amount)?;
    let charged = result.action == "charge";
    let owed = if charged {
        signed
    } else {
        Money::zero(signed.currency)
    };
    let comes_to = if charged { signed } else { negated(signed)? };
    let detailed = previewed
        .immediate_transaction
        .as_ref()
        .map(|immediate| lines(immediate, signed.currency));
    let fits = |lines: &Vec<Line>| line::sum(lines, signed.currency) == Ok(comes_to);
    let lines = detailed
        .filter(fits)
        .map_or_else(|| summed(summary), Some)?;
    // Paddle computes for the minute in which it is asked.
    Some(Preview {
        lines,
        owed,
        pinned: false,
    })
}

/// A line for each item, and one for each item whose unused time is given back.
fn lines(immediate: &Immediate, currency: Currency) -> Vec<Line> {
    let charged = immediate.details.iter().flat_map(|it| &it.line_items);
    let begins = charged.filter_map(|item| {
        let amount = Money::new(item.totals.total?.0, currency);
        let pieces = item.quantity.unwrap_or(1);
        Some(Line::whole(LineKind::Begins, None, pieces, amount))
    });
    let credited = immediate.adjustments.iter().flatten();
    let unused = credited.flat_map(|it| &it.items).filter_map(|item| {
        let amount = negated(Money::new(item.totals.total?.0, currency))?;
        Some(Line::whole(LineKind::Unused, None, 1, amount))
    });
    begins.chain(unused).collect()
}

/// The two sums alone, where the items do not come to them.
fn summed(summary: &Summary) -> Option<Vec<Line>> {
    let of = |amount: &Option<Amount>| match amount {
        Some(amount) => money(amount).map(Some),
        None => Some(None),
    };
    let begins = of(&summary.charge)?;
    let unused = match of(&summary.credit)? {
        Some(credit) => Some(negated(credit)?),
        None => None,
    };
    let line = |kind, amount: Option<Money>| {
        let amount = amount.filter(|amount| !amount.is_zero())?;
        Some(Line::whole(kind, None, 1, amount))
    };
    let lines = [
        line(LineKind::Begins, begins),
        line(LineKind::Unused, unused),
    ];
    Some(lines.into_iter().flatten().collect())
}

fn money(amount: &Amount) -> Option<Money> {
    crate::money::money(amount.amount, &amount.currency_code)
}

fn negated(money: Money) -> Option<Money> {
    Money::zero(money.currency).checked_sub(money).ok()
}
