//! Rates that were believed before this start: those of the newest invoices. Asks nobody.

use billing_domain::invoice::Conversion;
use billing_domain::money::Currency;
use billing_ports::Store;
use billing_ports::rate::Rate;
use billing_ports::store::{InvoiceFilter, PageAsk, StoreError};

/// Invoices read for the rates that they keep, newest first: a page as large as any, and
/// so many of them that a shop which sells beside BTCPay finds one of there.
const PAGE_LIMIT: u16 = 100;
const MAX_PAGES: usize = 10;

/// The rates of the newest invoices, the newest of each currency first: what the first
/// answers after a start are held against.
pub(crate) async fn remembered(store: &dyn Store) -> Result<Vec<Rate>, StoreError> {
    let mut rates: Vec<Rate> = Vec::new();
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let ask = PageAsk {
            after,
            limit: PAGE_LIMIT,
        };
        let page = store.list_invoices(InvoiceFilter::default(), ask).await?;
        after = page.rows.last().map(|(_, invoice)| invoice.id.uuid());
        for (_, invoice) in page.rows {
            let rate = invoice.conversion.and_then(rate_of);
            rates.extend(
                rate.filter(|rate| rates.iter().all(|known| known.currency != rate.currency)),
            );
        }
        if !page.more {
            break;
        }
    }
    Ok(rates)
}

/// What a bitcoin cost when something was converted. `None`: not into bitcoin.
fn rate_of(conversion: Conversion) -> Option<Rate> {
    let rate = Rate {
        currency: conversion.listed.currency,
        per_bitcoin: conversion.rate,
        source: conversion.source,
        at: conversion.at,
    };
    let is_bitcoin = conversion.collected.currency == Currency::SAT && rate.per_bitcoin > 0;
    is_bitcoin.then_some(rate)
}
