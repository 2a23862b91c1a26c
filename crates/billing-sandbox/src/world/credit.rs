//! What is a customer's: given by changes that cost less than nothing, taken by
//! later invoices of our own schedule, and given back when one is taken back.

use billing_domain::money::{Currency, Money};

use super::{Customer, Invoice, World};

impl World {
    /// What a customer has in this currency; zero or above.
    pub(crate) fn credit(&self, customer: &str, currency: Currency) -> i64 {
        let customer = self.customers.get(customer);
        customer
            .and_then(|customer| customer.credit.get(&currency))
            .copied()
            .unwrap_or(0)
    }

    /// Gives this much to a customer, or takes it (below zero).
    pub(crate) fn move_credit(&mut self, customer: &str, by: Money) {
        let Some(mut customer) = self.get::<Customer>(customer).filter(|_| !by.is_zero()) else {
            return;
        };
        let credit = customer.credit.entry(by.currency).or_insert(0);
        *credit = credit.saturating_add(by.amount);
        customer.credit.retain(|_, credit| *credit > 0);
        self.put(customer);
    }

    /// Pays as much of a new invoice as the customer's credit reaches.
    pub(crate) fn draw_credit(&mut self, mut invoice: Invoice) -> Invoice {
        let owed = invoice.amount;
        let drawn = self
            .credit(&invoice.customer, owed.currency)
            .min(owed.amount);
        self.move_credit(
            &invoice.customer,
            Money::new(drawn.saturating_neg(), owed.currency),
        );
        invoice.drawn = drawn;
        invoice.amount = Money::new(owed.amount.saturating_sub(drawn), owed.currency);
        invoice
    }

    /// Gives back what an invoice had taken, because nobody owes it anymore.
    pub(crate) fn return_credit(&mut self, mut invoice: Invoice) -> Invoice {
        let drawn = std::mem::take(&mut invoice.drawn);
        self.move_credit(
            &invoice.customer,
            Money::new(drawn, invoice.amount.currency),
        );
        invoice
    }
}
