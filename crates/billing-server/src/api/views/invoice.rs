//! Invoices, what they are made of, and what was paid for them.

use billing_domain::ids::CustomerId;
use billing_domain::invoice::{Conversion, Invoice, InvoiceState, Purpose, Returned};
use billing_domain::subscription::Collection;
use poem_openapi::Object;

use crate::api::views::{CollectionView, LineView, MoneyView};

/// What is owed, for one purpose.
#[derive(Debug, Object)]
#[oai(rename = "Invoice")]
pub(crate) struct InvoiceView {
    /// Its id.
    id: String,
    /// Who owes it.
    customer: String,
    /// The subscription that it pays for. Absent: none, yet.
    subscription: Option<String>,
    /// `purchase`, `renewal`, `one_time`, `change` or `usage`.
    purpose: String,
    /// Which cycle of the subscription it pays for; the purchase is 0. Absent
    /// for what has no cycles, and for what the provider counts itself.
    cycle: Option<u32>,
    /// `open`, `settled` or `void`.
    status: String,
    /// What is owed, net: the sum of the lines.
    amount: MoneyView,
    /// What it is made of. Empty: a provider states it, without saying how.
    lines: Vec<LineView>,
    /// What is collected instead, where the provider takes another currency.
    /// Absent: the amount itself, or the provider has not answered yet.
    conversion: Option<ConversionView>,
    /// The change that it pays for.
    change: Option<String>,
    /// The first instant that it pays for.
    period_start: Option<String>,
    /// The first instant that it no longer pays for.
    period_end: Option<String>,
    /// Where it can be paid. Absent until there is a page, and when it is not owed.
    pay_url: Option<String>,
    /// The provider account where it is paid.
    provider: Option<String>,
    /// How far its collection has come. Absent: it is no renewal that is to be paid.
    collection: Option<CollectionView>,
    /// Payments that were seen for it.
    payments: Vec<PaymentView>,
    /// What went back of them, or is contested.
    returned: Vec<ReturnedView>,
    /// Whether a buyer's bank contests a payment, and nothing is decided yet.
    disputed: bool,
    /// When it was opened.
    opened_at: String,
    /// When it was settled or voided.
    closed_at: Option<String>,
}

/// An amount as a provider collects it in another currency.
#[derive(Debug, Object)]
#[oai(rename = "Conversion")]
pub(crate) struct ConversionView {
    /// What is owed, in the currency of the price.
    listed: MoneyView,
    /// What is collected for it.
    collected: MoneyView,
    /// The rate: minor units of the listed currency for 100 million of the other.
    rate: u64,
    /// Who says so.
    source: String,
    /// When it was so.
    at: String,
}

impl From<Conversion> for ConversionView {
    fn from(conversion: Conversion) -> Self {
        Self {
            listed: conversion.listed.into(),
            collected: conversion.collected.into(),
            rate: conversion.rate,
            source: conversion.source,
            at: conversion.at.to_string(),
        }
    }
}

/// A payment that was seen for an invoice.
#[derive(Debug, Object)]
#[oai(rename = "Payment")]
pub(crate) struct PaymentView {
    /// The provider's id of it.
    reference: String,
    /// What was paid.
    amount: MoneyView,
    /// When, by the provider's clock.
    at: String,
    /// Whether it settled the invoice.
    credited: bool,
}

/// A refund or a dispute of an invoice's payments.
#[derive(Debug, Object)]
#[oai(rename = "Returned")]
pub(crate) struct ReturnedView {
    /// The provider's id of it.
    id: String,
    /// `refund` or `dispute`.
    kind: String,
    /// How much goes back, or is contested, in the currency that was collected.
    amount: MoneyView,
    /// Of a refund `pending`, `done` or `failed`; of a dispute `open`, `won`, where
    /// the money stays, or `lost`.
    state: String,
    /// When it was so, by the provider's clock.
    at: String,
}

impl From<Returned> for ReturnedView {
    fn from(returned: Returned) -> Self {
        Self {
            id: returned.id,
            kind: returned.kind.name().to_owned(),
            amount: returned.amount.into(),
            state: returned.kind.state().to_owned(),
            at: returned.at.to_string(),
        }
    }
}

impl InvoiceView {
    /// The same with how far its collection has come.
    pub(crate) fn collected(self, collection: Option<Collection>) -> Self {
        Self {
            collection: collection.map(CollectionView::from),
            ..self
        }
    }

    /// The same with what its customer is told of how far its collection has come.
    pub(crate) fn collected_of_mine(self, collection: Option<Collection>) -> Self {
        Self {
            collection: collection.map(CollectionView::of_mine),
            ..self
        }
    }

    pub(crate) fn of(customer: CustomerId, invoice: Invoice) -> Self {
        let (status, closed_at) = match invoice.state {
            InvoiceState::Open => ("open", None),
            InvoiceState::Settled { at } => ("settled", Some(at)),
            InvoiceState::Void { at } => ("void", Some(at)),
        };
        let purpose = match invoice.purpose {
            Purpose::Purchase => "purchase",
            Purpose::Renewal => "renewal",
            Purpose::OneTime => "one_time",
            Purpose::Change => "change",
            Purpose::Usage => "usage",
        };
        let (open, disputed) = (invoice.is_open(), invoice.is_disputed());
        let payments = invoice.payments.into_iter().map(|payment| PaymentView {
            reference: payment.reference,
            amount: payment.amount.into(),
            at: payment.at.to_string(),
            credited: payment.credited,
        });
        Self {
            id: invoice.id.to_string(),
            customer: customer.to_string(),
            subscription: invoice.subscription.map(|id| id.to_string()),
            cycle: invoice.cycle,
            purpose: purpose.to_owned(),
            status: status.to_owned(),
            amount: invoice.amount.into(),
            lines: invoice.lines.iter().map(LineView::of).collect(),
            conversion: invoice.conversion.map(ConversionView::from),
            change: invoice.change.map(|id| id.to_string()),
            period_start: invoice.period.map(|period| period.start.to_string()),
            period_end: invoice.period.map(|period| period.end.to_string()),
            pay_url: invoice.pay_url.filter(|_| open),
            provider: invoice.provider.map(|account| account.to_string()),
            collection: None,
            payments: payments.collect(),
            returned: invoice
                .returned
                .into_iter()
                .map(ReturnedView::from)
                .collect(),
            disputed,
            opened_at: invoice.opened_at.to_string(),
            closed_at: closed_at.map(|at| at.to_string()),
        }
    }
}
