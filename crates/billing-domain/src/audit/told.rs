//! The journal and the invoices: what is settled was told, once, and what was told
//! is settled.

use std::collections::BTreeMap;

use super::{Auditor, FindingCode};
use crate::ids::InvoiceId;
use crate::invoice::{Invoice, InvoiceState, Purpose};
use crate::journal::Event;

impl Auditor<'_> {
    pub(super) fn settlements(&mut self) {
        let books = self.books;
        let mut told: BTreeMap<InvoiceId, u32> = BTreeMap::new();
        let entries = books.journal.iter();
        let settled = entries.filter(|entry| entry.event == Event::InvoiceSettled);
        for id in settled.filter_map(|entry| entry.invoice) {
            let times = told.entry(id).or_default();
            *times = times.saturating_add(1);
        }
        for invoice in books.invoices {
            let times = told.remove(&invoice.id).unwrap_or(0);
            let is_settled = matches!(invoice.state, InvoiceState::Settled { .. });
            let (code, words) = match (is_settled, times) {
                (true, 0) if !is_receipt(invoice) => (
                    FindingCode::SettledUntold,
                    "is settled, and the journal does not tell it".to_owned(),
                ),
                (false, 1..) => (
                    FindingCode::ToldUnsettled,
                    "is not settled, and the journal tells that it is".to_owned(),
                ),
                (true, 2..) => (
                    FindingCode::ToldTwice,
                    format!("the journal tells {times} times that it was settled"),
                ),
                _ => continue,
            };
            self.find(code, invoice.id, words);
        }
        for id in told.into_keys() {
            let words = "the journal tells that it was settled, and there is no such invoice";
            self.find(FindingCode::ToldUnsettled, id, words);
        }
    }
}

/// Whether it stands for a purchase that cost nothing, and is there only to remember
/// a payment that was set aside: nothing was ever owed, and so nothing was settled.
fn is_receipt(invoice: &Invoice) -> bool {
    matches!(invoice.purpose, Purpose::Purchase | Purpose::OneTime) && invoice.amount.is_zero()
}
