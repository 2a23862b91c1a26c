//! An invoice of Stripe's own, as it stands; and what one would come to.

use billing_domain::effect::Preview;
use billing_domain::fact::{Fact, Observed, ProviderInvoiceState};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::{Purpose, Tried};
use billing_domain::line::{Line, LineKind, sum};
use billing_domain::money::Money;
use billing_domain::provider::RefKind;
use billing_domain::time::{Period, Timestamp};

use super::{Teller, Told, Unreadable, instant, period};
use crate::amount;
use crate::wire::{Invoice, InvoiceLine, Subscription, id_of};

/// Why there is an invoice: a period has begun that is not the first.
pub(crate) const CYCLE: &str = "subscription_cycle";

impl Teller {
    /// An invoice, at the instant since which it stands so, or at `at` where it does
    /// not say. Nothing is told of a draft, of one that belongs to no subscription,
    /// and of a first one that asks for nothing.
    pub(crate) fn invoice(&self, invoice: &Invoice, at: Timestamp) -> Told {
        self.invoice_of(invoice, None, at)
    }

    /// The same, where the subscription that it came along with is known.
    pub(super) fn invoice_of(
        &self,
        invoice: &Invoice,
        owner: Option<&Subscription>,
        at: Timestamp,
    ) -> Told {
        if let Some(ours) = invoice.ours() {
            return self.own_invoice(invoice, ours, at);
        }
        let subscription = owner
            .map(|owner| owner.id.as_str())
            .or_else(|| invoice.subscription());
        let (Some(id), Some(subscription)) = (invoice.id.as_deref(), subscription) else {
            return Ok(Vec::new());
        };
        let Some(state) = state(invoice)? else {
            return Ok(Vec::new());
        };
        let amount = charged(invoice)?;
        let purpose = purpose(invoice.billing_reason.as_deref());
        if amount.is_zero() && purpose == Some(Purpose::Purchase) {
            return Ok(Vec::new());
        }
        let details = invoice.of_subscription();
        let metadata = details
            .and_then(|details| details.metadata.as_ref())
            .filter(|words| !words.is_empty())
            .or_else(|| owner.and_then(|owner| owner.metadata.as_ref()));
        let refs = [
            (RefKind::Subscription, Some(subscription)),
            (RefKind::Invoice, Some(id)),
            (RefKind::Customer, id_of(invoice.customer.as_ref())),
        ];
        let mut prices: Vec<String> = Vec::new();
        for price in invoice.lines().iter().filter_map(InvoiceLine::price) {
            if !prices.iter().any(|held| held == price) {
                prices.push(price.to_owned());
            }
        }
        let Some(link) = self.link(metadata.or(invoice.metadata.as_ref()), &refs, prices) else {
            return Ok(Vec::new());
        };
        Ok(vec![Observed {
            fact: Fact::ProviderInvoiceSeen {
                reference: id.to_owned(),
                subscription_ref: Some(subscription.to_owned()),
                amount,
                period: paid_period(invoice),
                state,
                purpose,
                collected: collected(invoice)?,
                opened_at: invoice.created.and_then(instant),
                tried: tried(invoice, state),
            },
            at: since(invoice, state).unwrap_or(at),
            link,
        }])
    }
}

impl Teller {
    /// An invoice that we made, beside those of a subscription.
    fn own_invoice(&self, invoice: &Invoice, ours: InvoiceId, at: Timestamp) -> Told {
        let (Some(id), Some(state)) = (invoice.id.as_deref(), state(invoice)?) else {
            return Ok(Vec::new());
        };
        let refs = [
            (RefKind::Invoice, Some(id)),
            (RefKind::Customer, id_of(invoice.customer.as_ref())),
        ];
        let Some(link) = self.link(invoice.metadata.as_ref(), &refs, Vec::new()) else {
            return Ok(Vec::new());
        };
        let total = invoice
            .total
            .ok_or(Unreadable("an invoice without a total"))?;
        let charged = invoice.total_excluding_tax.unwrap_or(total);
        let opened = Fact::InvoiceOpened {
            invoice: ours,
            reference: id.to_owned(),
            pay_url: invoice.hosted_invoice_url.clone(),
            conversion: None,
        };
        let then = match state {
            ProviderInvoiceState::Open | ProviderInvoiceState::Failed => None,
            ProviderInvoiceState::Paid => Some(Fact::InvoicePaid {
                invoice: ours,
                payment: id.to_owned(),
                amount: money(charged, invoice)?,
                conversion: None,
                parts: Vec::new(),
            }),
            ProviderInvoiceState::Void => Some(Fact::InvoiceClosed {
                invoice: ours,
                reference: id.to_owned(),
                read_at: Some(at),
            }),
        };
        let told = std::iter::once(opened).chain(then);
        let since = since(invoice, state).unwrap_or(at);
        Ok(told
            .map(|fact| Observed {
                fact,
                at: since,
                link: link.clone(),
            })
            .collect())
    }

    /// That a try to collect an invoice of ours failed.
    pub(crate) fn own_invoice_failed(&self, invoice: &Invoice, at: Timestamp) -> Told {
        let mut told = self.invoice(invoice, at)?;
        let (Some(ours), Some(last)) = (invoice.ours(), told.last()) else {
            return Ok(told);
        };
        let fact = Fact::PaymentFailed {
            invoice: ours,
            reason: "payment_failed".to_owned(),
        };
        let failed = Observed {
            fact,
            ..last.clone()
        };
        told.push(failed);
        Ok(told)
    }
}

/// How often Stripe has tried to collect it, while it is owed.
fn tried(invoice: &Invoice, state: ProviderInvoiceState) -> Option<Tried> {
    let owed = matches!(
        state,
        ProviderInvoiceState::Open | ProviderInvoiceState::Failed
    );
    let times = invoice.attempt_count.filter(|_| owed)?;
    Some(Tried {
        times: u32::try_from(times).unwrap_or(u32::MAX),
        next_at: invoice.next_payment_attempt.and_then(instant),
    })
}

/// Since when it stands so: the same whether an event told it or it was read later.
fn since(invoice: &Invoice, state: ProviderInvoiceState) -> Option<Timestamp> {
    let moved = invoice.status_transitions.as_ref()?;
    let seconds = match state {
        ProviderInvoiceState::Open | ProviderInvoiceState::Failed => None,
        ProviderInvoiceState::Paid => moved.paid,
        ProviderInvoiceState::Void => moved.voided.or(moved.written_off),
    };
    seconds.and_then(instant)
}

/// How an invoice stands. `None`: it is not finished.
fn state(invoice: &Invoice) -> Result<Option<ProviderInvoiceState>, Unreadable> {
    Ok(Some(match invoice.status.as_deref() {
        None | Some("draft") => return Ok(None),
        Some("open") if invoice.attempted == Some(true) => ProviderInvoiceState::Failed,
        Some("open") => ProviderInvoiceState::Open,
        Some("paid") => ProviderInvoiceState::Paid,
        Some("void" | "uncollectible") => ProviderInvoiceState::Void,
        Some(_) => return Err(Unreadable("an invoice of an unknown status")),
    }))
}

fn purpose(reason: Option<&str>) -> Option<Purpose> {
    match reason {
        Some("subscription_create") => Some(Purpose::Purchase),
        Some(CYCLE) => Some(Purpose::Renewal),
        Some("subscription_update") => Some(Purpose::Change),
        _ => None,
    }
}

/// What it comes to by itself, net of tax and of what the customer's credit pays; never
/// below zero. What is too little for Stripe to collect is moved to the balance as a debt
/// and counts here, where it is charged: not again in the invoice that collects the debt.
fn charged(invoice: &Invoice) -> Result<Money, Unreadable> {
    money(own_charge(invoice)?, invoice)
}

/// What is to be paid of one that is not made yet: with the debt that it would collect.
fn owed(invoice: &Invoice) -> Result<Money, Unreadable> {
    let total = invoice.total.unwrap_or(0);
    let due = invoice.amount_due.unwrap_or(total);
    let debt = due.saturating_sub(total.max(0)).max(0);
    money(own_charge(invoice)?.saturating_add(debt), invoice)
}

/// What it comes to by itself, in Stripe's units.
fn own_charge(invoice: &Invoice) -> Result<i64, Unreadable> {
    let total = invoice
        .total
        .ok_or(Unreadable("an invoice without a total"))?;
    let net = invoice.total_excluding_tax.unwrap_or(total);
    let due = invoice.amount_due.unwrap_or(total);
    let (before, behind) = (debt(invoice.starting_balance), debt(invoice.ending_balance));
    let collected_later = behind.saturating_sub(before).max(0);
    let by_credit = total.saturating_sub(due).saturating_sub(collected_later);
    let by_credit = by_credit.clamp(0, total.max(0));
    Ok(net.checked_sub(by_credit).unwrap_or(net).max(0))
}

/// What of a customer's balance is a debt.
fn debt(balance: Option<i64>) -> i64 {
    balance.unwrap_or(0).max(0)
}

/// What was taken for it, with tax. `None`: nothing yet, or it does not say.
fn collected(invoice: &Invoice) -> Result<Option<Money>, Unreadable> {
    let paid = invoice.amount_paid.filter(|paid| *paid > 0);
    paid.map(|paid| money(paid, invoice)).transpose()
}

fn money(amount: i64, invoice: &Invoice) -> Result<Money, Unreadable> {
    amount::read(amount, &invoice.currency).ok_or(Unreadable("an amount of an unknown currency"))
}

/// The time that it pays for: that of the line that reaches furthest. The
/// invoice's own period looks back, and is not it.
fn paid_period(invoice: &Invoice) -> Option<Period> {
    invoice
        .lines()
        .iter()
        .filter_map(|line| line.period.as_ref())
        .filter_map(|bounds| period((bounds.start?, bounds.end?)))
        .max_by_key(|period| (period.end, period.start))
}

/// What an invoice that was only asked for would come to.
pub(crate) fn preview(invoice: &Invoice) -> Result<Preview, Unreadable> {
    let owed = owed(invoice)?;
    let mut lines = Vec::new();
    for line in invoice.lines() {
        lines.extend(preview_lines(line, invoice)?);
    }
    let told = sum(&lines, owed.currency).map_err(|_amounts| OUT_OF_RANGE)?;
    let rest = owed.checked_sub(told).map_err(|_amounts| OUT_OF_RANGE)?;
    // Below zero, nothing is owed and the lines say what is credited.
    let credited = owed.is_zero() && told.amount < 0;
    if !rest.is_zero() && !credited {
        lines.push(Line::whole(LineKind::Balance, None, 1, rest));
    }
    Ok(Preview {
        lines,
        owed,
        pinned: true,
    })
}

const OUT_OF_RANGE: Unreadable = Unreadable("an invoice whose amounts do not fit");

/// A line, and what is taken off it.
fn preview_lines(line: &InvoiceLine, invoice: &Invoice) -> Result<Vec<Line>, Unreadable> {
    let amount = money(line.amount.unwrap_or(0), invoice)?;
    let kind = match (line.is_proration(), amount.amount < 0) {
        (true, true) => LineKind::Unused,
        (true, false) => LineKind::Begins,
        (false, _) => LineKind::Plan,
    };
    let quantity = u32::try_from(line.quantity.unwrap_or(1)).map_err(|_beyond| OUT_OF_RANGE)?;
    let off = line
        .discount_amounts
        .iter()
        .flatten()
        .filter_map(|off| off.amount)
        .try_fold(0_i64, i64::checked_add)
        .and_then(i64::checked_neg)
        .ok_or(OUT_OF_RANGE)?;
    let mut lines = vec![Line::whole(kind, None, quantity, amount)];
    if off != 0 {
        let off = money(off, invoice)?;
        lines.push(Line::whole(LineKind::Discount, None, quantity, off));
    }
    Ok(lines)
}
