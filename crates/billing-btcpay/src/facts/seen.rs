//! An invoice as it was read, and what can be said of how it stands. Tells nothing.

use billing_domain::time::Timestamp;

use crate::correlation::{Metadata, Ours};
use crate::payments::{Paid, sum};
use crate::wire::{Invoice, at};

/// What BTCPay says of what a person has decided.
const MARKED: &str = "Marked";

/// An invoice of ours, as it was read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) invoice: Invoice,
    pub(crate) ours: Ours,
    /// What is owed, in satoshi.
    pub(crate) owed: i64,
    /// What was paid. Empty as well where nothing was enough yet: nobody needs to know.
    pub(crate) paid: Vec<Paid>,
    /// When it was read, by BTCPay's clock. `None`: it did not say.
    pub(crate) read_at: Option<Timestamp>,
}

impl Seen {
    pub(super) fn metadata(&self) -> Metadata {
        self.invoice.metadata.clone().unwrap_or_default()
    }

    pub(super) fn is_marked(&self) -> bool {
        is_marked(&self.invoice)
    }

    pub(super) fn settled(&self) -> Vec<Paid> {
        let paid = self.paid.iter().filter(|payment| payment.settled);
        paid.cloned().collect()
    }

    /// All that is there, in satoshi.
    pub(crate) fn came(&self) -> i64 {
        sum(&self.settled())
    }

    pub(super) fn made_at(&self) -> Timestamp {
        at(self.invoice.created_time)
    }

    pub(super) fn read_at(&self) -> Timestamp {
        self.read_at.unwrap_or_else(|| self.made_at())
    }

    /// Until when BTCPay looks for payments and confirmations of it.
    pub(super) fn watched_until(&self) -> Timestamp {
        let invoice = &self.invoice;
        at(invoice
            .monitoring_expiration
            .unwrap_or(invoice.expiration_time))
    }

    /// Whether it is told as paid: what came besides that is none of it.
    pub(crate) fn is_paid(&self) -> bool {
        let denied = self.invoice.status == "Invalid" && self.is_marked();
        is_settled(&self.invoice) || (!denied && self.came() >= self.owed)
    }

    /// Whether its page has closed, and it was paid all the same: everything has settled,
    /// and BTCPay waits for a person to say so.
    pub(crate) fn is_paid_late(&self) -> bool {
        let closed = match self.invoice.status.as_str() {
            "Expired" => true,
            "Invalid" => !self.is_marked(),
            _ => false,
        };
        closed && sum(&self.settled()) >= self.owed
    }
}

/// Whether it stands as it does because a person says so, or because we took it back.
pub(crate) fn is_marked(invoice: &Invoice) -> bool {
    invoice.qualified() == MARKED
}

/// Whether BTCPay says that it is paid.
pub(crate) fn is_settled(invoice: &Invoice) -> bool {
    invoice.status == "Settled"
}

/// Whether it is paid, or its page has closed. Before that nothing can have gone back.
pub(crate) fn has_closed(invoice: &Invoice) -> bool {
    !matches!(invoice.status.as_str(), "New" | "Processing")
}

/// Whether its payments say how it stands. While it waits for its money, they say
/// nothing that anybody could rely on.
pub(crate) fn needs_payments(invoice: &Invoice) -> bool {
    invoice.status != "New"
}
