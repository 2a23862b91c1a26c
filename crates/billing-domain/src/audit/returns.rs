//! What went back: no more than was paid, told in the journal, and without access
//! for the time that it had paid for.

use super::{Auditor, FindingCode};
use crate::catalog::Billing;
use crate::invoice::{Invoice, Purpose, ReturnKind, Returned};
use crate::journal::{Event, JournalEntry};

impl Auditor<'_> {
    pub(super) fn returns(&mut self) {
        let books = self.books;
        let returned = books.invoices.iter();
        for invoice in returned.filter(|invoice| !invoice.returned.is_empty()) {
            if invoice.is_returned_beyond() && !self.tells_of(invoice, mismatch) {
                let words = format!(
                    "{} minor units of {} went back, of {} that were paid",
                    invoice.gone(),
                    invoice.paid_in(),
                    invoice.paid()
                );
                self.find(FindingCode::ReturnsExceedPayments, invoice.id, words);
            }
            let gone = invoice.returned.iter().filter(|held| held.kind.is_gone());
            for held in gone {
                if !self.tells_of(invoice, |entry| tells_return(entry, held)) {
                    let words = format!(
                        "{} {} is {}, and the journal does not tell it",
                        held.kind.name(),
                        held.id,
                        held.kind.state()
                    );
                    self.find(FindingCode::ReturnUntold, invoice.id, words);
                }
            }
            if invoice.returned_since().is_some() {
                self.withheld_for(invoice);
            }
        }
        self.withheld_without_return();
    }

    /// What was paid is gone again, and so is what it had paid for.
    fn withheld_for(&mut self, invoice: &Invoice) {
        let account = self.books.account;
        let Some(held) = invoice.subscription.and_then(|id| account.subscription(id)) else {
            return;
        };
        let withheld = held.withheld.iter().find(|of| of.invoice == invoice.id);
        let sound = match invoice.purpose {
            Purpose::OneTime if held.terms.billing == Billing::Once => {
                withheld.is_some_and(|withheld| withheld.period.is_none())
            }
            // Undone, or a period like any other once it is over.
            Purpose::Purchase => withheld.is_some(),
            Purpose::Renewal => withheld.is_some() || invoice.period.is_none(),
            // What a change became stays, until a person decides. And what is charged
            // beside a subscription gives none of its time.
            Purpose::Change | Purpose::OneTime | Purpose::Usage => true,
        };
        if !sound {
            let words = format!("its payment went back, and {} gives its time", held.id);
            self.find(FindingCode::ReturnedGivesAccess, invoice.id, words);
        }
    }

    /// No paid time is withheld whose payment is still there.
    fn withheld_without_return(&mut self) {
        let books = self.books;
        for held in &books.account.subscriptions {
            for withheld in held.withheld.iter().filter(|held| held.period.is_some()) {
                let mut invoices = books.invoices.iter();
                let paid_for = invoices.find(|invoice| invoice.id == withheld.invoice);
                if paid_for.is_none_or(|invoice| invoice.returned_since().is_none()) {
                    let words = format!("withholds what {} paid for", withheld.invoice);
                    self.find(FindingCode::WithheldUnreturned, held.id, words);
                }
            }
        }
    }

    fn tells_of(&self, invoice: &Invoice, tells: impl Fn(&JournalEntry) -> bool) -> bool {
        let entries = self.books.journal.iter();
        entries
            .filter(|entry| entry.invoice == Some(invoice.id))
            .any(tells)
    }
}

fn mismatch(entry: &JournalEntry) -> bool {
    entry.event == Event::InvoiceAmountMismatch
}

fn tells_return(entry: &JournalEntry, held: &Returned) -> bool {
    let note = entry.note.as_deref();
    match held.kind {
        ReturnKind::Refund(_) => {
            entry.event == Event::InvoiceRefunded && note == Some(held.id.as_str())
        }
        ReturnKind::Dispute(_) => {
            entry.event == Event::InvoiceDisputeClosed && note == Some(held.kind.state())
        }
    }
}
