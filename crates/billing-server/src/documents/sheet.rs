//! What stands on an invoice, in the order in which it is read.

use billing_domain::catalog::Catalog;
use billing_domain::customer::Customer;
use billing_domain::invoice::{Conversion, Invoice, InvoiceState, Purpose};
use billing_domain::line::{Line, LineKind};
use billing_domain::time::Timestamp;

use crate::api::views::{explanation, money};

/// Who sells, as it stands on invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seller {
    /// The name. Empty: none was told, and the product's name stands there.
    pub name: String,
    /// What stands under the name, line by line: the address, a number for taxes, how to
    /// be reached.
    pub lines: Vec<String>,
}

/// What stands on an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(super) title: String,
    pub(super) seller: Seller,
    pub(super) buyer: Vec<String>,
    /// A label, and what stands beside it.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) rows: Vec<Row>,
    /// Labels and amounts under the rows.
    pub(super) totals: Vec<(&'static str, String)>,
    /// What was paid, what went back, and at which rate: a sentence each.
    pub(super) notes: Vec<String>,
}

/// A line of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) what: String,
    /// How it comes to that, to be worked again.
    pub(super) explanation: String,
    pub(super) amount: String,
}

impl Sheet {
    /// The invoice of a customer. Plans are called as `catalog` calls them.
    pub(crate) fn of(
        seller: &Seller,
        customer: &Customer,
        invoice: &Invoice,
        catalog: &Catalog,
    ) -> Self {
        let mut seller = seller.clone();
        if seller.name.is_empty() {
            catalog.product().clone_into(&mut seller.name);
        }
        let mut rows: Vec<Row> = invoice
            .lines
            .iter()
            .map(|line| row(line, catalog))
            .collect();
        if rows.is_empty() {
            rows.push(Row {
                what: purpose(invoice.purpose).to_owned(),
                explanation: "as its provider states it".to_owned(),
                amount: money(invoice.amount),
            });
        }
        Self {
            title: format!("Invoice {}", invoice.id),
            seller,
            buyer: buyer(customer),
            facts: facts(invoice),
            rows,
            totals: totals(invoice),
            notes: notes(invoice),
        }
    }
}

fn buyer(customer: &Customer) -> Vec<String> {
    let named = customer.external_ref.iter().chain(&customer.email);
    let named = named.cloned();
    named
        .chain(std::iter::once(customer.id.to_string()))
        .collect()
}

fn facts(invoice: &Invoice) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Date", day(invoice.opened_at))];
    if let Some(period) = invoice.period {
        let (start, end) = (instant(period.start), instant(period.end));
        facts.push(("Period", format!("{start} to {end}")));
    }
    facts.push(("For", purpose(invoice.purpose).to_owned()));
    if let Some(subscription) = invoice.subscription {
        facts.push(("Subscription", subscription.to_string()));
    }
    let status = match invoice.state {
        InvoiceState::Open => "open".to_owned(),
        InvoiceState::Settled { at } => format!("paid on {}", day(at)),
        InvoiceState::Void { at } => format!("void since {}", day(at)),
    };
    facts.push(("Status", status));
    facts
}

fn row(line: &Line, catalog: &Catalog) -> Row {
    let plan = line.plan.as_ref();
    let named = plan.and_then(|key| catalog.plan(key.as_str()));
    let plan = named
        .map(|plan| plan.name.clone())
        .or_else(|| plan.map(ToString::to_string));
    let kind = match line.kind {
        LineKind::Plan => None,
        LineKind::Discount => Some("discount"),
        LineKind::Unused => Some("unused time, given back"),
        LineKind::Begins => Some("from the change on"),
        LineKind::Difference => Some("difference of the prices"),
        LineKind::Balance => Some("from the balance"),
        LineKind::Carried => Some("carried to the next invoice"),
        LineKind::Usage => Some("use beyond the included"),
        LineKind::SpendingLimit => Some("beyond the spending limit, not charged"),
    };
    let what = match (plan, kind) {
        (Some(plan), Some(kind)) => format!("{plan}: {kind}"),
        (Some(plan), None) => plan,
        (None, kind) => kind.unwrap_or("plan").to_owned(),
    };
    let what = if line.quantity > 1 {
        format!("{what}, {} pieces", line.quantity)
    } else {
        what
    };
    Row {
        what,
        explanation: explanation(line),
        amount: money(line.amount),
    }
}

fn totals(invoice: &Invoice) -> Vec<(&'static str, String)> {
    let mut totals = vec![("Total", money(invoice.amount))];
    if let Some(conversion) = &invoice.conversion {
        totals.push(("Collected as", money(conversion.collected)));
    }
    totals
}

fn notes(invoice: &Invoice) -> Vec<String> {
    let rate = invoice.conversion.iter().map(|conversion| {
        let Conversion {
            listed,
            collected,
            rate,
            source,
            at,
        } = conversion;
        format!(
            "{} is {} at {rate} minor units for 100000000, by {source} at {}.",
            money(*listed),
            money(*collected),
            instant(*at)
        )
    });
    let paid = invoice.payments.iter().map(|payment| {
        let kept = if payment.credited {
            "Paid"
        } else {
            "Received, and set aside"
        };
        format!(
            "{kept}: {} on {}, {}.",
            money(payment.amount),
            day(payment.at),
            payment.reference
        )
    });
    let back = invoice.returned.iter().map(|returned| {
        let kind = &returned.kind;
        let (name, state) = (kind.name(), kind.state());
        let (amount, at) = (money(returned.amount), day(returned.at));
        format!("A {name} of {amount}, {state} since {at}, {}.", returned.id)
    });
    rate.chain(paid).chain(back).collect()
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Purchase => "purchase",
        Purpose::Renewal => "renewal",
        Purpose::OneTime => "one-time purchase",
        Purpose::Change => "change of plan",
        Purpose::Usage => "metered use",
    }
}

/// The day of an instant, in UTC.
fn day(at: Timestamp) -> String {
    let shown = at.to_string();
    shown.split('T').next().unwrap_or_default().to_owned()
}

/// An instant to the minute, in UTC.
fn instant(at: Timestamp) -> String {
    let shown = at.strftime("%Y-%m-%d %H:%M UTC");
    shown.to_string()
}
